//! Scripts: drafts that are saved, versions that are deployed, and what is set beside the source.
//!
//! A source is compiled whenever it is saved or deployed, as its tenant's work in the sandbox, so that an author learns
//! of a mistake at once. What runs is a version; nothing here runs anything.

mod adoption;
mod bulk;
mod checks;
mod diffs;
mod forms;
mod grants;
mod overview;
mod routes;
mod whole;

use std::{fmt, sync::Arc};

use database::{
    Activation, Binding, Database, DatabaseError, Deployment, DraftEdit, NewScript, OutboxEvent, Script, ScriptQuery,
    ScriptSettings, ScriptSummary, Version, VersionSummary,
};
use domain::{
    AuditAction, Invalid, Language, Permission, Principal, ScriptId, ScriptKind, ScriptName, TenantId, UnixMillis,
    VersionId,
};
use runtime::{Compiled, Diagnostic, Source};
use serde_json::json;
use tokio::sync::Mutex;

use crate::{AppError, Endpoint, Inner, artifacts, events::Told};

pub use adoption::{Attention, AttentionReason};
pub use bulk::ScriptsChange;
pub(crate) use checks::{capabilities as check_capabilities, limits as check_limits};
pub use diffs::{DiffHunk, DiffLine, DiffSettings, DiffSide, LineChange, VersionDiff};
pub use forms::{CheckedSource, DeployedScript, NewScriptInput, SavedScript, ScriptRef, SettingsInput};
pub(crate) use grants::granted;
pub use overview::{RunMark, ScriptOverview, StartedBy};
pub use whole::ScriptEdit;
use whole::changed_settings;

/// The most scripts or versions of one page.
const PAGE_MAX: u32 = 1_000;

/// The most characters of a text that is looked for.
const TEXT_CHARS_MAX: usize = 200;

/// Scripts, drafts, versions.
#[derive(Clone)]
pub struct ScriptService {
    inner: Arc<Inner>,
    /// Held while settings and routes are read, judged and written: of two changes at once the later would otherwise
    /// undo the other, and so give a script back what was just taken from it.
    settings: Arc<Mutex<()>>,
}

