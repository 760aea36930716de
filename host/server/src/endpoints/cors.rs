//! What pages of other origins may ask and read, as the endpoint's record says (RULES 29). A preflight is answered from
//! it alone: nothing runs, and nobody's credentials are asked for.

use app::{Cors, RoutedCall};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderValue, StatusCode, header};

/// What the page that asks is granted.
#[derive(Debug, Default)]
pub(super) struct Granted {
    origin: Option<HeaderValue>,
    exposed: Option<HeaderValue>,
    /// Whether another page could be answered otherwise.
    varies: bool,
}

impl Granted {
    /// By the record of an endpoint and what a request says of its page.
    pub(super) fn of(cors: Option<&Cors>, request: &HeaderMap) -> Self {
        let Some(cors) = cors else { return Self::default() };
        let origin = origin(request).and_then(|origin| cors.allowed_origin(origin));
        let exposed = origin.filter(|_| !cors.exposed_headers.is_empty()).map(|_| cors.exposed_headers.join(", "));
        Self { origin: origin.and_then(value), exposed: exposed.as_deref().and_then(value), varies: !cors.allows_any() }
    }

    /// The response with it.
    pub(super) fn put_into(self, mut response: Response) -> Response {
        let headers = response.headers_mut();
        if self.varies {
            headers.append(header::VARY, HeaderValue::from_static("origin"));
        }
        if let Some(origin) = self.origin {
            headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        if let Some(exposed) = self.exposed {
            headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, exposed);
        }
        response
    }
}

/// The method that a browser asks for before it sends a page's request.
pub(super) fn asked_method(request: &HeaderMap) -> Option<&str> {
    origin(request)?;
    let asked = request.get(header::ACCESS_CONTROL_REQUEST_METHOD)?.to_str().ok()?;
    // HEAD is answered as GET.
    Some(if asked == "HEAD" { "GET" } else { asked })
}

/// Whether the page that asks may. One that may not is answered as where no page may: it learns of no endpoint by asking.
pub(super) fn may_ask(cors: Option<&Cors>, request: &HeaderMap) -> bool {
    Granted::of(cors, request).origin.is_some()
}

/// The answer to such a question, for a page that may ask what is answered to `methods`.
pub(super) fn preflight<'a>(
    routed: &RoutedCall,
    methods: impl IntoIterator<Item = &'a str>,
    request: &HeaderMap,
) -> Response {
    let mut response = StatusCode::NO_CONTENT.into_response();
    let granted = Granted::of(routed.cors(), request);
    if let Some(cors) = routed.cors()
        && granted.origin.is_some()
    {
        let headers = response.headers_mut();
        let methods: Vec<&str> = methods.into_iter().collect();
        let values = [
            (header::ACCESS_CONTROL_ALLOW_METHODS, methods.join(", ")),
            (header::ACCESS_CONTROL_ALLOW_HEADERS, cors.headers.join(", ")),
            (header::ACCESS_CONTROL_MAX_AGE, cors.max_age_s.to_string()),
        ];
        for (name, text) in values {
            if let Some(value) = value(&text).filter(|_| !text.is_empty()) {
                headers.insert(name, value);
            }
        }
    }
    granted.put_into(response)
}

fn origin(request: &HeaderMap) -> Option<&str> {
    let mut values = request.get_all(header::ORIGIN).iter();
    let origin = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(origin)
}

fn value(text: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn cors(origin: &str) -> Cors {
        Cors { origins: vec![origin.to_owned()], exposed_headers: vec![String::from("location")], ..Cors::default() }
    }

    fn granted(cors: Option<&Cors>, origin: Option<&'static str>) -> HeaderMap {
        let request = origin.map(|origin| (header::ORIGIN, HeaderValue::from_static(origin)));
        let granted = Granted::of(cors, &HeaderMap::from_iter(request));
        granted.put_into(Response::new(Body::empty())).headers().clone()
    }

    #[test]
    fn a_page_that_is_named_may_read_and_no_other() {
        let shop = cors("https://shop.example");
        let headers = granted(Some(&shop), Some("https://shop.example"));
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "https://shop.example");
        assert_eq!(headers[header::ACCESS_CONTROL_EXPOSE_HEADERS], "location");
        assert_eq!(headers[header::VARY], "origin");
        for origin in [Some("https://evil.example"), Some("null"), None] {
            let headers = granted(Some(&shop), origin);
            assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), "{origin:?}");
            assert_eq!(headers[header::VARY], "origin", "no cache gives one page what another one was answered");
        }
        assert!(granted(None, Some("https://shop.example")).is_empty());
    }

    #[test]
    fn a_page_that_is_not_named_may_not_ask() {
        let shop = cors("https://shop.example");
        let of = |origin| HeaderMap::from_iter([(header::ORIGIN, HeaderValue::from_static(origin))]);
        assert!(may_ask(Some(&shop), &of("https://shop.example")));
        assert!(!may_ask(Some(&shop), &of("https://evil.example")) && !may_ask(None, &of("https://shop.example")));
    }

    #[test]
    fn every_page_may_read_what_says_so_and_never_with_credentials() {
        let headers = granted(Some(&cors("*")), Some("https://any.example"));
        assert_eq!(headers[header::ACCESS_CONTROL_ALLOW_ORIGIN], "*");
        assert!(!headers.contains_key(header::VARY));
        assert!(!headers.contains_key(header::ACCESS_CONTROL_ALLOW_CREDENTIALS));
    }
}
