//! Methods and headers of requests that leave, and headers of answers that come in.
//!
//! The Fetch standard's view of a header value holds: bytes that JavaScript sees as one character each.

use http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use runtime::Header;

use super::{EgressError, OutboundRequest};

/// The most headers of a request.
const HEADERS_MAX: usize = 100;

/// The most bytes of a request's headers.
const HEADERS_BYTES_MAX: usize = 64 << 10;

/// The header of the sealed chain of executions that a request belongs to (RULES 35).
pub(crate) const LINEAGE: &str = "skerry-lineage";

/// The header by which a receiver tells a request that is made again (RULES 37).
const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Headers that frame a message or belong to one connection: whoever could write them could send a second request
/// inside the first, or a name that was not judged.
const BANNED: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "trailers",
    "transfer-encoding",
    "upgrade",
];

/// Families of such headers, by their beginning. The second is Skerry's own.
const BANNED_PREFIXES: [&str; 2] = ["proxy-", "skerry-"];

/// Methods that are no request for a resource, or echo what was sent.
const BANNED_METHODS: [&str; 3] = ["CONNECT", "TRACE", "TRACK"];

/// Methods whose case does not matter, as Fetch has it.
const NORMALISED: [&str; 6] = ["DELETE", "GET", "HEAD", "OPTIONS", "POST", "PUT"];

/// The method of a request.
///
/// # Errors
/// [`EgressError::Invalid`].
pub(super) fn method(text: &str) -> Result<Method, EgressError> {
    let upper = text.to_ascii_uppercase();
    if BANNED_METHODS.contains(&upper.as_str()) {
        return Err(EgressError::Invalid(format!("the method {upper} is not sent")));
    }
    let name = if NORMALISED.contains(&upper.as_str()) { upper.as_str() } else { text };
    let no_method = || EgressError::Invalid(format!("'{}' is no method", text.escape_debug()));
    Method::from_bytes(name.as_bytes()).map_err(|_| no_method())
}

