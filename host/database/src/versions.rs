//! Versions: what was deployed of a script, never changed again; and which of them runs.

use domain::{Capabilities, Language, Limits, ScriptId, TenantId, UnixMillis, UserId, VersionId};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Artifact, Database, DatabaseError, OutboxEvent, artifacts, events,
    rows::{millis, optional_word, small_count, word},
    scripts::{optional_limits, script_capabilities, writes::expect_draft},
    writer::Work,
};

const LIST: &str = "
    SELECT id, script_id, number, language, capabilities, limits, author, adopted_by, change_summary, created_at
    FROM script_versions
    WHERE tenant_id = $1 AND script_id = $2 AND number < $3
    ORDER BY number DESC
    LIMIT $4";
const GET: &str = "
    SELECT id, script_id, number, language, capabilities, limits, author, adopted_by, change_summary, created_at, source,
           input_schema
    FROM script_versions
    WHERE tenant_id = $1 AND id = $2";
const GET_BY_NUMBER: &str = "
    SELECT id, script_id, number, language, capabilities, limits, author, adopted_by, change_summary, created_at, source,
           input_schema
    FROM script_versions
    WHERE tenant_id = $1 AND script_id = $2 AND number = $3";
// The source is copied from the draft here, so that what was compiled and what is kept cannot differ: the caller names
// the revision of the draft that it compiled.
const INSERT: &str = "
    INSERT INTO script_versions (tenant_id, id, script_id, number, language, capabilities, limits, author,
                                 change_summary, created_at, source, input_schema)
    SELECT scripts.tenant_id, $1, scripts.id,
           1 + (SELECT COALESCE(MAX(number), 0)
                FROM script_versions
                WHERE script_versions.tenant_id = scripts.tenant_id AND script_versions.script_id = scripts.id),
           scripts.language, scripts.capabilities, scripts.limits, $2, $3, $4, scripts.draft_source, $5
    FROM scripts
    WHERE scripts.tenant_id = $6 AND scripts.id = $7
    RETURNING number";
const ACTIVATE: &str = "
    INSERT INTO active_versions (tenant_id, script_id, version_id, deployed_by, deployed_at)
    SELECT tenant_id, script_id, id, $1, $2
    FROM script_versions
    WHERE tenant_id = $3 AND script_id = $4 AND number = $5
    ON CONFLICT (tenant_id, script_id)
    DO UPDATE SET version_id = excluded.version_id, deployed_by = excluded.deployed_by,
                  deployed_at = excluded.deployed_at";

/// A version, without its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionSummary {
    /// Its id.
    pub id: VersionId,
    /// Its script.
    pub script: ScriptId,
    /// Its number, from 1.
    pub number: u32,
    /// What its source is written in.
    pub language: Language,
    /// What the script was allowed to reach.
    pub capabilities: Capabilities,
    /// The script's own limits.
    pub limits: Option<Limits>,
    /// Who deployed it first.
    pub author: Option<UserId>,
    /// Who took over what was accepted for it, once the author had left.
    pub adopted_by: Option<UserId>,
    /// What changed, in the author's words.
    pub change_summary: String,
    /// When it was deployed first.
    pub created_at: UnixMillis,
}

/// A version with its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// The version.
    pub summary: VersionSummary,
    /// Its source, as the author wrote it.
    pub source: String,
    /// The JSON Schema of its argument, where the source says what that is.
    pub input_schema: Option<String>,
}

/// A draft to be made a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deployment {
    /// The script.
    pub script: ScriptId,
    /// The revision of the draft that was compiled.
    pub expected_draft_revision: i64,
    /// The version's id.
    pub version: VersionId,
    /// Who deploys, and so whose rights the script has from now on.
    pub deployed_by: Option<UserId>,
    /// What changed, in the author's words.
    pub change_summary: String,
    /// When it is deployed.
    pub deployed_at: UnixMillis,
    /// The JSON Schema of its argument, where the source says what that is.
    pub input_schema: Option<String>,
    /// What the draft was compiled to.
    pub artifact: Artifact,
    /// What is told of it.
    pub told: Option<OutboxEvent>,
}

