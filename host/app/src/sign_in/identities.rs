//! Letting somebody in for whom another system vouches: an identity is issuer and subject, never an address; its session
//! is for the tenant that the issuer is of, and never an operator's (RULES 17).

use database::{DatabaseError, SignInMethod, VouchedIdentity};
use domain::{Actor, AuditAction, DisplayName, Permissions, RoleName, TenantId, UnixMillis, UserId};

use super::{SignInService, Visitor};
use crate::{AppError, IssuedSession, audit::AuditSubject, sessions::Opening};

/// The most bytes of a subject (OpenID Connect Core, section 2), and of what is kept of an address.
const SUBJECT_BYTES_MAX: usize = 255;
const EMAIL_BYTES_MAX: usize = 254;

/// What an issuer says of somebody, once it is known to be the issuer's word.
pub(super) struct Vouched {
    pub(super) tenant: TenantId,
    pub(super) method: SignInMethod,
    pub(super) issuer: String,
    pub(super) subject: String,
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) role: RoleName,
    /// The most that the issuer may give.
    pub(super) within: Permissions,
    /// The token that said so, where none is taken twice.
    pub(super) token: Option<([u8; 32], UnixMillis)>,
}

impl SignInService {
    /// Let somebody in, and open a session.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`] whatever the reason, which the operator's log has; [`AppError::Refused`] for a tenant's
    /// last admin who is to be less.
    pub(super) async fn admit(
        &self,
        vouched: Vouched,
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let Vouched { tenant, method, issuer, subject, name, email, role, within, token } = vouched;
        if subject.is_empty() || subject.len() > SUBJECT_BYTES_MAX || subject.chars().any(char::is_control) {
            return Err(refused(tenant, "the subject is empty, too long, or has control characters"));
        }
        let detail = serde_json::json!({ "issuer": issuer, "role": role.as_str(), "method": method.as_str() });
        let by = AuditSubject { tenant: Some(tenant), actor: Actor::System };
        let audited = self.inner.audited_with(by, AuditAction::MembersAdmit, &subject, &detail);
        let identity = VouchedIdentity {
            user: UserId::generate(),
            name: shown_name(name.as_deref(), &subject),
            email: email.filter(|email| is_shown(email, EMAIL_BYTES_MAX)).unwrap_or_default(),
            issuer,
            subject,
            role,
            within,
            token,
            at: now,
        };
        let user = match audited.admit_identity(tenant, identity).await {
            Ok(user) => user,
            Err(DatabaseError::NameTaken) => return Err(refused(tenant, "the token was presented before")),
            Err(DatabaseError::NotFound) => {
                return Err(refused(tenant, "there is no such role, or the person was removed or disabled"));
            }
            Err(DatabaseError::Beyond { .. }) => return Err(refused(tenant, "the role is more than may be given")),
            Err(error) => return Err(error.into()),
        };
        let opening = Opening { user, method, tenant: Some(tenant), is_confined: true };
        self.sessions.open(opening, visitor, now).await
    }
}

/// Refuse, and say why to the operator alone.
pub(super) fn refused(tenant: TenantId, reason: &str) -> AppError {
    tracing::info!(tenant.id = %tenant, reason, "a sign-in by another system was refused");
    AppError::SignInFailed
}

/// A name for people: what the issuer says, where that is one; else the subject, else nothing that could mislead.
fn shown_name(name: Option<&str>, subject: &str) -> String {
    let candidates = [name.map(str::trim), Some(subject.trim())];
    let mut fitting = candidates.into_iter().flatten().filter_map(|text| DisplayName::parse("name", text).ok());
    fitting.next().map_or_else(|| String::from("(unnamed)"), |name| name.to_string())
}

fn is_shown(text: &str, bytes_max: usize) -> bool {
    !text.is_empty() && text.len() <= bytes_max && DisplayName::parse("email", text).is_ok()
}
