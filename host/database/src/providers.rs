//! The OpenID providers that a tenant lets its people sign in by, and sign-ins that are under way there.

use domain::{IdentityProviderId, RoleName, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::{
    Database, DatabaseError, Refusal,
    rows::{count, millis, optional_word, unreadable, word},
};

const COUNT: &str = "SELECT COUNT(*) AS providers FROM identity_providers WHERE tenant_id = $1";
const INSERT: &str = "
    INSERT INTO identity_providers (tenant_id, id, revision, name, issuer, client_id, client_secret, group_claim,
                                    role_mapping, default_role, is_active, created_at, updated_at, set_by)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $12, $13)";
const UPDATE: &str = "
    UPDATE identity_providers
    SET revision = $1, name = $2, issuer = $3, client_id = $4, client_secret = $5, group_claim = $6,
        role_mapping = $7, default_role = $8, is_active = $9, updated_at = $10, set_by = $11
    WHERE tenant_id = $12 AND id = $13";
const GET: &str = "
    SELECT id, revision, name, issuer, client_id, client_secret, group_claim, role_mapping, default_role, is_active,
           created_at, updated_at, set_by
    FROM identity_providers
    WHERE tenant_id = $1 AND id = $2";
const LIST: &str = "
    SELECT id, revision, name, issuer, client_id, client_secret, group_claim, role_mapping, default_role, is_active,
           created_at, updated_at, set_by
    FROM identity_providers
    WHERE tenant_id = $1
    ORDER BY id";
const DELETE: &str = "DELETE FROM identity_providers WHERE tenant_id = $1 AND id = $2";
const BEGIN: &str = "
    INSERT INTO openid_attempts (tenant_id, id, provider_id, browser_hash, secrets, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6)";
const PURGE_ATTEMPTS: &str = "DELETE FROM openid_attempts WHERE tenant_id = $1 AND expires_at < $2";
const DROP_OLDEST: &str = "
    DELETE FROM openid_attempts
    WHERE tenant_id = $1 AND id IN (
        SELECT id FROM openid_attempts WHERE tenant_id = $1 ORDER BY expires_at DESC LIMIT $2 OFFSET $3)";
const ATTEMPT: &str = "
    SELECT provider_id, browser_hash, secrets, expires_at FROM openid_attempts WHERE tenant_id = $1 AND id = $2";
const TAKE: &str = "DELETE FROM openid_attempts WHERE tenant_id = $1 AND id = $2";

/// Providers of one tenant.
const PROVIDERS_MAX: u64 = 50;

/// Sign-ins of one tenant that are under way at once: those that began first are forgotten.
const ATTEMPTS_MAX: u32 = 1_000;

/// Which group gives which role.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoleRule {
    /// The group, as the provider names it.
    pub group: String,
    /// The role.
    pub role: RoleName,
}

/// An OpenID provider of a tenant.
#[derive(Clone, PartialEq, Eq)]
pub struct IdentityProvider {
    /// Its id.
    pub id: IdentityProviderId,
    /// The write that changed it last.
    pub revision: i64,
    /// Its name for people.
    pub name: String,
    /// Its issuer, as its tokens say it.
    pub issuer: String,
    /// What this deployment is to the provider.
    pub client_id: String,
    /// Sealed: by what it proves to be that.
    pub client_secret: Option<Vec<u8>>,
    /// The claim whose words are groups.
    pub group_claim: Option<String>,
    /// The first rule that matches gives the role.
    pub rules: Vec<RoleRule>,
    /// The role where none does; `None` lets nobody in then.
    pub default_role: Option<RoleName>,
    /// Whether anybody signs in by it.
    pub is_active: bool,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was changed last.
    pub updated_at: UnixMillis,
    /// Who set it last.
    pub set_by: Option<UserId>,
}

/// A sign-in that is at its provider.
#[derive(Clone, PartialEq, Eq)]
pub struct OpenIdAttempt {
    /// A hash of its state.
    pub id: [u8; 32],
    /// The provider.
    pub provider: IdentityProviderId,
    /// A hash of what the browser keeps.
    pub browser_hash: Vec<u8>,
    /// Sealed: nonce and code verifier.
    pub secrets: Vec<u8>,
    /// Until when it can be finished.
    pub expires_at: UnixMillis,
}

#[derive(Deserialize, Serialize)]
struct StoredRule {
    group: String,
    role: String,
}

impl std::fmt::Debug for IdentityProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityProvider").field("id", &self.id).field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for OpenIdAttempt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenIdAttempt").field("provider", &self.provider).finish_non_exhaustive()
    }
}

impl IdentityProvider {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let role = |text: &str| RoleName::parse(text).map_err(unreadable);
        let rules: Vec<StoredRule> =
            serde_json::from_str(row.get_ref("role_mapping")?.as_str()?).map_err(unreadable)?;
        let rules = rules.into_iter().map(|rule| Ok(RoleRule { role: role(&rule.role)?, group: rule.group }));
        let default: Option<String> = row.get("default_role")?;
        Ok(Self {
            id: word(row, "id")?,
            revision: row.get("revision")?,
            name: row.get("name")?,
            issuer: row.get("issuer")?,
            client_id: row.get("client_id")?,
            client_secret: row.get("client_secret")?,
            group_claim: row.get("group_claim")?,
            rules: rules.collect::<rusqlite::Result<Vec<RoleRule>>>()?,
            default_role: default.as_deref().map(role).transpose()?,
            is_active: row.get("is_active")?,
            created_at: millis(row, "created_at")?,
            updated_at: millis(row, "updated_at")?,
            set_by: optional_word(row, "set_by")?,
        })
    }

    fn rules_to_json(&self) -> Result<String, DatabaseError> {
        let stored = |rule: &RoleRule| StoredRule { group: rule.group.clone(), role: rule.role.to_string() };
        let rules: Vec<StoredRule> = self.rules.iter().map(stored).collect();
        serde_json::to_string(&rules).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)).into())
    }
}

