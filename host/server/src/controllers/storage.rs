//! `/storage`: the tenant's entries, as scripts have them.

use app::{App, EntryInput, StoredEntry};
use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        pages,
        storage::{StorageEntryView, StoragePage, StorageValue},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{self, IfMatch},
        extract::{Params, StorageKeyPath},
        problem::Problem,
        responses::{ListProblems, ReadProblems, StorageProblems, StorageRemovalProblems},
    },
};

/// Which entries to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct StorageQuery {
    /// Those whose keys begin with it; at most 512 bytes.
    #[serde(default)]
    #[param(max_length = 512)]
    prefix: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List storage entries, by key. A page has at most 4 MiB of values, or one entry.
#[utoipa::path(
    get, path = "/api/v1/storage", tag = "storage", params(StorageQuery),
    responses((status = 200, description = "A page of entries", body = StoragePage), ListProblems)
)]
pub(crate) async fn browse_storage(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<StorageQuery>,
) -> Result<Json<StoragePage>, Problem> {
    let limit = pages::limit(query.limit)?;
    let prefix = query.prefix.unwrap_or_default();
    Ok(Json(app.storage().list(&principal, &prefix, query.cursor, limit)?.into()))
}

/// Show a storage entry. A `/` in its key is written as `%2F`: a key is one part of the address.
#[utoipa::path(
    get, path = "/api/v1/storage/{key}", tag = "storage",
    params(("key" = String, Path, description = "Its key, percent-encoded")),
    responses(
        (status = 200, description = "The entry", body = StorageEntryView,
            headers(("ETag", description = "The entry's revision"))),
        ReadProblems
    )
)]
pub(crate) async fn show_storage_entry(
    State(app): State<App>,
    Caller(principal): Caller,
    StorageKeyPath(key): StorageKeyPath,
) -> Result<impl IntoResponse, Problem> {
    Ok(shown(app.storage().get(&principal, &key)?))
}

/// Keep a value, in place of the one there is; with `If-Match` only in place of that revision. Executions that have read
/// the entry and go on are repeated, as after a script's write.
#[utoipa::path(
    put, path = "/api/v1/storage/{key}", tag = "storage", request_body = StorageValue,
    params(
        ("key" = String, Path, description = "Its key, percent-encoded: 1 to 512 bytes, no control characters"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the entry that it takes the place of")
    ),
    responses(
        (status = 200, description = "The entry", body = StorageEntryView,
            headers(("ETag", description = "The entry's revision"))),
        StorageProblems
    )
)]
pub(crate) async fn put_storage_entry(
    State(app): State<App>,
    Caller(principal): Caller,
    StorageKeyPath(key): StorageKeyPath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<StorageValue>,
) -> Result<impl IntoResponse, Problem> {
    let input = EntryInput { key, value: body.value.get().to_owned(), ttl_seconds: body.ttl_seconds };
    Ok(shown(app.storage().put(&principal, input, expected).await?))
}

/// Remove a storage entry; with `If-Match` only that revision.
#[utoipa::path(
    delete, path = "/api/v1/storage/{key}", tag = "storage",
    params(
        ("key" = String, Path, description = "Its key, percent-encoded"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the entry that was seen")
    ),
    responses((status = 204, description = "It is gone"), StorageRemovalProblems)
)]
pub(crate) async fn delete_storage_entry(
    State(app): State<App>,
    Caller(principal): Caller,
    StorageKeyPath(key): StorageKeyPath,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    app.storage().delete(&principal, &key, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn shown(entry: StoredEntry) -> impl IntoResponse {
    ([(header::ETAG, etag::of_revision(entry.revision))], Json(StorageEntryView::from(entry)))
}
