//! The hands of the queue: tasks that take a tenant's accepted executions one after another and run them.
//!
//! A tenant has as many at once as it has slots. Each waits for a slot before it takes anything, so that what waits stays
//! in the database, and whose turn it is stays admission's to say.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use database::{Claim, Claimed, Lease, Rescue, Taken, TenantStatus};
use domain::{ExecutionId, TenantId, UnixMillis};

use super::{ExecutionService, Order, lost::hopeless, order::Held, running::Guard, start};
use crate::{
    AppError, Inner,
    admission::Lane,
    quotas::{self, Allowed},
    transaction::lease,
};

/// How long an execution is this process's without a renewal, in milliseconds.
const LEASE_MS: i64 = 30_000;

/// Between two renewals: three of them fit into a lease.
const RENEW_EVERY: Duration = Duration::from_secs(10);

/// Between two looks for what has become ready by time alone, or was missed.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// Looks between two searches for leases that nobody renewed.
const LOOKS_PER_RESCUE: u32 = 10;

/// How long a tenant's hands rest after the server failed at its work.
const AFTER_FAILURE: Duration = Duration::from_secs(1);

/// How many hands each tenant has at work.
#[derive(Default)]
pub(crate) struct Pullers(Mutex<HashMap<TenantId, u32>>);

/// A hand at work, until it is dropped.
struct Hand {
    pullers: Arc<Pullers>,
    tenant: TenantId,
}

impl Pullers {
    /// Something of the tenant's may be ready: put another hand to work, if it has not as many as it may.
    pub(crate) fn wake(self: Arc<Self>, service: &ExecutionService, tenant: TenantId) {
        if service.inner().running.is_stopping() {
            return;
        }
        let inner = service.inner();
        // A tenant that is not there, or cannot be read, has no work that could be done.
        let Ok(row) = inner.database.tenant(tenant) else { return };
        let most = inner.quotas(&row).concurrent_executions.clamp(1, inner.config.run_slots());
        {
            let mut hands = self.lock();
            let count = hands.entry(tenant).or_default();
            if *count >= most {
                return;
            }
            *count += 1;
        }
        let hand = Hand { pullers: self, tenant };
        let service = service.clone();
        service.inner().guests.spawn({
            let service = service.clone();
            async move {
                let tenant = hand.tenant;
                if let Err(error) = service.pull(tenant).await {
                    report(tenant, &error);
                    tokio::time::sleep(AFTER_FAILURE).await;
                }
                drop(hand);
            }
        });
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<TenantId, u32>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Hand {
    fn drop(&mut self) {
        let mut hands = self.pullers.lock();
        if let Some(count) = hands.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                hands.remove(&self.tenant);
            }
        }
    }
}

/// What keeps a tenant's work waiting is its quota's or the server's state, and no news each time.
fn report(tenant: TenantId, error: &AppError) {
    match error {
        AppError::Quota { quota, .. } => tracing::debug!(tenant.id = %tenant, quota, "accepted work waits for a quota"),
        AppError::Overloaded { .. } => tracing::debug!(tenant.id = %tenant, "accepted work waits"),
        error => tracing::error!(tenant.id = %tenant, ?error, "accepted work could not be taken on"),
    }
}

impl ExecutionService {
    /// Keep the queue going until the application is gone: look for what is ready, renew what is taken, rescue what is
    /// lost.
    pub(crate) fn start_pulling(&self) {
        let weak = Arc::downgrade(self.inner());
        tokio::spawn(async move {
            let mut looks: u32 = 0;
            loop {
                tokio::time::sleep(LOOK_EVERY).await;
                let Some(inner) = weak.upgrade() else { return };
                let service = Self::new(inner);
                looks = looks.wrapping_add(1);
                let rescued = if looks.is_multiple_of(LOOKS_PER_RESCUE) {
                    service.rescue(UnixMillis::now()).await
                } else {
                    Ok(())
                };
                if let Err(error) = rescued.and_then(|()| service.look(UnixMillis::now())) {
                    tracing::warn!(%error, "the queue could not be looked at");
                }
            }
        });
        let weak = Arc::downgrade(self.inner());
        tokio::spawn(async move {
            loop {
                tokio::time::sleep(RENEW_EVERY).await;
                let Some(inner) = weak.upgrade() else { return };
                if let Err(error) = renew(&inner).await {
                    tracing::warn!(%error, "leases could not be renewed");
                }
            }
        });
    }

    fn look(&self, now: UnixMillis) -> Result<(), AppError> {
        for tenant in self.inner().database.tenants_with_ready_work(now)? {
            self.wake(tenant);
        }
        Ok(())
    }

    /// Take back what processes had that are gone, or did not renew.
    pub(crate) async fn rescue(&self, now: UnixMillis) -> Result<(), AppError> {
        let database = &self.inner().database;
        loop {
            let at_work = self.inner().running.taken().into_iter().map(|(_, execution)| execution).collect();
            let epoch = database.epoch();
            let endings = self.inner().endings(database.doomed_executions(epoch, now)?);
            let rescued = database.rescue_executions(Rescue { epoch, now, at_work, endings }).await?;
            let (returned, failed, given_up) = (rescued.returned, rescued.failed, rescued.given_up);
            if returned + failed + given_up == 0 {
                return Ok(());
            }
            self.inner().events.wake();
            tracing::warn!(returned, failed, given_up, "executions were taken back from a process that is gone");
        }
    }

