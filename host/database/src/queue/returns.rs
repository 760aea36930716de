//! What becomes of an entry: it goes back for another attempt, is rescued from a process that is gone, or leaves with the
//! end of its execution.

use domain::{ErrorKind, ExecutionId, OnInterrupt, ScriptId, TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{
    give_places_back,
    groups::{self, Left},
};
use crate::{
    Database, DatabaseError, Lease, RetryCause, deadletters, deliveries,
    rows::{bigint, small_count, word},
    schedules,
    writer::Work,
};

const FENCE: &str = "
    SELECT fence FROM execution_queue WHERE tenant_id = $1 AND execution_id = $2 AND state = 'leased'";
const REQUEUE_ENTRY: &str = "
    UPDATE execution_queue
    SET state = 'ready', available_at = $1, failures = failures + $2, rescues = rescues + $3, lease_epoch = 0,
        lease_until = 0
    WHERE tenant_id = $4 AND execution_id = $5";
const REQUEUE_EXECUTION: &str = "
    UPDATE executions
    SET status = 'pending', attempt = attempt + 1, error_kind = NULL, error = NULL, result = NULL,
        started_at = accepted_at, completed_at = NULL
    WHERE tenant_id = $1 AND id = $2";
const INSERT_ATTEMPT: &str = "
    INSERT INTO execution_attempts (tenant_id, execution_id, attempt, error_kind, fuel, started_at, completed_at,
                                    duration_us, error, sent)
    SELECT tenant_id, id, attempt, $1, $2, started_at, $3, $4, $5, $6
    FROM executions
    WHERE tenant_id = $7 AND id = $8";
const PUT_BACK_ENTRY: &str = "
    UPDATE execution_queue
    SET state = 'ready', available_at = $1, lease_epoch = 0, lease_until = 0
    WHERE tenant_id = $2 AND execution_id = $3";
const PUT_BACK_EXECUTION: &str = "
    UPDATE executions SET status = 'pending', started_at = accepted_at WHERE tenant_id = $1 AND id = $2";
const CANCEL: &str = "
    UPDATE execution_queue SET is_cancelled = TRUE WHERE tenant_id = $1 AND execution_id = $2";
const IS_CANCELLED: &str = "
    SELECT is_cancelled FROM execution_queue WHERE tenant_id = $1 AND execution_id = $2";
const DELETE: &str = "
    DELETE FROM execution_queue
    WHERE tenant_id = $1 AND execution_id = $2
    RETURNING state, group_key, group_max, line_key, is_in_line";
// What an earlier process had, or what nobody renewed. Few are leased at once.
const LOST: &str = "
    SELECT tenant_id, execution_id, script_id, on_interrupt, rescues
    FROM execution_queue
    WHERE tenant_id IN (SELECT id FROM tenants) AND state = 'leased' AND (lease_epoch < $1 OR lease_until < $2)
    LIMIT $3";
const INTERRUPT: &str = "
    UPDATE executions
    SET status = 'failed', error_kind = 'interrupted', completed_at = $1
    WHERE tenant_id = $2 AND id = $3";

/// How often an execution is taken back from a process that ended while it ran it. After that it is given up.
const RESCUES_MAX: u32 = 3;

/// Entries that are rescued in one transaction.
const RESCUED_AT_ONCE: u32 = 500;

/// A failed attempt whose execution goes back to the queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Requeue<'a> {
    pub(crate) kind: ErrorKind,
    pub(crate) fuel: u64,
    pub(crate) completed_at: UnixMillis,
    pub(crate) duration_us: i64,
    /// Sealed.
    pub(crate) error: Option<&'a [u8]>,
    /// Sealed.
    pub(crate) sent: Option<&'a [u8]>,
    pub(crate) available_at: UnixMillis,
    pub(crate) cause: RetryCause,
}

/// Which entries are lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rescue {
    /// The process that asks: what earlier ones had is lost.
    pub epoch: i64,
    /// Now: what nobody renewed is lost.
    pub now: UnixMillis,
    /// But for what this process works at: its clock may have jumped.
    pub at_work: Vec<ExecutionId>,
}

