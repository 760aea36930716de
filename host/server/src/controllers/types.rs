//! `/types`: the script API and the tenant's services as TypeScript.

use app::App;
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::web::{caller::Caller, etag, problem::Problem, responses::ReadProblems};

/// Declarations belong to one tenant, and an editor asks again whether they are still the same.
const CACHING: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Show what the tenant's scripts can reach, as TypeScript declarations for editors.
#[utoipa::path(
    get, path = "/api/v1/types", tag = "scripts",
    params(("If-None-Match" = Option<String>, Header, description = "The ETag of an earlier answer")),
    responses(
        (status = 200, body = String, content_type = "application/typescript",
            description = "The script API, the tenant's services, the extension points and, with `secrets.read`, the names of its secrets",
            headers(("ETag", description = "Of this text"))),
        (status = 304, description = "The text is the one of If-None-Match"),
        ReadProblems
    )
)]
pub(crate) async fn show_types(
    State(app): State<App>,
    Caller(principal): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let types = app.types().of_tenant(&principal)?;
    let tag = etag::of_text(&types.digest);
    let shared = [(header::ETAG, tag.clone()), (header::CACHE_CONTROL, CACHING)];
    if etag::is_known(&headers, &tag) {
        return Ok((StatusCode::NOT_MODIFIED, shared).into_response());
    }
    let content_type = (header::CONTENT_TYPE, HeaderValue::from_static("application/typescript; charset=utf-8"));
    Ok((shared, [content_type], types.text).into_response())
}
