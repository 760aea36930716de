//! Sessions of people who signed in, and the rights that one has now.

use domain::{Permissions, SessionId, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, MembershipStatus, TenantStatus,
    rows::{millis, optional_word, word},
    users::permissions,
    words::stored_words,
};

const INSERT: &str = "
    INSERT INTO sessions (id, user_id, secret_hash, method, tenant_id, is_confined, device, address, created_at,
                          last_seen_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10)";
const GRANT: &str = "
    SELECT sessions.id, sessions.user_id, sessions.secret_hash, sessions.method, sessions.tenant_id,
           sessions.is_confined, sessions.last_seen_at, sessions.expires_at, users.is_operator, users.disabled_at,
           memberships.permissions AS member_permissions, memberships.status AS member_status,
           tenants.status AS tenant_status, tenants.suspended_reason, passwords.must_change
    FROM sessions
    JOIN users ON users.id = sessions.user_id
    LEFT JOIN memberships ON memberships.tenant_id = sessions.tenant_id AND memberships.user_id = sessions.user_id
    LEFT JOIN tenants ON tenants.id = sessions.tenant_id
    LEFT JOIN passwords ON passwords.user_id = sessions.user_id
    WHERE sessions.id = $1";
const LIST: &str = "
    SELECT id, user_id, method, tenant_id, device, address, created_at, last_seen_at, expires_at
    FROM sessions
    WHERE user_id = $1
    ORDER BY last_seen_at DESC, id DESC";
const TOUCH: &str = "UPDATE sessions SET last_seen_at = $1 WHERE id = $2 AND last_seen_at < $1";
const ROTATE: &str = "UPDATE sessions SET secret_hash = $1, tenant_id = $2 WHERE id = $3 AND secret_hash = $4";
const END: &str = "DELETE FROM sessions WHERE id = $1 AND user_id = $2";
const END_ALL: &str = "DELETE FROM sessions WHERE user_id = $1 AND id <> $2";
const END_OLDEST: &str = "
    DELETE FROM sessions
    WHERE user_id = $1 AND id IN (
        SELECT id FROM sessions WHERE user_id = $1 ORDER BY last_seen_at DESC, id DESC LIMIT $2 OFFSET $3)";
const PURGE: &str = "
    DELETE FROM sessions
    WHERE id IN (SELECT id FROM sessions WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)";
const FIRST_TENANT: &str = "
    SELECT memberships.tenant_id
    FROM memberships
    JOIN tenants ON tenants.id = memberships.tenant_id
    WHERE memberships.user_id = $1 AND memberships.status = 'active' AND tenants.status = 'active'
    ORDER BY memberships.created_at, memberships.tenant_id
    LIMIT 1";
/// How exact "last seen" is: one write a minute for a session in constant use.
const TOUCH_INTERVAL_MS: i64 = 60_000;

/// Sessions of one person at once: more than anybody's devices, and the oldest go first.
const OF_ONE_PERSON_MAX: u32 = 50;

stored_words!(
    /// How somebody signed in.
    SignInMethod, "method", {
        /// By a password.
        Password = "password",
        /// By a tenant's identity provider.
        OpenId = "openid",
        /// By a token of the host platform.
        Platform = "platform",
    }
);

/// A session to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSession {
    /// Its id, which is part of its text.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The hash of its secret; the secret itself is nowhere.
    pub secret_hash: Vec<u8>,
    /// How that person signed in.
    pub method: SignInMethod,
    /// The tenant that it acts in.
    pub tenant: Option<TenantId>,
    /// Whether it acts there alone, and never as an operator.
    pub is_confined: bool,
    /// What the browser calls itself.
    pub device: String,
    /// From where it came.
    pub address: String,
    /// When it is made.
    pub created_at: UnixMillis,
    /// When it ends at the latest.
    pub expires_at: UnixMillis,
}

/// A session, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// Its id.
    pub id: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// How that person signed in.
    pub method: SignInMethod,
    /// The tenant that it acts in.
    pub tenant: Option<TenantId>,
    /// What the browser calls itself.
    pub device: String,
    /// From where it came.
    pub address: String,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last used, to the minute.
    pub last_seen_at: UnixMillis,
    /// When it ends at the latest.
    pub expires_at: UnixMillis,
}

/// What a session stands for, read live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionGrant {
    /// The session.
    pub session: SessionId,
    /// Whose it is.
    pub user: UserId,
    /// The hash of its secret, to be compared before anything else here counts.
    pub secret_hash: Vec<u8>,
    /// How that person signed in.
    pub method: SignInMethod,
    /// The tenant that it acts in.
    pub tenant: Option<TenantId>,
    /// Whether it acts there alone, and never as an operator.
    pub is_confined: bool,
    /// What the person may do in that tenant now: nothing where the person is no member, or the tenant not active.
    pub permissions: Permissions,
    /// Whether that person runs the deployment.
    pub is_operator: bool,
    /// Whether that person may not act at all any more.
    pub is_disabled: bool,
    /// Whether the password is to be changed before anything else.
    pub must_change_password: bool,
    /// Whether the person is a member of that tenant, and the tenant is active.
    pub acts_in_tenant: bool,
    /// Why the tenant is suspended, where it is and the person is a member of it.
    pub suspended: Option<String>,
    /// When it was last used, to the minute.
    pub last_seen_at: UnixMillis,
    /// When it ends at the latest.
    pub expires_at: UnixMillis,
}

