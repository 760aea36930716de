//! API tokens: `sk_<id>_<secret>`, both in lower-case hexadecimal. The database keeps a hash of the secret, so that a
//! token is shown once.

use std::{fmt, sync::Arc, time::Duration};

use database::{DatabaseError, NewToken, TenantStatus, Token, TokenChange, TokenGrant};
use domain::{
    Actor, AuditAction, DisplayName, Invalid, Permission, Permissions, Principal, TenantId, TokenId, UnixMillis,
    UserId, principals::Forbidden,
};
use moka::sync::Cache;
use serde_json::json;

use crate::{
    AppError, Inner,
    presented::{API_TOKEN, Presented},
    roles::require_all,
};

/// How old a token's rights may be. RULES 14 allows a second for the whole way from the change to the refusal.
const STALE_MAX: Duration = Duration::from_millis(500);

/// How many tokens' rights are kept at once.
const GRANTS_MAX: u64 = 10_000;

/// The most tokens of one page.
const PAGE_MAX: u32 = 1_000;

/// Who presents which token, and what tokens there are.
#[derive(Clone)]
pub struct TokenService {
    inner: Arc<Inner>,
    grants: Cache<TokenId, Arc<TokenGrant>>,
}

/// A token that was made. This is the only time that it is there in full.
pub struct IssuedToken {
    /// Its id.
    pub id: TokenId,
    /// `sk_<id>_<secret>`.
    pub text: String,
    /// When it ends; `None` for never.
    pub expires_at: Option<UnixMillis>,
}

/// A change of a token; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenPatch {
    /// Its name.
    pub name: Option<String>,
    /// When it ends: earlier than before.
    pub expires_at: Option<UnixMillis>,
}

impl TokenService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, grants: Cache::builder().max_capacity(GRANTS_MAX).time_to_live(STALE_MAX).build() }
    }

    /// Who presents `text`, with the rights that the token and its owner's membership both have now.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`], whatever the reason: no token, an unknown one, a wrong secret, one that has ended
    /// or was revoked, of somebody who is no member any more. [`AppError::TenantSuspended`] says why to whoever would be
    /// let in.
    pub fn authenticate(&self, text: &str) -> Result<Principal, AppError> {
        let presented = Presented::parse(API_TOKEN, text).ok_or(AppError::Unauthenticated)?;
        let (id, now) = (TokenId::from(presented.id()), UnixMillis::now());
        let (grant, is_fresh) = match self.grants.get(&id) {
            Some(grant) => (Some(grant), false),
            None => (self.load(id)?, true),
        };
        let is_right = presented.is_of(grant.as_ref().map(|grant| grant.secret_hash.as_slice()));
        let grant = grant.filter(|grant| is_right && grant.is_somebodys(now)).ok_or(AppError::Unauthenticated)?;
        if grant.tenant_status != TenantStatus::Active {
            self.inner.require_active(grant.tenant)?;
            return Err(AppError::Unauthenticated);
        }
        if is_fresh {
            self.inner.database.touch_token(&grant, now);
        }
        let actor = Actor::Token { token: grant.token, user: grant.user };
        Ok(Principal { tenant: grant.tenant, actor, permissions: grant.permissions })
    }

    /// Whether a token still lets `principal` act with all of its rights, at most half a second stale. It does not count as
    /// being used.
    pub(crate) fn lets(&self, principal: &Principal, token: TokenId, now: UnixMillis) -> Result<bool, AppError> {
        let grant = match self.grants.get(&token) {
            Some(grant) => Some(grant),
            None => self.load(token)?,
        };
        Ok(grant.is_some_and(|grant| {
            let is_same = grant.tenant == principal.tenant;
            is_same && grant.is_live(now) && grant.permissions.contains_all(principal.permissions)
        }))
    }

    /// A page of tokens behind `after`, the oldest first: one's own, and with `members.manage` everybody's, or those of
    /// `user`. Needs `tokens.manage`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        user: Option<UserId>,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<Token>, AppError> {
        principal.require(Permission::TokensManage)?;
        let own = principal.user().ok_or(Forbidden { permission: Permission::TokensManage })?;
        let may_see_all = principal.permissions.contains(Permission::MembersManage);
        if user.is_some_and(|user| user != own) {
            principal.require(Permission::MembersManage)?;
        }
        let whose = if may_see_all { user } else { Some(own) };
        Ok(self.inner.database.page_of_tokens(principal.tenant, whose, after, limit.min(PAGE_MAX))?)
    }

    /// One token: one's own, or with `members.manage` anybody's. Needs `tokens.manage`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`], also for somebody else's.
    pub fn get(&self, principal: &Principal, id: TokenId) -> Result<Token, AppError> {
        principal.require(Permission::TokensManage)?;
        let token = self.inner.database.token(principal.tenant, id).map_err(of_token)?;
        let is_own = principal.user() == Some(token.user);
        if is_own || principal.permissions.contains(Permission::MembersManage) {
            Ok(token)
        } else {
            Err(AppError::NotFound { what: "token" })
        }
    }

    /// Call a token something else, or bring its end forward. Needs what [`Self::get`] needs.
    ///
    /// # Errors
    /// As [`Self::get`]; [`AppError::Invalid`], also for an end that is later than the one there is: whoever made the token
    /// said for how long it is good.
    pub async fn change(&self, principal: &Principal, id: TokenId, patch: TokenPatch) -> Result<Token, AppError> {
        let name = patch.name.map(|name| DisplayName::parse("name", &name)).transpose()?;
        check_end(patch.expires_at, UnixMillis::now())?;
        self.get(principal, id)?;
        let detail = json!({ "expires_at": patch.expires_at.map(UnixMillis::to_rfc3339) });
        let database = self.inner.audited_with(principal, AuditAction::TokensUpdate, id, &detail);
        let change = TokenChange { name: name.map(|name| name.to_string()), expires_at: patch.expires_at };
        let is_changed = database.change_token(principal.tenant, id, change).await.map_err(of_token)?;
        self.grants.invalidate(&id);
        if !is_changed {
            let message = "a token's end is only brought forward: make another token that lasts longer";
            return Err(Invalid::new("expires_at", message).into());
        }
        self.get(principal, id)
    }

    /// Make a token for the person who asks, with at most that person's own rights (RULES 18).
    ///
    /// # Errors
    /// [`AppError::Forbidden`] names the right that is missing, [`AppError::Invalid`] what is wrong with the name or
    /// the end.
    pub async fn create(
        &self,
        principal: &Principal,
        name: String,
        permissions: Permissions,
        expires_at: Option<UnixMillis>,
    ) -> Result<IssuedToken, AppError> {
        principal.require(Permission::TokensManage)?;
        require_all(principal, permissions)?;
        let user = principal.user().ok_or(Forbidden { permission: Permission::TokensManage })?;
        let name = DisplayName::parse("name", &name)?.to_string();
        check_end(expires_at, UnixMillis::now())?;
        let id = TokenId::generate();
        let (presented, token) = new_token(id, user, name, (permissions, expires_at))?;
        let database = self.inner.audited(principal, AuditAction::TokensCreate, id);
        database.create_token(principal.tenant, token).await?;
        Ok(IssuedToken { id, text: presented.to_text(), expires_at })
    }

    /// Make a token, whoever asks.
    pub(crate) async fn issue(
        &self,
        id: TokenId,
        tenant: TenantId,
        user: UserId,
        name: String,
        permissions: Permissions,
        expires_at: Option<UnixMillis>,
    ) -> Result<IssuedToken, AppError> {
        let (presented, token) = new_token(id, user, name, (permissions, expires_at))?;
        self.inner.database.create_token(tenant, token).await?;
        Ok(IssuedToken { id, text: presented.to_text(), expires_at })
    }

    /// Revoke a token: one's own, or with `members.manage` anybody's. Within a second nothing accepts it any more;
    /// revoking it again changes nothing. Needs `tokens.manage`.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub async fn revoke(&self, principal: &Principal, id: TokenId) -> Result<(), AppError> {
        self.get(principal, id)?;
        let database = self.inner.audited(principal, AuditAction::TokensRevoke, id);
        let revoked = database.revoke_token(principal.tenant, id, UnixMillis::now()).await;
        self.grants.invalidate(&id);
        revoked.map_err(of_token)
    }

    /// Read what a token stands for, and keep it for a moment. Unknown ids are not kept: they would crowd out others.
    fn load(&self, id: TokenId) -> Result<Option<Arc<TokenGrant>>, AppError> {
        let grant = self.inner.database.token_by_id(id)?.map(Arc::new);
        if let Some(grant) = &grant {
            self.grants.insert(id, Arc::clone(grant));
        }
        Ok(grant)
    }
}

