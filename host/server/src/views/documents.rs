//! Documents of collections.

use app::{DocumentsPage, StoredDocument};
use serde::Serialize;
use serde_json::{Map, Value, value::RawValue};
use utoipa::ToSchema;

use super::executions::raw;
use crate::web::signed;

/// A document to be kept.
#[derive(Debug, ToSchema)]
#[schema(
    as = Document, value_type = Object,
    example = json!({ "id": "p-17", "name": "Kettle", "price": 39.5, "tags": ["kitchen"] })
)]
#[expect(dead_code, reason = "only its schema is used")]
pub(crate) struct DocumentBody(Map<String, Value>);

/// A document of a collection.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StoredDocument)]
pub(crate) struct DocumentView {
    id: String,
    /// Of the write that it is from; its ETag.
    revision: i64,
    /// As it was written, with its id.
    #[schema(value_type = serde_json::Value)]
    document: Option<Box<RawValue>>,
}

/// A page of documents.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DocumentsPageView {
    /// The documents, in the list's order; fewer than asked for where they are large.
    items: Vec<DocumentView>,
    /// Send it as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
}

impl From<StoredDocument> for DocumentView {
    fn from(document: StoredDocument) -> Self {
        Self { id: document.id, revision: document.revision, document: raw(document.body) }
    }
}

impl From<DocumentsPage> for DocumentsPageView {
    fn from(page: DocumentsPage) -> Self {
        Self {
            items: page.documents.into_iter().map(DocumentView::from).collect(),
            next_cursor: page.next.map(signed::cursor),
        }
    }
}
