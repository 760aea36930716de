//! `storage`: the tenant's key-value entries, read and written in the execution's transaction.

use database::{Lease, StorageChange, StorageQuery, StorageRangeRead};
use domain::{Permission, Permissions, UnixMillis, limits::CALL_BYTES_MAX};
use futures_util::FutureExt;
use runtime::{Answer, CallError, Page, PageEntry, Started};

use super::{Reach, failed, require_json, too_large};
use crate::{executions::lost_message, transaction::CallOutcome};

impl Reach {
    pub(super) fn storage_get(&self, key: &str, now: UnixMillis) -> CallOutcome {
        self.read(key, now).map(Answer::Value)
    }

    pub(super) fn storage_get_many(&self, keys: &[String], now: UnixMillis) -> CallOutcome {
        let mut values = Vec::with_capacity(keys.len());
        let mut bytes = 0;
        for key in keys {
            let value = self.read(key, now)?;
            bytes += value.as_ref().map_or(0, String::len) as u64;
            if bytes > CALL_BYTES_MAX {
                return Err(too_large("storage.getMany"));
            }
            values.push(value);
        }
        Ok(Answer::Values(values))
    }

    pub(super) fn storage_set(
        &self,
        key: String,
        value: String,
        ttl_seconds: Option<u32>,
        now: UnixMillis,
    ) -> CallOutcome {
        require_json("storage.set: the value", &value)?;
        let expires_at = ttl_seconds.map(|ttl| UnixMillis(now.0.saturating_add(i64::from(ttl) * 1_000)));
        self.transaction.lock().write(key, StorageChange::Set { value, expires_at })
    }

    pub(super) fn storage_delete(&self, key: String) -> CallOutcome {
        self.transaction.lock().write(key, StorageChange::Delete)
    }

    pub(super) fn storage_increment(&self, key: String, by: f64) -> CallOutcome {
        self.transaction.lock().write(key, StorageChange::Increment { by })
    }

    pub(super) fn storage_list(
        &self,
        prefix: String,
        cursor: Option<String>,
        limit: u32,
        now: UnixMillis,
    ) -> CallOutcome {
        let mut buffer = self.transaction.lock();
        let own = u32::try_from(buffer.overlay.count_in(&prefix, cursor.as_deref())).unwrap_or(u32::MAX);
        let query = StorageQuery { prefix, after: cursor, limit: limit.saturating_add(own), now };
        let range =
            self.inner.database.storage_list(self.lease.tenant, &query).map_err(|error| failed(self.lease, &error))?;
        let rows = range.entries.len();
        let within = (query.prefix.as_str(), query.after.as_deref());
        let mut entries = buffer.overlay.lay_over(range.entries, range.more, within, now)?;
        buffer.read_range(StorageRangeRead { query, digest: range.digest }, rows)?;
        let limit = limit as usize;
        let more = range.more || entries.len() > limit;
        entries.truncate(limit);
        let cursor = more.then(|| entries.last().map(|(key, _)| key.clone())).flatten();
        let entries = entries.into_iter().map(|(key, value)| PageEntry { key, value }).collect();
        Ok(Answer::Page(Page { entries, cursor }))
    }

    pub(super) fn storage_commit(&self, now: UnixMillis) -> Started {
        if let Err(error) = self.require_rights_still() {
            return Started::Ready(Err(error));
        }
        let (database, bounds) = (self.inner.database.clone(), self.scope.bounds);
        let commit = self.transaction.commit_so_far(database, self.lease, now, bounds);
        Started::Pending(commit.boxed())
    }

    /// Rights are read again before anything becomes durable (RULES 14).
    fn require_rights_still(&self) -> Result<(), CallError> {
        let written = [Permission::StorageWrite, Permission::EventsPublish, Permission::ServicesCall];
        let lost = self.scope.live_rights.lost(&self.inner, written.into_iter().collect()).map_err(|error| {
            let Lease { tenant, execution, .. } = self.lease;
            tracing::error!(tenant.id = %tenant, execution.id = %execution, ?error, "rights cannot be read");
            CallError::Unavailable(String::from("storage.commit: the script's rights cannot be read at the moment"))
        })?;
        if lost == Permissions::NONE {
            return Ok(());
        }
        Err(CallError::CapabilityDenied(format!("storage.commit: {}", lost_message(lost))))
    }

    fn read(&self, key: &str, now: UnixMillis) -> Result<Option<String>, CallError> {
        use crate::transaction::Local;
        let mut buffer = self.transaction.lock();
        let local = buffer.overlay.get(key).cloned();
        if let Some(local @ (Local::Set { .. } | Local::Deleted)) = local {
            return local.over(key, None, now);
        }
        let stored =
            self.inner.database.storage_get(self.lease.tenant, key, now).map_err(|error| failed(self.lease, &error))?;
        buffer.read_entry(key, stored.revision);
        match local {
            Some(local) => local.over(key, stored.value.as_deref(), now),
            None => Ok(stored.value),
        }
    }
}
