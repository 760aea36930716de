//! API tokens, and the rights that one has now.

use domain::{Permissions, TenantId, TokenId, UnixMillis, UserId};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, MembershipStatus, TenantStatus,
    rows::{millis, optional_millis, word},
    users::permissions,
};

const INSERT: &str = "
    INSERT INTO api_tokens (tenant_id, id, user_id, name, secret_hash, permissions, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const GRANT: &str = "
    SELECT api_tokens.tenant_id, api_tokens.id, api_tokens.user_id, api_tokens.secret_hash, api_tokens.permissions,
           api_tokens.expires_at, api_tokens.last_used_at, api_tokens.revoked_at,
           memberships.permissions AS member_permissions,
           CASE WHEN users.disabled_at IS NULL THEN memberships.status ELSE 'removed' END AS member_status,
           tenants.status AS tenant_status
    FROM api_tokens
    JOIN memberships ON memberships.tenant_id = api_tokens.tenant_id AND memberships.user_id = api_tokens.user_id
    JOIN users ON users.id = api_tokens.user_id
    JOIN tenants ON tenants.id = api_tokens.tenant_id
    WHERE api_tokens.id = $1";
const LIST: &str = "
    SELECT id, user_id, name, permissions, created_at, expires_at, last_used_at, revoked_at
    FROM api_tokens
    WHERE tenant_id = $1
    ORDER BY id";
const GET: &str = "
    SELECT id, user_id, name, permissions, created_at, expires_at, last_used_at, revoked_at
    FROM api_tokens
    WHERE tenant_id = $1 AND id = $2";
const PAGE: &str = "
    SELECT id, user_id, name, permissions, created_at, expires_at, last_used_at, revoked_at
    FROM api_tokens
    WHERE tenant_id = $1 AND id > $2
    ORDER BY id
    LIMIT $3";
const PAGE_OF_USER: &str = "
    SELECT id, user_id, name, permissions, created_at, expires_at, last_used_at, revoked_at
    FROM api_tokens
    WHERE tenant_id = $1 AND id > $2 AND user_id = $3
    ORDER BY id
    LIMIT $4";
const CHANGE: &str = "
    UPDATE api_tokens SET name = COALESCE($1, name), expires_at = COALESCE($2, expires_at)
    WHERE tenant_id = $3 AND id = $4 AND (CAST($2 AS BIGINT) IS NULL OR expires_at IS NULL OR expires_at >= $2)";
const TOUCH: &str = "UPDATE api_tokens SET last_used_at = $1 WHERE tenant_id = $2 AND id = $3";
const REVOKE: &str = "UPDATE api_tokens SET revoked_at = $1 WHERE tenant_id = $2 AND id = $3 AND revoked_at IS NULL";
const EXISTS: &str = "SELECT 1 FROM api_tokens WHERE tenant_id = $1 AND id = $2";

/// How exact "last used" is: one write a minute for a token in constant use.
const TOUCH_INTERVAL_MS: i64 = 60_000;

/// A token to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewToken {
    /// Its id, which is part of its text.
    pub id: TokenId,
    /// Whose it is: a member of the tenant.
    pub user: UserId,
    /// Its name for people.
    pub name: String,
    /// The hash of its secret; the secret itself is nowhere.
    pub secret_hash: Vec<u8>,
    /// What it allows at most.
    pub permissions: Permissions,
    /// When it is made.
    pub created_at: UnixMillis,
    /// When it ends; `None` for never.
    pub expires_at: Option<UnixMillis>,
}

/// A token, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// Its name for people.
    pub name: String,
    /// What it allows at most.
    pub permissions: Permissions,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// What a token stands for, read live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenGrant {
    /// Its tenant.
    pub tenant: TenantId,
    /// The token.
    pub token: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// The hash of its secret, to be compared before anything else here counts.
    pub secret_hash: Vec<u8>,
    /// What the token and its owner's membership both allow.
    pub permissions: Permissions,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// Whether its owner still is a member.
    pub member: MembershipStatus,
    /// Whether its tenant is active.
    pub tenant_status: TenantStatus,
}

/// A change of a token; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenChange {
    /// Its name.
    pub name: Option<String>,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
}

impl TokenGrant {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let own = permissions(row, "permissions")?;
        let members = permissions(row, "member_permissions")?;
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            token: word(row, "id")?,
            user: word(row, "user_id")?,
            secret_hash: row.get("secret_hash")?,
            permissions: own.intersection(members),
            expires_at: optional_millis(row, "expires_at")?,
            last_used_at: optional_millis(row, "last_used_at")?,
            revoked_at: optional_millis(row, "revoked_at")?,
            member: word(row, "member_status")?,
            tenant_status: word(row, "tenant_status")?,
        })
    }

    /// Whether it opens anything at `now`: neither revoked nor at its end, its owner a member, its tenant active.
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.is_somebodys(now) && self.tenant_status == TenantStatus::Active
    }

    /// The same, whatever became of its tenant.
    pub fn is_somebodys(&self, now: UnixMillis) -> bool {
        self.revoked_at.is_none()
            && self.expires_at.is_none_or(|end| end > now)
            && self.member == MembershipStatus::Active
    }
}

