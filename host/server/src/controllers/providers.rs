//! `/sign-in/providers`: the OpenID providers by which a tenant's people sign in.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};

use crate::{
    views::{
        pages::Page,
        providers::{ProviderBody, ProviderView},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{self, IfMatch},
        extract::ProviderPath,
        problem::Problem,
        responses::{ChangeProblems, ListProblems, ProviderChangeProblems, ProviderProblems, ReadProblems},
    },
};

/// List the identity providers, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/sign-in/providers", tag = "sign-in",
    responses((status = 200, description = "The providers", body = Page<ProviderView>), ListProblems)
)]
pub(crate) async fn browse_providers(
    State(app): State<App>,
    Caller(principal): Caller,
) -> Result<Json<Page<ProviderView>>, Problem> {
    Ok(Json(Page::whole(&app.providers().list(&principal)?)))
}

/// Make an identity provider known. It gives no role with more rights than whoever asks holds, now or later.
#[utoipa::path(
    post, path = "/api/v1/sign-in/providers", tag = "sign-in", request_body = ProviderBody,
    responses(
        (status = 201, description = "The provider", body = ProviderView,
            headers(("Location", description = "The provider's address"), ("ETag", description = "Its revision"))),
        ProviderProblems
    )
)]
pub(crate) async fn create_provider(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<ProviderBody>,
) -> Result<impl IntoResponse, Problem> {
    let provider = app.providers().create(&principal, body.into()).await?;
    let location = format!("/api/v1/sign-in/providers/{}", provider.id);
    let headers = [(header::LOCATION, location), (header::ETAG, etag::of_revision(provider.revision))];
    Ok((StatusCode::CREATED, headers, Json(ProviderView::from(&provider))))
}

/// Show an identity provider.
#[utoipa::path(
    get, path = "/api/v1/sign-in/providers/{provider}", tag = "sign-in",
    params(("provider" = Uuid, Path, description = "Its id")),
    responses(
        (status = 200, description = "The provider", body = ProviderView,
            headers(("ETag", description = "Its revision"))),
        ReadProblems
    )
)]
pub(crate) async fn show_provider(
    State(app): State<App>,
    Caller(principal): Caller,
    ProviderPath(provider): ProviderPath,
) -> Result<impl IntoResponse, Problem> {
    let provider = app.providers().get(&principal, provider)?;
    Ok(([(header::ETAG, etag::of_revision(provider.revision))], Json(ProviderView::from(&provider))))
}

/// Set an identity provider anew. Another issuer needs the client's secret again.
#[utoipa::path(
    put, path = "/api/v1/sign-in/providers/{provider}", tag = "sign-in", request_body = ProviderBody,
    params(
        ("provider" = Uuid, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag that it had", example = "\"3\"")
    ),
    responses(
        (status = 200, description = "The provider", body = ProviderView,
            headers(("ETag", description = "Its revision"))),
        ProviderChangeProblems
    )
)]
pub(crate) async fn replace_provider(
    State(app): State<App>,
    Caller(principal): Caller,
    ProviderPath(provider): ProviderPath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ProviderBody>,
) -> Result<impl IntoResponse, Problem> {
    let provider = app.providers().replace(&principal, provider, expected, body.into()).await?;
    Ok(([(header::ETAG, etag::of_revision(provider.revision))], Json(ProviderView::from(&provider))))
}

/// Remove an identity provider. Who came in by it stays a member until somebody removes that person.
#[utoipa::path(
    delete, path = "/api/v1/sign-in/providers/{provider}", tag = "sign-in",
    params(("provider" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is removed"), ChangeProblems)
)]
pub(crate) async fn delete_provider(
    State(app): State<App>,
    Caller(principal): Caller,
    ProviderPath(provider): ProviderPath,
) -> Result<StatusCode, Problem> {
    app.providers().delete(&principal, provider).await?;
    Ok(StatusCode::NO_CONTENT)
}