impl Inner {
    /// Let through whoever belongs to a tenant that is active.
    ///
    /// # Errors
    /// [`AppError::TenantSuspended`] says why it is not; [`AppError::Unauthenticated`] for one that is gone.
    pub(crate) fn require_active(&self, tenant: TenantId) -> Result<(), AppError> {
        let account = self.database.tenant_account(tenant)?;
        match account.tenant.status {
            TenantStatus::Active => Ok(()),
            TenantStatus::Suspended => {
                let reason = account.suspended_reason.unwrap_or_else(|| String::from("ask whoever runs this server"));
                Err(AppError::TenantSuspended { reason })
            }
            TenantStatus::Deleted => Err(AppError::Unauthenticated),
        }
    }
}

/// Check when a token is to end.
pub(crate) fn check_end(expires_at: Option<UnixMillis>, now: UnixMillis) -> Result<(), Invalid> {
    if expires_at.is_some_and(|end| end <= now) {
        return Err(Invalid::new("expires_at", "a token ends in the future"));
    }
    Ok(())
}

fn new_token(
    id: TokenId,
    user: UserId,
    name: String,
    (permissions, expires_at): (Permissions, Option<UnixMillis>),
) -> Result<(Presented, NewToken), AppError> {
    let presented = Presented::generate(API_TOKEN, id.uuid())?;
    let secret_hash = presented.hash().to_vec();
    let created_at = UnixMillis::now();
    Ok((presented, NewToken { id, user, name, secret_hash, permissions, created_at, expires_at }))
}

fn of_token(error: DatabaseError) -> AppError {
    AppError::missing("token", error)
}

impl fmt::Debug for TokenService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenService").finish_non_exhaustive()
    }
}

impl fmt::Debug for IssuedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IssuedToken").field("id", &self.id).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
