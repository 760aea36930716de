//! Services of the kind `openapi`: the operator's own HTTP services, described by their OpenAPI documents.
//!
//! Where a service is and what it offers comes from the operator's configuration alone; a script chooses a method and
//! its arguments (RULES 34). Each call is checked, signed, sent through the egress policy, and its answer checked.

mod answers;
mod checks;
mod document;
mod operation;
mod parameters;
mod references;
mod request;
mod schemas;
mod template;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use domain::UnixMillis;
use futures_util::future::BoxFuture;
use ipnet::IpNet;
use runtime::{Header, HttpRedirect};
use serde_json::Value;
use url::Url;

pub use document::OpenApiDocument;

use super::{
    Service, ServiceCall, ServiceError, ServiceMethod,
    breaker::{Breaker, BreakerSettings},
    tokens::{SignedRequest, TokenSigner},
};
use crate::{
    egress::{Allowance, Egress, EgressError, OutboundRequest, OutboundResponse},
    secrets::without_token,
};
use answers::Answered;
use operation::Operation;
use request::Prepared;

/// The pause before the first repetition, doubled for each further one, half of it by chance.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause, also where the service asks for a longer one.
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How an operator's service is connected.
#[derive(Clone, Debug)]
pub struct OpenApiConfig {
    /// Where it is.
    pub base: ServiceBase,
    /// What it offers.
    pub document: OpenApiDocument,
    /// To whom tokens are addressed: the claim `aud`.
    pub audience: String,
    /// How long one request may take.
    pub timeout: Duration,
    /// How often a request that may be sent again is, when no answer came.
    pub retries: u32,
    /// When calls are refused because the service does not answer.
    pub breaker: BreakerSettings,
    /// The private addresses at which this service, and nothing else, may be; `None` where it is on a public one.
    pub private: Option<IpNet>,
    /// Methods of whose calls journals keep only that they were made, when, and how large they were.
    pub metadata_only: Vec<String>,
}

/// The address that the paths of a document begin at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServiceBase(Url);

impl ServiceBase {
    /// Read a base URL: a scheme, a host, maybe a port and a path.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let takes = || {
            format!("'{text}' is no base URL: write a scheme, a host and maybe a path, as https://billing.example/v1")
        };
        let url = Url::parse(text).map_err(|_| takes())?;
        let is_plain =
            |segment: &str| segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte));
        let is_base = ["http", "https"].contains(&url.scheme())
            && url.has_host()
            && url.username().is_empty()
            && url.password().is_none()
            && url.query().is_none()
            && url.fragment().is_none()
            && url.path().trim_end_matches('/').split('/').all(is_plain)
            && !url.path().contains("//");
        if is_base { Ok(Self(url)) } else { Err(takes()) }
    }

    /// Whether what is sent there can be read on its way.
    pub fn is_plain_http(&self) -> bool {
        self.0.scheme() == "http"
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.0.port_or_known_default().unwrap_or_default()
    }
}

/// A connected service. Clones are the same one.
#[derive(Clone)]
pub(crate) struct OpenApiService(Arc<Connected>);

struct Connected {
    name: String,
    config: OpenApiConfig,
    breaker: Arc<Breaker>,
    signer: Arc<TokenSigner>,
    egress: Egress,
}

/// What came of sending a request once.
enum Sent {
    Answered(OutboundResponse),
    /// Nobody answered, or somebody in front of the service who says that it does not.
    Down {
        message: String,
        counts: bool,
        asked_pause: Option<Duration>,
    },
    Refused(ServiceError),
}

impl OpenApiService {
    pub(crate) fn new(name: String, config: OpenApiConfig, signer: Arc<TokenSigner>, egress: Egress) -> Self {
        let breaker = Breaker::new(config.breaker);
        Self(Arc::new(Connected { name, config, breaker, signer, egress }))
    }
}

impl Service for OpenApiService {
    fn methods(&self) -> &[ServiceMethod] {
        self.0.config.document.methods()
    }

    fn target(&self, method: &str, arguments: &[Value]) -> String {
        let operation = self.0.operation(method);
        let prepared = operation.and_then(|operation| operation.prepare(&self.0.config.base.0, arguments).ok());
        prepared.map_or_else(|| method.to_owned(), |prepared| format!("{} {}", prepared.method, prepared.url))
    }

    fn keeps_values(&self, method: &str) -> bool {
        !self.0.config.metadata_only.iter().any(|only| only == method)
    }

    fn is_read(&self, method: &str) -> bool {
        self.0.operation(method).is_some_and(|operation| operation.method.is_safe())
    }

    fn call(&self, call: ServiceCall) -> BoxFuture<'static, Result<Value, ServiceError>> {
        let connected = Arc::clone(&self.0);
        Box::pin(async move { connected.call(call).await })
    }
}

impl Connected {
    fn operation(&self, method: &str) -> Option<&Operation> {
        self.config.document.0.operations.get(method)
    }

