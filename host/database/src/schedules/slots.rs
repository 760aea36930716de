//! What became of each slot of a schedule.

use domain::{ExecutionId, ScheduleId, SlotOutcome, SlotReason, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::{ScheduleKey, number};
use crate::{
    Database, DatabaseError, QueuedExecution,
    rows::{count, millis, optional_word, word},
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO schedule_slots (tenant_id, schedule_id, slot_at, last_slot_at, slots, outcome, reason, execution_id,
                                is_open, is_catch_up, decided_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
// No row is between the two, and so none is before a slot and behind the last row that begins before it.
const LAST_DECIDED: &str = "
    SELECT last_slot_at
    FROM schedule_slots
    WHERE tenant_id = $1 AND schedule_id = $2 AND slot_at <= $3
    ORDER BY slot_at DESC
    LIMIT 1";
const EXTEND: &str = "
    UPDATE schedule_slots
    SET last_slot_at = $1, slots = slots + $2, decided_at = $3
    WHERE tenant_id = $4 AND schedule_id = $5 AND outcome = $6 AND reason = $7 AND last_slot_at = $8 AND slot_at = (
        SELECT slot_at
        FROM schedule_slots
        WHERE tenant_id = $4 AND schedule_id = $5 AND slot_at < $9
        ORDER BY slot_at DESC
        LIMIT 1)";
const CLOSE: &str = "
    UPDATE schedule_slots
    SET is_open = FALSE
    WHERE tenant_id = $1 AND execution_id = $2 AND is_open";
const LIST: &str = "
    SELECT slot_at, last_slot_at, slots, outcome, reason, execution_id, is_catch_up, decided_at
    FROM schedule_slots
    WHERE tenant_id = $1 AND schedule_id = $2 AND slot_at < $3
    ORDER BY slot_at DESC
    LIMIT $4";
const LAST_STARTED_BEFORE: &str = "
    SELECT slot_at
    FROM schedule_slots
    WHERE tenant_id = $1 AND schedule_id = $2 AND outcome = 'started' AND slot_at < $3
    ORDER BY slot_at DESC
    LIMIT 1";
const ANY_TO_PURGE: &str = "
    SELECT slot_at FROM schedule_slots WHERE tenant_id = $1 AND decided_at < $2 AND NOT is_open LIMIT 1";
const PURGE: &str = "
    DELETE FROM schedule_slots
    WHERE tenant_id = $1 AND (schedule_id, slot_at) IN (
        SELECT schedule_id, slot_at FROM schedule_slots WHERE tenant_id = $1 AND decided_at < $2 AND NOT is_open LIMIT $3)";

/// Slots that follow one another, of which the same became.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotStretch {
    /// The nominal time of the first.
    pub from: UnixMillis,
    /// That of the last.
    pub to: UnixMillis,
    /// How many there are.
    pub slots: u64,
    /// What became of them.
    pub outcome: SlotOutcome,
    /// Why.
    pub reason: SlotReason,
    /// The slot before the first of them, where there is one. A row that ends with it and says the same goes on with these.
    pub follows: Option<UnixMillis>,
}

/// What became of a slot, or of a stretch of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleSlot {
    /// The nominal time, of a stretch the first.
    pub slot: UnixMillis,
    /// The last nominal time of a stretch; else the same.
    pub last_slot: UnixMillis,
    /// How many slots there are.
    pub slots: u64,
    /// What became of it.
    pub outcome: SlotOutcome,
    /// Why it was not started.
    pub reason: Option<SlotReason>,
    /// The execution that was accepted for it.
    pub execution: Option<ExecutionId>,
    /// Whether it was caught up.
    pub is_catch_up: bool,
    /// When that was decided.
    pub decided_at: UnixMillis,
}

impl ScheduleSlot {
    /// A slot for which an execution is accepted.
    pub(super) fn started(slot: UnixMillis, queued: &QueuedExecution, now: UnixMillis) -> Self {
        Self {
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

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            slot: millis(row, "slot_at")?,
            last_slot: millis(row, "last_slot_at")?,
            slots: count(row, "slots")?,
            outcome: word(row, "outcome")?,
            reason: optional_word(row, "reason")?,
            execution: optional_word(row, "execution_id")?,
            is_catch_up: row.get("is_catch_up")?,
            decided_at: millis(row, "decided_at")?,
        })
    }
}

