//! The tenants' endpoints: a listener of its own, another origin than the API's, whose every answer is confined.
//!
//! From a raw path to a tenant and a path ([`paths`]), from the script's answer to one that may leave ([`headers`]).
//! Which script answers, and who may call it, the application knows.

mod accepted;
mod answers;
mod cors;
mod headers;
mod paths;

use std::net::{IpAddr, Ipv4Addr};

use app::{
    AdmittedCall, App, AppError, EndpointAnswer, EndpointCall, EndpointOutcome, EndpointRefusal, Header, RoutedCall,
};
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    middleware,
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use domain::TenantId;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, header, request::Parts, uri::Scheme};
use tracing::Instrument;

use crate::web::{
    body,
    caller::bearer,
    hosts::OwnHosts,
    layers,
    overload::{Account, Held, Overload},
    peer::PeerAddress,
    problem::{Problem, kinds},
};

/// Says that the caller's wish not to wait was followed (RFC 7240).
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// What the listener needs to know.
#[derive(Clone, Debug)]
struct Endpoints {
    app: App,
    /// The scheme that callers see, which is the proxy's where there is one.
    scheme: Scheme,
}

/// The endpoints' router.
pub(crate) fn router(app: App, scheme: Scheme, hosts: OwnHosts, overload: Overload) -> Router {
    let router = Router::new().fallback(answer_endpoint).with_state(Endpoints { app, scheme });
    layers::around(router, hosts, overload).layer(middleware::map_response(headers::confine))
}

/// Whom a request to an endpoint is counted for: the tenant of its path, whether or not there is one.
pub(crate) fn account(uri: &Uri) -> Account {
    Account::Tenant(paths::split(uri.path()).map(|place| place.tenant.to_owned()).unwrap_or_default())
}

/// Answer one request.
async fn answer_endpoint(State(endpoints): State<Endpoints>, request: Request) -> Result<Response, Problem> {
    let (parts, body) = request.into_parts();
    let is_head = parts.method == Method::HEAD;
    let response = endpoints.answer(&parts, body).await.unwrap_or_else(IntoResponse::into_response);
    Ok(if is_head { answers::without_body(response) } else { response })
}

impl Endpoints {
    /// Answer a request; `HEAD` is answered as `GET` here.
    async fn answer(&self, parts: &Parts, body: Body) -> Result<Response, Problem> {
        let place = paths::split(parts.uri.path())?;
        if let Some(execution) = place.accepted() {
            return accepted::answer(self, parts, place.tenant, execution);
        }
        if parts.method == Method::OPTIONS {
            return self.options(parts, place);
        }
        let routed = self.app.endpoints().route(place.tenant, method(parts), place.path)?;
        let granted = cors::Granted::of(routed.cors(), &parts.headers);
        let tenant = routed.tenant();
        let response = self.answer_routed(routed, parts, body).await;
        Ok(granted.put_into(response.unwrap_or_else(|problem| self.refused(problem, tenant, parts))))
    }

    /// The answer to who is refused, counted where nobody knows who it is.
    fn refused(&self, refusal: impl Into<Problem>, tenant: TenantId, parts: &Parts) -> Response {
        let problem: Problem = refusal.into();
        if problem.code() == kinds::UNAUTHENTICATED.code {
            let address = parts.extensions.get::<PeerAddress>().map(|peer| peer.0);
            self.app.audit().count_refusal(Some(tenant), address);
        }
        problem.into_response()
    }

    async fn answer_routed(&self, routed: RoutedCall, parts: &Parts, body: Body) -> Result<Response, Problem> {
        let limit = usize::try_from(routed.body_limit_bytes()).unwrap_or(usize::MAX);
        let call = self.call(parts);
        let prefers_async = call.prefers_async();
        let admitted = self.app.endpoints().admit(routed, call)?;
        // Not before it is known that somebody may ask, and how much.
        let body = body::read(body, limit).await.map(Bytes::into)?;
        let place = paths::split(parts.uri.path())?;
        let answer = self.answer_held(admitted, body, parts.extensions.get::<Held>().cloned()).await?;
        let is_applied = prefers_async && matches!(answer.outcome, EndpointOutcome::Accepted);
        let mut response = answers::response(answer, place.tenant)?;
        if is_applied {
            response.headers_mut().insert(PREFERENCE_APPLIED, HeaderValue::from_static("respond-async"));
        }
        Ok(response)
    }

