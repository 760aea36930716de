//! Saving a draft together with what is set beside it: both, or neither.

use database::{DraftEdit, ScriptSettings, ScriptSummary};
use domain::{AuditAction, Invalid, Language, Permission, Principal, UnixMillis};
use serde_json::json;

use super::{SavedScript, ScriptRef, ScriptService, SettingsInput, checks, expect_revision, grants, of_script, routes};
use crate::{AppError, events::Told};

/// A draft and what is set beside it, as their author wants them.
#[derive(Clone, Debug)]
pub struct ScriptEdit {
    /// The draft's revision that the author saw.
    pub expected_revision: i64,
    /// What the source is written in; as before where nothing is said.
    pub language: Option<Language>,
    /// The source.
    pub source: String,
    /// What is set; what is left out stays. Whether the script runs is not set here.
    pub settings: SettingsInput,
}

impl ScriptService {
    /// Save a draft and settings in one transaction. Needs `scripts.write`, `scripts.read`, and for each setting what
    /// [`SettingsInput`] says. Nothing is changed where the source does not compile or a setting is refused.
    ///
    /// # Errors
    /// [`AppError::Stale`], [`AppError::Source`], [`AppError::Invalid`], [`AppError::RouteTaken`], [`AppError::NotFound`].
    pub async fn edit_whole(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        edit: ScriptEdit,
    ) -> Result<SavedScript, AppError> {
        self.judge_edit(principal, &edit)?;
        let ScriptEdit { expected_revision, language, source, settings } = edit;
        let tenant = principal.tenant;
        let seen = script.find(self.database(), tenant)?.summary;
        expect_revision(&seen, Some(expected_revision))?;
        let language = language.unwrap_or(seen.language);
        let compiled = self.compile(tenant, &seen.name, language, &source).await?;
        let _turn = self.settings.lock().await;
        // Settings may have changed while the source was compiled.
        let summary = script.find(self.database(), tenant)?.summary;
        let (id, now) = (summary.id, UnixMillis::now());
        self.require_endpoint(principal, id, &settings)?;
        let mut set = settings.set_fields();
        let endpoint = match settings.endpoint.clone() {
            Some(endpoint) => {
                checks::may_have_endpoint(summary.kind)?;
                routes::require_free(self.database(), tenant, Some(id), &endpoint.route)?;
                set.push("endpoint");
                Some(endpoint.row(principal.user(), now)?)
            }
            None => None,
        };
        let told = self.told(tenant, Told::Updated, (id, &summary.name))?;
        let edit = DraftEdit { script: id, expected_revision, language, source, updated_at: now, told };
        let settings = ScriptSettings { told: None, ..changed_settings(principal, summary, settings, now) };
        let audited = self.inner.audited_with(principal, AuditAction::ScriptsEdit, id, &json!({ "set": set }));
        audited.edit_script(tenant, edit, settings, endpoint).await.map_err(of_script)?;
        self.inner.events.wake();
        self.inner.routes.changed(tenant);
        self.saved(tenant, id, compiled.warnings)
    }

    fn judge_edit(&self, principal: &Principal, edit: &ScriptEdit) -> Result<(), AppError> {
        principal.require(Permission::ScriptsWrite)?;
        self.require_settings(principal)?;
        grants::of_settings(&edit.settings).iter().try_for_each(|permission| principal.require(permission))?;
        checks::settings(&edit.settings, &self.inner.config.limits)?;
        if edit.settings.is_active.is_some() {
            let message = "whether a script runs is set by itself: leave 'is_active' out";
            return Err(Invalid::new("settings.is_active", message).into());
        }
        Ok(())
    }
}

/// What is set beside a source once `input` is applied.
pub(super) fn changed_settings(
    principal: &Principal,
    script: ScriptSummary,
    input: SettingsInput,
    updated_at: UnixMillis,
) -> ScriptSettings {
    let capabilities_set_by = if input.capabilities.is_some() { principal.user() } else { script.capabilities_set_by };
    ScriptSettings {
        description: input.description.unwrap_or(script.description),
        limits: input.limits.unwrap_or(script.limits),
        capabilities: input.capabilities.unwrap_or(script.capabilities),
        capabilities_set_by,
        record: input.record.unwrap_or(script.record),
        policy: input.policy.unwrap_or(script.policy),
        updated_at,
        told: None,
    }
}
