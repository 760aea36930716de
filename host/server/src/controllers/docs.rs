//! `/docs`: the API's description as a page. It is made here, of the document that `/openapi.json` answers, and asks for
//! nothing from elsewhere: no script, no font, no picture.

use axum::{extract::State, response::IntoResponse};
use http::header;

use crate::views::docs::{DocsPage, STYLE};

/// Nothing but the page's own style sheet, in no frame of anybody's.
const CONTENT_SECURITY_POLICY: &str =
    "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";

/// This description as a page.
#[utoipa::path(
    get, path = "/api/v1/docs", tag = "health", security(()),
    responses((status = 200, description = "The page", body = String, content_type = "text/html"))
)]
pub(crate) async fn show_docs(State(page): State<DocsPage>) -> impl IntoResponse {
    let headers = [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    (headers, page.html())
}

/// The page's style sheet.
#[utoipa::path(
    get, path = "/api/v1/docs/style.css", tag = "health", security(()),
    responses((status = 200, description = "The style sheet", body = String, content_type = "text/css"))
)]
pub(crate) async fn show_docs_style() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], STYLE)
}
