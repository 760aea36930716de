//! API tokens: `sk_<id>_<secret>`, both in lower-case hexadecimal. The database keeps a hash of the secret, so that a
//! token is shown once.

use std::{fmt, sync::Arc, time::Duration};

use database::{Database, DatabaseError, NewToken, TokenGrant};
use domain::{
    Actor, Invalid, Permission, Permissions, Principal, TenantId, TokenId, UnixMillis, UserId, principals::Forbidden,
};
use moka::sync::Cache;
use subtle::ConstantTimeEq;
use uuid::Uuid;
use zeroize::Zeroizing;

use crate::{AppError, Inner, sealing::hex};

const SECRET_BYTES: usize = 32;

/// How old a token's rights may be. RULES 14 allows a second for the whole way from the change to the refusal.
const STALE_MAX: Duration = Duration::from_millis(500);

/// How many tokens' rights are kept at once.
const GRANTS_MAX: u64 = 10_000;

/// The most bytes of a token's name.
const NAME_BYTES_MAX: usize = 100;

/// What an unknown token is compared with, so that it takes as long as a known one. No secret has this hash that
/// anybody could find.
const NO_HASH: [u8; 32] = [0; 32];

/// Who presents which token.
#[derive(Clone)]
pub struct TokenService {
    database: Database,
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

impl TokenService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self::of(inner.database.clone())
    }

    fn of(database: Database) -> Self {
        Self { database, grants: Cache::builder().max_capacity(GRANTS_MAX).time_to_live(STALE_MAX).build() }
    }

    /// Who presents `text`, with the rights that the token and its owner's membership both have now.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`], whatever the reason: no token, an unknown one, a wrong secret, one that has ended
    /// or was revoked, of somebody who is no member any more, of a tenant that is suspended.
    pub fn authenticate(&self, text: &str) -> Result<Principal, AppError> {
        let presented = Presented::parse(text).ok_or(AppError::Unauthenticated)?;
        let now = UnixMillis::now();
        let (grant, is_fresh) = match self.grants.get(&presented.id) {
            Some(grant) => (Some(grant), false),
            None => (self.load(presented.id)?, true),
        };
        let hash = grant.as_ref().map_or(NO_HASH.as_slice(), |grant| &grant.secret_hash);
        let is_right = bool::from(presented.hash().as_slice().ct_eq(hash));
        let grant = grant.filter(|grant| is_right && grant.is_live(now)).ok_or(AppError::Unauthenticated)?;
        if is_fresh {
            self.database.touch_token(&grant, now);
        }
        let actor = Actor::Token { token: grant.token, user: grant.user };
        Ok(Principal { tenant: grant.tenant, actor, permissions: grant.permissions })
    }

    /// Whether a token still opens anything in its tenant, at most half a second stale. It does not count as being used.
    pub(crate) fn lives(&self, token: TokenId, tenant: TenantId, now: UnixMillis) -> Result<bool, AppError> {
        let grant = match self.grants.get(&token) {
            Some(grant) => Some(grant),
            None => self.load(token)?,
        };
        Ok(grant.is_some_and(|grant| grant.tenant == tenant && grant.is_live(now)))
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
        permissions.iter().try_for_each(|permission| principal.require(permission))?;
        let user = principal.user().ok_or(Forbidden { permission: Permission::TokensManage })?;
        if name.is_empty() || name.len() > NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let message = format!("a token's name has 1 to {NAME_BYTES_MAX} bytes and no control characters");
            return Err(Invalid::new("name", message).into());
        }
        if expires_at.is_some_and(|end| end <= UnixMillis::now()) {
            return Err(Invalid::new("expires_at", "a token ends in the future").into());
        }
        self.issue(TokenId::generate(), principal.tenant, user, name, permissions, expires_at).await
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
        let mut secret = Zeroizing::new([0; SECRET_BYTES]);
        getrandom::fill(secret.as_mut_slice()).map_err(AppError::internal)?;
        let presented = Presented { id, secret };
        let secret_hash = presented.hash().to_vec();
        let created_at = UnixMillis::now();
        let token = NewToken { id, user, name, secret_hash, permissions, created_at, expires_at };
        self.database.create_token(tenant, token).await?;
        Ok(IssuedToken { id, text: presented.to_text(), expires_at })
    }

    /// Revoke a token. Within a second nothing accepts it any more; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn revoke(&self, principal: &Principal, id: TokenId) -> Result<(), AppError> {
        principal.require(Permission::TokensManage)?;
        let revoked = self.database.revoke_token(principal.tenant, id, UnixMillis::now()).await;
        self.grants.invalidate(&id);
        match revoked {
            Err(DatabaseError::NotFound) => Err(AppError::NotFound { what: "token" }),
            revoked => Ok(revoked?),
        }
    }

    /// Read what a token stands for, and keep it for a moment. Unknown ids are not kept: they would crowd out others.
    fn load(&self, id: TokenId) -> Result<Option<Arc<TokenGrant>>, AppError> {
        let grant = self.database.token_by_id(id)?.map(Arc::new);
        if let Some(grant) = &grant {
            self.grants.insert(id, Arc::clone(grant));
        }
        Ok(grant)
    }
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

/// What somebody presents.
struct Presented {
    id: TokenId,
    secret: Zeroizing<[u8; SECRET_BYTES]>,
}

impl Presented {
    /// Read a token's text. There is one way to write each token: what differs in case or length is none.
    fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("sk_")?.split_once('_')?;
        let mut id_bytes = [0; 16];
        let mut secret_bytes = Zeroizing::new([0; SECRET_BYTES]);
        hex::read(id.as_bytes(), &mut id_bytes)?;
        hex::read(secret.as_bytes(), secret_bytes.as_mut_slice())?;
        Some(Self { id: Uuid::from_bytes(id_bytes).into(), secret: secret_bytes })
    }

    fn to_text(&self) -> String {
        format!("sk_{}_{}", self.id.uuid().simple(), *hex::write(self.secret.as_slice()))
    }

    /// What the database keeps. The secret has 256 random bits, so that one fast hash is enough.
    fn hash(&self) -> [u8; 32] {
        blake3::derive_key("skerry api token v1: secret", self.secret.as_slice())
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
