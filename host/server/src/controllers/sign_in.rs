//! `/sign-in`: who comes as nobody, and goes with a session.

use app::{App, IssuedSession, PlainPassword};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{TenantSlug, UnixMillis};
use http::header;

use super::sessions::with_session;
use crate::{
    views::sessions::{PasswordReset, PasswordSignIn, SessionView},
    web::{
        body::JsonBody,
        caller::Visiting,
        hosts::OwnOrigin,
        problem::Problem,
        responses::{ResetProblems, SignInProblems},
    },
};

/// Sign in by a password. The session is a cookie, which no script can read; the one that the browser had ends.
#[utoipa::path(
    post, path = "/api/v1/sign-in/password", tag = "sign-in", security(()),  request_body = PasswordSignIn,
    responses(
        (status = 200, description = "Who is signed in", body = SessionView,
            headers(("Set-Cookie", description = "The session"))),
        SignInProblems
    )
)]
pub(crate) async fn sign_in_by_password(
    State(app): State<App>,
    Visiting { visitor, origin }: Visiting,
    JsonBody(body): JsonBody<PasswordSignIn>,
) -> Result<Response, Problem> {
    let PasswordSignIn { email, password, tenant } = body;
    let tenant = tenant.as_deref().map(TenantSlug::parse).transpose()?;
    let now = UnixMillis::now();
    let password = PlainPassword::typed(password);
    let issued = app.sign_in().by_password((&email, password), tenant.as_ref(), &visitor, now).await?;
    signed_in(&app, issued, &origin, now)
}

/// Set a password by a link that an operator gave, and sign in. The link is good once, and every session of before ends.
#[utoipa::path(
    post, path = "/api/v1/sign-in/reset", tag = "sign-in", security(()),  request_body = PasswordReset,
    responses(
        (status = 200, description = "Who is signed in", body = SessionView,
            headers(("Set-Cookie", description = "The session"))),
        ResetProblems
    )
)]
pub(crate) async fn reset_password(
    State(app): State<App>,
    Visiting { visitor, origin }: Visiting,
    JsonBody(body): JsonBody<PasswordReset>,
) -> Result<Response, Problem> {
    let password = PlainPassword::chosen(body.password)?;
    let now = UnixMillis::now();
    let issued = app.sign_in().by_reset_link((&body.link, password), &visitor, now).await?;
    signed_in(&app, issued, &origin, now)
}

/// Who is signed in by a session that was just made, and its cookie.
pub(crate) fn signed_in(
    app: &App,
    issued: IssuedSession,
    origin: &OwnOrigin,
    now: UnixMillis,
) -> Result<Response, Problem> {
    let person = app.sessions().authenticate(&issued.text, now)?;
    let view = SessionView::new(&person, &app.sessions().describe(&person)?);
    let headers = [(header::CACHE_CONTROL, "no-store")];
    Ok(with_session((headers, Json(view)).into_response(), &issued, origin, now))
}
