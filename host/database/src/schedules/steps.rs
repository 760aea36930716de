//! What the scheduler writes: each step moves a schedule on by what it saw as next, and writes what became of that in the
//! same write. A step that saw something else than what is there changes nothing, so that no slot is ever started twice.

use domain::{ExecutionId, Overlap, ScheduleId, SlotOutcome, SlotReason, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::{
    Backlog, NextSlot,
    slots::{self, ScheduleSlot, SlotStretch},
};
use crate::{
    Database, DatabaseError, QueuedExecution, queue,
    rows::{count, optional_millis, word},
    writer::Work,
};

const AT: &str = "
    SELECT overlap, stretch_at
    FROM schedules
    WHERE tenant_id = $1 AND id = $2 AND revision = $3 AND next_slot = $4";
const MOVE: &str = "
    UPDATE schedules
    SET next_slot = $1, due_at = $2, last_slot = $3, stretch_at = $4
    WHERE tenant_id = $5 AND id = $6";
const POSTPONE: &str = "
    UPDATE schedules
    SET due_at = $1
    WHERE tenant_id = $2 AND id = $3 AND revision = $4 AND next_slot = $5";
const SET_LAST_RUN: &str = "
    UPDATE schedules
    SET last_run = $1
    WHERE tenant_id = $2 AND id = $3 AND (last_run IS NULL OR last_run < $1)";
const BACKLOG_AT: &str = "
    SELECT overlap, stretch_at
    FROM schedules
    WHERE tenant_id = $1 AND id = $2 AND revision = $3 AND backlog_from = $4";
const SET_BACKLOG: &str = "
    UPDATE schedules
    SET backlog_from = $1, backlog_to = $2, backlog_due = $3
    WHERE tenant_id = $4 AND id = $5";
const POSTPONE_BACKLOG: &str = "
    UPDATE schedules
    SET backlog_due = $1
    WHERE tenant_id = $2 AND id = $3 AND revision = $4 AND backlog_from = $5";
const POSTPONE_BACKLOGS: &str = "
    UPDATE schedules SET backlog_due = $1 WHERE tenant_id = $2 AND backlog_due < $1";
// An execution leaves the queue with its end.
const CLOSE_ENDED: &str = "
    UPDATE schedule_slots
    SET is_open = FALSE
    WHERE tenant_id = $1 AND schedule_id = $2 AND is_open AND NOT EXISTS (
        SELECT 1
        FROM execution_queue
        WHERE execution_queue.tenant_id = schedule_slots.tenant_id
          AND execution_queue.execution_id = schedule_slots.execution_id)";
// Beside which a live run would go on. One that catches up and has not begun waits behind all live work, and keeps none of
// it from running.
const OVERLAPPING: &str = "
    SELECT execution_id
    FROM schedule_slots
    WHERE tenant_id = $1 AND schedule_id = $2 AND is_open AND (NOT is_catch_up OR EXISTS (
        SELECT 1
        FROM execution_queue
        WHERE execution_queue.tenant_id = schedule_slots.tenant_id
          AND execution_queue.execution_id = schedule_slots.execution_id
          AND execution_queue.state = 'leased'))
    ORDER BY slot_at
    LIMIT $3";
const ANY_OPEN: &str = "
    SELECT slot_at FROM schedule_slots WHERE tenant_id = $1 AND schedule_id = $2 AND is_open ORDER BY slot_at LIMIT 1";
const CAUGHT_UP: &str = "
    SELECT COUNT(*) AS slots FROM schedule_slots WHERE is_catch_up AND decided_at > $1";
const CAUGHT_UP_OF_TENANT: &str = "
    SELECT COUNT(*) AS slots FROM schedule_slots WHERE is_catch_up AND decided_at > $1 AND tenant_id = $2";

/// Where a schedule stood when a step was thought out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPlace {
    /// The schedule.
    pub schedule: ScheduleId,
    /// Its revision.
    pub revision: i64,
    /// Its next slot, or the first one of its backlog.
    pub slot: UnixMillis,
}

/// A slot that is to be started.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotStart {
    /// The slot.
    pub place: SlotPlace,
    /// The one after it.
    pub next: Option<NextSlot>,
    /// Its execution.
    pub queued: QueuedExecution,
    /// Now.
    pub now: UnixMillis,
}

