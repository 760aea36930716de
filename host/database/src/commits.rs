//! The end of an execution, and `storage.commit()` within one: reads are checked, writes and events applied, the row, its
//! record and the usage written, all in one savepoint. Either everything is there, or nothing.

mod checks;
mod writes;

use std::{sync::Arc, time::Duration};

use domain::{ErrorKind, ExecutionId, ExecutionStatus, ScriptId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

pub use checks::{DocumentRangeRead, DocumentRead, EntryRead, ReadSet, StorageRangeRead};
pub use writes::{StorageChange, StorageWrite};

use crate::{
    Database, DatabaseError, DocumentWrite, OutboxEvent, Usage, Verdict, breakers, events,
    executions::{self, EndOfRow, ExecutionRecord},
    queue,
    rows::{bigint, bytes, microseconds, millis, small_count, word},
    usage,
    writer::{Cause, Work},
};

const STANDING: &str = "
    SELECT script_id, status, owner_epoch, attempt, started_at FROM executions WHERE tenant_id = $1 AND id = $2";
const END: &str = "
    UPDATE executions
    SET status = $1, error_kind = $2, fuel = $3, peak_memory_bytes = $4, host_calls = $5, logs_truncated = $6,
        completed_at = $7, duration_us = $8, error = $9, result = $10, attempt = $11, owner_epoch = $12
    WHERE tenant_id = $13 AND id = $14";
const NOTE_AFTER_CANCEL: &str = "
    UPDATE executions
    SET fuel = $1, peak_memory_bytes = $2, host_calls = $3, logs_truncated = $4
    WHERE tenant_id = $5 AND id = $6 AND attempt = $7 AND owner_epoch = $8 AND status = 'cancelled' AND NOT EXISTS (
        SELECT 1
        FROM execution_records
        WHERE execution_records.tenant_id = executions.tenant_id AND execution_id = executions.id
            AND execution_records.attempt = executions.attempt)";
const INSERT_RECORD: &str = "
    INSERT INTO execution_records (tenant_id, execution_id, attempt, logs, journal)
    VALUES ($1, $2, $3, $4, $5)";

/// Which execution commits, and by which right: another attempt, or a process of another epoch, is refused (fencing).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The tenant.
    pub tenant: TenantId,
    /// The execution.
    pub execution: ExecutionId,
    /// The attempt.
    pub attempt: u32,
    /// The epoch of the process that runs it.
    pub epoch: i64,
    /// The fencing token with which it was taken from the queue; `None` for one that never waited there.
    pub fence: Option<i64>,
}

/// What an execution read and wants to change.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effects {
    /// What it read; it is repeated where that has changed. Empty to check nothing.
    pub checks: ReadSet,
    /// What it writes to storage, in order.
    pub writes: Vec<StorageWrite>,
    /// What it writes to documents; those of one collection stand together.
    pub documents: Vec<DocumentWrite>,
    /// What it publishes, in order.
    pub events: Vec<OutboxEvent>,
    /// The tenant's storage may not grow beyond this; `None` for no limit.
    pub storage_limit_bytes: Option<u64>,
    /// With what it publishes no more events than these may wait for their subscriptions to be looked for; `None` for no
    /// limit.
    pub pending_events_limit: Option<u64>,
}

/// How an execution ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionEnd {
    /// What has become of it.
    pub status: ExecutionStatus,
    /// Why there is no result.
    pub error_kind: Option<ErrorKind>,
    /// The result, sealed.
    pub result: Option<Vec<u8>>,
    /// The error's text and stack, sealed.
    pub error: Option<Vec<u8>>,
    /// Fuel of the guest and of its host calls.
    pub fuel: u64,
    /// The most linear memory that it had.
    pub peak_memory_bytes: u64,
    /// Host calls that it started.
    pub host_calls: u32,
    /// Whether lines of log were dropped.
    pub logs_truncated: bool,
    /// When it ended.
    pub completed_at: UnixMillis,
    /// How long it ran.
    pub duration: Duration,
}