    /// Run what the tenant has ready, until there is nothing more.
    async fn pull(&self, tenant: TenantId) -> Result<(), AppError> {
        let inner = self.inner();
        while !inner.running.is_stopping() {
            let row = inner.database.tenant(tenant)?;
            if row.status != TenantStatus::Active {
                return Ok(());
            }
            let most_fuel = inner.config.limits.lowest(&row.limits.unwrap_or(inner.config.limits)).fuel;
            let allowed = inner.allow_execution(&row, Lane::Background, most_fuel).await?;
            let now = UnixMillis::now();
            let claim = Claim {
                tenant,
                epoch: inner.database.epoch(),
                now,
                lease_until: UnixMillis(now.0 + LEASE_MS),
                reserved_fuel: quotas::set_aside(most_fuel),
            };
            // Before the row says that it runs, so that a stop waits for it.
            let taking = inner.running.begin_taking()?;
            match inner.database.claim_execution(claim).await {
                Ok(Taken::Execution(claimed)) => {
                    // There may be more where this came from.
                    self.wake(tenant);
                    self.run_claimed(tenant, claimed, taking, (now, allowed)).await;
                }
                Ok(Taken::PutOff) => inner.minutes.uncount(tenant),
                Ok(Taken::Nothing) => {
                    inner.minutes.uncount(tenant);
                    return Ok(());
                }
                Err(error) => {
                    inner.minutes.uncount(tenant);
                    return Err(error.into());
                }
            }
        }
        Ok(())
    }

    /// Run what was claimed, or say what becomes of it.
    pub(super) async fn run_claimed(
        &self,
        tenant: TenantId,
        claimed: Claimed,
        taking: Guard,
        begun: (UnixMillis, Allowed),
    ) {
        let Claimed { execution, attempt, fence, failures, rescues, max_attempts, on_interrupt } = claimed;
        let held = Held { fence, failures, rescues, max_attempts, on_interrupt };
        let taken = match self.order_of(tenant, execution) {
            Ok(order) => {
                let order = Order { attempt, held: Some(held), ..order };
                self.run_taken(order, taking, begun).await
            }
            Err(error) => Err(error),
        };
        let Err(error) = taken else { return };
        let lease = Lease { fence: Some(fence), ..lease(tenant, execution, attempt, self.inner().database.epoch()) };
        if let Some(failure) = hopeless(&error) {
            tracing::error!(tenant.id = %tenant, execution.id = %execution, ?error, "an accepted execution cannot be run");
            return self.give_up(lease, (failure, held)).await;
        }
        // Nothing of it has begun: it waits again as it did.
        let again_at = UnixMillis(UnixMillis::now().0 + wait_after(&error));
        if let Err(error) = self.inner().database.put_back(lease, again_at).await {
            tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "an execution stays as running for now");
        }
        if !matches!(error, AppError::NotFound { .. } | AppError::ConcurrencyFull { .. }) {
            tracing::warn!(tenant.id = %tenant, execution.id = %execution, ?error, "an accepted execution waits again");
        }
    }

    /// Run what the queue gave to this process. What becomes of it is in its row.
    ///
    /// # Errors
    /// Nothing of it has begun.
    async fn run_taken(
        &self,
        order: Order,
        taking: Guard,
        (started_at, allowed): (UnixMillis, Allowed),
    ) -> Result<(), AppError> {
        let running = taking.take_on(&order);
        let inner = self.inner();
        let target = &order.target;
        let (tenant, version) = (target.tenant.id, target.version);
        if inner.database.is_cancelled(tenant, order.execution)? {
            inner.running.cancel(order.execution);
        }
        let _place = inner.groups.enter(&order).await?;
        let (runnable, allowed) = match inner.artifacts.ready(tenant, version) {
            Some(runnable) => (runnable, allowed),
            None => {
                // Compiling takes a slot and fuel of its own, which may be the tenant's last.
                drop(allowed);
                let runnable = inner.runnable(tenant, version, &target.script.name).await?;
                let fuel = start::limits(inner, &order, &runnable).fuel;
                (runnable, inner.allow(&target.tenant, Lane::Background, fuel).await?)
            }
        };
        // An error of the server is in its row, and in the log by then.
        if let Err(error) = self.run_begun(&order, &runnable, (started_at, allowed), &running).await {
            tracing::error!(tenant.id = %tenant, execution.id = %order.execution, ?error, "an accepted execution failed");
        }
        Ok(())
    }
}

/// How long an execution waits that could not begin, in milliseconds.
fn wait_after(error: &AppError) -> i64 {
    match error {
        AppError::ConcurrencyFull { .. } => 200,
        AppError::Quota { retry_after, .. } => i64::try_from(retry_after.as_millis()).unwrap_or(0).clamp(1_000, 60_000),
        _ => 2_000,
    }
}

async fn renew(inner: &Inner) -> Result<(), AppError> {
    let taken: Vec<(TenantId, ExecutionId)> = inner.running.taken();
    if taken.is_empty() {
        return Ok(());
    }
    let until = UnixMillis(UnixMillis::now().0 + LEASE_MS);
    Ok(inner.database.renew_leases(inner.database.epoch(), taken, until).await?)
}
