//! Which endpoint answers: a router for each tenant and method, built once for each change and kept.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{ScriptId, TenantId};
use matchit::Router;
use moka::sync::Cache;

use super::{options::Endpoint, secrets};
use crate::{AppError, Inner, signatures::SigningSecret};

/// The parameters of a path, by name.
pub(super) type PathParameters = Vec<(String, String)>;

/// How long a tenant's routes may be out of date where something else than this process changed them; a change in this
/// one is seen at once.
const ROUTES_STALE: Duration = Duration::from_secs(1);

/// How many tenants' routes are kept.
const TENANTS_MAX: u64 = 10_000;

/// An endpoint that answers, with what its requests are verified by.
#[derive(Debug)]
pub(crate) struct LiveEndpoint {
    pub(crate) endpoint: Endpoint,
    pub(crate) secrets: Vec<SigningSecret>,
}

/// The endpoints of one tenant that answer.
#[derive(Default)]
pub(crate) struct TenantRoutes {
    routers: HashMap<&'static str, Router<Arc<LiveEndpoint>>>,
    /// Each of them by its script.
    by_script: HashMap<ScriptId, Arc<LiveEndpoint>>,
}

/// The routes of each tenant that was asked for lately.
pub(crate) struct Routes {
    kept: Cache<TenantId, Arc<TenantRoutes>>,
    /// Goes up with every change: what was read before one is not kept after it.
    changes: AtomicU64,
}

impl Routes {
    pub(crate) fn new() -> Self {
        let kept = Cache::builder().max_capacity(TENANTS_MAX).time_to_live(ROUTES_STALE).build();
        Self { kept, changes: AtomicU64::new(0) }
    }

    /// A script of the tenant, or a secret of an endpoint, was made, changed, deployed or removed.
    pub(crate) fn changed(&self, tenant: TenantId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.kept.invalidate(&tenant);
    }

    /// The tenant's routes as they are.
    pub(super) fn of(&self, inner: &Inner, tenant: TenantId) -> Result<Arc<TenantRoutes>, AppError> {
        if let Some(routes) = self.kept.get(&tenant) {
            return Ok(routes);
        }
        let before = self.changes.load(Ordering::SeqCst);
        let routes = Arc::new(TenantRoutes::read(inner, tenant)?);
        if self.changes.load(Ordering::SeqCst) == before {
            self.kept.insert(tenant, Arc::clone(&routes));
        }
        Ok(routes)
    }
}

impl TenantRoutes {
    fn read(inner: &Inner, tenant: TenantId) -> Result<Self, AppError> {
        let mut secrets = secrets::of_tenant(inner, tenant)?;
        let mut live = Vec::new();
        for row in inner.database.endpoints_of_tenant(tenant)? {
            if row.is_active && row.version.is_some() && !inner.has_left(tenant, row.set_by)? {
                let endpoint = match Endpoint::of_row(row) {
                    Ok(endpoint) => endpoint,
                    // It alone does not answer.
                    Err(error) => {
                        tracing::error!(tenant.id = %tenant, ?error, "an endpoint cannot be read and does not answer");
                        continue;
                    }
                };
                let secrets = secrets::live(&endpoint, secrets.remove(&endpoint.script).unwrap_or_default());
                live.push(LiveEndpoint { endpoint, secrets });
            }
        }
        Ok(Self::new(live))
    }

    fn new(live: Vec<LiveEndpoint>) -> Self {
        let mut routes = Self::default();
        for live in live.into_iter().map(Arc::new) {
            for method in live.endpoint.route.methods() {
                // Conflicts are refused at save; what slipped through is not reachable rather than ambiguous.
                let _ = routes.routers.entry(method).or_default().insert(live.endpoint.route.path(), Arc::clone(&live));
            }
            routes.by_script.insert(live.endpoint.script, live);
        }
        routes
    }

    /// The endpoint for a method and a path, with its parameters.
    pub(super) fn matching(&self, method: &str, path: &str) -> Option<(Arc<LiveEndpoint>, PathParameters)> {
        let found = self.routers.get(method)?.at(path).ok()?;
        let params = found.params.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Some((Arc::clone(found.value), params))
    }

    /// The methods at a path to which a public endpoint answers: others are nobody's to know of (RULES 32).
    pub(super) fn public_methods(&self, path: &str) -> Vec<String> {
        let is_public = |method: &&str| self.matching(method, path).is_some_and(|(live, _)| live.endpoint.is_public());
        let mut methods: Vec<String> = self.routers.keys().copied().filter(is_public).map(str::to_owned).collect();
        methods.sort();
        methods
    }

    /// The endpoint of a script.
    pub(super) fn of_script(&self, script: ScriptId) -> Option<Arc<LiveEndpoint>> {
        self.by_script.get(&script).map(Arc::clone)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use database::EndpointAuthentication;
    use domain::{EndpointRoute, UnixMillis};

    use super::*;
    use crate::EndpointOptions;

    fn live(method: &str, path: &str, authentication: EndpointAuthentication) -> LiveEndpoint {
        let endpoint = Endpoint {
            script: ScriptId::generate(),
            script_name: format!("{method} {path}"),
            route: EndpointRoute::parse(method, path).unwrap(),
            authentication,
            options: EndpointOptions::default(),
            set_by: None,
            set_at: UnixMillis(0),
            is_active: true,
            version: None,
        };
        LiveEndpoint { endpoint, secrets: Vec::new() }
    }

    #[test]
    fn a_literal_goes_before_a_parameter_and_a_parameter_before_the_rest() {
        let public = EndpointAuthentication::Public;
        let routes = TenantRoutes::new(vec![
            live("GET", "/orders/new", public),
            live("GET", "/orders/{id}", public),
            live("ANY", "/files/{*rest}", public),
            live("GET", "/files/a.b", public),
        ]);
        let found = |method, path| routes.matching(method, path).map(|(live, _)| live.endpoint.script_name.clone());
        assert_eq!(found("GET", "/orders/new").as_deref(), Some("GET /orders/new"));
        assert_eq!(found("GET", "/orders/new.json").as_deref(), Some("GET /orders/{id}"));
        assert_eq!(found("DELETE", "/files/a/b.c").as_deref(), Some("ANY /files/{*rest}"));
        assert_eq!(found("GET", "/files/a.b").as_deref(), Some("GET /files/a.b"));
        for (method, path) in [("GET", "/orders"), ("GET", "/orders/"), ("POST", "/orders/new"), ("get", "/orders/new")]
        {
            assert_eq!(found(method, path), None, "{method} {path}");
        }
        let (_, params) = routes.matching("PUT", "/files/a/b%20c").unwrap();
        assert_eq!(params, [(String::from("rest"), String::from("a/b%20c"))]);
    }

    #[test]
    fn only_methods_of_public_endpoints_are_named() {
        let routes = TenantRoutes::new(vec![
            live("PUT,GET", "/a", EndpointAuthentication::Public),
            live("POST", "/a", EndpointAuthentication::Token),
            live("DELETE", "/a", EndpointAuthentication::Hmac),
        ]);
        assert_eq!(routes.public_methods("/a"), ["GET", "PUT"]);
        assert!(routes.public_methods("/b").is_empty());
    }
}
