//! What happens to every request, whichever handler it is for: an id, a span, and an answer even after a panic.

use std::any::Any;

use app::RequestOrigin;
use axum::{Router, extract::Request, middleware, middleware::Next, response::IntoResponse, response::Response};
use http::{HeaderName, HeaderValue, Uri, header};
use tower_http::catch_panic::CatchPanicLayer;
use tracing::Instrument;
use uuid::Uuid;

use super::{
    hosts::{OwnHosts, require_own_host},
    overload::{Overload, bound_load},
    peer::PeerAddress,
    problem::{Problem, kinds},
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Put around a listener's router what all of its answers share.
pub(crate) fn around(router: Router, hosts: OwnHosts, overload: Overload) -> Router {
    router
        .layer(middleware::from_fn_with_state(hosts, require_own_host))
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(overload, bound_load))
        .layer(middleware::from_fn(identify))
}

/// Give the request an id, which its answer and every line of the log about it carry. A caller's own id is not taken:
/// the log's reader could not tell two requests from one.
async fn identify(request: Request, next: Next) -> Response {
    let id = Uuid::now_v7().to_string();
    let span =
        tracing::info_span!("request", request.id = %id, method = %request.method(), path = request.uri().path());
    let address = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let origin = RequestOrigin { id: id.clone(), address };
    let mut response = origin.scope(next.run(request).instrument(span)).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

fn after_panic(panic: Box<dyn Any + Send + 'static>) -> Response {
    let message = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!(message = message.unwrap_or("no message"), "a handler panicked");
    Problem::new(&kinds::INTERNAL, "the server failed; its log says why, under the id in 'X-Request-Id'")
        .into_response()
}

/// The answer where no route is.
pub(crate) async fn answer_unknown_route(uri: Uri) -> Problem {
    let detail = format!("there is no '{}': GET /api/v1/openapi.json lists what there is", uri.path());
    Problem::new(&kinds::NOT_FOUND, detail)
}

/// The answer where a route is, but not for this method. The router adds `Allow`.
pub(crate) async fn answer_wrong_method() -> Problem {
    Problem::new(&kinds::METHOD_NOT_ALLOWED, "the header 'Allow' lists the methods of this address")
}
