//! Who looks at a page, found out once for all that is done around it; and pages that cannot be shown, in the frame all the
//! same.
//!
//! Pages only read: what changes something is a request to the API by the same session. So a page may be opened by a link
//! from anywhere.

use app::{App, AppError, Person, RefusedRequest};
use askama::Template;
use axum::{
    extract::{FromRef, FromRequestParts, Request, State},
    middleware::Next,
    response::{IntoResponse, Response},
};
use domain::{Operator, Principal, UnixMillis};
use http::{HeaderMap, HeaderName, StatusCode, header, request::Parts};

use super::{
    answer::{PageError, PageFailure, elsewhere, rendered},
    frame::{Frame, Theme},
};
use crate::web::{caller::own_origin, cookies, peer::PeerAddress, recognise::Recognised};

const HX_REQUEST: HeaderName = HeaderName::from_static("hx-request");

/// Somebody who looks at a tenant's page, and what stands around it.
#[derive(Debug)]
pub(crate) struct Visit {
    pub(crate) principal: Principal,
    pub(crate) frame: Frame,
}

/// An operator who looks at a page of the deployment.
#[derive(Debug)]
pub(crate) struct OperatorVisit {
    pub(crate) operator: Operator,
    pub(crate) frame: Frame,
}

/// Somebody who is signed in, whether or not there is a tenant to act in.
#[derive(Debug)]
pub(crate) struct PersonVisit {
    pub(crate) person: Person,
    pub(crate) frame: Frame,
}

/// Somebody who may be signed in or not.
#[derive(Debug)]
pub(crate) struct StrangerVisit {
    pub(crate) is_signed_in: bool,
    pub(crate) theme: Theme,
}

/// A page that cannot be shown.
#[derive(Template)]
#[template(path = "failure.html")]
struct FailurePage {
    frame: Frame,
    failure: PageFailure,
}

/// The same for whoever is not signed in.
#[derive(Template)]
#[template(path = "failure_outside.html")]
struct FailureOutside {
    theme: Theme,
    failure: PageFailure,
}

/// The same in place of a part of a page.
#[derive(Template)]
#[template(path = "failure_part.html")]
struct FailurePart {
    failure: PageFailure,
}

/// Find out who looks, let the page be made, and show in the frame why there is none. A refused one is written down as a
/// refused request to the API is.
pub(crate) async fn know_visitor(State(app): State<App>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let person = signed_in(&parts, &app);
    if let Some(person) = &person {
        if let Ok(principal) = person.principal() {
            parts.extensions.insert(Recognised::Principal(principal));
        }
        parts.extensions.insert(person.clone());
    }
    let seen = parts.clone();
    let response = next.run(Request::from_parts(parts, body)).await;
    let Some(failure) = response.extensions().get::<PageFailure>().cloned() else { return response };
    if failure.status == StatusCode::FORBIDDEN
        && let Some(error) = write_down(&app, person.as_ref(), &seen, &failure).await
    {
        return PageError::from(error).into_response();
    }
    if is_part(&seen.headers) {
        return rendered(failure.status, &FailurePart { failure });
    }
    match person.and_then(|person| Frame::of(&app, &person, &seen).ok()) {
        Some(frame) => rendered(failure.status, &FailurePage { frame, failure }),
        None => rendered(failure.status, &FailureOutside { theme: Theme::of(&seen.headers), failure }),
    }
}

/// Whether a script of ours asks for a part of a page, and not the visitor for the whole.
fn is_part(headers: &HeaderMap) -> bool {
    headers.contains_key(HX_REQUEST)
}

fn signed_in(parts: &Parts, app: &App) -> Option<Person> {
    let origin = own_origin(parts).ok()?;
    let text = cookies::read(&parts.headers, cookies::SESSION, &origin)?;
    app.sessions().authenticate(text, UnixMillis::now()).ok()
}

async fn write_down(app: &App, person: Option<&Person>, parts: &Parts, failure: &PageFailure) -> Option<AppError> {
    let person = person?;
    let refused = RefusedRequest {
        method: parts.method.as_str(),
        path: parts.uri.path(),
        code: failure.code,
        permission: failure.permission.as_deref(),
    };
    let Ok(principal) = person.principal() else {
        app.audit().count_refusal(None, parts.extensions.get::<PeerAddress>().map(|peer| peer.0));
        return None;
    };
    app.audit().refused(&principal, refused).await.err()
}

