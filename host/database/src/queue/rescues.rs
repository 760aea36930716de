//! What a process leaves that is gone: executions go back for another attempt, or to their end, which is told and counted
//! as every other.

use domain::{ErrorKind, ExecutionId, Lineage, OnInterrupt, ScriptId, TenantId, Trigger, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::returns::{Counted, Requeue, go_back, leave};
use crate::{
    Database, DatabaseError, OutboxEvent, RetryCause, Usage, deadletters, events, lineages,
    rows::{bytes, count, millis, small_count, word},
    usage,
    writer::Work,
};

// What an earlier process had, or what nobody renewed. Few are leased at once.
const LOST: &str = "
    SELECT queue.tenant_id, queue.execution_id, queue.script_id, queue.on_interrupt, queue.rescues, queue.is_cancelled,
           executions.triggered_by, executions.reserved_fuel, executions.started_at, lineages.root_tenant_id, lineages.root, lineages.hop
    FROM execution_queue AS queue
    JOIN executions ON executions.tenant_id = queue.tenant_id AND executions.id = queue.execution_id
    LEFT JOIN execution_lineages AS lineages
        ON lineages.tenant_id = queue.tenant_id AND lineages.execution_id = queue.execution_id
    WHERE queue.tenant_id IN (SELECT id FROM tenants) AND queue.state = 'leased'
        AND (queue.lease_epoch < $1 OR queue.lease_until < $2)
    LIMIT $3";
// It goes tenant by tenant, so that the index on tenant and status serves it. What the queue has is the queue's.
const LEFT_RUNNING: &str = "
    SELECT executions.tenant_id, executions.id AS execution_id, executions.script_id, executions.triggered_by,
           NULL AS root_tenant_id, NULL AS root, NULL AS hop
    FROM executions
    WHERE executions.tenant_id IN (SELECT id FROM tenants) AND status = 'running' AND owner_epoch < $1 AND NOT EXISTS (
        SELECT 1
        FROM execution_queue
        WHERE execution_queue.tenant_id = executions.tenant_id AND execution_queue.execution_id = executions.id)
    LIMIT $2";
const INTERRUPT: &str = "
    UPDATE executions
    SET status = $1, error_kind = $2, error = $3, completed_at = $4, fuel = reserved_fuel
    WHERE tenant_id = $5 AND id = $6 AND status IN ('pending', 'running')
    RETURNING reserved_fuel, started_at";

/// How often an execution is taken back from a process that ended while it ran it. After that it is given up.
const RESCUES_MAX: u32 = 3;

/// Executions that are looked at, and rescued in one transaction.
const RESCUED_AT_ONCE: u32 = 500;

/// Which entries are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescue {
    /// The process that asks: what earlier ones had is lost.
    pub epoch: i64,
    /// Now: what nobody renewed is lost.
    pub now: UnixMillis,
    /// But for what this process works at: its clock may have jumped.
    pub at_work: Vec<ExecutionId>,
    /// What is said of those that end, as far as it is known.
    pub endings: Vec<Ending>,
}

/// What became of lost entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// They wait for another attempt.
    pub returned: usize,
    /// They ended as interrupted, as their script wants it, or as cancelled, as a person wanted it.
    pub failed: usize,
    /// They ended as interrupted, because they had ended processes before; each is a dead letter.
    pub given_up: usize,
}

/// An execution that a process left, and that has no other attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Doomed {
    /// Its tenant.
    pub tenant: TenantId,
    /// The execution.
    pub execution: ExecutionId,
    /// Its script.
    pub script: ScriptId,
    /// How it was triggered.
    pub trigger: Trigger,
    /// The chain that it goes on with; `None` where it began its own.
    pub lineage: Option<Lineage>,
    /// How it ends: `interrupted`, or `cancelled` where a person wanted its end.
    pub kind: ErrorKind,
}

/// What is said of the end of an execution that a process left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The execution.
    pub doomed: Doomed,
    /// The error's text, sealed.
    pub error: Option<Vec<u8>>,
    /// What is told of it.
    pub told: Option<OutboxEvent>,
}

/// Whether an entry that was lost has another attempt.
struct Lost {
    execution: Doomed,
    on_interrupt: OnInterrupt,
    rescues: u32,
    cut: Cut,
}

/// What an attempt cost that a process left. What it used nobody knows any more: it counts as all that was set aside.
struct Cut {
    reserved_fuel: u64,
    started_at: UnixMillis,
}

impl Cut {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { reserved_fuel: count(row, "reserved_fuel")?, started_at: millis(row, "started_at")? })
    }

    /// Count it to the day on which it was set aside.
    fn charge(&self, work: &Work<'_>, tenant: TenantId, executions: u64) -> Result<(), DatabaseError> {
        let used = Usage { executions, fuel: self.reserved_fuel, ..Usage::default() };
        usage::settle(work.connection, tenant, self.started_at.utc_day(), &used)
    }
}

impl Doomed {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let has_chain = row.get_ref("root")? != rusqlite::types::ValueRef::Null;
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            execution: word(row, "execution_id")?,
            script: word(row, "script_id")?,
            trigger: word(row, "triggered_by")?,
            lineage: if has_chain { Some(lineages::from_row(row)?) } else { None },
            kind: ErrorKind::Interrupted,
        })
    }
}

