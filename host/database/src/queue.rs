//! The queue: accepted executions that wait, each written together with its own row and with whatever triggered it.
//!
//! An entry is taken by lease and fencing token ([`claims`]), goes back after a failed attempt ([`returns`]) or a crash
//! ([`rescues`]), and is removed with the end of its execution. Which may go on beside which, [`groups`] says.

mod claims;
mod groups;
mod rescues;
mod returns;

use domain::{ExecutionStatus, Lineage, OnInterrupt, ScriptId, TenantId, UnixMillis};
use rusqlite::params;

pub(crate) use claims::wake_some;
pub use claims::{Claim, Claimed, Taken};
pub use groups::QueueGroup;
pub use rescues::{Doomed, Ending, Rescue, Rescued};
pub(crate) use returns::{Requeue, cancel, is_cancelled, leave, requeue, require_lease};

use crate::{
    Database, DatabaseError, StartRow,
    executions::{EndOfRow, insert},
    lineages,
    rows::{bigint, count, word},
    writer::Work,
};

const TAKE_PLACE: &str = "
    UPDATE tenants SET queued_executions = queued_executions + 1 WHERE id = $1 AND queued_executions < $2";
const GIVE_PLACE_BACK: &str = "
    UPDATE tenants SET queued_executions = queued_executions - $1 WHERE id = $2 AND queued_executions >= $1";
const INSERT: &str = "
    INSERT INTO execution_queue (tenant_id, execution_id, script_id, state, priority, available_at, position, group_key,
                                 group_max, line_key, is_in_line, max_attempts, on_interrupt)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)";
const QUEUED: &str = "SELECT queued_executions FROM tenants WHERE id = $1";
const OF_SCRIPT: &str = "
    SELECT COUNT(*) AS entries FROM execution_queue WHERE tenant_id = $1 AND script_id = $2";
const WAITING_TENANTS: &str = "
    SELECT id
    FROM tenants
    WHERE queued_executions > 0 AND status = 'active' AND EXISTS (
        SELECT 1
        FROM execution_queue
        WHERE execution_queue.tenant_id = tenants.id AND state = 'ready' AND priority IN (0, 1) AND available_at <= $1)";

/// Which of a tenant's work goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Priority {
    /// What just came.
    Live,
    /// What catches up on what was missed: behind everything live.
    CatchUp,
}

impl Priority {
    const ALL: [Self; 2] = [Self::Live, Self::CatchUp];

    fn as_number(self) -> i64 {
        match self {
            Self::Live => 0,
            Self::CatchUp => 1,
        }
    }
}

/// How an accepted execution waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueEntry {
    /// Which goes first.
    pub priority: Priority,
    /// Not before this.
    pub available_at: UnixMillis,
    /// Beside which others; `None` beside all.
    pub group: Option<QueueGroup>,
    /// Those of one line go one after another, those that are live first; `None` where nothing is to wait for another.
    pub line: Option<String>,
    /// Attempts in all, from 1.
    pub max_attempts: u32,
    /// What becomes of it when a crash cuts it off.
    pub on_interrupt: OnInterrupt,
    /// The tenant's queue may hold so many.
    pub queue_limit: u64,
}

/// An execution to be accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueuedExecution {
    /// What it is.
    pub start: StartRow,
    /// The chain that it goes on with; `None` where it begins its own.
    pub lineage: Option<Lineage>,
    /// How it waits.
    pub entry: QueueEntry,
}

impl Database {
    /// Accept an execution that is to run later. Once this answers, it survives a crash.
    ///
    /// # Errors
    /// [`DatabaseError::QueueFull`]; [`DatabaseError::GroupFull`]; [`DatabaseError::NotFound`] when the script is not the tenant's.
    pub async fn enqueue_execution(&self, queued: QueuedExecution) -> Result<(), DatabaseError> {
        self.write(move |work| enqueue(work, &queued)).await
    }

    /// How many executions of the tenant were accepted and have not ended.
    pub fn queued_executions(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(QUEUED)?;
            Ok(statement.query_row([tenant.to_string()], |row| count(row, "queued_executions"))?)
        })
    }

    /// The tenants for which something could be taken at `now`.
    pub fn tenants_with_ready_work(&self, now: UnixMillis) -> Result<Vec<TenantId>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(WAITING_TENANTS)?;
            let rows = statement.query_map([now.0], |row| word(row, "id"))?;
            Ok(rows.collect::<rusqlite::Result<Vec<TenantId>>>()?)
        })
    }
}

/// Write an accepted execution and its entry.
///
/// # Errors
/// As [`Database::enqueue_execution`]; the caller's savepoint is then to be undone.
pub(crate) fn enqueue(work: &Work<'_>, queued: &QueuedExecution) -> Result<(), DatabaseError> {
    let QueuedExecution { start, lineage, entry } = queued;
    let tenant = start.tenant.to_string();
    let taken = work.connection.prepare_cached(TAKE_PLACE)?.execute(params![tenant, bigint(entry.queue_limit)])?;
    if taken == 0 {
        return Err(DatabaseError::QueueFull { limit: entry.queue_limit });
    }
    insert(work.connection, start, ExecutionStatus::Pending, EndOfRow::default())?;
    if let Some(lineage) = lineage {
        lineages::insert(work.connection, start.tenant, start.execution, *lineage)?;
    }
    let standing = groups::arrive(work, &tenant, entry)?;
    work.connection.prepare_cached(INSERT)?.execute(params![
        tenant,
        start.execution.to_string(),
        start.script.to_string(),
        standing.state(),
        entry.priority.as_number(),
        entry.available_at.0,
        work.revision,
        entry.group.as_ref().map(|group| group.key.as_str()),
        entry.group.as_ref().map_or(0, |group| group.max),
        entry.line,
        standing.is_in_line(),
        entry.max_attempts,
        entry.on_interrupt.as_str(),
    ])?;
    // Those that wait longer go first, also where the group has just been given more places.
    entry.group.as_ref().map_or(Ok(()), |group| groups::promote(work, &tenant, &group.key, group.max))
}

/// Give the places of a script's entries back, before the script is deleted with them.
pub(crate) fn forget_script(work: &Work<'_>, tenant: TenantId, script: ScriptId) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(OF_SCRIPT)?;
    let parameters = [tenant.to_string(), script.to_string()];
    let entries = statement.query_row(parameters, |row| count(row, "entries"))?;
    give_places_back(work, tenant, entries)
}

fn give_places_back(work: &Work<'_>, tenant: TenantId, places: u64) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(GIVE_PLACE_BACK)?.execute(params![bigint(places), tenant.to_string()])?;
    Ok(())
}