impl Session {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            user: word(row, "user_id")?,
            method: word(row, "method")?,
            tenant: optional_word(row, "tenant_id")?,
            device: row.get("device")?,
            address: row.get("address")?,
            created_at: millis(row, "created_at")?,
            last_seen_at: millis(row, "last_seen_at")?,
            expires_at: millis(row, "expires_at")?,
        })
    }
}

impl SessionGrant {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let member: Option<MembershipStatus> = optional_word(row, "member_status")?;
        let tenant_status: Option<TenantStatus> = optional_word(row, "tenant_status")?;
        let is_member = member == Some(MembershipStatus::Active);
        let acts_in_tenant = is_member && tenant_status == Some(TenantStatus::Active);
        let is_suspended = is_member && tenant_status == Some(TenantStatus::Suspended);
        let reason: Option<String> = row.get("suspended_reason")?;
        let disabled_at: Option<i64> = row.get("disabled_at")?;
        let permissions = if acts_in_tenant { permissions(row, "member_permissions")? } else { Permissions::NONE };
        let method = word(row, "method")?;
        let must_change: Option<bool> = row.get("must_change")?;
        Ok(Self {
            session: word(row, "id")?,
            user: word(row, "user_id")?,
            secret_hash: row.get("secret_hash")?,
            method,
            tenant: optional_word(row, "tenant_id")?,
            is_confined: row.get("is_confined")?,
            permissions,
            is_operator: row.get("is_operator")?,
            is_disabled: disabled_at.is_some(),
            must_change_password: method == SignInMethod::Password && must_change.unwrap_or(false),
            acts_in_tenant,
            suspended: is_suspended.then(|| reason.unwrap_or_default()),
            last_seen_at: millis(row, "last_seen_at")?,
            expires_at: millis(row, "expires_at")?,
        })
    }
}

impl Database {
    /// Make a session, in place of `replaced` where the browser had one. Of many the oldest end.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown person or tenant.
    pub async fn create_session(
        &self,
        session: NewSession,
        replaced: Option<(SessionId, UserId)>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            if let Some((id, user)) = replaced {
                work.connection.prepare_cached(END)?.execute([id.to_string(), user.to_string()])?;
            }
            let user = session.user.to_string();
            work.connection.prepare_cached(INSERT)?.execute(params![
                session.id.to_string(),
                user,
                session.secret_hash,
                session.method.as_str(),
                session.tenant.map(|tenant| tenant.to_string()),
                session.is_confined,
                session.device,
                session.address,
                session.created_at.0,
                session.expires_at.0,
            ])?;
            work.connection.prepare_cached(END_OLDEST)?.execute(params![user, u32::MAX, OF_ONE_PERSON_MAX])?;
            Ok(())
        })
        .await
    }

    /// What a session stands for, whoever's it is: whoever presents one names no tenant.
    pub fn session_by_id(&self, id: SessionId) -> Result<Option<SessionGrant>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GRANT)?;
            Ok(statement.query_row([id.to_string()], SessionGrant::from_row).optional()?)
        })
    }

    /// A person's sessions, the last used first.
    pub fn list_sessions(&self, user: UserId) -> Result<Vec<Session>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map([user.to_string()], Session::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Session>>>()?)
        })
    }

    /// Note that a session was used. At most one write a minute, which nobody waits for.
    pub fn touch_session(&self, grant: &SessionGrant, now: UnixMillis) {
        if now.0 - grant.last_seen_at.0 < TOUCH_INTERVAL_MS {
            return;
        }
        let session = grant.session.to_string();
        self.writer().write_sometime(move |work| {
            work.connection.prepare_cached(TOUCH)?.execute(params![now.0, session])?;
            Ok(())
        });
    }

    /// Give a session another secret, and maybe another tenant: what it may do changes, so what it is presented by does.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where it ended, or was given another secret meanwhile.
    pub async fn rotate_session(
        &self,
        grant: SessionGrant,
        secret_hash: Vec<u8>,
        tenant: Option<TenantId>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let changed = work.connection.prepare_cached(ROTATE)?.execute(params![
                secret_hash,
                tenant.map(|tenant| tenant.to_string()),
                grant.session.to_string(),
                grant.secret_hash,
            ])?;
            if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// End one session of a person.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where there is none, or it is somebody else's.
    pub async fn end_session(&self, user: UserId, id: SessionId) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let ended = work.connection.prepare_cached(END)?.execute([id.to_string(), user.to_string()])?;
            if ended == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// End every session of a person but `kept`; answers how many.
    pub async fn end_sessions(&self, user: UserId, kept: Option<SessionId>) -> Result<usize, DatabaseError> {
        self.write(move |work| end_all(work.connection, user, kept)).await
    }

    /// Remove sessions that are past their end; answers how many.
    pub async fn purge_sessions(&self, now: UnixMillis, most: u32) -> Result<usize, DatabaseError> {
        self.write(move |work| Ok(work.connection.prepare_cached(PURGE)?.execute(params![now.0, most])?)).await
    }

    /// The tenant that a person was first made a member of, among those that are active.
    pub fn first_tenant_of(&self, user: UserId) -> Result<Option<TenantId>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(FIRST_TENANT)?;
            Ok(statement.query_row([user.to_string()], |row| word(row, "tenant_id")).optional()?)
        })
    }
}

/// End every session of a person but `kept`.
pub(crate) fn end_all(connection: &Connection, user: UserId, kept: Option<SessionId>) -> Result<usize, DatabaseError> {
    let kept = kept.map(|session| session.to_string()).unwrap_or_default();
    Ok(connection.prepare_cached(END_ALL)?.execute([user.to_string(), kept])?)
}