/// The headers that a request is sent with, but for those that its address decides.
///
/// # Errors
/// [`EgressError::Invalid`] names the header, never its value.
pub(super) fn outgoing(request: &OutboundRequest) -> Result<HeaderMap, EgressError> {
    let bytes: usize = request.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
    if request.headers.len() > HEADERS_MAX || bytes > HEADERS_BYTES_MAX {
        return Err(EgressError::TooLarge(format!(
            "a request has at most {HEADERS_MAX} headers and {HEADERS_BYTES_MAX} bytes of them"
        )));
    }
    let mut headers = HeaderMap::with_capacity(request.headers.len() + 4);
    for Header { name, value } in &request.headers {
        let name = checked_name(name, request.carries_secret)?;
        let mut value = value_of(value).ok_or_else(|| {
            EgressError::Invalid(format!("the value of the header '{name}' has characters that no header carries"))
        })?;
        // Not shown where a message of the HTTP library shows headers.
        value.set_sensitive(true);
        headers.append(name, value);
    }
    let defaults = [
        (header::ACCEPT, "*/*"),
        (header::USER_AGENT, "Skerry"),
        (HeaderName::from_static(IDEMPOTENCY_KEY), request.idempotency_key.as_str()),
        (HeaderName::from_static(LINEAGE), request.lineage.as_str()),
    ];
    for (name, value) in defaults {
        if let (false, Ok(value)) = (headers.contains_key(&name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    Ok(headers)
}

/// The headers of an answer.
pub(super) fn incoming(headers: &HeaderMap) -> Vec<Header> {
    let text = |value: &HeaderValue| value.as_bytes().iter().map(|byte| char::from(*byte)).collect();
    headers.iter().map(|(name, value)| Header { name: name.as_str().to_owned(), value: text(value) }).collect()
}

fn checked_name(name: &str, carries_secret: bool) -> Result<HeaderName, EgressError> {
    let no_name = || EgressError::Invalid(format!("'{}' is no name of a header", name.escape_debug()));
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| no_name())?;
    let text = name.as_str();
    if BANNED.contains(&text) || BANNED_PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
        return Err(EgressError::Invalid(format!("the header '{text}' is Skerry's to set")));
    }
    // Parts and encodings would carry the value past whoever looks for it in the answer (RULES 24).
    if carries_secret && matches!(text, "range" | "if-range" | "accept-encoding") {
        return Err(EgressError::Invalid(format!("a request that carries a secret has no header '{text}'")));
    }
    Ok(name)
}

fn value_of(text: &str) -> Option<HeaderValue> {
    let bytes: Option<Vec<u8>> = text.chars().map(|character| u8::try_from(u32::from(character)).ok()).collect();
    HeaderValue::from_bytes(&bytes?).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use runtime::HttpRedirect;

    use super::*;

    fn request(headers: &[(&str, &str)]) -> OutboundRequest {
        let headers = headers.iter().map(|(name, value)| Header { name: (*name).into(), value: (*value).into() });
        OutboundRequest {
            method: String::from("GET"),
            url: String::from("https://api.example.com/"),
            headers: headers.collect(),
            body: Vec::new(),
            redirect: HttpRedirect::Follow,
            timeout: Duration::from_secs(1),
            carries_secret: false,
            idempotency_key: String::from("own"),
            lineage: String::from("sealed"),
        }
    }

    #[test]
    fn headers_that_frame_a_message_are_skerrys_to_set() {
        let names = [
            "Host",
            "CONTENT-LENGTH",
            "transfer-encoding",
            "Connection",
            "Upgrade",
            "TE",
            "Trailer",
            "Expect",
            "Keep-Alive",
            "Proxy-Authorization",
            "proxy-anything",
            "Skerry-Lineage",
            "skerry-new",
            "HTTP2-Settings",
        ];
        for name in names {
            assert!(matches!(outgoing(&request(&[(name, "x")])), Err(EgressError::Invalid(_))), "{name}");
        }
    }

    #[test]
    fn no_header_carries_a_line_break_or_another_characters_byte() {
        let wrong = [("x", "a\r\nb: c"), ("x", "a\nb"), ("x", "a\rb"), ("x", "a\0b"), ("x", "\u{7f}"), ("x", "€")];
        for (name, value) in
            wrong.into_iter().chain([("", "x"), ("a b", "x"), ("a\r\nb", "x"), ("ä", "x"), ("a:", "x")])
        {
            let refused = outgoing(&request(&[(name, value)]));
            assert!(matches!(refused, Err(EgressError::Invalid(_))), "{name:?}: {value:?}");
        }
        let latin = outgoing(&request(&[("x", "ä")])).expect("one byte");
        assert_eq!(latin["x"].as_bytes(), [0xe4]);
    }

    #[test]
    fn a_scripts_own_idempotency_key_stands_and_the_lineage_is_always_ours() {
        let headers = outgoing(&request(&[])).expect("headers");
        assert_eq!(
            (&headers["idempotency-key"], &headers["skerry-lineage"]),
            (&"own".parse().expect("v"), &"sealed".parse().expect("v"))
        );
        let headers = outgoing(&request(&[("Idempotency-Key", "mine")])).expect("headers");
        assert_eq!(headers.get_all("idempotency-key").iter().count(), 1);
        assert_eq!(headers["idempotency-key"], "mine");
    }

    #[test]
    fn a_request_with_a_secret_asks_for_no_part_and_no_encoding() {
        for name in ["Range", "If-Range", "Accept-Encoding"] {
            assert!(outgoing(&request(&[(name, "x")])).is_ok());
            let carrying = OutboundRequest { carries_secret: true, ..request(&[(name, "x")]) };
            assert!(outgoing(&carrying).is_err(), "{name}");
        }
    }

    #[test]
    fn methods_are_tokens_and_none_that_echoes() {
        assert_eq!(method("get").expect("a method"), Method::GET);
        assert_eq!(method("patch").expect("a method").as_str(), "patch", "as Fetch has it");
        for wrong in ["", "TRACE", "connect", "Track", "GE T", "GET\r\n", "GÉT"] {
            assert!(method(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn too_many_headers_are_refused() {
        let many: Vec<(&str, &str)> = vec![("a", "b"); HEADERS_MAX + 1];
        assert!(matches!(outgoing(&request(&many)), Err(EgressError::TooLarge(_))));
        let long = "a".repeat(HEADERS_BYTES_MAX);
        assert!(matches!(outgoing(&request(&[("a", &long)])), Err(EgressError::TooLarge(_))));
    }
}
