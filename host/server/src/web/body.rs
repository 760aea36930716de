//! JSON bodies: bounded in size, time and depth before anything reads them, and errors that name the place.

use std::{pin::pin, time::Duration};

use axum::extract::{FromRequest, Request};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, header};
use http_body_util::BodyExt;
use hyper::body::Body;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use tokio::time::Instant;

use super::{
    objects::Objects,
    overload::{Overloaded, is_overloaded},
    problem::{Problem, kinds},
};

/// The most bytes of a body of the API: a script of 1 MiB whose every character is escaped still fits in most cases.
pub(crate) const API_BODY_BYTES_MAX: usize = 2 << 20;

/// How fast a body has to arrive. A client on a bad line sends 2 MiB in the time that there is; one that trickles is cut
/// long before.
const BODY_PACE: Pace =
    Pace { timeout: Duration::from_secs(30), grace: Duration::from_secs(5), bytes_per_second: 1024 };

/// The most arrays and objects in one another. Every shape of the API needs less than ten.
const JSON_DEPTH_MAX: usize = 64;

/// A body of JSON in the shape `T`.
#[derive(Debug)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        require_json(request.headers())?;
        let bytes = read(request.into_body(), API_BODY_BYTES_MAX).await?;
        parse_object(&bytes).map(Self)
    }
}

/// The same, or the shape's default where there is no body at all.
#[derive(Debug)]
pub(crate) struct JsonBodyOrNone<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned + Default> FromRequest<S> for JsonBodyOrNone<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _state: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        let bytes = read(body, API_BODY_BYTES_MAX).await?;
        if bytes.is_empty() {
            return Ok(Self(T::default()));
        }
        require_json(&parts.headers)?;
        parse_object(&bytes).map(Self)
    }
}

/// How fast a body has to arrive.
#[derive(Clone, Copy, Debug)]
struct Pace {
    /// All of it, from when it is asked for.
    timeout: Duration,
    /// From when on it has to keep its rate.
    grace: Duration,
    /// The least rate after that, from the beginning on.
    bytes_per_second: u64,
}

impl Pace {
    /// Until when, counted from the beginning, the next bytes have to come after so many.
    fn next_due(self, bytes: usize) -> Duration {
        let earned = Duration::from_millis((bytes as u64).saturating_mul(1000) / self.bytes_per_second.max(1));
        self.timeout.min(self.grace.saturating_add(earned))
    }
}

/// Read a whole body of at most `limit` bytes.
///
/// # Errors
/// 413 as soon as it is larger, by its own length or while it streams; 408 when it does not arrive in time, or slower than
/// 1 KiB/s; 503 when the server has no room for it.
pub(crate) async fn read<B>(body: B, limit: usize) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    read_at(body, limit, BODY_PACE).await
}

async fn read_at<B>(body: B, limit: usize, pace: Pace) -> Result<Bytes, Problem>
where
    B: Body<Data = Bytes, Error: Into<BoxError>>,
{
    let too_large = || Problem::new(&kinds::BODY_TOO_LARGE, format!("the body has at most {limit} bytes"));
    if body.size_hint().lower() > limit as u64 {
        return Err(too_large());
    }
    let begun = Instant::now();
    let mut body = pin!(body);
    // One buffer: a piece that is kept as it came costs more than its bytes, however small it is.
    let mut whole = BytesMut::new();
    loop {
        let Ok(frame) = tokio::time::timeout_at(begun + pace.next_due(whole.len()), body.frame()).await else {
            return Err(Problem::new(&kinds::REQUEST_TIMEOUT, too_slow(pace)));
        };
        let Some(frame) = frame else { return Ok(whole.freeze()) };
        // Trailers say nothing here.
        let Ok(data) = frame.map_err(|error| broken(error.into().as_ref()))?.into_data() else { continue };
        if data.len() > limit - whole.len() {
            return Err(too_large());
        }
        whole.extend_from_slice(&data);
    }
}

type BoxError = Box<dyn std::error::Error + Send + Sync>;

