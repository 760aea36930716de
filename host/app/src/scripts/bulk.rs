//! One change of many scripts. Each is changed as it would be alone: a refusal of one keeps none of the others.

use domain::{Invalid, Permission, Principal, ScriptId};

use super::{ScriptRef, ScriptService, SettingsInput};
use crate::AppError;

/// The most scripts of one request: each is a write of its own.
const SCRIPTS_AT_ONCE_MAX: usize = 200;

/// What is done to each script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScriptsChange {
    /// It runs.
    Enable,
    /// It is paused.
    Disable,
    /// It is gone, with its versions and executions.
    Delete,
}

impl ScriptService {
    /// Let through who may change so many scripts at once. Needs `scripts.read` and `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::Invalid`] for none or more than 200.
    pub fn require_many(&self, principal: &Principal, scripts: usize) -> Result<(), AppError> {
        principal.require(Permission::ScriptsRead)?;
        principal.require(Permission::ScriptsDeploy)?;
        if (1..=SCRIPTS_AT_ONCE_MAX).contains(&scripts) {
            return Ok(());
        }
        Err(Invalid::new("scripts", format!("scripts are 1 to {SCRIPTS_AT_ONCE_MAX}, not {scripts}")).into())
    }

    /// Change one of them; answers its id. Needs `scripts.read` and `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn change(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        change: ScriptsChange,
    ) -> Result<ScriptId, AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        // By its id from here on: a name may be another script's by the time that it is written.
        let id = script.find(self.database(), principal.tenant)?.summary.id;
        let is_active = match change {
            ScriptsChange::Enable => true,
            ScriptsChange::Disable => false,
            ScriptsChange::Delete => return self.delete(principal, &ScriptRef::Id(id)).await.map(|()| id),
        };
        let settings = SettingsInput { is_active: Some(is_active), ..SettingsInput::default() };
        self.update_settings(principal, &ScriptRef::Id(id), settings).await.map(|_| id)
    }
}
