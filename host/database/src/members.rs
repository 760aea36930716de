//! Members: who belongs to a tenant, in which role. What rights a role gives is `roles`'.
//!
//! A tenant with an admin keeps one: the write that would take its last admin's place is refused.

use domain::{BuiltInRole, Permissions, RoleName, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, Row, params};

use crate::{
    Database, DatabaseError, Refusal,
    bindings::{Adoption, adopt},
    roles::{Roles, optional_role, refresh},
    rows::{count, millis, optional_millis, word},
    users::permissions,
    writer::Work,
};

const GET: &str = "
    SELECT memberships.user_id, users.email, users.name, memberships.role, memberships.permissions, memberships.revision,
           memberships.created_at, users.disabled_at
    FROM memberships
    JOIN users ON users.id = memberships.user_id
    WHERE memberships.tenant_id = $1 AND memberships.user_id = $2 AND memberships.status = 'active'";
const LIST: &str = "
    SELECT memberships.user_id, users.email, users.name, memberships.role, memberships.permissions, memberships.revision,
           memberships.created_at, users.disabled_at
    FROM memberships
    JOIN users ON users.id = memberships.user_id
    WHERE memberships.tenant_id = $1 AND memberships.status = 'active' AND memberships.user_id > $2
    ORDER BY memberships.user_id
    LIMIT $3";
const OF_USER: &str = "
    SELECT memberships.tenant_id, tenants.slug, tenants.name, memberships.role
    FROM memberships
    JOIN tenants ON tenants.id = memberships.tenant_id
    WHERE memberships.user_id = $1 AND memberships.status = 'active' AND tenants.status <> 'deleted'
    ORDER BY tenants.slug";
const PUT: &str = "
    INSERT INTO memberships (tenant_id, user_id, permissions, status, created_at, role, revision)
    VALUES ($1, $2, $3, 'active', $4, $5, $6)
    ON CONFLICT (tenant_id, user_id)
    DO UPDATE SET permissions = excluded.permissions, status = 'active', role = excluded.role,
                  revision = excluded.revision,
                  created_at = CASE memberships.status WHEN 'active' THEN memberships.created_at
                                                       ELSE excluded.created_at END";
const SET_ROLE: &str = "
    UPDATE memberships SET permissions = $1, role = $2, revision = $3
    WHERE tenant_id = $4 AND user_id = $5 AND status = 'active'";
const REMOVE: &str = "
    UPDATE memberships SET status = 'removed', revision = $1
    WHERE tenant_id = $2 AND user_id = $3 AND status = 'active'";
const REVOKE_TOKENS: &str = "
    UPDATE api_tokens SET revoked_at = $1 WHERE tenant_id = $2 AND user_id = $3 AND revoked_at IS NULL";
const ADMINS: &str = "
    SELECT COUNT(*) AS admins
    FROM memberships
    JOIN users ON users.id = memberships.user_id
    WHERE memberships.tenant_id = $1 AND memberships.role = 'admin' AND memberships.status = 'active'
        AND users.disabled_at IS NULL";

/// Somebody who belongs to a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The person.
    pub user: UserId,
    /// The person's address.
    pub email: String,
    /// The person's name.
    pub name: String,
    /// The role; `None` where the rights are a set of their own.
    pub role: Option<RoleName>,
    /// What the member may do now.
    pub rights: Permissions,
    /// The write that changed the membership last.
    pub revision: i64,
    /// Since when the person belongs to it.
    pub joined_at: UnixMillis,
}

/// A tenant that a person belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantOfUser {
    /// The tenant.
    pub tenant: TenantId,
    /// Its name in addresses.
    pub slug: String,
    /// Its name for people.
    pub name: String,
    /// As what.
    pub role: Option<RoleName>,
}

/// A role to be given to somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleGrant {
    /// To whom.
    pub user: UserId,
    /// Which.
    pub role: RoleName,
    /// What whoever grants it holds: nobody grants more, and nobody changes a member who holds more.
    pub within: Permissions,
    /// When.
    pub now: UnixMillis,
}

/// A member who is to go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removal {
    /// Who.
    pub user: UserId,
    /// What whoever removes holds: nobody removes a member who holds more.
    pub within: Permissions,
    /// What goes over to whoever removes.
    pub adoption: Option<Adoption>,
    /// When.
    pub now: UnixMillis,
}

impl Member {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let is_disabled = optional_millis(row, "disabled_at")?.is_some();
        let held = permissions(row, "permissions")?;
        Ok(Self {
            user: word(row, "user_id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            role: optional_role(row, "role")?,
            rights: if is_disabled { Permissions::NONE } else { held },
            revision: row.get("revision")?,
            joined_at: millis(row, "created_at")?,
        })
    }
}

impl Database {
    /// One member.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`], also for whoever is none any more.
    pub fn member(&self, tenant: TenantId, user: UserId) -> Result<Member, DatabaseError> {
        self.read(|connection| find(connection, tenant, user))
    }

