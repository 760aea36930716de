//! Attempts of an execution before its last one.

use std::time::Duration;

use domain::{ErrorKind, ExecutionId, TenantId, UnixMillis};
use rusqlite::{Row, params};

use crate::{
    Database, DatabaseError,
    rows::{count, millis, small_count, word},
};

const LIST: &str = "
    SELECT attempt, error_kind, fuel, started_at, completed_at, duration_us, error, sent
    FROM execution_attempts
    WHERE tenant_id = $1 AND execution_id = $2
    ORDER BY attempt";

/// An attempt that failed, and after which the execution went on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Which one, from 1.
    pub attempt: u32,
    /// Why it failed.
    pub error_kind: ErrorKind,
    /// Its fuel.
    pub fuel: u64,
    /// When it began.
    pub started_at: UnixMillis,
    /// When it ended.
    pub completed_at: UnixMillis,
    /// How long it ran.
    pub duration: Duration,
    /// The error's text and stack, sealed; `None` where the server ended with it.
    pub error: Option<Vec<u8>>,
    /// What it sent, sealed.
    pub sent: Option<Vec<u8>>,
}

impl Attempt {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            attempt: small_count(row, "attempt")?,
            error_kind: word(row, "error_kind")?,
            fuel: count(row, "fuel")?,
            started_at: millis(row, "started_at")?,
            completed_at: millis(row, "completed_at")?,
            duration: Duration::from_micros(count(row, "duration_us")?),
            error: row.get("error")?,
            sent: row.get("sent")?,
        })
    }
}

impl Database {
    /// The attempts of an execution before its last one, in order.
    pub fn execution_attempts(&self, tenant: TenantId, execution: ExecutionId) -> Result<Vec<Attempt>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(params![tenant.to_string(), execution.to_string()], Attempt::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Attempt>>>()?)
        })
    }
}
