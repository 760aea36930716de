//! Missed slots that are still to be caught up. Of a backlog's stretches the first stands in the schedule's own row, by
//! which it comes due; those behind it have rows of their own, and move up. Nothing was decided of any slot in them.

use domain::{Overlap, ScheduleId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::{
    ScheduleKey,
    slots::{self, ScheduleSlot, SlotStretch},
    steps,
};
use crate::{
    Database, DatabaseError, QueuedExecution,
    rows::{count, millis, word},
    writer::Work,
};

const AT: &str = "
    SELECT overlap
    FROM schedules
    WHERE tenant_id = $1 AND id = $2 AND revision = $3 AND backlog_from = $4 AND backlog_to = $5";
const REPLACE: &str = "
    UPDATE schedules
    SET backlog_from = $1, backlog_to = $2, backlog_due = $3
    WHERE tenant_id = $4 AND id = $5 AND backlog_from IS NOT DISTINCT FROM $6";
const GO_ON: &str = "
    UPDATE schedules SET backlog_from = $1, backlog_due = $2 WHERE tenant_id = $3 AND id = $4";
const MOVE_UP: &str = "
    UPDATE schedules
    SET backlog_from = $1, backlog_to = $2, backlog_due = $3
    WHERE tenant_id = $4 AND id = $5";
const CLEAR: &str = "
    UPDATE schedules
    SET backlog_from = NULL, backlog_to = NULL, backlog_due = NULL
    WHERE tenant_id = $1 AND id = $2";
const POSTPONE: &str = "
    UPDATE schedules
    SET backlog_due = $1
    WHERE tenant_id = $2 AND id = $3 AND revision = $4 AND backlog_from = $5";
const POSTPONE_MANY: &str = "
    UPDATE schedules
    SET backlog_due = $1
    WHERE tenant_id = $2 AND id IN (
        SELECT id FROM schedules WHERE backlog_due < $1 AND tenant_id = $2 ORDER BY backlog_due LIMIT $3)";
const INSERT_BEHIND: &str = "
    INSERT INTO schedule_backlogs (tenant_id, schedule_id, from_at, to_at) VALUES ($1, $2, $3, $4)";
const BEHIND: &str = "
    SELECT from_at, to_at FROM schedule_backlogs WHERE tenant_id = $1 AND schedule_id = $2 ORDER BY from_at";
const TAKE_FIRST_BEHIND: &str = "
    DELETE FROM schedule_backlogs
    WHERE tenant_id = $1 AND schedule_id = $2 AND from_at = (
        SELECT MIN(from_at) FROM schedule_backlogs WHERE tenant_id = $1 AND schedule_id = $2)
    RETURNING from_at, to_at";
const CLEAR_BEHIND: &str = "DELETE FROM schedule_backlogs WHERE tenant_id = $1 AND schedule_id = $2";
const ANY_OPEN: &str = "
    SELECT slot_at FROM schedule_slots WHERE tenant_id = $1 AND schedule_id = $2 AND is_open ORDER BY slot_at LIMIT 1";
const CAUGHT_UP: &str = "
    SELECT COUNT(*) AS slots FROM schedule_slots WHERE is_catch_up AND decided_at > $1";
const CAUGHT_UP_OF_TENANT: &str = "
    SELECT COUNT(*) AS slots FROM schedule_slots WHERE is_catch_up AND decided_at > $1 AND tenant_id = $2";

/// Backlogs that are put off in one transaction.
const POSTPONED_AT_ONCE: u32 = 1_000;

/// Slots that follow one another, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotRange {
    /// The nominal time of the first.
    pub from: UnixMillis,
    /// That of the last.
    pub to: UnixMillis,
}

impl SlotRange {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { from: millis(row, "from_at")?, to: millis(row, "to_at")? })
    }
}

/// The first stretch of what is still to be caught up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlog {
    /// Its slots.
    pub range: SlotRange,
    /// When to go on with it.
    pub due_at: UnixMillis,
}

