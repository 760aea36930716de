//! Members: who belongs to a tenant, in which role, and what lives by whose rights.
//!
//! A tenant says who belongs to it. Who somebody is, and how that person signs in, it never changes (RULES 16).

mod bindings;
#[cfg(test)]
mod tests;

use std::{collections::BTreeSet, fmt, sync::Arc};

use database::{Adoption, Member, MembershipStatus, Removal, RoleGrant};
use domain::{AuditAction, Permission, Permissions, Principal, RoleName, ScriptId, TenantId, UnixMillis, UserId};
use serde_json::json;

pub use bindings::BindingView;
pub(crate) use bindings::needed;

use crate::{AppError, Inner, roles::person};

/// The most members of one page.
const PAGE_MAX: u32 = 1_000;

/// Shows members, changes their roles and removes them.
#[derive(Clone)]
pub struct MemberService {
    inner: Arc<Inner>,
}

/// Whether what lives by a member's rights goes over to whoever changes the member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adopting {
    /// It stays as it is, and pauses or shrinks.
    Nothing,
    /// All of it goes over that whoever changes the member holds the rights for.
    WhatIsHeld,
}

/// What became of the things that lived by a member's rights.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handover {
    /// Those that live by somebody else's now.
    pub adopted: Vec<BindingView>,
    /// Those that wait for somebody who adopts them.
    pub left: Vec<BindingView>,
}

impl MemberService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// A page of members behind `after`. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(&self, principal: &Principal, after: Option<UserId>, limit: u32) -> Result<Vec<Member>, AppError> {
        principal.require(Permission::MembersRead)?;
        Ok(self.inner.database.list_members(principal.tenant, after, limit.min(PAGE_MAX))?)
    }

    /// One member. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, user: UserId) -> Result<Member, AppError> {
        principal.require(Permission::MembersRead)?;
        self.find(principal.tenant, user)
    }

    /// What lives by a member's rights, and what each of it needs. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn bindings(&self, principal: &Principal, user: UserId) -> Result<Vec<BindingView>, AppError> {
        principal.require(Permission::MembersRead)?;
        self.find(principal.tenant, user)?;
        self.views(principal, user)
    }

    /// Give a member another role. Needs `members.manage`, everything that the role gives, and everything that the member
    /// holds (RULES 18). What lives by rights that the member loses goes over where `adopting` says so, and is flagged
    /// else.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; [`AppError::Stale`]; [`AppError::Refused`] for the last admin, and
    /// for a role that the member said the rights of.
    pub async fn set_role(
        &self,
        principal: &Principal,
        user: UserId,
        role: RoleName,
        (expected_revision, adopting): (Option<i64>, Adopting),
    ) -> Result<(Member, Handover), AppError> {
        principal.require(Permission::MembersManage)?;
        let tenant = principal.tenant;
        self.find(tenant, user)?;
        let rights = self.inner.database.role_rights(tenant, &role)?.ok_or(AppError::NotFound { what: "role" })?;
        let losing = self.views(principal, user)?.into_iter();
        let losing: Vec<BindingView> = losing.filter(|view| !rights.contains_all(view.needed)).collect();
        let handover = self.handover(principal, user, losing, adopting)?;
        let detail = json!({ "role": role.as_str() });
        let database = self.inner.audited_with(principal, AuditAction::MembersUpdate, user, &detail);
        let grant = RoleGrant { user, role, within: principal.permissions, now: UnixMillis::now() };
        let adoption = handover.adoption(principal)?;
        database.set_member_role(tenant, grant, expected_revision, adoption).await.map_err(of_member)?;
        self.changed(tenant, &handover).await?;
        Ok((self.find(tenant, user)?, handover))
    }

    /// Remove a member, whose tokens end too. What lived by that member's rights goes over where `adopting` says so and
    /// the principal holds what it needs; the rest pauses until somebody adopts it (RULES 14). Needs `members.manage`
    /// and everything that the member holds.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`]; [`AppError::Refused`] for the last admin.
    pub async fn remove(&self, principal: &Principal, user: UserId, adopting: Adopting) -> Result<Handover, AppError> {
        principal.require(Permission::MembersManage)?;
        let tenant = principal.tenant;
        self.find(tenant, user)?;
        let handover = self.handover(principal, user, self.views(principal, user)?, adopting)?;
        let detail = json!({ "adopted": handover.adopted.len(), "left": handover.left.len() });
        let database = self.inner.audited_with(principal, AuditAction::MembersRemove, user, &detail);
        let (within, now) = (principal.permissions, UnixMillis::now());
        let removal = Removal { user, within, adoption: handover.adoption(principal)?, now };
        database.remove_member(tenant, removal).await.map_err(of_member)?;
        self.changed(tenant, &handover).await?;
        Ok(handover)
    }

    /// What runs and where it is reached may be other than before. What was accepted for scripts that were adopted goes on.
    async fn changed(&self, tenant: TenantId, handover: &Handover) -> Result<(), AppError> {
        self.inner.routes.changed(tenant);
        self.inner.events.changed(tenant);
        self.inner.webhooks.wake();
        let adopted = handover.adopted.iter().filter_map(|view| view.bound.script.as_ref());
        let scripts: BTreeSet<ScriptId> = adopted.map(|script| script.id).collect();
        for script in scripts {
            while self.inner.database.wake_executions(tenant, script, UnixMillis::now()).await? > 0 {}
        }
        Ok(())
    }

    fn find(&self, tenant: TenantId, user: UserId) -> Result<Member, AppError> {
        self.inner.database.member(tenant, user).map_err(of_member)
    }

    fn views(&self, principal: &Principal, user: UserId) -> Result<Vec<BindingView>, AppError> {
        let bound = self.inner.database.bindings_of_member(principal.tenant, user)?;
        let held = self.inner.rights_of(principal.tenant, Some(user))?;
        Ok(bound.into_iter().map(|bound| BindingView::new(bound, held, principal.permissions)).collect())
    }

    fn handover(
        &self,
        principal: &Principal,
        user: UserId,
        views: Vec<BindingView>,
        adopting: Adopting,
    ) -> Result<Handover, AppError> {
        // Nobody adopts what he leaves behind himself.
        let takes = adopting == Adopting::WhatIsHeld && person(principal)? != user;
        let (adopted, left) = views.into_iter().partition(|view| takes && view.can_adopt);
        Ok(Handover { adopted, left })
    }
}

impl Handover {
    fn adoption(&self, principal: &Principal) -> Result<Option<Adoption>, AppError> {
        if self.adopted.is_empty() {
            return Ok(None);
        }
        let things = self.adopted.iter().map(|view| view.bound.clone()).collect();
        Ok(Some(Adoption { by: person(principal)?, things }))
    }
}

impl Inner {
    /// What somebody holds in a tenant now.
    pub(crate) fn rights_of(&self, tenant: TenantId, user: Option<UserId>) -> Result<Permissions, AppError> {
        crate::executions::member_rights(self, tenant, user)
    }

    /// Whether somebody whose rights something lives by is no member any more: it pauses until it is adopted (RULES 14).
    pub(crate) fn has_left(&self, tenant: TenantId, user: Option<UserId>) -> Result<bool, AppError> {
        let Some(user) = user else { return Ok(false) };
        let membership = self.database.membership(tenant, user)?;
        Ok(membership.is_none_or(|membership| membership.status != MembershipStatus::Active))
    }
}

impl fmt::Debug for MemberService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemberService").finish_non_exhaustive()
    }
}

fn of_member(error: database::DatabaseError) -> AppError {
    AppError::missing("member", error)
}
