//! Server-sent events: the one encoder of what goes out in them (RULES 40).
//!
//! An event's name and id are this server's own words. Its data is JSON, in which text of a guest's stands only inside
//! strings; what ends a line anywhere is not let through, so that nobody's text makes a field or an event of its own.

use std::fmt::Write;

use axum::{body::Body, response::IntoResponse, response::Response};
use bytes::Bytes;
use futures_util::Stream;
use http::{HeaderName, HeaderValue, header};
use serde::Serialize;

/// How long a client waits before it connects again, in milliseconds.
const RETRY_MS: u32 = 2_000;

/// What is sent where there is nothing to tell: a comment, which clients skip.
pub(crate) const HEARTBEAT: &str = ":\n\n";

/// What each stream begins with.
pub(crate) fn opening() -> String {
    format!("retry: {RETRY_MS}\n\n")
}

/// One event as text: its name, its id where it has one, its data.
pub(crate) fn event(name: &'static str, id: Option<&dyn std::fmt::Display>, data: &impl Serialize) -> String {
    let mut text = format!("event: {name}\n");
    if let Some(id) = id {
        // Writing to a text does not fail.
        let _ = writeln!(text, "id: {}", one_line(&id.to_string()));
    }
    let data = serde_json::to_string(data).unwrap_or_else(|_| String::from("null"));
    let _ = writeln!(text, "data: {}\n", one_line(&data));
    text
}

/// JSON without anything that a reader could take for the end of a line. Raw, line ends stand in JSON between its parts
/// alone, where a space does as well; the separators of Unicode stand in strings alone, where they have another form.
fn one_line(json: &str) -> String {
    let mut line = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' | '\r' => line.push(' '),
            '\u{2028}' => line.push_str("\\u2028"),
            '\u{2029}' => line.push_str("\\u2029"),
            '\u{85}' => line.push_str("\\u0085"),
            '\0' => {}
            other => line.push(other),
        }
    }
    line
}

/// The answer that such texts are sent in.
pub(crate) fn answer<E>(texts: impl Stream<Item = Result<Bytes, E>> + Send + 'static) -> Response
where
    E: Into<Box<dyn std::error::Error + Send + Sync>> + 'static,
{
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // A proxy that gathers answers would keep the lines until there are many.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(texts)).into_response()
}

/// Whether a request asks for a stream before anything else.
pub(crate) fn is_asked_for(headers: &http::HeaderMap) -> bool {
    let values = headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let mut types = values.flat_map(|value| value.split(',')).map(|part| part.split(';').next().unwrap_or("").trim());
    types.any(|name| name.eq_ignore_ascii_case("text/event-stream"))
}

#[cfg(test)]
mod tests {
    use serde_json::{json, value::RawValue};

    use super::*;

    #[test]
    fn an_event_is_a_few_lines_and_an_empty_one() {
        assert_eq!(event("line", Some(&"3-ab"), &json!({ "a": 1 })), "event: line\nid: 3-ab\ndata: {\"a\":1}\n\n");
        assert_eq!(event("end", None, &json!(null)), "event: end\ndata: null\n\n");
    }

    #[test]
    fn text_of_a_guest_makes_no_line_of_its_own() {
        for hostile in ["a\n\nevent: end\ndata: {}", "a\r\nid: 9", "a\rdata: x", "\u{2028}data: x", "\u{85}x", "\0"] {
            let text = event("line", None, &json!({ "message": hostile }));
            assert_eq!(text.lines().count(), 3, "{text:?}");
            assert!(!text.contains(['\r', '\0', '\u{2028}', '\u{2029}', '\u{85}']), "{text:?}");
            let data = text.lines().nth(1).and_then(|line| line.strip_prefix("data: ")).expect("data");
            let read: serde_json::Value = serde_json::from_str(data).expect("JSON");
            assert_eq!(read["message"], hostile);
        }
        // Raw JSON of a guest's has line ends between its parts.
        let raw = RawValue::from_string(String::from("[1,\n\r\n2,\"\u{2029}\"]")).expect("JSON");
        let text = event("line", None, &raw);
        assert_eq!(text, "event: line\ndata: [1,   2,\"\\u2029\"]\n\n");
    }

    #[test]
    fn a_stream_is_asked_for_by_name() {
        let asked = |accept: &'static str| {
            let headers = http::HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(accept))]);
            is_asked_for(&headers)
        };
        assert!(asked("text/event-stream") && asked("application/json;q=0.5, Text/Event-Stream;q=0.9"));
        assert!(!asked("*/*") && !asked("application/json") && !is_asked_for(&http::HeaderMap::new()));
    }
}
