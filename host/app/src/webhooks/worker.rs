//! The worker: it takes deliveries that are due and sends them, so many at once in all and of one tenant, tenant by tenant.
//!
//! It holds nothing that has to survive. A delivery is its own by a lease; what a crash cuts off between sending and
//! writing is sent again under the same id, by which the receiver tells it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
    time::Duration,
};

use database::ClaimedWebhook;
use domain::{TenantId, UnixMillis};
use tokio::sync::{Notify, OwnedSemaphorePermit, Semaphore};

use crate::{AppError, Inner};

/// Requests at once, of all tenants together.
const SENT_AT_ONCE: usize = 64;

/// Requests at once of one tenant.
const SENT_AT_ONCE_OF_A_TENANT: usize = 8;

/// Deliveries that a tenant takes in one turn, before it is another's.
const TAKEN_AT_ONCE: usize = 2;

/// The longest time between two rounds. What is new is seen at once; this is for what another clock decides.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// How long a delivery is this process's: longer than sending it can take.
const LEASE_MS: i64 = 60 * 1000;

/// How long deliveries are kept after their end.
const KEPT_MS: i64 = 30 * 24 * 60 * 60 * 1000;

/// Deliveries that are removed in one write.
const PURGED_AT_ONCE: u32 = 500;

/// What the worker's parts share.
pub(crate) struct Webhooks {
    wake: Arc<Notify>,
    slots: Arc<Semaphore>,
    busy: Mutex<HashMap<TenantId, usize>>,
    /// Who was served last: the next turn is that of whoever comes behind.
    last: Mutex<Option<TenantId>>,
}

/// Once round all tenants, from whoever was served last on.
struct Turns {
    first: Option<TenantId>,
    after: Option<TenantId>,
    has_wrapped: bool,
}

/// A place among the requests at once, until this is dropped.
pub(super) struct Slot {
    inner: Arc<Inner>,
    tenant: TenantId,
    _permit: OwnedSemaphorePermit,
}

impl Webhooks {
    pub(crate) fn new() -> Self {
        let slots = Arc::new(Semaphore::new(SENT_AT_ONCE));
        Self { wake: Arc::new(Notify::new()), slots, busy: Mutex::default(), last: Mutex::default() }
    }

    /// Something may be due.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    fn busy(&self) -> MutexGuard<'_, HashMap<TenantId, usize>> {
        self.busy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn last(&self) -> MutexGuard<'_, Option<TenantId>> {
        self.last.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_full(&self) -> bool {
        self.slots.available_permits() == 0
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut busy = self.inner.webhooks.busy();
        if let Some(count) = busy.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                busy.remove(&self.tenant);
            }
        }
    }
}

/// Go round until the application is gone.
pub(crate) fn start(inner: &Arc<Inner>) {
    let wake = Arc::clone(&inner.webhooks.wake);
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        while let Some(pause) = round(&inner).await {
            let _ = tokio::time::timeout(pause, wake.notified()).await;
        }
    });
}

/// One round; answers how long there is nothing to do, and nothing where there is nobody left to do it for.
async fn round(inner: &Weak<Inner>) -> Option<Duration> {
    let inner = inner.upgrade().filter(|inner| !inner.running.is_stopping())?;
    let now = UnixMillis::now();
    let spawned = |claimed, slot| {
        let inner = Arc::clone(&inner);
        tokio::spawn(async move {
            inner.send_webhook(claimed, UnixMillis::now()).await;
            drop(slot);
            inner.webhooks.wake();
        });
    };
    match inner.take_turns(UnixMillis::now, spawned).await {
        Ok(0) => Some(inner.webhook_pause(now)),
        Ok(_) => Some(Duration::ZERO),
        Err(error) => {
            tracing::warn!(%error, "webhooks could not be looked for");
            Some(PAUSE_MAX)
        }
    }
}

