//! How an execution begins: announced and written with its end, or accepted durably and begun later; and what becomes,
//! at the next start, of those that a crash cut off.

use domain::{ExecutionId, ExecutionStatus, Lineage, TenantId, UnixMillis};
use rusqlite::{Row, params};

use super::{
    StartRow,
    row::{EndOfRow, insert},
};
use crate::{
    Database, DatabaseError, lineages,
    rows::{millis, word},
};

// Both go tenant by tenant, so that the index on tenant and status serves them.
const PENDING: &str = "
    SELECT tenant_id, id, accepted_at
    FROM executions
    WHERE tenant_id IN (SELECT id FROM tenants) AND status = 'pending' AND owner_epoch < $1
    ORDER BY accepted_at, id";
const INTERRUPT: &str = "
    UPDATE executions
    SET status = 'failed', error_kind = 'interrupted', completed_at = $1
    WHERE tenant_id IN (SELECT id FROM tenants) AND status = 'running' AND owner_epoch < $2";
const BEGIN: &str = "
    UPDATE executions
    SET status = 'running', owner_epoch = $1, started_at = $2
    WHERE tenant_id = $3 AND id = $4 AND status = 'pending'";

/// An accepted execution that has not begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PendingExecution {
    /// Its tenant.
    pub tenant: TenantId,
    /// The execution.
    pub execution: ExecutionId,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
}

/// Whether a pending execution was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begun {
    /// It is running, and the caller's.
    Running,
    /// It does not wait any more: somebody else began it, or it was cancelled.
    NotPending,
}

impl PendingExecution {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            execution: word(row, "id")?,
            accepted_at: millis(row, "accepted_at")?,
        })
    }
}

impl Database {
    /// Note that an execution is under way, without waiting for it to be durable. If it ends within 20 ms, start and end
    /// are one row written once; else the row is written as `running`. A crash before that leaves no trace of it.
    pub fn announce_execution(&self, start: StartRow) {
        self.writer().announce(start);
    }

    /// Make an execution durable that is to run later. Once this answers, it survives a crash.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the script is not the tenant's.
    pub async fn accept_execution(&self, start: StartRow) -> Result<(), DatabaseError> {
        self.write(move |work| insert(work.connection, &start, ExecutionStatus::Pending, EndOfRow::default())).await
    }

    /// As [`Self::accept_execution`], for one that goes on with a chain of another execution.
    ///
    /// # Errors
    /// As there.
    pub async fn accept_continued_execution(&self, start: StartRow, lineage: Lineage) -> Result<(), DatabaseError> {
        self.write(move |work| {
            insert(work.connection, &start, ExecutionStatus::Pending, EndOfRow::default())?;
            lineages::insert(work.connection, start.tenant, start.execution, lineage)
        })
        .await
    }

    /// Take a pending execution for the process of `epoch`.
    pub async fn begin_pending(
        &self,
        tenant: TenantId,
        execution: ExecutionId,
        epoch: i64,
        started_at: UnixMillis,
    ) -> Result<Begun, DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(BEGIN)?;
            let parameters = params![epoch, started_at.0, tenant.to_string(), execution.to_string()];
            Ok(if statement.execute(parameters)? == 1 { Begun::Running } else { Begun::NotPending })
        })
        .await
    }

    /// Every execution, of any tenant, that waits since before the process of `epoch`: for its start.
    pub fn pending_executions(&self, epoch: i64) -> Result<Vec<PendingExecution>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(PENDING)?;
            let rows = statement.query_map([epoch], PendingExecution::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<PendingExecution>>>()?)
        })
    }

    /// End every execution, of any tenant, that a process before that of `epoch` left running, as `interrupted`. Answers
    /// how many there were.
    pub async fn interrupt_running(&self, epoch: i64, now: UnixMillis) -> Result<usize, DatabaseError> {
        self.write(move |work| Ok(work.connection.prepare_cached(INTERRUPT)?.execute([now.0, epoch])?)).await
    }
}
