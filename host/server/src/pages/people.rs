//! Signing in, and what is a person's own: the password, the tenants to choose from, the sessions.

use app::{App, AppError, Session};
use askama::Template;
use axum::{extract::State, response::Response};
use domain::{IdentityProviderId, TenantSlug, UnixMillis};
use serde::Deserialize;

use super::{
    answer::{PageResult, elsewhere, page},
    assets,
    frame::{Frame, Theme},
    visit::{PersonVisit, StrangerVisit, own_page},
};
use crate::web::extract::Params;

/// Where whoever signs in goes, and of which tenant the ways to sign in are shown.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct SignInQuery {
    next: Option<String>,
    #[serde(default)]
    tenant: String,
}

#[derive(Template)]
#[template(path = "people/sign_in.html")]
struct SignInPage {
    theme: Theme,
    next: String,
    tenant: String,
    providers: Vec<(IdentityProviderId, String)>,
}

#[derive(Template)]
#[template(path = "people/reset.html")]
struct ResetPage {
    theme: Theme,
}

#[derive(Template)]
#[template(path = "people/invitation.html")]
struct InvitationPage {
    theme: Theme,
    is_signed_in: bool,
}

#[derive(Template)]
#[template(path = "people/password.html")]
struct PasswordPage {
    frame: Frame,
    must_change: bool,
}

#[derive(Template)]
#[template(path = "people/tenants.html")]
struct TenantsPage {
    frame: Frame,
    suspended: Option<String>,
}

#[derive(Template)]
#[template(path = "people/account.html")]
struct AccountPage {
    frame: Frame,
    current: domain::SessionId,
    sessions: Vec<Session>,
}

/// The address of a file of ours, for pages outside the frame.
pub(super) fn asset(name: &str) -> String {
    assets::address(name)
}

/// The first page: the scripts, or what else the person may see first; without a tenant the tenants to choose from.
pub(crate) async fn first_page(PersonVisit { person, frame }: PersonVisit) -> Response {
    let is_somewhere = person.principal().is_ok() || frame.tenants.is_empty();
    let first = frame.first_place().filter(|_| is_somewhere);
    elsewhere(first.unwrap_or("/tenants"))
}

/// Signing in.
pub(crate) async fn sign_in_page(
    State(app): State<App>,
    StrangerVisit { is_signed_in, theme }: StrangerVisit,
    Params(query): Params<SignInQuery>,
) -> PageResult {
    let next = own_page(query.next.as_deref()).to_owned();
    if is_signed_in {
        return Ok(elsewhere(&next));
    }
    // A name that is none has no providers, as one that nobody has: who is a tenant here is nobody's to find out.
    let providers = match TenantSlug::parse(&query.tenant) {
        Ok(slug) => app.sign_in().providers_of(&slug)?,
        Err(_) => Vec::new(),
    };
    page(&SignInPage { theme, next, tenant: query.tenant, providers })
}

/// Setting a password by a link, whose secret stands behind the `#` and so in no log.
pub(crate) async fn reset_page(StrangerVisit { theme, .. }: StrangerVisit) -> PageResult {
    page(&ResetPage { theme })
}

/// Taking an invitation, whose secret stands behind the `#` and so in no log.
pub(crate) async fn invitation_page(StrangerVisit { is_signed_in, theme }: StrangerVisit) -> PageResult {
    page(&InvitationPage { theme, is_signed_in })
}

/// Changing one's password.
pub(crate) async fn password_page(PersonVisit { person, frame }: PersonVisit) -> PageResult {
    page(&PasswordPage { frame, must_change: person.must_change_password() })
}

/// The tenants to choose from.
pub(crate) async fn tenants_page(PersonVisit { person, frame }: PersonVisit) -> PageResult {
    let suspended = match person.principal() {
        Err(AppError::TenantSuspended { reason }) => Some(reason),
        Err(AppError::PasswordChangeRequired) => return Ok(elsewhere("/password")),
        _ => None,
    };
    page(&TenantsPage { frame, suspended })
}

/// One's own account: who one is, and where one is signed in.
pub(crate) async fn account_page(State(app): State<App>, PersonVisit { person, frame }: PersonVisit) -> PageResult {
    let sessions = app.sessions().list(&person, UnixMillis::now())?;
    page(&AccountPage { frame, current: person.session(), sessions })
}
