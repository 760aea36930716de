//! Storage entries: reading them, with what the check at commit needs. They are written by commits, and by people.

mod entries;

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, params};

pub use entries::{EntryChange, StoredEntry};

use crate::{Database, DatabaseError, rows::count};

const GET: &str = "SELECT value, revision, expires_at FROM storage_entries WHERE tenant_id = $1 AND key = $2";
const LIST_FROM: &str = "
    SELECT key, value, revision
    FROM storage_entries
    WHERE tenant_id = $1 AND key >= $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)
    ORDER BY key
    LIMIT $5";
const LIST_AFTER: &str = "
    SELECT key, value, revision
    FROM storage_entries
    WHERE tenant_id = $1 AND key > $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)
    ORDER BY key
    LIMIT $5";
const REVISIONS_FROM: &str = "
    SELECT key, revision
    FROM storage_entries
    WHERE tenant_id = $1 AND key >= $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)
    ORDER BY key
    LIMIT $5";
const REVISIONS_AFTER: &str = "
    SELECT key, revision
    FROM storage_entries
    WHERE tenant_id = $1 AND key > $2 AND key < $3 AND (expires_at IS NULL OR expires_at > $4)
    ORDER BY key
    LIMIT $5";
const STORED_BYTES: &str = "
    SELECT storage_bytes + event_bytes AS storage_bytes FROM tenants WHERE id = $1";
const EXPIRED: &str = "
    SELECT key, octet_length(key) + octet_length(value) AS size
    FROM storage_entries
    WHERE tenant_id = $1 AND expires_at <= $2
    LIMIT $3";
const DELETE: &str = "DELETE FROM storage_entries WHERE tenant_id = $1 AND key = $2";
// Answers all that counts as storage, events included.
pub(crate) const ADD_STORED_BYTES: &str = "
    UPDATE tenants
    SET storage_bytes = storage_bytes + $1
    WHERE id = $2
    RETURNING storage_bytes + event_bytes AS stored_bytes";

/// What a read of one key found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StorageRead {
    /// The JSON value; `None` where there is none or it has expired.
    pub value: Option<String>,
    /// The revision of the row, expired or not; `None` where there is no row. The check at commit compares it.
    pub revision: Option<i64>,
}

/// One entry of a range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageEntry {
    /// The key.
    pub key: String,
    /// The JSON value.
    pub value: String,
    /// The revision.
    pub revision: i64,
}

/// What a read of a range found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageRange {
    /// The entries, by key.
    pub entries: Vec<StorageEntry>,
    /// What the check at commit compares: a digest over keys, revisions and `more`.
    pub digest: [u8; 32],
    /// Whether there are entries beyond these.
    pub more: bool,
}

/// Which entries a list asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageQuery {
    /// What their keys begin with; empty for all.
    pub prefix: String,
    /// The key after which the page begins.
    pub after: Option<String>,
    /// The most entries of the page.
    pub limit: u32,
    /// The moment that decides which entries have expired.
    pub now: UnixMillis,
}

/// The most bytes of one page: what one host call carries.
const PAGE_BYTES_MAX: usize = 4 << 20;

/// Collect rows, as long as they are a page: a list must not take the memory of the process.
pub(crate) fn bounded<T>(
    rows: impl Iterator<Item = rusqlite::Result<T>>,
    size: impl Fn(&T) -> usize,
) -> Result<Vec<T>, DatabaseError> {
    let mut page = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let row = row?;
        bytes += size(&row);
        if bytes > PAGE_BYTES_MAX {
            return Err(DatabaseError::TooLarge { limit_bytes: PAGE_BYTES_MAX });
        }
        page.push(row);
    }
    Ok(page)
}

impl Database {
    /// Read one entry.
    pub fn storage_get(&self, tenant: TenantId, key: &str, now: UnixMillis) -> Result<StorageRead, DatabaseError> {
        self.read(|connection| get(connection, tenant, key, now))
    }

    /// Read entries, in the order of `keys`.
    pub fn storage_get_many(
        &self,
        tenant: TenantId,
        keys: &[String],
        now: UnixMillis,
    ) -> Result<Vec<StorageRead>, DatabaseError> {
        self.read(|connection| keys.iter().map(|key| get(connection, tenant, key, now)).collect())
    }

    /// Read a page of the entries under a prefix, for a script.
    ///
    /// # Errors
    /// [`DatabaseError::TooLarge`] where the page would have more than 4 MiB; [`DatabaseError::TooSlow`];
    /// [`DatabaseError::Busy`] where too many lists are under way.
    pub fn storage_list(&self, tenant: TenantId, query: &StorageQuery) -> Result<StorageRange, DatabaseError> {
        self.list(tenant, |connection| {
            let mut statement = connection.prepare_cached(query.statement(LIST_FROM, LIST_AFTER))?;
            let (lower, upper) = query.bounds();
            let parameters = params![tenant.to_string(), lower, upper, query.now.0, query.fetched()];
            let rows = statement.query_map(parameters, |row| {
                Ok(StorageEntry { key: row.get(0)?, value: row.get(1)?, revision: row.get(2)? })
            })?;
            let mut entries = bounded(rows, |entry| entry.key.len() + entry.value.len())?;
            let more = query.cut(&mut entries);
            let digest = digest(entries.iter().map(|entry| (entry.key.as_str(), entry.revision)), more);
            Ok(StorageRange { entries, digest, more })
        })
    }

