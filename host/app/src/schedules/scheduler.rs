//! The scheduler: what is due is started, skipped or noted as missed, each schedule by itself, in bounded batches. It
//! remembers nothing: what was decided stands in the rows, and each step says what it saw there.

use std::sync::Arc;

use database::{
    Backlog, CatchUpDecision, CatchUpRates, CatchUpStart, DatabaseError, NextSlot, QueuedExecution, Schedule,
    SlotDecision, SlotPlace, SlotStart, SlotStretch, SlotsPassed,
};
use domain::{
    Actor, CatchUp, ExecutionId, Permission, Principal, SlotOutcome, SlotReason, TenantId, UnixMillis,
    schedules::CATCH_UP_MAX,
};
use futures_util::{StreamExt, stream};
use tokio::sync::Mutex;

use super::{jitter::Jitter, orders, slots::Slots};
use crate::{AppError, ExecutionService, Inner, executions::Target, scripts::ScriptRef};

/// A slot is started as the one it is for so long after it was due. What is later was missed.
const LATE_MS: i64 = 60_000;

/// Schedules that one batch takes up.
const BATCH: u32 = 256;

/// Schedules of a batch that are worked on at once, so that their writes share a transaction.
const AT_ONCE: usize = 64;

/// Batches of one tick: more than ten thousand schedules in the same second.
const BATCHES_MAX: usize = 64;

/// Steps that one schedule takes in a row. With a slot each second, and none late, there are LATE_MS of them.
const STEPS_MAX: usize = 70;

/// How long a slot waits that could not be started: until the queue has room, or the zone is known again.
const RETRY_MS: i64 = 5_000;

/// The time over which slots that are caught up are counted.
const RATE_MS: i64 = 60_000;

/// Looks for what is due.
pub(super) struct Scheduler {
    inner: Arc<Inner>,
    executions: ExecutionService,
    /// Held by the tick that goes on. Two at once would only see each other's steps as changed rows.
    turn: Mutex<()>,
}

/// Whether a schedule's next slot may be due still.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Again,
    Done,
}

/// Whether slots of others may be caught up in this tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    GoesOn,
    Over,
}

