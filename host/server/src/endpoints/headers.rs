//! Which headers of a script's answer go out, and which every answer has whatever the script says (RULES 28, 29).

use app::Header;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// Headers that a script may send, by name.
const ALLOWED: [HeaderName; 7] = [
    header::CACHE_CONTROL,
    header::ETAG,
    header::LAST_MODIFIED,
    header::LOCATION,
    header::VARY,
    header::LINK,
    header::RETRY_AFTER,
];

/// Headers that no script may send though their family is allowed: framing is the server's, a policy is not the script's
/// to loosen, and some proxies take orders in `x-` headers.
const REFUSED_PREFIXES: [&str; 5] =
    ["content-length", "content-security-policy", "x-accel", "x-sendfile", "x-lighttpd-send"];

/// The headers of a script's answer that may leave. What is no header at all is left out.
pub(super) fn allowed(headers: &[Header]) -> HeaderMap {
    let mut allowed = HeaderMap::new();
    for Header { name, value } in headers {
        let (Ok(name), Some(value)) = (HeaderName::from_bytes(name.as_bytes()), header_value(value)) else { continue };
        if !is_allowed(&name) {
            continue;
        }
        if name.as_str().starts_with("content-") {
            allowed.insert(name, value);
        } else {
            allowed.append(name, value);
        }
    }
    allowed
}

/// Keep shared caches away from an answer that only its caller may have.
pub(super) fn make_private(headers: &mut HeaderMap) {
    let values = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let directives = values.flat_map(|value| value.split(',')).map(|directive| directive.trim().to_ascii_lowercase());
    let kept: Vec<String> = directives
        .filter(|directive| {
            let name = directive.split('=').next().unwrap_or_default();
            !directive.is_empty() && !matches!(name, "public" | "private" | "s-maxage")
        })
        .collect();
    if !kept.is_empty()
        && let Ok(value) = HeaderValue::from_str(&format!("private, {}", kept.join(", ")))
    {
        headers.insert(header::CACHE_CONTROL, value);
    } else if headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private"));
    }
}

/// What every answer of the listener has, errors too.
pub(super) async fn confine(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.remove(header::SET_COOKIE);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

fn is_allowed(name: &HeaderName) -> bool {
    let text = name.as_str();
    let is_of_family = text.starts_with("content-") || text.starts_with("x-");
    let is_refused = REFUSED_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
    !is_refused && (is_of_family || ALLOWED.contains(name))
}

/// A character is a byte, as in [`super::text_headers`]; a value with others is none.
fn header_value(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use axum::body::Body;

    use super::*;

    fn header(name: &str, value: &str) -> Header {
        Header { name: name.to_owned(), value: value.to_owned() }
    }

    #[test]
    fn what_the_allow_list_does_not_name_does_not_leave() {
        let refused = [
            "Set-Cookie",
            "set-cookie2",
            "Access-Control-Allow-Origin",
            "Content-Length",
            "Transfer-Encoding",
            "Connection",
            "Strict-Transport-Security",
            "X-Accel-Redirect",
            "X-SendFile",
            "Content-Security-Policy",
            "Server",
            "Clear-Site-Data",
            "Refresh",
            "Service-Worker-Allowed",
            "Host",
        ];
        let headers: Vec<Header> = refused.iter().map(|name| header(name, "x")).collect();
        assert_eq!(allowed(&headers), HeaderMap::new());
    }

    #[test]
    fn what_the_allow_list_names_leaves() {
        let names = ["content-type", "content-disposition", "cache-control", "etag", "location", "vary", "x-trace"];
        let headers: Vec<Header> = names.iter().map(|name| header(name, "x")).collect();
        assert_eq!(allowed(&headers).len(), names.len());
    }

    #[test]
    fn a_value_that_would_split_the_answer_is_left_out() {
        assert!(allowed(&[header("x-a", "b\r\nset-cookie: c=d"), header("x-b", "\0"), header("x c", "d")]).is_empty());
    }

    #[test]
    fn an_answer_to_a_known_caller_is_private() {
        let private = |value: &'static str| {
            let mut headers = HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static(value))]);
            make_private(&mut headers);
            headers[header::CACHE_CONTROL].to_str().map(str::to_owned).ok()
        };
        assert_eq!(private("public, max-age=60, s-maxage=600"), Some(String::from("private, max-age=60")));
        assert_eq!(private("public"), Some(String::from("private")));
        let mut unset = HeaderMap::new();
        make_private(&mut unset);
        assert!(unset.is_empty(), "unset is no-store, which is narrower");
    }

    #[tokio::test]
    async fn every_answer_is_sandboxed_and_not_cached_unless_it_says_so() {
        let response = confine(Response::new(Body::empty())).await;
        assert_eq!(response.headers()[header::CONTENT_SECURITY_POLICY], "sandbox");
        assert_eq!(response.headers()[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(response.headers()[header::CACHE_CONTROL], "no-store");
    }
}
