//! `/storage`: what scripts keep, by key.

use app::{App, EntriesPage, StoredEntry};
use askama::Template;
use axum::extract::State;
use domain::Permission;
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    format::{self, query_from},
    frame::Frame,
    visit::Visit,
};
use crate::web::extract::Params;

/// Entries of one page.
const PAGE: u32 = 100;

/// Characters of a value that a row shows.
const SHOWN: usize = 120;

/// Which entries to show.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct StorageQuery {
    #[serde(default)]
    prefix: String,
    after: Option<String>,
    /// The key of the one that is opened.
    key: Option<String>,
}

#[derive(Template)]
#[template(path = "tenant/storage.html")]
struct StoragePage {
    frame: Frame,
    filter: StorageQuery,
    entries: Vec<StoredEntry>,
    next: Option<String>,
    opened: Option<StoredEntry>,
    quota: Option<(String, String)>,
}

impl StoragePage {
    fn may_write(&self) -> bool {
        self.frame.may(Permission::StorageWrite)
    }

    /// The beginning of a value.
    fn shown(&self, entry: &StoredEntry) -> String {
        let mut text: String = entry.value.chars().take(SHOWN).collect();
        if text.len() < entry.value.len() {
            text.push('…');
        }
        text
    }

    fn size(&self, entry: &StoredEntry) -> String {
        format::bytes(entry.value.len() as u64)
    }

    /// The page with one entry opened.
    fn address(&self, entry: &StoredEntry) -> String {
        query_from("/storage", &[("prefix", &self.filter.prefix), ("key", &entry.key)])
    }

    /// The API's address of an entry.
    fn api(&self, key: &str) -> String {
        let key: String = url::form_urlencoded::byte_serialize(key.as_bytes()).collect();
        format!("/api/v1/storage/{}", key.replace('+', "%20"))
    }
}

/// What scripts keep.
pub(crate) async fn storage_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<StorageQuery>,
) -> PageResult {
    let EntriesPage { entries, next } = app.storage().list(&principal, &filter.prefix, filter.after.clone(), PAGE)?;
    let next = next.map(|after| query_from("/storage", &[("prefix", &filter.prefix), ("after", &after)]));
    let opened = filter.key.as_deref().map(|key| app.storage().get(&principal, key)).transpose()?;
    let usage = frame.may(Permission::ExecutionsRead).then(|| app.usage().show(&principal)).transpose()?;
    let quota = usage.map(|usage| (format::bytes(usage.storage_bytes), format::bytes(usage.quotas.storage_bytes)));
    page(&StoragePage { frame, filter, entries, next, opened, quota })
}
