//! `/egress`: which hosts the tenant's scripts may reach.

use app::{App, EgressSettings};
use axum::{Json, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::web::{
    body::JsonBody,
    caller::Caller,
    problem::Problem,
    responses::{EgressProblems, ReadProblems},
};

/// Which hosts scripts may reach, before each script's own capabilities.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EgressLists {
    /// The tenant's list; `null` where there is none, and the operator's stands.
    hosts: Option<Vec<String>>,
    /// The operator's list; `*` is every public host.
    operator_hosts: Vec<String>,
}

/// The tenant's list to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EgressChange {
    /// Host names, and wildcards as `*.example.com`; `null` for no list, so that the operator's stands.
    // Has to be there: who forgets it would otherwise take the list away.
    #[serde(deserialize_with = "Option::deserialize")]
    #[schema(required, example = json!(["api.example.com", "*.example.org"]))]
    hosts: Option<Vec<String>>,
}

impl From<EgressSettings> for EgressLists {
    fn from(settings: EgressSettings) -> Self {
        let EgressSettings { hosts, operator_hosts } = settings;
        Self { hosts, operator_hosts }
    }
}

/// Which hosts scripts may reach. A script reaches those that this list, the operator's and its own capabilities name.
#[utoipa::path(
    get, path = "/api/v1/egress", tag = "egress",
    responses((status = 200, description = "The lists", body = EgressLists), ReadProblems)
)]
pub(crate) async fn show_egress(
    State(app): State<App>,
    Caller(principal): Caller,
) -> Result<Json<EgressLists>, Problem> {
    Ok(Json(app.egress().get(&principal)?.into()))
}

/// Set the tenant's list. It holds for requests from now on.
#[utoipa::path(
    put, path = "/api/v1/egress", tag = "egress",
    request_body = EgressChange,
    responses((status = 200, description = "The lists", body = EgressLists), EgressProblems)
)]
pub(crate) async fn change_egress(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<EgressChange>,
) -> Result<Json<EgressLists>, Problem> {
    app.egress().set(&principal, body.hosts.clone()).await?;
    Ok(Json(app.egress().get(&principal)?.into()))
}
