//! What schedules have before them: how many slots in each stretch of time, the first and the last of them. What a calendar
//! is drawn from.

use database::TimeRange;
use domain::{Permission, Principal, UnixMillis};

use super::{ScheduleService, ScheduleView, Slots};
use crate::AppError;

/// The most schedules of a calendar: counting the slots of a day takes some microseconds for each.
pub const UPCOMING_SCHEDULES_MAX: u32 = 100;

/// The slots of one schedule in one stretch of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpcomingRuns {
    /// How many there are, at least one.
    pub count: u64,
    /// The first one.
    pub first: UnixMillis,
    /// The last one.
    pub last: UnixMillis,
}

/// What one schedule has before it.
#[derive(Clone, Debug)]
pub struct UpcomingSchedule {
    /// The schedule.
    pub view: ScheduleView,
    /// Its slots in each of the stretches that were asked for; `None` where there are none.
    pub runs: Vec<Option<UpcomingRuns>>,
}

impl ScheduleService {
    /// The first hundred schedules, each with what it has before it in each of `days`. Slots of schedules that are paused are
    /// there too. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn upcoming(&self, principal: &Principal, days: &[TimeRange]) -> Result<Vec<UpcomingSchedule>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let schedules = self.database().list_schedules(principal.tenant, None, None, UPCOMING_SCHEDULES_MAX)?;
        let views = schedules.into_iter().map(|schedule| {
            // One whose zone is not known any more has nothing before it.
            let slots = Slots::of(&schedule).ok().filter(|_| schedule.next.is_some());
            let of_day = |day: &TimeRange| slots.as_ref().and_then(|slots| within(slots, *day));
            let runs = days.iter().map(of_day).collect();
            UpcomingSchedule { view: ScheduleView::new(schedule), runs }
        });
        Ok(views.collect())
    }

    /// The next `count` slots of a schedule, as the clocks of its zone show them. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn next_runs(
        &self,
        principal: &Principal,
        id: domain::ScheduleId,
        count: usize,
    ) -> Result<Vec<UnixMillis>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let schedule = self.find(principal.tenant, id)?;
        let Ok(slots) = Slots::of(&schedule) else { return Ok(Vec::new()) };
        let first = schedule.next.map(|next| next.slot);
        Ok(std::iter::successors(first, |at| slots.next_after(*at)).take(count).collect())
    }
}

fn within(slots: &Slots, day: TimeRange) -> Option<UpcomingRuns> {
    let end = UnixMillis(day.until.0 - 1);
    let first = slots.next_after(UnixMillis(day.from.0 - 1)).filter(|first| *first <= end)?;
    let last = slots.last_until(end)?;
    Some(UpcomingRuns { count: slots.count(day.from, end).max(1), first, last })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;
    use crate::schedules::{Expression, zone};

    #[test]
    fn a_day_has_the_slots_that_begin_in_it() {
        let slots =
            |expression: &str| Slots::new(Expression::stored(expression).unwrap(), zone::find("UTC").unwrap().0);
        let hour = 60 * 60 * 1_000;
        // 2026-09-21, a Monday.
        let day = TimeRange { from: UnixMillis(1_789_948_800_000), until: UnixMillis(1_789_948_800_000 + 24 * hour) };
        let runs = within(&slots("*/5 * * * *"), day).unwrap();
        assert_eq!((runs.count, runs.first, runs.last.0), (288, day.from, day.until.0 - 5 * 60 * 1_000));
        let runs = within(&slots("30 6 * * MON"), day).unwrap();
        assert_eq!((runs.count, runs.first, runs.last), (1, UnixMillis(day.from.0 + 6 * hour + hour / 2), runs.first));
        assert_eq!(within(&slots("30 6 * * TUE"), day), None);
    }
}
