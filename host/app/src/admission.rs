//! Who may use a slot of the sandbox next: whatever runs a guest or reads tenant source asks here first (RULES 7).
//!
//! Free slots go round the tenants that wait, by deficit round robin: what a tenant's work cost (fuel, or wall time and
//! memory, whichever is the larger part; RULES 8) is its debt, and whose turn it is while in debt waits for its next
//! turns until that is paid. So a tenant's loops fill its own share and queue, and nobody else's, over however many
//! scripts it spreads them.

mod state;

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::TenantId;

use crate::AppError;
use state::{State, Wish};

/// How long one waits for a slot before it is told to come back.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Fuel that counts as a second of a slot: what one core uses up in about that time.
const FUEL_PER_SECOND: u64 = 15_000_000_000;

/// Memory that counts as one slot's.
const MEMORY_PER_SLOT: u64 = 128 << 20;

/// The way on which work comes. Each has its bounds, so that no way keeps the others waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Extension points of the host application: a part of all slots is theirs alone (RULES 31).
    Hook,
    /// Somebody known waits for it: the API, endpoints that authenticate, compiling, replays.
    Direct,
    /// Endpoints that anybody can call: at most half of a tenant's slots (RULES 31).
    Public,
    /// Nobody waits for it: at most half of all slots.
    Background,
}

impl Lane {
    /// In the order in which a tenant's own work goes.
    const ALL: [Self; 4] = [Self::Hook, Self::Direct, Self::Public, Self::Background];
}

/// Gives out slots.
pub(crate) struct Admission {
    state: Mutex<State>,
}

/// How many slots there are, and what becomes of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotCounts {
    /// Slots of the sandbox for executions and whatever else reads tenants' sources.
    pub total: u32,
    /// Those that nobody holds.
    pub free: u32,
    /// Whoever waits for one.
    pub waiting: u64,
}

/// A slot, until it is dropped.
pub(crate) struct Permit {
    admission: Option<Arc<Admission>>,
    tenant: TenantId,
    lane: Lane,
    taken_at: Instant,
    fuel: u64,
    memory_bytes: u64,
}

impl Admission {
    /// Gives out `slots` in all.
    pub(crate) fn new(slots: u32) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State::new(slots)) })
    }

    /// Wait for a slot, of which the tenant holds at most `share`.
    ///
    /// # Errors
    /// [`AppError::Quota`] when too many of the tenant wait; [`AppError::Overloaded`] after ten seconds.
    pub(crate) async fn admit(self: &Arc<Self>, tenant: TenantId, lane: Lane, share: u32) -> Result<Permit, AppError> {
        let receiver = {
            let mut state = self.lock();
            let wish = Wish { tenant, lane, share };
            if state.may_begin(&wish) {
                return Ok(self.permit(&mut state, tenant, lane));
            }
            state.queue(wish)?
        };
        let overloaded = || AppError::Overloaded { retry_after: Duration::from_secs(2) };
        // Work that nobody waits for waits as long as it takes.
        if lane == Lane::Background {
            return receiver.await.map_err(|_| overloaded());
        }
        match tokio::time::timeout(WAIT_MAX, receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(overloaded()),
        }
    }

    /// How it stands with the slots.
    pub(crate) fn counts(&self) -> SlotCounts {
        self.lock().counts()
    }

    fn permit(self: &Arc<Self>, state: &mut State, tenant: TenantId, lane: Lane) -> Permit {
        state.take(tenant, lane);
        Permit {
            admission: Some(Arc::clone(self)),
            tenant,
            lane,
            taken_at: Instant::now(),
            fuel: 0,
            memory_bytes: MEMORY_PER_SLOT,
        }
    }

    fn release(self: &Arc<Self>, tenant: TenantId, lane: Lane, cost: Duration) {
        let mut state = self.lock();
        state.give_back(tenant, lane);
        state.charge(tenant, cost);
        while let Some((tenant, lane, sender)) = state.next() {
            let permit = self.permit(&mut state, tenant, lane);
            // Nobody listens any more: the slot is still free, and must not come back through `release` under the lock.
            if let Err(mut permit) = sender.send(permit) {
                permit.admission = None;
                state.give_back(tenant, lane);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Note what the work used, and the most memory that it could have had.
    pub(crate) fn used(&mut self, fuel: u64, memory_bytes: u64) {
        self.fuel = self.fuel.saturating_add(fuel);
        self.memory_bytes = memory_bytes;
    }

    /// What the work cost, as time of one slot: the larger of its fuel and of its wall time by its memory (RULES 8).
    fn cost(&self) -> Duration {
        let by_fuel = Duration::from_micros(self.fuel / (FUEL_PER_SECOND / 1_000_000));
        let memory = self.memory_bytes as f64 / MEMORY_PER_SLOT as f64;
        by_fuel.max(self.taken_at.elapsed().mul_f64(memory))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let cost = self.cost();
        if let Some(admission) = self.admission.take() {
            admission.release(self.tenant, self.lane, cost);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
