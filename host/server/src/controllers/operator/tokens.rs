//! `/operator/tokens`: tokens of the deployment's own, with which programs do what operators do.

use app::App;
use axum::{Json, extract::State};
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    controllers::tokens::{TokenMade, end_after},
    views::{
        operators::{NewOperatorToken, OperatorTokenBody},
        pages::{self, Page},
    },
    web::{
        body::JsonBody,
        caller::OperatorCaller,
        extract::{Params, TokenPath},
        problem::Problem,
        responses::{ChangeProblems, ListProblems, TokenProblems},
    },
};

/// Which tokens to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OperatorTokensQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List tokens of the deployment's own, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/operator/tokens", tag = "operator", params(OperatorTokensQuery),
    responses((status = 200, description = "A page of tokens", body = Page<OperatorTokenBody>), ListProblems)
)]
pub(crate) async fn browse_operator_tokens(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    Params(query): Params<OperatorTokensQuery>,
) -> Result<Json<Page<OperatorTokenBody>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let tokens = app.operators().tokens(&operator, query.cursor.map(Into::into), limit)?;
    Ok(Json(Page::new(&tokens, limit, |last| last.id.to_string())))
}

/// Make a token of the deployment's own, for the operator who asks.
#[utoipa::path(
    post, path = "/api/v1/operator/tokens", tag = "operator", request_body = NewOperatorToken,
    responses((status = 201, description = "The token, shown once", body = TokenMade), TokenProblems)
)]
pub(crate) async fn create_operator_token(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    JsonBody(body): JsonBody<NewOperatorToken>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let expires_at = end_after(body.expires_in_days)?;
    let issued = app.operators().create_token(&operator, body.name()?, Some(expires_at)).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

/// Revoke a token of the deployment's own. Within a second nothing accepts it any more.
#[utoipa::path(
    delete, path = "/api/v1/operator/tokens/{token}", tag = "operator",
    params(("token" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is revoked"), ChangeProblems)
)]
pub(crate) async fn revoke_operator_token(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    TokenPath(token): TokenPath,
) -> Result<StatusCode, Problem> {
    app.operators().revoke_token(&operator, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
