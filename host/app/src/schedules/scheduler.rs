//! The scheduler: what is due is started, skipped or noted as missed, each schedule by itself, in bounded batches. It
//! remembers nothing: what was decided stands in the rows, and each step says what it saw there.

use std::{collections::HashSet, sync::Arc};

use database::{DatabaseError, NextSlot, Schedule, SlotDecision, SlotPlace, SlotStart, SlotsPassed};
use domain::{Actor, ExecutionId, Permission, Principal, SlotReason, TenantId, UnixMillis};
use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use super::{due::Due, known::KnownSlots, later, orders::SlotRun};
use crate::{
    AppError, ExecutionService, Inner,
    error::QUEUED_EXECUTIONS,
    executions::{QueueTerms, Target},
    scripts::ScriptRef,
};

/// Schedules that one batch takes up.
const BATCH: u32 = 256;

/// Schedules of a batch that are worked on at once, so that their writes share a transaction.
const AT_ONCE: usize = 64;

/// Batches of one tick: more than ten thousand schedules in the same second.
const BATCHES_MAX: usize = 64;

/// Steps that one schedule takes in a row. With a slot each second, and none late, there are sixty of them.
const STEPS_MAX: usize = 70;

/// How long a slot waits that could not be started: until the queue has room, or the zone is known again.
const RETRY_MS: i64 = 5_000;

/// Looks for what is due.
pub(super) struct Scheduler {
    inner: Arc<Inner>,
    executions: ExecutionService,
    known: KnownSlots,
    /// Held by the tick that goes on. Two at once would only see each other's steps as changed rows.
    turn: Mutex<()>,
}

/// Whether a schedule's next slot may be due still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Again,
    Done,
}

impl Step {
    /// What follows a slot that was decided.
    fn to(next: Option<NextSlot>, now: UnixMillis) -> Self {
        if next.is_some_and(|next| next.due_at <= now) { Self::Again } else { Self::Done }
    }
}

/// What became of a schedule that was due.
enum Settled {
    Done,
    /// Its slot waits, and so do all others of the tenant.
    QueueFull(TenantId),
}

/// Whether there is something to run.
pub(super) enum Standing {
    /// There is.
    Runs(Box<Target>),
    /// There is not, and this is why.
    Paused(SlotReason),
}

impl Standing {
    /// What there is to run for a schedule.
    ///
    /// # Errors
    /// As the database says.
    pub(super) fn of(inner: &Arc<Inner>, schedule: &Schedule) -> Result<Self, AppError> {
        if schedule.is_paused {
            return Ok(Self::Paused(SlotReason::SchedulePaused));
        }
        match Target::of_script(inner, schedule.tenant, &ScriptRef::Id(schedule.script)) {
            Ok(_) if inner.has_left(schedule.tenant, schedule.set_by)? => Ok(Self::Paused(SlotReason::SchedulePaused)),
            Ok(target) => Ok(Self::Runs(Box::new(target))),
            Err(AppError::Paused | AppError::Orphaned) => Ok(Self::Paused(SlotReason::ScriptPaused)),
            Err(AppError::NotDeployed) => Ok(Self::Paused(SlotReason::NotDeployed)),
            Err(AppError::NotFound { what: "tenant" }) => Ok(Self::Paused(SlotReason::TenantSuspended)),
            Err(error) => Err(error),
        }
    }
}

impl Scheduler {
    pub(super) fn new(inner: Arc<Inner>, executions: ExecutionService, known: KnownSlots) -> Self {
        Self { inner, executions, known, turn: Mutex::default() }
    }

