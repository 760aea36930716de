//! Calls of the API: one server, one token, answers as they came.

use std::{sync::Mutex, time::Duration};

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::time::timeout;

use super::{
    CallError, Problem, ServerAddress, Token,
    wire::{Connection, Connector},
};

/// The most bytes of an answer. The largest that the API gives are pages of logs and sources, far below.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// How long an answer may take: longer than any script may run that is waited for.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(3_600);

/// How often a server that has too much to do is waited for.
const WAITS_MAX: u32 = 4;

/// Connections that are kept for the next call.
const IDLE_MAX: usize = 8;

/// Speaks to one server as one token.
#[derive(Debug)]
pub(crate) struct Client {
    server: ServerAddress,
    token: Option<Token>,
    connector: Connector,
    idle: Mutex<Vec<Connection>>,
}

/// A call of the API, part by part.
#[derive(Clone, Debug)]
pub(crate) struct Call<'a> {
    method: Method,
    path: Vec<&'a str>,
    query: Vec<(&'a str, String)>,
    headers: Vec<(header::HeaderName, String)>,
    body: Option<String>,
}

/// What was answered.
#[derive(Debug)]
pub(crate) struct Answer {
    /// The `ETag`, as it is to be sent as `If-Match`.
    pub(crate) tag: Option<String>,
    /// The body, which is JSON or empty.
    pub(crate) text: String,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, path: &[&'a str]) -> Self {
        Self { method, path: path.to_vec(), query: Vec::new(), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(path: &[&'a str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &[&'a str]) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn delete(path: &[&'a str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    /// With a parameter, where there is a value for it.
    #[must_use]
    pub(crate) fn query(mut self, name: &'a str, value: Option<impl ToString>) -> Self {
        self.query.extend(value.map(|value| (name, value.to_string())));
        self
    }

    #[must_use]
    pub(crate) fn json(self, body: &Value) -> Self {
        self.body(body.to_string())
    }

    /// With a body that is JSON text already.
    #[must_use]
    pub(crate) fn body(mut self, json: String) -> Self {
        self.body = Some(json);
        self
    }

    /// As server-sent events, going on after the event of this id.
    #[must_use]
    pub(crate) fn streaming(self, last_id: Option<&str>) -> Self {
        let call = self.header(header::ACCEPT, "text/event-stream, application/json;q=0.1");
        match last_id {
            Some(id) => call.header(header::HeaderName::from_static("last-event-id"), id),
            None => call,
        }
    }

    /// Only if what is there still has this tag; nothing where none is known.
    #[must_use]
    pub(crate) fn if_match(self, tag: Option<&str>) -> Self {
        match tag {
            Some(tag) => self.header(header::IF_MATCH, tag),
            None => self,
        }
    }

    /// Answered only after the end of what it starts.
    #[must_use]
    pub(crate) fn waiting(self) -> Self {
        self.header(header::HeaderName::from_static("prefer"), "wait")
    }

    #[must_use]
    fn header(mut self, name: header::HeaderName, value: &str) -> Self {
        self.headers.push((name, value.to_owned()));
        self
    }
}

impl Answer {
    /// The body as a value.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }

    /// The body in the form that is asked for.
    pub(crate) fn read<T: DeserializeOwned>(&self, client: &Client) -> Result<T, CallError> {
        serde_json::from_str(&self.text).map_err(|error| client.foreign(format!("its answer is unknown: {error}")))
    }
}

impl Client {
    /// # Errors
    /// [`CallError::Setup`].
    pub(crate) fn new(server: ServerAddress, token: Option<Token>) -> Result<Self, CallError> {
        let connector = Connector::new(server.clone())?;
        Ok(Self { server, token, connector, idle: Mutex::default() })
    }

    pub(crate) fn server(&self) -> &ServerAddress {
        &self.server
    }

    /// Make a call and read its answer whole.
    ///
    /// # Errors
    /// Nothing is answered, or no success.
    pub(crate) async fn send(&self, call: Call<'_>) -> Result<Answer, CallError> {
        let mut waits = 0;
        loop {
            let sent = timeout(ANSWER_TIME_MAX, self.exchange(&call)).await;
            let answered = sent.unwrap_or_else(|_| Err(self.unreachable("it does not answer")));
            let wait = answered.as_ref().err().and_then(CallError::problem).and_then(Problem::wait);
            match wait {
                Some(wait) if waits < WAITS_MAX => tokio::time::sleep(wait).await,
                _ => return answered,
            }
            waits += 1;
        }
    }

    /// Make a call and leave its body to be read as it comes.
    ///
    /// # Errors
    /// Nothing is answered, or no success.
    pub(crate) async fn open(&self, call: Call<'_>) -> Result<Response<Incoming>, CallError> {
        let mut connection = self.connector.connect().await?;
        let sent = connection.send_request(self.request(&call)?).await;
        let response = sent.map_err(|error| self.unreachable(&error.to_string()))?;
        if response.status().is_success() { Ok(response) } else { Err(self.refused(response).await) }
    }

    async fn exchange(&self, call: &Call<'_>) -> Result<Answer, CallError> {
        let (response, connection) = self.first_answer(call).await?;
        if !response.status().is_success() {
            return Err(self.refused(response).await);
        }
        let tag = response.headers().get(header::ETAG).and_then(|tag| tag.to_str().ok()).map(str::to_owned);
        let text = self.body(response.into_body()).await?;
        self.keep(connection);
        Ok(Answer { tag, text })
    }

    /// Send on a connection that is there, or on a new one. Where the server closed one before it took the request, the
    /// request was not sent, and goes over another.
    async fn first_answer(&self, call: &Call<'_>) -> Result<(Response<Incoming>, Connection), CallError> {
        while let Some(mut kept) = self.kept() {
            if kept.ready().await.is_err() {
                continue;
            }
            match kept.send_request(self.request(call)?).await {
                Ok(response) => return Ok((response, kept)),
                Err(error) if error.is_canceled() => {}
                Err(error) => return Err(self.unreachable(&error.to_string())),
            }
        }
        let mut new = self.connector.connect().await?;
        match new.send_request(self.request(call)?).await {
            Ok(response) => Ok((response, new)),
            Err(error) => Err(self.unreachable(&error.to_string())),
        }
    }

    fn request(&self, call: &Call<'_>) -> Result<Request<Full<Bytes>>, CallError> {
        let url = self.server.of(call.path.iter().copied(), &call.query).map_err(CallError::Invalid)?;
        let target = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(target)
            .header(header::HOST, host)
            .header(header::USER_AGENT, concat!("skerry/", env!("CARGO_PKG_VERSION")));
        if !call.headers.iter().any(|(name, _)| name == header::ACCEPT) {
            request = request.header(header::ACCEPT, "application/json");
        }
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.reveal()))
                .map_err(|_| CallError::Invalid(String::from("the token has characters that no token has")))?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        if call.body.is_some() {
            let form = if call.method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
            request = request.header(header::CONTENT_TYPE, form);
        }
        let body = Full::new(Bytes::from(call.body.clone().unwrap_or_default()));
        request.body(body).map_err(|error| CallError::Invalid(error.to_string()))
    }

    async fn body(&self, body: Incoming) -> Result<String, CallError> {
        let whole = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
        let bytes = whole.map_err(|error| self.unreachable(&error.to_string()))?.to_bytes();
        String::from_utf8(bytes.to_vec()).map_err(|_| self.foreign(String::from("its answer is no text")))
    }

    async fn refused(&self, response: Response<Incoming>) -> CallError {
        let status = response.status();
        if status.is_redirection() {
            let place = response.headers().get(header::LOCATION).and_then(|place| place.to_str().ok());
            let place = place.unwrap_or("nowhere");
            return self.foreign(format!("it sends on to {place}, which is not followed: name that server itself"));
        }
        let retry_after = response.headers().get(header::RETRY_AFTER);
        let retry_after = retry_after.and_then(|seconds| seconds.to_str().ok()?.parse().ok());
        let Ok(text) = self.body(response.into_body()).await else {
            return self.foreign(format!("it answers {status}"));
        };
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => CallError::Refused(Box::new(Problem { retry_after, ..problem })),
            Err(_) => self.foreign(format!("it answers {status}")),
        }
    }

    fn kept(&self) -> Option<Connection> {
        self.idle.lock().ok()?.pop()
    }

    fn keep(&self, connection: Connection) {
        if let Ok(mut idle) = self.idle.lock()
            && idle.len() < IDLE_MAX
            && !connection.is_closed()
        {
            idle.push(connection);
        }
    }

    fn unreachable(&self, why: &str) -> CallError {
        CallError::Unreachable { server: self.server.to_string(), why: why.to_owned() }
    }

    fn foreign(&self, why: String) -> CallError {
        CallError::Foreign { server: self.server.to_string(), why }
    }
}
