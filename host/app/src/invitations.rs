//! Invitations: a link with which somebody becomes a member of a tenant. Nobody becomes one without taking it (RULES 16).
//!
//! Whoever invites is answered the same whether the address belongs to a user or not. Whoever presents the link learns the
//! tenant's name, the role and the address that it is for, and nothing of any other tenant.

#[cfg(test)]
mod tests;

use std::{fmt, sync::Arc};

use database::{Acceptance, Accepting, DatabaseError, Invitation, NewInvitation, Password, User};
use domain::{
    Actor, AuditAction, DisplayName, EmailAddress, InvitationId, Operator, Permission, Permissions, Principal,
    RoleName, TenantId, UnixMillis, UserId,
};
use serde_json::json;

use crate::{
    AppError, Inner, PlainPassword,
    audit::AuditSubject,
    presented::{INVITATION, Presented},
    roles::person,
};

/// How long an invitation can be taken.
const LIFE_MS: i64 = 7 * 24 * 60 * 60 * 1_000;

/// The most invitations of a tenant that can be taken.
const INVITATIONS_MAX: u64 = 500;

/// The most invitations of one page.
const PAGE_MAX: u32 = 1_000;

/// Invites people, and lets them in.
#[derive(Clone)]
pub struct InvitationService {
    inner: Arc<Inner>,
}

/// An invitation that was made. This is the only time that its secret is there.
#[derive(Clone)]
pub struct IssuedInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// `si_<id>_<secret>`, which is what whoever was invited presents.
    pub secret: String,
}

/// Somebody who has become a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The tenant.
    pub tenant: TenantId,
    /// The member.
    pub user: UserId,
    /// The role.
    pub role: RoleName,
}