fn broken(error: &(dyn std::error::Error + 'static)) -> Problem {
    if is_overloaded(error) {
        return Overloaded.into();
    }
    Problem::new(&kinds::MALFORMED_REQUEST, "the body ended before its end")
}

fn too_slow(pace: Pace) -> String {
    let Pace { timeout, bytes_per_second, .. } = pace;
    format!("the body took longer than {timeout:?}, or came slower than {bytes_per_second} bytes a second")
}

/// Read a JSON object in the shape `T`. Every body of the API is one; an array of its fields' values is not.
fn parse_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().first() == Some(&b'[') {
        // Whether it is JSON at all is said first.
        parse::<serde::de::IgnoredAny>(bytes)?;
        return Err(Problem::field("", "the body is a JSON object, not an array"));
    }
    parse(bytes)
}

/// Read JSON in the shape `T`.
///
/// # Errors
/// 400 with line and column where it is no JSON; 422 with the field's path where it has another shape.
pub(crate) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if depth(bytes) > JSON_DEPTH_MAX {
        let detail = format!("arrays and objects are nested at most {JSON_DEPTH_MAX} deep");
        return Err(Problem::new(&kinds::JSON_TOO_DEEP, detail));
    }
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(Objects(&mut deserializer)).map_err(|error| {
        let path = error.path().to_string();
        of_json(error.inner(), &path)
    })?;
    deserializer.end().map_err(|error| of_json(&error, ""))?;
    Ok(value)
}

fn of_json(error: &serde_json::Error, path: &str) -> Problem {
    if error.classify() == Category::Data {
        return Problem::field(path.trim_matches('.'), without_position(error));
    }
    Problem::new(&kinds::MALFORMED_JSON, error.to_string()).with("line", error.line()).with("column", error.column())
}

/// The message alone: where a value has the wrong shape, its path says more than a column.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    in_words(message.strip_suffix(&position).unwrap_or(&message))
}

/// The message without names that only the source knows: `struct NewScript` is an object to whoever sends one.
fn in_words(message: &str) -> String {
    match message.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected an object"),
        None => message.to_owned(),
    }
}

fn require_json(headers: &HeaderMap) -> Result<(), Problem> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if matches!(essence.as_str(), "application/json" | "application/merge-patch+json") {
        return Ok(());
    }
    Err(Problem::new(&kinds::UNSUPPORTED_MEDIA_TYPE, "send the body as 'Content-Type: application/json'"))
}

