//! Passwords as they are kept, which is their hashes, and the links by which one is set once.

use domain::{PasswordResetId, SessionId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{millis, optional_millis, word},
    sessions,
};

const GET: &str = "SELECT hash, set_at, must_change, expires_at FROM passwords WHERE user_id = $1";
const PUT: &str = "
    INSERT INTO passwords (user_id, hash, set_at, must_change, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE SET
        hash = excluded.hash, set_at = excluded.set_at, must_change = excluded.must_change,
        expires_at = excluded.expires_at";
const REHASH: &str = "UPDATE passwords SET hash = $1 WHERE user_id = $2 AND hash = $3";
const DROP: &str = "DELETE FROM passwords WHERE user_id = $1";
const PUT_RESET: &str = "
    INSERT INTO password_resets (user_id, id, secret_hash, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (user_id) DO UPDATE SET
        id = excluded.id, secret_hash = excluded.secret_hash, created_at = excluded.created_at,
        expires_at = excluded.expires_at";
const GET_RESET: &str = "SELECT user_id, id, secret_hash, expires_at FROM password_resets WHERE id = $1";
const TAKE_RESET: &str = "DELETE FROM password_resets WHERE id = $1 AND user_id = $2";
const DROP_RESETS: &str = "DELETE FROM password_resets WHERE user_id = $1";

/// A person's password.
#[derive(Clone, PartialEq, Eq)]
pub struct Password {
    /// Its hash, in PHC form.
    pub hash: String,
    /// When it was set.
    pub set_at: UnixMillis,
    /// Whether it opens nothing but the way to another one.
    pub must_change: bool,
    /// When it ends; `None` for never.
    pub expires_at: Option<UnixMillis>,
}

/// A link by which a person sets a password once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordReset {
    /// Whose password.
    pub user: UserId,
    /// Its id, which is part of its text.
    pub id: PasswordResetId,
    /// The hash of its secret; the secret itself is nowhere.
    pub secret_hash: Vec<u8>,
    /// When it ends.
    pub expires_at: UnixMillis,
}

impl std::fmt::Debug for Password {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Password").field("set_at", &self.set_at).finish_non_exhaustive()
    }
}

impl Password {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            hash: row.get("hash")?,
            set_at: millis(row, "set_at")?,
            must_change: row.get("must_change")?,
            expires_at: optional_millis(row, "expires_at")?,
        })
    }
}

impl PasswordReset {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            user: word(row, "user_id")?,
            id: word(row, "id")?,
            secret_hash: row.get("secret_hash")?,
            expires_at: millis(row, "expires_at")?,
        })
    }
}

impl Database {
    /// A person's password; `None` for whoever has none.
    pub fn password(&self, user: UserId) -> Result<Option<Password>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([user.to_string()], Password::from_row).optional()?)
        })
    }

    /// Set a person's password. Every session of that person but `kept` ends, and every link for another one.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown person.
    pub async fn set_password(
        &self,
        user: UserId,
        password: Password,
        kept: Option<SessionId>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| put(work.connection, user, &password, kept)).await
    }

    /// Keep the same password under another hash, unless it was changed meanwhile.
    pub async fn rehash_password(&self, user: UserId, old: String, new: String) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(REHASH)?.execute(params![new, user.to_string(), old])?;
            Ok(())
        })
        .await
    }

    /// Leave a person without a password; nobody signs in by it any more.
    pub async fn remove_password(&self, user: UserId) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(DROP)?.execute([user.to_string()])?;
            Ok(())
        })
        .await
    }

    /// Keep a link in place of any other that the person had.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown person.
    pub async fn put_password_reset(&self, reset: PasswordReset, now: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let PasswordReset { user, id, secret_hash, expires_at } = reset;
            work.connection.prepare_cached(PUT_RESET)?.execute(params![
                user.to_string(),
                id.to_string(),
                secret_hash,
                now.0,
                expires_at.0
            ])?;
            Ok(())
        })
        .await
    }

    /// The link with this id.
    pub fn password_reset(&self, id: PasswordResetId) -> Result<Option<PasswordReset>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_RESET)?;
            Ok(statement.query_row([id.to_string()], PasswordReset::from_row).optional()?)
        })
    }

    /// Set a password by a link, which is then gone. Every session of that person ends.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where the link was used already.
    pub async fn reset_password(&self, reset: PasswordReset, password: Password) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let key = [reset.id.to_string(), reset.user.to_string()];
            if work.connection.prepare_cached(TAKE_RESET)?.execute(key)? == 0 {
                return Err(DatabaseError::NotFound);
            }
            put(work.connection, reset.user, &password, None)
        })
        .await
    }
}

pub(crate) fn put(
    connection: &Connection,
    user: UserId,
    password: &Password,
    kept: Option<SessionId>,
) -> Result<(), DatabaseError> {
    let Password { hash, set_at, must_change, expires_at } = password;
    let expires_at = expires_at.map(|end| end.0);
    connection.prepare_cached(PUT)?.execute(params![user.to_string(), hash, set_at.0, must_change, expires_at])?;
    connection.prepare_cached(DROP_RESETS)?.execute([user.to_string()])?;
    sessions::end_all(connection, user, kept)?;
    Ok(())
}