/// What became of lost entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rescued {
    /// They wait for another attempt.
    pub returned: usize,
    /// They ended as interrupted, as their script wants it.
    pub failed: usize,
    /// They ended as interrupted, because they had ended processes before; each is a dead letter.
    pub given_up: usize,
}

struct Lost {
    tenant: TenantId,
    execution: ExecutionId,
    script: ScriptId,
    on_interrupt: OnInterrupt,
    rescues: u32,
}

impl Lost {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            execution: word(row, "execution_id")?,
            script: word(row, "script_id")?,
            on_interrupt: word(row, "on_interrupt")?,
            rescues: small_count(row, "rescues")?,
        })
    }
}

impl Database {
    /// Take back what processes had that are gone, or that did not renew: for another attempt, or to its end. A few
    /// hundred at a time; ask again until it answers nothing.
    pub async fn rescue_executions(&self, rescue: Rescue) -> Result<Rescued, DatabaseError> {
        self.write(move |work| {
            let lost = {
                let mut statement = work.connection.prepare_cached(LOST)?;
                let parameters = params![rescue.epoch, rescue.now.0, RESCUED_AT_ONCE];
                let rows = statement.query_map(parameters, Lost::from_row)?;
                rows.collect::<rusqlite::Result<Vec<Lost>>>()?
            };
            let mut rescued = Rescued::default();
            for lost in lost.into_iter().filter(|lost| !rescue.at_work.contains(&lost.execution)) {
                rescue_one(work, &lost, rescue.now, &mut rescued)?;
            }
            Ok(rescued)
        })
        .await
    }
}

fn rescue_one(work: &Work<'_>, lost: &Lost, now: UnixMillis, rescued: &mut Rescued) -> Result<(), DatabaseError> {
    if lost.on_interrupt == OnInterrupt::Retry
        && lost.rescues < RESCUES_MAX
        && !is_cancelled(work, lost.tenant, lost.execution)?
    {
        let attempt = Requeue {
            kind: ErrorKind::Interrupted,
            fuel: 0,
            completed_at: now,
            duration_us: 0,
            error: None,
            sent: None,
            available_at: UnixMillis(now.0.saturating_add(wait_after(lost.rescues))),
            cause: RetryCause::GivenBack,
        };
        go_back(work, (lost.tenant, lost.execution), &attempt, Counted::Rescue)?;
        rescued.returned += 1;
        return Ok(());
    }
    let mut statement = work.connection.prepare_cached(INTERRUPT)?;
    statement.execute(params![now.0, lost.tenant.to_string(), lost.execution.to_string()])?;
    let took_event = leave(work, lost.tenant, lost.execution)?;
    if lost.on_interrupt == OnInterrupt::Fail {
        rescued.failed += 1;
        return Ok(());
    }
    rescued.given_up += 1;
    // An event has a dead letter of its own.
    if took_event {
        return Ok(());
    }
    deadletters::insert_execution(work, lost.tenant, lost.script, lost.execution, now)
}

impl Database {
    /// Put an execution back that was taken and has not begun: it is the same attempt as before.
    pub async fn put_back(&self, lease: Lease, available_at: UnixMillis) -> Result<(), DatabaseError> {
        self.write(move |work| {
            if !require_lease(work, &lease)? {
                return Ok(());
            }
            let (tenant, execution) = (lease.tenant.to_string(), lease.execution.to_string());
            let parameters = params![available_at.0, tenant, execution];
            work.connection.prepare_cached(PUT_BACK_ENTRY)?.execute(parameters)?;
            work.connection.prepare_cached(PUT_BACK_EXECUTION)?.execute([tenant, execution])?;
            Ok(())
        })
        .await
    }

    /// Whether somebody wants the end of an execution that was accepted.
    pub fn is_cancelled(&self, tenant: TenantId, execution: ExecutionId) -> Result<bool, DatabaseError> {
        self.read(|connection| wants_end(connection, tenant, execution))
    }
}

/// Note that somebody wants the end of an execution that was accepted: it has no other attempt.
pub(crate) fn cancel(work: &Work<'_>, tenant: TenantId, execution: ExecutionId) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(CANCEL)?.execute([tenant.to_string(), execution.to_string()])?;
    Ok(())
}