/// The end of an execution with all that goes with it. One that failed has effects too: checks, and what Skerry tells of
/// it; so that a run that failed on stale reads is repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct ExecutionCommit {
    /// Which execution.
    pub lease: Lease,
    /// How it ended.
    pub end: ExecutionEnd,
    /// What is kept of it; `None` where nothing is.
    pub record: Option<ExecutionRecord>,
    /// What it read and changes.
    pub effects: Effects,
    /// What it used.
    pub usage: Usage,
    /// The day to which that is added, in days since 1970-01-01 in UTC: the one whose fuel was reserved for it.
    pub day: i64,
    /// What its end says of its script.
    pub verdict: Verdict,
    /// How it goes on; `None` where this is its end.
    pub retry: Option<Retry>,
    /// What is told where this end opens its script's breaker.
    pub on_open: Option<OutboxEvent>,
}

/// The next attempt of an execution that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Retry {
    /// When it may begin.
    pub available_at: UnixMillis,
    /// Why there is another.
    pub cause: RetryCause,
    /// What this attempt sent, sealed.
    pub sent: Option<Vec<u8>>,
}

/// Why an execution has another attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RetryCause {
    /// This one failed, which counts.
    Failed,
    /// The server failed at it. Counts as a process that ended.
    ServerFailed,
    /// The process that had it ends, which is not the script's fault.
    GivenBack,
}

/// What an execution commits while it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct PartialCommit {
    /// Which execution.
    pub lease: Lease,
    /// What it read and changes.
    pub effects: Effects,
    /// The moment that decides which entries have expired.
    pub now: UnixMillis,
}

/// What became of a commit. Nothing is written but in the first case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CommitResult {
    /// It is durable. What it wrote has this revision.
    Committed {
        /// The revision of every entry that it wrote.
        revision: i64,
    },
    /// Something that was read has changed.
    Conflict {
        /// What it was, for a person.
        what: String,
    },
    /// An increment met a value that is no number, or made one that is none.
    NotANumber {
        /// The key.
        key: String,
    },
    /// The tenant's storage would grow beyond its limit.
    StorageFull {
        /// The limit.
        limit_bytes: u64,
    },
    /// More of the tenant's events would wait for their subscriptions to be looked for than may.
    EventsFull {
        /// How many may.
        limit: u64,
    },
    /// The execution has ended already, or is another attempt's or another process's by now.
    AlreadyEnded,
}

/// Why a commit was undone.
pub(crate) enum Refusal {
    Result(CommitResult),
    Failed(DatabaseError),
}

impl<E: Into<DatabaseError>> From<E> for Refusal {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Cause for Refusal {
    fn database_error(&self) -> Option<DatabaseError> {
        match self {
            Self::Result(_) => None,
            Self::Failed(error) => Some(error.clone()),
        }
    }
}

impl Database {
    /// Commit the end of an execution. Once this answers [`CommitResult::Committed`], it is on disk.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the execution was never announced nor accepted, or its script was deleted;
    /// [`DatabaseError::Full`] and [`DatabaseError::Unavailable`] when the disk is full or failed; nothing is written then.
    pub async fn commit_execution(&self, commit: ExecutionCommit) -> Result<CommitResult, DatabaseError> {
        let commit = Arc::new(commit);
        let ending = Arc::clone(&commit);
        let committed = of_outcome(self.writer().write(move |work| end_execution(work, &ending)).await?)?;
        if committed == CommitResult::AlreadyEnded && commit.lease.fence.is_some() {
            self.write(move |work| note_after_cancel(work, &commit)).await?;
        }
        Ok(committed)
    }

