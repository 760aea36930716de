//! Storage entries.

use app::{EntriesPage, StoredEntry};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::executions::raw;
use crate::web::signed;

/// A value to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = StorageValue, example = json!({ "value": { "count": 3 }, "ttl_seconds": 3600 }))]
pub(crate) struct StorageValue {
    /// Any JSON value of at most 1 MiB.
    #[schema(value_type = serde_json::Value)]
    pub(crate) value: Box<RawValue>,
    /// After how many seconds it expires, from 1 to ten years; null for never.
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub(crate) ttl_seconds: Option<u32>,
}

/// An entry of the tenant's storage.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StorageEntry, example = json!({
    "key": "counters/orders", "value": { "count": 3 }, "revision": 42,
    "updated_at": "2026-01-31T12:00:00.000Z", "expires_at": null
}))]
pub(crate) struct StorageEntryView {
    key: String,
    #[schema(value_type = serde_json::Value)]
    value: Option<Box<RawValue>>,
    /// Of the write that it is from; its ETag.
    revision: i64,
    #[schema(format = DateTime)]
    updated_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// A page of entries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct StoragePage {
    /// The entries, by key; fewer than asked for where their values are large.
    items: Vec<StorageEntryView>,
    /// Send it as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<StoredEntry> for StorageEntryView {
    fn from(entry: StoredEntry) -> Self {
        Self {
            key: entry.key,
            value: raw(entry.value),
            revision: entry.revision,
            updated_at: entry.updated_at.to_rfc3339(),
            expires_at: entry.expires_at.map(|moment| moment.to_rfc3339()),
        }
    }
}

impl From<EntriesPage> for StoragePage {
    fn from(page: EntriesPage) -> Self {
        Self {
            items: page.entries.into_iter().map(StorageEntryView::from).collect(),
            next_cursor: page.next.map(signed::cursor),
        }
    }
}