/// What was decided of a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotDecision {
    /// Its execution is accepted. These of earlier slots are to be cancelled.
    Started {
        /// Those that have not ended, oldest first.
        cancels: Vec<ExecutionId>,
    },
    /// An earlier run goes on, and so it was skipped.
    Skipped,
    /// The schedule stands elsewhere by now; nothing was written.
    Moved,
}

/// Slots that are passed over without a run, from the next one on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotsPassed {
    /// The first of them.
    pub place: SlotPlace,
    /// The last of them.
    pub last: UnixMillis,
    /// The one after them.
    pub next: Option<NextSlot>,
    /// What became of them. A stretch of paused ones goes on with the one before it, where that has the same reason.
    pub stretches: Vec<SlotStretch>,
    /// Those among them that are to be caught up; `None` leaves the backlog as it is.
    pub backlog: Option<Backlog>,
    /// Now.
    pub now: UnixMillis,
}

/// A missed slot that is to be caught up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchUpStart {
    /// The first slot of the backlog.
    pub place: SlotPlace,
    /// What is left of the backlog.
    pub rest: Option<Backlog>,
    /// Its execution.
    pub queued: QueuedExecution,
    /// How fast slots are caught up.
    pub rates: CatchUpRates,
    /// Now.
    pub now: UnixMillis,
}

/// How many slots are caught up within a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CatchUpRates {
    /// What was caught up after this moment counts.
    pub since: UnixMillis,
    /// Of one tenant.
    pub of_tenant: u64,
    /// Of all together.
    pub of_all: u64,
}

/// What was decided of a slot that was to be caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CatchUpDecision {
    /// Its execution is accepted.
    Started,
    /// An earlier run of the schedule goes on; nothing was written.
    PreviousRun,
    /// The tenant's rate is reached; nothing was written.
    TenantRate,
    /// The rate of all is reached; nothing was written.
    Rate,
    /// The schedule stands elsewhere by now; nothing was written.
    Moved,
}

/// What a step needs of the schedule's row.
struct Standing {
    overlap: Overlap,
    stretch_at: Option<UnixMillis>,
}

impl Standing {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { overlap: word(row, "overlap")?, stretch_at: optional_millis(row, "stretch_at")? })
    }
}

impl Database {
    /// Start the next slot of a schedule, or skip it where an earlier run goes on and the schedule says so.
    ///
    /// # Errors
    /// [`DatabaseError::QueueFull`] and [`DatabaseError::GroupFull`], with nothing written.
    pub async fn start_slot(&self, tenant: TenantId, start: SlotStart) -> Result<SlotDecision, DatabaseError> {
        self.write(move |work| start_slot(work, tenant, &start)).await
    }

    /// Pass over slots without a run; answers whether the schedule still stood there.
    pub async fn pass_slots(&self, tenant: TenantId, passed: SlotsPassed) -> Result<bool, DatabaseError> {
        self.write(move |work| pass_slots(work, tenant, &passed)).await
    }

    /// Leave the next slot of a schedule as it is until `due_at`.
    pub async fn postpone_slot(
        &self,
        tenant: TenantId,
        place: SlotPlace,
        due_at: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| postpone(work, POSTPONE, (tenant, place), due_at)).await
    }

    /// Start the first slot of a backlog, as far as rates and earlier runs let it.
    ///
    /// # Errors
    /// As [`Self::start_slot`].
    pub async fn start_catch_up(
        &self,
        tenant: TenantId,
        start: CatchUpStart,
    ) -> Result<CatchUpDecision, DatabaseError> {
        self.write(move |work| start_catch_up(work, tenant, &start)).await
    }

    /// Give up what is left of a backlog; answers whether the schedule still stood there.
    pub async fn give_up_backlog(
        &self,
        tenant: TenantId,
        place: SlotPlace,
        stretch: SlotStretch,
        now: UnixMillis,
    ) -> Result<bool, DatabaseError> {
        self.write(move |work| {
            let stands = standing(work, BACKLOG_AT, tenant, place)?.is_some();
            if stands {
                clear_backlog(work, tenant, place.schedule)?;
                slots::insert_stretch(work, tenant, place.schedule, &stretch, now)?;
            }
            Ok(stands)
        })
        .await
    }

    /// Leave the backlog of a schedule as it is until `due_at`.
    pub async fn postpone_backlog(
        &self,
        tenant: TenantId,
        place: SlotPlace,
        due_at: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| postpone(work, POSTPONE_BACKLOG, (tenant, place), due_at)).await
    }

    /// Leave every backlog of the tenant as it is until `due_at`.
    pub async fn postpone_backlogs(&self, tenant: TenantId, due_at: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(POSTPONE_BACKLOGS)?.execute(params![due_at.0, tenant.to_string()])?;
            Ok(())
        })
        .await
    }
}