impl Database {
    /// A page of at most `limit` slots of a schedule, the latest first, before `before`.
    pub fn list_schedule_slots(
        &self,
        tenant: TenantId,
        schedule: ScheduleId,
        before: Option<UnixMillis>,
        limit: u32,
    ) -> Result<Vec<ScheduleSlot>, DatabaseError> {
        self.read(|connection| {
            let before = before.map_or(i64::MAX, |before| before.0);
            let mut statement = connection.prepare_cached(LIST)?;
            let parameters = params![tenant.to_string(), schedule.to_string(), before, limit];
            let rows = statement.query_map(parameters, ScheduleSlot::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<ScheduleSlot>>>()?)
        })
    }

    /// The last slot before `slot` that was started and is still on record.
    pub fn last_started_slot(
        &self,
        tenant: TenantId,
        schedule: ScheduleId,
        slot: UnixMillis,
    ) -> Result<Option<UnixMillis>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LAST_STARTED_BEFORE)?;
            let parameters = params![tenant.to_string(), schedule.to_string(), slot.0];
            Ok(statement.query_row(parameters, |row| millis(row, "slot_at")).optional()?)
        })
    }

    /// Remove at most `limit` of the tenant's slots that were decided before `before`; answers how many. Nothing is written
    /// where there are none.
    pub async fn purge_schedule_slots(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        limit: u32,
    ) -> Result<usize, DatabaseError> {
        let any = self.read(|connection| {
            Ok(connection.prepare_cached(ANY_TO_PURGE)?.exists(params![tenant.to_string(), before.0])?)
        })?;
        if !any {
            return Ok(0);
        }
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(PURGE)?;
            Ok(statement.execute(params![tenant.to_string(), before.0, limit])?)
        })
        .await
    }
}

/// Whether something was decided of a slot before.
pub(super) fn is_decided(work: &Work<'_>, key: ScheduleKey, slot: UnixMillis) -> Result<bool, DatabaseError> {
    let mut statement = work.connection.prepare_cached(LAST_DECIDED)?;
    let parameters = params![key.tenant.to_string(), key.schedule.to_string(), slot.0];
    let last = statement.query_row(parameters, |row| millis(row, "last_slot_at")).optional()?;
    Ok(last.is_some_and(|last| last >= slot))
}

/// Write that an execution was accepted for a slot of which nothing was decided before.
pub(super) fn insert_started(work: &Work<'_>, key: ScheduleKey, slot: &ScheduleSlot) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT)?.execute(params![
        key.tenant.to_string(),
        key.schedule.to_string(),
        slot.slot.0,
        slot.slot.0,
        1,
        slot.outcome.as_str(),
        None::<&str>,
        slot.execution.map(|execution| execution.to_string()),
        true,
        slot.is_catch_up,
        slot.decided_at.0,
    ])?;
    Ok(())
}

/// Write what became of slots that were not started: the row before them goes on where it says the same, else they have
/// one of their own.
///
/// # Errors
/// [`DatabaseError::Corrupt`] where something was decided of the first of them before.
pub(super) fn insert_stretch(
    work: &Work<'_>,
    key: ScheduleKey,
    stretch: &SlotStretch,
    decided_at: UnixMillis,
) -> Result<(), DatabaseError> {
    if is_decided(work, key, stretch.from)? {
        let ScheduleKey { schedule, .. } = key;
        let what = format!("the slot {} of the schedule {schedule} is decided, and is to be once more", stretch.from.0);
        return Err(DatabaseError::Corrupt { what });
    }
    if extend(work, key, stretch, decided_at)? {
        return Ok(());
    }
    work.connection.prepare_cached(INSERT)?.execute(params![
        key.tenant.to_string(),
        key.schedule.to_string(),
        stretch.from.0,
        stretch.to.0,
        number(stretch.slots),
        stretch.outcome.as_str(),
        stretch.reason.as_str(),
        None::<&str>,
        false,
        false,
        decided_at.0,
    ])?;
    Ok(())
}

/// Let the row before a stretch go on with it; answers whether there is one that ends where it begins and says the same.
fn extend(
    work: &Work<'_>,
    key: ScheduleKey,
    stretch: &SlotStretch,
    decided_at: UnixMillis,
) -> Result<bool, DatabaseError> {
    let Some(follows) = stretch.follows else { return Ok(false) };
    let extended = work.connection.prepare_cached(EXTEND)?.execute(params![
        stretch.to.0,
        number(stretch.slots),
        decided_at.0,
        key.tenant.to_string(),
        key.schedule.to_string(),
        stretch.outcome.as_str(),
        stretch.reason.as_str(),
        follows.0,
        stretch.from.0,
    ])?;
    Ok(extended == 1)
}

/// Note that the run of a slot has ended, where the execution was a slot's.
pub(crate) fn close_slot(work: &Work<'_>, tenant: TenantId, execution: ExecutionId) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(CLOSE)?.execute([tenant.to_string(), execution.to_string()])?;
    Ok(())
}
