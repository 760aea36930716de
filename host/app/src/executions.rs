//! Executions: the one door through which every script of every trigger runs, and the views of what became of it.

mod acting;
mod attempts;
mod bulk;
mod calls;
mod ends;
mod follow;
pub(crate) mod groups;
mod lost;
mod order;
pub(crate) mod pullers;
pub(crate) mod queue;
mod running;
mod search;
pub(crate) mod sent;
pub(crate) mod start;
mod terms;
mod timeline;
mod views;
mod watch;

use std::{sync::Arc, time::Duration};

use database::{Cancelled, DatabaseError, QueuedExecution, StartRow, Usage};
use domain::{AuditAction, ErrorKind, ExecutionId, Lineage, Permission, Principal, TenantId, Trigger, UnixMillis};
use runtime::Failure;

pub(crate) use acting::{Acting, Asker, LiveRights, lost_message};
pub use bulk::{ChosenExecutions, MANY_MAX, ManyExecutions};
pub use calls::CallView;
pub(crate) use calls::{asked, calls_of};
pub(crate) use follow::Streams;
pub use follow::{LogFollower, LogMark, LogNews};
pub(crate) use order::{Order, Target, member_rights, request_of};
pub(crate) use queue::QueueTerms;
use running::Guard;
pub(crate) use running::Running;
pub use search::{ExecutionQuery, ExecutionsFound, LogText};
use sent::SentRequests;
pub(crate) use terms::Terms;
pub use timeline::Timeline;
pub use views::{AttemptView, ExecutionView, LogsView, ResultView};
pub(crate) use views::{Sealed, shown_url};
pub(crate) use watch::Changes;
pub use watch::{ExecutionNews, ExecutionWatcher};

use crate::{
    AppError, Inner,
    artifacts::Runnable,
    chains::Chain,
    quotas::{self, Allowed},
    scripts::ScriptRef,
};

/// How long a cancelled run may take to end by itself. What is left of a quarter of a second is for writing its end.
const CANCEL_GRACE: Duration = Duration::from_millis(150);

/// How long after an execution was accepted it is looked for its end, and between two later looks at most.
const FIRST_LOOK: Duration = Duration::from_millis(5);
const LAST_LOOK: Duration = Duration::from_millis(200);

/// Runs scripts and tells what became of them.
#[derive(Clone)]
pub struct ExecutionService {
    inner: Arc<Inner>,
    /// The chain that what is run here goes on with; `None` where each execution begins its own.
    continued: Option<Lineage>,
}

/// What a principal asks to be run.
#[derive(Clone, Debug)]
pub struct RunRequest {
    /// The script.
    pub script: ScriptRef,
    /// The entry's argument, as JSON text.
    pub input: String,
    /// What asks.
    pub trigger: Trigger,
}

/// Which version runs where an execution is run again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RetriedVersion {
    /// The one that ran.
    Original,
    /// The one that is deployed now.
    Current,
}

impl std::fmt::Debug for ExecutionService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecutionService").finish_non_exhaustive()
    }
}

