//! `/healthz` and `/readyz`: for whoever keeps the process alive, and for whoever sends it work.

use app::App;
use axum::{Json, extract::State};
use http::{StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use crate::web::overload::Account;

/// Whether the server takes work.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Readiness {
    ready: bool,
    /// Whether the database takes writes.
    writable: bool,
    /// What is wrong; empty where nothing is.
    detail: String,
}

/// Whom a request to the API is counted for. Whoever looks after the server is answered under every load.
pub(crate) fn account(uri: &Uri) -> Account {
    if matches!(uri.path(), "/healthz" | "/readyz") { Account::Exempt } else { Account::Caller }
}

/// Whether the process is alive.
#[utoipa::path(
    get, path = "/healthz", tag = "health", security(()),
    responses((status = 200, description = "It is", body = str, content_type = "text/plain"))
)]
pub(crate) async fn show_health() -> &'static str {
    "ok\n"
}

/// Whether the server takes work.
#[utoipa::path(
    get, path = "/readyz", tag = "health", security(()),
    responses(
        (status = 200, description = "It does", body = Readiness),
        (status = 503, description = "It does not now", body = Readiness)
    )
)]
pub(crate) async fn show_readiness(State(app): State<App>) -> (StatusCode, Json<Readiness>) {
    let health = app.health();
    let status = if health.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(Readiness { ready: health.ready, writable: health.writable, detail: health.detail }))
}
