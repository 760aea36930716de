//! A timeline of executions: how many began in each stretch of a range of time, and what became of them.

use std::time::{Duration, Instant};

use database::{ExecutionCounts, ExecutionFilter, TimeRange};
use domain::{Limits, Permission, Principal, UnixMillis, VersionId};

use super::ExecutionService;
use crate::AppError;

/// After this time what is left is not counted: a page with a timeline is to be there at once.
const COUNT_TIME: Duration = Duration::from_millis(12);

/// The most stretches of a timeline.
const STRETCHES_MAX: i64 = 60;

const SECOND: i64 = 1_000;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// Lengths of a stretch that people can read off, in milliseconds.
const STEPS_MS: [i64; 18] = [
    SECOND,
    2 * SECOND,
    5 * SECOND,
    10 * SECOND,
    30 * SECOND,
    MINUTE,
    2 * MINUTE,
    5 * MINUTE,
    10 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    30 * DAY,
    365 * DAY,
];

/// How many executions began when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// The whole of it; it begins and ends with a stretch.
    pub range: TimeRange,
    /// How long each stretch is, in milliseconds.
    pub step_ms: i64,
    /// The stretches, the earliest first. `None` where the time did not allow to count.
    pub stretches: Vec<(TimeRange, Option<ExecutionCounts>)>,
}

impl ExecutionService {
    /// How many executions that `filter` finds began in each stretch of `range`, which is widened to whole stretches. Takes
    /// some 12 ms at most: of what is too much to count a part is counted. Needs `executions.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub async fn timeline(
        &self,
        principal: &Principal,
        filter: &ExecutionFilter,
        range: TimeRange,
    ) -> Result<Timeline, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        let (service, tenant, filter) = (self.clone(), principal.tenant, filter.clone());
        // As a list, counting takes a while in which a thread of the server's serves nobody else.
        let counted = tokio::task::spawn_blocking(move || {
            let (began, now) = (Instant::now(), UnixMillis::now());
            let mut timeline = Timeline::over(range);
            for (stretch, counts) in timeline.stretches.iter_mut().rev() {
                if began.elapsed() >= COUNT_TIME {
                    break;
                }
                // What is still to come has no density.
                let until = stretch.until.min(UnixMillis(now.0 + 1)).max(UnixMillis(stretch.from.0 + 1));
                let passed = TimeRange { from: stretch.from, until };
                *counts = Some(service.inner().database.count_executions(tenant, &filter, passed)?);
            }
            Ok::<Timeline, AppError>(timeline)
        });
        counted.await.map_err(AppError::internal)?
    }

    /// The limits that an execution of this version has now: the lowest of the system's, the tenant's and the script's.
    /// Needs `executions.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] where there is no such version any more.
    pub fn limits(&self, principal: &Principal, version: VersionId) -> Result<Limits, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        let (database, system) = (&self.inner().database, self.inner().config.limits);
        let tenant = database.tenant(principal.tenant)?.limits.unwrap_or(system);
        let version = database.version(principal.tenant, version);
        let version = version.map_err(|error| AppError::missing("version", error))?;
        Ok(system.lowest(&tenant).lowest(&version.summary.limits.unwrap_or(system)))
    }
}

impl Timeline {
    /// One that covers `range`, with nothing counted.
    fn over(range: TimeRange) -> Self {
        let length = range.until.0.saturating_sub(range.from.0).max(1);
        let is_enough = |step: &i64| length.saturating_add(*step) / step < STRETCHES_MAX;
        let step_ms = STEPS_MS.into_iter().find(is_enough).unwrap_or(length / (STRETCHES_MAX - 2) + 1);
        let first = range.from.0.div_euclid(step_ms);
        let last = (range.until.0.saturating_sub(1)).div_euclid(step_ms).max(first);
        let at = |number: i64| UnixMillis(number.saturating_mul(step_ms));
        let stretch = |number| (TimeRange { from: at(number), until: at(number + 1) }, None);
        Self {
            range: TimeRange { from: at(first), until: at(last + 1) },
            step_ms,
            stretches: (first..=last).map(stretch).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeline_has_whole_stretches_that_people_can_read_off() {
        let over = |from, until| Timeline::over(TimeRange { from: UnixMillis(from), until: UnixMillis(until) });
        let day = over(10 * DAY + 7 * MINUTE, 11 * DAY + 7 * MINUTE);
        assert_eq!((day.step_ms, day.stretches.len()), (30 * MINUTE, 49));
        assert_eq!((day.range.from.0, day.range.until.0), (10 * DAY, 11 * DAY + 30 * MINUTE));
        assert_eq!(over(0, 1).stretches.len(), 1);
        assert_eq!(over(5, 5).stretches.len(), 1);
        for length in [1, 999, SECOND, 61 * SECOND, HOUR, 25 * HOUR, 40 * DAY, 300 * DAY, 90_000 * DAY] {
            let timeline = over(1_790_000_000_000, 1_790_000_000_000 + length);
            assert!((1..=STRETCHES_MAX as usize).contains(&timeline.stretches.len()), "{length}: {timeline:?}");
            let joined = timeline.stretches.windows(2).all(|pair| pair[0].0.until == pair[1].0.from);
            assert!(joined && timeline.range.from.0 <= 1_790_000_000_000, "{length}");
            assert!(timeline.range.until.0 >= 1_790_000_000_000 + length, "{length}");
        }
    }
}
