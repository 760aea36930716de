//! Roles: what tenants make of permissions beside the built-in ones.

use std::{fmt, sync::Arc};

use database::{Role, RoleSetting};
use domain::{
    AuditAction, BuiltInRole, Invalid, Permission, Permissions, Principal, RoleName, UnixMillis, principals::Forbidden,
};

use crate::{AppError, Inner};

/// The most roles of a tenant's own.
const ROLES_MAX: u64 = 100;

/// The longest description, in characters.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// Shows and sets the roles of tenants.
#[derive(Clone)]
pub struct RoleService {
    inner: Arc<Inner>,
}

/// A role, built in or a tenant's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleView {
    /// One that every tenant has.
    BuiltIn(BuiltInRole),
    /// One of the tenant's own.
    Own(Role),
}

/// A change of a role; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RolePatch {
    /// What it is for: at most 500 characters.
    pub description: Option<String>,
    /// What it gives. Whoever says so is who holds it up from now on.
    pub permissions: Option<Permissions>,
}

impl RoleView {
    /// Its name.
    pub fn name(&self) -> RoleName {
        match self {
            Self::BuiltIn(role) => RoleName::from(*role),
            Self::Own(role) => role.name.clone(),
        }
    }

    /// What it gives now.
    pub fn rights(&self) -> Permissions {
        match self {
            Self::BuiltIn(role) => role.permissions(),
            Self::Own(role) => role.rights,
        }
    }
}

impl RoleService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Every role: the built-in ones, then the tenant's own by name. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(&self, principal: &Principal) -> Result<Vec<RoleView>, AppError> {
        principal.require(Permission::MembersRead)?;
        let own = self.inner.database.roles(principal.tenant)?;
        let built_in = BuiltInRole::ALL.iter().map(|role| RoleView::BuiltIn(*role));
        Ok(built_in.chain(own.into_iter().map(RoleView::Own)).collect())
    }

    /// One role. Needs `members.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, name: &RoleName) -> Result<RoleView, AppError> {
        principal.require(Permission::MembersRead)?;
        match name.built_in() {
            Some(role) => Ok(RoleView::BuiltIn(role)),
            None => self.own(principal, name).map(RoleView::Own),
        }
    }

    /// Make a role. Needs `members.manage` and everything that it gives (RULES 18).
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::Invalid`], [`AppError::NameTaken`], [`AppError::Refused`] where there are too
    /// many.
    pub async fn create(
        &self,
        principal: &Principal,
        name: RoleName,
        description: String,
        permissions: Permissions,
    ) -> Result<RoleView, AppError> {
        principal.require(Permission::MembersManage)?;
        require_all(principal, permissions)?;
        check_description(&description)?;
        let taken = || AppError::NameTaken { name: name.to_string() };
        if name.built_in().is_some() {
            return Err(taken());
        }
        let setting = RoleSetting {
            name: name.clone(),
            description,
            permissions,
            set_by: Some(person(principal)?),
            now: UnixMillis::now(),
        };
        let database = self.inner.audited(principal, AuditAction::RolesCreate, &name);
        match database.create_role(principal.tenant, setting, ROLES_MAX).await.map_err(AppError::from) {
            Err(AppError::NameTaken { .. }) => Err(taken()),
            made => {
                made?;
                self.own(principal, &name).map(RoleView::Own)
            }
        }
    }

    /// Change a role of the tenant's own; its members' rights follow at once. Needs `members.manage`, everything that the
    /// role is to give, and everything that it gives now.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::Invalid`] for a built-in one, [`AppError::NotFound`], [`AppError::Stale`];
    /// [`AppError::Refused`] for whoever has his own rights by this role.
    pub async fn change(
        &self,
        principal: &Principal,
        name: &RoleName,
        expected_revision: Option<i64>,
        patch: RolePatch,
    ) -> Result<RoleView, AppError> {
        principal.require(Permission::MembersManage)?;
        let before = self.changeable(principal, name)?;
        patch.description.as_deref().map_or(Ok(()), check_description)?;
        // Whoever takes rights away has to hold them too: else the least of managers could empty the roles of others.
        require_all(principal, before.rights)?;
        require_all(principal, patch.permissions.unwrap_or_default())?;
        let set_by = if patch.permissions.is_some() { Some(person(principal)?) } else { before.set_by };
        let setting = RoleSetting {
            name: name.clone(),
            description: patch.description.unwrap_or(before.description),
            permissions: patch.permissions.unwrap_or(before.permissions),
            set_by,
            now: UnixMillis::now(),
        };
        let database = self.inner.audited(principal, AuditAction::RolesUpdate, name);
        let expected = Some(expected_revision.unwrap_or(before.revision));
        database.change_role(principal.tenant, setting, expected).await.map_err(of_role)?;
        self.own(principal, name).map(RoleView::Own)
    }

    /// Delete a role that nobody has. Needs `members.manage`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`], [`AppError::Stale`]; [`AppError::Refused`] where somebody has it.
    pub async fn delete(
        &self,
        principal: &Principal,
        name: &RoleName,
        expected_revision: Option<i64>,
    ) -> Result<(), AppError> {
        principal.require(Permission::MembersManage)?;
        self.changeable(principal, name)?;
        let database = self.inner.audited(principal, AuditAction::RolesDelete, name);
        let (name, now) = (name.clone(), UnixMillis::now());
        database.delete_role(principal.tenant, name, expected_revision, now).await.map_err(of_role)
    }

    fn changeable(&self, principal: &Principal, name: &RoleName) -> Result<Role, AppError> {
        if name.built_in().is_some() {
            return Err(
                Invalid::new("role", "a built-in role is the same in every tenant: make one of your own").into()
            );
        }
        self.own(principal, name)
    }

    fn own(&self, principal: &Principal, name: &RoleName) -> Result<Role, AppError> {
        let roles = self.inner.database.roles(principal.tenant)?;
        roles.into_iter().find(|role| role.name == *name).ok_or(AppError::NotFound { what: "role" })
    }
}

impl fmt::Debug for RoleService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RoleService").finish_non_exhaustive()
    }
}

/// Let through who holds everything in `permissions`.
pub(crate) fn require_all(principal: &Principal, permissions: Permissions) -> Result<(), Forbidden> {
    permissions.iter().try_for_each(|permission| principal.require(permission))
}

/// The person behind a principal: what is granted has somebody who grants it.
pub(crate) fn person(principal: &Principal) -> Result<domain::UserId, Forbidden> {
    principal.user().ok_or(Forbidden { permission: Permission::MembersManage })
}

/// Check what is said of a role or a plan.
pub(crate) fn check_description(text: &str) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars > DESCRIPTION_CHARS_MAX {
        let message = format!("a description has at most {DESCRIPTION_CHARS_MAX} characters, not {chars}");
        return Err(Invalid::new("description", message));
    }
    if text.chars().any(|letter| letter.is_control() && letter != '\n') {
        return Err(Invalid::new("description", "a description has no control characters but line breaks"));
    }
    Ok(())
}

fn of_role(error: database::DatabaseError) -> AppError {
    AppError::missing("role", error)
}
