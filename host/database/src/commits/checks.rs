//! The check at commit: whether all that an execution read is still as it was.

use std::time::Duration;

use domain::{TenantId, UnixMillis};
use rusqlite::Connection;

use super::{CommitResult, Refusal};
use crate::{DatabaseError, DocumentQuery, StorageQuery, connection::within, documents, storage};

/// How long the lists of one execution may keep the writer.
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
    for StorageRangeRead { query, digest } in &reads.ranges {
        let unchanged = storage::range_digest(connection, tenant, query)? == *digest;
        require(unchanged, || format!("the list of storage entries under '{}'", query.prefix))?;
    }
    for DocumentRead { collection, id, revision } in &reads.documents {
        let unchanged = documents::revision(connection, tenant, collection, id)? == *revision;
        require(unchanged, || format!("the document '{id}' of '{collection}'"))?;
    }
    verify_document_ranges(connection, tenant, &reads.document_ranges)
}

/// A filtered list can be long work, and the writer has to serve everybody: where its collection was changed, a list is
/// made again within a bound of time, past which it counts as changed. The last repeat of a run keeps other commits of
/// its tenant back, so that there the collection has not changed.
fn verify_document_ranges(
    connection: &Connection,
    tenant: TenantId,
    reads: &[DocumentRangeRead],
) -> Result<(), Refusal> {
    if reads.is_empty() {
        return Ok(());
    }
    within(CHECK_TIME_MAX, || reads.iter().try_for_each(|read| verify_document_range(connection, tenant, read)))
}

fn verify_document_range(
    connection: &Connection,
    tenant: TenantId,
    DocumentRangeRead { query, revision, digest }: &DocumentRangeRead,
) -> Result<(), Refusal> {
    if documents::collection_revision(connection, tenant, &query.collection)? == Some(*revision) {
        return Ok(());
    }
    let unchanged = match documents::range_digest(connection, tenant, query) {
        Ok(found) => found == *digest,
        Err(DatabaseError::TooSlow) => false,
        Err(error) => return Err(error.into()),
    };
    require(unchanged, || format!("the list of '{}'", query.collection))
}

fn require(unchanged: bool, what: impl FnOnce() -> String) -> Result<(), Refusal> {
    if unchanged { Ok(()) } else { Err(Refusal::Result(CommitResult::Conflict { what: what() })) }
}
