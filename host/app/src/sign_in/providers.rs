//! Which OpenID providers a tenant's people sign in by, and which roles that gives.
//!
//! A provider gives no right that whoever set it does not hold: it is looked at when it is set, and again at each sign-in
//! (RULES 18).

use std::sync::Arc;

use database::{DatabaseError, IdentityProvider, RoleRule};
use domain::{
    AuditAction, DisplayName, IdentityProviderId, Invalid, Permission, Principal, RoleName, UnixMillis,
    principals::Forbidden,
};
use url::Url;

use super::openid::OPENID_PATH;
use crate::{AppError, Inner, sealing::Purpose};

/// The most bytes of an issuer, a client's id, its secret, a claim and a group.
const TEXT_BYTES_MAX: usize = 500;

/// The most rules of a provider.
const RULES_MAX: usize = 100;

/// A provider to be set.
#[derive(Clone)]
pub struct ProviderInput {
    /// Its name for people.
    pub name: String,
    /// Its issuer: an https address, as its tokens say it.
    pub issuer: String,
    /// What this deployment is to the provider.
    pub client_id: String,
    /// By what it proves to be that; `None` keeps the one that there is.
    pub client_secret: Option<String>,
    /// The claim whose words are groups.
    pub group_claim: Option<String>,
    /// Which group gives which role.
    pub rules: Vec<(String, String)>,
    /// The role of whoever no rule gives one.
    pub default_role: Option<String>,
    /// Whether anybody signs in by it.
    pub is_active: bool,
}

impl std::fmt::Debug for ProviderInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderInput").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// The providers of tenants.
#[derive(Clone)]
pub struct ProviderService {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for ProviderService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ProviderService").finish_non_exhaustive()
    }
}

