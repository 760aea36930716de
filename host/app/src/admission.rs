//! Who may use a slot of the sandbox next: whatever runs a guest or reads tenant source asks here first (RULES 7).
//!
//! Slots go round the tenants that wait, one each, and no tenant holds more than its share; so a tenant's loop fills its
//! own share and queue, and nobody else's.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::TenantId;
use tokio::sync::oneshot;

use crate::AppError;

/// How many of one tenant may wait at once; the next one is refused rather than made to wait for minutes.
const WAITING_PER_TENANT_MAX: usize = 1_000;

/// How long one waits for a slot before it is told to come back.
const WAIT_MAX: Duration = Duration::from_secs(10);

/// Gives out slots.
pub(crate) struct Admission {
    state: Mutex<State>,
    tenant_share: u32,
}

#[derive(Default)]
struct State {
    free: u32,
    held: HashMap<TenantId, u32>,
    waiting: HashMap<TenantId, VecDeque<oneshot::Sender<Permit>>>,
    /// Tenants that wait, in the order of their turns.
    turns: VecDeque<TenantId>,
}

/// A slot, until it is dropped.
pub(crate) struct Permit {
    admission: Option<Arc<Admission>>,
    tenant: TenantId,
}

impl Admission {
    /// `slots` in all, of which a tenant holds at most `tenant_share`.
    pub(crate) fn new(slots: u32, tenant_share: u32) -> Arc<Self> {
        let state = State { free: slots, ..State::default() };
        Arc::new(Self { state: Mutex::new(state), tenant_share: tenant_share.clamp(1, slots) })
    }

    /// Wait for a slot.
    ///
    /// # Errors
    /// [`AppError::Quota`] when too many of the tenant wait; [`AppError::Overloaded`] after ten seconds.
    pub(crate) async fn admit(self: &Arc<Self>, tenant: TenantId) -> Result<Permit, AppError> {
        let receiver = {
            let mut state = self.lock();
            if state.may_begin(tenant, self.tenant_share) {
                return Ok(self.permit(&mut state, tenant));
            }
            state.queue(tenant)?
        };
        match tokio::time::timeout(WAIT_MAX, receiver).await {
            Ok(Ok(permit)) => Ok(permit),
            _ => Err(AppError::Overloaded { retry_after: Duration::from_secs(2) }),
        }
    }

    fn permit(self: &Arc<Self>, state: &mut State, tenant: TenantId) -> Permit {
        state.free -= 1;
        *state.held.entry(tenant).or_default() += 1;
        Permit { admission: Some(Arc::clone(self)), tenant }
    }

    fn release(self: &Arc<Self>, tenant: TenantId) {
        let mut state = self.lock();
        state.give_back(tenant);
        while let Some((tenant, sender)) = state.next(self.tenant_share) {
            let permit = self.permit(&mut state, tenant);
            // Nobody listens any more: the slot is still free, and must not come back through `release` under the lock.
            if let Err(mut permit) = sender.send(permit) {
                permit.admission = None;
                state.give_back(tenant);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn may_begin(&self, tenant: TenantId, share: u32) -> bool {
        self.free > 0 && self.held.get(&tenant).copied().unwrap_or(0) < share && !self.waiting.contains_key(&tenant)
    }

    fn queue(&mut self, tenant: TenantId) -> Result<oneshot::Receiver<Permit>, AppError> {
        let queue = self.waiting.entry(tenant).or_default();
        queue.retain(|sender| !sender.is_closed());
        if queue.len() >= WAITING_PER_TENANT_MAX {
            let limit = WAITING_PER_TENANT_MAX as u64;
            return Err(AppError::Quota { quota: "queued_executions", limit, retry_after: Duration::from_secs(1) });
        }
        let (sender, receiver) = oneshot::channel();
        queue.push_back(sender);
        if !self.turns.contains(&tenant) {
            self.turns.push_back(tenant);
        }
        Ok(receiver)
    }

    fn give_back(&mut self, tenant: TenantId) {
        self.free += 1;
        if let Some(held) = self.held.get_mut(&tenant) {
            *held -= 1;
            if *held == 0 {
                self.held.remove(&tenant);
            }
        }
    }

    /// Whose turn it is, if a slot is free: the first tenant in turn that is below its share goes to the end.
    fn next(&mut self, share: u32) -> Option<(TenantId, oneshot::Sender<Permit>)> {
        if self.free == 0 {
            return None;
        }
        for _ in 0..self.turns.len() {
            let tenant = self.turns.pop_front()?;
            let below_share = self.held.get(&tenant).copied().unwrap_or(0) < share;
            let sender = below_share.then(|| self.waiting.get_mut(&tenant)?.pop_front()).flatten();
            if self.waiting.get(&tenant).is_some_and(|queue| !queue.is_empty()) {
                self.turns.push_back(tenant);
            } else {
                self.waiting.remove(&tenant);
            }
            if let Some(sender) = sender {
                return Some((tenant, sender));
            }
        }
        None
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        if let Some(admission) = self.admission.take() {
            admission.release(self.tenant);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use futures_util::{FutureExt, poll};

    use super::*;

    #[tokio::test]
    async fn no_tenant_holds_more_than_its_share() {
        let admission = Admission::new(4, 2);
        let (greedy, other) = (TenantId::generate(), TenantId::generate());
        let _first = admission.admit(greedy).await.unwrap();
        let _second = admission.admit(greedy).await.unwrap();
        assert!(admission.admit(greedy).now_or_never().is_none(), "the third waits");
        assert!(admission.admit(other).now_or_never().is_some(), "another tenant does not");
    }

    #[tokio::test]
    async fn a_free_slot_goes_round_the_waiting_tenants() {
        let admission = Admission::new(1, 1);
        let (first, second) = (TenantId::generate(), TenantId::generate());
        let held = admission.admit(first).await.unwrap();
        let mut again = Box::pin(admission.admit(first));
        let mut other = Box::pin(admission.admit(second));
        assert!(poll!(&mut again).is_pending());
        assert!(poll!(&mut other).is_pending());
        drop(held);
        let held = again.await.unwrap();
        drop(held);
        other.await.unwrap();
    }

    #[tokio::test]
    async fn whoever_gave_up_waiting_blocks_nobody() {
        let admission = Admission::new(1, 1);
        let tenant = TenantId::generate();
        let held = admission.admit(tenant).await.unwrap();
        let mut gave_up = Box::pin(admission.admit(tenant));
        assert!(poll!(&mut gave_up).is_pending());
        drop(gave_up);
        drop(held);
        assert!(admission.admit(tenant).now_or_never().is_some());
    }
}
