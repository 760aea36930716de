//! How often and how much at once a tenant sends.
//!
//! Kept in memory: a restart forgets it, which lets a tenant send one minute's requests again and nothing more.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{EgressConfig, EgressError, hosts::owner_of, policy::Destination};
use crate::rates::{Bucket, MINUTE};

/// How many tenants' destinations are remembered at once. Whose is forgotten may send a minute's requests again.
const BUCKETS_MAX: u64 = 100_000;

/// The rates of every tenant.
pub(super) struct Rates {
    per_minute: u32,
    at_once: usize,
    buckets: Cache<(TenantId, String), Arc<Mutex<Bucket>>>,
    places: Cache<TenantId, Arc<Semaphore>>,
}

impl Rates {
    pub(super) fn new(config: &EgressConfig) -> Self {
        Self {
            per_minute: config.requests_per_minute,
            at_once: usize::try_from(config.requests_at_once).unwrap_or(usize::MAX).min(Semaphore::MAX_PERMITS),
            buckets: Cache::builder().max_capacity(BUCKETS_MAX).time_to_idle(2 * MINUTE).build(),
            places: Cache::builder().max_capacity(BUCKETS_MAX).time_to_idle(2 * MINUTE).build(),
        }
    }

    /// A place among the tenant's requests that are under way; it waits for one.
    pub(super) async fn place(&self, tenant: TenantId) -> Result<OwnedSemaphorePermit, EgressError> {
        let places = self.places.get_with(tenant, || Arc::new(Semaphore::new(self.at_once)));
        let closed = |_| EgressError::Unavailable(String::from("the server is stopping"));
        places.acquire_owned().await.map_err(closed)
    }

    /// Count a request. All names of one owner are one destination, so that a wildcard does not multiply the rate.
    ///
    /// # Errors
    /// [`EgressError::Quota`].
    pub(super) fn count(&self, tenant: TenantId, destination: &Destination) -> Result<(), EgressError> {
        let owner = owner_of(destination.host());
        let bucket = self.buckets.get_with((tenant, owner.to_owned()), || {
            Arc::new(Mutex::new(Bucket::full(self.per_minute, Instant::now())))
        });
        let taken = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(self.per_minute, Instant::now());
        if taken.is_ok() {
            return Ok(());
        }
        Err(EgressError::Quota(format!("this tenant sends at most {} requests a minute to '{owner}'", self.per_minute)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_one_owner_share_their_rate_and_tenants_do_not() {
        let rates = Rates::new(&EgressConfig { requests_per_minute: 2, ..EgressConfig::default() });
        let (one, other) = (TenantId::generate(), TenantId::generate());
        let count = |tenant, url| rates.count(tenant, &Destination::parse(url).expect("an address"));
        assert_eq!(count(one, "https://a.example.com/"), Ok(()));
        assert_eq!(count(one, "https://b.c.example.com/"), Ok(()));
        assert!(matches!(count(one, "https://d.example.com/"), Err(EgressError::Quota(_))));
        assert_eq!(count(one, "https://example.org/"), Ok(()));
        assert_eq!(count(other, "https://a.example.com/"), Ok(()));
    }
}
