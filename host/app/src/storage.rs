//! Storage entries as people and their programs read and change them: the same entries that scripts have, within the same
//! bounds.

mod documents;

use std::sync::Arc;

use database::{DatabaseError, EntryChange, StorageChange, StorageQuery, StorageWrite, StoredEntry};
use domain::{AuditAction, Invalid, Permission, Principal, UnixMillis};
use runtime::{CallError, HostCall, check_bounds};

pub use documents::{DocumentsPage, DocumentsQuery, StoredDocument};

use crate::{AppError, Inner};

/// The tenant's storage.
#[derive(Clone)]
pub struct StorageService {
    inner: Arc<Inner>,
}

/// A value to be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryInput {
    /// The key: 1 to 512 bytes without control characters.
    pub key: String,
    /// The value, as JSON: at most 1 MiB.
    pub value: String,
    /// After how many seconds it expires; `None` for never.
    pub ttl_seconds: Option<u32>,
}

/// A page of entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntriesPage {
    /// The entries, by key; fewer than asked for where their values are large.
    pub entries: Vec<StoredEntry>,
    /// The key after which the next page begins; `None` where there is nothing more.
    pub next: Option<String>,
}

impl std::fmt::Debug for StorageService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StorageService").finish_non_exhaustive()
    }
}

impl StorageService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// A page of the entries whose keys begin with `prefix`, behind the key `after`. Needs `storage.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::Invalid`] for a prefix or a limit that no list of a script's may have either.
    pub fn list(
        &self,
        principal: &Principal,
        prefix: &str,
        after: Option<String>,
        limit: u32,
    ) -> Result<EntriesPage, AppError> {
        principal.require(Permission::StorageRead)?;
        let call = HostCall::StorageList { prefix: prefix.to_owned(), cursor: after.clone(), limit };
        within_bounds("prefix", &call)?;
        let query = StorageQuery { prefix: prefix.to_owned(), after, limit, now: UnixMillis::now() };
        let (entries, more) = self.inner.database.storage_entries(principal.tenant, &query)?;
        let next = entries.last().filter(|_| more).map(|entry| entry.key.clone());
        Ok(EntriesPage { entries, next })
    }

    /// One entry. Needs `storage.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`], also where it has expired.
    pub fn get(&self, principal: &Principal, key: &str) -> Result<StoredEntry, AppError> {
        principal.require(Permission::StorageRead)?;
        let entry = self.inner.database.storage_entry(principal.tenant, key, UnixMillis::now());
        entry.map_err(not_found)
    }

    /// Keep a value, in place of the one that the revision `expected` is of, where it is said. Needs `storage.write`.
    ///
    /// # Errors
    /// [`AppError::Invalid`] for what is outside a script's bounds; [`AppError::Stale`] with the revision there is, 0 for
    /// none; [`AppError::Quota`].
    pub async fn put(
        &self,
        principal: &Principal,
        input: EntryInput,
        expected: Option<i64>,
    ) -> Result<StoredEntry, AppError> {
        principal.require(Permission::StorageWrite)?;
        let EntryInput { key, value, ttl_seconds } = input;
        within_bounds("key", &HostCall::StorageDelete { key: key.clone() })?;
        // The key was looked at already: what is wrong now is the value or its time.
        let call = HostCall::StorageSet { key: key.clone(), value: value.clone(), ttl_seconds };
        within_bounds("value", &call)?;
        let now = UnixMillis::now();
        let expires_at = ttl_seconds.map(|ttl| UnixMillis(now.0.saturating_add(i64::from(ttl) * 1_000)));
        let write = StorageWrite { key: key.clone(), change: StorageChange::Set { value, expires_at } };
        self.change(principal, AuditAction::StorageWrite, write, (expected, now)).await?;
        self.inner.database.storage_entry(principal.tenant, &key, now).map_err(not_found)
    }

    /// Remove an entry, where it is still the one of the revision `expected`, if that is said. Needs `storage.write`.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Stale`].
    pub async fn delete(&self, principal: &Principal, key: &str, expected: Option<i64>) -> Result<(), AppError> {
        principal.require(Permission::StorageWrite)?;
        let write = StorageWrite { key: key.to_owned(), change: StorageChange::Delete };
        self.change(principal, AuditAction::StorageDelete, write, (expected, UnixMillis::now())).await
    }

    async fn change(
        &self,
        principal: &Principal,
        action: AuditAction,
        write: StorageWrite,
        (expected, now): (Option<i64>, UnixMillis),
    ) -> Result<(), AppError> {
        let tenant = principal.tenant;
        let limit_bytes = self.inner.quotas(&self.inner.database.tenant(tenant)?).storage_bytes;
        // Not before whoever has the lane for himself: his run has no further repeat.
        let _lane = self.inner.lanes.shared(tenant).await;
        let audited = self.inner.audited(principal, action, &write.key);
        let change = EntryChange { write, expected, limit_bytes, now };
        audited.change_storage_entry(tenant, change).await.map_err(not_found)
    }
}

/// Let through what a script's call would be let through for.
fn within_bounds(field: &'static str, call: &HostCall) -> Result<(), AppError> {
    check_bounds(call).map_err(|error| {
        let (CallError::InvalidArgument(message) | CallError::OutOfRange(message) | CallError::HostcallLimit(message)) =
            error
        else {
            return AppError::internal("a call was refused for another reason than its bounds");
        };
        // The name of the call is a script's affair.
        let message = message.split_once(": ").map_or(message.as_str(), |(_, message)| message);
        Invalid::new(field, message).into()
    })
}

fn not_found(error: DatabaseError) -> AppError {
    AppError::missing("storage entry", error)
}
