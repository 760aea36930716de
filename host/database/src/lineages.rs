//! Chains of executions that came back over the network: how long they are, and which accepted execution goes on with
//! which.

use domain::{ExecutionId, Lineage, TenantId, UnixMillis, lineage::KEPT_MS};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{count, small_count, word},
};

const CONTINUE: &str = "
    INSERT INTO lineage_roots (tenant_id, root, continued, began_at)
    VALUES ($1, $2, 1, $3)
    ON CONFLICT (tenant_id, root) DO UPDATE SET continued = lineage_roots.continued + 1
    RETURNING continued";
const CONTINUED: &str = "
    SELECT continued
    FROM lineage_roots
    WHERE tenant_id = $1 AND root = $2 AND began_at >= $3";
const FORGET: &str = "DELETE FROM lineage_roots WHERE tenant_id = $1 AND began_at < $2";
const INSERT: &str = "
    INSERT INTO execution_lineages (tenant_id, execution_id, root_tenant_id, root, hop)
    VALUES ($1, $2, $3, $4, $5)";
const GET: &str = "
    SELECT root_tenant_id, root, hop
    FROM execution_lineages
    WHERE tenant_id = $1 AND execution_id = $2";

impl Database {
    /// Count one more request that a chain led to. Answers how many there were, this one counted.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where the tenant that began it is not there.
    pub async fn continue_lineage(&self, lineage: Lineage, now: UnixMillis) -> Result<u64, DatabaseError> {
        self.write(move |work| count_one(work.connection, lineage, now)).await
    }

    /// How many requests a chain led to so far, which writes nothing.
    pub fn lineage_continued(&self, lineage: Lineage, now: UnixMillis) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(CONTINUED)?;
            let began_after = now.0.saturating_sub(KEPT_MS);
            let parameters = params![lineage.tenant.to_string(), lineage.root.to_string(), began_after];
            Ok(statement.query_row(parameters, |row| count(row, "continued")).optional()?.unwrap_or_default())
        })
    }

    /// The chain that an accepted execution goes on with; `None` where it begins its own.
    pub fn execution_lineage(
        &self,
        tenant: TenantId,
        execution: ExecutionId,
    ) -> Result<Option<Lineage>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), execution.to_string()], from_row).optional()?)
        })
    }
}

/// Count one more thing that a chain led to. Answers how many there were, this one counted.
pub(crate) fn count_one(connection: &Connection, lineage: Lineage, now: UnixMillis) -> Result<u64, DatabaseError> {
    let tenant = lineage.tenant.to_string();
    connection.prepare_cached(FORGET)?.execute(params![tenant, now.0.saturating_sub(KEPT_MS)])?;
    let mut statement = connection.prepare_cached(CONTINUE)?;
    let parameters = params![tenant, lineage.root.to_string(), now.0];
    Ok(statement.query_row(parameters, |row| count(row, "continued"))?)
}

/// Note which chain an accepted execution goes on with.
pub(crate) fn insert(
    connection: &Connection,
    tenant: TenantId,
    execution: ExecutionId,
    lineage: Lineage,
) -> Result<(), DatabaseError> {
    connection.prepare_cached(INSERT)?.execute(params![
        tenant.to_string(),
        execution.to_string(),
        lineage.tenant.to_string(),
        lineage.root.to_string(),
        lineage.hop,
    ])?;
    Ok(())
}

pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Lineage> {
    Ok(Lineage { tenant: word(row, "root_tenant_id")?, root: word(row, "root")?, hop: small_count(row, "hop")? })
}
