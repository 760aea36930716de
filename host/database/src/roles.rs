//! Roles: what the tenants' own ones give now, and the rights of members, which follow them in the same write.
//!
//! A role of a tenant's own gives what it names and whoever set it holds (RULES 18). That person may hold it by another
//! such role, and so on; a role never rests on itself.

use std::collections::HashMap;

use domain::{BuiltInRole, Permissions, RoleName, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, Refusal,
    rows::{count, millis, optional_word, unreadable},
    users::permissions,
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO roles (tenant_id, name, description, permissions, set_by, revision, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7)";
const UPDATE: &str = "
    UPDATE roles SET description = $1, permissions = $2, set_by = $3, revision = $4, updated_at = $5
    WHERE tenant_id = $6 AND name = $7";
const DELETE: &str = "DELETE FROM roles WHERE tenant_id = $1 AND name = $2";
const REVISION: &str = "SELECT revision FROM roles WHERE tenant_id = $1 AND name = $2";
const COUNT: &str = "SELECT COUNT(*) AS roles FROM roles WHERE tenant_id = $1";
// Whoever set a role is there with what he is now: a removed or disabled one holds nothing.
const LIST: &str = "
    SELECT roles.name, roles.description, roles.permissions, roles.set_by, roles.revision, roles.created_at,
           roles.updated_at, memberships.role AS setter_role, memberships.permissions AS setter_permissions,
           users.id AS active_setter
    FROM roles
    LEFT JOIN memberships
        ON memberships.tenant_id = roles.tenant_id AND memberships.user_id = roles.set_by
        AND memberships.status = 'active'
    LEFT JOIN users ON users.id = memberships.user_id AND users.disabled_at IS NULL
    WHERE roles.tenant_id = $1
    ORDER BY roles.name";
const GIVE: &str = "
    UPDATE memberships SET permissions = $1, revision = $2
    WHERE tenant_id = $3 AND role = $4 AND permissions <> $1";
const REFRESH: &str = "UPDATE memberships SET permissions = $1 WHERE role = $2 AND permissions <> $1";
const MEMBERS_IN: &str = "
    SELECT COUNT(*) AS members FROM memberships WHERE tenant_id = $1 AND role = $2 AND status = 'active'";
const INVITED_IN: &str = "
    SELECT COUNT(*) AS invited FROM invitations
    WHERE tenant_id = $1 AND role = $2 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $3";

/// A tenant's own role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its name, which no built-in role has.
    pub name: RoleName,
    /// What it is for, in the tenant's words.
    pub description: String,
    /// What it was given.
    pub permissions: Permissions,
    /// What it gives now: of that, what whoever set it holds.
    pub rights: Permissions,
    /// Who said last what it gives.
    pub set_by: Option<UserId>,
    /// The write that changed it last.
    pub revision: i64,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// A role as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleSetting {
    /// Its name.
    pub name: RoleName,
    /// What it is for.
    pub description: String,
    /// What it names.
    pub permissions: Permissions,
    /// Whose rights bound it.
    pub set_by: Option<UserId>,
    /// When it is set.
    pub now: UnixMillis,
}

/// What a role's rights rest on.
struct Resting {
    role: Role,
    setter: Setter,
}

/// Who set a role, as far as rights go.
enum Setter {
    /// Nobody who holds anything.
    Nobody,
    /// Somebody with these rights.
    Holds(Permissions),
    /// Somebody whose rights are another such role's.
    In(RoleName),
}

/// The roles of a tenant by name, to find out what each gives.
pub(crate) struct Roles(HashMap<RoleName, Resting>);

