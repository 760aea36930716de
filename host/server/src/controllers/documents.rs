//! `/storage/collections/{collection}/documents`: the documents that scripts have through the service of that name.

use app::{App, DocumentsQuery, StoredDocument};
use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use serde::Deserialize;
use serde_json::{Map, Value, value::RawValue};
use utoipa::IntoParams;

use crate::{
    views::{
        documents::{DocumentBody, DocumentView, DocumentsPageView},
        pages,
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{self, IfMatch},
        extract::{CollectionPath, DocumentPath, Params},
        problem::Problem,
        responses::{ListProblems, ReadProblems, StorageProblems, StorageRemovalProblems},
    },
};

/// Which documents to list, and in which order.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DocumentsParams {
    /// What each fulfils, as JSON and as scripts write it: `{"price":{"lt":50},"tags":{"contains":"kitchen"}}`. Fields are
    /// those that the collection's schema declares.
    filter: Option<String>,
    /// The field that the list is sorted by, with `-` in front for the greatest first; by id where nothing is said.
    sort: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

impl DocumentsParams {
    fn query(self) -> Result<DocumentsQuery, Problem> {
        let filter: Map<String, Value> = match &self.filter {
            None => Map::new(),
            Some(text) => serde_json::from_str(text)
                .map_err(|error| Problem::field("filter", format!("filter is an object, as JSON: {error}")))?,
        };
        Ok(DocumentsQuery { filter, sort: self.sort, cursor: self.cursor, limit: pages::limit(self.limit)? })
    }
}

/// List the documents of a collection. A page has at most 4 MiB of documents, or one of them.
#[utoipa::path(
    get, path = "/api/v1/storage/collections/{collection}/documents", tag = "storage",
    params(("collection" = String, Path, description = "The collection's name"), DocumentsParams),
    responses((status = 200, description = "A page of documents", body = DocumentsPageView), ListProblems)
)]
pub(crate) async fn browse_documents(
    State(app): State<App>,
    Caller(principal): Caller,
    CollectionPath(collection): CollectionPath,
    Params(params): Params<DocumentsParams>,
) -> Result<Json<DocumentsPageView>, Problem> {
    Ok(Json(app.storage().documents(&principal, &collection, params.query()?)?.into()))
}

/// Show a document.
#[utoipa::path(
    get, path = "/api/v1/storage/collections/{collection}/documents/{document}", tag = "storage",
    params(
        ("collection" = String, Path, description = "The collection's name"),
        ("document" = String, Path, description = "Its id, percent-encoded")
    ),
    responses(
        (status = 200, description = "The document", body = DocumentView,
            headers(("ETag", description = "The document's revision"))),
        ReadProblems
    )
)]
pub(crate) async fn show_document(
    State(app): State<App>,
    Caller(principal): Caller,
    DocumentPath(collection, document): DocumentPath,
) -> Result<impl IntoResponse, Problem> {
    Ok(shown(app.storage().document(&principal, &collection, &document)?))
}

/// Keep a document that fits the collection's schema, in place of the one there is; with `If-Match` only in place of that
/// revision. Its `id` is the one in the address, and may be left out.
#[utoipa::path(
    put, path = "/api/v1/storage/collections/{collection}/documents/{document}", tag = "storage",
    request_body = DocumentBody,
    params(
        ("collection" = String, Path, description = "The collection's name"),
        ("document" = String, Path, description = "Its id, percent-encoded: 1 to 512 bytes, no control characters"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the document that it takes the place of")
    ),
    responses(
        (status = 200, description = "The document", body = DocumentView,
            headers(("ETag", description = "The document's revision"))),
        StorageProblems
    )
)]
pub(crate) async fn put_document(
    State(app): State<App>,
    Caller(principal): Caller,
    DocumentPath(collection, document): DocumentPath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<Box<RawValue>>,
) -> Result<impl IntoResponse, Problem> {
    Ok(shown(app.storage().put_document(&principal, (&collection, &document), &body, expected).await?))
}

/// Remove a document; with `If-Match` only that revision.
#[utoipa::path(
    delete, path = "/api/v1/storage/collections/{collection}/documents/{document}", tag = "storage",
    params(
        ("collection" = String, Path, description = "The collection's name"),
        ("document" = String, Path, description = "Its id, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the document that was seen")
    ),
    responses((status = 204, description = "It is gone"), StorageRemovalProblems)
)]
pub(crate) async fn delete_document(
    State(app): State<App>,
    Caller(principal): Caller,
    DocumentPath(collection, document): DocumentPath,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    app.storage().delete_document(&principal, (&collection, &document), expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(document: StoredDocument) -> impl IntoResponse {
    ([(header::ETAG, etag::of_revision(document.revision))], Json(DocumentView::from(document)))
}
