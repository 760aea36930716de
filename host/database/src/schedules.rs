//! Schedules: when scripts run by themselves. What becomes of each slot is in [`steps`], [`backlog`] and [`slots`].

mod backlog;
mod row;
mod slots;
mod steps;

use domain::{CatchUp, Overlap, ScheduleId, ScriptId, ScriptName, TenantId, UnixMillis, UserId};
use rusqlite::{CachedStatement, Connection, Params, Row, params};

pub use backlog::{Backlog, BacklogPlace, CatchUpDecision, CatchUpRates, CatchUpStart, NewBacklog, SlotRange};
pub(crate) use slots::close_slot;
pub use slots::{ScheduleSlot, SlotStretch};
pub use steps::{SlotDecision, SlotPlace, SlotStart, SlotsPassed};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count, readable},
    writer::Work,
};

const COUNT: &str = "SELECT COUNT(*) AS schedules FROM schedules WHERE tenant_id = $1";
const INSERT: &str = "
    INSERT INTO schedules (tenant_id, id, script_id, expression, timezone, overlap, catch_up, revision, set_by, set_at,
                           created_at, next_slot, due_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12)";
const GET: &str = "
    SELECT schedules.tenant_id, schedules.id, schedules.script_id, scripts.name AS script_name, schedules.expression,
           schedules.timezone, schedules.overlap, schedules.catch_up, schedules.is_paused, schedules.revision,
           schedules.set_by, schedules.set_at, schedules.created_at, schedules.next_slot, schedules.due_at,
           schedules.last_slot, schedules.last_run, schedules.backlog_from, schedules.backlog_to, schedules.backlog_due
    FROM schedules
    JOIN scripts ON scripts.tenant_id = schedules.tenant_id AND scripts.id = schedules.script_id
    WHERE schedules.tenant_id = $1 AND schedules.id = $2";
const LIST: &str = "
    SELECT tenant_id, id FROM schedules WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3";
const LIST_OF_SCRIPT: &str = "
    SELECT tenant_id, id FROM schedules WHERE tenant_id = $1 AND script_id = $2 AND id > $3 ORDER BY id LIMIT $4";
// These two of whichever tenant: the scheduler goes from a moment to what is due then.
const DUE: &str = "
    SELECT tenant_id, id FROM schedules WHERE due_at <= $1 ORDER BY due_at LIMIT $2";
const DUE_TO_CATCH_UP: &str = "
    SELECT tenant_id, id FROM schedules WHERE backlog_due <= $1 ORDER BY backlog_due LIMIT $2";
const UPDATE: &str = "
    UPDATE schedules
    SET expression = $1, timezone = $2, overlap = $3, catch_up = $4, is_paused = $5, revision = $6, set_by = $7,
        set_at = $8, next_slot = $9, due_at = $10
    WHERE tenant_id = $11 AND id = $12 AND revision = $13 AND next_slot IS NOT DISTINCT FROM $14
      AND backlog_from IS NOT DISTINCT FROM $15";
const DELETE: &str = "DELETE FROM schedules WHERE tenant_id = $1 AND id = $2";
const DELETE_SLOTS: &str = "
    DELETE FROM schedule_slots
    WHERE (tenant_id, schedule_id, slot_at) IN (
        SELECT tenant_id, schedule_id, slot_at
        FROM schedule_slots
        WHERE tenant_id = $1 AND schedule_id = $2
        ORDER BY slot_at
        LIMIT $3)";
const REVISION: &str = "SELECT revision FROM schedules WHERE tenant_id = $1 AND id = $2";

const PAUSE: &str = "
    UPDATE schedules
    SET is_paused = TRUE, due_at = NULL, backlog_due = NULL
    WHERE tenant_id = $1 AND id = $2";
const POSTPONE_MANY: &str = "
    UPDATE schedules
    SET due_at = $1
    WHERE tenant_id = $2 AND id IN (
        SELECT id FROM schedules WHERE due_at <= $3 AND tenant_id = $2 ORDER BY due_at LIMIT $4)";

/// Schedules that are put off in one transaction.
const POSTPONED_AT_ONCE: u32 = 1_000;

