//! `/secrets`: keep, show, change and remove what scripts use and never read. No answer here has a value in it.

use app::{App, SecretView};
use axum::{Json, extract::State, response::IntoResponse};
use domain::SecretName;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        pages::{self, Page},
        secrets::{NewSecret, SecretChange, SecretRecord},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{self, IfMatch},
        extract::{Params, SecretPath},
        problem::Problem,
        responses::{ListProblems, ReadProblems, SecretProblems, SecretRemovalProblems},
    },
};

/// Which secrets to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SecretsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List secrets, by name: their records, never their values.
#[utoipa::path(
    get, path = "/api/v1/secrets", tag = "secrets", params(SecretsQuery),
    responses((status = 200, description = "A page of secrets", body = Page<SecretRecord>), ListProblems)
)]
pub(crate) async fn browse_secrets(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<SecretsQuery>,
) -> Result<Json<Page<SecretRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(SecretName::parse).transpose();
    let after = after.map_err(|_| Problem::field("cursor", "the cursor is the 'next_cursor' of a page"))?;
    let secrets = app.secrets().list(&principal, after.as_ref(), limit)?;
    Ok(Json(Page::new(&secrets, limit, |secret| secret.record.name.to_string())))
}

/// Show a secret's record.
#[utoipa::path(
    get, path = "/api/v1/secrets/{secret}", tag = "secrets",
    params(("secret" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The record", body = SecretRecord,
            headers(("ETag", description = "Send it as If-Match to change what you saw"))),
        ReadProblems
    )
)]
pub(crate) async fn show_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    SecretPath(secret): SecretPath,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.secrets().get(&principal, &secret)?))
}

/// Keep a secret, or put it whole in place of the one of that name.
#[utoipa::path(
    put, path = "/api/v1/secrets/{secret}", tag = "secrets",
    params(
        ("secret" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of the one to be replaced")
    ),
    request_body = NewSecret,
    responses(
        (status = 200, description = "It is replaced", body = SecretRecord,
            headers(("ETag", description = "The new revision"))),
        (status = 201, description = "It is kept", body = SecretRecord,
            headers(("ETag", description = "The new revision"))),
        SecretProblems
    )
)]
pub(crate) async fn put_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    SecretPath(secret): SecretPath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<NewSecret>,
) -> Result<impl IntoResponse, Problem> {
    let (view, is_new) = app.secrets().put(&principal, &secret, expected, body.input()?).await?;
    let status = if is_new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, answer(&view)))
}

/// Change a secret's record, or its value. Other origins need the value again.
#[utoipa::path(
    patch, path = "/api/v1/secrets/{secret}", tag = "secrets",
    params(
        ("secret" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what you saw")
    ),
    request_body(content = SecretChange, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The record", body = SecretRecord,
            headers(("ETag", description = "The new revision"))),
        SecretProblems
    )
)]
pub(crate) async fn change_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    SecretPath(secret): SecretPath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<SecretChange>,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.secrets().change(&principal, &secret, expected, body.patch()?).await?))
}

/// Remove a secret with its value. Whatever uses it fails from then on.
#[utoipa::path(
    delete, path = "/api/v1/secrets/{secret}", tag = "secrets",
    params(
        ("secret" = String, Path, description = "Its name"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what you saw")
    ),
    responses((status = 204, description = "It is gone"), SecretRemovalProblems)
)]
pub(crate) async fn delete_secret(
    State(app): State<App>,
    Caller(principal): Caller,
    SecretPath(secret): SecretPath,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    app.secrets().delete(&principal, &secret, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn answer(view: &SecretView) -> impl IntoResponse + use<> {
    ([(header::ETAG, etag::of_revision(view.record.revision))], Json(SecretRecord::from(view)))
}