fn start_slot(work: &Work<'_>, tenant: TenantId, start: &SlotStart) -> Result<SlotDecision, DatabaseError> {
    let SlotStart { place, next, queued, now } = start;
    let Some(standing) = standing(work, AT, tenant, *place)? else { return Ok(SlotDecision::Moved) };
    go_to(work, (tenant, place.schedule), *next, place.slot, None)?;
    close_ended(work, tenant, place.schedule)?;
    // Where nothing depends on earlier runs they are not read: there may be as many as the queue holds.
    let overlapping = match standing.overlap {
        Overlap::Skip => overlapping(work, tenant, place.schedule, 1)?,
        Overlap::CancelPrevious => overlapping(work, tenant, place.schedule, u32::MAX)?,
        Overlap::Queue | Overlap::Parallel => Vec::new(),
    };
    if standing.overlap == Overlap::Skip && !overlapping.is_empty() {
        let stretch = SlotStretch {
            from: place.slot,
            to: place.slot,
            slots: 1,
            outcome: SlotOutcome::SkippedOverlap,
            reason: SlotReason::PreviousRun,
        };
        slots::insert_stretch(work, tenant, place.schedule, &stretch, *now)?;
        return Ok(SlotDecision::Skipped);
    }
    let slot = started(place.slot, queued, *now);
    if !slots::insert_started(work, tenant, place.schedule, &slot)? {
        return Ok(SlotDecision::Moved);
    }
    accept(work, tenant, *place, queued)?;
    Ok(SlotDecision::Started { cancels: overlapping })
}

fn pass_slots(work: &Work<'_>, tenant: TenantId, passed: &SlotsPassed) -> Result<bool, DatabaseError> {
    let id = (tenant, passed.place.schedule);
    let Some(standing) = standing(work, AT, tenant, passed.place)? else { return Ok(false) };
    let mut stretch_at = None;
    for stretch in &passed.stretches {
        let is_paused = stretch.outcome == SlotOutcome::SkippedPaused;
        let before = standing.stretch_at.filter(|_| is_paused);
        let goes_on = match before {
            Some(first) => slots::extend_stretch(work, id, first, stretch, passed.now)?,
            None => false,
        };
        if !goes_on {
            slots::insert_stretch(work, tenant, id.1, stretch, passed.now)?;
        }
        stretch_at = is_paused.then_some(before.filter(|_| goes_on).unwrap_or(stretch.from));
    }
    go_to(work, id, passed.next, passed.last, stretch_at)?;
    if let Some(backlog) = passed.backlog {
        set_backlog(work, id, Some(backlog))?;
    }
    Ok(true)
}

fn start_catch_up(work: &Work<'_>, tenant: TenantId, start: &CatchUpStart) -> Result<CatchUpDecision, DatabaseError> {
    let CatchUpStart { place, rest, queued, rates, now } = start;
    let Some(standing) = standing(work, BACKLOG_AT, tenant, *place)? else { return Ok(CatchUpDecision::Moved) };
    if standing.overlap != Overlap::Parallel {
        close_ended(work, tenant, place.schedule)?;
        let mut statement = work.connection.prepare_cached(ANY_OPEN)?;
        if statement.exists([tenant.to_string(), place.schedule.to_string()])? {
            return Ok(CatchUpDecision::PreviousRun);
        }
    }
    let mut counting = work.connection.prepare_cached(CAUGHT_UP)?;
    if counting.query_row([rates.since.0], |row| count(row, "slots"))? >= rates.of_all {
        return Ok(CatchUpDecision::Rate);
    }
    let mut counting = work.connection.prepare_cached(CAUGHT_UP_OF_TENANT)?;
    if counting.query_row(params![rates.since.0, tenant.to_string()], |row| count(row, "slots"))? >= rates.of_tenant {
        return Ok(CatchUpDecision::TenantRate);
    }
    set_backlog(work, (tenant, place.schedule), *rest)?;
    let slot = ScheduleSlot { is_catch_up: true, ..started(place.slot, queued, *now) };
    if !slots::insert_started(work, tenant, place.schedule, &slot)? {
        return Ok(CatchUpDecision::Moved);
    }
    accept(work, tenant, *place, queued)?;
    Ok(CatchUpDecision::Started)
}