impl ScriptService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, settings: Arc::default() }
    }

    /// Make a script with a draft. Needs `scripts.write`; with capabilities or an endpoint of its own also
    /// `scripts.deploy` and every right that these grant (RULES 13, 18).
    ///
    /// # Errors
    /// [`AppError::Source`] when it does not compile, [`AppError::Invalid`], [`AppError::NameTaken`],
    /// [`AppError::RouteTaken`].
    pub async fn create(&self, principal: &Principal, input: NewScriptInput) -> Result<SavedScript, AppError> {
        principal.require(Permission::ScriptsWrite)?;
        grants::of_new(&input).iter().try_for_each(|permission| principal.require(permission))?;
        checks::new_script(&input, &self.inner.config.limits)?;
        let tenant = principal.tenant;
        let name_taken = || AppError::NameTaken { name: input.name.to_string() };
        if self.database().script_by_name(tenant, &input.name)?.is_some() {
            return Err(name_taken());
        }
        let compiled = self.compile(tenant, &input.name, input.language, &input.source).await?;
        let _turn = self.settings.lock().await;
        self.require_room(tenant)?;
        if let Some(endpoint) = &input.endpoint {
            routes::require_free(self.database(), tenant, None, &endpoint.route)?;
        }
        let (script, created_at) = (ScriptId::generate(), UnixMillis::now());
        let told = self.told(tenant, Told::Created, (script, &input.name))?;
        let row = NewScript {
            id: script,
            name: input.name.clone(),
            description: input.description,
            kind: input.kind,
            language: input.language,
            draft_source: input.source,
            capabilities: input.capabilities,
            limits: input.limits,
            record: input.record,
            policy: input.policy,
            created_by: principal.user(),
            created_at,
            endpoint: input.endpoint.map(|endpoint| endpoint.row(principal.user(), created_at)).transpose()?,
            told,
        };
        let audited = self.inner.audited_with(
            principal,
            AuditAction::ScriptsCreate,
            script,
            &json!({ "name": input.name.as_str() }),
        );
        match audited.create_script(tenant, row).await {
            Err(DatabaseError::NameTaken) => Err(name_taken()),
            created => {
                created?;
                self.inner.events.wake();
                self.saved(tenant, script, compiled.warnings)
            }
        }
    }

    /// A page of scripts by name, behind `after`; those of one kind where `kind` names it. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        kind: Option<ScriptKind>,
        after: Option<&ScriptName>,
        limit: u32,
    ) -> Result<Vec<ScriptSummary>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        Ok(self.database().list_scripts(principal.tenant, kind, after, limit.min(PAGE_MAX))?)
    }

    /// A page of scripts by any of their filters. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::Invalid`] for a text that is too long to look for.
    pub fn find(&self, principal: &Principal, query: &ScriptQuery) -> Result<Vec<ScriptSummary>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        if query.text.as_ref().is_some_and(|text| text.chars().count() > TEXT_CHARS_MAX) {
            let message = format!("a text to look for has at most {TEXT_CHARS_MAX} characters");
            return Err(Invalid::new("text", message).into());
        }
        let query = ScriptQuery { limit: query.limit.min(PAGE_MAX), ..query.clone() };
        Ok(self.database().find_scripts(principal.tenant, &query)?)
    }

    /// One script with its draft. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, script: &ScriptRef) -> Result<SavedScript, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let script = script.find(self.database(), principal.tenant)?;
        self.with_all(principal.tenant, script, Vec::new())
    }

    /// Save a draft over the revision that its author saw. Needs `scripts.write`. Nothing is changed where the source
    /// does not compile.
    ///
    /// # Errors
    /// [`AppError::Stale`] with the revision there is, [`AppError::Source`], [`AppError::NotFound`].
    pub async fn edit_draft(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        expected_revision: i64,
        language: Option<Language>,
        source: String,
    ) -> Result<SavedScript, AppError> {
        principal.require(Permission::ScriptsWrite)?;
        let tenant = principal.tenant;
        let summary = script.find(self.database(), tenant)?.summary;
        expect_revision(&summary, Some(expected_revision))?;
        let language = language.unwrap_or(summary.language);
        let compiled = self.compile(tenant, &summary.name, language, &source).await?;
        let told = self.told(tenant, Told::Updated, (summary.id, &summary.name))?;
        let (script, updated_at) = (summary.id, UnixMillis::now());
        let edit = DraftEdit { script, expected_revision, language, source, updated_at, told };
        let audited = self.inner.audited(principal, AuditAction::ScriptsEdit, script);
        audited.edit_draft(tenant, edit).await.map_err(of_script)?;
        self.inner.events.wake();
        self.saved(tenant, summary.id, compiled.warnings)
    }

    /// Let through who may change settings of some kind. What each setting needs [`Self::update_settings`] asks for.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn require_settings(&self, principal: &Principal) -> Result<(), AppError> {
        principal.require(Permission::ScriptsRead)?;
        if principal.permissions.contains(Permission::ScriptsDeploy) {
            return Ok(());
        }
        Ok(principal.require(Permission::ScriptsWrite)?)
    }

    /// Change what is set beside the source; what `input` leaves out stays. Needs `scripts.read`, and for each setting
    /// what [`SettingsInput`] says.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::RouteTaken`], [`AppError::NotFound`].
    pub async fn update_settings(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        input: SettingsInput,
    ) -> Result<SavedScript, AppError> {
        principal.require(Permission::ScriptsRead)?;
        grants::of_settings(&input).iter().try_for_each(|permission| principal.require(permission))?;
        checks::settings(&input, &self.inner.config.limits)?;
        let tenant = principal.tenant;
        let _turn = self.settings.lock().await;
        let summary = script.find(self.database(), tenant)?.summary;
        let (id, now) = (summary.id, UnixMillis::now());
        self.require_endpoint(principal, id, &input)?;
        // The endpoint first: it alone can be refused, and then nothing is changed.
        if let Some(endpoint) = input.endpoint.clone() {
            checks::may_have_endpoint(summary.kind)?;
            routes::require_free(self.database(), tenant, Some(id), &endpoint.route)?;
            let endpoint = endpoint.row(principal.user(), now)?;
            let detail = json!({ "set": ["endpoint"], "path": endpoint.route.path() });
            let audited = self.inner.audited_with(principal, AuditAction::ScriptsUpdate, id, &detail);
            audited.put_endpoint(tenant, id, endpoint).await.map_err(of_script)?;
        }
        if let Some(is_active) = input.is_active {
            let change = if is_active { Told::Resumed } else { Told::Paused };
            let is_change = is_active != summary.is_active;
            let told = if is_change { self.told(tenant, change, (id, &summary.name))? } else { None };
            let detail = json!({ "set": ["is_active"], "is_active": is_active });
            let audited = self.inner.audited_with(principal, AuditAction::ScriptsUpdate, id, &detail);
            audited.set_active(tenant, id, is_active, (now, told)).await.map_err(of_script)?;
            if is_active {
                self.let_go_on(tenant, id).await?;
            }
        }
        let only_active = SettingsInput { is_active: input.is_active, ..SettingsInput::default() };
        let is_update = input != only_active;
        let set = input.set_fields();
        let told = if is_update { self.told(tenant, Told::Updated, (id, &summary.name))? } else { None };
        let detail = json!({ "set": set });
        let settings = ScriptSettings { told, ..changed_settings(principal, summary, input, now) };
        let audited = self.inner.audited_with(principal, AuditAction::ScriptsUpdate, id, &detail);
        let database = if !set.is_empty() { &audited } else { self.database() };
        database.update_settings(tenant, id, settings).await.map_err(of_script)?;
        self.inner.events.wake();
        self.inner.routes.changed(tenant);
        self.saved(tenant, id, Vec::new())
    }

    /// Make the draft the next version and let it run, with the rights of whoever deploys. Needs `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Stale`] when the draft is not the one that the caller saw, or changes meanwhile;
    /// [`AppError::Source`], [`AppError::Invalid`], [`AppError::NotFound`].
    pub async fn deploy(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        expected_revision: Option<i64>,
        change_summary: String,
    ) -> Result<DeployedScript, AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        checks::change_summary(&change_summary)?;
        let tenant = principal.tenant;
        let Script { summary, draft_source } = script.find(self.database(), tenant)?;
        expect_revision(&summary, expected_revision)?;
        let compiled = self.compile(tenant, &summary.name, summary.language, &draft_source).await?;
        let version = VersionId::generate();
        let key = self.inner.keyring.tenant(self.database(), tenant)?;
        let deployment = Deployment {
            script: summary.id,
            expected_draft_revision: summary.draft_revision,
            version,
            deployed_by: principal.user(),
            change_summary,
            deployed_at: UnixMillis::now(),
            input_schema: compiled.input_schema.clone(),
            artifact: artifacts::sealed(&key, tenant, version, &compiled.script),
            told: self.told(tenant, Told::Deployed, (summary.id, &summary.name))?,
        };
        let detail = json!({ "version": version.to_string() });
        let audited = self.inner.audited_with(principal, AuditAction::ScriptsDeploy, summary.id, &detail);
        audited.deploy(tenant, deployment).await.map_err(of_script)?;
        self.let_go_on(tenant, summary.id).await?;
        self.inner.events.wake();
        self.inner.routes.changed(tenant);
        let version = self.database().version(tenant, version).map_err(of_script)?.summary;
        Ok(DeployedScript {
            version,
            purity: compiled.script.purity,
            input_schema: compiled.input_schema,
            warnings: compiled.warnings,
        })
    }

    /// Compile a source and keep nothing of it. Needs `scripts.write`: it is the tenant's work, and charged as that.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]. What is wrong with the source is in the answer.
    pub async fn check(
        &self,
        principal: &Principal,
        language: Language,
        text: String,
    ) -> Result<CheckedSource, AppError> {
        principal.require(Permission::ScriptsWrite)?;
        let file_name = format!("script{}", language.extension());
        match self.inner.compile(principal.tenant, Source { file_name, language, text }).await {
            Ok(compiled) => Ok(CheckedSource {
                purity: Some(compiled.script.purity),
                input_schema: compiled.input_schema,
                findings: compiled.warnings,
            }),
            Err(AppError::Source { diagnostics }) => {
                Ok(CheckedSource { purity: None, input_schema: None, findings: diagnostics })
            }
            Err(error) => Err(error),
        }
    }

    /// A page of versions, the latest first, below the number `before`. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn versions(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionSummary>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let script = script.find(self.database(), principal.tenant)?.summary.id;
        Ok(self.database().list_versions(principal.tenant, script, before, limit.min(PAGE_MAX))?)
    }

    /// One version with its source. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn version(&self, principal: &Principal, script: &ScriptRef, number: u32) -> Result<Version, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let script = script.find(self.database(), principal.tenant)?.summary.id;
        let version = self.database().version_by_number(principal.tenant, script, number)?;
        version.ok_or(AppError::NotFound { what: "version" })
    }

    /// Let another version run. Whoever asks is the deployer from now on (RULES 13). Needs `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn activate(&self, principal: &Principal, script: &ScriptRef, number: u32) -> Result<(), AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        let tenant = principal.tenant;
        let summary = script.find(self.database(), tenant)?.summary;
        let told = self.told(tenant, Told::Deployed, (summary.id, &summary.name))?;
        let (deployed_by, deployed_at) = (principal.user(), UnixMillis::now());
        let activation = Activation { number, deployed_by, deployed_at, told };
        let detail = json!({ "version": number });
        let audited = self.inner.audited_with(principal, AuditAction::ScriptsActivate, summary.id, &detail);
        let activated = audited.activate_version(tenant, summary.id, activation).await;
        self.inner.events.wake();
        self.inner.routes.changed(tenant);
        match activated {
            Err(DatabaseError::NotFound) => Err(AppError::NotFound { what: "version" }),
            activated => Ok(activated?),
        }
    }

    /// Delete a script with its versions, endpoint, executions and records. Needs `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn delete(&self, principal: &Principal, script: &ScriptRef) -> Result<(), AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        let summary = script.find(self.database(), principal.tenant)?.summary;
        let script = summary.id;
        let told = self.told(principal.tenant, Told::Deleted, (script, &summary.name))?;
        let detail = json!({ "name": summary.name.as_str() });
        let audited = self.inner.audited_with(principal, AuditAction::ScriptsDelete, script, &detail);
        audited.delete_script(principal.tenant, script, told).await.map_err(of_script)?;
        self.inner.events.changed(principal.tenant);
        self.inner.events.wake();
        // What it would commit has no row any more to be committed with.
        self.inner.running.cancel_script(script);
        self.inner.routes.changed(principal.tenant);
        Ok(())
    }

    /// Let what waited for a script go on, because a person changed it: a rest after failures ends too.
    async fn let_go_on(&self, tenant: TenantId, script: ScriptId) -> Result<(), AppError> {
        let now = UnixMillis::now();
        self.database().close_breaker(tenant, script, now).await?;
        while self.database().wake_executions(tenant, script, now).await? > 0 {}
        Ok(())
    }

    /// Let through who may bind the script to the endpoint that is asked for, where one is.
    fn require_endpoint(&self, principal: &Principal, script: ScriptId, input: &SettingsInput) -> Result<(), AppError> {
        let Some(endpoint) = &input.endpoint else { return Ok(()) };
        self.inner.require_binding(principal, script, &Binding::Endpoint(endpoint.authentication))
    }

    /// See that the tenant may have another script.
    fn require_room(&self, tenant: TenantId) -> Result<(), AppError> {
        let limit = self.inner.quotas(&self.database().tenant(tenant)?).scripts;
        if self.database().count_scripts(tenant)? < limit {
            return Ok(());
        }
        // It does not reset: a script has to go first.
        Err(AppError::Quota { quota: "scripts", limit, retry_after: std::time::Duration::from_secs(60) })
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }

    fn told(
        &self,
        tenant: TenantId,
        told: Told,
        script: (ScriptId, &ScriptName),
    ) -> Result<Option<OutboxEvent>, AppError> {
        self.inner.told_of_script(tenant, told, script)
    }

    async fn compile(
        &self,
        tenant: TenantId,
        name: &ScriptName,
        language: Language,
        source: &str,
    ) -> Result<Compiled, AppError> {
        let file_name = format!("{name}{}", language.extension());
        self.inner.compile(tenant, Source { file_name, language, text: source.to_owned() }).await
    }

    fn endpoint(&self, tenant: TenantId, script: ScriptId) -> Result<Option<Endpoint>, AppError> {
        self.database().endpoint(tenant, script)?.map(Endpoint::of_row).transpose()
    }

    /// A script as it stands after a write.
    fn saved(&self, tenant: TenantId, id: ScriptId, warnings: Vec<Diagnostic>) -> Result<SavedScript, AppError> {
        let script = self.database().script(tenant, id).map_err(of_script)?;
        self.with_all(tenant, script, warnings)
    }

    /// A script with what belongs to it.
    fn with_all(&self, tenant: TenantId, script: Script, warnings: Vec<Diagnostic>) -> Result<SavedScript, AppError> {
        let id = script.summary.id;
        let now = UnixMillis::now();
        let resting_until = self.database().breaker(tenant, id)?.and_then(|breaker| breaker.retry_at);
        let resting_until = resting_until.filter(|until| *until > now);
        let (endpoint, attention) = (self.endpoint(tenant, id)?, self.inner.attention(tenant, id)?);
        Ok(SavedScript { endpoint, script, resting_until, attention, warnings })
    }
}

impl fmt::Debug for ScriptService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScriptService").finish_non_exhaustive()
    }
}

impl ScriptRef {
    /// The script of `tenant` that is meant.
    ///
    /// # Errors
    /// [`AppError::NotFound`], also for a script of another tenant.
    pub(crate) fn find(&self, database: &Database, tenant: TenantId) -> Result<Script, AppError> {
        match self {
            Self::Id(id) => database.script(tenant, *id).map_err(of_script),
            Self::Name(name) => database.script_by_name(tenant, name)?.ok_or(AppError::NotFound { what: "script" }),
        }
    }
}

fn expect_revision(script: &ScriptSummary, expected: Option<i64>) -> Result<(), AppError> {
    let current_revision = script.draft_revision;
    if expected.is_none_or(|expected| expected == current_revision) {
        Ok(())
    } else {
        Err(AppError::Stale { current_revision })
    }
}

/// The settings of `script` with those of `input` in place. Capabilities carry who set them last, so that name changes
/// only where they are set.
fn of_script(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NotFound => AppError::NotFound { what: "script" },
        error => error.into(),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
