//! Signing in: by a password, and what follows from one. A person's password is that person's and the operator's, and no
//! tenant's (RULES 16).

mod identities;
pub(crate) mod openid;
pub(crate) mod passwords;
mod platform;
mod providers;
#[cfg(test)]
mod tests;
mod throttle;

use std::{net::IpAddr, sync::Arc, time::Duration};

use database::{DatabaseError, Password, PasswordReset, SignInMethod, TenantStatus, User};
use domain::{
    Actor, AuditAction, DisplayName, IdentityProviderId, Invalid, Operator, PasswordResetId, TenantId, TenantSlug,
    UnixMillis, UserId,
};

use crate::{
    AppError, Inner, InvitationService, IssuedSession, Person, SessionService,
    audit::AuditSubject,
    presented::{self, Presented},
    sessions::Opening,
};
use passwords::Verdict;
use throttle::Attempt;

pub use openid::{OPENID_PATH, OpenIdReturn, OpenIdStart};
pub use passwords::PlainPassword;
pub use platform::PlatformConfig;
pub use providers::{ProviderInput, ProviderService};

/// The most bytes of an e-mail address (RFC 5321).
const EMAIL_BYTES_MAX: usize = 254;

/// How long a link for a new password is good: as long as it takes to hand it over.
const RESET_LIFE_MS: i64 = 24 * 60 * 60 * 1000;

/// How long sessions last.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignInConfig {
    /// For how long a session may go unused.
    pub idle: Duration,
    /// For how long it lasts however much it is used.
    pub absolute: Duration,
    /// Whom tokens of the host platform are for: this deployment's address.
    pub address: String,
    /// The platforms whose users sign in by tokens.
    pub platforms: Vec<PlatformConfig>,
}

impl Default for SignInConfig {
    fn default() -> Self {
        Self {
            idle: Duration::from_secs(30 * 60),
            absolute: Duration::from_secs(12 * 60 * 60),
            address: String::from("http://127.0.0.1:8080"),
            platforms: Vec::new(),
        }
    }
}

/// Who comes to sign in, as far as the connection says it.
#[derive(Clone)]
pub struct Visitor {
    /// From where.
    pub address: IpAddr,
    /// What the browser calls itself.
    pub device: String,
    /// The session that the browser has already: the new one takes its place.
    pub session: Option<String>,
}

impl std::fmt::Debug for Visitor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Visitor").field("address", &self.address).field("device", &self.device).finish_non_exhaustive()
    }
}

/// A link by which somebody sets a password once. This is the only time that its text is there.
pub struct ResetLink {
    /// What the person presents.
    pub text: String,
    /// When it ends.
    pub expires_at: UnixMillis,
}

impl std::fmt::Debug for ResetLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResetLink").field("expires_at", &self.expires_at).finish_non_exhaustive()
    }
}

/// Signing in.
#[derive(Clone)]
pub struct SignInService {
    inner: Arc<Inner>,
    sessions: SessionService,
}

impl std::fmt::Debug for SignInService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SignInService").finish_non_exhaustive()
    }
}

impl SignInService {
    pub(crate) fn new(inner: Arc<Inner>, sessions: SessionService) -> Self {
        Self { inner, sessions }
    }

    /// Sign in by a password. The session acts in `tenant`, or in the first one that the person belongs to.
    ///
    /// # Errors
    /// [`AppError::SignInFailed`], whatever the reason and as late for each; [`AppError::TooManyAttempts`];
    /// [`AppError::Overloaded`].
    pub async fn by_password(
        &self,
        (email, password): (&str, PlainPassword),
        tenant: Option<&TenantSlug>,
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let email = normalised(email);
        let user = self.inner.database.user_by_email(&email)?;
        let account = (email.as_str(), user.as_ref().map(|user| user.id));
        let attempt = Attempt::begin(&self.inner, account, visitor.address, now).await?;
        let user = self.check(user, password, now).await?;
        attempt.succeed(&self.inner, user.id, now).await?;
        let tenant = self.chosen_tenant(user.id, tenant)?;
        self.open(user.id, tenant, visitor, now).await
    }

    /// Set one's own password, by the one that it was. Every other session of the person ends, and the one that asks has
    /// another secret.
    ///
    /// # Errors
    /// [`AppError::Invalid`] where the old one is wrong, or the new one is none; [`AppError::TooManyAttempts`].
    pub async fn change_password(
        &self,
        person: &Person,
        (old, new): (PlainPassword, PlainPassword),
        address: IpAddr,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let user = self.inner.database.user(person.user())?;
        let id = user.id;
        let attempt = Attempt::begin(&self.inner, (&user.email, Some(id)), address, now).await?;
        match self.check(Some(user), old, now).await {
            Err(AppError::SignInFailed) => {
                return Err(Invalid::new("current_password", "this is not your password").into());
            }
            checked => checked?,
        };
        attempt.succeed(&self.inner, id, now).await?;
        let hash = self.inner.passwords.hash(&new).await?;
        let password = Password { hash, set_at: now, must_change: false, expires_at: None };
        let audited = self.sessions.audited(person, AuditAction::UsersSetPassword, id);
        audited.set_password(id, password, Some(person.session())).await?;
        self.sessions.rotate(person, person.tenant()).await
    }

    /// Make a link by which somebody sets a password once, as an operator. Links of before are good no more.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown person.
    pub async fn reset_link(&self, operator: &Operator, user: UserId, now: UnixMillis) -> Result<ResetLink, AppError> {
        let id = PasswordResetId::generate();
        let presented = Presented::generate(presented::PASSWORD_RESET, id.uuid())?;
        let expires_at = UnixMillis(now.0.saturating_add(RESET_LIFE_MS));
        let reset = PasswordReset { user, id, secret_hash: presented.hash().to_vec(), expires_at };
        let audited = self.inner.audited(operator, AuditAction::UsersResetPassword, user);
        let kept = audited.put_password_reset(reset, now).await;
        kept.map_err(|error| AppError::missing("user", error))?;
        Ok(ResetLink { text: presented.to_text(), expires_at })
    }

