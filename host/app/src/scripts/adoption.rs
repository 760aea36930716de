//! Scripts whose deployer lost rights: how that is told, and how somebody else takes them over (RULES 13, 14).

use database::{Adoption, Binding};
use domain::{AuditAction, Permission, Permissions, Principal, UserId};
use serde_json::json;

use super::{SavedScript, ScriptRef, ScriptService};
use crate::{
    AppError, Inner,
    members::{BindingView, needed},
    roles::{person, require_all},
};

/// Why a script does not do all that it could.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attention {
    /// What happened to its deployer.
    pub reason: AttentionReason,
    /// Whose rights it has.
    pub deployer: UserId,
    /// What its capabilities name and its deployer does not hold.
    pub missing: Permissions,
}

/// What happened to a script's deployer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttentionReason {
    /// No member any more: the script pauses until somebody adopts it.
    DeployerLeft,
    /// A member with fewer rights than the script names: it runs with those.
    DeployerLacksRights,
}

impl AttentionReason {
    /// Every case.
    pub const ALL: &'static [Self] = &[Self::DeployerLeft, Self::DeployerLacksRights];

    /// The word that stands for the case in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DeployerLeft => "deployer_left",
            Self::DeployerLacksRights => "deployer_lacks_rights",
        }
    }
}

impl ScriptService {
    /// Take over what of a script lives by rights that its setter does not hold any more: its deployment, endpoint,
    /// schedules, subscriptions and hooks. They live by the principal's from now on; what is sound stays as it is. Needs
    /// `scripts.deploy` and everything that the script grants (RULES 13).
    ///
    /// # Errors
    /// [`AppError::Forbidden`] names the right that is missing, and nothing is changed; [`AppError::NotFound`].
    pub async fn adopt(&self, principal: &Principal, script: &ScriptRef) -> Result<SavedScript, AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        let tenant = principal.tenant;
        let id = script.find(self.database(), tenant)?.summary.id;
        let _turn = self.settings.lock().await;
        let mut things = Vec::new();
        for bound in self.database().bindings_of_script(tenant, id)? {
            let held = self.inner.rights_of(tenant, bound.set_by)?;
            let has_left = self.inner.has_left(tenant, bound.set_by)?;
            if has_left || !held.contains_all(needed(&bound)) {
                require_all(principal, needed(&bound))?;
                things.push(bound);
            }
        }
        if !things.is_empty() {
            let detail = json!({ "things": things.len() });
            let database = self.inner.audited_with(principal, AuditAction::ScriptsAdopt, id, &detail);
            database.adopt(tenant, Adoption { by: person(principal)?, things }).await?;
            self.let_go_on(tenant, id).await?;
            self.inner.events.changed(tenant);
            self.inner.routes.changed(tenant);
        }
        self.saved(tenant, id, Vec::new())
    }
}

impl Inner {
    /// What is to be known of a script's deployer; `None` where nothing is wrong.
    pub(crate) fn attention(
        &self,
        tenant: domain::TenantId,
        script: domain::ScriptId,
    ) -> Result<Option<Attention>, AppError> {
        let bound = self.database.bindings_of_script(tenant, script)?.into_iter();
        let Some(deployment) = bound.into_iter().find(|bound| bound.binding == Binding::Deployment) else {
            return Ok(None);
        };
        let Some(deployer) = deployment.set_by else { return Ok(None) };
        let held = self.rights_of(tenant, Some(deployer))?;
        let missing = BindingView::new(deployment, held, Permissions::NONE).missing;
        let reason = if self.has_left(tenant, Some(deployer))? {
            AttentionReason::DeployerLeft
        } else if missing != Permissions::NONE {
            AttentionReason::DeployerLacksRights
        } else {
            return Ok(None);
        };
        Ok(Some(Attention { reason, deployer, missing }))
    }
}
