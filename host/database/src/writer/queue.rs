//! What waits for the writer: a bounded queue of writes, and the announced start rows.

use std::{
    collections::VecDeque,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::ExecutionId;

use super::{announced::Announced, job::Job};
use crate::{DatabaseError, executions::StartRow, readers::lock};

/// Writes that may wait. Executions wait for their own commit, so that this is a bound and not a buffer.
const QUEUE_MAX: usize = 4_096;

/// Writes of one transaction: enough to share an fsync among all, few enough that the first does not wait for long.
pub(super) const GROUP_MAX: usize = 256;

/// How long the writer looks by itself for rows that fall due, before it sleeps until it is woken. While executions keep
/// coming, announcing one then costs no wake-up.
const IDLE_BEFORE_PARKING: Duration = Duration::from_millis(20);

#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Box<dyn Job>>,
    announced: Announced,
    /// The writer sleeps without a time-out.
    parked: bool,
    /// Nothing is taken any more; what waits is still written.
    closed: bool,
    /// The disk failed at a commit: nothing is written any more.
    failed: bool,
}

/// What one transaction writes.
pub(super) struct Group {
    pub(super) jobs: Vec<Box<dyn Job>>,
    pub(super) due: Vec<Arc<StartRow>>,
}

impl Queue {
    pub(super) fn push(&self, job: Box<dyn Job>) -> Result<(), DatabaseError> {
        let mut state = lock(&self.state);
        if state.closed || state.failed {
            return Err(DatabaseError::Unavailable);
        }
        if state.jobs.len() >= QUEUE_MAX {
            return Err(DatabaseError::Busy);
        }
        state.jobs.push_back(job);
        drop(state);
        self.changed.notify_one();
        Ok(())
    }

    pub(super) fn announce(&self, row: StartRow) {
        let mut state = lock(&self.state);
        if state.closed || state.failed {
            return;
        }
        state.announced.insert(row);
        if state.parked {
            self.changed.notify_one();
        }
    }

    pub(super) fn announced(&self, execution: ExecutionId) -> Option<Arc<StartRow>> {
        lock(&self.state).announced.get(execution)
    }

    pub(super) fn forget(&self, executions: &[ExecutionId]) {
        if !executions.is_empty() {
            lock(&self.state).announced.forget(executions);
        }
    }

    /// Wait for something to write. `None` once the queue is closed and empty.
    pub(super) fn next_group(&self) -> Option<Group> {
        let mut state = lock(&self.state);
        let mut idle = false;
        loop {
            let due = state.announced.take_due(Instant::now());
            if !state.jobs.is_empty() || !due.is_empty() {
                let size = state.jobs.len().min(GROUP_MAX);
                return Some(Group { jobs: state.jobs.drain(..size).collect(), due });
            }
            if state.closed {
                let due = state.announced.take_all();
                return if due.is_empty() { None } else { Some(Group { jobs: Vec::new(), due }) };
            }
            (state, idle) = self.wait(state, idle);
        }
    }

    /// Sleep until something may have changed. Answers whether nothing happened meanwhile.
    fn wait<'a>(&self, mut state: MutexGuard<'a, State>, idle: bool) -> (MutexGuard<'a, State>, bool) {
        let due = state.announced.next_due();
        if due.is_none() && idle {
            state.parked = true;
            let mut state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            state.parked = false;
            return (state, false);
        }
        let sleep = due.map_or(IDLE_BEFORE_PARKING, |at| at.saturating_duration_since(Instant::now()));
        let (state, slept) = self.changed.wait_timeout(state, sleep).unwrap_or_else(PoisonError::into_inner);
        (state, due.is_none() && slept.timed_out())
    }

    /// Refuse all that comes from now on: what is durable is no longer known.
    pub(super) fn fail(&self) {
        let mut state = lock(&self.state);
        state.failed = true;
        state.announced.take_all();
    }

    /// Whether [`Self::fail`] was called.
    pub(super) fn is_failed(&self) -> bool {
        lock(&self.state).failed
    }

    pub(super) fn is_sound(&self) -> bool {
        let state = lock(&self.state);
        !state.failed && !state.closed
    }

    /// Take nothing more, and let the writer end once it has written what waits.
    pub(super) fn close(&self) {
        lock(&self.state).closed = true;
        self.changed.notify_all();
    }

    /// The writer has gone: whoever still waits is told by the end of the channel.
    pub(super) fn abandon(&self) {
        let mut state = lock(&self.state);
        state.closed = true;
        let jobs = std::mem::take(&mut state.jobs);
        drop(state);
        drop(jobs);
    }
}
