//! `/tokens`: API tokens, one's own and, for whoever manages members, those of others.

use app::{App, IssuedToken};
use axum::{Json, extract::State};
use domain::{Permissions, UnixMillis};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    views::{
        pages::{self, Page},
        people::{TokenBody, TokenChange},
        words::PermissionWord,
    },
    web::{
        body::JsonBody,
        caller::Caller,
        extract::{Params, TokenPath},
        problem::Problem,
        responses::{ChangeProblems, ListProblems, ReadProblems, TokenProblems},
    },
};

/// Milliseconds of a day.
const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// A token to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewToken {
    /// Its name, for people.
    #[schema(example = "deployments")]
    name: String,
    /// What it allows: each one held by the token that asks; all of those where none are named.
    permissions: Option<Vec<PermissionWord>>,
    /// Days until it ends, 1 to 3650; 90 where nothing is said.
    #[schema(example = 90, minimum = 1, maximum = 3650)]
    expires_in_days: Option<u16>,
}

/// A token that was made. Its text is shown this one time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TokenMade {
    id: Uuid,
    /// What to send after `Authorization: Bearer`.
    token: String,
    expires_at: Option<String>,
}

impl From<IssuedToken> for TokenMade {
    fn from(issued: IssuedToken) -> Self {
        let expires_at = issued.expires_at.map(UnixMillis::to_rfc3339);
        Self { id: issued.id.uuid(), token: issued.text, expires_at }
    }
}

/// When a token ends that is to last so many days.
pub(crate) fn end_after(days: Option<u16>) -> Result<UnixMillis, Problem> {
    let days = days.unwrap_or(90);
    if !(1..=3650).contains(&days) {
        return Err(Problem::field("expires_in_days", "a token lasts 1 to 3650 days"));
    }
    Ok(UnixMillis(UnixMillis::now().0 + i64::from(days) * DAY_MS))
}

/// Make a token for whoever asks. It can never do more than its maker, now or later.
#[utoipa::path(
    post, path = "/api/v1/tokens", tag = "me",
    request_body = NewToken,
    responses((status = 201, description = "The token, shown once", body = TokenMade), TokenProblems)
)]
pub(crate) async fn create_token(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(asked): JsonBody<NewToken>,
) -> Result<(StatusCode, Json<TokenMade>), Problem> {
    let permissions: Permissions = match asked.permissions {
        Some(words) => words.into_iter().map(|word| word.0).collect(),
        None => principal.permissions,
    };
    let expires_at = end_after(asked.expires_in_days)?;
    let issued = app.tokens().create(&principal, asked.name, permissions, Some(expires_at)).await?;
    Ok((StatusCode::CREATED, Json(issued.into())))
}

/// Which tokens to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct TokensQuery {
    /// Those of one member; other members' need `members.manage`.
    user: Option<Uuid>,
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List tokens, the oldest first: your own, and everybody's for whoever manages members.
#[utoipa::path(
    get, path = "/api/v1/tokens", tag = "me", params(TokensQuery),
    responses((status = 200, description = "A page of tokens", body = Page<TokenBody>), ListProblems)
)]
pub(crate) async fn browse_tokens(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<TokensQuery>,
) -> Result<Json<Page<TokenBody>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let (user, after) = (query.user.map(Into::into), query.cursor.map(Into::into));
    let tokens = app.tokens().list(&principal, user, after, limit)?;
    Ok(Json(Page::new(&tokens, limit, |last| last.id.to_string())))
}

/// Show a token, without its secret.
#[utoipa::path(
    get, path = "/api/v1/tokens/{token}", tag = "me",
    params(("token" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The token", body = TokenBody), ReadProblems)
)]
pub(crate) async fn show_token(
    State(app): State<App>,
    Caller(principal): Caller,
    TokenPath(token): TokenPath,
) -> Result<Json<TokenBody>, Problem> {
    Ok(Json(TokenBody::from(&app.tokens().get(&principal, token)?)))
}

/// Call a token something else.
#[utoipa::path(
    patch, path = "/api/v1/tokens/{token}", tag = "me",
    params(("token" = Uuid, Path, description = "Its id")),
    request_body(content = TokenChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The token", body = TokenBody), TokenProblems, ReadProblems)
)]
pub(crate) async fn rename_token(
    State(app): State<App>,
    Caller(principal): Caller,
    TokenPath(token): TokenPath,
    JsonBody(body): JsonBody<TokenChange>,
) -> Result<Json<TokenBody>, Problem> {
    Ok(Json(TokenBody::from(&app.tokens().change(&principal, token, body.patch()?).await?)))
}

/// Revoke a token. Within a second nothing accepts it any more.
#[utoipa::path(
    delete, path = "/api/v1/tokens/{token}", tag = "me",
    params(("token" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is revoked"), ChangeProblems)
)]
pub(crate) async fn revoke_token(
    State(app): State<App>,
    Caller(principal): Caller,
    TokenPath(token): TokenPath,
) -> Result<StatusCode, Problem> {
    app.tokens().revoke(&principal, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
