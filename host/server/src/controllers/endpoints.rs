//! `/endpoints` and the secrets of each: what answers requests, and what those are signed with.

use app::{App, Endpoint};
use axum::{Json, extract::State};
use domain::ScriptId;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        endpoints::{EndpointSecretBody, EndpointSecretsBody, ListedEndpoint, NewEndpointSecret, RotatedSecretBody},
        pages::{self, Page},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        extract::{Params, ScriptPath, SecretSlotPath},
        problem::Problem,
        responses::{ChangeProblems, EndpointSecretProblems, ListProblems},
    },
};

/// Which endpoints to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EndpointsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List endpoints, by path.
#[utoipa::path(
    get, path = "/api/v1/endpoints", tag = "endpoints", params(EndpointsQuery),
    responses((status = 200, description = "A page of endpoints", body = Page<ListedEndpoint>), ListProblems)
)]
pub(crate) async fn browse_endpoints(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<EndpointsQuery>,
) -> Result<Json<Page<ListedEndpoint>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(place_of).transpose()?;
    let mut endpoints = app.endpoints().list(&principal)?;
    endpoints.retain(|endpoint| after.as_ref().is_none_or(|after| place(endpoint) > *after));
    endpoints.truncate(limit as usize);
    Ok(Json(Page::new(&endpoints, limit, |last| {
        let (path, script) = place(last);
        format!("{script}{path}")
    })))
}

/// Show which secrets an endpoint has. No answer has a value in it.
#[utoipa::path(
    get, path = "/api/v1/scripts/{script}/endpoint/secrets", tag = "endpoints",
    params(("script" = String, Path, description = "Its id or its name")),
    responses((status = 200, description = "The secrets", body = EndpointSecretsBody), ListProblems)
)]
pub(crate) async fn show_endpoint_secrets(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
) -> Result<Json<EndpointSecretsBody>, Problem> {
    let secrets = app.endpoints().secrets(&principal, &script)?;
    Ok(Json(EndpointSecretsBody::from(secrets.as_slice())))
}

/// Keep a secret in one of the two slots, in place of the one there. Requests that are signed with either are taken.
#[utoipa::path(
    put, path = "/api/v1/scripts/{script}/endpoint/secrets/{slot}", tag = "endpoints",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("slot" = String, Path, description = "`primary` or `secondary`")
    ),
    request_body = NewEndpointSecret,
    responses((status = 200, description = "It is kept", body = EndpointSecretBody), EndpointSecretProblems)
)]
pub(crate) async fn put_endpoint_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    SecretSlotPath(script, slot): SecretSlotPath,
    JsonBody(body): JsonBody<NewEndpointSecret>,
) -> Result<Json<EndpointSecretBody>, Problem> {
    let kept = app.endpoints().put_secret(&principal, &script, slot, &body.value()).await?;
    Ok(Json(EndpointSecretBody::from(&kept)))
}

/// Make a new secret, which becomes the primary one. What was that stays live as the secondary one, until senders have
/// gone over and it is removed.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/endpoint/secrets/rotate", tag = "endpoints",
    params(("script" = String, Path, description = "Its id or its name")),
    responses((status = 201, description = "The secret, this once", body = RotatedSecretBody), EndpointSecretProblems)
)]
pub(crate) async fn rotate_endpoint_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
) -> Result<(StatusCode, Json<RotatedSecretBody>), Problem> {
    let rotated = app.endpoints().rotate_secret(&principal, &script).await?;
    Ok((StatusCode::CREATED, Json(RotatedSecretBody::from(&rotated))))
}

/// Remove a secret. What is signed with it is refused from then on.
#[utoipa::path(
    delete, path = "/api/v1/scripts/{script}/endpoint/secrets/{slot}", tag = "endpoints",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("slot" = String, Path, description = "`primary` or `secondary`")
    ),
    responses((status = 204, description = "It is gone"), ChangeProblems)
)]
pub(crate) async fn delete_endpoint_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    SecretSlotPath(script, slot): SecretSlotPath,
) -> Result<StatusCode, Problem> {
    app.endpoints().delete_secret(&principal, &script, slot).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where an endpoint stands in the list.
fn place(endpoint: &Endpoint) -> (String, ScriptId) {
    (endpoint.route.path().to_owned(), endpoint.script)
}

/// The place that a cursor names: the script's id, and the path from its `/`.
fn place_of(cursor: &str) -> Result<(String, ScriptId), Problem> {
    let parsed = cursor.find('/').and_then(|at| Some((cursor[at..].to_owned(), cursor[..at].parse().ok()?)));
    parsed.ok_or_else(|| Problem::field("cursor", "the cursor is the 'next_cursor' of a page"))
}