    /// Decide what is due at `now`. Returns at once where an earlier tick has not ended.
    pub(super) async fn tick(&self, now: UnixMillis) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        for _ in 0..BATCHES_MAX {
            if self.inner.running.is_stopping() {
                return;
            }
            match self.batch(now).await {
                Ok(Step::Again) => {}
                Ok(Step::Done) => return,
                Err(error) => {
                    tracing::warn!(?error, "what is due cannot be started for now");
                    return;
                }
            }
        }
    }

    /// Decide what is due of one schedule.
    ///
    /// # Errors
    /// [`AppError::Quota`] where the tenant's queue is full: the slot is as it was.
    pub(super) async fn settle(&self, schedule: &Schedule, now: UnixMillis) -> Result<(), AppError> {
        let mut step = self.step(schedule, now).await?;
        for _ in 1..STEPS_MAX {
            if step == Step::Done {
                break;
            }
            let current = self.inner.database.schedule(schedule.tenant, schedule.id)?;
            step = self.step(&current, now).await?;
        }
        Ok(())
    }

    async fn batch(&self, now: UnixMillis) -> Result<Step, AppError> {
        let due = self.inner.database.due_schedules(now, BATCH)?;
        let is_last = due.schedules.len() + due.unreadable.len() < BATCH as usize;
        let due = self.inner.readable(due).await?;
        let mut full: HashSet<TenantId> = HashSet::new();
        let mut settled =
            stream::iter(due).map(|schedule| self.settle_or_wait(schedule, now)).buffer_unordered(AT_ONCE);
        while let Some(result) = settled.next().await {
            if let Settled::QueueFull(tenant) = result? {
                full.insert(tenant);
            }
        }
        // Whatever else of these tenants is due is put off with what was refused.
        for tenant in full {
            tracing::debug!(tenant.id = %tenant, "slots wait for the queue");
            self.inner.database.postpone_slots(tenant, now, later(now, RETRY_MS)).await?;
        }
        Ok(if is_last { Step::Done } else { Step::Again })
    }

    /// A schedule that cannot be settled is left for a while, so that it keeps nobody else waiting.
    async fn settle_or_wait(&self, schedule: Schedule, now: UnixMillis) -> Result<Settled, AppError> {
        let Err(error) = self.settle(&schedule, now).await else { return Ok(Settled::Done) };
        match error {
            AppError::Quota { quota: QUEUED_EXECUTIONS, .. } => Ok(Settled::QueueFull(schedule.tenant)),
            AppError::Unavailable | AppError::StorageFull | AppError::Overloaded { .. } => Err(error),
            // It was removed meanwhile.
            AppError::NotFound { .. } => Ok(Settled::Done),
            error => {
                tracing::error!(tenant.id = %schedule.tenant, schedule.id = %schedule.id, ?error, "a slot waits");
                let current = self.inner.database.schedule(schedule.tenant, schedule.id)?;
                if let Some(next) = current.next {
                    self.postpone(&current, next, now).await?;
                }
                Ok(Settled::Done)
            }
        }
    }

    /// Decide of the next slot, or of all that are late.
    async fn step(&self, schedule: &Schedule, now: UnixMillis) -> Result<Step, AppError> {
        let Some(next) = schedule.next.filter(|next| next.due_at <= now) else { return Ok(Step::Done) };
        let slots = match self.known.of(schedule) {
            Ok(slots) => slots,
            Err(invalid) => {
                tracing::error!(tenant.id = %schedule.tenant, schedule.id = %schedule.id, error = %invalid, "a slot waits");
                self.postpone(schedule, next, now).await?;
                return Ok(Step::Done);
            }
        };
        let backlog = self.inner.backlog_of(schedule)?;
        let jitter = self.inner.keyring.schedule_jitter(schedule.id);
        let due = Due { schedule, backlog, slots, next, jitter, now };
        match Standing::of(&self.inner, schedule)? {
            Standing::Paused(reason) => self.pass(schedule, due.paused(reason)).await,
            Standing::Runs(_) if due.is_late() => self.pass(schedule, due.late()).await,
            Standing::Runs(target) => self.start(&due, *target).await,
        }
    }

    async fn start(&self, due: &Due<'_>, target: Target) -> Result<Step, AppError> {
        let (schedule, slot, now) = (due.schedule, due.next.slot, due.now);
        // A read, so that a full queue costs no write for each of the tenant's schedules.
        let limit = self.inner.quotas(&target.tenant).queued_executions;
        if self.inner.database.queued_executions(schedule.tenant)? >= limit {
            return Err(DatabaseError::QueueFull { limit }.into());
        }
        let run = SlotRun { schedule, slot, last_run: schedule.last_run, terms: QueueTerms::LIVE, now };
        let next = due.next_after(slot);
        let start = SlotStart { place: due.place(), next, queued: run.queued(&self.executions, target)?, now };
        match self.inner.database.start_slot(schedule.tenant, start).await {
            Ok(SlotDecision::Started { cancels }) => {
                self.executions.wake(schedule.tenant);
                self.cancel(schedule.tenant, cancels).await;
                Ok(Step::to(next, now))
            }
            Ok(SlotDecision::Skipped) => Ok(Step::to(next, now)),
            Ok(SlotDecision::Moved) => Ok(Step::Again),
            // The script's own bound says no to another run beside those that go on.
            Err(DatabaseError::GroupFull { .. }) => self.pass(schedule, due.overlapping()).await,
            Err(error) => Err(error.into()),
        }
    }

    async fn pass(&self, schedule: &Schedule, passed: SlotsPassed) -> Result<Step, AppError> {
        let (next, now) = (passed.next, passed.now);
        let stood = self.inner.database.pass_slots(schedule.tenant, passed).await?;
        Ok(if stood { Step::to(next, now) } else { Step::Again })
    }

    async fn postpone(&self, schedule: &Schedule, next: NextSlot, now: UnixMillis) -> Result<(), AppError> {
        let place = SlotPlace { schedule: schedule.id, revision: schedule.revision, slot: next.slot };
        Ok(self.inner.database.postpone_slot(schedule.tenant, place, later(now, RETRY_MS)).await?)
    }

    async fn cancel(&self, tenant: TenantId, executions: Vec<ExecutionId>) {
        let permissions = [Permission::ExecutionsRun].into_iter().collect();
        let system = Principal { tenant, actor: Actor::System, permissions };
        for execution in executions {
            if let Err(error) = self.executions.cancel(&system, execution).await
                && !matches!(error, AppError::Ended { .. })
            {
                tracing::warn!(tenant.id = %tenant, execution.id = %execution, %error, "an earlier run goes on");
            }
        }
    }
}