/// A backlog in place of the one that was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewBacklog {
    /// The first slot of the backlog that was seen; `None` where there was none.
    pub expected_from: Option<UnixMillis>,
    /// Its stretches in their order, none of which touches another; at least one.
    pub ranges: Vec<SlotRange>,
    /// When to go on with it.
    pub due_at: UnixMillis,
}

/// Where a backlog stood when a step was thought out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BacklogPlace {
    /// The schedule.
    pub schedule: ScheduleId,
    /// Its revision.
    pub revision: i64,
    /// The first stretch.
    pub range: SlotRange,
}

/// The first slot of a backlog, which is to be caught up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CatchUpStart {
    /// Where the backlog stood.
    pub place: BacklogPlace,
    /// The slot after it in its stretch, where there is one.
    pub next: Option<UnixMillis>,
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
    /// The backlog stands elsewhere by now, or the slot was decided before; no execution is accepted.
    Moved,
}

impl Database {
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

    /// Give up the first stretch of a backlog, so that the next one moves up; answers whether the backlog still stood
    /// there.
    pub async fn give_up_backlog(
        &self,
        tenant: TenantId,
        place: BacklogPlace,
        stretch: SlotStretch,
        now: UnixMillis,
    ) -> Result<bool, DatabaseError> {
        self.write(move |work| {
            let stands = overlap_at(work, tenant, place)?.is_some();
            if stands {
                let key = ScheduleKey { tenant, schedule: place.schedule };
                move_up(work, key, now)?;
                slots::insert_stretch(work, key, &stretch, now)?;
            }
            Ok(stands)
        })
        .await
    }

    /// The stretches of a backlog behind the first one, in their order.
    pub fn backlog_behind(&self, tenant: TenantId, schedule: ScheduleId) -> Result<Vec<SlotRange>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(BEHIND)?;
            let rows = statement.query_map([tenant.to_string(), schedule.to_string()], SlotRange::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<SlotRange>>>()?)
        })
    }

    /// Leave the backlog of a schedule as it is until `due_at`.
    pub async fn postpone_backlog(
        &self,
        tenant: TenantId,
        place: BacklogPlace,
        due_at: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(POSTPONE)?.execute(params![
                due_at.0,
                tenant.to_string(),
                place.schedule.to_string(),
                place.revision,
                place.range.from.0,
            ])?;
            Ok(())
        })
        .await
    }

    /// Leave the tenant's backlogs as they are until `due_at`: the thousand that are longest due, so that it never takes
    /// long.
    pub async fn postpone_backlogs(&self, tenant: TenantId, due_at: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(POSTPONE_MANY)?.execute(params![
                due_at.0,
                tenant.to_string(),
                POSTPONED_AT_ONCE
            ])?;
            Ok(())
        })
        .await
    }
}

fn start_catch_up(work: &Work<'_>, tenant: TenantId, start: &CatchUpStart) -> Result<CatchUpDecision, DatabaseError> {
    let CatchUpStart { place, next, queued, rates, now } = start;
    let key = ScheduleKey { tenant, schedule: place.schedule };
    let Some(overlap) = overlap_at(work, tenant, *place)? else { return Ok(CatchUpDecision::Moved) };
    if overlap != Overlap::Parallel {
        let mut statement = work.connection.prepare_cached(ANY_OPEN)?;
        if statement.exists([tenant.to_string(), place.schedule.to_string()])? {
            return Ok(CatchUpDecision::PreviousRun);
        }
    }
    if let Some(reached) = reached(work, tenant, *rates)? {
        return Ok(reached);
    }
    match next {
        Some(next) => go_on(work, key, *next, *now)?,
        None => move_up(work, key, *now)?,
    }
    let slot = place.range.from;
    if slots::is_decided(work, key, slot)? {
        return Ok(CatchUpDecision::Moved);
    }
    let started = ScheduleSlot { is_catch_up: true, ..ScheduleSlot::started(slot, queued, *now) };
    slots::insert_started(work, key, &started)?;
    steps::accept(work, key, slot, queued)?;
    Ok(CatchUpDecision::Started)
}

