//! Tokens of the deployment's own: whoever presents one acts as the operator whose it is, and in no tenant.

use std::sync::Arc;

use database::{NewOperatorToken, OperatorToken};
use domain::{Actor, AuditAction, DisplayName, Operator, TokenId, UnixMillis, UserId};

use super::{OperatorService, PAGE_MAX};
use crate::{
    AppError, IssuedToken,
    audit::AuditSubject,
    presented::{OPERATOR_TOKEN, Presented},
    tokens::check_end,
};

impl OperatorService {
    /// Who presents `text`.
    ///
    /// # Errors
    /// [`AppError::Unauthenticated`], whatever the reason: no token, an unknown one, a tenant's, a wrong secret, one that
    /// ended, of somebody who is no operator any more.
    pub fn authenticate(&self, text: &str) -> Result<Operator, AppError> {
        let presented = Presented::parse(OPERATOR_TOKEN, text).ok_or(AppError::Unauthenticated)?;
        let (id, now) = (TokenId::from(presented.id()), UnixMillis::now());
        let kept = self.grants.get(&id);
        let is_fresh = kept.is_none();
        let grant = match kept {
            Some(grant) => Some(grant),
            None => self.inner.database.operator_token(id)?.map(Arc::new),
        };
        let is_right = presented.is_of(grant.as_ref().map(|grant| grant.secret_hash.as_slice()));
        let grant = grant.filter(|grant| is_right && grant.is_live(now)).ok_or(AppError::Unauthenticated)?;
        if is_fresh {
            self.grants.insert(id, Arc::clone(&grant));
            self.inner.database.touch_operator_token(&grant, now);
        }
        Ok(Operator { actor: Actor::Token { token: grant.token, user: grant.user } })
    }

    /// Make a token for the operator who asks.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for an end that is over; [`AppError::NotOperator`] for nobody in particular.
    pub async fn create_token(
        &self,
        operator: &Operator,
        name: DisplayName,
        expires_at: Option<UnixMillis>,
    ) -> Result<IssuedToken, AppError> {
        let user = operator.actor.user().ok_or(AppError::NotOperator)?;
        self.issue_token(operator.into(), user, name, expires_at).await
    }

    /// Make a token for an operator, whoever asks.
    pub(crate) async fn issue_token(
        &self,
        by: AuditSubject,
        user: UserId,
        name: DisplayName,
        expires_at: Option<UnixMillis>,
    ) -> Result<IssuedToken, AppError> {
        let now = UnixMillis::now();
        check_end(expires_at, now)?;
        let id = TokenId::generate();
        let presented = Presented::generate(OPERATOR_TOKEN, id.uuid())?;
        let token = NewOperatorToken {
            id,
            user,
            name: name.to_string(),
            secret_hash: presented.hash().to_vec(),
            created_at: now,
            expires_at,
        };
        let database = self.inner.audited(by, AuditAction::TokensCreate, id);
        database.create_operator_token(token).await.map_err(|error| AppError::missing("user", error))?;
        Ok(IssuedToken { id, text: presented.to_text(), expires_at })
    }

    /// A page of the deployment's own tokens behind `after`, the oldest first.
    ///
    /// # Errors
    /// Only what a read can always fail by.
    pub fn tokens(
        &self,
        _operator: &Operator,
        after: Option<TokenId>,
        limit: u32,
    ) -> Result<Vec<OperatorToken>, AppError> {
        Ok(self.inner.database.list_operator_tokens(after, limit.min(PAGE_MAX))?)
    }

    /// Revoke a token of the deployment's own; revoking it again changes nothing.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn revoke_token(&self, operator: &Operator, id: TokenId) -> Result<(), AppError> {
        let database = self.inner.audited(operator, AuditAction::TokensRevoke, id);
        let revoked = database.revoke_operator_token(id, UnixMillis::now()).await;
        self.grants.invalidate(&id);
        revoked.map_err(|error| AppError::missing("token", error))
    }
}
