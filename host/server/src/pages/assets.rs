//! `/assets`: what `./just ui` made for browsers, which is in the binary. Each file has a digest of itself in its name, so
//! that a browser never asks for it twice.

use std::{borrow::Cow, collections::HashMap, sync::LazyLock};

use axum::{
    extract::Path,
    response::{IntoResponse, Response},
};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use rust_embed::RustEmbed;

/// How long a browser keeps a file: its name is another where it is another.
const FOR_EVER: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");

#[derive(RustEmbed)]
#[folder = "../../target/ui"]
#[allow_missing = true]
struct Built;

/// The files by the names that templates use.
static NAMES: LazyLock<HashMap<String, String>> = LazyLock::new(|| {
    let manifest = Built::get("manifest.json").map(|file| file.data).unwrap_or_default();
    serde_json::from_slice(&manifest).unwrap_or_default()
});

/// The address of a file, by the name that templates use. One that was not built leads nowhere.
pub(crate) fn address(name: &str) -> String {
    format!("/assets/{}", NAMES.get(name).map_or(name, String::as_str))
}

/// A file, packed if the browser can unpack it.
pub(crate) async fn send_asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(mime) = mime(&name) else { return StatusCode::NOT_FOUND.into_response() };
    let accepted = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let packings = [("br", ".br"), ("gzip", ".gz"), ("identity", "")];
    let found = packings.iter().find_map(|(encoding, ending)| {
        let is_accepted = *encoding == "identity" || takes(accepted, encoding);
        let data = is_accepted.then(|| Built::get(&format!("assets/{name}{ending}")))??.data;
        Some((*encoding, data))
    });
    let Some((encoding, data)) = found else { return StatusCode::NOT_FOUND.into_response() };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
        (header::CONTENT_ENCODING, HeaderValue::from_static(encoding)),
        (header::CACHE_CONTROL, FOR_EVER),
        (header::VARY, HeaderValue::from_static("accept-encoding")),
        (super::answer::CORP, HeaderValue::from_static("same-origin")),
    ];
    match data {
        Cow::Borrowed(bytes) => (headers, bytes).into_response(),
        Cow::Owned(bytes) => (headers, bytes).into_response(),
    }
}

/// Whether an `Accept-Encoding` names the encoding, and does not refuse it.
fn takes(accepted: &str, encoding: &str) -> bool {
    accepted.split(',').any(|part| {
        let (name, parameters) = part.split_once(';').unwrap_or((part, ""));
        let is_refused = matches!(parameters.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case(encoding) && !is_refused
    })
}

/// What a file is, by the end of its name. Nothing else is sent.
fn mime(name: &str) -> Option<&'static str> {
    let (_, ending) = name.rsplit_once('.')?;
    Some(match ending {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "ttf" => "font/ttf",
        "woff2" => "font/woff2",
        "json" => "application/json",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_encoding_is_taken_where_it_is_named_and_not_refused() {
        assert!(takes("gzip, deflate, br", "br"));
        assert!(takes("gzip;q=0.5,BR;q=1", "br"));
        assert!(!takes("gzip, br;q=0", "br"));
        assert!(!takes("", "gzip"));
        assert!(!takes("brotli", "br"));
    }

    #[test]
    fn only_kinds_of_files_that_pages_use_are_sent() {
        assert_eq!(mime("app.3f.js"), Some("text/javascript; charset=utf-8"));
        assert_eq!(mime("app.3f.js.map"), None);
        assert_eq!(mime("app"), None);
    }
}
