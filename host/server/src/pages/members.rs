//! `/members` and `/roles`: who belongs to the tenant, and what each role may do.

use app::{App, Invitation, Member, RoleView};
use askama::Template;
use axum::extract::State;
use domain::{BuiltInRole, Permission, UnixMillis, UserId};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    frame::Frame,
    visit::Visit,
    words::Badge,
};
use crate::web::extract::Params;

/// Members of one page.
const PAGE: u32 = 100;

/// Invitations that are shown.
const INVITATIONS: u32 = 50;

/// From where on to show members.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct MembersQuery {
    after: Option<String>,
}

#[derive(Template)]
#[template(path = "tenant/members.html")]
struct MembersPage {
    frame: Frame,
    own: Option<UserId>,
    members: Vec<Member>,
    invitations: Vec<Invitation>,
    roles: Vec<String>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "tenant/roles.html")]
struct RolesPage {
    frame: Frame,
    roles: Vec<RoleView>,
    permissions: &'static [Permission],
}

impl MembersPage {
    fn may_manage(&self) -> bool {
        self.frame.may(Permission::MembersManage)
    }

    fn role(&self, member: &Member) -> String {
        member.role.as_ref().map_or_else(|| String::from("Rights of their own"), ToString::to_string)
    }

    fn is_role(&self, member: &Member, role: &str) -> bool {
        member.role.as_ref().is_some_and(|own| own.to_string() == role)
    }

    /// What became of an invitation.
    fn state(&self, invitation: &Invitation) -> Badge {
        let (class, icon, word) = match (invitation.accepted_at, invitation.revoked_at) {
            (Some(_), _) => ("success", "circle-check", "Accepted"),
            (None, Some(_)) => ("neutral", "ban", "Revoked"),
            (None, None) if invitation.expires_at <= self.frame.now => ("neutral", "clock", "Expired"),
            (None, None) => ("running", "mail", "Waiting"),
        };
        Badge { class, icon, word }
    }

    fn is_open(&self, invitation: &Invitation) -> bool {
        let is_over = invitation.accepted_at.is_some() || invitation.revoked_at.is_some();
        !is_over && invitation.expires_at > UnixMillis::now()
    }
}

impl RolesPage {
    fn may_manage(&self) -> bool {
        self.frame.may(Permission::MembersManage)
    }

    fn name(&self, role: &RoleView) -> String {
        role.name().to_string()
    }

    fn has(&self, role: &RoleView, permission: &Permission) -> bool {
        role.rights().contains(*permission)
    }
}

/// Who belongs to the tenant.
pub(crate) async fn members_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(query): Params<MembersQuery>,
) -> PageResult {
    let members = app.members().list(&principal, query.after.as_deref().and_then(|after| after.parse().ok()), PAGE)?;
    let invitations = app.invitations().list(&principal, None, INVITATIONS)?;
    let roles = app.roles().list(&principal)?.iter().map(|role| role.name().to_string()).collect();
    let is_full = members.len() >= PAGE as usize;
    let next = members.last().filter(|_| is_full).map(|last| format!("/members?after={}", last.user));
    page(&MembersPage { frame, own: principal.user(), members, invitations, roles, next })
}

/// What each role may do.
pub(crate) async fn roles_page(State(app): State<App>, Visit { principal, frame }: Visit) -> PageResult {
    let roles = app.roles().list(&principal)?;
    page(&RolesPage { frame, roles, permissions: Permission::ALL })
}

/// The name of the role that somebody is offered first: the one with the fewest rights.
pub(super) fn least_role() -> &'static str {
    BuiltInRole::Viewer.as_str()
}