    /// Commit what an execution has written and published so far, while it runs on.
    ///
    /// # Errors
    /// As [`Self::commit_execution`].
    pub async fn commit_storage(&self, commit: PartialCommit) -> Result<CommitResult, DatabaseError> {
        let committed = self.writer().write(move |work| commit_part(work, &commit)).await?;
        of_outcome(committed)
    }
}

/// Write one entry of a tenant's, outside of any execution. `limit_bytes` bounds the tenant's storage.
pub(crate) fn write_entry(
    work: &Work<'_>,
    tenant: TenantId,
    write: StorageWrite,
    (limit_bytes, now): (u64, UnixMillis),
) -> Result<(), DatabaseError> {
    let effects = Effects { writes: vec![write], storage_limit_bytes: Some(limit_bytes), ..Effects::default() };
    write_within(work, tenant, &effects, (limit_bytes, now))
}

/// Write a document on behalf of nobody's execution.
///
/// # Errors
/// [`DatabaseError::StorageLimit`].
pub(crate) fn write_document(
    work: &Work<'_>,
    tenant: TenantId,
    write: DocumentWrite,
    (limit_bytes, now): (u64, UnixMillis),
) -> Result<(), DatabaseError> {
    let effects = Effects { documents: vec![write], storage_limit_bytes: Some(limit_bytes), ..Effects::default() };
    write_within(work, tenant, &effects, (limit_bytes, now))
}

fn write_within(
    work: &Work<'_>,
    tenant: TenantId,
    effects: &Effects,
    (limit_bytes, now): (u64, UnixMillis),
) -> Result<(), DatabaseError> {
    writes::apply(work, tenant, effects, now).map_err(|refusal| match refusal {
        Refusal::Failed(error) => error,
        Refusal::Result(CommitResult::NotANumber { .. }) => DatabaseError::NotANumber,
        Refusal::Result(_) => DatabaseError::StorageLimit { limit_bytes },
    })
}

fn of_outcome(outcome: Result<i64, Refusal>) -> Result<CommitResult, DatabaseError> {
    match outcome {
        Ok(revision) => Ok(CommitResult::Committed { revision }),
        Err(Refusal::Result(result)) => Ok(result),
        Err(Refusal::Failed(error)) => Err(error),
    }
}

fn end_execution(work: &mut Work<'_>, commit: &ExecutionCommit) -> Result<i64, Refusal> {
    let lease = &commit.lease;
    let end = &commit.end;
    let Stood { announced, script, started_at } = stand(work, lease)?;
    apply(work, lease, &commit.effects, end.completed_at)?;
    let retry = match &commit.retry {
        Some(retry) if !queue::is_cancelled(work, lease.tenant, lease.execution)? => Some(retry),
        _ => None,
    };
    match (announced, retry) {
        (Some(start), _) => {
            executions::insert(work.connection, &start, end.status, end.row())?;
            work.settle(lease.execution);
        }
        (None, Some(retry)) => queue::requeue(work, lease, &end.requeue(retry))?,
        (None, None) => {
            update_ended(work, lease, end)?;
            queue::leave(work, lease.tenant, lease.execution)?;
        }
    }
    if let Some(record) = &commit.record {
        insert_record(work, lease, record)?;
    }
    usage::settle(work.connection, lease.tenant, commit.day, &commit.usage)?;
    let opened = breakers::judge(work, (lease.tenant, script), commit.verdict, (started_at, end.completed_at))?;
    if let (true, Some(event)) = (opened, &commit.on_open) {
        let after_the_others = bytes(commit.effects.events.len());
        events::insert_one(work, (lease.tenant, Some(lease.execution)), after_the_others, event)?;
    }
    Ok(work.revision)
}

/// Note what a run used and logged that was cancelled before it noticed ([`Database::cancel_running`]).
fn note_after_cancel(work: &Work<'_>, commit: &ExecutionCommit) -> Result<(), DatabaseError> {
    let ExecutionCommit { lease, end, .. } = commit;
    let is_cancelled = work.connection.prepare_cached(NOTE_AFTER_CANCEL)?.execute(params![
        bigint(end.fuel),
        bigint(end.peak_memory_bytes),
        end.host_calls,
        end.logs_truncated,
        lease.tenant.to_string(),
        lease.execution.to_string(),
        lease.attempt,
        lease.epoch,
    ])? == 1;
    if !is_cancelled {
        return Ok(());
    }
    if let Some(record) = &commit.record {
        insert_record(work, lease, record)?;
    }
    usage::settle(work.connection, lease.tenant, commit.day, &commit.usage)
}

fn commit_part(work: &mut Work<'_>, commit: &PartialCommit) -> Result<i64, Refusal> {
    if let Some(start) = stand(work, &commit.lease)?.announced {
        // An execution that left something has a row, also when it is cut off by a crash.
        executions::insert_running(work.connection, &start)?;
        work.settle(commit.lease.execution);
    }
    apply(work, &commit.lease, &commit.effects, commit.now)?;
    Ok(work.revision)
}

/// See that the execution is still the caller's.
fn stand(work: &Work<'_>, lease: &Lease) -> Result<Stood, Refusal> {
    if let Some(start) = work.announced(lease.execution).filter(|start| start.tenant == lease.tenant) {
        let is_ours = start.owner_epoch == lease.epoch && start.attempt == lease.attempt;
        let (script, started_at) = (start.script, start.started_at);
        let stood = Stood { announced: Some(start), script, started_at };
        return if is_ours { Ok(stood) } else { Err(Refusal::Result(CommitResult::AlreadyEnded)) };
    }
    if !queue::require_lease(work, lease)? {
        return Err(Refusal::Result(CommitResult::AlreadyEnded));
    }
    let mut statement = work.connection.prepare_cached(STANDING)?;
    let found = statement.query_row([lease.tenant.to_string(), lease.execution.to_string()], Standing::from_row);
    match found.optional()?.ok_or(DatabaseError::NotFound)? {
        standing if standing.is_open_to(lease) => {
            Ok(Stood { announced: None, script: standing.script, started_at: standing.started_at })
        }
        _ => Err(Refusal::Result(CommitResult::AlreadyEnded)),
    }
}

/// An execution that is its committer's.
struct Stood {
    /// Its start row, where that is not written yet.
    announced: Option<Arc<executions::StartRow>>,
    script: ScriptId,
    started_at: UnixMillis,
}

struct Standing {
    script: ScriptId,
    started_at: UnixMillis,
    status: ExecutionStatus,
    epoch: i64,
    attempt: u32,
}

impl Standing {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            script: word(row, "script_id")?,
            started_at: millis(row, "started_at")?,
            status: word(row, "status")?,
            epoch: row.get("owner_epoch")?,
            attempt: small_count(row, "attempt")?,
        })
    }

    fn is_open_to(&self, lease: &Lease) -> bool {
        self.status == ExecutionStatus::Running && self.attempt == lease.attempt && self.epoch == lease.epoch
    }
}