/// Slots that are removed in one transaction: it takes some milliseconds.
const SLOTS_AT_ONCE: u32 = 500;

/// A slot that is to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextSlot {
    /// Its nominal time.
    pub slot: UnixMillis,
    /// When it is to be started: at its time, or a little later.
    pub due_at: UnixMillis,
}

/// Which schedule.
#[derive(Clone, Copy, Debug)]
struct ScheduleKey {
    tenant: TenantId,
    schedule: ScheduleId,
}

/// The tenant's and the schedule's id as they stand in their row.
pub type RawScheduleKey = [String; 2];

/// Schedules that are due.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DueSchedules {
    /// Those that can be read.
    pub schedules: Vec<Schedule>,
    /// Those that cannot.
    pub unreadable: Vec<RawScheduleKey>,
}

/// A schedule to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewSchedule {
    /// Its id.
    pub id: ScheduleId,
    /// The script that it runs.
    pub script: ScriptId,
    /// When.
    pub setting: ScheduleSetting,
    /// Who sets it.
    pub set_by: Option<UserId>,
    /// When it is set.
    pub set_at: UnixMillis,
    /// Its first slot.
    pub next: Option<NextSlot>,
}

/// What is said of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleSetting {
    /// The cron expression.
    pub expression: String,
    /// The IANA name of the time zone that it is read in.
    pub timezone: String,
    /// What happens with a slot while an earlier run goes on.
    pub overlap: Overlap,
    /// What happens with slots that were missed.
    pub catch_up: CatchUp,
}

/// Another setting of a schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleChange {
    /// The schedule.
    pub id: ScheduleId,
    /// The revision that it was seen with.
    pub expected_revision: i64,
    /// The next slot that it was seen with.
    pub expected_next: Option<UnixMillis>,
    /// The first slot of the backlog that it was seen with.
    pub expected_backlog: Option<UnixMillis>,
    /// Everything that is said of it.
    pub setting: ScheduleSetting,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Who set it.
    pub set_by: Option<UserId>,
    /// When that was.
    pub set_at: UnixMillis,
    /// Its next slot.
    pub next: Option<NextSlot>,
    /// What becomes of each stretch of the backlog where that is given up; none where it stays.
    pub given_up: Vec<SlotStretch>,
    /// Now.
    pub now: UnixMillis,
}

/// A schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// Its id.
    pub id: ScheduleId,
    /// The script that it runs.
    pub script: ScriptId,
    /// The script's name.
    pub script_name: ScriptName,
    /// What is said of it.
    pub setting: ScheduleSetting,
    /// Whether its slots are skipped for now.
    pub is_paused: bool,
    /// Counts its changes.
    pub revision: i64,
    /// Who set it last.
    pub set_by: Option<UserId>,
    /// When that was.
    pub set_at: UnixMillis,
    /// When it was made.
    pub created_at: UnixMillis,
    /// The first slot of which nothing was decided yet.
    pub next: Option<NextSlot>,
    /// The last slot of which something was decided.
    pub last_slot: Option<UnixMillis>,
    /// The last slot that was started.
    pub last_run: Option<UnixMillis>,
    /// The first of the missed slots that are still to be caught up.
    pub backlog: Option<Backlog>,
}

/// Whether a schedule was made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScheduleMade {
    /// It was.
    Made,
    /// The tenant has as many as it may have.
    QuotaUsed,
}

impl Database {
    /// Make a schedule, of at most `limit` that the tenant may have.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the script is not the tenant's.
    pub async fn create_schedule(
        &self,
        tenant: TenantId,
        schedule: NewSchedule,
        limit: u64,
    ) -> Result<ScheduleMade, DatabaseError> {
        self.write(move |work| {
            let mut counting = work.connection.prepare_cached(COUNT)?;
            if counting.query_row([tenant.to_string()], |row| count(row, "schedules"))? >= limit {
                work.change_nothing();
                return Ok(ScheduleMade::QuotaUsed);
            }
            insert(work, tenant, &schedule)?;
            Ok(ScheduleMade::Made)
        })
        .await
    }

