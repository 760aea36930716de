//! What is accepted to run later: from an order to the rows of the queue.

use std::sync::Arc;

use blake3::Hasher;
use database::{Priority, QueueEntry, QueueGroup, QueuedExecution};
use domain::{AuditAction, Concurrency, OnInterrupt, Principal, ScriptId, Trigger, UnixMillis, WhenFull};
use runtime::Input;
use serde_json::json;

use super::{ExecutionService, ExecutionView, Order, Sealed, ends};
use crate::AppError;

/// How an execution waits, where its script does not say.
#[derive(Clone, Copy, Debug)]
pub(crate) struct QueueTerms {
    /// Which of the tenant's work goes first.
    pub(crate) priority: Priority,
    /// Not before this; at once where nothing is said.
    pub(crate) available_at: Option<UnixMillis>,
    /// Attempts in all, where the trigger says how many; else the script does.
    pub(crate) max_attempts: Option<u32>,
}

impl QueueTerms {
    /// As soon as it is its turn.
    pub(crate) const LIVE: Self = Self { priority: Priority::Live, available_at: None, max_attempts: None };
}

impl ExecutionService {
    /// The rows of an execution that is to be accepted, for a write of the caller's own. Call [`Self::wake`] after it.
    ///
    /// # Errors
    /// [`AppError::Internal`] where the input cannot be sealed.
    pub(crate) fn queued(&self, order: &Order, terms: QueueTerms) -> Result<QueuedExecution, AppError> {
        let policy = ends::policy(order);
        // A schedule promises to start each slot at most once, everything else to run at least once.
        let promised = if order.trigger == Trigger::Cron { OnInterrupt::Fail } else { OnInterrupt::Retry };
        let group = policy.concurrency.as_ref().map(|concurrency| group(order, concurrency));
        Ok(QueuedExecution {
            start: self.start_row(order)?,
            lineage: order.continued(),
            entry: QueueEntry {
                priority: terms.priority,
                available_at: terms.available_at.unwrap_or(order.accepted_at),
                group,
                line: None,
                max_attempts: terms.max_attempts.unwrap_or(policy.max_attempts),
                on_interrupt: policy.on_interrupt.unwrap_or(promised),
                queue_limit: self.inner().quotas(&order.target.tenant).queued_executions,
            },
        })
    }

    /// Accept an execution as it is asked for, and answer how it stands then. It is durable when this answers.
    ///
    /// # Errors
    /// [`AppError::Quota`] when the tenant's queue is full; [`AppError::ConcurrencyFull`].
    pub(super) async fn enqueue(&self, principal: &Principal, order: &Order) -> Result<ExecutionView, AppError> {
        let queued = self.queued(order, QueueTerms::LIVE)?;
        match order.retry_of {
            // Of what is run for the first time its own row tells.
            None => self.inner().effecting().enqueue_execution(queued).await?,
            Some(first) => {
                let detail = json!({ "execution": order.execution.to_string() });
                let audited = self.inner().audited_with(principal, AuditAction::ExecutionsRetry, first, &detail);
                audited.enqueue_execution(queued).await?;
            }
        }
        self.inner().changes.tell(principal.tenant, order.execution);
        let view = Sealed::of(self.inner(), principal.tenant)?.view(principal, order.execution);
        self.wake(principal.tenant);
        view
    }

    /// Something of the tenant's may be ready.
    pub(crate) fn wake(&self, tenant: domain::TenantId) {
        Arc::clone(&self.inner().pullers).wake(self, tenant);
    }
}

/// Beside which others an execution may go on.
fn group(order: &Order, concurrency: &Concurrency) -> QueueGroup {
    // An event is not to be lost because another one is being worked on.
    let when_full = if order.trigger == Trigger::Event { WhenFull::Queue } else { concurrency.when_full };
    QueueGroup { key: group_key(order.target.script.id, concurrency, &order.input), max: concurrency.max, when_full }
}

/// The name of the executions of a script that are counted together: those with one value at the key's place in their
/// input. What has nothing there is counted together too.
pub(super) fn group_key(script: ScriptId, concurrency: &Concurrency, input: &Input) -> String {
    let json = match input {
        Input::Json(json) => json.as_bytes(),
        Input::Request(request) => &request.body,
    };
    let found = concurrency.key.as_ref().and_then(|key| {
        let value: serde_json::Value = serde_json::from_slice(json).ok()?;
        value.pointer(key).map(ToString::to_string)
    });
    match found {
        None => script.to_string(),
        Some(value) => {
            let mut hasher = Hasher::new();
            hasher.update(value.as_bytes());
            format!("{script}/{}", &hasher.finalize().to_hex()[..32])
        }
    }
}