fn apply(work: &Work<'_>, lease: &Lease, effects: &Effects, now: UnixMillis) -> Result<(), Refusal> {
    checks::verify(work.connection, lease.tenant, &effects.checks)?;
    writes::apply(work, lease.tenant, effects, now)?;
    let Some(held) = events::insert(work, lease, &effects.events)? else { return Ok(()) };
    if let Some(limit) = effects.pending_events_limit.filter(|limit| held.has_more_pending_than(*limit)) {
        return Err(Refusal::Result(CommitResult::EventsFull { limit }));
    }
    match effects.storage_limit_bytes {
        Some(limit_bytes) if held.is_beyond(limit_bytes) => {
            Err(Refusal::Result(CommitResult::StorageFull { limit_bytes }))
        }
        _ => Ok(()),
    }
}

fn update_ended(work: &Work<'_>, lease: &Lease, end: &ExecutionEnd) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(END)?.execute(params![
        end.status.as_str(),
        end.error_kind.map(ErrorKind::as_str),
        bigint(end.fuel),
        bigint(end.peak_memory_bytes),
        end.host_calls,
        end.logs_truncated,
        end.completed_at.0,
        microseconds(end.duration),
        end.error,
        end.result,
        lease.attempt,
        lease.epoch,
        lease.tenant.to_string(),
        lease.execution.to_string(),
    ])?;
    Ok(())
}

fn insert_record(work: &Work<'_>, lease: &Lease, record: &ExecutionRecord) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT_RECORD)?.execute(params![
        lease.tenant.to_string(),
        lease.execution.to_string(),
        lease.attempt,
        record.logs,
        record.journal,
    ])?;
    Ok(())
}

impl ExecutionEnd {
    fn requeue<'a>(&'a self, retry: &'a Retry) -> queue::Requeue<'a> {
        queue::Requeue {
            kind: self.error_kind.unwrap_or(ErrorKind::Internal),
            fuel: self.fuel,
            completed_at: self.completed_at,
            duration_us: microseconds(self.duration),
            error: self.error.as_deref(),
            sent: retry.sent.as_deref(),
            available_at: retry.available_at,
            cause: retry.cause,
        }
    }

    fn row(&self) -> EndOfRow<'_> {
        EndOfRow {
            error_kind: self.error_kind,
            fuel: self.fuel,
            peak_memory_bytes: self.peak_memory_bytes,
            host_calls: self.host_calls,
            logs_truncated: self.logs_truncated,
            completed_at: Some(self.completed_at),
            duration: Some(self.duration),
            error: self.error.as_deref(),
            result: self.result.as_deref(),
        }
    }
}
