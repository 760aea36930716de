//! The slots of a schedule: an expression's times in a time zone, as moments.
//!
//! Croner finds the times on a calendar and a clock; which moments these are is decided here, by the zone's own changes
//! of its clocks (SPEC section 4.1). A *fixed* time comes due once a day: at the end of the gap where it falls into one,
//! and the first time where it is shown twice. A *pattern* (`*` or `/` among seconds, minutes and hours) runs through:
//! what falls into a gap is no time at all, and what is shown twice comes due twice. Croner by itself takes a list of
//! hours for a pattern, so that `30 1,2 * * *` would lose a run in spring, and loses a run whose gap ends on another day.

use std::sync::Arc;

use domain::UnixMillis;
use jiff::{
    Timestamp,
    civil::DateTime,
    tz::{AmbiguousOffset, TimeZone},
};

use super::expression::{Edge, Expression};

/// An expression in a time zone.
#[derive(Clone, Debug)]
pub(crate) struct Slots {
    /// Shared, because a copy of it takes as long as reading it anew.
    expression: Arc<Expression>,
    zone: TimeZone,
}

impl Slots {
    pub(crate) fn new(expression: Expression, zone: TimeZone) -> Self {
        Self { expression: Arc::new(expression), zone }
    }

    /// The first slot after `after`; `None` where none is left in the years that a calendar has.
    pub(crate) fn next_after(&self, after: UnixMillis) -> Option<UnixMillis> {
        let after = moment(after)?;
        let next = if self.expression.runs_through() { self.next_of_pattern(after) } else { self.next_fixed(after) };
        next.map(millis)
    }

    /// The last slot at `until` or before it.
    pub(crate) fn last_until(&self, until: UnixMillis) -> Option<UnixMillis> {
        let until = moment(until)?;
        let last = if self.expression.runs_through() { self.last_of_pattern(until) } else { self.last_fixed(until) };
        last.map(millis)
    }

    /// How many slots there are from `from` to `to`, both included. Takes as long as there are days between them, however
    /// many slots these have.
    pub(crate) fn count(&self, from: UnixMillis, to: UnixMillis) -> u64 {
        let (Some(mut start), Some(end)) = (moment_after(from), moment(to).and_then(after)) else { return 0 };
        let mut count = 0;
        while start < end {
            let segment_end = self.next_change(start).map_or(end, |change| change.min(end));
            let offset = self.zone.to_offset(start);
            let first = self.first_fresh(start);
            count += self.expression.count(first, offset.to_datetime(segment_end));
            count += u64::from(self.has_slot_of_gap(start));
            start = segment_end;
        }
        count
    }

    /// What a clock in the zone shows at `at`.
    pub(crate) fn shown_at(&self, at: UnixMillis) -> Option<jiff::Zoned> {
        Some(moment(at)?.to_zoned(self.zone.clone()))
    }

    fn next_fixed(&self, after: Timestamp) -> Option<Timestamp> {
        let mut time = self.zone.to_datetime(after);
        loop {
            time = self.expression.next(time, Edge::Excluded)?;
            // What is shown for the second time came due when it was shown first.
            if let Some(at) = self.moment_of(time).filter(|at| *at > after) {
                return Some(at);
            }
        }
    }

    fn last_fixed(&self, until: Timestamp) -> Option<Timestamp> {
        // Where the clocks went back, times beyond the one that is shown have been shown before.
        let mut time = self.first_fresh(until);
        loop {
            time = self.expression.last(time)?;
            if let Some(at) = self.moment_of(time).filter(|at| *at <= until) {
                return Some(at);
            }
            time = time.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
        }
    }

    fn next_of_pattern(&self, after: Timestamp) -> Option<Timestamp> {
        let (mut from, mut edge) = (after, Edge::Excluded);
        loop {
            let offset = self.zone.to_offset(from);
            let time = self.expression.next(offset.to_datetime(from), edge)?;
            let at = offset.to_timestamp(time).ok()?;
            match self.next_change(from) {
                Some(change) if at >= change => (from, edge) = (change, Edge::Included),
                _ => return Some(at),
            }
        }
    }

    fn last_of_pattern(&self, until: Timestamp) -> Option<Timestamp> {
        let mut until = until;
        loop {
            let offset = self.zone.to_offset(until);
            let time = self.expression.last(offset.to_datetime(until))?;
            let at = offset.to_timestamp(time).ok()?;
            match self.last_change(until) {
                Some(change) if at < change => until = change.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?,
                _ => return Some(at),
            }
        }
    }

    /// When a fixed time comes due: in a gap at its end, of two moments at the first.
    fn moment_of(&self, time: DateTime) -> Option<Timestamp> {
        let ambiguous = self.zone.to_ambiguous_timestamp(time);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => offset.to_timestamp(time).ok(),
            AmbiguousOffset::Fold { before, .. } => before.to_timestamp(time).ok(),
            // Under the offset before the gap the time is past it, and so the gap's end is the last change until then.
            AmbiguousOffset::Gap { before, .. } => self.last_change(before.to_timestamp(time).ok()?),
        }
    }

    /// The earliest time on the clock that is not shown for the second time at `at` or after it, until the next change.
    fn first_fresh(&self, at: Timestamp) -> DateTime {
        let shown = self.zone.to_datetime(at);
        if self.expression.runs_through() {
            return shown;
        }
        let before = self.last_change(at).and_then(|change| Some((change, self.offset_before(change)?)));
        before.map_or(shown, |(change, offset)| offset.to_datetime(change).max(shown))
    }

    /// Whether fixed times fall into a gap that ends at `change`, and none of them is the gap's end itself.
    fn has_slot_of_gap(&self, change: Timestamp) -> bool {
        if self.expression.runs_through() || self.last_change(change) != Some(change) {
            return false;
        }
        let Some(offset) = self.offset_before(change) else { return false };
        let (gap_start, gap_end) = (offset.to_datetime(change), self.zone.to_datetime(change));
        let in_gap = self.expression.next(gap_start, Edge::Included).is_some_and(|time| time < gap_end);
        in_gap && !self.expression.names(gap_end)
    }

    fn offset_before(&self, change: Timestamp) -> Option<jiff::tz::Offset> {
        let before = change.checked_sub(jiff::SignedDuration::from_secs(1)).ok()?;
        Some(self.zone.to_offset(before))
    }

    /// The next change of the zone after `at`.
    fn next_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.zone.following(at).next().map(|change| change.timestamp())
    }

    /// The last change of the zone at `at` or before it.
    fn last_change(&self, at: Timestamp) -> Option<Timestamp> {
        self.zone.preceding(after(at)?).next().map(|change| change.timestamp())
    }
}

/// The second that `at` is in.
fn moment(at: UnixMillis) -> Option<Timestamp> {
    Timestamp::from_second(at.0.div_euclid(1000)).ok()
}

/// The first whole second at `at` or after it.
fn moment_after(at: UnixMillis) -> Option<Timestamp> {
    Timestamp::from_second(at.0.div_euclid(1000) + i64::from(at.0.rem_euclid(1000) > 0)).ok()
}

fn after(at: Timestamp) -> Option<Timestamp> {
    at.checked_add(jiff::SignedDuration::from_secs(1)).ok()
}

fn millis(at: Timestamp) -> UnixMillis {
    UnixMillis(at.as_millisecond())
}

#[cfg(test)]
mod tests;
