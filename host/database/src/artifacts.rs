//! Artifacts: what the sandbox made of a version. Nothing here is trusted: the application verifies the MAC of each.

use domain::{TenantId, VersionId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count},
};

const GET: &str = "
    SELECT engine_build, load_fuel, is_pure, impure_reason, mac, source_map, bytecode
    FROM artifacts
    WHERE tenant_id = $1 AND version_id = $2";
const PUT: &str = "
    INSERT INTO artifacts (tenant_id, version_id, engine_build, load_fuel, is_pure, impure_reason, mac, source_map,
                           bytecode)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant_id, version_id)
    DO UPDATE SET engine_build = excluded.engine_build, load_fuel = excluded.load_fuel, is_pure = excluded.is_pure,
                  impure_reason = excluded.impure_reason, mac = excluded.mac, source_map = excluded.source_map,
                  bytecode = excluded.bytecode";

/// What one build of the engine made of a version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The build.
    pub engine_build: String,
    /// Fuel that loading takes, charged to each run whichever path it takes.
    pub load_fuel: u64,
    /// Why the top level cannot be kept as a snapshot; `None` where it can.
    pub impure_reason: Option<String>,
    /// The MAC over the rest, the tenant and the version.
    pub mac: Vec<u8>,
    /// From positions in the compiled text to the author's own; `None` where they are the same.
    pub source_map: Option<String>,
    /// The bytecode.
    pub bytecode: Vec<u8>,
}

impl Artifact {
    /// Whether the top level can be kept as a snapshot.
    pub fn is_pure(&self) -> bool {
        self.impure_reason.is_none()
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            engine_build: row.get("engine_build")?,
            load_fuel: count(row, "load_fuel")?,
            impure_reason: row.get("impure_reason")?,
            mac: row.get("mac")?,
            source_map: row.get("source_map")?,
            bytecode: row.get("bytecode")?,
        })
    }
}

impl Database {
    /// What was made of a version; `None` where nothing was, or the version is not the tenant's.
    pub fn artifact(&self, tenant: TenantId, version: VersionId) -> Result<Option<Artifact>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), version.to_string()], Artifact::from_row).optional()?)
        })
    }

    /// Keep what a build of the engine made of a version, in place of what another build made.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the version is not the tenant's.
    pub async fn put_artifact(
        &self,
        tenant: TenantId,
        version: VersionId,
        artifact: Artifact,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| put(work.connection, tenant, version, &artifact)).await
    }
}

pub(crate) fn put(
    connection: &Connection,
    tenant: TenantId,
    version: VersionId,
    artifact: &Artifact,
) -> Result<(), DatabaseError> {
    connection.prepare_cached(PUT)?.execute(params![
        tenant.to_string(),
        version.to_string(),
        artifact.engine_build,
        bigint(artifact.load_fuel),
        artifact.is_pure(),
        artifact.impure_reason,
        artifact.mac,
        artifact.source_map,
        artifact.bytecode,
    ])?;
    Ok(())
}
