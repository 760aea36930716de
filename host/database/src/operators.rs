//! What operators have and see: tokens of the deployment's own, and the users.
//!
//! A deployment with an operator keeps one: the write that would take the last one's place is refused.

use domain::{TokenId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, Refusal, User,
    roles::refresh,
    rows::{count, millis, optional_millis, word},
    sessions,
    writer::Work,
};

const INSERT_TOKEN: &str = "
    INSERT INTO operator_tokens (id, user_id, name, secret_hash, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const GRANT: &str = "
    SELECT operator_tokens.id, operator_tokens.user_id, operator_tokens.secret_hash, operator_tokens.expires_at,
           operator_tokens.last_used_at, operator_tokens.revoked_at,
           users.is_operator AND users.disabled_at IS NULL AS is_operator
    FROM operator_tokens
    JOIN users ON users.id = operator_tokens.user_id
    WHERE operator_tokens.id = $1";
const LIST_TOKENS: &str = "
    SELECT id, user_id, name, created_at, expires_at, last_used_at, revoked_at
    FROM operator_tokens
    WHERE id > $1
    ORDER BY id
    LIMIT $2";
const TOUCH: &str = "UPDATE operator_tokens SET last_used_at = $1 WHERE id = $2";
const REVOKE: &str = "UPDATE operator_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at IS NULL";
const EXISTS: &str = "SELECT 1 FROM operator_tokens WHERE id = $1";

const GET_ACCOUNT: &str = "SELECT id, email, name, is_operator, created_at, disabled_at FROM users WHERE id = $1";
const LIST_ACCOUNTS: &str = "
    SELECT id, email, name, is_operator, created_at, disabled_at
    FROM users
    WHERE id > $1
    ORDER BY id
    LIMIT $2";
const UPDATE: &str = "UPDATE users SET email = $1, name = $2, is_operator = $3, disabled_at = $4 WHERE id = $5";
const OPERATORS: &str = "SELECT COUNT(*) AS operators FROM users WHERE is_operator AND disabled_at IS NULL";
const TENANTS: &str = "SELECT tenant_id FROM memberships WHERE user_id = $1 AND status = 'active'";

/// How exact "last used" is.
const TOUCH_INTERVAL_MS: i64 = 60_000;

/// A token of the deployment's own, to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewOperatorToken {
    /// Its id, which is part of its text.
    pub id: TokenId,
    /// The operator whose it is.
    pub user: UserId,
    /// Its name for people.
    pub name: String,
    /// The hash of its secret; the secret itself is nowhere.
    pub secret_hash: Vec<u8>,
    /// When it is made.
    pub created_at: UnixMillis,
    /// When it ends; `None` for never.
    pub expires_at: Option<UnixMillis>,
}

/// Such a token, for a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorToken {
    /// Its id.
    pub id: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// Its name for people.
    pub name: String,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// What such a token stands for, read live.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OperatorGrant {
    /// The token.
    pub token: TokenId,
    /// Whose it is.
    pub user: UserId,
    /// The hash of its secret, to be compared before anything else here counts.
    pub secret_hash: Vec<u8>,
    /// When it ends.
    pub expires_at: Option<UnixMillis>,
    /// When it was last used, to the minute.
    pub last_used_at: Option<UnixMillis>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
    /// Whether its owner still is an operator, and may act.
    pub is_operator: bool,
}

/// A user, as operators see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAccount {
    /// The user.
    pub user: User,
    /// Since when the user may not act; `None` for one who may.
    pub disabled_at: Option<UnixMillis>,
}

/// A change of a user; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// The address, in lower case.
    pub email: Option<String>,
    /// The name.
    pub name: Option<String>,
    /// Whether the user runs the deployment.
    pub is_operator: Option<bool>,
    /// Since when the user may not act.
    pub disabled_at: Option<Option<UnixMillis>>,
}

impl OperatorGrant {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            token: word(row, "id")?,
            user: word(row, "user_id")?,
            secret_hash: row.get("secret_hash")?,
            expires_at: optional_millis(row, "expires_at")?,
            last_used_at: optional_millis(row, "last_used_at")?,
            revoked_at: optional_millis(row, "revoked_at")?,
            is_operator: row.get("is_operator")?,
        })
    }

    /// Whether it opens anything at `now`.
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.is_operator && self.revoked_at.is_none() && self.expires_at.is_none_or(|end| end > now)
    }
}

impl OperatorToken {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            user: word(row, "user_id")?,
            name: row.get("name")?,
            created_at: millis(row, "created_at")?,
            expires_at: optional_millis(row, "expires_at")?,
            last_used_at: optional_millis(row, "last_used_at")?,
            revoked_at: optional_millis(row, "revoked_at")?,
        })
    }
}

