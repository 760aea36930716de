//! Start rows that wait a moment in memory: most executions end within it, and then start and end are one row written
//! once. One that is still running after that is written as `running`.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use domain::ExecutionId;

use crate::executions::StartRow;

/// How long a start row waits for its end: longer than most executions take, and short enough that a list of running
/// executions is not noticeably late.
const GRACE: Duration = Duration::from_millis(20);

/// How long rows wait that could not be written, on a full disk say.
const RETRY_AFTER: Duration = Duration::from_secs(1);

#[derive(Default)]
pub(super) struct Announced {
    rows: HashMap<ExecutionId, Arc<StartRow>>,
    /// In the order in which they fall due; may name rows that were settled meanwhile.
    due: VecDeque<(Instant, ExecutionId)>,
}

impl Announced {
    pub(super) fn insert(&mut self, row: StartRow) {
        self.due.push_back((Instant::now() + GRACE, row.execution));
        self.rows.insert(row.execution, Arc::new(row));
    }

    pub(super) fn get(&self, execution: ExecutionId) -> Option<Arc<StartRow>> {
        self.rows.get(&execution).map(Arc::clone)
    }

    pub(super) fn forget(&mut self, executions: &[ExecutionId]) {
        for execution in executions {
            self.rows.remove(execution);
        }
    }

    /// When the next row falls due.
    pub(super) fn next_due(&mut self) -> Option<Instant> {
        while let Some((at, execution)) = self.due.front() {
            if self.rows.contains_key(execution) {
                return Some(*at);
            }
            self.due.pop_front();
        }
        None
    }

    /// The rows that are due at `now`. They stay known until [`Self::forget`], and fall due again later if they do.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Arc<StartRow>> {
        let mut rows = Vec::new();
        while let Some(at) = self.next_due()
            && at <= now
        {
            if let Some((_, execution)) = self.due.pop_front() {
                rows.extend(self.get(execution));
            }
        }
        self.due.extend(rows.iter().map(|row| (now + RETRY_AFTER, row.execution)));
        rows
    }

    /// Every row: the last chance to write them.
    pub(super) fn take_all(&mut self) -> Vec<Arc<StartRow>> {
        self.due.clear();
        self.rows.drain().map(|(_, row)| row).collect()
    }
}
