//! Changes that rest on what somebody saw: they take place only where nothing was changed meanwhile.
//!
//! Whatever changes something appends a row to the audit log in its own transaction. So a write that finds no new row of the
//! chain finds everything as it was, whichever thing it is about.

use std::sync::{
    Arc,
    atomic::{AtomicU8, Ordering},
};

use domain::TenantId;
use rusqlite::{Connection, OptionalExtension, params};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count},
};

const LAST: &str = "SELECT seq FROM audit_log WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1";
const CHANGED: &str = "SELECT 1 FROM audit_log WHERE tenant_id = $1 AND seq > $2 AND outcome = 'done' LIMIT 1";

/// Nothing of it was written yet.
const WAITS: u8 = 0;
/// It was written: what comes after in the same request rests on it.
const HELD: u8 = 1;
/// Something was changed meanwhile, and nothing was written.
const BROKEN: u8 = 2;

/// What a change rests on: that nothing was changed in a chain since it was looked at. Clones are the same one.
#[derive(Clone, Debug)]
pub struct AuditWatch {
    tenant: TenantId,
    seq: u64,
    state: Arc<AtomicU8>,
}

impl AuditWatch {
    /// Whether something was changed meanwhile, so that the change was not made.
    pub fn is_broken(&self) -> bool {
        self.state.load(Ordering::Acquire) == BROKEN
    }

    /// Note that the change was made.
    pub(crate) fn hold(&self) {
        self.state.store(HELD, Ordering::Release);
    }
}

impl Database {
    /// Look at a chain now: what is read after this is what a change by [`Self::watching`] rests on.
    pub fn watch_audit(&self, tenant: TenantId) -> Result<AuditWatch, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LAST)?;
            let seq = statement.query_row([tenant.to_string()], |row| count(row, "seq")).optional()?.unwrap_or(0);
            Ok(AuditWatch { tenant, seq, state: Arc::default() })
        })
    }

    /// The same database, by a handle whose first write fails where something was changed meanwhile.
    #[must_use]
    pub fn watching(&self, watch: AuditWatch) -> Self {
        Self { watch: Some(watch), ..self.clone() }
    }
}

/// See that nothing was changed since `watch` began.
///
/// # Errors
/// [`DatabaseError::Busy`], and the watch is broken.
pub(crate) fn require_unchanged(connection: &Connection, watch: &AuditWatch) -> Result<(), DatabaseError> {
    if watch.state.load(Ordering::Acquire) == HELD {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(CHANGED)?;
    if statement.exists(params![watch.tenant.to_string(), bigint(watch.seq)])? {
        watch.state.store(BROKEN, Ordering::Release);
        return Err(DatabaseError::Busy);
    }
    watch.state.store(WAITS, Ordering::Release);
    Ok(())
}
