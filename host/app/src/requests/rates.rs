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
use crate::AppError;

/// Callers that are counted at once.
const CALLERS_MAX: u64 = 100_000;

const MINUTE_MS: i64 = 60_000;

/// How many tenants' bounds are known at once, and for how long: a change holds within a second.
const TENANTS_MAX: u64 = 10_000;
const STALE_MAX: Duration = Duration::from_millis(500);

/// The requests of each caller in the minute that goes on.
pub(crate) struct RequestRates {
    counted: Cache<(TenantId, Uuid, i64), Arc<AtomicU64>>,
    /// What each tenant's plan allows, or the deployment.
    allowed: Cache<TenantId, Option<u64>>,
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
    pub(crate) fn new() -> Self {
        let counted = Cache::builder().max_capacity(CALLERS_MAX).time_to_live(Duration::from_secs(120)).build();
        let allowed = Cache::builder().max_capacity(TENANTS_MAX).time_to_live(STALE_MAX).build();
        Self { counted, allowed }
    }

    /// Count a request of a caller who may send `limit`.
    fn count(&self, (tenant, caller): (TenantId, Uuid), limit: u64, now: UnixMillis) -> RequestRate {
        let minute = now.0.div_euclid(MINUTE_MS);
        let counter = self.counted.get_with((tenant, caller, minute), Arc::default);
        let before = counter.fetch_add(1, Ordering::Relaxed);
        let rest_ms = u64::try_from(MINUTE_MS - now.0.rem_euclid(MINUTE_MS)).unwrap_or(0);
        RequestRate {
            limit,
            remaining: limit.saturating_sub(before.saturating_add(1)),
            resets_in: Duration::from_millis(rest_ms),
            is_over: before >= limit,
        }
    }
}

impl RequestService {
    /// Count a request of `principal`, and say how it stands then; `None` where there is no bound.
    ///
    /// # Errors
    /// Whatever keeps the tenant's quotas from being read.
    pub fn count(&self, principal: &Principal, now: UnixMillis) -> Result<Option<RequestRate>, AppError> {
        let caller = match principal.actor {
            Actor::Token { token, .. } => token.uuid(),
            Actor::Session { user, .. } => user.uuid(),
            Actor::Local | Actor::PublicCaller | Actor::System => return Ok(None),
        };
        let limit = self.allowed_requests(principal.tenant)?;
        Ok(limit.map(|limit| self.inner.request_rates.count((principal.tenant, caller), limit, now)))
    }

    /// Requests that each caller of a tenant may send in a minute.
    fn allowed_requests(&self, tenant: TenantId) -> Result<Option<u64>, AppError> {
        let allowed = &self.inner.request_rates.allowed;
        if let Some(known) = allowed.get(&tenant) {
            return Ok(known);
        }
        let limit = self.inner.quotas(&self.inner.database.tenant(tenant)?).requests_per_minute;
        allowed.insert(tenant, limit);
        Ok(limit)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use domain::PlanQuotas;

    use super::*;
    use crate::{App, AppConfig};

    #[test]
    fn each_caller_has_a_minute_of_its_own() {
        let rates = RequestRates::new();
        let (tenant, one, other) = (TenantId::generate(), Uuid::from_u128(1), Uuid::from_u128(2));
        let count = |caller, now| rates.count((tenant, caller), 2, UnixMillis(now));
        assert_eq!(count(one, 1_000).remaining, 1);
        let last = count(one, 59_000);
        assert_eq!((last.remaining, last.is_over, last.resets_in), (0, false, Duration::from_secs(1)));
        assert!(count(one, 59_999).is_over);
        assert!(!count(other, 59_999).is_over);
        assert!(!count(one, 60_000).is_over, "the next minute");
    }

    #[tokio::test]
    async fn a_plan_says_how_many_requests_its_tenants_may_send() {
        let config = AppConfig { requests_per_minute: Some(10), ..AppConfig::in_memory() };
        let app = App::open_offline(config).unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&made.token).unwrap();
        let limit = || app.requests().count(&principal, UnixMillis(0)).unwrap().unwrap().limit;
        assert_eq!(limit(), 10, "the deployment's, where the plan says nothing");
        let quotas = PlanQuotas { requests_per_minute: Some(1), ..PlanQuotas::default() };
        app.inner.database.set_tenant_quotas(principal.tenant, quotas).await.unwrap();
        app.inner.request_rates.allowed.invalidate_all();
        assert_eq!(limit(), 1);
        assert!(app.requests().count(&principal, UnixMillis(0)).unwrap().unwrap().is_over);
    }

    #[tokio::test]
    async fn without_a_bound_nothing_is_counted() {
        let app = App::open_offline(AppConfig::in_memory()).unwrap();
        let made = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&made.token).unwrap();
        assert_eq!(app.requests().count(&principal, UnixMillis(0)).unwrap(), None);
    }
}
