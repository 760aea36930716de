//! Scripts: their drafts and settings. What runs are versions: see `versions`.

mod lists;
mod row;
pub(crate) mod writes;

use domain::{
    Capabilities, Language, Limits, RecordMode, RunPolicy, ScriptId, ScriptKind, ScriptName, TenantId, UnixMillis,
    UserId, VersionId,
};
use rusqlite::OptionalExtension;

pub use lists::{ScriptCursor, ScriptOrder, ScriptQuery};
pub(crate) use row::{optional_limits, script_capabilities};

use crate::{Database, DatabaseError, NewEndpoint, OutboxEvent, rows::count};

const GET: &str = "
    SELECT scripts.id, scripts.name, scripts.description, scripts.kind, scripts.language, scripts.is_active,
           scripts.draft_revision, scripts.limits, scripts.capabilities, scripts.capabilities_set_by, scripts.record,
           scripts.policy, scripts.created_at, scripts.updated_at, scripts.created_by, active_versions.version_id,
           script_versions.number AS version_number, active_versions.deployed_by, active_versions.deployed_at,
           scripts.draft_source
    FROM scripts
    LEFT JOIN active_versions
        ON active_versions.tenant_id = scripts.tenant_id AND active_versions.script_id = scripts.id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = scripts.tenant_id AND script_versions.id = active_versions.version_id
    WHERE scripts.tenant_id = $1 AND scripts.id = $2";
const GET_BY_NAME: &str = "
    SELECT scripts.id, scripts.name, scripts.description, scripts.kind, scripts.language, scripts.is_active,
           scripts.draft_revision, scripts.limits, scripts.capabilities, scripts.capabilities_set_by, scripts.record,
           scripts.policy, scripts.created_at, scripts.updated_at, scripts.created_by, active_versions.version_id,
           script_versions.number AS version_number, active_versions.deployed_by, active_versions.deployed_at,
           scripts.draft_source
    FROM scripts
    LEFT JOIN active_versions
        ON active_versions.tenant_id = scripts.tenant_id AND active_versions.script_id = scripts.id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = scripts.tenant_id AND script_versions.id = active_versions.version_id
    WHERE scripts.tenant_id = $1 AND scripts.name = $2";
const COUNT: &str = "SELECT COUNT(*) AS scripts FROM scripts WHERE tenant_id = $1";

/// A script to be made. It has a draft and no version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewScript {
    /// Its id.
    pub id: ScriptId,
    /// Its name, unique in the tenant.
    pub name: ScriptName,
    /// What it is for, in the author's words.
    pub description: String,
    /// What it is for.
    pub kind: ScriptKind,
    /// What its source is written in.
    pub language: Language,
    /// The draft.
    pub draft_source: String,
    /// What it may reach.
    pub capabilities: Capabilities,
    /// Its own limits; `None` where the tenant's stand.
    pub limits: Option<Limits>,
    /// How much is recorded of its executions.
    pub record: RecordMode,
    /// Its rules for its executions; `None` where the defaults stand.
    pub policy: Option<RunPolicy>,
    /// Who makes it, and so who set its capabilities.
    pub created_by: Option<UserId>,
    /// When it is made.
    pub created_at: UnixMillis,
    /// Where it answers, for an endpoint.
    pub endpoint: Option<NewEndpoint>,
    /// What is told of it.
    pub told: Option<OutboxEvent>,
}

/// The version of a script that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeployedVersion {
    /// The version.
    pub id: VersionId,
    /// Its number.
    pub number: u32,
    /// Whose rights the script has: whoever activated this version.
    pub deployed_by: Option<UserId>,
    /// When it was activated.
    pub deployed_at: UnixMillis,
}

/// A script, without its draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSummary {
    /// Its id.
    pub id: ScriptId,
    /// Its name.
    pub name: ScriptName,
    /// What it is for, in the author's words.
    pub description: String,
    /// What it is for.
    pub kind: ScriptKind,
    /// What its draft is written in.
    pub language: Language,
    /// Whether it runs at all.
    pub is_active: bool,
    /// Counts the changes of the draft, from 1.
    pub draft_revision: i64,
    /// Its own limits; `None` where the tenant's stand.
    pub limits: Option<Limits>,
    /// What it may reach.
    pub capabilities: Capabilities,
    /// Who set that last.
    pub capabilities_set_by: Option<UserId>,
    /// How much is recorded of its executions.
    pub record: RecordMode,
    /// Its rules for its executions; `None` where the defaults stand.
    pub policy: Option<RunPolicy>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
    /// Who made it.
    pub created_by: Option<UserId>,
    /// What runs; `None` before the first deployment.
    pub deployed: Option<DeployedVersion>,
}

/// A script with its draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// The script.
    pub summary: ScriptSummary,
    /// The draft.
    pub draft_source: String,
}

/// A change of a draft.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DraftEdit {
    /// The script.
    pub script: ScriptId,
    /// The revision that the author saw.
    pub expected_revision: i64,
    /// What the new source is written in.
    pub language: Language,
    /// The new source.
    pub source: String,
    /// When it is changed.
    pub updated_at: UnixMillis,
    /// What is told of it.
    pub told: Option<OutboxEvent>,
}

/// What is set beside the source, whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptSettings {
    /// What it is for, in the author's words.
    pub description: String,
    /// Its own limits; `None` where the tenant's stand.
    pub limits: Option<Limits>,
    /// What it may reach.
    pub capabilities: Capabilities,
    /// Who set that last.
    pub capabilities_set_by: Option<UserId>,
    /// How much is recorded of its executions.
    pub record: RecordMode,
    /// Its rules for its executions; `None` where the defaults stand.
    pub policy: Option<RunPolicy>,
    /// When it is changed.
    pub updated_at: UnixMillis,
    /// What is told of it.
    pub told: Option<OutboxEvent>,
}

impl Database {
    /// One script.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn script(&self, tenant: TenantId, id: ScriptId) -> Result<Script, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], Script::from_row)?)
        })
    }

    /// The script with this name.
    pub fn script_by_name(&self, tenant: TenantId, name: &ScriptName) -> Result<Option<Script>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_BY_NAME)?;
            Ok(statement.query_row([tenant.to_string().as_str(), name.as_str()], Script::from_row).optional()?)
        })
    }

    /// How many scripts the tenant has.
    pub fn count_scripts(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(COUNT)?;
            Ok(statement.query_row([tenant.to_string()], |row| count(row, "scripts"))?)
        })
    }
}