    async fn call(&self, call: ServiceCall) -> Result<Value, ServiceError> {
        let Some(operation) = self.operation(&call.method) else {
            return Err(ServiceError::NotFound(String::from("the service has no such method")));
        };
        let prepared =
            operation.prepare(&self.config.base.0, &call.arguments).map_err(ServiceError::InvalidArgument)?;
        let until = Instant::now() + call.time_left;
        let mut repetitions = 0;
        loop {
            let Some(leave) = self.breaker.ask(call.tenant, Instant::now()) else {
                let message = "it did not answer several times and is left alone for a while: try again later";
                return Err(ServiceError::Unavailable(message.to_owned()));
            };
            let (message, asked_pause) = match self.send(&call, &prepared, until).await {
                Sent::Answered(response) => {
                    leave.succeeded();
                    let answer = operation.read_answer(&answered(&response));
                    if let Err(error @ ServiceError::Unavailable(_)) = &answer {
                        tracing::warn!(service = self.name, method = call.method, %error, "a service keeps no promise");
                    }
                    return answer;
                }
                Sent::Refused(error) => return Err(error),
                Sent::Down { message, counts, asked_pause } => {
                    if counts && leave.failed(Instant::now()) {
                        tracing::warn!(
                            service = self.name,
                            message,
                            "a service does not answer: calls are refused for a while"
                        );
                    }
                    (message, asked_pause)
                }
            };
            let pause = asked_pause.unwrap_or_else(|| jittered(repetitions));
            repetitions += 1;
            let may_repeat =
                operation.may_be_sent_again && repetitions <= self.config.retries && pause <= LONGEST_PAUSE;
            if !may_repeat || Instant::now() + pause >= until {
                return Err(ServiceError::Unavailable(message));
            }
            tokio::time::sleep(pause).await;
        }
    }

    /// Send the request once, with a token of its own.
    async fn send(&self, call: &ServiceCall, prepared: &Prepared, until: Instant) -> Sent {
        let body = prepared.body.as_deref().unwrap_or_default();
        let signed = SignedRequest {
            audience: &self.config.audience,
            method: prepared.method.as_str(),
            target: prepared.target(),
            body,
        };
        let Ok(token) = self.signer.sign(call, &signed, UnixMillis::now()) else {
            return Sent::Refused(ServiceError::Unavailable(String::from("its token cannot be made")));
        };
        let left = until.saturating_duration_since(Instant::now());
        // Whoever gives a call less time than the operator does says nothing about the service.
        let counts = left >= self.config.timeout;
        let request = OutboundRequest {
            method: prepared.method.to_string(),
            url: prepared.url.to_string(),
            headers: headers(prepared, &token),
            body: body.to_vec(),
            redirect: HttpRedirect::Manual,
            timeout: self.config.timeout.min(left),
            carries_secret: true,
            idempotency_key: call.idempotency_key.clone(),
            lineage: call.lineage.clone(),
        };
        let down = |message, counts| Sent::Down { message, counts, asked_pause: None };
        match self.egress.send(request, &self.allowance(call)).await {
            Ok(response) => match without_token(&token, response).await {
                Ok(response) => sent(response, counts),
                Err(_) => {
                    let message = "it answered with a part, or compressed, and neither was asked for";
                    Sent::Refused(ServiceError::Unavailable(message.to_owned()))
                }
            },
            Err(EgressError::Denied) => down(String::from("it cannot be reached"), counts),
            Err(EgressError::Unavailable(message)) => down(message, counts),
            Err(EgressError::Invalid(message)) => Sent::Refused(ServiceError::InvalidArgument(message)),
            Err(EgressError::TooLarge(message)) => Sent::Refused(ServiceError::Unavailable(message)),
            Err(EgressError::Quota(message)) => Sent::Refused(ServiceError::Quota(message)),
        }
    }

    fn allowance(&self, call: &ServiceCall) -> Allowance {
        let base = &self.config.base;
        Allowance::Service {
            tenant: call.tenant,
            // Without the brackets of an IPv6 address, as the policy compares it.
            host: base.0.host_str().unwrap_or_default().trim_matches(['[', ']']).to_owned(),
            port: base.port(),
            private: self.config.private,
        }
    }
}

/// Tell an answer of the service from one that says that it does not answer. A 500 is an answer: one caller's input may
/// have caused it, and must not close the service for others.
fn sent(response: OutboundResponse, counts: bool) -> Sent {
    let status = response.status;
    match status {
        429 | 502..=504 => {
            let asked_pause =
                header(&response, "retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
            Sent::Down { message: format!("it answered {status}"), counts: counts && status != 429, asked_pause }
        }
        _ => Sent::Answered(response),
    }
}

fn headers(prepared: &Prepared, token: &str) -> Vec<Header> {
    let header = |name: &str, value: &str| Header { name: name.to_owned(), value: value.to_owned() };
    let mut headers: Vec<Header> = prepared.headers.iter().map(|(name, value)| header(name, value)).collect();
    headers.push(header("accept", "application/json"));
    headers.push(header("authorization", &format!("Bearer {token}")));
    if prepared.body.is_some() {
        headers.push(header("content-type", "application/json"));
    }
    headers
}

fn answered(response: &OutboundResponse) -> Answered<'_> {
    Answered {
        status: response.status,
        content_type: header(response, "content-type").unwrap_or_default(),
        body: &response.body,
    }
}

fn header<'a>(response: &'a OutboundResponse, name: &str) -> Option<&'a str> {
    response.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name)).map(|header| header.value.as_str())
}

/// Before repetition `number`: half of the pause is chance, so that callers who failed together do not come back
/// together. Without chance it is the whole.
fn jittered(number: u32) -> Duration {
    let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(number)).min(LONGEST_PAUSE);
    let chance = getrandom::u32().unwrap_or(u32::MAX);
    pause / 2 + pause.mul_f64(f64::from(chance) / f64::from(u32::MAX) / 2.0)
}
