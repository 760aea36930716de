//! Executions that no run ends: those that a process left which is gone and that have no other attempt, and those that
//! nothing can run. What their rows say, and what is told of them.

use std::time::Duration;

use database::{
    DatabaseError, Doomed, Effects, Ending, ExecutionCommit, ExecutionEnd, Lease, OutboxEvent, Usage, Verdict,
};
use domain::{ErrorKind, ExecutionId, TenantId, UnixMillis};
use runtime::Failure;

use super::{ExecutionService, Sealed, ends, order::Held};
use crate::{AppError, Inner};

/// Why an accepted execution can never begin, if waiting does not help. What it needs is read from the disk or compiled
/// anew each time: what cannot be would be tried for ever, and keep its place in the tenant's queue.
pub(super) fn hopeless(error: &AppError) -> Option<Failure> {
    match error {
        AppError::Source { diagnostics } => {
            let first = diagnostics.first().map_or("", |diagnostic| diagnostic.message.as_str());
            let message = format!("the version does not compile any more: {first}");
            Some(Failure::new(ErrorKind::Syntax, "SyntaxError", message))
        }
        AppError::Internal(source) => {
            let is_passing = matches!(source.downcast_ref(), Some(DatabaseError::TooSlow));
            let message = "the server cannot read what the execution needs; the script is not to blame";
            (!is_passing).then(|| Failure::new(ErrorKind::Internal, "Internal", message))
        }
        _ => None,
    }
}

impl ExecutionService {
    /// End an execution from the queue that cannot begin; what the server failed at is tried again some times first.
    pub(super) async fn give_up(&self, lease: Lease, (failure, held): (Failure, Held)) {
        let inner = self.inner();
        if let Err(error) = inner.commit_hopeless(lease, &failure, held).await {
            let Lease { tenant, execution, .. } = lease;
            tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "an execution stays as running for now");
        }
        inner.events.wake();
        inner.changes.tell(lease.tenant, lease.execution);
    }
}

impl Inner {
    /// What is said of the ends of these executions. What cannot be said of one keeps none from ending.
    pub(crate) fn endings(&self, doomed: Vec<Doomed>) -> Vec<Ending> {
        doomed.into_iter().map(|doomed| self.ending(doomed)).collect()
    }

    fn ending(&self, doomed: Doomed) -> Ending {
        let failure = match doomed.kind {
            ErrorKind::Cancelled => Failure::new(doomed.kind, "Cancelled", "the execution was cancelled"),
            kind => Failure::new(kind, "Interrupted", "the server ended while the script ran, and it is not run again"),
        };
        let error = Sealed::of(self, doomed.tenant).and_then(|sealed| sealed.error(doomed.execution, &failure));
        let error = error.inspect_err(|error| untold(&doomed, error)).ok();
        let told = self.told_of_doomed(&doomed).inspect_err(|error| untold(&doomed, error));
        Ending { doomed, error, told: told.unwrap_or_default() }
    }

    async fn commit_hopeless(&self, lease: Lease, failure: &Failure, held: Held) -> Result<(), AppError> {
        let now = UnixMillis::now();
        let retry = ends::retry_of_server(held, failure.kind, now);
        let told =
            if retry.is_some() { None } else { self.told_of_hopeless(lease.tenant, lease.execution, failure.kind) };
        // Where the tenant's key is what cannot be read, the row says the kind alone.
        let error = Sealed::of(self, lease.tenant).and_then(|sealed| sealed.error(lease.execution, failure)).ok();
        let commit = ExecutionCommit {
            lease,
            end: ExecutionEnd {
                status: failure.kind.status(),
                error_kind: Some(failure.kind),
                result: None,
                error,
                fuel: 0,
                peak_memory_bytes: 0,
                host_calls: 0,
                logs_truncated: false,
                completed_at: now,
                duration: Duration::ZERO,
            },
            record: None,
            effects: Effects { events: told.into_iter().collect(), ..Effects::default() },
            usage: Usage::default(),
            day: now.utc_day(),
            verdict: Verdict::Nothing,
            retry,
            on_open: None,
        };
        self.database.commit_execution(commit).await?;
        Ok(())
    }

    /// What is told of the end of an execution that cannot be run, as far as its row can be read.
    fn told_of_hopeless(&self, tenant: TenantId, execution: ExecutionId, kind: ErrorKind) -> Option<OutboxEvent> {
        let row = self.database.get_execution(tenant, execution).ok()?.execution;
        let lineage = self.database.execution_lineage(tenant, execution).ok()?;
        let doomed = Doomed { tenant, execution, script: row.script, trigger: row.trigger, lineage, kind };
        self.told_of_doomed(&doomed).inspect_err(|error| untold(&doomed, error)).ok()?
    }

    /// End every execution that a process before this one left running and that no queue takes care of.
    pub(crate) async fn end_left_running(&self, epoch: i64, now: UnixMillis) -> Result<(), AppError> {
        loop {
            let left = self.database.left_running(epoch)?;
            if left.is_empty() {
                return Ok(());
            }
            tracing::warn!(executions = left.len(), "executions that the last stop cut are marked as interrupted");
            self.database.end_doomed(self.endings(left), now).await?;
        }
    }
}

fn untold(doomed: &Doomed, error: &AppError) {
    tracing::warn!(
        tenant.id = %doomed.tenant, execution.id = %doomed.execution, %error,
        "the end of an execution cannot be described"
    );
}
