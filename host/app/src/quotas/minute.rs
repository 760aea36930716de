//! Executions that begin in a minute, counted by the clock's minutes.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use database::Database;
use domain::{TenantId, UnixMillis};

use super::used_up;
use crate::AppError;

const MINUTE_MS: i64 = 60_000;

/// Tenants whose minute is kept; more of them have the oldest minutes forgotten.
const TENANTS_MAX: usize = 100_000;

/// The count of each tenant's minute.
#[derive(Default)]
pub(crate) struct Minutes(Mutex<HashMap<TenantId, Minute>>);

#[derive(Clone, Copy)]
struct Minute {
    /// Since 1970.
    number: i64,
    begun: u64,
}

impl Minutes {
    /// Count one execution.
    ///
    /// # Errors
    /// [`AppError::Quota`] where the minute's executions are used up.
    pub(crate) fn count(
        &self,
        database: &Database,
        tenant: TenantId,
        limit: u64,
        now: UnixMillis,
    ) -> Result<(), AppError> {
        let number = now.0.div_euclid(MINUTE_MS);
        let known = self.lock().get(&tenant).is_some();
        // What an earlier process began in this minute counts too.
        let before =
            if known { 0 } else { database.executions_begun_since(tenant, UnixMillis(number * MINUTE_MS), limit)? };
        let mut minutes = self.lock();
        if minutes.len() > TENANTS_MAX {
            minutes.retain(|_, minute| minute.number == number);
        }
        let minute = minutes.entry(tenant).or_insert(Minute { number, begun: before });
        if minute.number != number {
            *minute = Minute { number, begun: 0 };
        }
        if minute.begun >= limit {
            let left = MINUTE_MS - now.0.rem_euclid(MINUTE_MS);
            let retry_after = Duration::from_millis(u64::try_from(left).unwrap_or(0));
            return Err(used_up("executions_per_minute", limit, retry_after));
        }
        minute.begun += 1;
        Ok(())
    }

    /// What was counted did not begin.
    pub(crate) fn uncount(&self, tenant: TenantId) {
        if let Some(minute) = self.lock().get_mut(&tenant) {
            minute.begun = minute.begun.saturating_sub(1);
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, Minute>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
