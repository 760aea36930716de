//! How many requests a caller may send in a minute: each token and each signed-in person has a window of its own.
//!
//! It keeps one caller from taking the server for itself, and is counted in memory: what a tenant may use is bounded by
//! its quotas, which are durable.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use domain::{Actor, Principal, TenantId, UnixMillis};
use moka::sync::Cache;
use uuid::Uuid;

use super::RequestService;

/// Callers that are counted at once.
const CALLERS_MAX: u64 = 100_000;

const MINUTE_MS: i64 = 60_000;

/// The requests of each caller in the minute that goes on.
pub(crate) struct RequestRates {
    per_minute: Option<u64>,
    counted: Cache<(TenantId, Uuid, i64), Arc<AtomicU64>>,
}

/// How a caller stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRate {
    /// Requests that it may send in a minute.
    pub limit: u64,
    /// Requests that it may still send.
    pub remaining: u64,
    /// When the next minute begins.
    pub resets_in: Duration,
    /// Whether this request is one too many.
    pub is_over: bool,
}

impl RequestRates {
    /// With at most so many; without a bound for `None`.
    pub(crate) fn new(per_minute: Option<u64>) -> Self {
        let counted = Cache::builder().max_capacity(CALLERS_MAX).time_to_live(Duration::from_secs(120)).build();
        Self { per_minute, counted }
    }

    fn count(&self, tenant: TenantId, caller: Uuid, now: UnixMillis) -> Option<RequestRate> {
        let limit = self.per_minute?;
        let minute = now.0.div_euclid(MINUTE_MS);
        let counter = self.counted.get_with((tenant, caller, minute), Arc::default);
        let before = counter.fetch_add(1, Ordering::Relaxed);
        let rest_ms = u64::try_from(MINUTE_MS - now.0.rem_euclid(MINUTE_MS)).unwrap_or(0);
        Some(RequestRate {
            limit,
            remaining: limit.saturating_sub(before.saturating_add(1)),
            resets_in: Duration::from_millis(rest_ms),
            is_over: before >= limit,
        })
    }
}

impl RequestService {
    /// Count a request of `principal`, and say how it stands then; `None` where there is no bound.
    pub fn count(&self, principal: &Principal, now: UnixMillis) -> Option<RequestRate> {
        let caller = match principal.actor {
            Actor::Token { token, .. } => token.uuid(),
            Actor::Session { user, .. } => user.uuid(),
            Actor::Local | Actor::PublicCaller | Actor::System => return None,
        };
        self.inner.request_rates.count(principal.tenant, caller, now)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn each_caller_has_a_minute_of_its_own() {
        let rates = RequestRates::new(Some(2));
        let (tenant, one, other) = (TenantId::generate(), Uuid::from_u128(1), Uuid::from_u128(2));
        let count = |caller, now| rates.count(tenant, caller, UnixMillis(now)).unwrap();
        assert_eq!(count(one, 1_000).remaining, 1);
        let last = count(one, 59_000);
        assert_eq!((last.remaining, last.is_over, last.resets_in), (0, false, Duration::from_secs(1)));
        assert!(count(one, 59_999).is_over);
        assert!(!count(other, 59_999).is_over);
        assert!(!count(one, 60_000).is_over, "the next minute");
        assert_eq!(RequestRates::new(None).count(tenant, one, UnixMillis(0)), None);
    }
}