/// Whoever has to sign in first comes back to this page. A part of a page is refused instead, so that the page stays as it
/// is and says so.
fn sign_in_first(parts: &Parts) -> PageError {
    if is_part(&parts.headers) {
        return AppError::Unauthenticated.into();
    }
    let page = parts.uri.path_and_query().map_or("/", |page| page.as_str());
    let next: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    PageError::Elsewhere(if page == "/" { String::from("/sign-in") } else { format!("/sign-in?next={next}") })
}

fn visitor(parts: &Parts) -> Result<Person, PageError> {
    parts.extensions.get::<Person>().cloned().ok_or_else(|| sign_in_first(parts))
}

impl<S> FromRequestParts<S> for Visit
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let person = visitor(parts)?;
        let principal = match person.principal() {
            Ok(principal) => principal,
            Err(AppError::PasswordChangeRequired) => return Err(PageError::Elsewhere(String::from("/password"))),
            Err(AppError::NoTenant | AppError::TenantSuspended { .. }) => {
                return Err(PageError::Elsewhere(String::from("/tenants")));
            }
            Err(error) => return Err(error.into()),
        };
        let frame = Frame::of(&App::from_ref(state), &person, parts)?;
        Ok(Self { principal, frame })
    }
}

impl<S> FromRequestParts<S> for OperatorVisit
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let person = visitor(parts)?;
        let operator = match person.operator() {
            Ok(operator) => operator,
            Err(AppError::PasswordChangeRequired) => return Err(PageError::Elsewhere(String::from("/password"))),
            Err(error) => return Err(error.into()),
        };
        let frame = Frame::of(&App::from_ref(state), &person, parts)?;
        Ok(Self { operator, frame })
    }
}

impl<S> FromRequestParts<S> for PersonVisit
where
    S: Send + Sync,
    App: FromRef<S>,
{
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, PageError> {
        let person = visitor(parts)?;
        let frame = Frame::of(&App::from_ref(state), &person, parts)?;
        Ok(Self { person, frame })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for StrangerVisit {
    type Rejection = PageError;

    async fn from_request_parts(parts: &mut Parts, _state: &S) -> Result<Self, PageError> {
        Ok(Self { is_signed_in: parts.extensions.get::<Person>().is_some(), theme: Theme::of(&parts.headers) })
    }
}

/// A page's address within this server, as somebody asked to be sent back to; the first page where it is none. Never
/// another server: such a link would be a phisher's.
pub(super) fn own_page(next: Option<&str>) -> &str {
    let is_own = |page: &&str| {
        page.starts_with('/')
            && !page.starts_with("//")
            && !page.contains(['\\', '\n', '\r', '\t'])
            && page.len() <= 2_000
    };
    next.filter(is_own).unwrap_or("/")
}

/// Where no page is: a page that says so for people, and whatever the API said for programs.
pub(crate) async fn tell_people(State(app): State<App>, request: Request, next: Next) -> Response {
    let is_page = !request.uri().path().starts_with("/api/") && accepts_html(request.headers());
    let parts = is_page.then(|| request.extensions().clone());
    let (mut seen, body) = request.into_parts();
    let response = next.run(Request::from_parts(seen.clone(), body)).await;
    let Some(extensions) = parts.filter(|_| response.status() == StatusCode::NOT_FOUND) else { return response };
    seen.extensions = extensions;
    let failure = PageError::not_found("page").into_response().extensions().get::<PageFailure>().cloned();
    let Some(failure) = failure else { return response };
    match signed_in(&seen, &app).and_then(|person| Frame::of(&app, &person, &seen).ok()) {
        Some(frame) => rendered(failure.status, &FailurePage { frame, failure }),
        None if seen.method == http::Method::GET => elsewhere("/sign-in"),
        None => response,
    }
}

fn accepts_html(headers: &HeaderMap) -> bool {
    headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).is_some_and(|accept| accept.contains("text/html"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_signs_in_is_sent_to_a_page_of_this_server_alone() {
        assert_eq!(own_page(Some("/scripts?kind=cron")), "/scripts?kind=cron");
        for foreign in
            ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "", "/\t/evil"]
        {
            assert_eq!(own_page(Some(foreign)), "/", "{foreign}");
        }
        assert_eq!(own_page(None), "/");
    }
}
