//! Invitations: that somebody may become a member of a tenant. Only a hash of the secret is here.

use domain::{InvitationId, Permissions, RoleName, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, Password, Refusal, TenantStatus, User,
    members::{self, RoleGrant},
    passwords,
    rows::{count, millis, optional_millis, optional_word, unreadable, word},
    users,
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO invitations (tenant_id, id, email, role, secret_hash, invited_by, operator_id, created_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const LIVE: &str = "
    SELECT COUNT(*) AS live FROM invitations
    WHERE tenant_id = $1 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $2";
const GET: &str = "
    SELECT invitations.tenant_id, invitations.id, invitations.email, invitations.role, invitations.secret_hash,
           invitations.invited_by, invitations.operator_id, invitations.created_at, invitations.expires_at,
           invitations.accepted_at, invitations.accepted_by, invitations.revoked_at,
           tenants.name AS tenant_name, tenants.status AS tenant_status
    FROM invitations
    JOIN tenants ON tenants.id = invitations.tenant_id
    WHERE invitations.id = $1";
const LIST: &str = "
    SELECT invitations.tenant_id, invitations.id, invitations.email, invitations.role, invitations.secret_hash,
           invitations.invited_by, invitations.operator_id, invitations.created_at, invitations.expires_at,
           invitations.accepted_at, invitations.accepted_by, invitations.revoked_at,
           tenants.name AS tenant_name, tenants.status AS tenant_status
    FROM invitations
    JOIN tenants ON tenants.id = invitations.tenant_id
    WHERE invitations.tenant_id = $1 AND invitations.id < $2
    ORDER BY invitations.id DESC
    LIMIT $3";
const ACCEPT: &str = "
    UPDATE invitations SET accepted_at = $1, accepted_by = $2
    WHERE tenant_id = $3 AND id = $4 AND accepted_at IS NULL AND revoked_at IS NULL AND expires_at > $1";
const REVOKE: &str = "
    UPDATE invitations SET revoked_at = $1
    WHERE tenant_id = $2 AND id = $3 AND accepted_at IS NULL AND revoked_at IS NULL";
const IS_OPERATOR: &str = "SELECT 1 FROM users WHERE id = $1 AND is_operator AND disabled_at IS NULL";
const EXISTS: &str = "SELECT 1 FROM invitations WHERE tenant_id = $1 AND id = $2";

/// An invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's name for people.
    pub tenant_name: String,
    /// Whether the tenant is active.
    pub tenant_status: TenantStatus,
    /// Its id.
    pub id: InvitationId,
    /// Whom it is for.
    pub email: String,
    /// As what.
    pub role: RoleName,
    /// The hash of its secret.
    pub secret_hash: Vec<u8>,
    /// The member who invites.
    pub invited_by: Option<UserId>,
    /// The operator who invites, where it is no member.
    pub operator: Option<UserId>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Until when it can be accepted.
    pub expires_at: UnixMillis,
    /// When it was accepted.
    pub accepted_at: Option<UnixMillis>,
    /// Who accepted it.
    pub accepted_by: Option<UserId>,
    /// When it was revoked.
    pub revoked_at: Option<UnixMillis>,
}

/// An invitation to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewInvitation {
    /// Its id, which is part of its text.
    pub id: InvitationId,
    /// Whom it is for, in lower case.
    pub email: String,
    /// As what.
    pub role: RoleName,
    /// The hash of its secret; the secret itself is nowhere.
    pub secret_hash: Vec<u8>,
    /// The member who invites.
    pub invited_by: Option<UserId>,
    /// The operator who invites, where it is no member.
    pub operator: Option<UserId>,
    /// When it is made.
    pub created_at: UnixMillis,
    /// Until when it can be accepted.
    pub expires_at: UnixMillis,
    /// What whoever invites holds: nobody invites into more.
    pub within: Permissions,
}

/// That somebody takes an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acceptance {
    /// The invitation.
    pub invitation: InvitationId,
    /// Who takes it: a user, or one who is made with it.
    pub user: Accepting,
    /// When.
    pub now: UnixMillis,
}

/// Who takes an invitation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Accepting {
    /// Somebody who is a user already.
    Known(UserId),
    /// Somebody who becomes one, with a password to sign in by.
    New(User, Password),
}

impl Invitation {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role: String = row.get("role")?;
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            tenant_name: row.get("tenant_name")?,
            tenant_status: word(row, "tenant_status")?,
            id: word(row, "id")?,
            email: row.get("email")?,
            role: RoleName::parse(&role).map_err(unreadable)?,
            secret_hash: row.get("secret_hash")?,
            invited_by: optional_word(row, "invited_by")?,
            operator: optional_word(row, "operator_id")?,
            created_at: millis(row, "created_at")?,
            expires_at: millis(row, "expires_at")?,
            accepted_at: optional_millis(row, "accepted_at")?,
            accepted_by: optional_word(row, "accepted_by")?,
            revoked_at: optional_millis(row, "revoked_at")?,
        })
    }

    /// Whether it can be accepted at `now`.
    pub fn is_live(&self, now: UnixMillis) -> bool {
        self.accepted_at.is_none()
            && self.revoked_at.is_none()
            && self.expires_at > now
            && self.tenant_status == TenantStatus::Active
    }
}

