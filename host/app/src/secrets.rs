//! Secrets: what a script can use and never read (RULES 6, 22–26).
//!
//! Here people keep them: make, replace, change, remove. What a script does with one is in `capabilities/secrets.rs`
//! (HMACs), [`place`] (requests) and [`scrub`] (answers). A value never comes back out of here.

mod access;
mod origin;
mod place;
mod record;
mod scrub;

use std::{fmt, sync::Arc, time::Duration};

use database::{Database, DatabaseError, SealedSecret, Secret, SecretChange};
use domain::{AuditAction, Invalid, Permission, Principal, ScriptId, SecretName, TenantId, UnixMillis};
use serde_json::json;
use tokio::sync::Mutex;

use crate::{AppError, Inner, scripts::ScriptRef, sealing::TenantKey};

pub(crate) use access::Usable;
pub(crate) use place::{Placing, require_whole_answer};
use record::Policy;
pub use record::{SecretInput, SecretPatch, SecretValue, SecretView};
pub(crate) use scrub::{Placed, without_token};

/// The most secrets of a tenant.
const SECRETS_MAX: u64 = 1_000;
/// The most secrets of one page.
const PAGE_MAX: u32 = 1_000;

/// The tenant's secrets, for those who keep them.
#[derive(Clone)]
pub struct SecretService {
    inner: Arc<Inner>,
    /// Held while a record is read, judged and written: a value is sealed for the version that follows the last one.
    writing: Arc<Mutex<()>>,
}

