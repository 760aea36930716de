//! Where an endpoint script answers.

use app::{Endpoint, EndpointInput};
use domain::{EndpointRoute, Invalid};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::words::AuthenticationWord;

/// Where an endpoint script answers, below its tenant: `/{tenant}{path}` on the endpoints' listener.
#[derive(Clone, Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Endpoint, example = json!({ "method": "POST", "path": "/orders/{id}", "authentication": "public" }))]
pub(crate) struct EndpointView {
    /// GET, POST, PUT, PATCH or DELETE. HEAD is answered like GET.
    method: String,
    /// From its `/`; `{name}` takes one segment, `{*name}` the rest.
    path: String,
    /// Who may call: everybody, or an API token with the permission `endpoints.call`.
    #[schema(inline)]
    authentication: AuthenticationWord,
}

impl TryFrom<EndpointView> for EndpointInput {
    type Error = Invalid;

    fn try_from(view: EndpointView) -> Result<Self, Invalid> {
        let route = EndpointRoute::parse(&view.method, &view.path)?;
        Ok(Self { route, authentication: view.authentication.0 })
    }
}

impl From<&Endpoint> for EndpointView {
    fn from(endpoint: &Endpoint) -> Self {
        Self {
            method: endpoint.route.method().to_owned(),
            path: endpoint.route.path().to_owned(),
            authentication: AuthenticationWord(endpoint.authentication),
        }
    }
}