    /// Let the script answer. It goes on where the caller goes away, and so does what the request holds of the bounds.
    async fn answer_held(
        &self,
        admitted: AdmittedCall,
        body: Vec<u8>,
        held: Option<Held>,
    ) -> Result<EndpointAnswer, EndpointRefusal> {
        let app = self.app.clone();
        let answer = async move {
            let answer = app.endpoints().answer(admitted, body).await;
            drop(held);
            answer
        };
        let answer = tokio::spawn(answer.in_current_span()).await;
        answer.unwrap_or_else(|error| Err(EndpointRefusal::App(AppError::Internal(error.into()))))
    }

    /// What answers at a path, or whether a page of another origin may ask it. No script is asked.
    fn options(&self, parts: &Parts, place: paths::Place<'_>) -> Result<Response, Problem> {
        if let Some(asked) = cors::asked_method(&parts.headers)
            && let Ok(routed) = self.app.endpoints().route(place.tenant, asked, place.path)
            && cors::may_ask(routed.cors(), &parts.headers)
        {
            return Ok(cors::preflight(&routed, routed.methods(), &parts.headers));
        }
        answers::options(self.app.endpoints().methods(place.tenant, place.path)?)
    }

    /// The request as the application takes it.
    fn call(&self, parts: &Parts) -> EndpointCall {
        let peer = parts.extensions.get::<PeerAddress>();
        EndpointCall {
            method: method(parts).to_owned(),
            url: self.url(parts),
            headers: text_headers(&parts.headers),
            bearer: bearer(&parts.headers).map(str::to_owned),
            address: peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0),
        }
    }

    /// The absolute address as the caller wrote it. That the host is ours was checked before.
    fn url(&self, parts: &Parts) -> String {
        let in_header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = in_header.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        format!("{}://{host}{path}", self.scheme)
    }
}

/// The method that answers a request.
fn method(parts: &Parts) -> &str {
    if parts.method == Method::HEAD { Method::GET.as_str() } else { parts.method.as_str() }
}

/// Every header as text. A byte is a character, as the fetch standard reads header values, so that nothing is lost.
fn text_headers(headers: &HeaderMap) -> Vec<Header> {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect();
    headers.iter().map(|(name, value)| Header { name: name.to_string(), value: text(value.as_bytes()) }).collect()
}

impl From<EndpointRefusal> for Problem {
    fn from(refusal: EndpointRefusal) -> Self {
        match refusal {
            EndpointRefusal::NotFound => Self::new(&kinds::NOT_FOUND, "there is no such endpoint"),
            EndpointRefusal::MethodNotAllowed { allow } => {
                Self::new(&kinds::METHOD_NOT_ALLOWED, "the header 'Allow' lists the methods of this endpoint")
                    .with_header(header::ALLOW, answers::allow(&allow))
            }
            // One answer to every reason and every way: whoever tries learns nothing from it.
            EndpointRefusal::Unauthenticated => {
                Self::new(&kinds::UNAUTHENTICATED, "the request does not show that its sender may call this endpoint")
                    .with_header(header::WWW_AUTHENTICATE, "Bearer realm=\"skerry\"")
            }
            EndpointRefusal::MalformedKey => {
                let detail = "'Idempotency-Key' and 'webhook-id' are one text of 1 to 255 visible characters each";
                Self::new(&kinds::MALFORMED_REQUEST, detail)
            }
            EndpointRefusal::KeyInUse => {
                Self::new(&kinds::KEY_IN_USE, "a request with this key is being answered: ask again in a while")
                    .with_header(header::RETRY_AFTER, 1)
            }
            EndpointRefusal::KeyReused => {
                Self::new(&kinds::KEY_REUSED, "this key came with another request before: choose another key")
            }
            EndpointRefusal::App(error) => error.into(),
        }
    }
}
