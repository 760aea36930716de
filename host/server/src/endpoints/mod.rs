//! The tenants' endpoints: a listener of its own, another origin than the API's, whose every answer is confined.
//!
//! From a raw path to a tenant and a path ([`paths`]), from the script's answer to one that may leave ([`headers`]).
//! Which script answers, and who may call it, the application knows.

mod answers;
mod headers;
mod paths;

use app::{App, EndpointCall, Header};
use axum::{Router, extract::Request, extract::State, middleware, response::Response};
use bytes::Bytes;
use http::{HeaderMap, Method, Uri, header, uri::Scheme};

use crate::web::{
    body,
    caller::bearer,
    hosts::OwnHosts,
    layers,
    overload::{Account, Overload},
    problem::{Problem, kinds},
};

/// The most bytes of a request's body (SPEC section 2).
const BODY_BYTES_MAX: usize = 4 << 20;

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
    let place = paths::split(parts.uri.path())?;
    if parts.method == Method::OPTIONS {
        let methods = endpoints.app.endpoints().methods(place.tenant, place.path);
        return methods.map_err(Problem::from).and_then(answers::options);
    }
    let is_head = parts.method == Method::HEAD;
    let call = EndpointCall {
        tenant: place.tenant.to_owned(),
        method: if is_head { Method::GET } else { parts.method.clone() }.to_string(),
        path: place.path.to_owned(),
        url: endpoints.url(&parts),
        headers: text_headers(&parts.headers),
        body: body::read(body, BODY_BYTES_MAX).await.map(Bytes::into)?,
        bearer: bearer(&parts.headers).map(str::to_owned),
    };
    let answer = endpoints.app.endpoints().answer(call).await?;
    let response = answers::response(answer)?;
    Ok(if is_head { answers::without_body(response) } else { response })
}

impl Endpoints {
    /// The absolute address as the caller wrote it. That the host is ours was checked before.
    fn url(&self, parts: &http::request::Parts) -> String {
        let in_header = parts.headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let host = in_header.or_else(|| parts.uri.authority().map(|authority| authority.as_str())).unwrap_or_default();
        let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
        format!("{}://{host}{path}", self.scheme)
    }
}

/// Every header as text. A byte is a character, as the fetch standard reads header values, so that nothing is lost.
fn text_headers(headers: &HeaderMap) -> Vec<Header> {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| char::from(*byte)).collect();
    headers.iter().map(|(name, value)| Header { name: name.to_string(), value: text(value.as_bytes()) }).collect()
}

impl From<app::EndpointRefusal> for Problem {
    fn from(refusal: app::EndpointRefusal) -> Self {
        match refusal {
            app::EndpointRefusal::NotFound => Self::new(&kinds::NOT_FOUND, "there is no such endpoint"),
            app::EndpointRefusal::MethodNotAllowed { allow } => {
                Self::new(&kinds::METHOD_NOT_ALLOWED, "the header 'Allow' lists the methods of this endpoint")
                    .with_header(header::ALLOW, answers::allow(&allow))
            }
            app::EndpointRefusal::App(error) => error.into(),
        }
    }
}