    /// One schedule.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn schedule(&self, tenant: TenantId, id: ScheduleId) -> Result<Schedule, DatabaseError> {
        self.read(|connection| get(connection, &[tenant.to_string(), id.to_string()]))
    }

    /// How many schedules the tenant has.
    pub fn count_schedules(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(COUNT)?;
            Ok(statement.query_row([tenant.to_string()], |row| count(row, "schedules"))?)
        })
    }

    /// A page of at most `limit` schedules in the order in which they were made, behind `after`; those of one script where
    /// `script` names it.
    pub fn list_schedules(
        &self,
        tenant: TenantId,
        script: Option<ScriptId>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<Schedule>, DatabaseError> {
        let (tenant, after) = (tenant.to_string(), after.map_or_else(String::new, |id| id.to_string()));
        self.read(|connection| match script {
            None => all(connection, connection.prepare_cached(LIST)?, params![tenant, after, limit]),
            Some(script) => {
                let parameters = params![tenant, script.to_string(), after, limit];
                all(connection, connection.prepare_cached(LIST_OF_SCRIPT)?, parameters)
            }
        })
    }

    /// At most `limit` schedules of any tenants whose next slot is due at `now`, the longest due first. Those whose rows
    /// cannot be read are not among them, and are paused once [`Self::pause_unreadable_schedules`] comes.
    pub fn due_schedules(&self, now: UnixMillis, limit: u32) -> Result<DueSchedules, DatabaseError> {
        self.due(DUE, now, limit)
    }

    /// As [`Self::due_schedules`], of those that have slots to catch up at `now`.
    pub fn schedules_to_catch_up(&self, now: UnixMillis, limit: u32) -> Result<DueSchedules, DatabaseError> {
        self.due(DUE_TO_CATCH_UP, now, limit)
    }

    fn due(&self, statement: &str, now: UnixMillis, limit: u32) -> Result<DueSchedules, DatabaseError> {
        self.read(|connection| {
            let mut named = connection.prepare_cached(statement)?;
            let keys = named.query_map(params![now.0, limit], raw_key)?;
            let mut due = DueSchedules::default();
            for key in keys {
                let key = key?;
                match get(connection, &key) {
                    Ok(schedule) => due.schedules.push(schedule),
                    Err(error) if error.is_unreadable() => due.unreadable.push(key),
                    Err(error) => return Err(error),
                }
            }
            Ok(due)
        })
    }

    /// Pause schedules whose rows cannot be read: they are due no more, and keep nobody else's from being looked at.
    pub async fn pause_unreadable_schedules(&self, unreadable: Vec<RawScheduleKey>) -> Result<(), DatabaseError> {
        self.write(move |work| {
            for key in &unreadable {
                work.connection.prepare_cached(PAUSE)?.execute([&key[0], &key[1]])?;
            }
            Ok(())
        })
        .await
    }

    /// Leave those of the tenant's schedules that are due at `now` as they are until `due_at`: the thousand that are
    /// longest due, so that it never takes long.
    pub async fn postpone_slots(
        &self,
        tenant: TenantId,
        now: UnixMillis,
        due_at: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let parameters = params![due_at.0, tenant.to_string(), now.0, POSTPONED_AT_ONCE];
            work.connection.prepare_cached(POSTPONE_MANY)?.execute(parameters)?;
            Ok(())
        })
        .await
    }

    /// Change a schedule; answers its revision, or `None` where its next slot or its backlog is another by now: then
    /// nothing is changed.
    ///
    /// # Errors
    /// [`DatabaseError::Stale`] where it has another revision than the expected one; [`DatabaseError::NotFound`].
    pub async fn change_schedule(
        &self,
        tenant: TenantId,
        change: ScheduleChange,
    ) -> Result<Option<i64>, DatabaseError> {
        self.write(move |work| {
            if !update(work, tenant, &change)? {
                work.change_nothing();
                return Ok(None);
            }
            let key = ScheduleKey { tenant, schedule: change.id };
            if !change.given_up.is_empty() {
                backlog::clear(work, key)?;
            }
            for stretch in &change.given_up {
                slots::insert_stretch(work, key, stretch, change.now)?;
            }
            Ok(Some(work.revision))
        })
        .await
    }

    /// Remove a schedule with its slots. Runs that it started go on. The slots go first, some hundred at a time, so that
    /// other writes get in between.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`] where `expected_revision` is another one.
    pub async fn delete_schedule(
        &self,
        tenant: TenantId,
        id: ScheduleId,
        expected_revision: Option<i64>,
    ) -> Result<(), DatabaseError> {
        let mut deleted = SLOTS_AT_ONCE as usize;
        while deleted == SLOTS_AT_ONCE as usize {
            deleted = self
                .write(move |work| {
                    require_revision(work, tenant, id, expected_revision)?;
                    work.change_nothing();
                    let mut statement = work.connection.prepare_cached(DELETE_SLOTS)?;
                    Ok(statement.execute(params![tenant.to_string(), id.to_string(), SLOTS_AT_ONCE])?)
                })
                .await?;
        }
        self.write(move |work| {
            require_revision(work, tenant, id, expected_revision)?;
            work.connection.prepare_cached(DELETE)?.execute([tenant.to_string(), id.to_string()])?;
            Ok(())
        })
        .await
    }
}

