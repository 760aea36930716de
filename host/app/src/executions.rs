//! Executions: the one door through which every script of every trigger runs, and the views of what became of it.

mod acting;
mod attempts;
mod calls;
mod order;
mod running;
pub(crate) mod start;
mod views;

use std::{sync::Arc, time::Duration};

use database::{Begun, Execution, ExecutionCursor, ExecutionFilter, StartRow};
use domain::{ErrorKind, ExecutionId, ExecutionStatus, Lineage, Permission, Principal, TenantId, Trigger, UnixMillis};
use runtime::Failure;

pub(crate) use acting::{Acting, Asker, LiveRights, lost_message};
pub use calls::CallView;
pub(crate) use calls::asked;
pub(crate) use order::{Order, Target, request_of};
use running::Guard;
pub(crate) use running::Running;
pub(crate) use views::Sealed;
pub use views::{ExecutionView, LogsView, ResultView};

use crate::{AppError, Inner, artifacts::Runnable, chains::Chain, scripts::ScriptRef};

/// How long accepted work waits before it asks for a slot again.
const RETRY_DELAY: Duration = Duration::from_secs(1);

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
    /// As [`Self::run`].
    pub async fn accept(&self, principal: &Principal, request: RunRequest) -> Result<ExecutionView, AppError> {
        let order = self.order(principal, request)?;
        let (tenant, execution) = (order.target.tenant.id, order.execution);
        let place = self.inner.running.queue(tenant)?;
        let row = self.start_row(&order)?;
        let (service, principal) = (self.clone(), principal.clone());
        // To its end, also where the caller goes away: what is durable has to be run.
        let accepted = async move {
            match service.continued {
                Some(lineage) => service.inner.database.accept_continued_execution(row, lineage).await?,
                None => service.inner.database.accept_execution(row).await?,
            }
            let view = Sealed::of(&service.inner, tenant)?.view(&principal, execution);
            service.go_on(tenant, execution, Some(place));
            view
        };
        self.inner.guests.run(accepted).await?
    }

    /// One execution.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Forbidden`] without `executions.read`.
    pub fn get(&self, principal: &Principal, execution: ExecutionId) -> Result<ExecutionView, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Sealed::of(&self.inner, principal.tenant)?.view(principal, execution)
    }

    /// A page of executions, the latest first.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `executions.read`.
    pub fn list(
        &self,
        principal: &Principal,
        filter: ExecutionFilter,
        cursor: Option<ExecutionCursor>,
        limit: u32,
    ) -> Result<Vec<Execution>, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Ok(self.inner.database.list_executions(principal.tenant, &filter, cursor, limit)?)
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

    /// End an execution that waits or runs. One that has ended stays as it is.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Forbidden`] without `executions.run`.
    pub async fn cancel(&self, principal: &Principal, execution: ExecutionId) -> Result<(), AppError> {
        principal.require(Permission::ExecutionsRun)?;
        let found = self.inner.database.get_execution(principal.tenant, execution).map(|detail| detail.execution);
        match found {
            Ok(found) if found.status == ExecutionStatus::Pending => {
                self.cancel_pending(principal.tenant, execution).await
            }
            Ok(_) => {
                self.inner.running.cancel(execution);
                Ok(())
            }
            Err(error) => Err(AppError::from(error)),
        }
    }

    /// Go on with an execution that was accepted, by this process or by one before it.
    pub(crate) fn resume(&self, tenant: TenantId, execution: ExecutionId) {
        self.go_on(tenant, execution, None);
    }

    /// The only way a script runs: admit, run, commit. Goes on to its end where the caller goes away.
    pub(crate) async fn execute(&self, order: Order) -> Result<attempts::Finished, AppError> {
        let service = self.clone();
        let running = self.inner.running.begin(order.execution, order.target.script.id)?;
        self.inner.guests.run(async move { service.execute_here(order, running).await }).await?
    }

    async fn execute_here(&self, order: Order, running: Guard) -> Result<attempts::Finished, AppError> {
        let target = &order.target;
        let runnable = self.inner.runnable(target.tenant.id, target.version, &target.script.name).await?;
        let _permit = self.inner.admission.admit(target.tenant.id).await?;
        let started_at = UnixMillis::now();
        self.inner.database.announce_execution(StartRow { started_at, ..self.start_row(&order)? });
        self.run_begun(&order, &runnable, started_at, &running).await
    }

    /// Run what the database knows to be running.
    async fn run_begun(
        &self,
        order: &Order,
        runnable: &Runnable,
        started_at: UnixMillis,
        running: &Guard,
    ) -> Result<attempts::Finished, AppError> {
        let ended = match attempts::Attempts::new(&self.inner, order, runnable, started_at) {
            Ok(attempts) => attempts.run(running.cancellation()).await,
            Err(error) => Err(error),
        };
        if ended.is_err() {
            self.end_as_internal(order.target.tenant.id, order.execution).await;
        }
        ended
    }

    /// The host failed: say so in the execution's own row, as far as the database still takes it. What it does not take
    /// is ended as interrupted by the next start.
    async fn end_as_internal(&self, tenant: TenantId, execution: ExecutionId) {
        let failure = Failure::new(ErrorKind::Internal, "Internal", "the server failed; the script is not to blame");
        if let Err(error) = attempts::end_without_run(&self.inner, tenant, execution, &failure).await {
            tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "a failed execution stays as running");
        }
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

    fn go_on(&self, tenant: TenantId, execution: ExecutionId, place: Option<running::Place>) {
        let service = self.clone();
        self.inner.guests.spawn(async move {
            let _place = place;
            loop {
                match service.run_accepted(tenant, execution).await {
                    Err(AppError::Overloaded { .. } | AppError::Quota { .. }) => tokio::time::sleep(RETRY_DELAY).await,
                    Err(error) => {
                        tracing::error!(tenant.id = %tenant, execution.id = %execution, ?error, "an accepted execution failed");
                        service.end_as_internal(tenant, execution).await;
                        break;
                    }
                    Ok(()) => break,
                }
                if service.inner.running.is_stopping() {
                    break;
                }
            }
        });
    }

    async fn run_accepted(&self, tenant: TenantId, execution: ExecutionId) -> Result<(), AppError> {
        let detail = self.inner.database.get_execution(tenant, execution)?;
        let row = detail.execution;
        if row.status != ExecutionStatus::Pending {
            return Ok(());
        }
        let input = Sealed::of(&self.inner, tenant)?.open_input(execution, detail.input.as_deref())?;
        let target = Target::of_version(&self.inner, tenant, row.script, row.version)?;
        let acting = target.acting(&self.inner, Asker::Actor(row.actor))?;
        let rights = acting.rights(&self.inner)?;
        let lineage = self.inner.database.execution_lineage(tenant, execution)?;
        let order = Order {
            execution,
            lineage: lineage.unwrap_or(Lineage::begun_by(tenant, execution)),
            ..Order::new(target, (row.trigger, row.actor), (acting, rights), input)
        };
        self.execute_accepted(order).await
    }

    async fn execute_accepted(&self, order: Order) -> Result<(), AppError> {
        let (tenant, execution) = (order.target.tenant.id, order.execution);
        // It stays `pending` until it has its slot, so that a crash or a refusal meanwhile leaves it as it was.
        let runnable = self.inner.runnable(tenant, order.target.version, &order.target.script.name).await?;
        let _permit = self.inner.admission.admit(tenant).await?;
        // Before the row says that it runs, so that a stop waits for it.
        let running = self.inner.running.begin(execution, order.target.script.id)?;
        let started_at = UnixMillis::now();
        match self.inner.database.begin_pending(tenant, execution, self.inner.database.epoch(), started_at).await? {
            Begun::Running => self.run_begun(&order, &runnable, started_at, &running).await.map(drop),
            Begun::NotPending => Ok(()),
        }
    }

    async fn cancel_pending(&self, tenant: TenantId, execution: ExecutionId) -> Result<(), AppError> {
        let epoch = self.inner.database.epoch();
        match self.inner.database.begin_pending(tenant, execution, epoch, UnixMillis::now()).await? {
            Begun::Running => {
                let message = "the execution was cancelled before it began";
                let failure = Failure::new(ErrorKind::Cancelled, "Cancelled", message);
                attempts::end_without_run(&self.inner, tenant, execution, &failure).await
            }
            Begun::NotPending => {
                self.inner.running.cancel(execution);
                Ok(())
            }
        }
    }
}
