//! Fuel of a day: reserved before a run begins, settled with its end.
//!
//! A reservation is durable before the run begins, in blocks for several runs, so that most runs cost no write of their
//! own. What a crash leaves reserved was perhaps used, and stays counted: the quota is never exceeded.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use database::{Database, DatabaseError, FuelWanted};
use domain::{TenantId, UnixMillis};

use super::used_up;
use crate::AppError;

/// Runs for which a block is reserved at once.
const RUNS_PER_BLOCK: u64 = 16;

/// A block is no larger than this part of the quota, so that a tenant's last fuel is not held back by one process.
const BLOCKS_PER_QUOTA: u64 = 16;

/// When it is worth trying again where fuel is reserved by runs that go on.
const WHILE_RESERVED: Duration = Duration::from_secs(2);

const DAY_MS: i64 = 24 * 60 * 60 * 1_000;

/// What is reserved of each tenant's day and not used by a run.
#[derive(Clone, Default)]
pub(crate) struct FuelBudgets(Arc<Mutex<HashMap<(TenantId, i64), u64>>>);

/// Fuel of one run. What it did not use goes back when this is dropped.
pub(crate) struct Reservation {
    /// `None` where the tenant has no quota.
    budgets: Option<FuelBudgets>,
    tenant: TenantId,
    /// The day, since 1970-01-01 in UTC.
    pub(crate) day: i64,
    left: u64,
}

impl FuelBudgets {
    /// Reserve `fuel` within the tenant's quota of a day; nothing where it has none.
    ///
    /// # Errors
    /// [`AppError::Quota`] where less is left.
    pub(crate) async fn reserve(
        &self,
        database: &Database,
        (tenant, quota): (TenantId, Option<u64>),
        fuel: u64,
    ) -> Result<Reservation, AppError> {
        let now = UnixMillis::now();
        let day = now.utc_day();
        let Some(quota) = quota else { return Ok(Reservation { budgets: None, tenant, day, left: 0 }) };
        while let Some(lacking) = self.take(tenant, day, fuel) {
            let block = fuel.saturating_mul(RUNS_PER_BLOCK).min(quota / BLOCKS_PER_QUOTA).max(lacking);
            let wanted = FuelWanted { quota, wanted: block, least: lacking };
            let reserved = database.reserve_fuel(tenant, day, wanted).await?;
            if reserved == 0 {
                // What runs have reserved and do not use comes back as they end.
                let is_used = database.usage_of_day(tenant, day)?.fuel.saturating_add(fuel) > quota;
                let retry_after = if is_used { until_tomorrow(now) } else { WHILE_RESERVED };
                return Err(used_up("fuel_per_day", quota, retry_after));
            }
            self.put(tenant, day, reserved);
        }
        Ok(Reservation { budgets: Some(self.clone()), tenant, day, left: fuel })
    }

    /// Give everything back that no run has, because the process ends or nobody asked for a while.
    pub(crate) async fn give_back(&self, database: &Database) -> Result<(), DatabaseError> {
        let idle: Vec<((TenantId, i64), u64)> = self.0.lock().unwrap_or_else(PoisonError::into_inner).drain().collect();
        for ((tenant, day), fuel) in idle {
            database.release_fuel(tenant, day, fuel).await?;
        }
        Ok(())
    }

    /// Take fuel from the block; answers how much is lacking, if any is.
    fn take(&self, tenant: TenantId, day: i64, fuel: u64) -> Option<u64> {
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let budget = budgets.entry((tenant, day)).or_default();
        match budget.checked_sub(fuel) {
            Some(left) => {
                *budget = left;
                None
            }
            None => Some(fuel - *budget),
        }
    }

    fn put(&self, tenant: TenantId, day: i64, fuel: u64) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry((tenant, day)).or_default() += fuel;
    }
}

impl Reservation {
    /// The run has used so much, and the database knows.
    pub(crate) fn settle(&mut self, used: u64) {
        self.left = self.left.saturating_sub(used);
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if let Some(budgets) = self.budgets.take()
            && self.left > 0
        {
            budgets.put(self.tenant, self.day, self.left);
        }
    }
}

fn until_tomorrow(now: UnixMillis) -> Duration {
    Duration::from_millis(u64::try_from(DAY_MS - now.0.rem_euclid(DAY_MS)).unwrap_or(0))
}