impl Lost {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let is_cancelled: bool = row.get("is_cancelled")?;
        let kind = if is_cancelled { ErrorKind::Cancelled } else { ErrorKind::Interrupted };
        Ok(Self {
            execution: Doomed { kind, ..Doomed::from_row(row)? },
            on_interrupt: word(row, "on_interrupt")?,
            rescues: small_count(row, "rescues")?,
            cut: Cut::from_row(row)?,
        })
    }

    fn is_doomed(&self) -> bool {
        let is_cancelled = self.execution.kind == ErrorKind::Cancelled;
        self.on_interrupt == OnInterrupt::Fail || self.rescues >= RESCUES_MAX || is_cancelled
    }
}

impl Database {
    /// Some hundred of the executions that [`Self::rescue_executions`] ends, so that it can be said how.
    pub fn doomed_executions(&self, epoch: i64, now: UnixMillis) -> Result<Vec<Doomed>, DatabaseError> {
        let lost = self.read(|connection| lost(connection, epoch, now))?;
        Ok(lost.into_iter().filter(Lost::is_doomed).map(|lost| lost.execution).collect())
    }

    /// Take back what processes had that are gone, or that did not renew: for another attempt, or to its end. A few
    /// hundred at a time; ask again until it answers nothing.
    pub async fn rescue_executions(&self, rescue: Rescue) -> Result<Rescued, DatabaseError> {
        self.write(move |work| {
            let lost = lost(work.connection, rescue.epoch, rescue.now)?;
            let mut rescued = Rescued::default();
            let to_be_rescued = lost.iter().filter(|lost| !rescue.at_work.contains(&lost.execution.execution));
            for (ordinal, lost) in to_be_rescued.enumerate() {
                rescue_one(work, (ordinal, lost), &rescue, &mut rescued)?;
            }
            Ok(rescued)
        })
        .await
    }

    /// Some hundred of the executions, of any tenant, that a process before that of `epoch` left running and that no queue
    /// takes care of: [`Self::end_doomed`] is for them.
    pub fn left_running(&self, epoch: i64) -> Result<Vec<Doomed>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LEFT_RUNNING)?;
            let rows = statement.query_map(params![epoch, RESCUED_AT_ONCE], Doomed::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Doomed>>>()?)
        })
    }

    /// End executions that no queue takes care of.
    pub async fn end_doomed(&self, endings: Vec<Ending>, now: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            for (ordinal, ending) in endings.iter().enumerate() {
                end(work, (ordinal, &ending.doomed), Some(ending), now)?;
            }
            Ok(())
        })
        .await
    }
}

fn lost(connection: &rusqlite::Connection, epoch: i64, now: UnixMillis) -> Result<Vec<Lost>, DatabaseError> {
    let mut statement = connection.prepare_cached(LOST)?;
    let rows = statement.query_map(params![epoch, now.0, RESCUED_AT_ONCE], Lost::from_row)?;
    Ok(rows.collect::<rusqlite::Result<Vec<Lost>>>()?)
}

fn rescue_one(
    work: &Work<'_>,
    (ordinal, lost): (usize, &Lost),
    rescue: &Rescue,
    rescued: &mut Rescued,
) -> Result<(), DatabaseError> {
    let Doomed { tenant, execution, script, kind, .. } = lost.execution;
    let now = rescue.now;
    if !lost.is_doomed() {
        go_back(work, (tenant, execution), &interrupted(lost, now), Counted::Rescue)?;
        // The execution counts once, with its end.
        lost.cut.charge(work, tenant, 0)?;
        rescued.returned += 1;
        return Ok(());
    }
    let ending = rescue.endings.iter().find(|ending| ending.doomed.execution == execution);
    end(work, (ordinal, &lost.execution), ending, now)?;
    let took_event = leave(work, tenant, execution)?;
    if lost.on_interrupt == OnInterrupt::Fail || kind == ErrorKind::Cancelled {
        rescued.failed += 1;
        return Ok(());
    }
    rescued.given_up += 1;
    // An event has a dead letter of its own.
    if took_event {
        return Ok(());
    }
    deadletters::insert_execution(work, tenant, script, execution, now)
}

/// Write the end of an execution that a process left, with what is told of it, and count it.
fn end(
    work: &Work<'_>,
    (ordinal, doomed): (usize, &Doomed),
    ending: Option<&Ending>,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    let (tenant, execution) = (doomed.tenant.to_string(), doomed.execution.to_string());
    let (status, kind) = (doomed.kind.status().as_str(), doomed.kind.as_str());
    let error = ending.and_then(|ending| ending.error.as_deref());
    let mut statement = work.connection.prepare_cached(INTERRUPT)?;
    let parameters = params![status, kind, error, now.0, tenant, execution];
    let Some(cut) = statement.query_row(parameters, Cut::from_row).optional()? else { return Ok(()) };
    cut.charge(work, doomed.tenant, 1)?;
    if let Some(told) = ending.and_then(|ending| ending.told.as_ref()) {
        events::insert_one(work, (doomed.tenant, Some(doomed.execution)), bytes(ordinal), told)?;
    }
    Ok(())
}

fn interrupted(lost: &Lost, now: UnixMillis) -> Requeue<'static> {
    Requeue {
        kind: ErrorKind::Interrupted,
        fuel: lost.cut.reserved_fuel,
        completed_at: now,
        duration_us: 0,
        error: None,
        sent: None,
        available_at: UnixMillis(now.0.saturating_add(wait_after(lost.rescues))),
        cause: RetryCause::GivenBack,
    }
}

/// How long a rescued execution waits, in milliseconds: at first not at all, and the longer the more processes ended with
/// it. One that ends them then does so without those that were only there by chance.
fn wait_after(rescues: u32) -> i64 {
    if rescues == 0 { 0 } else { 1_000 << rescues.min(6) }
}
