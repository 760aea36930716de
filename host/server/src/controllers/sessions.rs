//! `/session`, the one that asks, and `/sessions`, all of the person's. Nobody else's, whatever rights somebody has: an
//! operator ends those under `/operator`.

use app::{App, IssuedSession, PlainPassword};
use axum::{
    Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{TenantSlug, UnixMillis};
use http::{StatusCode, header};

use super::sign_in::signed_in;
use crate::{
    views::{
        pages::Page,
        sessions::{PasswordChange, SessionRecord, SessionView, SessionsEnded, TenantChoice},
    },
    web::{
        body::JsonBody,
        caller::{SignedIn, Visiting},
        cookies,
        extract::SessionPath,
        hosts::OwnOrigin,
        problem::Problem,
        responses::{PasswordProblems, SessionChangeProblems, SessionEndProblems, SessionProblems},
    },
};

/// Show who is signed in, and what that person may do.
#[utoipa::path(
    get, path = "/api/v1/session", tag = "sign-in", security(("session" = [])),
    responses((status = 200, description = "Who is signed in", body = SessionView), SessionProblems)
)]
pub(crate) async fn show_session(
    State(app): State<App>,
    SignedIn(person): SignedIn,
) -> Result<impl IntoResponse, Problem> {
    let view = SessionView::new(&person, &app.sessions().describe(&person)?);
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(view)))
}

/// Sign out: the session ends, and the browser forgets it.
#[utoipa::path(
    delete, path = "/api/v1/session", tag = "sign-in", security(("session" = [])),
    responses((status = 204, description = "The session has ended"), SessionEndProblems)
)]
pub(crate) async fn sign_out(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    Visiting { origin, .. }: Visiting,
) -> Result<Response, Problem> {
    app.sessions().end(&person, person.session()).await?;
    let mut response = StatusCode::NO_CONTENT.into_response();
    if let Some(cleared) = cookies::clear(cookies::SESSION, &origin) {
        response.headers_mut().append(header::SET_COOKIE, cleared);
    }
    Ok(response)
}

/// Act in another tenant that the person belongs to. The session gets another cookie, and the one of before opens nothing.
#[utoipa::path(
    post, path = "/api/v1/session/tenant", tag = "sign-in", security(("session" = [])), request_body = TenantChoice,
    responses(
        (status = 200, description = "Who is signed in", body = SessionView,
            headers(("Set-Cookie", description = "The session"))),
        SessionChangeProblems
    )
)]
pub(crate) async fn choose_tenant(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    Visiting { origin, .. }: Visiting,
    JsonBody(body): JsonBody<TenantChoice>,
) -> Result<Response, Problem> {
    let slug = TenantSlug::parse(&body.tenant)?;
    let issued = app.sessions().choose_tenant(&person, &slug).await?;
    signed_in(&app, issued, &origin, UnixMillis::now())
}

/// Change one's own password. Every other session of the person ends, and this one gets another cookie.
#[utoipa::path(
    put, path = "/api/v1/session/password", tag = "sign-in", security(("session" = [])),
    request_body = PasswordChange,
    responses(
        (status = 200, description = "Who is signed in", body = SessionView,
            headers(("Set-Cookie", description = "The session"))),
        PasswordProblems
    )
)]
pub(crate) async fn change_password(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    Visiting { visitor, origin }: Visiting,
    JsonBody(body): JsonBody<PasswordChange>,
) -> Result<Response, Problem> {
    let old = PlainPassword::typed(body.current_password);
    let new = PlainPassword::chosen(body.password)?;
    let now = UnixMillis::now();
    let issued = app.sign_in().change_password(&person, (old, new), visitor.address, now).await?;
    signed_in(&app, issued, &origin, now)
}

/// List the person's sessions, the last used first.
#[utoipa::path(
    get, path = "/api/v1/sessions", tag = "sign-in", security(("session" = [])),
    responses((status = 200, description = "The sessions", body = Page<SessionRecord>), SessionProblems)
)]
pub(crate) async fn browse_sessions(
    State(app): State<App>,
    SignedIn(person): SignedIn,
) -> Result<Json<Page<SessionRecord>>, Problem> {
    let sessions = app.sessions().list(&person, UnixMillis::now())?;
    Ok(Json(Page::of(sessions.iter().map(|session| SessionRecord::new(session, &person)).collect())))
}

/// End every session of the person but this one.
#[utoipa::path(
    delete, path = "/api/v1/sessions", tag = "sign-in", security(("session" = [])),
    responses((status = 200, description = "How many ended", body = SessionsEnded), SessionEndProblems)
)]
pub(crate) async fn end_other_sessions(
    State(app): State<App>,
    SignedIn(person): SignedIn,
) -> Result<Json<SessionsEnded>, Problem> {
    Ok(Json(SessionsEnded { ended: app.sessions().end_others(&person).await? }))
}

/// End one of the person's sessions. Within a second nothing accepts it any more.
#[utoipa::path(
    delete, path = "/api/v1/sessions/{session}", tag = "sign-in", security(("session" = [])),
    params(("session" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It has ended"), SessionEndProblems)
)]
pub(crate) async fn end_session(
    State(app): State<App>,
    SignedIn(person): SignedIn,
    SessionPath(session): SessionPath,
) -> Result<StatusCode, Problem> {
    app.sessions().end(&person, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// An answer that also gives the browser its session.
pub(crate) fn with_session(
    mut response: Response,
    issued: &IssuedSession,
    origin: &OwnOrigin,
    now: UnixMillis,
) -> Response {
    let seconds = u64::try_from(issued.expires_at.0.saturating_sub(now.0) / 1000).unwrap_or(0);
    if let Some(cookie) = cookies::set(cookies::SESSION, &issued.text, seconds, origin) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}