impl UserAccount {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { user: User::from_row(row)?, disabled_at: optional_millis(row, "disabled_at")? })
    }
}

impl Database {
    /// Make a token of the deployment's own.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown user.
    pub async fn create_operator_token(&self, token: NewOperatorToken) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(INSERT_TOKEN)?.execute(params![
                token.id.to_string(),
                token.user.to_string(),
                token.name,
                token.secret_hash,
                token.created_at.0,
                token.expires_at.map(|end| end.0),
            ])?;
            Ok(())
        })
        .await
    }

    /// What a token of the deployment's own stands for.
    pub fn operator_token(&self, id: TokenId) -> Result<Option<OperatorGrant>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GRANT)?;
            Ok(statement.query_row([id.to_string()], OperatorGrant::from_row).optional()?)
        })
    }

    /// At most `limit` tokens of the deployment's own behind `after`, the oldest first.
    pub fn list_operator_tokens(
        &self,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<OperatorToken>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST_TOKENS)?;
            let after = after.map_or_else(String::new, |id| id.to_string());
            let rows = statement.query_map(params![after, limit], OperatorToken::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<OperatorToken>>>()?)
        })
    }

    /// Note that such a token was used. At most one write a minute, which nobody waits for.
    pub fn touch_operator_token(&self, grant: &OperatorGrant, now: UnixMillis) {
        if grant.last_used_at.is_some_and(|last| now.0 - last.0 < TOUCH_INTERVAL_MS) {
            return;
        }
        let token = grant.token.to_string();
        self.writer().write_sometime(move |work| {
            work.connection.prepare_cached(TOUCH)?.execute(params![now.0, token])?;
            Ok(())
        });
    }

    /// Revoke such a token; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn revoke_operator_token(&self, id: TokenId, now: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(EXISTS)?.query_row([id.to_string()], |_| Ok(()))?;
            work.connection.prepare_cached(REVOKE)?.execute(params![now.0, id.to_string()])?;
            Ok(())
        })
        .await
    }

    /// One user, as operators see one.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn user_account(&self, id: UserId) -> Result<UserAccount, DatabaseError> {
        self.read(|connection| account(connection, id))
    }

    /// At most `limit` users behind `after`, in the order in which they were made.
    pub fn list_user_accounts(&self, after: Option<UserId>, limit: u32) -> Result<Vec<UserAccount>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST_ACCOUNTS)?;
            let after = after.map_or_else(String::new, |id| id.to_string());
            let rows = statement.query_map(params![after, limit], UserAccount::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<UserAccount>>>()?)
        })
    }

    /// Change a user. What the user's roles gave to others follows in the same write, in every tenant.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::NameTaken`] for another user's address; [`Refusal::LastOperator`].
    pub async fn change_user(&self, id: UserId, change: UserChange) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let before = account(work.connection, id)?;
            let user = before.user;
            let disabled_at = change.disabled_at.unwrap_or(before.disabled_at);
            let is_operator = change.is_operator.unwrap_or(user.is_operator);
            work.connection.prepare_cached(UPDATE)?.execute(params![
                change.email.unwrap_or(user.email),
                change.name.unwrap_or(user.name),
                is_operator,
                disabled_at.map(|at| at.0),
                id.to_string(),
            ])?;
            if disabled_at.is_some() != before.disabled_at.is_some() {
                refresh_tenants_of(work, id)?;
                // Whoever may act again signs in again.
                sessions::end_all(work.connection, id, None)?;
            }
            let was_operator = user.is_operator && before.disabled_at.is_none();
            if was_operator { keep_an_operator(work) } else { Ok(()) }
        })
        .await
    }
}

fn account(connection: &Connection, id: UserId) -> Result<UserAccount, DatabaseError> {
    Ok(connection.prepare_cached(GET_ACCOUNT)?.query_row([id.to_string()], UserAccount::from_row)?)
}

fn refresh_tenants_of(work: &Work<'_>, user: UserId) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(TENANTS)?;
    let tenants = statement.query_map([user.to_string()], |row| word(row, "tenant_id"))?;
    let tenants = tenants.collect::<rusqlite::Result<Vec<domain::TenantId>>>()?;
    tenants.into_iter().try_for_each(|tenant| refresh(work, tenant))
}

fn keep_an_operator(work: &Work<'_>) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(OPERATORS)?;
    let operators = statement.query_row([], |row| count(row, "operators"))?;
    if operators == 0 { Err(DatabaseError::Refused(Refusal::LastOperator)) } else { Ok(()) }
}
