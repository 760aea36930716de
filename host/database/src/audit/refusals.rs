//! Refusals of nobody that is known: counted by minute and address, never a row each (RULES 39).

use domain::{TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count, word},
};

const ADD: &str = "
    INSERT INTO audit_refusals (tenant_id, minute, address, refusals) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, minute, address) DO UPDATE SET refusals = audit_refusals.refusals + excluded.refusals";
const LIST: &str = "
    SELECT tenant_id, minute, address, refusals FROM audit_refusals
    WHERE tenant_id = $1 AND minute < $2
    ORDER BY minute DESC, address
    LIMIT $3";
const OLDEST: &str = "SELECT minute FROM audit_refusals WHERE tenant_id = $1 ORDER BY minute LIMIT 1";
const PURGE: &str = "
    DELETE FROM audit_refusals
    WHERE (tenant_id, minute, address) IN (
        SELECT tenant_id, minute, address FROM audit_refusals WHERE tenant_id = $1 AND minute < $2 LIMIT $3)";

/// How many requests of an address were refused within a minute.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusals {
    /// The tenant that the requests named; [`crate::AuditEntry::deployment`] where they named none.
    pub tenant: TenantId,
    /// The minute, as the moment of its beginning.
    pub minute: UnixMillis,
    /// The address; empty for those beyond what is counted one by one.
    pub address: String,
    /// How many.
    pub refusals: u64,
}

impl Refusals {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            minute: UnixMillis(row.get("minute")?),
            address: row.get("address")?,
            refusals: count(row, "refusals")?,
        })
    }
}

impl Database {
    /// Add to the counters, in one transaction.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn add_refusals(&self, counted: Vec<Refusals>) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(ADD)?;
            for Refusals { tenant, minute, address, refusals } in counted {
                statement.execute(params![tenant.to_string(), minute.0, address, bigint(refusals)])?;
            }
            Ok(())
        })
        .await
    }

    /// The counters of the minutes before `before`, the newest first.
    pub fn list_refusals(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        limit: u32,
    ) -> Result<Vec<Refusals>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(params![tenant.to_string(), before.0, limit], Refusals::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Refusals>>>()?)
        })
    }

    /// The minute of the tenant's oldest counter.
    pub fn oldest_refusal(&self, tenant: TenantId) -> Result<Option<UnixMillis>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OLDEST)?;
            Ok(statement.query_row([tenant.to_string()], |row| row.get("minute").map(UnixMillis)).optional()?)
        })
    }

    /// Remove at most `limit` counters of the minutes before `before`; answers how many went.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn purge_refusals(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        limit: u32,
    ) -> Result<usize, DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(PURGE)?;
            Ok(statement.execute(params![tenant.to_string(), before.0, limit])?)
        })
        .await
    }
}