/// How deep arrays and objects lie in one another, without recursion and whether or not it is JSON at all.
fn depth(bytes: &[u8]) -> usize {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_usize, 0, false, false);
    for byte in bytes {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'[' | b'{' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::Full;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Order {
        #[expect(dead_code, reason = "only its shape matters")]
        items: Vec<u32>,
    }

    fn refused(json: &str) -> Problem {
        parse::<Order>(json.as_bytes()).expect_err("it has another shape")
    }

    #[test]
    fn what_is_no_json_is_refused_with_its_place() {
        for json in ["", "{", "{\"items\":[1,]}", "{} {}", "\u{feff}{}"] {
            let problem = parse::<serde_json::Value>(json.as_bytes()).expect_err("no JSON");
            assert_eq!(problem.kind(), &kinds::MALFORMED_JSON, "{json}");
        }
    }

    #[test]
    fn a_wrong_type_is_refused_with_its_field() {
        let body = format!("{:?}", refused("{\"items\":[1,\"two\"]}"));
        assert!(body.contains("items[1]"), "{body}");
        assert!(refused("{\"items\":[],\"colour\":1}").detail().contains("unknown field `colour`"));
    }

    #[test]
    fn a_whole_number_is_one_however_it_is_written() {
        for json in ["{\"items\":[39.0,1e2,0.0,-0.0]}", "{\"items\":[39]}"] {
            parse::<Order>(json.as_bytes()).expect(json);
        }
        for json in ["{\"items\":[39.5]}", "{\"items\":[-1.0]}", "{\"items\":[1e300]}", "{\"items\":[4294967296.0]}"] {
            assert_eq!(refused(json).kind(), &kinds::INVALID, "{json}");
        }
        let any: serde_json::Value = parse(b"{\"n\":39.0}").expect("JSON");
        assert_eq!(any.to_string(), "{\"n\":39.0}", "what is kept as it is stays as it was written");
    }

    #[test]
    fn an_array_is_no_object_whatever_is_in_it() {
        let problem = parse_object::<Order>(b" [[1,2]]").expect_err("an array");
        assert_eq!(problem.kind(), &kinds::INVALID);
        assert_eq!(parse_object::<Order>(b"[[1,2]").expect_err("no JSON").kind(), &kinds::MALFORMED_JSON);
        let body = format!("{:?}", parse_object::<Order>(b"7").expect_err("a number"));
        assert!(body.contains("expected an object") && !body.contains("Order"), "{body}");
    }

    #[test]
    fn an_array_in_the_place_of_an_object_is_refused_with_its_path_at_every_depth() {
        #[derive(Debug, Deserialize)]
        struct Nested {
            #[expect(dead_code, reason = "only its shape matters")]
            orders: Vec<Option<Order>>,
            #[expect(dead_code, reason = "only its shape matters")]
            #[serde(default)]
            by_name: std::collections::BTreeMap<String, Order>,
        }
        let whole = r#"{"orders":[{"items":[1]},null],"by_name":{"a":{"items":[]}}}"#;
        parse::<Nested>(whole.as_bytes()).expect("objects");
        for (json, path) in [
            (r#"{"orders":[{"items":[1]},[[1]]]}"#, "orders[1]"),
            (r#"{"orders":[],"by_name":{"a":[[]]}}"#, "by_name.a"),
        ] {
            let problem = parse::<Nested>(json.as_bytes()).expect_err("an array");
            assert_eq!(problem.kind(), &kinds::INVALID);
            assert!(problem.detail().contains("expected an object"), "{problem:?}");
            assert!(format!("{problem:?}").contains(path), "{problem:?}");
        }
    }

    #[test]
    fn deep_json_is_refused_before_it_is_read() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        assert_eq!(parse::<serde_json::Value>(deep.as_bytes()).expect_err("deep").kind(), &kinds::JSON_TOO_DEEP);
        let text = format!("{{\"items\":[],\"colour\":\"{}\"}}", "[".repeat(1000));
        assert_eq!(refused(&text).kind(), &kinds::INVALID);
    }

    /// A body of these pieces, and then one that never ends.
    struct Endless(Vec<&'static [u8]>);

    impl Body for Endless {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            let Some(piece) = self.0.pop() else { return std::task::Poll::Pending };
            std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::from_static(piece)))))
        }
    }

    /// A body of so many bytes that come one by one.
    struct Drops(usize);

    impl Body for Drops {
        type Data = Bytes;
        type Error = std::convert::Infallible;

        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            _cx: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<hyper::body::Frame<Bytes>, Self::Error>>> {
            let Some(left) = self.0.checked_sub(1) else { return std::task::Poll::Ready(None) };
            self.0 = left;
            std::task::Poll::Ready(Some(Ok(hyper::body::Frame::data(Bytes::copy_from_slice(b"a")))))
        }
    }

    #[tokio::test]
    async fn a_body_that_stops_coming_is_refused() {
        let pace =
            Pace { timeout: Duration::from_secs(30), grace: Duration::from_millis(1), bytes_per_second: 1 << 20 };
        let problem = read_at(Endless(vec![b"123", b"456"]), 100, pace).await.expect_err("it never ends");
        assert_eq!(problem.kind(), &kinds::REQUEST_TIMEOUT);
    }

    #[test]
    fn every_kibibyte_of_a_body_earns_a_second_until_the_time_is_over() {
        let seconds = |bytes| BODY_PACE.next_due(bytes).as_secs();
        assert_eq!([seconds(0), seconds(1024), seconds(10 << 10), seconds(1 << 20)], [5, 6, 15, 30]);
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_while_it_comes() {
        let body = Endless(vec![b"1234", b"5678"]);
        assert_eq!(read(body, 7).await.expect_err("too large").kind(), &kinds::BODY_TOO_LARGE);
    }

    #[tokio::test]
    async fn a_body_in_small_pieces_is_kept_in_one_buffer() {
        let whole = read(Drops(1000), 1000).await.expect("it fits");
        assert_eq!(whole, vec![b'a'; 1000]);
        let kept = whole.try_into_mut().expect("nobody else holds a piece of it").capacity();
        assert!(kept <= 2000, "{kept}");
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused_by_length() {
        let problem = read(Full::new(Bytes::from_static(b"123456")), 5).await.expect_err("too large");
        assert_eq!(problem.kind().status, StatusCode::PAYLOAD_TOO_LARGE);
    }
}
