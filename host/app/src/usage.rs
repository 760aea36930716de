//! What a tenant has and uses, beside what it may.

use std::{collections::BTreeMap, fmt, sync::Arc};

use database::{Tenant, Usage};
use domain::{Permission, Principal, Quotas, UnixMillis};

use crate::{AppError, Inner};

/// Tells what tenants use.
#[derive(Clone)]
pub struct UsageService {
    inner: Arc<Inner>,
}

/// What a tenant has and uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageView {
    /// What it may.
    pub quotas: Quotas,
    /// Executions that were accepted and have not ended.
    pub queued_executions: u64,
    /// Executions that go on, of those that were accepted and of those that somebody waits for.
    pub running_executions: u64,
    /// Bytes of storage entries and documents.
    pub storage_bytes: u64,
    /// Scripts.
    pub scripts: u64,
    /// Schedules.
    pub schedules: u64,
    /// Executions that ended today, in UTC.
    pub executions_today: u64,
    /// Fuel that was used today.
    pub fuel_today: u64,
}

/// What was used in one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageOfDay {
    /// Days since 1970-01-01, in UTC.
    pub day: i64,
    /// Executions that ended.
    pub executions: u64,
    /// Fuel, for compiling and replays too.
    pub fuel: u64,
    /// Host calls.
    pub host_calls: u64,
}

impl UsageService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// What the principal's tenant has and uses. Needs `executions.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn show(&self, principal: &Principal) -> Result<UsageView, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        self.inner.usage(&self.inner.database.tenant(principal.tenant)?)
    }

    /// What was used in each of the last `days` days, today the last one, in UTC. Needs `executions.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn days(&self, principal: &Principal, days: u16) -> Result<Vec<UsageOfDay>, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        let today = UnixMillis::now().utc_day();
        let first = today - i64::from(days) + 1;
        let used: BTreeMap<i64, Usage> =
            self.inner.database.usage_since(principal.tenant, first)?.into_iter().collect();
        Ok((first..=today)
            .map(|day| {
                let used = used.get(&day).copied().unwrap_or_default();
                UsageOfDay { day, executions: used.executions, fuel: used.fuel, host_calls: used.host_calls }
            })
            .collect())
    }
}

impl Inner {
    /// What a tenant has and uses.
    pub(crate) fn usage(&self, tenant: &Tenant) -> Result<UsageView, AppError> {
        let database = &self.database;
        let today = database.usage_of_day(tenant.id, UnixMillis::now().utc_day())?;
        Ok(UsageView {
            quotas: self.quotas(tenant),
            queued_executions: database.queued_executions(tenant.id)?,
            running_executions: database.running_executions(tenant.id)?,
            storage_bytes: database.storage_bytes(tenant.id)?,
            scripts: database.count_scripts(tenant.id)?,
            schedules: database.count_schedules(tenant.id)?,
            executions_today: today.executions,
            fuel_today: today.fuel,
        })
    }
}

impl fmt::Debug for UsageService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageService").finish_non_exhaustive()
    }
}
