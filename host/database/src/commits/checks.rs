//! The check at commit: whether all that an execution read is still as it was.

use domain::{TenantId, UnixMillis};
use rusqlite::Connection;

use super::{CommitResult, Refusal};
use crate::{DocumentQuery, StorageQuery, documents, storage};

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
    for DocumentRangeRead { query, digest } in &reads.document_ranges {
        let unchanged = documents::range_digest(connection, tenant, query)? == *digest;
        require(unchanged, || format!("the list of '{}'", query.collection))?;
    }
    Ok(())
}

fn require(unchanged: bool, what: impl FnOnce() -> String) -> Result<(), Refusal> {
    if unchanged { Ok(()) } else { Err(Refusal::Result(CommitResult::Conflict { what: what() })) }
}