/// A version of a script that is to run in place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The version's number.
    pub number: u32,
    /// Who asks for it, and so whose rights the script has from now on.
    pub deployed_by: Option<UserId>,
    /// When.
    pub deployed_at: UnixMillis,
    /// What is told of it.
    pub told: Option<OutboxEvent>,
}

impl VersionSummary {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            script: word(row, "script_id")?,
            number: small_count(row, "number")?,
            language: word(row, "language")?,
            capabilities: script_capabilities(row)?,
            limits: optional_limits(row)?,
            author: optional_word(row, "author")?,
            adopted_by: optional_word(row, "adopted_by")?,
            change_summary: row.get("change_summary")?,
            created_at: millis(row, "created_at")?,
        })
    }
}

impl Version {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            summary: VersionSummary::from_row(row)?,
            source: row.get("source")?,
            input_schema: row.get("input_schema")?,
        })
    }
}

impl Database {
    /// Make the draft the next version and let it run, in one transaction; answers its number.
    ///
    /// # Errors
    /// [`DatabaseError::Stale`] when the draft is not the one that was compiled.
    pub async fn deploy(&self, tenant: TenantId, deployment: Deployment) -> Result<u32, DatabaseError> {
        self.write(move |work| {
            let Deployment { script, version, .. } = deployment;
            expect_draft(work, tenant, script, deployment.expected_draft_revision)?;
            let number = insert(work, tenant, &deployment)?;
            artifacts::put(work.connection, tenant, version, &deployment.artifact)?;
            activate(work, tenant, script, number, deployment.deployed_by, deployment.deployed_at)?;
            events::tell(work, tenant, deployment.told.as_ref())?;
            Ok(number)
        })
        .await
    }

    /// Let another version of a script run. Whoever asks for it is the deployer from now on.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the script has no version of that number.
    pub async fn activate_version(
        &self,
        tenant: TenantId,
        script: ScriptId,
        activation: Activation,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let Activation { number, deployed_by, deployed_at, told } = activation;
            activate(work, tenant, script, number, deployed_by, deployed_at)?;
            events::tell(work, tenant, told.as_ref())
        })
        .await
    }

    /// At most `limit` versions of a script, the latest first, below the number `before`.
    pub fn list_versions(
        &self,
        tenant: TenantId,
        script: ScriptId,
        before: Option<u32>,
        limit: u32,
    ) -> Result<Vec<VersionSummary>, DatabaseError> {
        let below = before.map_or(i64::MAX, i64::from);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let parameters = params![tenant.to_string(), script.to_string(), below, limit];
            let rows = statement.query_map(parameters, VersionSummary::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<VersionSummary>>>()?)
        })
    }

    /// One version.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn version(&self, tenant: TenantId, id: VersionId) -> Result<Version, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], Version::from_row)?)
        })
    }

    /// The version of a script that has this number.
    pub fn version_by_number(
        &self,
        tenant: TenantId,
        script: ScriptId,
        number: u32,
    ) -> Result<Option<Version>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_BY_NUMBER)?;
            let parameters = params![tenant.to_string(), script.to_string(), number];
            Ok(statement.query_row(parameters, Version::from_row).optional()?)
        })
    }
}

fn insert(work: &Work<'_>, tenant: TenantId, deployment: &Deployment) -> Result<u32, DatabaseError> {
    let mut statement = work.connection.prepare_cached(INSERT)?;
    let parameters = params![
        deployment.version.to_string(),
        deployment.deployed_by.map(|user| user.to_string()),
        deployment.change_summary,
        deployment.deployed_at.0,
        deployment.input_schema,
        tenant.to_string(),
        deployment.script.to_string(),
    ];
    Ok(statement.query_row(parameters, |row| row.get(0))?)
}

fn activate(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    number: u32,
    deployed_by: Option<UserId>,
    deployed_at: UnixMillis,
) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(ACTIVATE)?;
    let deployed_by = deployed_by.map(|user| user.to_string());
    let parameters = params![deployed_by, deployed_at.0, tenant.to_string(), script.to_string(), number];
    if statement.execute(parameters)? == 0 { Err(DatabaseError::NotFound) } else { Ok(()) }
}
