//! Requests to tenants' endpoints: which script answers, who asks, and what of the request the script may see.
//!
//! A request goes three steps: [`EndpointService::route`] by its address alone, [`EndpointService::admit`] before its
//! body is read, [`EndpointService::answer`] with the body. Nothing of the guest runs before the caller is known.

mod accepted;
mod cors;
mod options;
mod rates;
mod repeats;
mod routes;
mod secrets;
mod visible;

use std::{net::IpAddr, sync::Arc};

use database::{EndpointAuthentication, Tenant, TenantStatus};
use domain::{ExecutionId, Lineage, Permission, Principal, TenantId, TenantSlug, Trigger, UnixMillis};
use runtime::{Failure, Header, Input, Output, Request, Response};

use crate::{
    AppError, Inner, ScriptRef,
    chains::Chain,
    executions::{Asker, ExecutionService, Order, Target},
    signatures::SignedRequest,
    tokens::TokenService,
};

pub use accepted::AcceptedRequest;
pub use cors::Cors;
pub use options::{BODY_BYTES_MAX, Endpoint, EndpointInput, EndpointMode, EndpointOptions, EndpointRate};
pub(crate) use rates::EndpointRates;
use repeats::{Repeat, Told};
use routes::LiveEndpoint;
pub(crate) use routes::Routes;
pub use secrets::{EndpointSecretView, RotatedSecret};
use visible::Caller;

/// A request to an endpoint, but for its body.
#[derive(Clone, Debug)]
pub struct EndpointCall {
    /// The method.
    pub method: String,
    /// The absolute address.
    pub url: String,
    /// Every header, as it came.
    pub headers: Vec<Header>,
    /// What was presented as `Authorization: Bearer`.
    pub bearer: Option<String>,
    /// From which address it comes.
    pub address: IpAddr,
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

    /// Whether the caller does not want to wait (RFC 7240).
    pub fn prefers_async(&self) -> bool {
        let preferences = self.headers.iter().filter(|header| header.name.eq_ignore_ascii_case("prefer"));
        preferences.flat_map(|header| header.value.split(',')).any(|preference| {
            let name = preference.split([';', '=']).next().unwrap_or_default();
            name.trim().eq_ignore_ascii_case("respond-async")
        })
    }
}

/// The endpoint that a request's address leads to.
#[derive(Clone, Debug)]
pub struct RoutedCall {
    tenant: TenantId,
    live: Arc<LiveEndpoint>,
    params: Vec<(String, String)>,
}

impl RoutedCall {
    /// Whose endpoint it is.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// Which pages of other origins may read its answers.
    pub fn cors(&self) -> Option<&Cors> {
        self.live.endpoint.options.cors.as_ref()
    }

    /// The most bytes of a body.
    pub fn body_limit_bytes(&self) -> u64 {
        self.live.endpoint.options.body_limit_bytes
    }

    /// The methods that the endpoint answers.
    pub fn methods(&self) -> impl Iterator<Item = &'static str> + '_ {
        self.live.endpoint.route.methods()
    }
}

/// A request whose body may be read.
#[derive(Clone, Debug)]
pub struct AdmittedCall {
    routed: RoutedCall,
    call: EndpointCall,
    /// Who calls; `None` where the body is needed to know.
    caller: Option<Caller>,
}

/// What an endpoint answered.
#[derive(Clone, Debug)]
pub struct EndpointAnswer {
    /// The execution behind it.
    pub execution: ExecutionId,
    /// What became of it.
    pub outcome: EndpointOutcome,
    /// Whether the caller was authenticated, so that no shared cache may keep the answer.
    pub is_private: bool,
    /// Whether an equal request was answered before, and this is that answer.
    pub is_repeated: bool,
}

/// What became of a request.
#[derive(Clone, Debug)]
pub enum EndpointOutcome {
    /// The script answered.
    Response(Response),
    /// The script failed.
    Failed(Failure),
    /// The script runs later. What becomes of it is found by [`EndpointService::accepted`].
    Accepted,
}

