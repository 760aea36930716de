//! How many executions began in a stretch of time, and what became of them: what a timeline is drawn from.
//!
//! A stretch costs a bounded amount of work however many there are: the latest of its rows are counted, and where that is
//! not all of them, their density tells of the others.

use domain::{ExecutionStatus, TenantId, UnixMillis};
use rusqlite::Row;

use super::{
    ExecutionFilter,
    lists::{Statement, Walk},
};
use crate::{
    Database, DatabaseError,
    rows::{count, optional_millis},
};

/// Rows of a stretch that are counted where one index has everything that is asked for.
const ROWS_OF_INDEX: u32 = 1_000;

/// The same where each row has to be fetched.
const ROWS_FETCHED: u32 = 150;

/// A stretch of time: from its first moment to before its last one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeRange {
    /// The first moment.
    pub from: UnixMillis,
    /// The first moment after it.
    pub until: UnixMillis,
}

/// How many executions began in a stretch of time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExecutionCounts {
    by_status: [u64; ExecutionStatus::ALL.len()],
    /// Whether there were more than were counted, so that these are estimates.
    pub is_estimate: bool,
}

impl ExecutionCounts {
    /// How many have this status.
    pub fn of(&self, status: ExecutionStatus) -> u64 {
        self.by_status[status as usize]
    }

    /// How many there are.
    pub fn total(&self) -> u64 {
        self.by_status.iter().sum()
    }

    /// The same for a stretch that is longer than the one that was counted.
    fn scaled(self, counted_ms: i64, of_ms: i64) -> Self {
        let scaled = |number: u64| {
            let (number, of) = (u128::from(number), u128::try_from(of_ms).unwrap_or(0));
            u64::try_from(number * of / u128::try_from(counted_ms).unwrap_or(1).max(1)).unwrap_or(u64::MAX)
        };
        Self { by_status: self.by_status.map(scaled), is_estimate: true }
    }
}

/// What was counted: how many rows, back to which moment.
struct Counted {
    rows: u64,
    first: Option<UnixMillis>,
    counts: ExecutionCounts,
}

impl Counted {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let mut counts = ExecutionCounts::default();
        for status in ExecutionStatus::ALL {
            counts.by_status[*status as usize] = count(row, status.as_str())?;
        }
        Ok(Self { rows: count(row, "counted")?, first: optional_millis(row, "first_at")?, counts })
    }
}

impl Database {
    /// How many of the tenant's executions that `filter` finds began within `range`; of those that wait, that were accepted
    /// within it.
    pub fn count_executions(
        &self,
        tenant: TenantId,
        filter: &ExecutionFilter,
        range: TimeRange,
    ) -> Result<ExecutionCounts, DatabaseError> {
        let within = ExecutionFilter {
            after: Some(filter.after.map_or(range.from, |after| after.max(range.from))),
            before: Some(filter.before.map_or(range.until, |before| before.min(range.until))),
            ..filter.clone()
        };
        let rows = if is_in_index(filter) { ROWS_OF_INDEX } else { ROWS_FETCHED };
        let walk = Walk { tenant, filter: &within, cursor: None, limit: rows, rows };
        let statement = walk.counted();
        let counted = self.read(|connection| {
            let mut prepared = connection.prepare_cached(&statement.text)?;
            Ok(prepared.query_row(rusqlite::params_from_iter(statement.parameters), Counted::from_row)?)
        })?;
        let is_all = counted.rows < u64::from(rows);
        match counted.first.filter(|_| !is_all) {
            None => Ok(counted.counts),
            Some(first) => Ok(counted.counts.scaled(range.until.0 - first.0, range.until.0 - range.from.0)),
        }
    }
}

/// Whether the index by time alone has everything that the filter asks for.
fn is_in_index(filter: &ExecutionFilter) -> bool {
    let has_accepted = filter.accepted_before.is_some() || filter.accepted_after.is_some();
    filter.script.is_none()
        && filter.version.is_none()
        && filter.user.is_none()
        && filter.error_kind.is_none()
        && !has_accepted
}

impl Walk<'_> {
    /// The walked rows that the filter finds, counted by what became of them.
    fn counted(&self) -> Statement {
        let mut columns = self.walked_columns();
        columns.extend(["started_at", "status"]);
        columns.sort_unstable();
        columns.dedup();
        let mut statement = Statement {
            text: String::from("SELECT COUNT(*) AS counted, MIN(began) AS first_at"),
            parameters: Vec::new(),
        };
        for status in ExecutionStatus::ALL {
            statement.text.push_str(&format!(", COUNT(CASE WHEN kept = '{status}' THEN 1 END) AS {status}"));
        }
        statement.text.push_str(" FROM (SELECT walked.started_at AS began, CASE WHEN TRUE");
        // The filter's parameters stand before those of the walk, in the order of the text.
        self.filtered(&mut statement);
        statement.text.push_str(" THEN walked.status END AS kept FROM (SELECT ");
        statement.text.push_str(&columns.join(", "));
        self.walked(&mut statement);
        statement.push(" LIMIT ", i64::from(self.rows));
        statement.text.push_str(") AS walked) AS judged");
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_counted_is_told_by_what_was() {
        let mut counts = ExecutionCounts::default();
        counts.by_status[ExecutionStatus::Success as usize] = 900;
        counts.by_status[ExecutionStatus::Failed as usize] = 100;
        let scaled = counts.scaled(10_000, 60_000);
        assert_eq!((scaled.of(ExecutionStatus::Success), scaled.of(ExecutionStatus::Failed)), (5_400, 600));
        assert!(scaled.is_estimate && scaled.total() == 6_000);
        // All of them began in one millisecond.
        assert_eq!(counts.scaled(0, 1).total(), 1_000);
    }
}