impl Scheduler {
    pub(super) fn new(inner: Arc<Inner>, executions: ExecutionService) -> Self {
        Self { inner, executions, turn: Mutex::default() }
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
                Ok(Step::Done) => break,
                Err(error) => {
                    tracing::warn!(?error, "what is due cannot be started for now");
                    return;
                }
            }
        }
        if let Err(error) = self.catch_up(now).await {
            tracing::warn!(?error, "missed slots cannot be caught up for now");
        }
    }

    /// Decide what is due of one schedule.
    pub(super) async fn settle(&self, schedule: &Schedule, now: UnixMillis) -> Result<(), AppError> {
        let mut current = schedule.clone();
        for _ in 0..STEPS_MAX {
            if self.step(&current, now).await? == Step::Done {
                break;
            }
            current = self.inner.database.schedule(current.tenant, current.id)?;
        }
        Ok(())
    }

    async fn batch(&self, now: UnixMillis) -> Result<Step, AppError> {
        let due = self.inner.database.due_schedules(now, BATCH)?;
        let is_last = due.len() < BATCH as usize;
        let mut settled =
            stream::iter(due).map(|schedule| self.settle_or_wait(schedule, now)).buffer_unordered(AT_ONCE);
        while let Some(result) = settled.next().await {
            result?;
        }
        Ok(if is_last { Step::Done } else { Step::Again })
    }

    /// A schedule that cannot be settled is left for a while, so that it keeps nobody else waiting.
    async fn settle_or_wait(&self, schedule: Schedule, now: UnixMillis) -> Result<(), AppError> {
        let Err(error) = self.settle(&schedule, now).await else { return Ok(()) };
        match error {
            AppError::Unavailable | AppError::StorageFull | AppError::Overloaded { .. } => Err(error),
            // It was removed meanwhile.
            AppError::NotFound { .. } => Ok(()),
            error => {
                tracing::error!(tenant.id = %schedule.tenant, schedule.id = %schedule.id, ?error, "a slot waits");
                let current = self.inner.database.schedule(schedule.tenant, schedule.id)?;
                let Some(next) = current.next else { return Ok(()) };
                self.postpone(&current, next, now).await
            }
        }
    }

    /// Decide of the next slot, or of all that are late.
    async fn step(&self, schedule: &Schedule, now: UnixMillis) -> Result<Step, AppError> {
        let Some(next) = schedule.next.filter(|next| next.due_at <= now) else { return Ok(Step::Done) };
        let slots = match Slots::of(schedule) {
            Ok(slots) => slots,
            Err(invalid) => {
                tracing::error!(tenant.id = %schedule.tenant, schedule.id = %schedule.id, error = %invalid, "a slot waits");
                self.postpone(schedule, next, now).await?;
                return Ok(Step::Done);
            }
        };
        let due = Due { schedule, slots, next, jitter: self.inner.keyring.schedule_jitter(schedule.id), now };
        match self.target(schedule)? {
            Err(reason) => self.pass(schedule, due.paused(reason)).await,
            Ok(_) if due.is_late() => self.pass(schedule, due.late()).await,
            Ok(target) => self.start(&due, target).await,
        }
    }

    async fn start(&self, due: &Due<'_>, target: Target) -> Result<Step, AppError> {
        let (schedule, slot) = (due.schedule, due.next.slot);
        let last_run = self.last_run(schedule, slot)?;
        let queued = orders::live(&self.executions, target, schedule, (slot, last_run), due.now)?;
        let start = SlotStart { place: due.place(), next: due.slots.next(due.jitter, slot), queued, now: due.now };
        match self.inner.database.start_slot(schedule.tenant, start).await {
            Ok(SlotDecision::Started { cancels }) => {
                self.executions.wake(schedule.tenant);
                self.cancel(schedule.tenant, cancels).await;
                Ok(Step::Again)
            }
            Ok(SlotDecision::Skipped | SlotDecision::Moved) => Ok(Step::Again),
            // The script's own bound says no to another run beside those that go on.
            Err(DatabaseError::GroupFull { .. }) => self.pass(schedule, due.overlapping()).await,
            Err(DatabaseError::QueueFull { limit }) => {
                tracing::debug!(tenant.id = %schedule.tenant, schedule.id = %schedule.id, limit, "a slot waits for the queue");
                self.postpone(schedule, due.next, due.now).await?;
                Ok(Step::Done)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn pass(&self, schedule: &Schedule, passed: SlotsPassed) -> Result<Step, AppError> {
        self.inner.database.pass_slots(schedule.tenant, passed).await?;
        Ok(Step::Again)
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

    /// What there is to run; or why there is nothing.
    fn target(&self, schedule: &Schedule) -> Result<Result<Target, SlotReason>, AppError> {
        if schedule.is_paused {
            return Ok(Err(SlotReason::SchedulePaused));
        }
        match Target::of_script(&self.inner, schedule.tenant, &ScriptRef::Id(schedule.script)) {
            Ok(target) => Ok(Ok(target)),
            Err(AppError::Paused) => Ok(Err(SlotReason::ScriptPaused)),
            Err(AppError::NotDeployed) => Ok(Err(SlotReason::NotDeployed)),
            Err(AppError::NotFound { what: "tenant" }) => Ok(Err(SlotReason::TenantSuspended)),
            Err(error) => Err(error),
        }
    }

    fn last_run(&self, schedule: &Schedule, slot: UnixMillis) -> Result<Option<UnixMillis>, AppError> {
        match schedule.last_run {
            // A slot that is caught up comes after later ones.
            Some(last) if last >= slot => {
                Ok(self.inner.database.last_started_slot(schedule.tenant, schedule.id, slot)?)
            }
            last => Ok(last),
        }
    }

    /// Start missed slots, as far as rates let it.
    async fn catch_up(&self, now: UnixMillis) -> Result<(), AppError> {
        for schedule in self.inner.database.schedules_to_catch_up(now, BATCH)? {
            if self.inner.running.is_stopping() || self.catch_up_one(&schedule, now).await? == Round::Over {
                break;
            }
        }
        Ok(())
    }

    async fn catch_up_one(&self, schedule: &Schedule, now: UnixMillis) -> Result<Round, AppError> {
        let Some(backlog) = schedule.backlog else { return Ok(Round::GoesOn) };
        let (database, tenant) = (&self.inner.database, schedule.tenant);
        let place = SlotPlace { schedule: schedule.id, revision: schedule.revision, slot: backlog.from };
        let retry = later(now, RETRY_MS);
        let Ok(slots) = Slots::of(schedule) else {
            database.postpone_backlog(tenant, place, retry).await?;
            return Ok(Round::GoesOn);
        };
        let target = match self.target(schedule)? {
            Ok(target) => target,
            Err(reason) => {
                let stretch = of_backlog(&slots, backlog, SlotOutcome::SkippedPaused, reason);
                database.give_up_backlog(tenant, place, stretch, now).await?;
                return Ok(Round::GoesOn);
            }
        };
        let last_run = self.last_run(schedule, backlog.from)?;
        let queued = orders::catching_up(&self.executions, target, schedule, (backlog.from, last_run), now)?;
        let decision = self.start_catch_up(schedule, &slots, (place, backlog), queued, now).await;
        match decision {
            Ok(CatchUpDecision::Started) => self.executions.wake(tenant),
            Ok(CatchUpDecision::Moved) => {}
            Ok(CatchUpDecision::Rate) => return Ok(Round::Over),
            Ok(CatchUpDecision::TenantRate) | Err(DatabaseError::QueueFull { .. }) => {
                database.postpone_backlogs(tenant, retry).await?;
            }
            Ok(CatchUpDecision::PreviousRun) | Err(DatabaseError::GroupFull { .. }) => {
                database.postpone_backlog(tenant, place, retry).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Round::GoesOn)
    }

    async fn start_catch_up(
        &self,
        schedule: &Schedule,
        slots: &Slots,
        (place, backlog): (SlotPlace, Backlog),
        queued: QueuedExecution,
        now: UnixMillis,
    ) -> Result<CatchUpDecision, DatabaseError> {
        let config = &self.inner.config.schedules;
        let rates = CatchUpRates {
            since: later(now, -RATE_MS),
            of_tenant: u64::from(config.catch_up_per_minute),
            of_all: u64::from(config.catch_up_per_minute_of_all),
        };
        let rest = slots.next_after(backlog.from).filter(|next| *next <= backlog.to);
        let rest = rest.map(|from| Backlog { from, due_at: now, ..backlog });
        let start = CatchUpStart { place, rest, queued, rates, now };
        self.inner.database.start_catch_up(schedule.tenant, start).await
    }
}

/// A schedule whose next slot is due.
struct Due<'a> {
    schedule: &'a Schedule,
    slots: Slots,
    next: NextSlot,
    jitter: Jitter,
    now: UnixMillis,
}

impl Due<'_> {
    fn place(&self) -> SlotPlace {
        SlotPlace { schedule: self.schedule.id, revision: self.schedule.revision, slot: self.next.slot }
    }

    /// Whether the next slot was due too long ago to be started as the one it is.
    fn is_late(&self) -> bool {
        self.next.due_at < self.on_time_from()
    }

    fn on_time_from(&self) -> UnixMillis {
        later(self.now, -LATE_MS)
    }

    /// All slots until now, passed over because something is paused.
    fn paused(&self, reason: SlotReason) -> SlotsPassed {
        let last = self.slots.last_until(self.now).map_or(self.next.slot, |last| last.max(self.next.slot));
        self.passed(last, vec![self.stretch(self.next.slot, last, (SlotOutcome::SkippedPaused, reason))])
    }

    /// The next slot, passed over because an earlier run goes on.
    fn overlapping(&self) -> SlotsPassed {
        let slot = self.next.slot;
        self.passed(slot, vec![self.stretch(slot, slot, (SlotOutcome::SkippedOverlap, SlotReason::PreviousRun))])
    }

    /// All slots that are late: those that the schedule wants to catch up become its backlog, the others were missed.
    fn late(&self) -> SlotsPassed {
        let (first, last) = (self.next.slot, self.last_late());
        let after = self.slots.next_after(last);
        let is_superseded = after.is_some_and(|after| after <= self.now);
        let from = match self.schedule.setting.catch_up {
            CatchUp::Skip => None,
            // The latest is one that is not late.
            CatchUp::RunLatest if is_superseded => None,
            CatchUp::RunLatest => Some(last),
            CatchUp::RunAll => Some(self.latest(first, last, CATCH_UP_MAX)),
        };
        let mut stretches: Vec<SlotStretch> = from.and_then(|_| superseded(self.schedule)).into_iter().collect();
        let reason = if from.is_some() && self.schedule.setting.catch_up == CatchUp::RunAll {
            SlotReason::CatchUpLimit
        } else {
            SlotReason::Late
        };
        let missed_to = from.map_or(Some(last), |from| self.slots.last_until(later(from, -1)));
        if let Some(to) = missed_to.filter(|to| *to >= first) {
            stretches.push(self.stretch(first, to, (SlotOutcome::Missed, reason)));
        }
        let backlog = from.map(|from| Backlog { from, to: last, due_at: self.now });
        SlotsPassed { backlog, ..self.passed(last, stretches) }
    }

    /// The last slot that is late.
    fn last_late(&self) -> UnixMillis {
        let first = self.next.slot;
        let last = self.slots.last_until(later(self.on_time_from(), -1)).map_or(first, |last| last.max(first));
        let is_late = self.jitter.due(last, self.slots.next_after(last)) < self.on_time_from();
        let before = || self.slots.last_until(later(last, -1)).map_or(first, |before| before.max(first));
        if is_late || last == first { last } else { before() }
    }

    /// The first of the last `most` slots from `first` to `last`.
    fn latest(&self, first: UnixMillis, last: UnixMillis, most: u32) -> UnixMillis {
        let mut from = last;
        for _ in 1..most {
            match self.slots.last_until(later(from, -1)) {
                Some(before) if before >= first => from = before,
                _ => break,
            }
        }
        from
    }

    fn stretch(&self, from: UnixMillis, to: UnixMillis, what: (SlotOutcome, SlotReason)) -> SlotStretch {
        of_slots(&self.slots, (from, to), what)
    }

    fn passed(&self, last: UnixMillis, stretches: Vec<SlotStretch>) -> SlotsPassed {
        let next = self.slots.next(self.jitter, last);
        SlotsPassed { place: self.place(), last, next, stretches, backlog: None, now: self.now }
    }
}

/// What is left of a schedule's backlog, given up for something later.
pub(super) fn superseded(schedule: &Schedule) -> Option<SlotStretch> {
    let backlog = schedule.backlog?;
    let what = (SlotOutcome::Missed, SlotReason::Superseded);
    Some(match Slots::of(schedule) {
        Ok(slots) => of_slots(&slots, (backlog.from, backlog.to), what),
        Err(_) => SlotStretch { from: backlog.from, to: backlog.to, slots: 1, outcome: what.0, reason: what.1 },
    })
}

fn of_backlog(slots: &Slots, backlog: Backlog, outcome: SlotOutcome, reason: SlotReason) -> SlotStretch {
    of_slots(slots, (backlog.from, backlog.to), (outcome, reason))
}

fn of_slots(
    slots: &Slots,
    (from, to): (UnixMillis, UnixMillis),
    (outcome, reason): (SlotOutcome, SlotReason),
) -> SlotStretch {
    SlotStretch { from, to, slots: slots.count(from, to).max(1), outcome, reason }
}

/// `at`, and `ms` after it.
fn later(at: UnixMillis, ms: i64) -> UnixMillis {
    UnixMillis(at.0.saturating_add(ms))
}