    /// Set a password by a link, and sign in. Every session that the person had ends.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for a link that is none, has ended or was used.
    pub async fn by_reset_link(
        &self,
        (link, new): (&str, PlainPassword),
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let missing = || AppError::NotFound { what: "link: it was used, replaced, or has ended" };
        let presented = Presented::parse(presented::PASSWORD_RESET, link).ok_or_else(missing)?;
        let reset = self.inner.database.password_reset(presented.id().into())?;
        let is_right = presented.is_of(reset.as_ref().map(|reset| reset.secret_hash.as_slice()));
        let reset = reset.filter(|reset| is_right && now < reset.expires_at).ok_or_else(missing)?;
        let user = reset.user;
        if self.inner.database.user_account(user)?.disabled_at.is_some() {
            return Err(missing());
        }
        let hash = self.inner.passwords.hash(&new).await?;
        let password = Password { hash, set_at: now, must_change: false, expires_at: None };
        // Nobody is known but by the link.
        let by = AuditSubject { tenant: None, actor: Actor::PublicCaller };
        match self.inner.audited(by, AuditAction::UsersSetPassword, user).reset_password(reset, password).await {
            Err(DatabaseError::NotFound) => return Err(missing()),
            set => set?,
        }
        let tenant = self.chosen_tenant(user, None)?;
        self.open(user, tenant, visitor, now).await
    }

    /// Take an invitation as somebody who has no user yet, with a password, and sign in.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an invitation that is none any more; [`AppError::SignInFailed`] where the address belongs
    /// to somebody, who signs in and takes it then.
    pub async fn by_invitation(
        &self,
        (secret, name, password): (&str, &DisplayName, PlainPassword),
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let invitations = InvitationService::new(Arc::clone(&self.inner));
        let accepted = invitations.accept_new(secret, name, &password).await?;
        self.open(accepted.user, Some(accepted.tenant), visitor, now).await
    }

    /// By which providers people sign in to a tenant: their ids and names. One that is not there has none.
    ///
    /// # Errors
    /// [`AppError::Internal`].
    pub fn providers_of(&self, tenant: &TenantSlug) -> Result<Vec<(IdentityProviderId, String)>, AppError> {
        let Some(tenant) = self.inner.database.tenant_by_slug(tenant)? else { return Ok(Vec::new()) };
        let providers = self.inner.database.list_providers(tenant.id)?;
        let mut kept = Vec::with_capacity(providers.len());
        for provider in providers {
            let is_paused = !provider.is_active || self.inner.has_left(tenant.id, provider.set_by)?;
            if !is_paused && tenant.status == TenantStatus::Active {
                kept.push(provider);
            }
        }
        Ok(kept.into_iter().map(|provider| (provider.id, provider.name)).collect())
    }

    /// The hash of a password that somebody chose, as a change of password and an invitation's acceptance take it.
    ///
    /// # Errors
    /// [`AppError::Overloaded`].
    pub async fn hash(&self, password: &PlainPassword) -> Result<String, AppError> {
        self.inner.passwords.hash(password).await
    }

    /// Open a session for somebody who has just proven to be that person by something else than a password, as an
    /// invitation's secret together with a new password.
    pub(crate) async fn open(
        &self,
        user: UserId,
        tenant: Option<TenantId>,
        visitor: &Visitor,
        now: UnixMillis,
    ) -> Result<IssuedSession, AppError> {
        let opening = Opening { user, method: SignInMethod::Password, tenant, is_confined: false };
        self.sessions.open(opening, visitor, now).await
    }

    /// Whose password it is. Takes as long for everybody.
    async fn check(&self, user: Option<User>, password: PlainPassword, now: UnixMillis) -> Result<User, AppError> {
        let kept = match &user {
            Some(user) => self.inner.database.password(user.id)?,
            None => None,
        };
        let hash = kept.as_ref().map(|kept| kept.hash.clone());
        let verdict = self.inner.passwords.verify(&password, hash.clone()).await?;
        let has_ended = kept.is_some_and(|kept| kept.expires_at.is_some_and(|end| end <= now));
        let user = user.filter(|_| verdict != Verdict::Wrong && !has_ended).ok_or(AppError::SignInFailed)?;
        if self.inner.database.user_account(user.id)?.disabled_at.is_some() {
            return Err(AppError::SignInFailed);
        }
        if let (Verdict::RightAndOld, Some(old)) = (verdict, hash) {
            let new = self.inner.passwords.hash(&password).await?;
            self.inner.database.rehash_password(user.id, old, new).await?;
        }
        Ok(user)
    }

    /// The tenant that was asked for, where the person belongs to it; else the first one.
    fn chosen_tenant(&self, user: UserId, asked: Option<&TenantSlug>) -> Result<Option<TenantId>, AppError> {
        if let Some(slug) = asked
            && let Some(tenant) = self.inner.database.tenant_by_slug(slug)?
            && self.inner.database.tenants_of_user(user)?.iter().any(|own| own.tenant == tenant.id)
        {
            return Ok(Some(tenant.id));
        }
        Ok(self.inner.database.first_tenant_of(user)?)
    }
}

/// An address as accounts are found by it. What is longer than any address is cut: no account has it.
fn normalised(email: &str) -> String {
    let end = email.floor_char_boundary(EMAIL_BYTES_MAX + 1);
    email[..end].trim().to_lowercase()
}