impl Database {
    /// Keep a new provider.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] where the tenant has one of the same issuer and client; [`Refusal::TooMany`].
    pub async fn create_provider(&self, tenant: TenantId, provider: IdentityProvider) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(COUNT)?;
            if statement.query_row([tenant.to_string()], |row| count(row, "providers"))? >= PROVIDERS_MAX {
                return Err(Refusal::TooMany { limit: PROVIDERS_MAX }.into());
            }
            work.connection.prepare_cached(INSERT)?.execute(params![
                tenant.to_string(),
                provider.id.to_string(),
                work.revision,
                provider.name,
                provider.issuer,
                provider.client_id,
                provider.client_secret,
                provider.group_claim,
                provider.rules_to_json()?,
                provider.default_role.as_ref().map(RoleName::as_str),
                provider.is_active,
                provider.created_at.0,
                provider.set_by.map(|user| user.to_string()),
            ])?;
            Ok(work.revision)
        })
        .await
    }

    /// Keep a provider as it is now, where its revision still is the one that it has here; answers its new one.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`], [`DatabaseError::Stale`], [`DatabaseError::NameTaken`].
    pub async fn update_provider(&self, tenant: TenantId, provider: IdentityProvider) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            let key = [tenant.to_string(), provider.id.to_string()];
            let before =
                work.connection.prepare_cached(GET)?.query_row(params_from_iter(&key), IdentityProvider::from_row)?;
            if before.revision != provider.revision {
                return Err(DatabaseError::Stale { current: before.revision });
            }
            work.connection.prepare_cached(UPDATE)?.execute(params![
                work.revision,
                provider.name,
                provider.issuer,
                provider.client_id,
                provider.client_secret,
                provider.group_claim,
                provider.rules_to_json()?,
                provider.default_role.as_ref().map(RoleName::as_str),
                provider.is_active,
                provider.updated_at.0,
                provider.set_by.map(|user| user.to_string()),
                key[0],
                key[1],
            ])?;
            Ok(work.revision)
        })
        .await
    }

    /// One provider.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn provider(&self, tenant: TenantId, id: IdentityProviderId) -> Result<IdentityProvider, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], IdentityProvider::from_row)?)
        })
    }

    /// A tenant's providers, the oldest first. There are few.
    pub fn list_providers(&self, tenant: TenantId) -> Result<Vec<IdentityProvider>, DatabaseError> {
        self.read(|connection| list(connection, tenant))
    }

    /// Remove a provider, with the sign-ins that are under way there.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn delete_provider(&self, tenant: TenantId, id: IdentityProviderId) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let deleted = work.connection.prepare_cached(DELETE)?.execute([tenant.to_string(), id.to_string()])?;
            if deleted == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// Note a sign-in that goes to its provider now.
    pub async fn begin_openid(
        &self,
        tenant: TenantId,
        attempt: OpenIdAttempt,
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let key = tenant.to_string();
            work.connection.prepare_cached(PURGE_ATTEMPTS)?.execute(params![key, now.0])?;
            work.connection.prepare_cached(BEGIN)?.execute(params![
                key,
                attempt.id,
                attempt.provider.to_string(),
                attempt.browser_hash,
                attempt.secrets,
                attempt.expires_at.0,
            ])?;
            work.connection.prepare_cached(DROP_OLDEST)?.execute(params![key, u32::MAX, ATTEMPTS_MAX])?;
            Ok(())
        })
        .await
    }

    /// A sign-in that is under way, by the hash of its state.
    pub fn openid_attempt(&self, tenant: TenantId, id: [u8; 32]) -> Result<Option<OpenIdAttempt>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(ATTEMPT)?;
            let read = |row: &Row<'_>| {
                Ok(OpenIdAttempt {
                    id,
                    provider: word(row, "provider_id")?,
                    browser_hash: row.get("browser_hash")?,
                    secrets: row.get("secrets")?,
                    expires_at: millis(row, "expires_at")?,
                })
            };
            Ok(statement.query_row(params![tenant.to_string(), id], read).optional()?)
        })
    }

    /// Take a sign-in that came back from its provider: nobody else takes it again.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where somebody did.
    pub async fn take_openid(&self, tenant: TenantId, id: [u8; 32]) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let taken = work.connection.prepare_cached(TAKE)?.execute(params![tenant.to_string(), id])?;
            if taken == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }
}

pub(crate) fn list(connection: &Connection, tenant: TenantId) -> Result<Vec<IdentityProvider>, DatabaseError> {
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map([tenant.to_string()], IdentityProvider::from_row)?;
    Ok(rows.collect::<rusqlite::Result<Vec<IdentityProvider>>>()?)
}
