//! `/sign-in/openid` and `/sign-in/platform`: who comes with another system's word.

use app::{App, OpenIdReturn};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{IdentityProviderId, TenantSlug, UnixMillis};
use http::{StatusCode, header};

use super::{sessions::with_session, sign_in::signed_in};
use crate::{
    views::{
        providers::{
            MethodView, MethodsQuery, MethodsView, OpenIdAddress, OpenIdBeginning, OpenIdCallback, PlatformSignIn,
        },
        sessions::SessionView,
    },
    web::{
        body::JsonBody,
        caller::{Returning, Visiting},
        cookies,
        extract::Params,
        problem::Problem,
        responses::{MethodsProblems, OpenIdProblems, OpenIdReturnProblems, SignInProblems},
    },
};

/// How long a browser keeps what it is known by again, in seconds: as long as it may take.
const BROWSER_SECONDS: u64 = 10 * 60;

/// List the ways to sign in to a tenant.
#[utoipa::path(
    get, path = "/api/v1/sign-in/methods", tag = "sign-in", security(()), params(MethodsQuery),
    responses((status = 200, description = "The ways to sign in", body = MethodsView), MethodsProblems)
)]
pub(crate) async fn show_sign_in_methods(
    State(app): State<App>,
    Params(query): Params<MethodsQuery>,
) -> Result<Json<MethodsView>, Problem> {
    let tenant = query.tenant.as_deref().map(TenantSlug::parse).transpose()?;
    let providers = tenant.map_or_else(|| Ok(Vec::new()), |tenant| app.sign_in().providers_of(&tenant))?;
    let view = |(id, name): (IdentityProviderId, String)| MethodView { id: id.uuid(), name };
    Ok(Json(MethodsView { password: true, providers: providers.into_iter().map(view).collect() }))
}

/// Begin to sign in by an identity provider: the browser keeps a cookie, and goes to the address that is answered.
#[utoipa::path(
    post, path = "/api/v1/sign-in/openid", tag = "sign-in", security(()), request_body = OpenIdBeginning,
    responses(
        (status = 200, description = "Where the browser goes now", body = OpenIdAddress,
            headers(("Set-Cookie", description = "What the browser is known by again"))),
        OpenIdProblems
    )
)]
pub(crate) async fn begin_openid(
    State(app): State<App>,
    Visiting { origin, .. }: Visiting,
    JsonBody(body): JsonBody<OpenIdBeginning>,
) -> Result<Response, Problem> {
    let tenant = TenantSlug::parse(&body.tenant)?;
    let provider = IdentityProviderId::from(body.provider);
    let return_to = body.return_to.as_deref().unwrap_or("/");
    let begun =
        app.sign_in().begin_openid((&tenant, provider), (origin.as_str(), return_to), UnixMillis::now()).await?;
    let view = OpenIdAddress { url: begun.url };
    let mut response = ([(header::CACHE_CONTROL, "no-store")], Json(view)).into_response();
    if let Some(cookie) = cookies::set(cookies::SIGNING_IN, &begun.browser, BROWSER_SECONDS, &origin) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// Finish to sign in by an identity provider, which sends the browser here. It goes on to the page that it wanted to see.
#[utoipa::path(
    get, path = "/api/v1/sign-in/openid/callback", tag = "sign-in", security(()), params(OpenIdCallback),
    responses(
        (status = 303, description = "Signed in",
            headers(("Set-Cookie", description = "The session"), ("Location", description = "The page to show"))),
        OpenIdReturnProblems
    )
)]
pub(crate) async fn finish_openid(
    State(app): State<App>,
    Returning { visiting: Visiting { visitor, origin }, browser }: Returning,
    Params(query): Params<OpenIdCallback>,
) -> Result<Response, Problem> {
    let OpenIdCallback { state, code, iss } = &query;
    let returned = OpenIdReturn { state, code, issuer: iss.as_deref(), browser: &browser };
    let now = UnixMillis::now();
    let (issued, return_to) = app.sign_in().finish_openid(returned, &visitor, now).await?;
    let headers = [(header::LOCATION, return_to.as_str()), (header::CACHE_CONTROL, "no-store")];
    let mut response = (StatusCode::SEE_OTHER, headers).into_response();
    if let Some(cleared) = cookies::clear(cookies::SIGNING_IN, &origin) {
        response.headers_mut().append(header::SET_COOKIE, cleared);
    }
    Ok(with_session(response, &issued, &origin, now))
}

/// Sign in by a token that the host platform has signed for one of its users. The token is good once, and for a minute at
/// most; the session is for the token's tenant alone.
#[utoipa::path(
    post, path = "/api/v1/sign-in/platform", tag = "sign-in", security(()), request_body = PlatformSignIn,
    responses(
        (status = 200, description = "Who is signed in", body = SessionView,
            headers(("Set-Cookie", description = "The session"))),
        SignInProblems
    )
)]
pub(crate) async fn sign_in_by_platform(
    State(app): State<App>,
    Visiting { visitor, origin }: Visiting,
    JsonBody(body): JsonBody<PlatformSignIn>,
) -> Result<Response, Problem> {
    let now = UnixMillis::now();
    let issued = app.sign_in().by_platform_token(&body.token, &visitor, now).await?;
    signed_in(&app, issued, &origin, now)
}