fn get(connection: &Connection, key: &RawScheduleKey) -> Result<Schedule, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row([&key[0], &key[1]], Schedule::from_row)?)
}

fn raw_key(row: &Row<'_>) -> rusqlite::Result<RawScheduleKey> {
    Ok([row.get("tenant_id")?, row.get("id")?])
}

/// The schedules that a statement names, as far as they can be read. Each is read by its key, so that one statement says
/// what is read of a schedule.
fn all(
    connection: &Connection,
    mut named: CachedStatement<'_>,
    parameters: impl Params,
) -> Result<Vec<Schedule>, DatabaseError> {
    let keys = named.query_map(parameters, raw_key)?;
    readable(keys.map(|key| get(connection, &key?)), "schedule")
}

fn require_revision(
    work: &Work<'_>,
    tenant: TenantId,
    id: ScheduleId,
    expected: Option<i64>,
) -> Result<(), DatabaseError> {
    let current = revision(work, tenant, id)?;
    if expected.is_some_and(|expected| expected != current) {
        return Err(DatabaseError::Stale { current });
    }
    Ok(())
}

fn insert(work: &Work<'_>, tenant: TenantId, schedule: &NewSchedule) -> Result<(), DatabaseError> {
    let setting = &schedule.setting;
    work.connection.prepare_cached(INSERT)?.execute(params![
        tenant.to_string(),
        schedule.id.to_string(),
        schedule.script.to_string(),
        setting.expression,
        setting.timezone,
        setting.overlap.as_str(),
        setting.catch_up.as_str(),
        work.revision,
        schedule.set_by.map(|user| user.to_string()),
        schedule.set_at.0,
        schedule.next.map(|next| next.slot.0),
        schedule.next.map(|next| next.due_at.0),
    ])?;
    Ok(())
}

fn update(work: &Work<'_>, tenant: TenantId, change: &ScheduleChange) -> Result<bool, DatabaseError> {
    let setting = &change.setting;
    let changed = work.connection.prepare_cached(UPDATE)?.execute(params![
        setting.expression,
        setting.timezone,
        setting.overlap.as_str(),
        setting.catch_up.as_str(),
        change.is_paused,
        work.revision,
        change.set_by.map(|user| user.to_string()),
        change.set_at.0,
        change.next.map(|next| next.slot.0),
        change.next.map(|next| next.due_at.0),
        tenant.to_string(),
        change.id.to_string(),
        change.expected_revision,
        change.expected_next.map(|slot| slot.0),
        change.expected_backlog.map(|slot| slot.0),
    ])?;
    let current = revision(work, tenant, change.id)?;
    match changed {
        1 => Ok(true),
        _ if current == change.expected_revision => Ok(false),
        _ => Err(DatabaseError::Stale { current }),
    }
}

fn revision(work: &Work<'_>, tenant: TenantId, id: ScheduleId) -> Result<i64, DatabaseError> {
    let mut statement = work.connection.prepare_cached(REVISION)?;
    Ok(statement.query_row([tenant.to_string(), id.to_string()], |row| row.get(0))?)
}

/// A number of slots as its column holds it.
fn number(slots: u64) -> i64 {
    bigint(slots.max(1))
}