impl InvitationService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// A page of the tenant's invitations, the latest first, behind `before`. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        before: Option<InvitationId>,
        limit: u32,
    ) -> Result<Vec<Invitation>, AppError> {
        principal.require(Permission::MembersRead)?;
        Ok(self.inner.database.list_invitations(principal.tenant, before, limit.min(PAGE_MAX))?)
    }

    /// One invitation. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, id: InvitationId) -> Result<Invitation, AppError> {
        principal.require(Permission::MembersRead)?;
        let found = self.inner.database.invitation_by_id(id)?;
        found.filter(|found| found.tenant == principal.tenant).ok_or(AppError::NotFound { what: "invitation" })
    }

    /// Invite whoever has this address. Needs `members.manage` and everything that the role gives (RULES 18). The role
    /// gives no more than whoever invited holds when it is taken.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::Invalid`] for an unknown role; [`AppError::Refused`] where there are too many.
    pub async fn create(
        &self,
        principal: &Principal,
        email: EmailAddress,
        role: RoleName,
    ) -> Result<IssuedInvitation, AppError> {
        principal.require(Permission::MembersManage)?;
        let from = Inviting { invited_by: Some(person(principal)?), operator: None, within: principal.permissions };
        self.invite(principal.into(), principal.tenant, (email, role), from).await
    }

    /// Invite somebody to a tenant on behalf of whoever runs the deployment.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown tenant; [`AppError::Invalid`] for an unknown role.
    pub async fn create_for(
        &self,
        operator: &Operator,
        tenant: TenantId,
        email: EmailAddress,
        role: RoleName,
    ) -> Result<IssuedInvitation, AppError> {
        self.inner.database.tenant(tenant).map_err(|error| AppError::missing("tenant", error))?;
        let from = Inviting { invited_by: None, operator: operator.actor.user(), within: Permissions::all() };
        self.invite(operator.into(), tenant, (email, role), from).await
    }

    /// Revoke an invitation; revoking it again changes nothing. Needs `members.manage`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn revoke(&self, principal: &Principal, id: InvitationId) -> Result<(), AppError> {
        principal.require(Permission::MembersManage)?;
        let database = self.inner.audited(principal, AuditAction::InvitationsRevoke, id);
        let revoked = database.revoke_invitation(principal.tenant, id, UnixMillis::now()).await;
        revoked.map_err(of_invitation)
    }

    /// What a link invites to, for whoever holds it.
    ///
    /// # Errors
    /// [`AppError::NotFound`], whatever the reason: an unknown link, one that ended, was taken or revoked.
    pub fn preview(&self, secret: &str) -> Result<Invitation, AppError> {
        self.preview_at(secret, UnixMillis::now())
    }

    pub(crate) fn preview_at(&self, secret: &str, now: UnixMillis) -> Result<Invitation, AppError> {
        let nothing = || AppError::NotFound { what: "invitation" };
        let presented = Presented::parse(INVITATION, secret).ok_or_else(nothing)?;
        let found = self.inner.database.invitation_by_id(presented.id().into())?;
        let is_right = presented.is_of(found.as_ref().map(|found| found.secret_hash.as_slice()));
        found.filter(|found| is_right && found.is_live(now)).ok_or_else(nothing)
    }

    /// Take an invitation as a user who is known. It is for one address, and nobody else takes it.
    ///
    /// # Errors
    /// [`AppError::NotFound`] as [`Self::preview`], for another person too; [`AppError::Refused`] for whoever is a member.
    pub async fn accept(&self, user: UserId, secret: &str) -> Result<Accepted, AppError> {
        self.accept_at(user, secret, UnixMillis::now()).await
    }

    pub(crate) async fn accept_at(&self, user: UserId, secret: &str, now: UnixMillis) -> Result<Accepted, AppError> {
        let invitation = self.preview_at(secret, now)?;
        let known = self.inner.database.user_account(user).map_err(of_invitation)?;
        if known.user.email != invitation.email || known.disabled_at.is_some() {
            return Err(AppError::NotFound { what: "invitation" });
        }
        self.take(&invitation, Accepting::Known(user), user, now).await
    }

    /// Take an invitation as somebody who becomes a user with it: the address is the invitation's.
    ///
    /// # Errors
    /// [`AppError::NotFound`] as [`Self::preview`]; [`AppError::SignInFailed`] where the address belongs to a user, who has
    /// to sign in for it.
    pub async fn accept_new(
        &self,
        secret: &str,
        name: &DisplayName,
        password: &PlainPassword,
    ) -> Result<Accepted, AppError> {
        let now = UnixMillis::now();
        // Before the hash, which is work: whoever has no invitation makes none.
        let invitation = self.preview_at(secret, now)?;
        let hash = self.inner.passwords.hash(password).await?;
        let password = Password { hash, set_at: now, must_change: false, expires_at: None };
        let user = User {
            id: UserId::generate(),
            email: invitation.email.clone(),
            name: name.to_string(),
            is_operator: false,
            created_at: now,
        };
        let id = user.id;
        self.take(&invitation, Accepting::New(user, password), id, now).await
    }

    async fn take(
        &self,
        invitation: &Invitation,
        user: Accepting,
        id: UserId,
        now: UnixMillis,
    ) -> Result<Accepted, AppError> {
        // Nobody acts but the person who takes it, whom the audit log names.
        let subject = AuditSubject { tenant: Some(invitation.tenant), actor: Actor::PublicCaller };
        let detail = json!({ "user_id": id.to_string(), "role": invitation.role.as_str() });
        let database = self.inner.audited_with(subject, AuditAction::InvitationsAccept, invitation.id, &detail);
        let acceptance = Acceptance { invitation: invitation.id, user, now };
        match database.accept_invitation(acceptance).await {
            Ok((tenant, user)) => {
                self.inner.routes.changed(tenant);
                self.inner.events.changed(tenant);
                Ok(Accepted { tenant, user, role: invitation.role.clone() })
            }
            Err(DatabaseError::NameTaken) => Err(AppError::SignInFailed),
            // Whoever invited lost what the role gives.
            Err(DatabaseError::Beyond { .. }) => Err(AppError::NotFound { what: "invitation" }),
            Err(error) => Err(of_invitation(error)),
        }
    }

    async fn invite(
        &self,
        by: AuditSubject,
        tenant: TenantId,
        (email, role): (EmailAddress, RoleName),
        from: Inviting,
    ) -> Result<IssuedInvitation, AppError> {
        let (presented, new) = invitation(email, role, from, UnixMillis::now())?;
        let detail = json!({ "email": new.email, "role": new.role.as_str() });
        let database = self.inner.audited_with(by, AuditAction::InvitationsCreate, new.id, &detail);
        let id = new.id;
        match database.create_invitation(tenant, new, INVITATIONS_MAX).await {
            Err(DatabaseError::NotFound) => Err(unknown_role()),
            made => {
                made?;
                let made = self.inner.database.invitation_by_id(id)?;
                let invitation = made.ok_or(AppError::NotFound { what: "invitation" })?;
                Ok(IssuedInvitation { invitation, secret: presented.to_text() })
            }
        }
    }
}

/// Who invites, and with which rights.
pub(crate) struct Inviting {
    pub(crate) invited_by: Option<UserId>,
    pub(crate) operator: Option<UserId>,
    pub(crate) within: Permissions,
}

/// An invitation with a new secret.
pub(crate) fn invitation(
    email: EmailAddress,
    role: RoleName,
    from: Inviting,
    now: UnixMillis,
) -> Result<(Presented, NewInvitation), AppError> {
    let id = InvitationId::generate();
    let presented = Presented::generate(INVITATION, id.uuid())?;
    let Inviting { invited_by, operator, within } = from;
    let new = NewInvitation {
        id,
        email: email.to_string(),
        role,
        secret_hash: presented.hash().to_vec(),
        invited_by,
        operator,
        created_at: now,
        expires_at: UnixMillis(now.0 + LIFE_MS),
        within,
    };
    Ok((presented, new))
}

pub(crate) fn unknown_role() -> AppError {
    domain::Invalid::new("role", "the tenant has no role of this name").into()
}

fn of_invitation(error: DatabaseError) -> AppError {
    AppError::missing("invitation", error)
}

impl fmt::Debug for InvitationService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("InvitationService").finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuedInvitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedInvitation").field("id", &self.invitation.id).finish_non_exhaustive()
    }
}
