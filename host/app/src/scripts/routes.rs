//! Whether an endpoint's route can stand beside the tenant's others.

use database::Database;
use domain::{EndpointRoute, ScriptId, TenantId};
use matchit::Router;

use crate::AppError;

/// Let through a route that the router can tell from every other of the tenant; `own` is the script that changes its
/// own. The database refuses two of one shape by itself; here `/orders/{id}` and `/orders/{*rest}` are refused too.
pub(super) fn require_free(
    database: &Database,
    tenant: TenantId,
    own: Option<ScriptId>,
    route: &EndpointRoute,
) -> Result<(), AppError> {
    let endpoints = database.endpoints_of_tenant(tenant)?;
    let others = endpoints.iter().filter(|endpoint| Some(endpoint.script) != own).map(|endpoint| &endpoint.route);
    let others: Vec<&EndpointRoute> = others.collect();
    for method in route.methods() {
        let mut router = Router::new();
        for other in others.iter().filter(|other| other.methods().any(|own| own == method)) {
            // What stands already was let through here, one by one.
            let _ = router.insert(other.path(), ());
        }
        let taken = |_| AppError::RouteTaken { method: method.to_owned(), path: route.path().to_owned() };
        router.insert(route.path(), ()).map_err(taken)?;
    }
    Ok(())
}
