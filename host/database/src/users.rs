//! Users, and who of them belongs to a tenant.

use domain::{BuiltInRole, Permissions, TenantId, UnixMillis, UserId};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    roles::refresh,
    rows::{millis, unreadable, word},
    words::stored_words,
    writer::Work,
};

const INSERT: &str = "INSERT INTO users (id, email, name, is_operator, created_at) VALUES ($1, $2, $3, $4, $5)";
const GET: &str = "SELECT id, email, name, is_operator, created_at FROM users WHERE id = $1";
const GET_BY_EMAIL: &str = "SELECT id, email, name, is_operator, created_at FROM users WHERE email = $1";
const PUT_MEMBERSHIP: &str = "
    INSERT INTO memberships (tenant_id, user_id, permissions, status, created_at, role, revision)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant_id, user_id)
    DO UPDATE SET permissions = excluded.permissions, status = excluded.status, role = excluded.role,
                  revision = excluded.revision";
// Somebody who may not act is as good as removed.
const GET_MEMBERSHIP: &str = "
    SELECT memberships.user_id, memberships.permissions, memberships.created_at,
           CASE WHEN users.disabled_at IS NULL THEN memberships.status ELSE 'removed' END AS status
    FROM memberships
    JOIN users ON users.id = memberships.user_id
    WHERE memberships.tenant_id = $1 AND memberships.user_id = $2";
const LIST_MEMBERSHIPS: &str = "
    SELECT user_id, permissions, status, created_at FROM memberships WHERE tenant_id = $1 ORDER BY user_id";

/// A person. Whatever a tenant says, only that person or the operator changes this.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The person's id.
    pub id: UserId,
    /// The address, in lower case, unique in the deployment.
    pub email: String,
    /// The name.
    pub name: String,
    /// Whether this person runs the deployment.
    pub is_operator: bool,
    /// When the row was made.
    pub created_at: UnixMillis,
}

stored_words!(
    /// Whether a member still is one.
    MembershipStatus, "status", {
        /// A member, with the rights of the membership.
        Active = "active",
        /// No member any more, and without any right.
        Removed = "removed",
    }
);

/// What a person may do in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// The person.
    pub user: UserId,
    /// What the membership allows.
    pub permissions: Permissions,
    /// Whether it still does.
    pub status: MembershipStatus,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl User {
    pub(crate) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            email: row.get("email")?,
            name: row.get("name")?,
            is_operator: row.get("is_operator")?,
            created_at: millis(row, "created_at")?,
        })
    }
}

impl Membership {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            user: word(row, "user_id")?,
            permissions: permissions(row, "permissions")?,
            status: word(row, "status")?,
            created_at: millis(row, "created_at")?,
        })
    }

    /// The rights that it gives now: none once the member was removed.
    pub fn rights(&self) -> Permissions {
        match self.status {
            MembershipStatus::Active => self.permissions,
            MembershipStatus::Removed => Permissions::NONE,
        }
    }
}

/// Write a new user.
pub(crate) fn insert(work: &Work<'_>, user: &User) -> Result<(), DatabaseError> {
    let User { id, email, name, is_operator, created_at } = user;
    let mut statement = work.connection.prepare_cached(INSERT)?;
    statement.execute(params![id.to_string(), email, name, is_operator, created_at.0])?;
    Ok(())
}

/// A column that holds a list of permissions.
pub(crate) fn permissions(row: &Row<'_>, column: &str) -> rusqlite::Result<Permissions> {
    Permissions::parse_list(row.get_ref(column)?.as_str()?).map_err(unreadable)
}

impl Database {
    /// Make a user.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] when the address is another user's.
    pub async fn create_user(&self, user: User) -> Result<(), DatabaseError> {
        self.write(move |work| insert(work, &user)).await
    }

    /// One user.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn user(&self, id: UserId) -> Result<User, DatabaseError> {
        self.read(|connection| Ok(connection.prepare_cached(GET)?.query_row([id.to_string()], User::from_row)?))
    }

    /// The user with this address, in lower case.
    pub fn user_by_email(&self, email: &str) -> Result<Option<User>, DatabaseError> {
        self.read(|connection| {
            Ok(connection.prepare_cached(GET_BY_EMAIL)?.query_row([email], User::from_row).optional()?)
        })
    }

    /// Make a user a member of a tenant, or change what the membership allows. What a built-in role gives is that role;
    /// other rights are a set of their own.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown tenant or user.
    pub async fn put_membership(&self, tenant: TenantId, membership: Membership) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let role = BuiltInRole::ALL.iter().find(|role| role.permissions() == membership.permissions);
            work.connection.prepare_cached(PUT_MEMBERSHIP)?.execute(params![
                tenant.to_string(),
                membership.user.to_string(),
                membership.permissions.to_list(),
                membership.status.as_str(),
                membership.created_at.0,
                role.map(|role| role.as_str()),
                work.revision,
            ])?;
            refresh(work, tenant)
        })
        .await
    }

    /// A user's membership of a tenant; `None` for whoever never was a member.
    pub fn membership(&self, tenant: TenantId, user: UserId) -> Result<Option<Membership>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_MEMBERSHIP)?;
            Ok(statement.query_row([tenant.to_string(), user.to_string()], Membership::from_row).optional()?)
        })
    }

    /// Everybody who is or was a member of a tenant.
    pub fn list_memberships(&self, tenant: TenantId) -> Result<Vec<Membership>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST_MEMBERSHIPS)?;
            let rows = statement.query_map([tenant.to_string()], Membership::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Membership>>>()?)
        })
    }
}
