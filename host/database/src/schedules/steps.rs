//! What the scheduler writes of slots that are due: each step moves a schedule on by what it saw as next, and writes what
//! became of that in the same write. A step that saw something else than what is there changes nothing, so that no slot
//! is ever started twice.

use domain::{ExecutionId, Overlap, ScheduleId, SlotOutcome, SlotReason, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, params};

use super::{
    NextSlot, ScheduleKey,
    backlog::{self, NewBacklog},
    slots::{self, ScheduleSlot, SlotStretch},
};
use crate::{Database, DatabaseError, QueuedExecution, queue, rows::word, writer::Work};

const AT: &str = "
    SELECT overlap
    FROM schedules
    WHERE tenant_id = $1 AND id = $2 AND revision = $3 AND next_slot = $4";
const MOVE: &str = "
    UPDATE schedules
    SET next_slot = $1, due_at = $2, last_slot = $3
    WHERE tenant_id = $4 AND id = $5";
const POSTPONE: &str = "
    UPDATE schedules
    SET due_at = $1
    WHERE tenant_id = $2 AND id = $3 AND revision = $4 AND next_slot = $5";
const SET_LAST_RUN: &str = "
    UPDATE schedules
    SET last_run = $1
    WHERE tenant_id = $2 AND id = $3 AND (last_run IS NULL OR last_run < $1)";
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

/// The most earlier runs that one slot cancels. There are more only where they went side by side until somebody changed
/// that, and then the next slot cancels the others.
const CANCELS_MAX: u32 = 1_000;

/// Where a schedule stood when a step was thought out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotPlace {
    /// The schedule.
    pub schedule: ScheduleId,
    /// Its revision.
    pub revision: i64,
    /// Its next slot.
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
    /// The schedule stands elsewhere by now, or the slot was decided before; no execution is accepted.
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
    /// What became of them, and of the backlog's where that is another by now.
    pub stretches: Vec<SlotStretch>,
    /// What is to be caught up from now on; `None` leaves the backlog as it is.
    pub backlog: Option<NewBacklog>,
    /// Now.
    pub now: UnixMillis,
}

impl Database {
    /// Start the next slot of a schedule, or skip it where an earlier run goes on and the schedule says so.
    ///
    /// # Errors
    /// [`DatabaseError::QueueFull`] and [`DatabaseError::GroupFull`], with nothing written.
    pub async fn start_slot(&self, tenant: TenantId, start: SlotStart) -> Result<SlotDecision, DatabaseError> {
        self.write(move |work| start_slot(work, tenant, &start)).await
    }

    /// Pass over slots without a run; answers whether the schedule and its backlog still stood there.
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
        self.write(move |work| {
            work.connection.prepare_cached(POSTPONE)?.execute(params![
                due_at.0,
                tenant.to_string(),
                place.schedule.to_string(),
                place.revision,
                place.slot.0,
            ])?;
            Ok(())
        })
        .await
    }
}

fn start_slot(work: &Work<'_>, tenant: TenantId, start: &SlotStart) -> Result<SlotDecision, DatabaseError> {
    let SlotStart { place, next, queued, now } = start;
    let key = ScheduleKey { tenant, schedule: place.schedule };
    let Some(overlap) = overlap_at(work, tenant, *place)? else { return Ok(SlotDecision::Moved) };
    go_to(work, key, *next, place.slot)?;
    if slots::is_decided(work, key, place.slot)? {
        return Ok(SlotDecision::Moved);
    }
    // Where nothing depends on earlier runs they are not read: there may be as many as the queue holds.
    let overlapping = match overlap {
        Overlap::Skip => overlapping(work, key, 1)?,
        Overlap::CancelPrevious => overlapping(work, key, CANCELS_MAX)?,
        Overlap::Queue | Overlap::Parallel => Vec::new(),
    };
    if overlap == Overlap::Skip && !overlapping.is_empty() {
        slots::insert_stretch(work, key, &skipped(place.slot), *now)?;
        return Ok(SlotDecision::Skipped);
    }
    slots::insert_started(work, key, &ScheduleSlot::started(place.slot, queued, *now))?;
    accept(work, key, place.slot, queued)?;
    Ok(SlotDecision::Started { cancels: overlapping })
}

fn pass_slots(work: &Work<'_>, tenant: TenantId, passed: &SlotsPassed) -> Result<bool, DatabaseError> {
    let key = ScheduleKey { tenant, schedule: passed.place.schedule };
    if overlap_at(work, tenant, passed.place)?.is_none() {
        return Ok(false);
    }
    if let Some(backlog) = &passed.backlog
        && !backlog::replace(work, key, backlog)?
    {
        return Ok(false);
    }
    for stretch in &passed.stretches {
        slots::insert_stretch(work, key, stretch, passed.now)?;
    }
    go_to(work, key, passed.next, passed.last)?;
    Ok(true)
}

/// What the schedule says of overlaps; `None` where it stands elsewhere.
fn overlap_at(work: &Work<'_>, tenant: TenantId, place: SlotPlace) -> Result<Option<Overlap>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(AT)?;
    let parameters = params![tenant.to_string(), place.schedule.to_string(), place.revision, place.slot.0];
    Ok(statement.query_row(parameters, |row| word(row, "overlap")).optional()?)
}

fn go_to(work: &Work<'_>, key: ScheduleKey, next: Option<NextSlot>, last: UnixMillis) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(MOVE)?.execute(params![
        next.map(|next| next.slot.0),
        next.map(|next| next.due_at.0),
        last.0,
        key.tenant.to_string(),
        key.schedule.to_string(),
    ])?;
    Ok(())
}

/// Each has a row of its own: an execution beside it says why.
fn skipped(slot: UnixMillis) -> SlotStretch {
    SlotStretch {
        from: slot,
        to: slot,
        slots: 1,
        outcome: SlotOutcome::SkippedOverlap,
        reason: SlotReason::PreviousRun,
        follows: None,
    }
}

/// Put the execution of a slot into the queue.
pub(super) fn accept(
    work: &Work<'_>,
    key: ScheduleKey,
    slot: UnixMillis,
    queued: &QueuedExecution,
) -> Result<(), DatabaseError> {
    let parameters = params![slot.0, key.tenant.to_string(), key.schedule.to_string()];
    work.connection.prepare_cached(SET_LAST_RUN)?.execute(parameters)?;
    queue::enqueue(work, queued)
}

/// At most `limit` executions of a schedule beside which a live one would go on, the oldest first.
fn overlapping(work: &Work<'_>, key: ScheduleKey, limit: u32) -> Result<Vec<ExecutionId>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(OVERLAPPING)?;
    let parameters = params![key.tenant.to_string(), key.schedule.to_string(), limit];
    let rows = statement.query_map(parameters, |row| word(row, "execution_id"))?;
    Ok(rows.collect::<rusqlite::Result<Vec<ExecutionId>>>()?)
}
