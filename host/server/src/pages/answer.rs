//! How pages are answered: as HTML that runs only our own scripts, in nobody's frame, and that no cache keeps.

use app::AppError;
use askama::Template;
use axum::response::{Html, IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::web::problem::Problem;

/// RULES 43: nothing is loaded from elsewhere. Monaco writes styles into its elements, which cannot be taken from it; a
/// style runs nothing.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; worker-src 'self'; \
     font-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; \
     form-action 'self'";

const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
pub(super) const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// A handler's answer: a page, or why there is none.
pub(crate) type PageResult = Result<Response, PageError>;

/// Why there is no page. It is shown in the frame, by [`super::visit::know_visitor`].
#[derive(Debug)]
pub(crate) enum PageError {
    /// What the API would answer.
    Problem(Problem),
    /// Another page has to be seen first.
    Elsewhere(String),
}

/// A problem on its way into the frame: an extension of the response.
#[derive(Clone, Debug)]
pub(super) struct PageFailure {
    pub(super) status: StatusCode,
    pub(super) title: &'static str,
    pub(super) detail: String,
    pub(super) code: &'static str,
    pub(super) permission: Option<String>,
}

impl<E: Into<Problem>> From<E> for PageError {
    fn from(error: E) -> Self {
        Self::Problem(error.into())
    }
}

impl PageError {
    /// There is nothing at this address.
    pub(crate) fn not_found(what: &'static str) -> Self {
        Self::from(AppError::NotFound { what })
    }
}

impl IntoResponse for PageError {
    fn into_response(self) -> Response {
        match self {
            Self::Elsewhere(address) => elsewhere(&address),
            Self::Problem(problem) => {
                let failure = PageFailure {
                    status: problem.status(),
                    title: problem.title(),
                    detail: problem.detail().to_owned(),
                    code: problem.code(),
                    permission: problem.permission().map(str::to_owned),
                };
                let mut response = failure.status.into_response();
                response.extensions_mut().insert(failure);
                response
            }
        }
    }
}

/// The template as a page.
pub(crate) fn page(template: &impl Template) -> PageResult {
    Ok(rendered(StatusCode::OK, template))
}

/// The template as a page with a status.
pub(super) fn rendered(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, secured(Html(html).into_response())).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

/// Send the browser to another page.
pub(super) fn elsewhere(address: &str) -> Response {
    let mut response = secured(StatusCode::SEE_OTHER.into_response());
    if let Ok(value) = HeaderValue::from_str(address) {
        response.headers_mut().insert(header::LOCATION, value);
    }
    response
}

fn secured(mut response: Response) -> Response {
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::CACHE_CONTROL, "no-store"),
        (header::REFERRER_POLICY, "no-referrer"),
        (COOP, "same-origin"),
        (CORP, "same-origin"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
