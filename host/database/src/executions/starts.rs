//! How an execution begins that nothing queues: announced and written with its end. What becomes of one that is cancelled
//! while it waits.

use domain::{ExecutionId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, params};

use super::StartRow;
use crate::{Database, DatabaseError, queue};

const CANCEL: &str = "
    UPDATE executions
    SET status = 'cancelled', error_kind = 'cancelled', error = $1, completed_at = $2
    WHERE tenant_id = $3 AND id = $4 AND status = 'pending'";
// As far as the queue has it: whoever waits for one is told its end by the run itself.
const CANCEL_RUNNING: &str = "
    UPDATE executions
    SET status = 'cancelled', error_kind = 'cancelled', error = $1, completed_at = $2,
        duration_us = ($2 - started_at) * 1000
    WHERE tenant_id = $3 AND id = $4 AND status = 'running' AND EXISTS (
        SELECT 1
        FROM execution_queue
        WHERE execution_queue.tenant_id = executions.tenant_id AND execution_queue.execution_id = executions.id)";
const STATUS: &str = "SELECT status FROM executions WHERE tenant_id = $1 AND id = $2";

/// Whether an execution that waited was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cancelled {
    /// It ended as `cancelled`, and never began.
    Ended,
    /// It does not wait, or not any more. If it runs, it has no other attempt.
    NotWaiting,
}

impl Database {
    /// Note that an execution is under way, without waiting for it to be durable. If it ends within 20 ms, start and end
    /// are one row written once; else the row is written as `running`. A crash before that leaves no trace of it.
    pub fn announce_execution(&self, start: StartRow) {
        self.writer().announce(start);
    }

    /// End an execution that waits, before it begins; one that began has no other attempt. `error` is sealed.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn cancel_waiting(
        &self,
        tenant: TenantId,
        execution: ExecutionId,
        error: Vec<u8>,
        now: UnixMillis,
    ) -> Result<Cancelled, DatabaseError> {
        self.write(move |work| {
            let (of, id) = (tenant.to_string(), execution.to_string());
            let cancelled = work.connection.prepare_cached(CANCEL)?.execute(params![error, now.0, of, id])?;
            if cancelled == 1 {
                queue::leave(work, tenant, execution)?;
                return Ok(Cancelled::Ended);
            }
            queue::cancel(work, tenant, execution)?;
            let mut statement = work.connection.prepare_cached(STATUS)?;
            let status: Option<String> = statement.query_row([of, id], |row| row.get(0)).optional()?;
            status.map(|_| Cancelled::NotWaiting).ok_or(DatabaseError::NotFound)
        })
        .await
    }

    /// End an accepted execution that runs, in place of the run itself: what that one commits after this is refused, and
    /// only what it used and logged is still noted. `error` is sealed. Answers whether there was one.
    pub async fn cancel_running(
        &self,
        tenant: TenantId,
        execution: ExecutionId,
        error: Vec<u8>,
        now: UnixMillis,
    ) -> Result<bool, DatabaseError> {
        self.write(move |work| {
            let values = params![error, now.0, tenant.to_string(), execution.to_string()];
            let is_ended = work.connection.prepare_cached(CANCEL_RUNNING)?.execute(values)? == 1;
            if is_ended {
                queue::leave(work, tenant, execution)?;
            }
            Ok(is_ended)
        })
        .await
    }
}
