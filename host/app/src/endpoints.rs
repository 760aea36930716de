//! Requests to tenants' endpoints: which script answers, who asks, and what of the request the script may see.

use std::{sync::Arc, time::Duration};

use database::{Endpoint, EndpointAuthentication, Tenant, TenantStatus};
use domain::{Actor, ExecutionId, Permission, Principal, TenantId, TenantSlug, Trigger};
use matchit::Router;
use moka::sync::Cache;
use runtime::{Failure, Header, Input, Output, Request, Response};

use crate::{
    AppError, Inner,
    chains::Chain,
    executions::{Asker, ExecutionService, Order, Target},
    tokens::TokenService,
};

/// How long a tenant's routes may be out of date in another process; a change in this one is seen at once.
const ROUTES_STALE: Duration = Duration::from_secs(1);

/// Headers by which proxies say who somebody is. Whoever calls can write them, so no script sees them (RULES 27).
const IDENTITY_HEADERS: [&str; 18] = [
    "cf-connecting-ip",
    "cookie",
    "cookie2",
    "forwarded",
    "proxy-authorization",
    "remote-user",
    "remote_user",
    "set-cookie",
    "ssl-client-cert",
    "true-client-ip",
    "x-client-cert",
    "x-client-ip",
    "x-jwt-assertion",
    "x-real-ip",
    "x-remote-user",
    "x-ssl-client-cert",
    "x-user",
    "x-webauth-user",
];

/// Families of such headers, by their beginning.
const IDENTITY_PREFIXES: [&str; 10] = [
    "cf-access-",
    "oidc-",
    "tailscale-",
    "x-amzn-oidc-",
    "x-auth-",
    "x-authenticated-",
    "x-forwarded-",
    "x-goog-",
    "x-ms-client-principal",
    "x-pomerium-",
];

/// A request to an endpoint, as the listener took it apart.
#[derive(Clone, Debug)]
pub struct EndpointCall {
    /// The first segment of the path: a tenant's slug, if it is one.
    pub tenant: String,
    /// The method.
    pub method: String,
    /// The raw path below the tenant, from its `/`.
    pub path: String,
    /// The absolute address.
    pub url: String,
    /// Every header, as it came.
    pub headers: Vec<Header>,
    /// The body.
    pub body: Vec<u8>,
    /// What was presented as `Authorization: Bearer`.
    pub bearer: Option<String>,
}

impl EndpointCall {
    /// Take out the header of a chain of executions: it is no script's to see.
    fn take_chain(&mut self) -> Option<String> {
        let is_chain = |header: &Header| header.name.eq_ignore_ascii_case(Chain::HEADER);
        let at = self.headers.iter().position(is_chain)?;
        let value = self.headers.remove(at).value;
        self.headers.retain(|header| !is_chain(header));
        Some(value)
    }
}

/// What an endpoint answered.
#[derive(Clone, Debug)]
pub struct EndpointAnswer {
    /// The execution behind it.
    pub execution: ExecutionId,
    /// What the script answered, or how it failed.
    pub outcome: Result<Response, Failure>,
    /// Whether the caller was authenticated, so that no shared cache may keep the answer.
    pub cacheable_privately: bool,
}

/// Why no script was asked.
#[derive(Debug)]
pub enum EndpointRefusal {
    /// There is nothing here, or nothing that the caller may know of.
    NotFound,
    /// A public endpoint is here, for other methods.
    MethodNotAllowed {
        /// Those methods.
        allow: Vec<String>,
    },
    /// Anything else.
    App(AppError),
}

impl<E: Into<AppError>> From<E> for EndpointRefusal {
    fn from(error: E) -> Self {
        match error.into() {
            AppError::NotFound { .. } | AppError::NotDeployed | AppError::Paused => Self::NotFound,
            error => Self::App(error),
        }
    }
}

/// Answers requests to endpoints.
#[derive(Clone)]
pub struct EndpointService {
    inner: Arc<Inner>,
    executions: ExecutionService,
    tokens: TokenService,
}

/// The routes of each tenant that was asked for lately.
pub(crate) struct Routes(Cache<TenantId, Arc<Vec<Endpoint>>>);

impl Routes {
    pub(crate) fn new() -> Self {
        Self(Cache::builder().max_capacity(10_000).time_to_live(ROUTES_STALE).build())
    }