fn standing(
    work: &Work<'_>,
    statement: &str,
    tenant: TenantId,
    place: SlotPlace,
) -> Result<Option<Standing>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(statement)?;
    let parameters = params![tenant.to_string(), place.schedule.to_string(), place.revision, place.slot.0];
    Ok(statement.query_row(parameters, Standing::from_row).optional()?)
}

fn go_to(
    work: &Work<'_>,
    (tenant, schedule): (TenantId, ScheduleId),
    next: Option<NextSlot>,
    last: UnixMillis,
    stretch_at: Option<UnixMillis>,
) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(MOVE)?.execute(params![
        next.map(|next| next.slot.0),
        next.map(|next| next.due_at.0),
        last.0,
        stretch_at.map(|at| at.0),
        tenant.to_string(),
        schedule.to_string(),
    ])?;
    Ok(())
}

fn started(slot: UnixMillis, queued: &QueuedExecution, now: UnixMillis) -> ScheduleSlot {
    ScheduleSlot {
        slot,
        last_slot: slot,
        slots: 1,
        outcome: SlotOutcome::Started,
        reason: None,
        execution: Some(queued.start.execution),
        is_catch_up: false,
        decided_at: now,
    }
}

fn accept(work: &Work<'_>, tenant: TenantId, place: SlotPlace, queued: &QueuedExecution) -> Result<(), DatabaseError> {
    let parameters = params![place.slot.0, tenant.to_string(), place.schedule.to_string()];
    work.connection.prepare_cached(SET_LAST_RUN)?.execute(parameters)?;
    queue::enqueue(work, queued)
}

fn close_ended(work: &Work<'_>, tenant: TenantId, schedule: ScheduleId) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(CLOSE_ENDED)?.execute([tenant.to_string(), schedule.to_string()])?;
    Ok(())
}

/// At most `limit` executions of a schedule beside which a live one would go on, the oldest first.
fn overlapping(
    work: &Work<'_>,
    tenant: TenantId,
    schedule: ScheduleId,
    limit: u32,
) -> Result<Vec<ExecutionId>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(OVERLAPPING)?;
    let parameters = params![tenant.to_string(), schedule.to_string(), limit];
    let rows = statement.query_map(parameters, |row| word(row, "execution_id"))?;
    Ok(rows.collect::<rusqlite::Result<Vec<ExecutionId>>>()?)
}

pub(super) fn clear_backlog(work: &Work<'_>, tenant: TenantId, schedule: ScheduleId) -> Result<(), DatabaseError> {
    set_backlog(work, (tenant, schedule), None)
}

fn set_backlog(
    work: &Work<'_>,
    (tenant, schedule): (TenantId, ScheduleId),
    backlog: Option<Backlog>,
) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(SET_BACKLOG)?.execute(params![
        backlog.map(|backlog| backlog.from.0),
        backlog.map(|backlog| backlog.to.0),
        backlog.map(|backlog| backlog.due_at.0),
        tenant.to_string(),
        schedule.to_string(),
    ])?;
    Ok(())
}

fn postpone(
    work: &Work<'_>,
    statement: &str,
    (tenant, place): (TenantId, SlotPlace),
    due_at: UnixMillis,
) -> Result<(), DatabaseError> {
    let parameters = params![due_at.0, tenant.to_string(), place.schedule.to_string(), place.revision, place.slot.0];
    work.connection.prepare_cached(statement)?.execute(parameters)?;
    Ok(())
}