impl ExecutionService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, continued: None }
    }

    /// The same for a request that an execution of this deployment sent: what it starts goes on with that one's chain.
    #[must_use]
    pub fn continuing(&self, chain: Option<&Chain>) -> Self {
        Self { inner: Arc::clone(&self.inner), continued: chain.map(|chain| chain.0) }
    }

    pub(crate) fn inner(&self) -> &Arc<Inner> {
        &self.inner
    }

    /// The order as a part of the chain that what is run here goes on with, where there is one.
    pub(crate) fn continued(&self, order: Order) -> Order {
        order.continuing(self.continued)
    }

    /// Run a script and wait for its end, which is durable when this answers.
    ///
    /// # Errors
    /// A failing script is no error. [`AppError::NotDeployed`], [`AppError::Paused`], and whatever keeps it from running.
    pub async fn run(&self, principal: &Principal, request: RunRequest) -> Result<ExecutionView, AppError> {
        let order = self.order(principal, request)?;
        let execution = order.execution;
        self.execute(order).await?;
        Sealed::of(&self.inner, principal.tenant)?.view(principal, execution)
    }

    /// Take a script's run on. It is durable when this answers, and runs afterwards.
    ///
    /// # Errors
    /// As [`Self::run`]; [`AppError::Quota`] when the tenant's queue is full.
    pub async fn accept(&self, principal: &Principal, request: RunRequest) -> Result<ExecutionView, AppError> {
        let order = self.order(principal, request)?;
        self.enqueue(principal, &order).await
    }

    /// Take a script's run on as [`Self::accept`] does, and wait at most `patience` for its end. Answers how it stands then.
    ///
    /// # Errors
    /// As [`Self::accept`].
    pub async fn accept_and_wait(
        &self,
        principal: &Principal,
        request: RunRequest,
        patience: Duration,
    ) -> Result<ExecutionView, AppError> {
        let accepted = self.accept(principal, request).await?;
        let execution = accepted.execution.id;
        let ended = async {
            let mut pause = FIRST_LOOK;
            loop {
                tokio::time::sleep(pause).await;
                let status = self.inner.database.get_execution(principal.tenant, execution)?.execution.status;
                if status.is_terminal() {
                    return Ok::<(), AppError>(());
                }
                pause = LAST_LOOK.min(2 * pause);
            }
        };
        if let Ok(ended) = tokio::time::timeout(patience, ended).await {
            ended?;
        }
        Sealed::of(&self.inner, principal.tenant)?.view(principal, execution)
    }

    /// Run an execution again that has ended: the same version with the same input, as a new execution that is linked to
    /// it. Whoever asks joins those whose rights it needs (RULES 14).
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::NotEnded`]; [`AppError::Forbidden`] for whoever may not inspect it; as
    /// [`Self::accept`].
    pub async fn retry(&self, principal: &Principal, execution: ExecutionId) -> Result<ExecutionView, AppError> {
        let order = self.again(principal, execution)?;
        self.enqueue(principal, &order).await
    }

    /// As [`Self::retry`], with the version that is deployed now in place of the one that ran.
    ///
    /// # Errors
    /// As [`Self::retry`]; [`AppError::NotDeployed`].
    pub async fn retry_current(
        &self,
        principal: &Principal,
        execution: ExecutionId,
    ) -> Result<ExecutionView, AppError> {
        let order = self.again_with(principal, execution, RetriedVersion::Current)?;
        self.enqueue(principal, &order).await
    }

    /// The rows that run an ended execution again for a person, for a write of the caller's own.
    ///
    /// # Errors
    /// As [`Self::retry`].
    pub(crate) fn queued_again(
        &self,
        principal: &Principal,
        execution: ExecutionId,
    ) -> Result<QueuedExecution, AppError> {
        self.queued(&self.again(principal, execution)?, QueueTerms::LIVE)
    }

    /// One execution.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Forbidden`] without `executions.read`.
    pub fn get(&self, principal: &Principal, execution: ExecutionId) -> Result<ExecutionView, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Sealed::of(&self.inner, principal.tenant)?.view(principal, execution)
    }

    /// The log of an execution.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] for whoever may not inspect the execution.
    pub fn logs(&self, principal: &Principal, execution: ExecutionId) -> Result<LogsView, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        let sealed = Sealed::of(&self.inner, principal.tenant)?;
        let logs = sealed.view_logs(execution)?;
        sealed.require_inspect(principal, execution)?;
        Ok(logs)
    }

    /// The host calls of an execution, in their order; with what was asked and answered for those who may inspect it.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::NotRecorded`]; [`AppError::Forbidden`] without `executions.read`.
    pub fn calls(&self, principal: &Principal, execution: ExecutionId) -> Result<Vec<CallView>, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Sealed::of(&self.inner, principal.tenant)?.view_calls(principal, execution)
    }

    /// The attempts of an execution before its last one. Why each failed is for those who may inspect it.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Forbidden`] without `executions.read`.
    pub fn attempts(&self, principal: &Principal, execution: ExecutionId) -> Result<Vec<AttemptView>, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Sealed::of(&self.inner, principal.tenant)?.view_attempts(principal, execution)
    }

    /// End an execution that waits or runs. One that was accepted has ended a quarter of a second after this answers,
    /// however busy the threads are that run it.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Ended`]; [`AppError::Forbidden`] without `executions.run`.
    pub async fn cancel(&self, principal: &Principal, execution: ExecutionId) -> Result<(), AppError> {
        principal.require(Permission::ExecutionsRun)?;
        let tenant = principal.tenant;
        let found = self.inner.database.get_execution(tenant, execution)?.execution;
        if found.status.is_terminal() {
            return Err(AppError::Ended { status: found.status });
        }
        let message = "the execution was cancelled before it began";
        let failure = Failure::new(ErrorKind::Cancelled, "Cancelled", message);
        let error = Sealed::of(&self.inner, tenant)?.error(execution, &failure)?;
        // One that runs has no other attempt after this, also where it begins only now.
        let audited = self.inner.audited(principal, AuditAction::ExecutionsCancel, execution);
        let cancelled = audited.cancel_waiting(tenant, execution, error.clone(), UnixMillis::now()).await?;
        if cancelled == Cancelled::Ended {
            self.tell_of_cancelled(tenant, execution);
            return Ok(());
        }
        self.inner.running.cancel(execution);
        let service = self.clone();
        tokio::spawn(async move {
            let ended = if service.inner.running.has_left(execution, CANCEL_GRACE).await {
                service.end_put_back(tenant, execution, error).await
            } else {
                service.end_cancelled(tenant, execution).await
            };
            if let Err(error) = ended {
                tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "a cancelled execution goes on");
            }
        });
        Ok(())
    }

    /// End a cancelled execution that was taken, could not begin, and waits again.
    async fn end_put_back(&self, tenant: TenantId, execution: ExecutionId, error: Vec<u8>) -> Result<(), AppError> {
        let cancelled = self.inner.database.cancel_waiting(tenant, execution, error, UnixMillis::now()).await;
        match cancelled {
            Ok(Cancelled::Ended) => self.tell_of_cancelled(tenant, execution),
            // It ended by itself, or was never more than announced.
            Ok(Cancelled::NotWaiting) | Err(DatabaseError::NotFound) => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// An execution that waited was cancelled: who waits behind it may go on.
    fn tell_of_cancelled(&self, tenant: TenantId, execution: ExecutionId) {
        self.inner.changes.tell(tenant, execution);
        self.inner.events.wake();
        self.wake(tenant);
    }

    /// End a cancelled execution in place of its run, which is on threads that have too much to do to notice.
    async fn end_cancelled(&self, tenant: TenantId, execution: ExecutionId) -> Result<(), AppError> {
        let failure = Failure::new(ErrorKind::Cancelled, "Cancelled", "the execution was cancelled");
        let error = Sealed::of(&self.inner, tenant)?.error(execution, &failure)?;
        if self.inner.database.cancel_running(tenant, execution, error, UnixMillis::now()).await? {
            self.wake(tenant);
            self.inner.events.wake();
        }
        Ok(())
    }

    /// The only way a script runs that somebody waits for: admit, run, commit. Goes on to its end where the caller goes
    /// away. What the queue has runs by [`Self::run_taken`], and both end in [`Self::run_begun`].
    pub(crate) async fn execute(&self, order: Order) -> Result<attempts::Finished, AppError> {
        let service = self.clone();
        let running = self.inner.running.begin(&order)?;
        self.inner.guests.run(async move { service.execute_here(order, running).await }).await?
    }

    async fn execute_here(&self, order: Order, running: Guard) -> Result<attempts::Finished, AppError> {
        let target = &order.target;
        self.require_closed_breaker(target)?;
        let terms = &order.terms;
        let runnable = self.inner.runnable(target.tenant.id, target.version, &target.script.name);
        let runnable = terms.in_time(runnable).await?;
        let _place = terms.in_time(self.inner.groups.enter(&order)).await?;
        let fuel = start::limits(&self.inner, &order, &runnable).fuel;
        let allowed = terms.in_time(self.inner.allow_execution(&target.tenant, order.lane(), fuel)).await?;
        self.pass_breaker(target).await?;
        let started_at = UnixMillis::now();
        let reserved_fuel = quotas::set_aside(fuel);
        self.inner.database.announce_execution(StartRow { started_at, reserved_fuel, ..self.start_row(&order)? });
        self.run_begun(&order, &runnable, (started_at, allowed), &running).await
    }

    /// Run what the database knows to be running.
    async fn run_begun(
        &self,
        order: &Order,
        runnable: &Runnable,
        (started_at, mut allowed): (UnixMillis, Allowed),
        running: &Guard,
    ) -> Result<attempts::Finished, AppError> {
        let day = allowed.fuel.day;
        self.inner.changes.tell(order.target.tenant.id, order.execution);
        let mut used = Usage::default();
        let ended = match attempts::Attempts::new(&self.inner, order, runnable, (started_at, day)) {
            Ok(attempts) => attempts.run(running, &mut used).await,
            Err(error) => Err(error),
        };
        allowed.permit.used(used.fuel, start::limits(&self.inner, order, runnable).memory_bytes);
        if ended.is_err() {
            self.end_as(order, &internal()).await;
            // No commit told of it, also where its script was deleted meanwhile.
            let charged = self.inner.database.settle_usage(order.target.tenant.id, day, used).await;
            if let Err(error) = charged {
                tracing::warn!(tenant.id = %order.target.tenant.id, %error, "usage could not be written");
            }
        }
        allowed.fuel.settle(used.fuel);
        self.inner.changes.tell(order.target.tenant.id, order.execution);
        ended
    }

    /// End an execution that did not come to an end of its own, as far as the database still takes it. What it does not
    /// take is ended by the next start.
    async fn end_as(&self, order: &Order, failure: &Failure) {
        if let Err(error) = attempts::end_without_run(&self.inner, order, failure).await {
            let (tenant, execution) = (order.target.tenant.id, order.execution);
            tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "a failed execution stays as running");
        }
    }

    /// Let nothing run that somebody waits for while the script's breaker is open (RULES 31).
    fn require_closed_breaker(&self, target: &Target) -> Result<(), AppError> {
        let breaker = self.inner.database.breaker(target.tenant.id, target.script.id)?;
        let wait = breaker.and_then(|breaker| breaker.retry_at).map_or(0, |at| at.0 - UnixMillis::now().0);
        match u64::try_from(wait) {
            Ok(wait) if wait > 0 => Err(AppError::BreakerOpen { retry_after: Duration::from_millis(wait) }),
            _ => Ok(()),
        }
    }

    /// Be the one that tries a script whose rest is over.
    async fn pass_breaker(&self, target: &Target) -> Result<(), AppError> {
        let (tenant, script) = (target.tenant.id, target.script.id);
        let is_open = self.inner.database.breaker(tenant, script)?.is_some_and(|breaker| breaker.retry_at.is_some());
        if !is_open || self.inner.database.try_breaker(tenant, script, UnixMillis::now()).await? {
            return Ok(());
        }
        self.require_closed_breaker(target)
    }

    fn order(&self, principal: &Principal, request: RunRequest) -> Result<Order, AppError> {
        principal.require(Permission::ExecutionsRun)?;
        let target = Target::of_script(&self.inner, principal.tenant, &request.script)?;
        let input = target.input(request.input);
        let acting = target.acting(&self.inner, Asker::Actor(principal.actor))?;
        // The principal's rights were read with the request.
        let rights = acting.deployer_rights(&self.inner)?.intersection(principal.permissions);
        let order = Order::new(target, (request.trigger, principal.actor), (acting, rights), input);
        Ok(order.continuing(self.continued))
    }

    fn start_row(&self, order: &Order) -> Result<StartRow, AppError> {
        let sealed = Sealed::of(&self.inner, order.target.tenant.id)?.input(order.execution, &order.input)?;
        Ok(order.start_row(self.inner.database.epoch(), Some(sealed)))
    }

    /// The order of an execution that was accepted, as its row has it.
    fn order_of(&self, tenant: TenantId, execution: ExecutionId) -> Result<Order, AppError> {
        let detail = self.inner.database.get_execution(tenant, execution)?;
        let row = detail.execution;
        let sealed = Sealed::of(&self.inner, tenant)?;
        let input = sealed.open_input(execution, detail.input.as_deref())?;
        let target = Target::of_version(&self.inner, tenant, row.script, row.version)?;
        let acting = target.acting(&self.inner, Asker::of_row(&self.inner, tenant, &row)?)?;
        let rights = acting.rights(&self.inner)?;
        let lineage = self.inner.database.execution_lineage(tenant, execution)?;
        let sent_before = if row.attempt > 1 { sealed.sent_before(execution)? } else { SentRequests::default() };
        Ok(Order {
            execution,
            sent_before,
            lineage: lineage.unwrap_or(Lineage::begun_by(tenant, execution)),
            accepted_at: row.accepted_at,
            retry_of: row.retry_of,
            ..Order::new(target, (row.trigger, row.actor), (acting, rights), input)
        })
    }

    /// The order that runs an ended execution again for a person. It is linked to the first one where that was run again
    /// already, so that whoever asked first stays among those whose rights it needs.
    fn again(&self, principal: &Principal, execution: ExecutionId) -> Result<Order, AppError> {
        self.again_with(principal, execution, RetriedVersion::Original)
    }

    fn again_with(
        &self,
        principal: &Principal,
        execution: ExecutionId,
        version: RetriedVersion,
    ) -> Result<Order, AppError> {
        principal.require(Permission::ExecutionsRun)?;
        let tenant = principal.tenant;
        let sealed = Sealed::of(&self.inner, tenant)?;
        let ended = self.get(principal, execution)?.execution;
        sealed.require_inspect(principal, execution)?;
        if !ended.status.is_terminal() {
            return Err(AppError::NotEnded);
        }
        let input = self.inner.database.get_execution(tenant, execution)?.input;
        let input = sealed.open_input(execution, input.as_deref())?;
        let target = match version {
            RetriedVersion::Original => Target::of_version(&self.inner, tenant, ended.script, ended.version)?,
            RetriedVersion::Current => Target::of_script(&self.inner, tenant, &ScriptRef::Id(ended.script))?,
        };
        if !target.script.is_active {
            return Err(AppError::Paused);
        }
        let asker = Asker::of_row(&self.inner, tenant, &ended)?;
        // What has ended is not adopted: where whoever bound it has left, whoever holds up the script stands for the binding.
        let asker = match self.inner.has_left(tenant, asker.binding())? {
            true => asker.bound_by(target.acting(&self.inner, asker)?.deployer),
            false => asker,
        };
        let acting = target.acting(&self.inner, asker.again(principal.actor))?;
        if acting.is_orphaned(&self.inner)? {
            return Err(AppError::Orphaned);
        }
        let rights = acting.rights(&self.inner)?.intersection(principal.permissions);
        let order = Order::new(target, (Trigger::Retry, principal.actor), (acting, rights), input);
        let order = order.continuing(self.continued);
        Ok(Order { retry_of: Some(ended.retry_of.unwrap_or(execution)), ..order })
    }
}

fn internal() -> Failure {
    Failure::new(ErrorKind::Internal, "Internal", "the server failed; the script is not to blame")
}

#[cfg(test)]
mod tests;