impl Resting {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let name: String = row.get("name")?;
        let given = permissions(row, "permissions")?;
        let role = Role {
            name: RoleName::parse(&name).map_err(unreadable)?,
            description: row.get("description")?,
            permissions: given,
            rights: Permissions::NONE,
            set_by: optional_word(row, "set_by")?,
            revision: row.get("revision")?,
            created_at: millis(row, "created_at")?,
            updated_at: millis(row, "updated_at")?,
        };
        let is_there = row.get::<_, Option<String>>("active_setter")?.is_some();
        let setter = match optional_role(row, "setter_role")? {
            _ if !is_there => Setter::Nobody,
            Some(role) if role.built_in().is_none() => Setter::In(role),
            _ => Setter::Holds(permissions(row, "setter_permissions")?),
        };
        Ok(Self { role, setter })
    }
}

impl Roles {
    pub(crate) fn read(connection: &Connection, tenant: TenantId) -> Result<Self, DatabaseError> {
        let mut statement = connection.prepare_cached(LIST)?;
        let rows = statement.query_map([tenant.to_string()], Resting::from_row)?;
        let named = rows.map(|row| row.map(|resting| (resting.role.name.clone(), resting)));
        Ok(Self(named.collect::<rusqlite::Result<_>>()?))
    }

    /// What a role gives now; nothing where there is none of that name.
    ///
    /// # Errors
    /// [`Refusal::OwnRole`] for one that would rest on itself.
    pub(crate) fn rights(&self, role: &RoleName) -> Result<Permissions, DatabaseError> {
        let mut rights = Permissions::all();
        let mut next = role;
        for _ in 0..=self.0.len() {
            if let Some(built_in) = next.built_in() {
                return Ok(rights.intersection(built_in.permissions()));
            }
            let Some(resting) = self.0.get(next) else { return Ok(Permissions::NONE) };
            rights = rights.intersection(resting.role.permissions);
            match &resting.setter {
                Setter::Nobody => return Ok(Permissions::NONE),
                Setter::Holds(held) => return Ok(rights.intersection(*held)),
                Setter::In(role) => next = role,
            }
        }
        Err(DatabaseError::Refused(Refusal::OwnRole))
    }

    /// Whether there is a role of that name, built in or the tenant's own.
    pub(crate) fn knows(&self, role: &RoleName) -> bool {
        role.built_in().is_some() || self.0.contains_key(role)
    }

    fn into_list(self) -> Result<Vec<Role>, DatabaseError> {
        let rights = |name: &RoleName| self.rights(name);
        let list = self.0.values().map(|Resting { role, .. }| Ok(Role { rights: rights(&role.name)?, ..role.clone() }));
        let mut list = list.collect::<Result<Vec<Role>, DatabaseError>>()?;
        list.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(list)
    }
}

impl Database {
    /// A tenant's own roles by name. There are few: see [`Self::create_role`].
    pub fn roles(&self, tenant: TenantId) -> Result<Vec<Role>, DatabaseError> {
        self.read(|connection| Roles::read(connection, tenant)?.into_list())
    }

    /// What a role gives now, built in or the tenant's own; `None` where there is none of that name.
    pub fn role_rights(&self, tenant: TenantId, role: &RoleName) -> Result<Option<Permissions>, DatabaseError> {
        if let Some(built_in) = role.built_in() {
            return Ok(Some(built_in.permissions()));
        }
        self.read(|connection| {
            let roles = Roles::read(connection, tenant)?;
            if roles.0.contains_key(role) { roles.rights(role).map(Some) } else { Ok(None) }
        })
    }

