//! How often and how much at once a tenant sends.
//!
//! Kept in memory: a restart forgets it, which lets a tenant send one minute's requests again and nothing more.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use domain::TenantId;
use moka::sync::Cache;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{EgressConfig, EgressError, hosts::owner_of, policy::Destination};

const MINUTE: Duration = Duration::from_secs(60);

/// How many tenants' destinations are remembered at once. Whose is forgotten may send a minute's requests again.
const BUCKETS_MAX: u64 = 100_000;

/// The rates of every tenant.
pub(super) struct Rates {
    per_minute: u32,
    at_once: usize,
    buckets: Cache<(TenantId, String), Arc<Mutex<Bucket>>>,
    places: Cache<TenantId, Arc<Semaphore>>,
}

/// A bucket that fills with a minute's requests within a minute.
struct Bucket {
    left: f64,
    at: Instant,
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
            Arc::new(Mutex::new(Bucket { left: f64::from(self.per_minute), at: Instant::now() }))
        });
        let taken = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(self.per_minute, Instant::now());
        if taken {
            return Ok(());
        }
        Err(EgressError::Quota(format!("this tenant sends at most {} requests a minute to '{owner}'", self.per_minute)))
    }
}

impl Bucket {
    fn take(&mut self, per_minute: u32, now: Instant) -> bool {
        let most = f64::from(per_minute);
        let filled = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64() * most;
        self.left = (self.left + filled).min(most);
        self.at = now;
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_minutes_requests_and_fills_again_within_a_minute() {
        let start = Instant::now();
        let mut bucket = Bucket { left: 6.0, at: start };
        let taken = |bucket: &mut Bucket, at: Instant| (0..20).filter(|_| bucket.take(6, at)).count();
        assert_eq!(taken(&mut bucket, start), 6);
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(10_001)), 1);
        assert_eq!(taken(&mut bucket, start + 2 * MINUTE), 6);
        assert_eq!(taken(&mut bucket, start), 0, "a clock that goes back gives nothing");
    }

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
