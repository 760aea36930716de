//! Signing in by a token of the host platform: it knows its users, and signs for each of them a token that is good once,
//! for one tenant, and for a minute at most (RULES 17).

use domain::{BuiltInRole, RoleName, TenantSlug, UnixMillis};
use serde::Deserialize;

use super::{SignInService, Visitor, identities::Vouched};
use crate::{
    AppError, IssuedSession, VerifyingKeys,
    jwt::{Audience, LEEWAY_S, is_current},
};
use database::{SignInMethod, TenantStatus};

/// The longest that a token lasts, in seconds.
const LIFE_S_MAX: i64 = 60;

/// The most bytes of a token's id.
const ID_BYTES_MAX: usize = 200;

/// A platform whose users sign in by its tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformConfig {
    /// Its name, for the operator.
    pub name: String,
    /// Who signs: the claim `iss`.
    pub issuer: String,
    /// What its signatures are verified by.
    pub keys: VerifyingKeys,
    /// The most that it may give.
    pub max_role: BuiltInRole,
    /// The tenants that it signs in to; `None` for each.
    pub tenants: Option<Vec<TenantSlug>>,
}

/// What a token says.
#[derive(Deserialize)]
struct Claims {
    iss: String,
    aud: Audience,
    sub: String,
    tenant: String,
    role: String,
    jti: String,
    iat: i64,
    exp: i64,
    name: Option<String>,
    email: Option<String>,
}

impl SignInService {
    /// Sign in by a token of the host platform. The user and the membership are made with the first one; the role is the
    /// one that the token says.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`], whatever the reason, which the operator's log has.
    pub async fn by_platform_token(
        &self,
        token: &str,
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let platforms = &self.inner.config.sign_in.platforms;
        let verified = platforms.iter().find_map(|platform| {
            let claims: Claims = platform.keys.verify(token).ok()?;
            (claims.iss == platform.issuer).then_some((platform, claims))
        });
        let (platform, claims) = verified.ok_or_else(|| refused("", "no platform has signed it"))?;
        let refuse = |reason: &str| refused(&platform.name, reason);
        if claims.aud.is_shared() || !claims.aud.contains(&self.inner.config.sign_in.address) {
            return Err(refuse("it is for somebody else"));
        }
        let life = claims.exp.saturating_sub(claims.iat);
        if !(1..=LIFE_S_MAX).contains(&life) || !is_current(claims.iat, claims.exp, now) {
            return Err(refuse("it has ended, is not of now, or would last longer than a minute"));
        }
        if claims.jti.is_empty() || claims.jti.len() > ID_BYTES_MAX {
            return Err(refuse("it has no id, or a long one"));
        }
        let role = RoleName::parse(&claims.role).map_err(|_| refuse("it names no role"))?;
        let slug = TenantSlug::parse(&claims.tenant).map_err(|_| refuse("it names no tenant"))?;
        if platform.tenants.as_ref().is_some_and(|tenants| !tenants.contains(&slug)) {
            return Err(refuse("it names a tenant that is not the platform's"));
        }
        let tenant = self.inner.database.tenant_by_slug(&slug)?;
        let tenant = tenant.filter(|tenant| tenant.status == TenantStatus::Active);
        let tenant = tenant.ok_or_else(|| refuse("it names no tenant that is active"))?.id;
        let known_until = UnixMillis(claims.exp.saturating_add(2 * LEEWAY_S).saturating_mul(1000));
        let token = Some((token_id(&claims), known_until));
        let Claims { iss: issuer, sub: subject, name, email, .. } = claims;
        let (method, within) = (SignInMethod::Platform, platform.max_role.permissions());
        let vouched = Vouched { tenant, method, issuer, subject, name, email, role, within, token };
        self.admit(vouched, visitor, now).await
    }
}

/// What a token is known by again.
fn token_id(claims: &Claims) -> [u8; 32] {
    let length = (claims.iss.len() as u64).to_le_bytes();
    let text = [length.as_slice(), claims.iss.as_bytes(), claims.jti.as_bytes()].concat();
    blake3::derive_key("skerry platform token v1: id", &text)
}

fn refused(platform: &str, reason: &str) -> AppError {
    tracing::info!(platform, reason, "a platform's sign-in token was refused");
    AppError::SignInFailed
}