impl ProviderService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The tenant's providers, the oldest first.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(&self, principal: &Principal) -> Result<Vec<IdentityProvider>, AppError> {
        principal.require(Permission::SignInManage)?;
        Ok(self.inner.database.list_providers(principal.tenant)?)
    }

    /// One provider.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, id: IdentityProviderId) -> Result<IdentityProvider, AppError> {
        principal.require(Permission::SignInManage)?;
        self.inner.database.provider(principal.tenant, id).map_err(no_provider)
    }

    /// Make a provider known.
    ///
    /// # Errors
    /// [`AppError::Invalid`]; [`AppError::Forbidden`] for a role with more rights than whoever asks holds;
    /// [`AppError::NameTaken`] where there is one with the same issuer and client.
    pub async fn create(&self, principal: &Principal, input: ProviderInput) -> Result<IdentityProvider, AppError> {
        let now = UnixMillis::now();
        let id = IdentityProviderId::generate();
        let mut provider = self.checked(principal, id, input, now)?;
        let audited = self.inner.audited(principal, AuditAction::SignInCreate, id);
        let created = audited.create_provider(principal.tenant, provider.clone()).await;
        provider.revision = created.map_err(taken)?;
        Ok(provider)
    }

    /// Set a provider anew, where its revision still is `expected`. Another issuer needs the client's secret again, so that
    /// none is sent to where it does not belong.
    ///
    /// # Errors
    /// As [`Self::create`]; [`AppError::NotFound`], [`AppError::Stale`], [`AppError::ValueRequired`].
    pub async fn replace(
        &self,
        principal: &Principal,
        id: IdentityProviderId,
        expected: Option<i64>,
        input: ProviderInput,
    ) -> Result<IdentityProvider, AppError> {
        let before = self.get(principal, id)?;
        let keeps_secret = input.client_secret.is_none();
        let mut provider = self.checked(principal, id, input, UnixMillis::now())?;
        if keeps_secret {
            if provider.issuer != before.issuer && before.client_secret.is_some() {
                return Err(AppError::ValueRequired);
            }
            provider.client_secret = before.client_secret;
        }
        provider.created_at = before.created_at;
        provider.revision = expected.unwrap_or(before.revision);
        let audited = self.inner.audited(principal, AuditAction::SignInUpdate, id);
        let updated = audited.update_provider(principal.tenant, provider.clone()).await;
        provider.revision = updated.map_err(|error| match error {
            DatabaseError::NotFound => no_provider(error),
            error => taken(error),
        })?;
        Ok(provider)
    }

    /// Remove a provider. Who signed in by it stays a member, and comes in by it no more.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn delete(&self, principal: &Principal, id: IdentityProviderId) -> Result<(), AppError> {
        principal.require(Permission::SignInManage)?;
        let audited = self.inner.audited(principal, AuditAction::SignInDelete, id);
        audited.delete_provider(principal.tenant, id).await.map_err(no_provider)
    }

    /// The address that the provider sends people back to, below one of this deployment's own.
    pub fn callback_path(&self) -> &'static str {
        OPENID_PATH
    }

    fn checked(
        &self,
        principal: &Principal,
        id: IdentityProviderId,
        input: ProviderInput,
        now: UnixMillis,
    ) -> Result<IdentityProvider, AppError> {
        principal.require(Permission::SignInManage)?;
        let set_by = principal.user().ok_or(Forbidden { permission: Permission::SignInManage })?;
        let name = DisplayName::parse("name", &input.name)?.to_string();
        check_issuer(&input.issuer)?;
        check_text("client_id", &input.client_id)?;
        let claim = input.group_claim.as_deref();
        claim.map_or(Ok(()), |claim| check_text("group_claim", claim))?;
        let rules = self.checked_rules(principal, &input.rules)?;
        if !rules.is_empty() && claim.is_none() {
            return Err(Invalid::new("group_claim", "say which claim has the groups that give roles").into());
        }
        let default_role = input.default_role.as_deref().map(|role| self.grantable(principal, "default_role", role));
        let client_secret = match &input.client_secret {
            Some(secret) => {
                check_text("client_secret", secret)?;
                let key = self.inner.keyring.tenant(&self.inner.database, principal.tenant)?;
                Some(key.seal(Purpose::ClientSecret, id.as_bytes(), secret.as_bytes()))
            }
            None => None,
        };
        Ok(IdentityProvider {
            id,
            revision: 0,
            name,
            issuer: input.issuer,
            client_id: input.client_id,
            client_secret,
            group_claim: input.group_claim,
            rules,
            default_role: default_role.transpose()?,
            is_active: input.is_active,
            created_at: now,
            updated_at: now,
            set_by: Some(set_by),
        })
    }

    fn checked_rules(&self, principal: &Principal, rules: &[(String, String)]) -> Result<Vec<RoleRule>, AppError> {
        if rules.len() > RULES_MAX {
            return Err(Invalid::new("roles", format!("there are at most {RULES_MAX} rules")).into());
        }
        let mut checked = Vec::with_capacity(rules.len());
        for (group, role) in rules {
            check_text("roles.group", group)?;
            checked.push(RoleRule { group: group.clone(), role: self.grantable(principal, "roles.role", role)? });
        }
        Ok(checked)
    }

    /// A role of the tenant that gives no more than whoever asks holds.
    fn grantable(&self, principal: &Principal, field: &'static str, text: &str) -> Result<RoleName, AppError> {
        let role = RoleName::parse(text).map_err(|invalid| Invalid::new(field, invalid.message))?;
        let rights = self.inner.database.role_rights(principal.tenant, &role)?;
        let rights = rights.ok_or_else(|| Invalid::new(field, format!("there is no role '{role}'")))?;
        rights.iter().try_for_each(|permission| principal.require(permission))?;
        Ok(role)
    }
}

/// An issuer is an https address without query and fragment (OpenID Connect Discovery, section 3).
fn check_issuer(text: &str) -> Result<(), Invalid> {
    let is_issuer = text.len() <= TEXT_BYTES_MAX
        && Url::parse(text).is_ok_and(|url| {
            let is_bare = url.query().is_none() && url.fragment().is_none();
            let is_plain = url.username().is_empty() && url.password().is_none() && url.host_str().is_some();
            url.scheme() == "https" && is_bare && is_plain && text.starts_with("https://")
        });
    let advice = "an issuer is an address as https://login.example.com, without query, fragment, user and password";
    if is_issuer { Ok(()) } else { Err(Invalid::new("issuer", advice)) }
}

fn check_text(field: &'static str, text: &str) -> Result<(), Invalid> {
    if (1..=TEXT_BYTES_MAX).contains(&text.len()) && !text.chars().any(char::is_control) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("it has 1 to {TEXT_BYTES_MAX} bytes and no control characters")))
}

fn no_provider(error: DatabaseError) -> AppError {
    AppError::missing("identity provider", error)
}

fn taken(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NameTaken => {
            Invalid::new("client_id", "there is a provider with this issuer and client already").into()
        }
        error => error.into(),
    }
}
