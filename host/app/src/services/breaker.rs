//! A circuit breaker: a service that does not answer is left alone for a while, and callers are told at once.
//!
//! One for each service. What only one tenant's calls have met closes the service for that tenant alone: its input may
//! be what the service does not survive, and must not take the service from the others.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::TenantId;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row after which it opens.
    pub failures: u32,
    /// How long it stays open before one call is let through to try.
    pub pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(10) }
    }
}

/// A circuit breaker.
pub(crate) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Failures since the last success.
    failures: u32,
    /// Whose calls they were.
    met_by: MetBy,
    /// Until when nobody is let through; `None` while it is closed.
    open_until: Option<Instant>,
    /// Whether somebody is trying at the moment.
    is_tried: bool,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum MetBy {
    #[default]
    Nobody,
    One(TenantId),
    Several,
}

/// Leave to make one call. Dropped without a verdict, it says nothing about the service.
pub(crate) struct Leave {
    breaker: Arc<Breaker>,
    tenant: TenantId,
    is_trial: bool,
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Arc<Self> {
        Arc::new(Self { settings, state: Mutex::default() })
    }

    /// Leave for a tenant's call at `now`; `None` while it is open for that tenant, or while another call tries whether
    /// it can close.
    pub(crate) fn ask(self: &Arc<Self>, tenant: TenantId, now: Instant) -> Option<Leave> {
        let mut state = self.lock();
        let is_trial = match state.open_until {
            None => false,
            Some(_) if state.met_by != MetBy::Several && state.met_by != MetBy::One(tenant) => false,
            Some(until) if now < until || state.is_tried => return None,
            Some(_) => true,
        };
        state.is_tried |= is_trial;
        Some(Leave { breaker: Arc::clone(self), tenant, is_trial })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave {
    /// The service answered.
    pub(crate) fn succeeded(self) {
        *self.breaker.lock() = State::default();
    }

    /// The service did not answer. Says whether that opened the breaker.
    pub(crate) fn failed(self, now: Instant) -> bool {
        let BreakerSettings { failures, pause } = self.breaker.settings;
        let mut state = self.breaker.lock();
        state.failures = state.failures.saturating_add(1);
        let before = state.met_by;
        state.met_by = match before {
            MetBy::Nobody => MetBy::One(self.tenant),
            MetBy::One(tenant) if tenant == self.tenant => before,
            MetBy::One(_) | MetBy::Several => MetBy::Several,
        };
        let is_news = self.is_trial || state.open_until.is_none() || state.met_by != before;
        let opens = is_news && state.failures >= failures;
        if opens {
            state.open_until = Some(now + pause);
        }
        opens
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.lock().is_tried = false;
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    const SETTINGS: BreakerSettings = BreakerSettings { failures: 3, pause: Duration::from_secs(10) };

    fn tenants() -> [TenantId; 2] {
        [TenantId::generate(), TenantId::generate()]
    }

    /// A breaker that calls of these tenants opened.
    fn opened(at: Instant, tenants: [TenantId; 2]) -> Arc<Breaker> {
        let breaker = Breaker::new(SETTINGS);
        for (number, tenant) in [tenants[0], tenants[1], tenants[0]].into_iter().enumerate() {
            assert_eq!(breaker.ask(tenant, at).unwrap().failed(at), number == 2);
        }
        breaker
    }

    #[test]
    fn it_opens_after_so_many_failures_in_a_row_and_not_before() {
        let now = Instant::now();
        let breaker = Breaker::new(SETTINGS);
        let [one, other] = tenants();
        for _ in 0..10 {
            breaker.ask(one, now).unwrap().failed(now);
            breaker.ask(other, now).unwrap().failed(now);
            breaker.ask(one, now).unwrap().succeeded();
        }
        assert!(opened(now, [one, other]).ask(TenantId::generate(), now).is_none());
    }

    #[test]
    fn after_its_pause_one_call_tries_and_closes_it_or_opens_it_again() {
        let now = Instant::now();
        let [one, other] = tenants();
        let breaker = opened(now, [one, other]);
        assert!(breaker.ask(one, now + Duration::from_secs(9)).is_none());
        let later = now + SETTINGS.pause;
        let trial = breaker.ask(one, later).unwrap();
        assert!(breaker.ask(other, later).is_none(), "one at a time");
        assert!(trial.failed(later));
        assert!(breaker.ask(other, later).is_none());
        let later = later + SETTINGS.pause;
        breaker.ask(one, later).unwrap().succeeded();
        assert!(breaker.ask(one, later).is_some() && breaker.ask(other, later).is_some());
    }

    #[test]
    fn a_trial_that_is_cut_leaves_the_next_call_to_try() {
        let now = Instant::now();
        let [one, other] = tenants();
        let breaker = opened(now, [one, other]);
        let later = now + SETTINGS.pause;
        drop(breaker.ask(one, later).unwrap());
        assert!(breaker.ask(other, later).is_some());
    }

    #[test]
    fn calls_that_were_under_way_when_it_opened_do_not_prolong_it() {
        let now = Instant::now();
        let breaker = Breaker::new(SETTINGS);
        let [one, _] = tenants();
        let late = breaker.ask(one, now).unwrap();
        for _ in 0..3 {
            breaker.ask(one, now).unwrap().failed(now);
        }
        assert!(!late.failed(now + Duration::from_secs(9)));
        assert!(breaker.ask(one, now + SETTINGS.pause).is_some());
    }

    #[test]
    fn what_one_tenant_meets_closes_the_service_for_that_tenant_alone() {
        let now = Instant::now();
        let breaker = Breaker::new(SETTINGS);
        let [one, other] = tenants();
        for _ in 0..3 {
            breaker.ask(one, now).unwrap().failed(now);
        }
        assert!(breaker.ask(one, now).is_none());
        assert!(breaker.ask(other, now).unwrap().failed(now), "two have met it now");
        assert!(breaker.ask(other, now).is_none() && breaker.ask(TenantId::generate(), now).is_none());
    }
}
