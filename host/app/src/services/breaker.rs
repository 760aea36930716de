//! A circuit breaker: a service that does not answer is left alone for a while, and callers are told at once.
//!
//! One for each service. What only one tenant's calls have met closes the service for that tenant alone: its input may
//! be what the service does not survive, and must not take the service from the others. It opens for all only when two
//! tenants have met half as many failures each as open it for one.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::TenantId;

/// When a breaker opens, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BreakerSettings {
    /// Failures in a row of one tenant's calls after which it opens for that tenant; for all when two tenants have met
    /// half as many each.
    pub failures: u32,
    /// How long it stays open before one call is let through to try.
    pub pause: Duration,
}

impl Default for BreakerSettings {
    fn default() -> Self {
        Self { failures: 5, pause: Duration::from_secs(10) }
    }
}

/// How many tenants must have met a failing service until it is left alone for all.
const TENANTS_MIN: usize = 2;

/// A circuit breaker.
pub(crate) struct Breaker {
    settings: BreakerSettings,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// For everybody.
    all: Circuit,
    /// For one tenant each, of those whose calls have failed since the last success.
    tenants: HashMap<TenantId, OfTenant>,
}

#[derive(Default)]
struct OfTenant {
    /// Failures since the last success of anybody.
    failures: u32,
    circuit: Circuit,
}

#[derive(Default)]
struct Circuit {
    /// Until when nobody is let through; `None` while it is closed.
    open_until: Option<Instant>,
    /// Whether somebody is trying at the moment.
    is_tried: bool,
}

/// What a call tries to close.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Trial {
    Nothing,
    OfTenant,
    OfAll,
}

/// Leave to make one call. Dropped without a verdict, it says nothing about the service.
pub(crate) struct Leave {
    breaker: Arc<Breaker>,
    tenant: TenantId,
    trial: Trial,
}

impl Breaker {
    pub(crate) fn new(settings: BreakerSettings) -> Arc<Self> {
        Arc::new(Self { settings, state: Mutex::default() })
    }

    /// Leave for a tenant's call at `now`; `None` while it is open for that tenant, or while another call tries whether
    /// it can close.
    pub(crate) fn ask(self: &Arc<Self>, tenant: TenantId, now: Instant) -> Option<Leave> {
        let mut state = self.lock();
        let trial = if state.all.open_until.is_some() {
            state.all.begin_trial(now)?;
            Trial::OfAll
        } else {
            match state.tenants.get_mut(&tenant) {
                Some(of_tenant) if of_tenant.circuit.open_until.is_some() => {
                    of_tenant.circuit.begin_trial(now)?;
                    Trial::OfTenant
                }
                _ => Trial::Nothing,
            }
        };
        Some(Leave { breaker: Arc::clone(self), tenant, trial })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Circuit {
    /// Try whether it can close; `None` before the end of its pause, and while another call tries.
    fn begin_trial(&mut self, now: Instant) -> Option<()> {
        let may_try = !self.is_tried && self.open_until.is_some_and(|until| now >= until);
        self.is_tried |= may_try;
        may_try.then_some(())
    }

    /// Open it, or open it again after a trial. Says whether that is news.
    fn open(&mut self, until: Instant, is_trial: bool) -> bool {
        let is_news = is_trial || self.open_until.is_none();
        if is_news {
            self.open_until = Some(until);
        }
        is_news
    }
}

impl Leave {
    /// The service answered. A trial that is under way goes on, and stays the only one.
    pub(crate) fn succeeded(self) {
        let mut state = self.breaker.lock();
        state.all.open_until = None;
        state.tenants.retain(|_, of_tenant| {
            of_tenant.failures = 0;
            of_tenant.circuit.open_until = None;
            of_tenant.circuit.is_tried
        });
    }

    /// The service did not answer. Says whether that opened the breaker.
    pub(crate) fn failed(self, now: Instant) -> bool {
        let BreakerSettings { failures, pause } = self.breaker.settings;
        let until = now + pause;
        let mut state = self.breaker.lock();
        let of_tenant = state.tenants.entry(self.tenant).or_default();
        of_tenant.failures = of_tenant.failures.saturating_add(1);
        let opens = of_tenant.failures >= failures && of_tenant.circuit.open(until, self.trial == Trial::OfTenant);
        let have_met_it = state.tenants.values().filter(|other| other.failures >= failures.div_ceil(2)).count();
        let opens_for_all = have_met_it >= TENANTS_MIN && state.all.open(until, self.trial == Trial::OfAll);
        opens || opens_for_all
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        let mut state = self.breaker.lock();
        match self.trial {
            Trial::Nothing => {}
            Trial::OfAll => state.all.is_tried = false,
            Trial::OfTenant => {
                if let Some(of_tenant) = state.tenants.get_mut(&self.tenant) {
                    of_tenant.circuit.is_tried = false;
                }
            }
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
        for (number, tenant) in [tenants[0], tenants[1], tenants[0], tenants[1]].into_iter().enumerate() {
            assert_eq!(breaker.ask(tenant, at).unwrap().failed(at), number == 3);
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
        assert!(!breaker.ask(other, now).unwrap().failed(now), "one failure of another's is no second witness");
        assert!(breaker.ask(one, now).is_none() && breaker.ask(TenantId::generate(), now).is_some());
        assert!(breaker.ask(other, now).unwrap().failed(now), "two have met it now");
        assert!(breaker.ask(other, now).is_none() && breaker.ask(TenantId::generate(), now).is_none());
    }

    #[test]
    fn a_call_that_succeeds_late_leaves_one_trial_the_only_one() {
        let now = Instant::now();
        let [one, other] = tenants();
        let breaker = opened(now, [one, other]);
        let late = Leave { breaker: Arc::clone(&breaker), tenant: other, trial: Trial::Nothing };
        let later = now + SETTINGS.pause;
        let trial = breaker.ask(one, later).unwrap();
        late.succeeded();
        for tenant in [one, other, one, other] {
            breaker.ask(tenant, later).unwrap().failed(later);
        }
        let later = later + SETTINGS.pause;
        assert!(breaker.ask(other, later).is_none(), "the first trial is still under way");
        drop(trial);
        assert!(breaker.ask(other, later).is_some());
    }
}