/// Which rate is reached.
fn reached(work: &Work<'_>, tenant: TenantId, rates: CatchUpRates) -> Result<Option<CatchUpDecision>, DatabaseError> {
    let mut counting = work.connection.prepare_cached(CAUGHT_UP)?;
    if counting.query_row([rates.since.0], |row| count(row, "slots"))? >= rates.of_all {
        return Ok(Some(CatchUpDecision::Rate));
    }
    let mut counting = work.connection.prepare_cached(CAUGHT_UP_OF_TENANT)?;
    let of_tenant = counting.query_row(params![rates.since.0, tenant.to_string()], |row| count(row, "slots"))?;
    Ok((of_tenant >= rates.of_tenant).then_some(CatchUpDecision::TenantRate))
}

/// What the schedule says of overlaps; `None` where its backlog stands elsewhere.
fn overlap_at(work: &Work<'_>, tenant: TenantId, place: BacklogPlace) -> Result<Option<Overlap>, DatabaseError> {
    let BacklogPlace { schedule, revision, range } = place;
    let mut statement = work.connection.prepare_cached(AT)?;
    let parameters = params![tenant.to_string(), schedule.to_string(), revision, range.from.0, range.to.0];
    Ok(statement.query_row(parameters, |row| word(row, "overlap")).optional()?)
}

/// Put a backlog in place of the one that was seen; answers whether that was still there.
pub(super) fn replace(work: &Work<'_>, key: ScheduleKey, backlog: &NewBacklog) -> Result<bool, DatabaseError> {
    let Some((first, behind)) = backlog.ranges.split_first() else { return Ok(true) };
    let (tenant, schedule) = (key.tenant.to_string(), key.schedule.to_string());
    let replaced = work.connection.prepare_cached(REPLACE)?.execute(params![
        first.from.0,
        first.to.0,
        backlog.due_at.0,
        tenant,
        schedule,
        backlog.expected_from.map(|from| from.0),
    ])?;
    if replaced == 0 {
        return Ok(false);
    }
    work.connection.prepare_cached(CLEAR_BEHIND)?.execute([&tenant, &schedule])?;
    for range in behind {
        let parameters = params![tenant, schedule, range.from.0, range.to.0];
        work.connection.prepare_cached(INSERT_BEHIND)?.execute(parameters)?;
    }
    Ok(true)
}

/// Give up a backlog as a whole.
pub(super) fn clear(work: &Work<'_>, key: ScheduleKey) -> Result<(), DatabaseError> {
    let (tenant, schedule) = (key.tenant.to_string(), key.schedule.to_string());
    work.connection.prepare_cached(CLEAR)?.execute([&tenant, &schedule])?;
    work.connection.prepare_cached(CLEAR_BEHIND)?.execute([tenant, schedule])?;
    Ok(())
}

/// Go on with the first stretch from `from`.
fn go_on(work: &Work<'_>, key: ScheduleKey, from: UnixMillis, due_at: UnixMillis) -> Result<(), DatabaseError> {
    let parameters = params![from.0, due_at.0, key.tenant.to_string(), key.schedule.to_string()];
    work.connection.prepare_cached(GO_ON)?.execute(parameters)?;
    Ok(())
}

/// Go on with the next stretch.
fn move_up(work: &Work<'_>, key: ScheduleKey, due_at: UnixMillis) -> Result<(), DatabaseError> {
    let (tenant, schedule) = (key.tenant.to_string(), key.schedule.to_string());
    let mut taking = work.connection.prepare_cached(TAKE_FIRST_BEHIND)?;
    let next = taking.query_row([&tenant, &schedule], SlotRange::from_row).optional()?;
    match next {
        Some(next) => {
            let parameters = params![next.from.0, next.to.0, due_at.0, tenant, schedule];
            work.connection.prepare_cached(MOVE_UP)?.execute(parameters)?
        }
        None => work.connection.prepare_cached(CLEAR)?.execute([tenant, schedule])?,
    };
    Ok(())
}