impl SecretService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, writing: Arc::default() }
    }

    /// A page of secrets by name, behind `after`. Needs `secrets.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        after: Option<&SecretName>,
        limit: u32,
    ) -> Result<Vec<SecretView>, AppError> {
        principal.require(Permission::SecretsRead)?;
        let secrets = self.database().list_secrets(principal.tenant, after, limit.min(PAGE_MAX))?;
        secrets.into_iter().map(|record| self.view(principal.tenant, record)).collect()
    }

    /// One secret's record. Needs `secrets.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, name: &SecretName) -> Result<SecretView, AppError> {
        principal.require(Permission::SecretsRead)?;
        let found = self.find(principal.tenant, name)?;
        self.view(principal.tenant, found.record)
    }

    /// Make a secret, or put it whole in place of the one of that name. Needs `secrets.write`. Answers whether it is new.
    ///
    /// # Errors
    /// [`AppError::Invalid`]; [`AppError::Stale`] where `expected_revision` is not the one there is,
    /// [`AppError::NotFound`] where a revision is expected and there is none; [`AppError::Quota`].
    pub async fn put(
        &self,
        principal: &Principal,
        name: &SecretName,
        expected_revision: Option<i64>,
        input: SecretInput,
    ) -> Result<(SecretView, bool), AppError> {
        principal.require(Permission::SecretsWrite)?;
        let policy = Policy {
            origins: record::origins(&input.origins)?,
            placements: record::placements(input.placements),
            scripts: self.scripts(principal.tenant, &input.scripts)?,
        };
        policy.check(input.value.bytes())?;
        let _turn = self.writing.lock().await;
        let current = self.database().secret(principal.tenant, name)?;
        if current.is_none() && expected_revision.is_some() {
            return Err(AppError::NotFound { what: "secret" });
        }
        let is_new = current.is_none();
        if is_new && self.database().count_secrets(principal.tenant)? >= SECRETS_MAX {
            let retry_after = Duration::from_secs(60 * 60);
            return Err(AppError::Quota { quota: "secrets", limit: SECRETS_MAX, retry_after });
        }
        let current = current.map(|sealed| sealed.record);
        expect_revision(current.as_ref(), expected_revision)?;
        let change = Change { name, current: current.as_ref(), policy, value: New(&input.value) };
        Ok((self.write(principal, change).await?, is_new))
    }

    /// Change a secret; what `patch` leaves out stays. Needs `secrets.write`.
    ///
    /// # Errors
    /// [`AppError::ValueRequired`] when the origins change and the value is not given; [`AppError::Stale`],
    /// [`AppError::NotFound`], [`AppError::Invalid`].
    pub async fn change(
        &self,
        principal: &Principal,
        name: &SecretName,
        expected_revision: Option<i64>,
        patch: SecretPatch,
    ) -> Result<SecretView, AppError> {
        principal.require(Permission::SecretsWrite)?;
        let tenant = principal.tenant;
        let _turn = self.writing.lock().await;
        let current = self.find(tenant, name)?;
        expect_revision(Some(&current.record), expected_revision)?;
        let mut policy = Policy::of(&current.record);
        if let Some(origins) = &patch.origins {
            let origins = record::origins(origins)?;
            if origins != policy.origins && patch.value.is_none() {
                return Err(AppError::ValueRequired);
            }
            policy.origins = origins;
        }
        if let Some(placements) = patch.placements {
            policy.placements = record::placements(placements);
        }
        if let Some(scripts) = &patch.scripts {
            policy.scripts = self.scripts(tenant, scripts)?;
        }
        // A record that was changed from outside is not written anew with a MAC that makes it good.
        let kept = record::open(&*self.key(tenant)?, tenant, &current)?;
        policy.check(patch.value.as_ref().map_or(&kept, SecretValue::bytes))?;
        let value = patch.value.as_ref().map_or(Kept(&current.value), New);
        self.write(principal, Change { name, current: Some(&current.record), policy, value }).await
    }

    /// Remove a secret. What uses it fails from then on. Needs `secrets.write`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`], [`AppError::Stale`].
    pub async fn delete(
        &self,
        principal: &Principal,
        name: &SecretName,
        expected_revision: Option<i64>,
    ) -> Result<(), AppError> {
        principal.require(Permission::SecretsWrite)?;
        let _turn = self.writing.lock().await;
        let audited = self.inner.audited(principal, AuditAction::SecretsDelete, name);
        let deleted = audited.delete_secret(principal.tenant, name.clone(), expected_revision).await;
        deleted.map_err(of_secret)
    }

    async fn write(&self, principal: &Principal, change: Change<'_>) -> Result<SecretView, AppError> {
        let tenant = principal.tenant;
        let row = change.row(&*self.key(tenant)?, principal);
        let detail = json!({ "value_is_new": matches!(change.value, New(_)), "origins": change.policy.origins });
        let audited = self.inner.audited_with(principal, AuditAction::SecretsWrite, change.name, &detail);
        audited.put_secret(tenant, row).await.map_err(of_secret)?;
        let written = self.find(tenant, change.name)?;
        self.view(tenant, written.record)
    }

    fn find(&self, tenant: TenantId, name: &SecretName) -> Result<SealedSecret, AppError> {
        self.database().secret(tenant, name)?.ok_or(AppError::NotFound { what: "secret" })
    }

    /// The ids of scripts that are given by id or name. One that is not there would be a grant to whoever comes next.
    fn scripts(&self, tenant: TenantId, scripts: &[ScriptRef]) -> Result<Vec<ScriptId>, AppError> {
        let find = |script: &ScriptRef| match script.find(self.database(), tenant) {
            Ok(script) => Ok(script.summary.id),
            Err(AppError::NotFound { .. }) => {
                Err(Invalid::new("scripts", "each entry is the name or the id of a script of this tenant").into())
            }
            Err(error) => Err(error),
        };
        let mut ids = scripts.iter().map(find).collect::<Result<Vec<ScriptId>, AppError>>()?;
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    fn view(&self, tenant: TenantId, record: Secret) -> Result<SecretView, AppError> {
        let mut script_names = Vec::with_capacity(record.scripts.len());
        for &script in &record.scripts {
            match self.database().script(tenant, script) {
                Ok(script) => script_names.push(script.summary.name.to_string()),
                Err(DatabaseError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        script_names.sort_unstable();
        Ok(SecretView { record, script_names })
    }

    fn key(&self, tenant: TenantId) -> Result<Arc<TenantKey>, AppError> {
        self.inner.keyring.tenant(self.database(), tenant)
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }
}

impl fmt::Debug for SecretService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SecretService").finish_non_exhaustive()
    }
}

/// The value that a change leaves behind.
enum Value<'a> {
    /// Another one than before.
    New(&'a SecretValue),
    /// The one that is there, as it is sealed.
    Kept(&'a [u8]),
}
use Value::{Kept, New};

/// A secret as it is to be, and what it was.
struct Change<'a> {
    name: &'a SecretName,
    current: Option<&'a Secret>,
    policy: Policy,
    value: Value<'a>,
}

impl Change<'_> {
    fn row(&self, key: &TenantKey, principal: &Principal) -> SecretChange {
        let now = UnixMillis::now();
        let last_version = self.current.map_or(0, |record| record.value_version);
        let (value_version, value) = match self.value {
            New(value) => (last_version + 1, record::seal(key, self.name, last_version + 1, value.bytes())),
            Kept(sealed) => (last_version, sealed.to_vec()),
        };
        let value_set_at = match (&self.value, self.current) {
            (Kept(_), Some(record)) => record.value_set_at,
            _ => now,
        };
        let policy = self.policy.clone();
        SecretChange {
            name: self.name.clone(),
            expected_revision: self.current.map(|record| record.revision),
            value_version,
            mac: policy.mac(key, self.name, value_version, &value).to_vec(),
            origins: policy.origins,
            placements: policy.placements,
            scripts: policy.scripts,
            changed_by: principal.user(),
            changed_at: now,
            value_set_at,
            value,
        }
    }
}

fn expect_revision(current: Option<&Secret>, expected: Option<i64>) -> Result<(), AppError> {
    match (current, expected) {
        (Some(current), Some(expected)) if current.revision != expected => {
            Err(AppError::Stale { current_revision: current.revision })
        }
        _ => Ok(()),
    }
}

fn of_secret(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NotFound => AppError::NotFound { what: "secret" },
        error => error.into(),
    }
}