    /// Make a role of a tenant that has fewer than `most`.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`]; [`Refusal::TooMany`]; [`Refusal::OwnRole`] never, as nobody has it yet.
    pub async fn create_role(&self, tenant: TenantId, role: RoleSetting, most: u64) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(COUNT)?;
            if statement.query_row([tenant.to_string()], |row| count(row, "roles"))? >= most {
                return Err(DatabaseError::Refused(Refusal::TooMany { limit: most }));
            }
            work.connection.prepare_cached(INSERT)?.execute(params![
                tenant.to_string(),
                role.name.as_str(),
                role.description,
                role.permissions.to_list(),
                role.set_by.map(|user| user.to_string()),
                work.revision,
                role.now.0,
            ])?;
            refresh(work, tenant)
        })
        .await
    }

    /// Set a role anew. Its members' rights follow in the same write, and those of roles that rest on theirs.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`] where its revision is not the expected one;
    /// [`Refusal::OwnRole`] where whoever sets it has his rights by it.
    pub async fn change_role(
        &self,
        tenant: TenantId,
        role: RoleSetting,
        expected_revision: Option<i64>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            expect_revision(work, tenant, &role.name, expected_revision)?;
            work.connection.prepare_cached(UPDATE)?.execute(params![
                role.description,
                role.permissions.to_list(),
                role.set_by.map(|user| user.to_string()),
                work.revision,
                role.now.0,
                tenant.to_string(),
                role.name.as_str(),
            ])?;
            refresh(work, tenant)
        })
        .await
    }

    /// Delete a role that nobody has, and that nobody is invited in.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`]; [`Refusal::RoleInUse`].
    pub async fn delete_role(
        &self,
        tenant: TenantId,
        name: RoleName,
        expected_revision: Option<i64>,
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            expect_revision(work, tenant, &name, expected_revision)?;
            let key = [tenant.to_string(), name.to_string()];
            let mut members = work.connection.prepare_cached(MEMBERS_IN)?;
            let mut invited = work.connection.prepare_cached(INVITED_IN)?;
            let parameters = params![key[0], key[1], now.0];
            let uses = members.query_row([&key[0], &key[1]], |row| count(row, "members"))?
                + invited.query_row(parameters, |row| count(row, "invited"))?;
            if uses > 0 {
                return Err(DatabaseError::Refused(Refusal::RoleInUse));
            }
            work.connection.prepare_cached(DELETE)?.execute(key)?;
            Ok(())
        })
        .await
    }

    /// Give the members in built-in roles, of every tenant, what these give in this version of the program.
    pub async fn refresh_built_in_roles(&self) -> Result<(), DatabaseError> {
        self.write(|work| {
            for role in BuiltInRole::ALL {
                let mut statement = work.connection.prepare_cached(REFRESH)?;
                statement.execute([role.permissions().to_list().as_str(), role.as_str()])?;
            }
            Ok(())
        })
        .await
    }
}

/// Give every member in a role of the tenant's own what that gives now.
///
/// # Errors
/// [`Refusal::OwnRole`] where a role would rest on itself.
pub(crate) fn refresh(work: &Work<'_>, tenant: TenantId) -> Result<(), DatabaseError> {
    let mut roles = Roles::read(work.connection, tenant)?;
    let names: Vec<RoleName> = roles.0.keys().cloned().collect();
    for name in names {
        let rights = roles.rights(&name)?;
        let mut statement = work.connection.prepare_cached(GIVE)?;
        statement.execute(params![rights.to_list(), work.revision, tenant.to_string(), name.as_str()])?;
        // What was found out once need not be again.
        if let Some(resting) = roles.0.get_mut(&name) {
            resting.setter = Setter::Holds(rights);
        }
    }
    Ok(())
}

/// A column that holds a role's name, or NULL.
pub(crate) fn optional_role(row: &Row<'_>, column: &str) -> rusqlite::Result<Option<RoleName>> {
    let name: Option<String> = row.get(column)?;
    name.map(|name| RoleName::parse(&name)).transpose().map_err(unreadable)
}

fn expect_revision(
    work: &Work<'_>,
    tenant: TenantId,
    name: &RoleName,
    expected: Option<i64>,
) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(REVISION)?;
    let current: Option<i64> =
        statement.query_row([tenant.to_string().as_str(), name.as_str()], |row| row.get(0)).optional()?;
    match (current, expected) {
        (None, _) => Err(DatabaseError::NotFound),
        (Some(current), Some(expected)) if current != expected => Err(DatabaseError::Stale { current }),
        _ => Ok(()),
    }
}
