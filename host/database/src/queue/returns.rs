//! What becomes of an entry: it goes back for another attempt, or leaves with the end of its execution.

use domain::{ErrorKind, ExecutionId, TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, params};

use super::{
    give_places_back,
    groups::{self, Left},
};
use crate::{Database, DatabaseError, Lease, RetryCause, deliveries, rows::bigint, schedules, writer::Work};

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
pub(super) enum Counted {
    Failure,
    Rescue,
    Nothing,
}

/// Note an attempt that ended, and let its execution wait for the next.
pub(super) fn go_back(
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
