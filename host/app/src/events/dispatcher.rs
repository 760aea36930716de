//! The dispatcher: it looks for events that nobody has seen to and for deliveries that can go on, tenant by tenant, a
//! bounded batch each, and comes round again as long as there is something to do.
//!
//! It holds nothing that has to survive: a crash at any place leaves rows that the next round finds.

use std::{sync::Arc, time::Duration};

use database::TenantStatus;
use domain::{TenantId, UnixMillis};

use super::expansion::Batch;
use crate::{AppError, Inner, executions::ExecutionService};

/// The longest time between two rounds. What is published here is seen at once; this is for what another process wrote,
/// and for places in a queue that was full.
const PAUSE: Duration = Duration::from_secs(1);

/// What a round came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Round {
    /// Events for which subscriptions were looked for.
    pub(crate) events: usize,
    /// Deliveries that went on.
    pub(crate) deliveries: usize,
}

impl Round {
    fn is_idle(self) -> bool {
        self == Self::default()
    }
}

/// Go round until the application is gone.
pub(crate) fn start(inner: &Arc<Inner>) {
    let wake = Arc::clone(&inner.events.wake);
    let inner = Arc::downgrade(inner);
    tokio::spawn(async move {
        loop {
            {
                let Some(inner) = inner.upgrade() else { return };
                if inner.running.is_stopping() {
                    return;
                }
                match inner.dispatch_events(UnixMillis::now()).await {
                    Ok(round) if !round.is_idle() => continue,
                    Ok(_) => {}
                    Err(error) => tracing::warn!(%error, "events could not be looked for"),
                }
            }
            let _ = tokio::time::timeout(PAUSE, wake.notified()).await;
        }
    });
}

impl Inner {
    /// One round: a batch of each tenant that has something.
    pub(crate) async fn dispatch_events(self: &Arc<Self>, now: UnixMillis) -> Result<Round, AppError> {
        let executions = ExecutionService::new(Arc::clone(self));
        let mut round = Round::default();
        let mut after = None;
        while let Some(tenant) = self.next_tenant_with_events(after)? {
            after = Some(tenant);
            // A tenant whose rows cannot be worked on keeps nobody else's waiting.
            match self.dispatch_tenant(&executions, tenant, now).await {
                Ok(done) => {
                    round.events += done.events;
                    round.deliveries += done.deliveries;
                }
                Err(error) => tracing::warn!(tenant.id = %tenant, %error, "a tenant's events wait"),
            }
        }
        Ok(round)
    }

    async fn dispatch_tenant(
        self: &Arc<Self>,
        executions: &ExecutionService,
        tenant: TenantId,
        now: UnixMillis,
    ) -> Result<Round, AppError> {
        if self.database.tenant(tenant)?.status != TenantStatus::Active {
            return Ok(Round::default());
        }
        let mut batch = Batch::new(executions, tenant).await?;
        let released = batch.release(now).await?;
        // What is on its way goes before what is new, and a full queue lets nothing more in.
        let expanded = if released.is_full { database::Expanded::default() } else { batch.expand(now).await? };
        if released.deliveries + expanded.queued > 0 {
            executions.wake(tenant);
        }
        if expanded.events > 0 {
            self.webhooks.wake();
        }
        Ok(Round { events: expanded.events, deliveries: released.deliveries })
    }

    fn next_tenant_with_events(&self, after: Option<TenantId>) -> Result<Option<TenantId>, AppError> {
        let with_events = self.database.next_tenant_with_pending_events(after)?;
        let with_deliveries = self.database.next_tenant_with_ready_deliveries(after)?;
        Ok(with_events.into_iter().chain(with_deliveries).min())
    }
}