    /// Bytes that the tenant's entries and documents hold, their keys, ids and values, and those of its events with their
    /// deliveries and dead letters.
    pub fn storage_bytes(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(STORED_BYTES)?;
            Ok(statement.query_row([tenant.to_string()], |row| count(row, "storage_bytes"))?)
        })
    }

    /// Remove at most `limit` of the tenant's entries that have expired by `now`; answers how many. Nothing is written
    /// where there are none.
    pub async fn purge_expired(&self, tenant: TenantId, now: UnixMillis, limit: u32) -> Result<usize, DatabaseError> {
        let any = self.read(|connection| {
            let mut expired = connection.prepare_cached(EXPIRED)?;
            Ok(expired.exists(params![tenant.to_string(), now.0, 1])?)
        })?;
        if !any {
            return Ok(0);
        }
        self.write(move |work| {
            let tenant = tenant.to_string();
            let mut expired = work.connection.prepare_cached(EXPIRED)?;
            let rows = expired
                .query_map(params![tenant, now.0, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
            let mut delete = work.connection.prepare_cached(DELETE)?;
            for (key, _) in &rows {
                delete.execute([&tenant, key])?;
            }
            let freed: i64 = rows.iter().map(|(_, size)| size).sum();
            let mut add = work.connection.prepare_cached(ADD_STORED_BYTES)?;
            add.query_row(params![-freed, tenant], |_| Ok(()))?;
            Ok(rows.len())
        })
        .await
    }
}

pub(crate) fn get(
    connection: &Connection,
    tenant: TenantId,
    key: &str,
    now: UnixMillis,
) -> Result<StorageRead, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    let found = statement.query_row([tenant.to_string().as_str(), key], |row| {
        let expires_at: Option<i64> = row.get(2)?;
        let is_live = expires_at.is_none_or(|at| at > now.0);
        Ok(StorageRead { value: if is_live { Some(row.get(0)?) } else { None }, revision: Some(row.get(1)?) })
    });
    Ok(found.optional()?.unwrap_or_default())
}

/// The digest that [`Database::storage_list`] would answer now, without reading values.
pub(crate) fn range_digest(
    connection: &Connection,
    tenant: TenantId,
    query: &StorageQuery,
) -> Result<[u8; 32], DatabaseError> {
    let mut statement = connection.prepare_cached(query.statement(REVISIONS_FROM, REVISIONS_AFTER))?;
    let (lower, upper) = query.bounds();
    let parameters = params![tenant.to_string(), lower, upper, query.now.0, query.fetched()];
    let rows = statement.query_map(parameters, |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut entries = rows.collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    let more = query.cut(&mut entries);
    Ok(digest(entries.iter().map(|(key, revision)| (key.as_str(), *revision)), more))
}

impl StorageQuery {
    /// The page begins at the prefix itself, or after the cursor where that lies further on. One bound and not two,
    /// because the index can begin at one only.
    fn statement(&self, from: &'static str, after: &'static str) -> &'static str {
        if self.after.as_deref().is_some_and(|cursor| cursor >= self.prefix.as_str()) { after } else { from }
    }

    fn bounds(&self) -> (&str, String) {
        let lower = self.after.as_deref().filter(|cursor| *cursor >= self.prefix.as_str()).unwrap_or(&self.prefix);
        (lower, prefix_end(&self.prefix))
    }

    /// One row more than the page, which tells whether there are more.
    fn fetched(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// Cut what was fetched to the page; answers whether there is more.
    fn cut<T>(&self, fetched: &mut Vec<T>) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = fetched.len() > limit;
        fetched.truncate(limit);
        more
    }
}

/// The least text beyond every text that begins with `prefix`. UTF-8 sorts by bytes as by characters, so the last
/// character goes up by one; one that has no successor gives way to the one before it.
pub(crate) fn prefix_end(prefix: &str) -> String {
    let mut characters: Vec<char> = prefix.chars().collect();
    while let Some(last) = characters.pop() {
        if let Some(next) = (last..=char::MAX).nth(1) {
            characters.push(next);
            return characters.into_iter().collect();
        }
    }
    // Beyond every key: one has at most 512 bytes, which are 128 of these.
    char::MAX.to_string().repeat(129)
}

/// A digest over the rows of a range; lengths keep apart what would read alike.
pub(crate) fn digest<'a>(rows: impl Iterator<Item = (&'a str, i64)>, more: bool) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    for (key, revision) in rows {
        hasher.update(&(key.len() as u64).to_le_bytes()).update(key.as_bytes()).update(&revision.to_le_bytes());
    }
    hasher.update(&[u8::from(more)]);
    hasher.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_prefix_lies_beyond_all_that_begins_with_it() {
        assert_eq!(prefix_end("orders/"), "orders0");
        assert_eq!(prefix_end("a\u{d7ff}"), "a\u{e000}");
        assert_eq!(prefix_end("a\u{10ffff}"), "b");
        let largest_key = "\u{10ffff}".repeat(128);
        assert!(prefix_end("") > largest_key);
        assert!(prefix_end("\u{10ffff}") > largest_key);
    }

    #[test]
    fn digests_tell_ranges_apart() {
        let one = digest([("ab", 1), ("c", 2)].into_iter(), false);
        assert_ne!(one, digest([("a", 1), ("bc", 2)].into_iter(), false));
        assert_ne!(one, digest([("ab", 1), ("c", 2)].into_iter(), true));
    }
}