impl EndpointAnswer {
    fn new(execution: ExecutionId, outcome: EndpointOutcome) -> Self {
        Self { execution, outcome, is_private: false, is_repeated: false }
    }
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
    /// The caller is not known, in whichever way.
    Unauthenticated,
    /// The key by which the request is told again cannot be read.
    MalformedKey,
    /// An equal request is being answered.
    KeyInUse,
    /// The key came with another body before.
    KeyReused,
    /// Anything else.
    App(AppError),
}

impl<E: Into<AppError>> From<E> for EndpointRefusal {
    fn from(error: E) -> Self {
        match error.into() {
            AppError::NotFound { .. } | AppError::NotDeployed | AppError::Paused | AppError::Orphaned => Self::NotFound,
            // Its members are told why; whoever calls it is told what a deleted one would be.
            AppError::TenantSuspended { .. } => Self::NotFound,
            AppError::Unauthenticated => Self::Unauthenticated,
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
    /// Held from reading secrets until those that replace them are written.
    rotation: Arc<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for EndpointService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EndpointService").finish_non_exhaustive()
    }
}

impl EndpointService {
    pub(crate) fn new(inner: Arc<Inner>, executions: ExecutionService, tokens: TokenService) -> Self {
        Self { inner, executions, tokens, rotation: Arc::default() }
    }

    /// Every endpoint of the tenant by its path, also those that do not answer now. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(&self, principal: &Principal) -> Result<Vec<Endpoint>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let rows = self.inner.database.endpoints_of_tenant(principal.tenant)?;
        rows.into_iter().map(Endpoint::of_row).collect()
    }

    /// Find the endpoint for a request's method and its raw path below the tenant, from its `/`.
    ///
    /// # Errors
    /// [`EndpointRefusal::NotFound`], also for what the caller may not know of; [`EndpointRefusal::MethodNotAllowed`].
    pub fn route(&self, tenant: &str, method: &str, path: &str) -> Result<RoutedCall, EndpointRefusal> {
        let tenant = self.tenant(tenant)?.id;
        let routes = self.inner.routes.of(&self.inner, tenant)?;
        if let Some((live, params)) = routes.matching(method, path) {
            return Ok(RoutedCall { tenant, live, params });
        }
        let allow = routes.public_methods(path);
        Err(if allow.is_empty() { EndpointRefusal::NotFound } else { EndpointRefusal::MethodNotAllowed { allow } })
    }

    /// The methods that answer at a path, for `OPTIONS`; none where nothing does, or nothing public.
    ///
    /// # Errors
    /// [`EndpointRefusal::NotFound`] for an unknown tenant.
    pub fn methods(&self, tenant: &str, path: &str) -> Result<Vec<String>, EndpointRefusal> {
        let tenant = self.tenant(tenant)?;
        Ok(self.inner.routes.of(&self.inner, tenant.id)?.public_methods(path))
    }

    /// Let a request's body be read: its address has not asked too often, and its token is good where one is needed.
    ///
    /// # Errors
    /// [`EndpointRefusal::Unauthenticated`]; [`AppError::Quota`] with the rate that is used up.
    pub fn admit(&self, routed: RoutedCall, call: EndpointCall) -> Result<AdmittedCall, EndpointRefusal> {
        let endpoint = &routed.live.endpoint;
        self.inner.endpoint_rates.count_address(endpoint, call.address)?;
        let caller = match endpoint.authentication {
            EndpointAuthentication::Public => Some(Caller::Anybody),
            EndpointAuthentication::Token => Some(self.token_caller(routed.tenant, call.bearer.as_deref())?),
            EndpointAuthentication::Hmac => None,
        };
        if caller.is_some() {
            self.inner.endpoint_rates.count_all(endpoint)?;
        }
        Ok(AdmittedCall { routed, call, caller })
    }

