//! Requests of nobody that is known, refused: counted by minute and address, and written once a minute (RULES 39).
//!
//! Counters only: nothing is decided by them, and a stop of the process loses what the last minute counted.

use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

use database::{AuditEntry, Refusals};
use domain::{TenantId, UnixMillis};

use crate::{AppError, Inner};

/// Addresses that are counted one by one between two writes; further ones are counted together.
const ADDRESSES_MAX: usize = 1_000;

const MINUTE_MS: i64 = 60_000;

/// How long counters are kept: as executions are.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Counters that are removed in one transaction.
const PURGED_AT_ONCE: u32 = 500;

/// A tenant, a minute, an address; the address is `None` for all beyond the bound.
type Counted = (TenantId, i64, Option<IpAddr>);

/// What was counted since it was written last.
#[derive(Default)]
pub(super) struct RefusalCounters {
    counted: Mutex<HashMap<Counted, u64>>,
}

impl RefusalCounters {
    /// Count one refusal at `now`.
    pub(super) fn count(&self, tenant: Option<TenantId>, address: Option<IpAddr>, now: UnixMillis) {
        let tenant = tenant.unwrap_or_else(AuditEntry::deployment);
        let minute = now.0 - now.0.rem_euclid(MINUTE_MS);
        let mut counted = self.counted.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant, minute, address);
        let key =
            if counted.len() < ADDRESSES_MAX || counted.contains_key(&key) { key } else { (tenant, minute, None) };
        // Tenants are named by requests too: beyond twice the bound there is one counter, the deployment's.
        let is_full = counted.len() >= 2 * ADDRESSES_MAX && !counted.contains_key(&key);
        let key = if is_full { (AuditEntry::deployment(), minute, None) } else { key };
        *counted.entry(key).or_default() += 1;
    }

    /// What was counted, to be written; it is forgotten here.
    fn take(&self) -> Vec<Refusals> {
        let counted = std::mem::take(&mut *self.counted.lock().unwrap_or_else(PoisonError::into_inner));
        let refusals = |((tenant, minute, address), refusals): (Counted, u64)| Refusals {
            tenant,
            minute: UnixMillis(minute),
            address: address.map(|address| address.to_string()).unwrap_or_default(),
            refusals,
        };
        counted.into_iter().map(refusals).collect()
    }
}

impl Inner {
    /// Write what was counted.
    pub(super) async fn write_refusals(&self) -> Result<(), AppError> {
        let counted = self.audit.refusals.take();
        if counted.is_empty() {
            return Ok(());
        }
        Ok(self.database.add_refusals(counted).await?)
    }

    /// Remove a tenant's counters of long ago.
    pub(crate) async fn purge_refusals(&self, tenant: TenantId, now: UnixMillis) -> Result<(), AppError> {
        let before = UnixMillis(now.0.saturating_sub(KEPT_MS));
        if self.database.oldest_refusal(tenant)?.is_none_or(|oldest| oldest >= before) {
            return Ok(());
        }
        while self.database.purge_refusals(tenant, before, PURGED_AT_ONCE).await? == PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    #[test]
    fn addresses_beyond_the_bound_are_counted_together() {
        let counters = RefusalCounters::default();
        for number in 0..3 * u32::try_from(ADDRESSES_MAX).unwrap_or(0) {
            counters.count(None, Some(IpAddr::V4(Ipv4Addr::from(number))), UnixMillis(61_000));
        }
        counters.count(None, Some(IpAddr::V4(Ipv4Addr::from(1))), UnixMillis(62_000));
        let counted = counters.take();
        assert_eq!(counted.len(), ADDRESSES_MAX + 1);
        assert!(counted.iter().all(|counted| counted.minute == UnixMillis(60_000)));
        assert_eq!(counted.iter().map(|counted| counted.refusals).sum::<u64>(), 3 * ADDRESSES_MAX as u64 + 1);
        assert!(counted.iter().any(|counted| counted.address == "0.0.0.1" && counted.refusals == 2));
        assert!(counters.take().is_empty());
    }

    #[test]
    fn tenants_that_requests_name_do_not_grow_it_without_bound() {
        let counters = RefusalCounters::default();
        for _ in 0..3 * ADDRESSES_MAX {
            counters.count(Some(TenantId::generate()), None, UnixMillis(0));
        }
        assert!(counters.take().len() <= 2 * ADDRESSES_MAX + 1);
    }
}
