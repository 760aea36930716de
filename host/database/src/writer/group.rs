//! One transaction for all that waits, and what becomes of its writes.

use std::sync::{
    Arc, Mutex,
    atomic::{AtomicI32, Ordering},
};

use domain::ExecutionId;
use rusqlite::Connection;

use super::{
    CommitStep,
    job::{Applied, Job, Work},
    queue::{GROUP_MAX, Group, Queue},
};
use crate::{
    DatabaseError,
    error::is_io_failure,
    executions::{self, StartRow},
    readers::lock,
};

/// Revisions reserved at a time. A write to the deployment's row for each of them would be a page more in every commit.
const REVISIONS_RESERVED: i64 = 1 << 16;

/// Pages of the write-ahead log after which it is moved into the database: 4 MiB, SQLite's own default.
const WAL_PAGES_MAX: i32 = 1_000;

const RESERVE_REVISIONS: &str = "UPDATE deployment SET revision_ceiling = $1 WHERE id = 1";

pub(super) struct GroupCommit {
    connection: Arc<Mutex<Connection>>,
    commit: CommitStep,
    /// The next revision to give out, and the first that may not be.
    revision: i64,
    revision_ceiling: i64,
    /// Pages in the write-ahead log after the last commit.
    wal_pages: Arc<AtomicI32>,
}

impl GroupCommit {
    pub(super) fn new(
        connection: Arc<Mutex<Connection>>,
        revision_ceiling: i64,
        commit: CommitStep,
    ) -> rusqlite::Result<Self> {
        let wal_pages = Arc::new(AtomicI32::new(0));
        lock(&connection).wal_hook(Some({
            let wal_pages = Arc::clone(&wal_pages);
            move |_: &mut rusqlite::hooks::Wal, pages| {
                wal_pages.store(pages, Ordering::Relaxed);
                Ok(())
            }
        }))?;
        Ok(Self { connection, commit, revision: revision_ceiling, revision_ceiling, wal_pages })
    }

    /// Run `group` as one transaction and answer each of its writes.
    pub(super) fn run(&mut self, queue: &Queue, group: Group) {
        let Group { mut jobs, due } = group;
        let fate =
            if queue.is_failed() { Err(DatabaseError::Unavailable) } else { self.transact(queue, &mut jobs, &due) };
        if let Err(error) = &fate {
            tracing::error!(%error, writes = jobs.len(), "a transaction was lost; none of its writes took place");
        }
        for job in jobs {
            job.answer(fate.clone());
        }
        self.checkpoint(queue);
    }

    fn transact(
        &mut self,
        queue: &Queue,
        jobs: &mut [Box<dyn Job>],
        due: &[Arc<StartRow>],
    ) -> Result<(), DatabaseError> {
        let connection = Arc::clone(&self.connection);
        let connection = lock(&connection);
        run(&connection, "BEGIN IMMEDIATE")?;
        let mut settled = Vec::new();
        let written = self.write(&connection, queue, jobs, due, &mut settled);
        let fate = written.and_then(|ceiling| {
            (self.commit)(&connection).map_err(|error| {
                if is_io_failure(&error) {
                    tracing::error!(%error, "the disk failed at a commit; nothing is written until the next start");
                    queue.fail();
                }
                DatabaseError::from(error)
            })?;
            self.revision_ceiling = ceiling;
            Ok(())
        });
        match fate {
            Ok(()) => queue.forget(&settled),
            Err(_) => roll_back(&connection),
        }
        fate
    }

    /// Write everything into the transaction; answers the ceiling of revisions that it reserves.
    fn write(
        &mut self,
        connection: &Connection,
        queue: &Queue,
        jobs: &mut [Box<dyn Job>],
        due: &[Arc<StartRow>],
        settled: &mut Vec<ExecutionId>,
    ) -> Result<i64, DatabaseError> {
        let ceiling = self.reserve(connection)?;
        for job in jobs {
            let mark = settled.len();
            let revision = self.revision;
            self.revision += 1;
            run(connection, "SAVEPOINT write")?;
            match job.apply(&mut Work { connection, revision, queue, settled, is_unchanged: false }) {
                Applied::Keep => still_stands(connection, None)?,
                Applied::Undo(cause) => {
                    settled.truncate(mark);
                    still_stands(connection, cause)?;
                    run(connection, "ROLLBACK TO write")?;
                }
            }
            run(connection, "RELEASE write")?;
        }
        for row in due {
            write_start(connection, row, settled)?;
        }
        Ok(ceiling)
    }

    /// See that a whole group's revisions lie below the ceiling that this transaction makes durable.
    fn reserve(&self, connection: &Connection) -> Result<i64, DatabaseError> {
        let group = i64::try_from(GROUP_MAX).unwrap_or(i64::MAX);
        if self.revision + group <= self.revision_ceiling {
            return Ok(self.revision_ceiling);
        }
        let ceiling = self.revision + REVISIONS_RESERVED;
        connection.prepare_cached(RESERVE_REVISIONS)?.execute([ceiling])?;
        Ok(ceiling)
    }

    /// Move the write-ahead log into the database once it is long. It is done after the answers and not by SQLite inside
    /// the commit, so that no write waits for it, and so that a disk which fails here is noticed.
    fn checkpoint(&self, queue: &Queue) {
        if self.wal_pages.load(Ordering::Relaxed) < WAL_PAGES_MAX {
            return;
        }
        let moved = lock(&self.connection).query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()));
        self.wal_pages.store(0, Ordering::Relaxed);
        if let Err(error) = moved {
            tracing::error!(%error, "the write-ahead log could not be moved into the database");
            if is_io_failure(&error) {
                queue.fail();
            }
        }
    }
}

/// Write an announced row as `running`. A row that cannot be written because its script was deleted meanwhile is
/// dropped: its end will say so.
fn write_start(connection: &Connection, row: &StartRow, settled: &mut Vec<ExecutionId>) -> Result<(), DatabaseError> {
    if settled.contains(&row.execution) {
        return Ok(());
    }
    match executions::insert_running(connection, row) {
        Ok(()) => {}
        Err(error @ (DatabaseError::NotFound | DatabaseError::NameTaken)) => {
            tracing::warn!(%error, execution.id = %row.execution, "a start row was left out");
        }
        Err(error) => return Err(error),
    }
    still_stands(connection, None)?;
    settled.push(row.execution);
    Ok(())
}

/// Whether the transaction is still there; SQLite may have rolled it back.
fn still_stands(connection: &Connection, cause: Option<DatabaseError>) -> Result<(), DatabaseError> {
    if connection.is_autocommit() { Err(cause.unwrap_or(DatabaseError::Unavailable)) } else { Ok(()) }
}

fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = run(connection, "ROLLBACK") {
        tracing::error!(%error, "a transaction could not be rolled back");
    }
}

fn run(connection: &Connection, statement: &str) -> Result<(), DatabaseError> {
    connection.prepare_cached(statement)?.execute([])?;
    Ok(())
}