impl Inner {
    /// One round: each tenant's turn, from whoever comes behind the one that was served last. Answers how many deliveries
    /// were handed to `send`; what ails one tenant is nobody else's.
    pub(super) async fn take_turns(
        self: &Arc<Self>,
        clock: impl Fn() -> UnixMillis,
        mut send: impl FnMut(ClaimedWebhook, Slot),
    ) -> Result<usize, AppError> {
        let first = *self.webhooks.last();
        let mut turns = Turns { first, after: first, has_wrapped: first.is_none() };
        let mut sent = 0;
        while !self.webhooks.is_full() {
            let now = clock();
            let Some(tenant) = self.next_turn(&mut turns, now)? else { break };
            let taken = self.take_webhooks(tenant, now).await.unwrap_or_else(|error| {
                tracing::warn!(tenant.id = %tenant, %error, "a tenant's webhooks could not be taken");
                Vec::new()
            });
            if !taken.is_empty() {
                *self.webhooks.last() = Some(tenant);
            }
            for (claimed, slot) in taken {
                sent += 1;
                send(claimed, slot);
            }
        }
        Ok(sent)
    }

    /// Whose turn is next at `now`; nobody's once each had his.
    fn next_turn(&self, turns: &mut Turns, now: UnixMillis) -> Result<Option<TenantId>, AppError> {
        let mut next = self.database.next_tenant_with_due_webhooks(turns.after, now)?;
        if next.is_none() && !turns.has_wrapped {
            turns.has_wrapped = true;
            next = self.database.next_tenant_with_due_webhooks(None, now)?;
        }
        if turns.has_wrapped && turns.first.is_some_and(|first| next.is_some_and(|next| next > first)) {
            return Ok(None);
        }
        turns.after = next;
        Ok(next)
    }

    /// Send everything that is due at `now`, one after the other, as if it were that time.
    #[cfg(test)]
    pub(super) async fn send_due_webhooks(self: &Arc<Self>, now: UnixMillis) -> Result<usize, AppError> {
        let mut sent = 0;
        let mut after = None;
        while let Some(tenant) = self.database.next_tenant_with_due_webhooks(after, now)? {
            let taken = self.take_webhooks(tenant, now).await?;
            if taken.is_empty() {
                after = Some(tenant);
            }
            for (claimed, _slot) in taken {
                self.send_webhook(claimed, now).await;
                sent += 1;
            }
        }
        Ok(sent)
    }

    pub(super) async fn take_webhooks(
        self: &Arc<Self>,
        tenant: TenantId,
        now: UnixMillis,
    ) -> Result<Vec<(ClaimedWebhook, Slot)>, AppError> {
        let mut slots = self.webhook_slots(tenant);
        if slots.is_empty() {
            return Ok(Vec::new());
        }
        let lease_until = UnixMillis(now.0 + LEASE_MS);
        let limit = u32::try_from(slots.len()).unwrap_or(u32::MAX);
        let claimed = self.database.claim_webhooks(tenant, (now, lease_until), limit).await?;
        slots.truncate(claimed.len());
        Ok(claimed.into_iter().zip(slots).collect())
    }

    /// As many places as the tenant may take in one turn.
    fn webhook_slots(self: &Arc<Self>, tenant: TenantId) -> Vec<Slot> {
        let mut busy = self.webhooks.busy();
        let count = busy.entry(tenant).or_default();
        let mut slots = Vec::new();
        while slots.len() < TAKEN_AT_ONCE && *count < SENT_AT_ONCE_OF_A_TENANT {
            let Ok(permit) = Arc::clone(&self.webhooks.slots).try_acquire_owned() else { break };
            *count += 1;
            slots.push(Slot { inner: Arc::clone(self), tenant, _permit: permit });
        }
        if *count == 0 {
            busy.remove(&tenant);
        }
        slots
    }

    /// How long there is nothing to do, as far as is known.
    fn webhook_pause(&self, now: UnixMillis) -> Duration {
        let next = self.database.next_webhook_at(now).ok().flatten();
        let pause = next.map(|next| Duration::from_millis(u64::try_from(next.0 - now.0).unwrap_or(0)));
        pause.unwrap_or(PAUSE_MAX).clamp(Duration::from_millis(10), PAUSE_MAX)
    }

    /// Remove what ended long ago.
    pub(crate) async fn purge_webhook_deliveries(&self, tenant: TenantId, now: UnixMillis) -> Result<(), AppError> {
        let before = UnixMillis(now.0.saturating_sub(KEPT_MS));
        while self.database.purge_webhook_deliveries(tenant, before, PURGED_AT_ONCE).await? == PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}
