//! Whom others know: identities by issuer and subject, in one tenant each, and the users that they are (RULES 17).

use domain::{Permissions, RoleName, TenantId, UnixMillis, UserId};
use rusqlite::{OptionalExtension, params, params_from_iter};

use crate::{Database, DatabaseError, MembershipStatus, RoleGrant, User, members, rows::word, users, writer::Work};

const FIND: &str = "
    SELECT identities.user_id, users.disabled_at, memberships.status
    FROM identities
    JOIN users ON users.id = identities.user_id
    JOIN memberships ON memberships.tenant_id = identities.tenant_id AND memberships.user_id = identities.user_id
    WHERE identities.tenant_id = $1 AND identities.issuer = $2 AND identities.subject = $3";
const INSERT: &str = "
    INSERT INTO identities (tenant_id, issuer, subject, user_id, email, created_at, signed_in_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)";
const SEEN: &str = "
    UPDATE identities SET email = $1, signed_in_at = $2 WHERE tenant_id = $3 AND issuer = $4 AND subject = $5";
const RENAME: &str = "UPDATE users SET name = $1 WHERE id = $2";
const TAKE_TOKEN: &str = "INSERT INTO platform_tokens (tenant_id, id, expires_at) VALUES ($1, $2, $3)";
const PURGE_TOKENS: &str = "DELETE FROM platform_tokens WHERE tenant_id = $1 AND expires_at < $2";

/// Somebody whom an issuer has just vouched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VouchedIdentity {
    /// Who vouches.
    pub issuer: String,
    /// Whom it is, for the issuer.
    pub subject: String,
    /// The user that this is to be, where the subject is not known yet.
    pub user: UserId,
    /// The name for people.
    pub name: String,
    /// What the issuer says of an address, for people to read.
    pub email: String,
    /// The role in the tenant.
    pub role: RoleName,
    /// The most that the issuer may give in that tenant.
    pub within: Permissions,
    /// The token that said so, where none is taken twice: its hash, and until when it is known.
    pub token: Option<([u8; 32], UnixMillis)>,
    /// When.
    pub at: UnixMillis,
}

impl Database {
    /// Let somebody in whom an issuer vouches for: the user and the membership are made where they are not there, and the
    /// role is the one that the issuer says. Answers the user.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] for a token that was presented before; [`DatabaseError::NotFound`] for an unknown
    /// role, somebody whom the tenant removed, or who may not act any more; [`DatabaseError::Beyond`] for a role with
    /// more than `within`; [`crate::Refusal::LastAdmin`].
    pub async fn admit_identity(&self, tenant: TenantId, identity: VouchedIdentity) -> Result<UserId, DatabaseError> {
        self.write(move |work| admit(work, tenant, &identity)).await
    }
}

fn admit(work: &Work<'_>, tenant: TenantId, identity: &VouchedIdentity) -> Result<UserId, DatabaseError> {
    let (connection, at) = (work.connection, identity.at);
    if let Some((id, expires_at)) = identity.token {
        connection.prepare_cached(PURGE_TOKENS)?.execute(params![tenant.to_string(), at.0])?;
        connection.prepare_cached(TAKE_TOKEN)?.execute(params![tenant.to_string(), id, expires_at.0])?;
    }
    let key = [tenant.to_string(), identity.issuer.clone(), identity.subject.clone()];
    let mut statement = connection.prepare_cached(FIND)?;
    let found = statement.query_row(params_from_iter(&key), |row| {
        let status: MembershipStatus = word(row, "status")?;
        let disabled_at: Option<i64> = row.get("disabled_at")?;
        Ok((word::<UserId>(row, "user_id")?, status == MembershipStatus::Active && disabled_at.is_none()))
    });
    let user = match found.optional()? {
        // Whom the tenant removed does not come back by itself.
        Some((_, false)) => return Err(DatabaseError::NotFound),
        Some((user, true)) => {
            let [tenant, issuer, subject] = &key;
            connection.prepare_cached(SEEN)?.execute(params![identity.email, at.0, tenant, issuer, subject])?;
            connection.prepare_cached(RENAME)?.execute(params![identity.name, user.to_string()])?;
            user
        }
        None => create(work, &key, identity)?,
    };
    // The issuer's word stands above what the member has: it is judged by itself.
    members::allow(work, tenant, &identity.role, identity.within)?;
    let (role, within) = (identity.role.clone(), Permissions::all());
    members::put(work, tenant, &RoleGrant { user, role, within, now: at })?;
    Ok(user)
}

/// Make the user that a subject is. Nobody's address is his but by the operator's word, so he has one that is none.
fn create(work: &Work<'_>, key: &[String; 3], identity: &VouchedIdentity) -> Result<UserId, DatabaseError> {
    let (id, created_at) = (identity.user, identity.at);
    let email = format!("{id}@identity.invalid");
    users::insert(work, &User { id, email, name: identity.name.clone(), is_operator: false, created_at })?;
    let [tenant, issuer, subject] = key;
    let mut statement = work.connection.prepare_cached(INSERT)?;
    statement.execute(params![tenant, issuer, subject, id.to_string(), identity.email, created_at.0])?;
    Ok(id)
}
