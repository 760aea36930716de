//! The check at commit: whether all that an execution read is still as it was.

use std::time::Duration;

use domain::{TenantId, UnixMillis};
use rusqlite::Connection;

use super::{CommitResult, Refusal};
use crate::{DatabaseError, DocumentQuery, StorageQuery, connection::within, documents, storage};

/// How long the lists of one execution, of entries and of documents together, may keep the writer.
const CHECK_TIME_MAX: Duration = Duration::from_millis(100);

/// What an execution read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    /// Storage entries.
    pub entries: Vec<EntryRead>,
    /// Ranges of storage entries.
    pub ranges: Vec<StorageRangeRead>,
    /// Documents.
    pub documents: Vec<DocumentRead>,
    /// Ranges of documents.
    pub document_ranges: Vec<DocumentRangeRead>,
}

/// A storage entry that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRead {
    /// The key.
    pub key: String,
    /// The revision that was seen, as [`crate::StorageRead`] has it; `None` where there was no row.
    pub revision: Option<i64>,
}

/// A range of storage entries that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StorageRangeRead {
    /// What was asked for.
    pub query: StorageQuery,
    /// The digest of what was seen, as [`crate::StorageRange`] has it.
    pub digest: [u8; 32],
}

/// A document that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRead {
    /// The collection.
    pub collection: String,
    /// The id.
    pub id: String,
    /// The revision that was seen; `None` where there was no document.
    pub revision: Option<i64>,
}

/// A range of documents that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRangeRead {
    /// What was asked for.
    pub query: DocumentQuery,
    /// The revision of the collection, read before the list: while it has none beyond, the list is as it was.
    pub revision: i64,
    /// The digest of what was seen, as [`crate::DocumentRange`] has it.
    pub digest: [u8; 32],
}

pub(super) fn verify(connection: &Connection, tenant: TenantId, reads: &ReadSet) -> Result<(), Refusal> {
    for EntryRead { key, revision } in &reads.entries {
        // Whether it has expired meanwhile does not matter: the run's clock decided that.
        let now = UnixMillis(i64::MAX);
        let unchanged = storage::get(connection, tenant, key, now)?.revision == *revision;
        require(unchanged, || format!("the storage entry '{key}'"))?;
    }
    for DocumentRead { collection, id, revision } in &reads.documents {
        let unchanged = documents::revision(connection, tenant, collection, id)? == *revision;
        require(unchanged, || format!("the document '{id}' of '{collection}'"))?;
    }
    if reads.ranges.is_empty() && reads.document_ranges.is_empty() {
        return Ok(());
    }
    within(CHECK_TIME_MAX, || {
        reads.ranges.iter().try_for_each(|read| verify_range(connection, tenant, read))?;
        reads.document_ranges.iter().try_for_each(|read| verify_document_range(connection, tenant, read))
    })
}

/// A list can be long work, and the writer has to serve everybody: past the bound of time it counts as changed.
fn verify_range(
    connection: &Connection,
    tenant: TenantId,
    StorageRangeRead { query, digest }: &StorageRangeRead,
) -> Result<(), Refusal> {
    let unchanged = is_still(storage::range_digest(connection, tenant, query), digest)?;
    require(unchanged, || format!("the list of storage entries under '{}'", query.prefix))
}

/// Only where its collection was changed, a list is made again. The last repeat of a run keeps other commits of its
/// tenant back, so that there the collection has not changed.
fn verify_document_range(
    connection: &Connection,
    tenant: TenantId,
    DocumentRangeRead { query, revision, digest }: &DocumentRangeRead,
) -> Result<(), Refusal> {
    if documents::collection_revision(connection, tenant, &query.collection)? == Some(*revision) {
        return Ok(());
    }
    let unchanged = is_still(documents::range_digest(connection, tenant, query), digest)?;
    require(unchanged, || format!("the list of '{}'", query.collection))
}

fn is_still(found: Result<[u8; 32], DatabaseError>, digest: &[u8; 32]) -> Result<bool, Refusal> {
    match found {
        Ok(found) => Ok(found == *digest),
        Err(DatabaseError::TooSlow) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn require(unchanged: bool, what: impl FnOnce() -> String) -> Result<(), Refusal> {
    if unchanged { Ok(()) } else { Err(Refusal::Result(CommitResult::Conflict { what: what() })) }
}