/// Whether somebody wants the end of an execution that was accepted.
pub(crate) fn is_cancelled(work: &Work<'_>, tenant: TenantId, execution: ExecutionId) -> Result<bool, DatabaseError> {
    wants_end(work.connection, tenant, execution)
}

fn wants_end(connection: &Connection, tenant: TenantId, execution: ExecutionId) -> Result<bool, DatabaseError> {
    let mut statement = connection.prepare_cached(IS_CANCELLED)?;
    let parameters = [tenant.to_string(), execution.to_string()];
    Ok(statement.query_row(parameters, |row| row.get(0)).optional()?.unwrap_or(false))
}

/// How long a rescued execution waits, in milliseconds: at first not at all, and the longer the more processes ended with
/// it. One that ends them then does so without those that were only there by chance.
fn wait_after(rescues: u32) -> i64 {
    if rescues == 0 { 0 } else { 1_000 << rescues.min(6) }
}

/// See that an execution from the queue is still whose lease is named.
pub(crate) fn require_lease(work: &Work<'_>, lease: &Lease) -> Result<bool, DatabaseError> {
    let Some(fence) = lease.fence else { return Ok(true) };
    let mut statement = work.connection.prepare_cached(FENCE)?;
    let parameters = [lease.tenant.to_string(), lease.execution.to_string()];
    let current: Option<i64> = statement.query_row(parameters, |row| row.get("fence")).optional()?;
    Ok(current == Some(fence))
}

/// Put an execution back for its next attempt.
pub(crate) fn requeue(work: &Work<'_>, lease: &Lease, attempt: &Requeue<'_>) -> Result<(), DatabaseError> {
    let counted = match attempt.cause {
        RetryCause::Failed => Counted::Failure,
        RetryCause::ServerFailed => Counted::Rescue,
        RetryCause::GivenBack => Counted::Nothing,
    };
    go_back(work, (lease.tenant, lease.execution), attempt, counted)
}

/// What an attempt that ended counts as.
enum Counted {
    Failure,
    Rescue,
    Nothing,
}

fn go_back(
    work: &Work<'_>,
    (tenant, execution): (TenantId, ExecutionId),
    attempt: &Requeue<'_>,
    counted: Counted,
) -> Result<(), DatabaseError> {
    let (tenant, execution) = (tenant.to_string(), execution.to_string());
    let (failures, rescues) = match counted {
        Counted::Failure => (1, 0),
        Counted::Rescue => (0, 1),
        Counted::Nothing => (0, 0),
    };
    work.connection.prepare_cached(INSERT_ATTEMPT)?.execute(params![
        attempt.kind.as_str(),
        bigint(attempt.fuel),
        attempt.completed_at.0,
        attempt.duration_us,
        attempt.error,
        attempt.sent,
        tenant,
        execution,
    ])?;
    work.connection.prepare_cached(REQUEUE_EXECUTION)?.execute([tenant.as_str(), execution.as_str()])?;
    let parameters = params![attempt.available_at.0, failures, rescues, tenant, execution];
    work.connection.prepare_cached(REQUEUE_ENTRY)?.execute(parameters)?;
    Ok(())
}

/// Remove the entry of an execution that ended, and let the next of its group and of its line go on. Nothing where there
/// is none. The slot of a schedule that it was for is no longer open, and the delivery of an event that the execution took
/// is settled, as its row says. Answers whether there was one.
pub(crate) fn leave(work: &Work<'_>, tenant: TenantId, execution: ExecutionId) -> Result<bool, DatabaseError> {
    let mut statement = work.connection.prepare_cached(DELETE)?;
    let parameters = [tenant.to_string(), execution.to_string()];
    let Some(left) = statement.query_row(parameters, Left::from_row).optional()? else { return Ok(false) };
    give_places_back(work, tenant, 1)?;
    groups::follow(work, &tenant.to_string(), &left)?;
    schedules::close_slot(work, tenant, execution)?;
    deliveries::settle(work, tenant, execution)
}