    /// A script of the tenant was made, changed, deployed or removed.
    pub(crate) fn changed(&self, tenant: TenantId) {
        self.0.invalidate(&tenant);
    }

    fn of(&self, inner: &Inner, tenant: TenantId) -> Result<Arc<Vec<Endpoint>>, AppError> {
        if let Some(endpoints) = self.0.get(&tenant) {
            return Ok(endpoints);
        }
        let mut endpoints = inner.database.endpoints_of_tenant(tenant)?;
        endpoints.retain(|endpoint| endpoint.is_active && endpoint.version.is_some());
        let endpoints = Arc::new(endpoints);
        self.0.insert(tenant, Arc::clone(&endpoints));
        Ok(endpoints)
    }
}

impl std::fmt::Debug for EndpointService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointService").finish_non_exhaustive()
    }
}

impl EndpointService {
    pub(crate) fn new(inner: Arc<Inner>, executions: ExecutionService, tokens: TokenService) -> Self {
        Self { inner, executions, tokens }
    }

    /// Find the script that answers a request, and let it answer. The answer is sent after the commit.
    ///
    /// # Errors
    /// [`EndpointRefusal`]. A failing script is an answer.
    pub async fn answer(&self, mut call: EndpointCall) -> Result<EndpointAnswer, EndpointRefusal> {
        let tenant = self.tenant(&call.tenant)?;
        let (endpoint, params) = self.route(tenant.id, &call)?;
        let caller = self.caller(tenant.id, &endpoint, call.bearer.as_deref())?;
        let chain = match call.take_chain() {
            Some(header) => self.inner.continue_chain(&header).await?,
            None => None,
        };
        let target = Target::of_endpoint(&self.inner, tenant.id, &endpoint)?;
        let is_authenticated = caller.is_some();
        let actor = caller.as_ref().map_or(Actor::PublicCaller, |principal| principal.actor);
        let input = Input::Request(visible(call, params, caller.as_ref()));
        // A caller, also one with a token, has the binding's rights: a token for an endpoint lets somebody call it, and
        // nothing else.
        let acting = target.acting(&self.inner, Asker::Binding { set_by: endpoint.set_by })?;
        let rights = acting.rights(&self.inner)?;
        let order = Order::new(target, (Trigger::Endpoint, actor), (acting, rights), input);
        let order = order.continuing(chain.map(|chain| chain.0));
        let execution = order.execution;
        let outcome = self.executions.execute(order).await?.result.map(as_response);
        Ok(EndpointAnswer { execution, outcome, cacheable_privately: is_authenticated })
    }

    /// The methods that answer at a path, for `OPTIONS`; none where nothing does, or nothing public.
    ///
    /// # Errors
    /// [`EndpointRefusal::NotFound`] for an unknown tenant.
    pub fn methods(&self, tenant: &str, path: &str) -> Result<Vec<String>, EndpointRefusal> {
        let tenant = self.tenant(tenant)?;
        let endpoints = self.inner.routes.of(&self.inner, tenant.id)?;
        Ok(public_methods(&endpoints, path))
    }

    fn tenant(&self, slug: &str) -> Result<Tenant, EndpointRefusal> {
        let slug = TenantSlug::parse(slug).map_err(|_| EndpointRefusal::NotFound)?;
        let tenant = self.inner.database.tenant_by_slug(&slug).map_err(AppError::from)?;
        tenant.filter(|tenant| tenant.status == TenantStatus::Active).ok_or(EndpointRefusal::NotFound)
    }

    fn route(
        &self,
        tenant: TenantId,
        call: &EndpointCall,
    ) -> Result<(Endpoint, Vec<(String, String)>), EndpointRefusal> {
        let endpoints = self.inner.routes.of(&self.inner, tenant)?;
        if let Some(found) = matching(&endpoints, &call.method, &call.path) {
            return Ok(found);
        }
        let allow = public_methods(&endpoints, &call.path);
        Err(if allow.is_empty() { EndpointRefusal::NotFound } else { EndpointRefusal::MethodNotAllowed { allow } })
    }

