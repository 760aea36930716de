//! `Idempotency-Key`: a `POST` that comes again with its key is answered as it was, and done once
//! (draft-ietf-httpapi-idempotency-key-header).

use app::{App, KeyedRequest, RequestKey, RequestOrigin, StoredAnswer};
use axum::{
    body::Body,
    extract::{Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::UnixMillis;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header, request::Parts};
use http_body_util::BodyExt;
use tracing::Instrument;

use super::{
    body,
    error::internal,
    problem::{Problem, kinds},
    recognise::Recognised,
};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Says that an answer is one that was given before.
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");

/// The headers of an answer that belong to what was done; the others are made for each answer.
const KEPT: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::LOCATION, header::ETAG, HeaderName::from_static("preference-applied")];

/// Handle a request with a key once. One without, or of nobody that is known, goes by.
pub(crate) async fn handle_once(State(app): State<App>, request: Request, next: Next) -> Response {
    let Some(caller) = request.extensions().get::<Recognised>().cloned() else { return next.run(request).await };
    if request.method() != Method::POST || !request.headers().contains_key(IDEMPOTENCY_KEY) {
        return next.run(request).await;
    }
    handle(app, caller, request, next).await.unwrap_or_else(IntoResponse::into_response)
}

async fn handle(app: App, caller: Recognised, request: Request, next: Next) -> Result<Response, Problem> {
    let key = key(request.headers())?;
    let (parts, body) = request.into_parts();
    let bytes = body::read(body, body::API_BODY_BYTES_MAX).await?;
    let mark = match app.requests().begin(&caller, &key, &asked(&parts, &bytes), UnixMillis::now()).await? {
        KeyedRequest::New(mark) => mark,
        KeyedRequest::Answered(answer) => return Ok(replayed(answer)),
        KeyedRequest::UnderWay => {
            let detail = "a request with this key is being answered: ask again in a while";
            return Err(Problem::new(&kinds::KEY_IN_USE, detail).with_header(header::RETRY_AFTER, 1));
        }
        KeyedRequest::Another => {
            let detail = "this key came with another request before: choose another key";
            return Err(Problem::new(&kinds::KEY_REUSED, detail));
        }
        KeyedRequest::AnswerLost => {
            let detail =
                "what was asked with this key is done, and its answer is not there any more: look at what there is";
            return Err(Problem::new(&kinds::ANSWER_LOST, detail));
        }
    };
    let origin = RequestOrigin::current().unwrap_or_default();
    let origin = RequestOrigin { mark: Some(mark.clone()), ..origin };
    // To its end also where the caller goes away: the key would else stay taken.
    let handled = async move {
        let response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
        let (answer, response) = kept(response).await;
        if let Err(error) = app.requests().settle(mark, &answer).await {
            tracing::warn!(%error, "the answer to a request with a key could not be kept");
        }
        response
    };
    let handled = tokio::spawn(origin.scope(handled).in_current_span()).await;
    handled.map_err(|error| internal(&error))
}

fn key(headers: &HeaderMap) -> Result<RequestKey, Problem> {
    let malformed = || {
        let detail = "'Idempotency-Key' is one text of 1 to 255 visible characters";
        Problem::new(&kinds::MALFORMED_REQUEST, detail)
    };
    let mut values = headers.get_all(IDEMPOTENCY_KEY).iter();
    let text = values.next().and_then(|value| value.to_str().ok()).ok_or_else(malformed)?;
    if values.next().is_some() {
        return Err(malformed());
    }
    RequestKey::parse(text).map_err(|_| malformed())
}

/// All that a request asks for: whatever of it differs makes another request.
fn asked<'a>(parts: &'a Parts, body: &'a Bytes) -> [&'a [u8]; 5] {
    let text = |name: HeaderName| parts.headers.get(name).map_or(&[][..], HeaderValue::as_bytes);
    let address = parts.uri.path_and_query().map_or("", |address| address.as_str());
    [
        parts.method.as_str().as_bytes(),
        address.as_bytes(),
        text(header::IF_MATCH),
        text(HeaderName::from_static("prefer")),
        body,
    ]
}

/// An answer as it is kept, and as it goes on.
async fn kept(response: Response) -> (StoredAnswer, Response) {
    let (parts, body) = response.into_parts();
    let bytes = body.collect().await.map(http_body_util::Collected::to_bytes).unwrap_or_default();
    let text = |name: &HeaderName| Some((name.to_string(), parts.headers.get(name)?.to_str().ok()?.to_owned()));
    let headers = KEPT.iter().filter_map(text).collect();
    let answer = StoredAnswer { status: parts.status.as_u16(), headers, body: bytes.to_vec() };
    (answer, Response::from_parts(parts, Body::from(bytes)))
}

fn replayed(answer: StoredAnswer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::OK);
    let mut response = (status, answer.body).into_response();
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_TYPE);
    for (name, value) in answer.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            headers.insert(name, value);
        }
    }
    headers.insert(REPLAYED, HeaderValue::from_static("true"));
    response
}