    /// Let the script answer. The answer is given after the commit.
    ///
    /// # Errors
    /// [`EndpointRefusal`]. A failing script is an answer.
    pub async fn answer(&self, admitted: AdmittedCall, body: Vec<u8>) -> Result<EndpointAnswer, EndpointRefusal> {
        let caller = self.verified(&admitted, &body)?;
        let AdmittedCall { routed: RoutedCall { tenant, live, params }, mut call, .. } = admitted;
        let endpoint = &live.endpoint;
        // Counting a chain is a write, and so comes after who calls is known.
        let chain = match call.take_chain() {
            Some(header) => self.inner.continue_chain(&header).await?,
            None => None,
        };
        let repeat = self.repeat(tenant, endpoint, &call, (&caller, &body))?;
        let is_async = endpoint.options.mode == EndpointMode::Async || call.prefers_async();
        let request = visible::request(endpoint, call, params, (&caller, body));
        let order =
            self.order(tenant, &live, &caller, request)?.continuing(chain.map(|chain: Chain| -> Lineage { chain.0 }));
        let answer =
            if is_async { self.accept_once(order, repeat).await? } else { self.run_once(order, repeat).await? };
        Ok(EndpointAnswer { is_private: caller != Caller::Anybody, ..answer })
    }

    fn tenant(&self, slug: &str) -> Result<Tenant, EndpointRefusal> {
        let slug = TenantSlug::parse(slug).map_err(|_| EndpointRefusal::NotFound)?;
        let tenant = self.inner.database.tenant_by_slug(&slug).map_err(AppError::from)?;
        tenant.filter(|tenant| tenant.status == TenantStatus::Active).ok_or(EndpointRefusal::NotFound)
    }

    /// Who calls with a token.
    fn token_caller(&self, tenant: TenantId, bearer: Option<&str>) -> Result<Caller, EndpointRefusal> {
        let principal = self.tokens.authenticate(bearer.ok_or(EndpointRefusal::Unauthenticated)?)?;
        if principal.tenant != tenant || principal.require(Permission::EndpointsCall).is_err() {
            return Err(EndpointRefusal::Unauthenticated);
        }
        Ok(Caller::Token(principal))
    }

    /// Who calls, once the body is there.
    fn verified(&self, admitted: &AdmittedCall, body: &[u8]) -> Result<Caller, EndpointRefusal> {
        if let Some(caller) = &admitted.caller {
            return Ok(caller.clone());
        }
        let LiveEndpoint { endpoint, secrets } = &*admitted.routed.live;
        let scheme = endpoint.options.signature.as_ref().ok_or(EndpointRefusal::Unauthenticated)?;
        let request = SignedRequest { headers: &admitted.call.headers, body, now: UnixMillis::now() };
        scheme.verify(&request, secrets).map_err(|_| EndpointRefusal::Unauthenticated)?;
        self.inner.endpoint_rates.count_all(endpoint)?;
        Ok(Caller::Signature)
    }

    /// What the request is told again by.
    fn repeat(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        call: &EndpointCall,
        (caller, body): (&Caller, &[u8]),
    ) -> Result<Option<Repeat>, EndpointRefusal> {
        let caller = caller.identity();
        let told =
            Told { endpoint, method: &call.method, url: &call.url, caller: &caller, headers: &call.headers, body };
        told.repeat(&*self.inner.keyring.tenant(&self.inner.database, tenant)?)
    }

    /// What is to run. A caller, also one with a token, has the binding's rights: a token for an endpoint lets somebody
    /// call it, and nothing else.
    fn order(
        &self,
        tenant: TenantId,
        live: &LiveEndpoint,
        caller: &Caller,
        request: Request,
    ) -> Result<Order, EndpointRefusal> {
        let target = Target::of_script(&self.inner, tenant, &ScriptRef::Id(live.endpoint.script))?;
        let acting = target.acting(&self.inner, Asker::Binding { set_by: live.endpoint.set_by })?;
        let rights = acting.rights(&self.inner)?;
        Ok(Order::new(target, (Trigger::Endpoint, caller.actor()), (acting, rights), Input::Request(request)))
    }
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
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