    /// Who calls; nobody known at a public endpoint.
    fn caller(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        bearer: Option<&str>,
    ) -> Result<Option<Principal>, EndpointRefusal> {
        if endpoint.authentication == EndpointAuthentication::Public {
            return Ok(None);
        }
        let principal = self.tokens.authenticate(bearer.ok_or(AppError::Unauthenticated)?)?;
        if principal.tenant != tenant || principal.require(Permission::EndpointsCall).is_err() {
            return Err(EndpointRefusal::App(AppError::Unauthenticated));
        }
        Ok(Some(principal))
    }
}

/// The endpoint for a method and a path, with its parameters.
fn matching(endpoints: &[Endpoint], method: &str, path: &str) -> Option<(Endpoint, Vec<(String, String)>)> {
    let mut router = Router::new();
    for (at, endpoint) in endpoints.iter().enumerate() {
        if endpoint.route.method() == method {
            // Conflicts are refused at save; what slipped through is not reachable rather than ambiguous.
            let _ = router.insert(endpoint.route.path(), at);
        }
    }
    let found = router.at(path).ok()?;
    let params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    Some((endpoints[*found.value].clone(), params))
}

fn public_methods(endpoints: &[Endpoint], path: &str) -> Vec<String> {
    let public: Vec<Endpoint> = endpoints
        .iter()
        .filter(|endpoint| endpoint.authentication == EndpointAuthentication::Public)
        .cloned()
        .collect();
    let mut methods: Vec<String> = public.iter().map(|endpoint| endpoint.route.method().to_owned()).collect();
    methods.sort();
    methods.dedup();
    methods.retain(|method| matching(&public, method, path).is_some());
    methods
}

/// The request without what Skerry authenticates with, cookies, and what proxies say about identity (RULES 27, 28).
fn visible(call: EndpointCall, params: Vec<(String, String)>, caller: Option<&Principal>) -> Request {
    // However it is spelled: a token of ours is hidden also where nobody asked for one.
    let is_ours = |header: &Header| caller.is_some() || header.value.contains("sk_");
    let mut headers = call.headers;
    headers.retain(|header| {
        let name = header.name.to_ascii_lowercase();
        let identifies = IDENTITY_HEADERS.contains(&name.as_str())
            || IDENTITY_PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        let authenticates = name == "authorization" && is_ours(header);
        !identifies && !authenticates
    });
    let auth = match caller.map(|principal| principal.actor) {
        Some(Actor::Token { token, .. }) => serde_json::json!({ "kind": "token", "id": token.to_string() }),
        _ => serde_json::json!({ "kind": "public", "id": null }),
    };
    Request { method: call.method, url: call.url, headers, body: call.body, params, auth: auth.to_string() }
}

/// The guest makes a response of whatever a script answers to a request; a value is one too.
fn as_response(output: Output) -> Response {
    match output {
        Output::Response(response) => response,
        Output::Json(json) => Response {
            status: 200,
            headers: vec![Header { name: String::from("content-type"), value: String::from("application/json") }],
            body: json.into_bytes(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(headers: &[(&str, &str)]) -> EndpointCall {
        let headers = headers.iter().map(|(name, value)| Header { name: (*name).into(), value: (*value).into() });
        EndpointCall {
            tenant: String::from("acme"),
            method: String::from("GET"),
            path: String::from("/"),
            url: String::from("http://localhost/acme/"),
            headers: headers.collect(),
            body: Vec::new(),
            bearer: None,
        }
    }

    #[test]
    fn no_script_sees_cookies_or_what_a_proxy_says_of_identity() {
        let headers = [("Cookie", "a=b"), ("X-Forwarded-User", "root"), ("Forwarded", "for=1"), ("X-Event", "kept")];
        let request = visible(call(&headers), Vec::new(), None);
        assert_eq!(request.headers.len(), 1);
        assert_eq!(request.headers[0].name, "X-Event");
    }

    #[test]
    fn a_token_of_ours_is_hidden_also_at_a_public_endpoint() {
        let request = visible(call(&[("authorization", "Bearer sk_x_y")]), Vec::new(), None);
        assert!(request.headers.is_empty());
        let request = visible(call(&[("authorization", "Basic abc")]), Vec::new(), None);
        assert_eq!(request.headers.len(), 1, "a stranger's own scheme is the script's business");
    }
}