impl Token {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            user: word(row, "user_id")?,
            name: row.get("name")?,
            permissions: permissions(row, "permissions")?,
            created_at: millis(row, "created_at")?,
            expires_at: optional_millis(row, "expires_at")?,
            last_used_at: optional_millis(row, "last_used_at")?,
            revoked_at: optional_millis(row, "revoked_at")?,
        })
    }
}

impl Database {
    /// Make a token.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when its user was never a member of the tenant.
    pub async fn create_token(&self, tenant: TenantId, token: NewToken) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(INSERT)?.execute(params![
                tenant.to_string(),
                token.id.to_string(),
                token.user.to_string(),
                token.name,
                token.secret_hash,
                token.permissions.to_list(),
                token.created_at.0,
                token.expires_at.map(|end| end.0),
            ])?;
            Ok(())
        })
        .await
    }

    /// What a token stands for, whoever's it is. This is the one read that begins without a tenant, because whoever
    /// signs in names none: the tenant of everything that follows is the one that stands here.
    pub fn token_by_id(&self, id: TokenId) -> Result<Option<TokenGrant>, DatabaseError> {
        self.read(|connection| {
            Ok(connection.prepare_cached(GRANT)?.query_row([id.to_string()], TokenGrant::from_row).optional()?)
        })
    }

    /// The tenant's tokens, the oldest first.
    pub fn list_tokens(&self, tenant: TenantId) -> Result<Vec<Token>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map([tenant.to_string()], Token::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Token>>>()?)
        })
    }

    /// One token, also one that ended.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn token(&self, tenant: TenantId, id: TokenId) -> Result<Token, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], Token::from_row)?)
        })
    }

    /// At most `limit` tokens behind `after`, the oldest first; those of one member where `user` names it.
    pub fn page_of_tokens(
        &self,
        tenant: TenantId,
        user: Option<UserId>,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<Token>, DatabaseError> {
        let (tenant, after) = (tenant.to_string(), after.map_or_else(String::new, |id| id.to_string()));
        self.read(|connection| {
            let rows = match user {
                None => {
                    let mut statement = connection.prepare_cached(PAGE)?;
                    let rows = statement.query_map(params![tenant, after, limit], Token::from_row)?;
                    rows.collect::<rusqlite::Result<Vec<Token>>>()?
                }
                Some(user) => {
                    let mut statement = connection.prepare_cached(PAGE_OF_USER)?;
                    let parameters = params![tenant, after, user.to_string(), limit];
                    statement.query_map(parameters, Token::from_row)?.collect::<rusqlite::Result<Vec<Token>>>()?
                }
            };
            Ok(rows)
        })
    }

    /// Give a token another name or an earlier end; answers whether the end is not a later one, which changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn change_token(
        &self,
        tenant: TenantId,
        id: TokenId,
        change: TokenChange,
    ) -> Result<bool, DatabaseError> {
        self.write(move |work| {
            let (tenant, id) = (tenant.to_string(), id.to_string());
            work.connection.prepare_cached(EXISTS)?.query_row([&tenant, &id], |_| Ok(()))?;
            let TokenChange { name, expires_at } = change;
            let mut statement = work.connection.prepare_cached(CHANGE)?;
            let changed = statement.execute(params![name, expires_at.map(|end| end.0), tenant, id])?;
            if changed == 0 {
                work.change_nothing();
            }
            Ok(changed == 1)
        })
        .await
    }

    /// Note that a token was used. At most one write a minute, which nobody waits for.
    pub fn touch_token(&self, grant: &TokenGrant, now: UnixMillis) {
        if grant.last_used_at.is_some_and(|last| now.0 - last.0 < TOUCH_INTERVAL_MS) {
            return;
        }
        let (tenant, token) = (grant.tenant.to_string(), grant.token.to_string());
        self.writer().write_sometime(move |work| {
            work.connection.prepare_cached(TOUCH)?.execute(params![now.0, tenant, token])?;
            Ok(())
        });
    }

    /// Revoke a token; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn revoke_token(&self, tenant: TenantId, id: TokenId, now: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let (tenant, id) = (tenant.to_string(), id.to_string());
            work.connection.prepare_cached(EXISTS)?.query_row([&tenant, &id], |_| Ok(()))?;
            work.connection.prepare_cached(REVOKE)?.execute(params![now.0, tenant, id])?;
            Ok(())
        })
        .await
    }
}
