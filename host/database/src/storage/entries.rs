//! Storage entries as people see and change them, outside of any execution.

use domain::{TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::{PAGE_BYTES_MAX, StorageQuery};
use crate::{
    Database, DatabaseError, StorageWrite,
    commits::write_entry,
    rows::{millis, optional_millis},
    writer::Work,
};

const GET: &str = "
    SELECT key, revision, expires_at, updated_at, value
    FROM storage_entries
    WHERE tenant_id = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)";
const LIST_FROM: &str = "
    SELECT key, revision, expires_at, updated_at, value
    FROM storage_entries
    WHERE tenant_id = $1 AND key >= $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)
    ORDER BY key
    LIMIT $5";
const LIST_AFTER: &str = "
    SELECT key, revision, expires_at, updated_at, value
    FROM storage_entries
    WHERE tenant_id = $1 AND key > $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)
    ORDER BY key
    LIMIT $5";
const REVISION: &str = "
    SELECT revision
    FROM storage_entries
    WHERE tenant_id = $1 AND key = $2 AND (expires_at IS NULL OR expires_at > $3)";

/// An entry with what there is to know of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// The key.
    pub key: String,
    /// The JSON value.
    pub value: String,
    /// The revision of the write that it is from.
    pub revision: i64,
    /// When that was.
    pub updated_at: UnixMillis,
    /// When it expires; `None` for never.
    pub expires_at: Option<UnixMillis>,
}

/// A write to an entry that somebody saw.
#[derive(Clone, Debug, PartialEq)]
pub struct EntryChange {
    /// The write.
    pub write: StorageWrite,
    /// The revision that was seen; `None` where it does not matter.
    pub expected: Option<i64>,
    /// The tenant's storage may not grow beyond this.
    pub limit_bytes: u64,
    /// The moment that decides which entries have expired.
    pub now: UnixMillis,
}

impl StoredEntry {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            key: row.get("key")?,
            value: row.get("value")?,
            revision: row.get("revision")?,
            updated_at: millis(row, "updated_at")?,
            expires_at: optional_millis(row, "expires_at")?,
        })
    }
}

impl Database {
    /// One entry that has not expired.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn storage_entry(&self, tenant: TenantId, key: &str, now: UnixMillis) -> Result<StoredEntry, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row(params![tenant.to_string(), key, now.0], StoredEntry::from_row)?)
        })
    }

    /// A page of the entries under a prefix, by key, and whether there are more. Fewer than asked for where their values
    /// are large.
    pub fn storage_entries(
        &self,
        tenant: TenantId,
        query: &StorageQuery,
    ) -> Result<(Vec<StoredEntry>, bool), DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(query.statement(LIST_FROM, LIST_AFTER))?;
            let (lower, upper) = query.bounds();
            let parameters = params![tenant.to_string(), lower, upper, query.now.0, query.fetched()];
            let rows = statement.query_map(parameters, StoredEntry::from_row)?;
            let (mut entries, mut bytes) = (Vec::new(), 0);
            for entry in rows {
                let entry = entry?;
                bytes += entry.key.len() + entry.value.len();
                if entries.len() >= query.limit as usize || (bytes > PAGE_BYTES_MAX && !entries.is_empty()) {
                    return Ok((entries, true));
                }
                entries.push(entry);
            }
            Ok((entries, false))
        })
    }

    /// Write an entry, or remove it. Executions that read it and go on are repeated, as after any other write.
    ///
    /// # Errors
    /// [`DatabaseError::Stale`] where another revision was expected, 0 where there is none;
    /// [`DatabaseError::NotFound`] where what is to be removed is not there; [`DatabaseError::StorageLimit`];
    /// [`DatabaseError::NotANumber`] where something is to be added to what is none.
    pub async fn change_storage_entry(&self, tenant: TenantId, change: EntryChange) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let current = current(work, tenant, &change)?;
            match (change.expected, current) {
                (Some(expected), current) if current != Some(expected) => {
                    Err(DatabaseError::Stale { current: current.unwrap_or(0) })
                }
                (_, None) if change.write.is_removal() => Err(DatabaseError::NotFound),
                _ => write_entry(work, tenant, change.write, (change.limit_bytes, change.now)),
            }
        })
        .await
    }
}

fn current(work: &Work<'_>, tenant: TenantId, change: &EntryChange) -> Result<Option<i64>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(REVISION)?;
    let parameters = params![tenant.to_string(), change.write.key, change.now.0];
    Ok(statement.query_row(parameters, |row| row.get("revision")).optional()?)
}