    /// At most `limit` members behind `after`, in the order of their ids.
    pub fn list_members(
        &self,
        tenant: TenantId,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Member>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let after = after.map_or_else(String::new, |user| user.to_string());
            let rows = statement.query_map(params![tenant.to_string(), after, limit], Member::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Member>>>()?)
        })
    }

    /// The tenants that a person belongs to, by their slugs; for that person and for operators.
    pub fn tenants_of_user(&self, user: UserId) -> Result<Vec<TenantOfUser>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_USER)?;
            let rows = statement.query_map([user.to_string()], |row| {
                Ok(TenantOfUser {
                    tenant: word(row, "tenant_id")?,
                    slug: row.get("slug")?,
                    name: row.get("name")?,
                    role: optional_role(row, "role")?,
                })
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<TenantOfUser>>>()?)
        })
    }

    /// Make somebody a member in a role, or change the role of one.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown user or role; [`DatabaseError::Beyond`] where the role, or what the
    /// member holds, is more than `within`; [`Refusal::LastAdmin`].
    pub async fn put_member(&self, tenant: TenantId, grant: RoleGrant) -> Result<(), DatabaseError> {
        self.write(move |work| put(work, tenant, &grant)).await
    }

    /// Change a member's role. What `adoption` names goes over before.
    ///
    /// # Errors
    /// As [`Self::put_member`]; [`DatabaseError::Stale`] where the revision is not the expected one;
    /// [`Refusal::OwnRole`] where the member said what that role gives.
    pub async fn set_member_role(
        &self,
        tenant: TenantId,
        grant: RoleGrant,
        expected_revision: Option<i64>,
        adoption: Option<Adoption>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let member = find(work.connection, tenant, grant.user)?;
            expect(&member, expected_revision)?;
            hold(member.rights, grant.within)?;
            adopt(work, tenant, adoption.as_ref())?;
            let rights = allow(work, tenant, &grant.role, grant.within)?;
            work.connection.prepare_cached(SET_ROLE)?.execute(params![
                rights.to_list(),
                grant.role.as_str(),
                work.revision,
                tenant.to_string(),
                grant.user.to_string(),
            ])?;
            refresh(work, tenant)?;
            keep_an_admin(work, tenant, &member)
        })
        .await
    }

    /// Remove a member, with the tokens of that member. What `adoption` names goes over before.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Beyond`]; [`Refusal::LastAdmin`].
    pub async fn remove_member(&self, tenant: TenantId, removal: Removal) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let member = find(work.connection, tenant, removal.user)?;
            hold(member.rights, removal.within)?;
            adopt(work, tenant, removal.adoption.as_ref())?;
            let key = [tenant.to_string(), removal.user.to_string()];
            work.connection.prepare_cached(REMOVE)?.execute(params![work.revision, key[0], key[1]])?;
            work.connection.prepare_cached(REVOKE_TOKENS)?.execute(params![removal.now.0, key[0], key[1]])?;
            refresh(work, tenant)?;
            keep_an_admin(work, tenant, &member)
        })
        .await
    }
}

/// Make somebody a member in a role.
pub(crate) fn put(work: &Work<'_>, tenant: TenantId, grant: &RoleGrant) -> Result<(), DatabaseError> {
    let before = find(work.connection, tenant, grant.user).optional()?;
    if let Some(member) = &before {
        hold(member.rights, grant.within)?;
    }
    let rights = allow(work, tenant, &grant.role, grant.within)?;
    work.connection.prepare_cached(PUT)?.execute(params![
        tenant.to_string(),
        grant.user.to_string(),
        rights.to_list(),
        grant.now.0,
        grant.role.as_str(),
        work.revision,
    ])?;
    refresh(work, tenant)?;
    before.map_or(Ok(()), |member| keep_an_admin(work, tenant, &member))
}

/// A row that may be missing.
trait Optional<T> {
    fn optional(self) -> Result<Option<T>, DatabaseError>;
}

impl<T> Optional<T> for Result<T, DatabaseError> {
    fn optional(self) -> Result<Option<T>, DatabaseError> {
        match self {
            Err(DatabaseError::NotFound) => Ok(None),
            found => found.map(Some),
        }
    }
}

/// Let whoever holds `within` grant a role; answers what it gives now.
pub(crate) fn allow(
    work: &Work<'_>,
    tenant: TenantId,
    role: &RoleName,
    within: Permissions,
) -> Result<Permissions, DatabaseError> {
    let roles = Roles::read(work.connection, tenant)?;
    if !roles.knows(role) {
        return Err(DatabaseError::NotFound);
    }
    let rights = roles.rights(role)?;
    hold(rights, within)?;
    Ok(rights)
}

/// Whether somebody belongs to a tenant.
pub(crate) fn is_member(work: &Work<'_>, tenant: TenantId, user: UserId) -> Result<bool, DatabaseError> {
    Ok(find(work.connection, tenant, user).optional()?.is_some())
}

/// What a member holds now; nothing for whoever is none.
pub(crate) fn rights(work: &Work<'_>, tenant: TenantId, user: UserId) -> Result<Permissions, DatabaseError> {
    Ok(find(work.connection, tenant, user).optional()?.map_or(Permissions::NONE, |member| member.rights))
}

/// See that `held` has everything in `wanted`.
pub(crate) fn hold(wanted: Permissions, held: Permissions) -> Result<(), DatabaseError> {
    let lacking = wanted.without(held);
    if lacking == Permissions::NONE { Ok(()) } else { Err(DatabaseError::Beyond { lacking }) }
}

fn expect(member: &Member, expected: Option<i64>) -> Result<(), DatabaseError> {
    let current = member.revision;
    if expected.is_none_or(|expected| expected == current) { Ok(()) } else { Err(DatabaseError::Stale { current }) }
}

/// See that a tenant that has lost an admin has another one.
fn keep_an_admin(work: &Work<'_>, tenant: TenantId, before: &Member) -> Result<(), DatabaseError> {
    if before.role != Some(RoleName::from(BuiltInRole::Admin)) {
        return Ok(());
    }
    let mut statement = work.connection.prepare_cached(ADMINS)?;
    let admins = statement.query_row([tenant.to_string()], |row| count(row, "admins"))?;
    if admins == 0 { Err(DatabaseError::Refused(Refusal::LastAdmin)) } else { Ok(()) }
}

fn find(connection: &Connection, tenant: TenantId, user: UserId) -> Result<Member, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row([tenant.to_string(), user.to_string()], Member::from_row)?)
}
