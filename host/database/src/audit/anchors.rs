//! Where a chain begins whose first rows were removed by their age: the last removed one's number, and the chain's value
//! behind it, sealed.

use std::sync::Arc;

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{AuditSealer, mac};
use crate::{
    Database, DatabaseError,
    rows::{bigint, count, millis},
};

const GET: &str = "SELECT seq, chain, seal FROM audit_anchors WHERE tenant_id = $1";
const PUT: &str = "
    INSERT INTO audit_anchors (tenant_id, seq, chain, seal) VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id) DO UPDATE SET seq = excluded.seq, chain = excluded.chain, seal = excluded.seal";
const OLDEST: &str = "SELECT at FROM audit_log WHERE tenant_id = $1 ORDER BY seq LIMIT 1";
const FIRST: &str = "SELECT seq, at, chain FROM audit_log WHERE tenant_id = $1 ORDER BY seq LIMIT $2";
const CUT: &str = "DELETE FROM audit_log WHERE tenant_id = $1 AND seq <= $2";

/// Where a chain begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditAnchor {
    /// The number of the last row that was removed.
    pub seq: u64,
    /// The chain's value behind it.
    pub chain: [u8; 32],
    /// The MAC over both.
    pub seal: [u8; 32],
}

impl Database {
    /// Where a chain begins; `None` where nothing was removed.
    pub fn audit_anchor(&self, tenant: TenantId) -> Result<Option<AuditAnchor>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            let anchor = |row: &Row<'_>| {
                Ok(AuditAnchor { seq: count(row, "seq")?, chain: mac(row, "chain")?, seal: mac(row, "seal")? })
            };
            Ok(statement.query_row([tenant.to_string()], anchor).optional()?)
        })
    }

    /// When the first row of a chain that is there was written.
    pub fn oldest_audit(&self, tenant: TenantId) -> Result<Option<UnixMillis>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OLDEST)?;
            Ok(statement.query_row([tenant.to_string()], |row| millis(row, "at")).optional()?)
        })
    }

    /// Remove the first rows of a chain that were written before `before`, at most `limit`, and keep where it begins now.
    /// The last row of all stays: the next one rests on it. Answers how many went.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn cut_audit(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        limit: u32,
        sealer: Arc<dyn AuditSealer>,
    ) -> Result<usize, DatabaseError> {
        self.write(move |work| {
            let old = old_rows(work.connection, tenant, (before, limit))?;
            let Some((seq, chain)) = old.last().copied() else {
                work.change_nothing();
                return Ok(0);
            };
            let key = tenant.to_string();
            let seal = sealer.seal_anchor(tenant, seq, &chain);
            let anchor = params![key, bigint(seq), chain.as_slice(), seal.as_slice()];
            work.connection.prepare_cached(PUT)?.execute(anchor)?;
            work.connection.prepare_cached(CUT)?.execute(params![key, bigint(seq)])?;
            Ok(old.len())
        })
        .await
    }
}

/// A row's number, and the chain's value behind it.
type Link = (u64, [u8; 32]);

/// The first rows of a chain that are old, but never its last row.
fn old_rows(
    connection: &Connection,
    tenant: TenantId,
    (before, limit): (UnixMillis, u32),
) -> Result<Vec<Link>, DatabaseError> {
    let mut statement = connection.prepare_cached(FIRST)?;
    let read = |row: &Row<'_>| Ok((millis(row, "at")?, (count(row, "seq")?, mac(row, "chain")?)));
    let rows = statement.query_map(params![tenant.to_string(), i64::from(limit) + 1], read)?;
    let mut rows = rows.collect::<rusqlite::Result<Vec<(UnixMillis, Link)>>>()?;
    rows.pop();
    Ok(rows.into_iter().take_while(|(at, _)| *at < before).map(|(_, link)| link).collect())
}
