//! Writing: one thread that runs what waits as one transaction and answers after its commit (group commit).
//!
//! Each write has a savepoint of its own: its conflict undoes that write alone. After any error the writer asks whether
//! the transaction still stands, because SQLite rolls the whole of it back on a full disk or an I/O error; then every
//! write that took part fails, and none is answered with success.

mod announced;
mod group;
mod job;
mod queue;

#[cfg(test)]
mod tests;

use std::{
    sync::{Arc, Mutex},
    thread::{self, JoinHandle},
};

use rusqlite::Connection;
use tokio::sync::oneshot;

pub(crate) use job::{Cause, Work};

use crate::{DatabaseError, executions::StartRow};
use group::GroupCommit;
use job::{Job, Task};
use queue::Queue;

/// Makes the transaction under way durable. A parameter, so that a test can play a disk that fails.
pub(crate) type CommitStep = fn(&Connection) -> rusqlite::Result<()>;

/// The thread that writes, and the queue before it. Dropping it writes what waits and ends the thread.
pub(crate) struct Writer {
    queue: Arc<Queue>,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    /// Start the thread on `connection`. Revisions are given out from `revision_ceiling` upwards.
    pub(crate) fn start(
        connection: Arc<Mutex<Connection>>,
        revision_ceiling: i64,
        commit: CommitStep,
    ) -> rusqlite::Result<Self> {
        let queue = Arc::new(Queue::default());
        let mut group_commit = GroupCommit::new(connection, revision_ceiling, commit)?;
        let thread = thread::Builder::new().name(String::from("skerry-writer")).spawn({
            let queue = Arc::clone(&queue);
            move || {
                // Also when a statement panics: whoever waits is then told, and nobody waits for a thread that is gone.
                let _closing = Closing(&queue);
                while let Some(group) = queue.next_group() {
                    group_commit.run(&queue, group);
                }
            }
        });
        let thread = thread.map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(Self { queue, thread: Some(thread) })
    }

    /// Run `apply` in the next transaction. The inner result is what `apply` said: an `Err` has undone what it wrote.
    ///
    /// The write takes place also when the future is dropped after its first poll.
    ///
    /// # Errors
    /// [`DatabaseError::Busy`] when the queue is full; what became of the transaction, when it did not last.
    pub(crate) async fn write<T, E>(
        &self,
        apply: impl FnOnce(&mut Work<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<Result<T, E>, DatabaseError>
    where
        T: Send + 'static,
        E: Cause + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        self.queue.push(Box::new(Task::new(apply, reply)))?;
        answer.await.unwrap_or(Err(DatabaseError::Unavailable))
    }

    /// Run `apply` in some later transaction; nobody waits for it, and it may be lost.
    pub(crate) fn write_sometime(
        &self,
        apply: impl FnOnce(&mut Work<'_>) -> Result<(), DatabaseError> + Send + 'static,
    ) {
        let (reply, _) = oneshot::channel();
        let job: Box<dyn Job> = Box::new(Task::new(apply, reply));
        if let Err(error) = self.queue.push(job) {
            tracing::debug!(%error, "a write that nobody waits for was left out");
        }
    }

    /// Keep `row` in memory for a moment: see [`announced`].
    pub(crate) fn announce(&self, row: StartRow) {
        self.queue.announce(row);
    }

    /// Whether writes are still accepted.
    pub(crate) fn is_sound(&self) -> bool {
        self.queue.is_sound()
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue.close();
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the writer had panicked");
        }
    }
}

/// Abandons the queue when the writer's thread ends, however it ends.
struct Closing<'a>(&'a Queue);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.abandon();
    }
}

/// The commit step of every database but a test's.
pub(crate) fn commit(connection: &Connection) -> rusqlite::Result<()> {
    connection.prepare_cached("COMMIT")?.execute([]).map(drop)
}

/// Share `connection` between the writer and whoever has to read from the same one.
pub(crate) fn shared(connection: Connection) -> Arc<Mutex<Connection>> {
    Arc::new(Mutex::new(connection))
}