impl Database {
    /// Invite somebody to a tenant that has fewer than `most` invitations which can be accepted.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown role; [`DatabaseError::Beyond`]; [`Refusal::TooMany`].
    pub async fn create_invitation(
        &self,
        tenant: TenantId,
        invitation: NewInvitation,
        most: u64,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| insert(work, tenant, &invitation, most)).await
    }

    /// An invitation by its id, whoever's tenant it is for: whoever presents one names none.
    pub fn invitation_by_id(&self, id: InvitationId) -> Result<Option<Invitation>, DatabaseError> {
        self.read(|connection| by_id(connection, id))
    }

    /// At most `limit` invitations of a tenant before `before`, the latest first.
    pub fn list_invitations(
        &self,
        tenant: TenantId,
        before: Option<InvitationId>,
        limit: u32,
    ) -> Result<Vec<Invitation>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            // Behind every id there is.
            let before = before.map_or_else(|| String::from("g"), |id| id.to_string());
            let rows = statement.query_map(params![tenant.to_string(), before, limit], Invitation::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Invitation>>>()?)
        })
    }

    /// Take an invitation: whoever does is a member from now on, in its role, as far as whoever invited holds that role's
    /// rights still. Answers the member's id.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for one that is not there any more; [`DatabaseError::Beyond`] where whoever invited lost
    /// rights; [`DatabaseError::NameTaken`] where somebody else has the address that a new user was to have;
    /// [`Refusal::AlreadyMember`].
    pub async fn accept_invitation(&self, acceptance: Acceptance) -> Result<(TenantId, UserId), DatabaseError> {
        self.write(move |work| accept(work, &acceptance)).await
    }

    /// Revoke an invitation that was not accepted; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn revoke_invitation(
        &self,
        tenant: TenantId,
        id: InvitationId,
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let (tenant, id) = (tenant.to_string(), id.to_string());
            work.connection.prepare_cached(EXISTS)?.query_row([&tenant, &id], |_| Ok(()))?;
            work.connection.prepare_cached(REVOKE)?.execute(params![now.0, tenant, id])?;
            Ok(())
        })
        .await
    }
}

/// Write an invitation.
pub(crate) fn insert(
    work: &Work<'_>,
    tenant: TenantId,
    invitation: &NewInvitation,
    most: u64,
) -> Result<(), DatabaseError> {
    let key = tenant.to_string();
    let mut statement = work.connection.prepare_cached(LIVE)?;
    if statement.query_row(params![key, invitation.created_at.0], |row| count(row, "live"))? >= most {
        return Err(DatabaseError::Refused(Refusal::TooMany { limit: most }));
    }
    members::allow(work, tenant, &invitation.role, invitation.within)?;
    work.connection.prepare_cached(INSERT)?.execute(params![
        key,
        invitation.id.to_string(),
        invitation.email,
        invitation.role.as_str(),
        invitation.secret_hash,
        invitation.invited_by.map(|user| user.to_string()),
        invitation.operator.map(|user| user.to_string()),
        invitation.created_at.0,
        invitation.expires_at.0,
    ])?;
    Ok(())
}

fn by_id(connection: &Connection, id: InvitationId) -> Result<Option<Invitation>, DatabaseError> {
    Ok(connection.prepare_cached(GET)?.query_row([id.to_string()], Invitation::from_row).optional()?)
}

fn accept(work: &Work<'_>, acceptance: &Acceptance) -> Result<(TenantId, UserId), DatabaseError> {
    let Acceptance { invitation, user, now } = acceptance;
    let found = by_id(work.connection, *invitation)?.filter(|invitation| invitation.is_live(*now));
    let invitation = found.ok_or(DatabaseError::NotFound)?;
    let tenant = invitation.tenant;
    let user = match user {
        Accepting::Known(user) => *user,
        Accepting::New(user, password) => {
            users::insert(work, user)?;
            passwords::put(work.connection, user.id, password, None)?;
            user.id
        }
    };
    if members::is_member(work, tenant, user)? {
        return Err(DatabaseError::Refused(Refusal::AlreadyMember));
    }
    let within = inviters_rights(work, &invitation)?;
    let grant = RoleGrant { user, role: invitation.role.clone(), within, now: *now };
    members::put(work, tenant, &grant)?;
    let parameters = params![now.0, user.to_string(), tenant.to_string(), invitation.id.to_string()];
    work.connection.prepare_cached(ACCEPT)?.execute(parameters)?;
    Ok((tenant, user))
}

/// What whoever invited may grant now: an operator everything, a member what he holds while he may manage members.
fn inviters_rights(work: &Work<'_>, invitation: &Invitation) -> Result<Permissions, DatabaseError> {
    match (invitation.invited_by, invitation.operator) {
        (Some(member), _) => {
            let rights = members::rights(work, invitation.tenant, member)?;
            let may = rights.contains(domain::Permission::MembersManage);
            Ok(if may { rights } else { Permissions::NONE })
        }
        (None, Some(operator)) => {
            let mut statement = work.connection.prepare_cached(IS_OPERATOR)?;
            let is_one = statement.exists([operator.to_string()])?;
            Ok(if is_one { Permissions::all() } else { Permissions::NONE })
        }
        (None, None) => Ok(Permissions::NONE),
    }
}
