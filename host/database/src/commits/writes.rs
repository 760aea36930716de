//! Applying an execution's writes to storage and documents, with the tenant's bytes kept in step.

use domain::{TenantId, UnixMillis};
use rusqlite::{OptionalExtension, params};

use super::{CommitResult, Effects, Refusal};
use crate::{
    documents,
    numbers::{json_number, parse_json_number},
    rows::{bigint, bytes},
    storage::ADD_STORED_BYTES,
    writer::Work,
};

const CURRENT: &str = "
    SELECT octet_length(key) + octet_length(value) AS size, expires_at
    FROM storage_entries
    WHERE tenant_id = $1 AND key = $2";
const VALUE: &str = "SELECT value FROM storage_entries WHERE tenant_id = $1 AND key = $2";
const PUT: &str = "
    INSERT INTO storage_entries (tenant_id, key, revision, expires_at, updated_at, value)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, key)
    DO UPDATE SET revision = excluded.revision, expires_at = excluded.expires_at, updated_at = excluded.updated_at,
                  value = excluded.value";
const DELETE: &str = "DELETE FROM storage_entries WHERE tenant_id = $1 AND key = $2";

/// One write to one key.
#[derive(Clone, Debug, PartialEq)]
pub struct StorageWrite {
    /// The key.
    pub key: String,
    /// What happens to its entry.
    pub change: StorageChange,
}

/// What happens to an entry.
#[derive(Clone, Debug, PartialEq)]
pub enum StorageChange {
    /// It is this value from now on.
    Set {
        /// The JSON value.
        value: String,
        /// When it expires; `None` for never.
        expires_at: Option<UnixMillis>,
    },
    /// It is gone.
    Delete,
    /// It is a number, and this much more. Where there was none, it was 0. Its time to live stays.
    Increment {
        /// How much.
        by: f64,
    },
}

impl StorageWrite {
    /// Whether the entry is to be gone.
    pub fn is_removal(&self) -> bool {
        self.change == StorageChange::Delete
    }
}

/// The entry as it is before a write.
#[derive(Default)]
struct Current {
    size: i64,
    /// Whether there is an entry that has not expired.
    is_live: bool,
    expires_at: Option<i64>,
}

pub(super) fn apply(work: &Work<'_>, tenant: TenantId, effects: &Effects, now: UnixMillis) -> Result<(), Refusal> {
    if effects.writes.is_empty() && effects.documents.is_empty() {
        return Ok(());
    }
    let tenant = tenant.to_string();
    let mut growth = documents::apply(work.connection, &tenant, &effects.documents, work.revision, now)?;
    for write in &effects.writes {
        growth += apply_one(work, &tenant, write, now)?;
    }
    let mut add = work.connection.prepare_cached(ADD_STORED_BYTES)?;
    let stored: i64 = add.query_row(params![growth, tenant], |row| row.get(0))?;
    match effects.storage_limit_bytes {
        // What shrinks a storage that is too full already is let through.
        Some(limit_bytes) if growth > 0 && stored > bigint(limit_bytes) => {
            Err(Refusal::Result(CommitResult::StorageFull { limit_bytes }))
        }
        _ => Ok(()),
    }
}

/// Apply one write; answers by how many bytes the storage grew.
fn apply_one(work: &Work<'_>, tenant: &str, write: &StorageWrite, now: UnixMillis) -> Result<i64, Refusal> {
    let key = write.key.as_str();
    let current = current(work, tenant, key, now)?;
    let (value, expires_at) = match &write.change {
        StorageChange::Set { value, expires_at } => (value.clone(), expires_at.map(|at| at.0)),
        StorageChange::Delete => {
            work.connection.prepare_cached(DELETE)?.execute([tenant, key])?;
            return Ok(-current.size);
        }
        StorageChange::Increment { by } => {
            let start = if current.is_live { number(work, tenant, key)? } else { Some(0.0) };
            let sum = start.map(|start| start + by).filter(|sum| sum.is_finite());
            let sum = sum.ok_or_else(|| Refusal::Result(CommitResult::NotANumber { key: key.to_owned() }))?;
            (json_number(sum), current.expires_at.filter(|_| current.is_live))
        }
    };
    let mut put = work.connection.prepare_cached(PUT)?;
    put.execute(params![tenant, key, work.revision, expires_at, now.0, value])?;
    Ok(bytes(key.len() + value.len()) - current.size)
}

fn current(work: &Work<'_>, tenant: &str, key: &str, now: UnixMillis) -> Result<Current, Refusal> {
    let mut statement = work.connection.prepare_cached(CURRENT)?;
    let found = statement.query_row([tenant, key], |row| {
        let expires_at: Option<i64> = row.get("expires_at")?;
        Ok(Current { size: row.get("size")?, is_live: expires_at.is_none_or(|at| at > now.0), expires_at })
    });
    Ok(found.optional()?.unwrap_or_default())
}

/// The number that an entry holds; `None` where it holds something else.
fn number(work: &Work<'_>, tenant: &str, key: &str) -> Result<Option<f64>, Refusal> {
    let mut statement = work.connection.prepare_cached(VALUE)?;
    let value: String = statement.query_row([tenant, key], |row| row.get(0))?;
    Ok(parse_json_number(&value))
}
