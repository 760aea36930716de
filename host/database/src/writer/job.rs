//! One write: what it does to the transaction, and whom it answers once the transaction's fate is known.

use std::sync::Arc;

use domain::ExecutionId;
use rusqlite::Connection;
use tokio::sync::oneshot;

use crate::{DatabaseError, executions::StartRow, writer::queue::Queue};

/// What a write works with.
pub(crate) struct Work<'a> {
    /// The connection, inside the transaction and the write's own savepoint.
    pub(crate) connection: &'a Connection,
    /// The revision of everything that this write changes; no other write has it.
    pub(crate) revision: i64,
    pub(super) queue: &'a Queue,
    /// Executions whose announced row is in the transaction by now.
    pub(super) settled: &'a mut Vec<ExecutionId>,
    /// Whether the write said that it changes nothing.
    pub(super) is_unchanged: bool,
}

impl Work<'_> {
    /// The start row of `execution`, where it was announced and is not in the database yet.
    pub(crate) fn announced(&self, execution: ExecutionId) -> Option<Arc<StartRow>> {
        if self.settled.contains(&execution) {
            return None;
        }
        self.queue.announced(execution)
    }

    /// Note that the write found nothing to do, or was refused by an answer and not by an error: the audit log then tells
    /// of nothing.
    pub(crate) fn change_nothing(&mut self) {
        self.is_unchanged = true;
    }

    /// Whether the write changes something.
    pub(crate) fn has_changed(&self) -> bool {
        !self.is_unchanged
    }

    /// Note that the row of `execution` is written, so that its announced form is forgotten after the commit.
    pub(crate) fn settle(&mut self, execution: ExecutionId) {
        self.settled.push(execution);
    }
}

/// What a write's own refusal says about the database.
pub(crate) trait Cause {
    /// The database's error behind it, if there is one.
    fn database_error(&self) -> Option<DatabaseError>;
}

impl Cause for DatabaseError {
    fn database_error(&self) -> Option<DatabaseError> {
        Some(self.clone())
    }
}

/// Whether a write stays in the transaction.
pub(super) enum Applied {
    Keep,
    /// Undo it, and it alone; with the database's error behind it, where there is one.
    Undo(Option<DatabaseError>),
}

/// A write in the queue, whatever it answers.
pub(super) trait Job: Send {
    /// Write. Called once.
    fn apply(&mut self, work: &mut Work<'_>) -> Applied;

    /// Answer whoever waits: with what [`Self::apply`] came to, or with the failure of the whole transaction.
    fn answer(self: Box<Self>, fate: Result<(), DatabaseError>);
}

/// The only form of [`Job`]: a closure and the channel for its answer.
pub(super) struct Task<T, E, F> {
    apply: Option<F>,
    outcome: Option<Result<T, E>>,
    reply: oneshot::Sender<Result<Result<T, E>, DatabaseError>>,
}

impl<T, E, F> Task<T, E, F> {
    pub(super) fn new(apply: F, reply: oneshot::Sender<Result<Result<T, E>, DatabaseError>>) -> Self {
        Self { apply: Some(apply), outcome: None, reply }
    }
}

impl<T, E, F> Job for Task<T, E, F>
where
    T: Send,
    E: Cause + Send,
    F: FnOnce(&mut Work<'_>) -> Result<T, E> + Send,
{
    fn apply(&mut self, work: &mut Work<'_>) -> Applied {
        let Some(apply) = self.apply.take() else {
            return Applied::Undo(None);
        };
        let outcome = apply(work);
        let applied = match &outcome {
            Ok(_) => Applied::Keep,
            Err(refusal) => Applied::Undo(refusal.database_error()),
        };
        self.outcome = Some(outcome);
        applied
    }

    fn answer(self: Box<Self>, fate: Result<(), DatabaseError>) {
        let Self { outcome, reply, .. } = *self;
        let answer = fate.and_then(|()| outcome.ok_or(DatabaseError::Unavailable));
        // Whoever asked may have gone; the write stands all the same.
        drop(reply.send(answer));
    }
}
