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

const TRACE_PARENT: HeaderName = HeaderName::from_static("traceparent");

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
    let trace = request.headers().get(TRACE_PARENT).and_then(|value| trace_of(value.to_str().ok()?));
    let (method, path) = (request.method(), request.uri().path());
    let span = tracing::info_span!("request", request.id = %id, %method, path, trace.id = trace);
    let address = request.extensions().get::<PeerAddress>().map(|peer| peer.0);
    let origin = RequestOrigin { id: id.clone(), address, ..RequestOrigin::default() };
    let mut response = origin.scope(next.run(request).instrument(span)).await;
    if let Ok(id) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}

/// The id of the trace that a request belongs to (W3C Trace Context, `traceparent`), for the log. Of its flags nothing is
/// taken: nobody outside decides what is recorded here (RULES 40).
fn trace_of(header: &str) -> Option<&str> {
    let mut parts = header.split('-');
    let (version, trace, parent, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    let is_hex = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    // The first version ends here; later ones may go on, and 'ff' is none.
    let is_version = is_hex(version, 2) && version != "ff" && (version != "00" || parts.next().is_none());
    let is_named = |text: &str, digits| is_hex(text, digits) && text.bytes().any(|byte| byte != b'0');
    (is_version && is_named(trace, 32) && is_named(parent, 16) && is_hex(flags, 2)).then_some(trace)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_named_by_a_header_of_its_form_alone() {
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let header = |version: &str, rest: &str| format!("{version}-{trace}-00f067aa0ba902b7-{rest}");
        assert_eq!(trace_of(&header("00", "01")), Some(trace));
        assert_eq!(trace_of(&header("cc", "01-what-comes-later")), Some(trace));
        for wrong in [
            header("ff", "01"),
            header("00", "01-more"),
            header("00", "1"),
            header("00", "01").to_uppercase(),
            String::from("00-00000000000000000000000000000000-00f067aa0ba902b7-01"),
            format!("00-{trace}-0000000000000000-01"),
            String::from(trace),
            String::new(),
        ] {
            assert_eq!(trace_of(&wrong), None, "{wrong}");
        }
    }
}
