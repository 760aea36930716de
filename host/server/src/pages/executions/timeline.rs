//! The timeline above the list: a bar for each stretch of time, of what became of the executions that began in it. Each bar
//! leads to its stretch, and whoever drags over several chooses these.

use app::{ExecutionCounts, TimeRange, Timeline};
use domain::{ExecutionStatus, UnixMillis};

use super::{
    super::{
        format::{self, Moment},
        frame::Frame,
    },
    filter::{ExecutionsFilter, RANGES},
};

/// The height of the highest bar, in units of the drawing.
const HEIGHT: f64 = 64.0;

/// The least height of what is there at all, so that one failure among a million successes is seen.
const LEAST: f64 = 2.0;

/// How wide a stretch is drawn, with the space beside it.
pub(super) const WIDTH: usize = 12;

/// What bars are made of, from below.
const PARTS: [(&str, &str, &[ExecutionStatus]); 5] = [
    ("success", "success", &[ExecutionStatus::Success]),
    ("running", "running", &[ExecutionStatus::Running]),
    ("neutral", "pending or cancelled", &[ExecutionStatus::Pending, ExecutionStatus::Cancelled]),
    ("limit", "timeout", &[ExecutionStatus::Timeout]),
    ("failed", "failed", &[ExecutionStatus::Failed]),
];

/// The timeline as it is drawn.
pub(super) struct TimelineView {
    pub(super) bars: Vec<Bar>,
    /// How wide the drawing is.
    pub(super) width: usize,
    /// Each part that there is, with how many there are in all.
    pub(super) legend: Vec<(&'static str, &'static str, String)>,
    /// How many there are in all, and in how much time.
    pub(super) total: String,
    pub(super) range: String,
    pub(super) step: String,
    pub(super) from: Moment,
    pub(super) until: Moment,
    /// Whether some numbers are estimates.
    pub(super) is_estimate: bool,
    /// Whether some stretches were not counted.
    pub(super) is_partial: bool,
    /// Ranges to choose from: the word, the address, whether it is the chosen one.
    pub(super) choices: Vec<(&'static str, String, bool)>,
}

/// One stretch.
pub(super) struct Bar {
    pub(super) x: usize,
    pub(super) parts: Vec<Part>,
    pub(super) address: String,
    pub(super) label: String,
    pub(super) from: Moment,
    /// How many there are of each part, in the order of the legend's words; empty where they were not counted.
    pub(super) counts: Vec<String>,
    pub(super) is_counted: bool,
}

/// A part of a bar.
pub(super) struct Part {
    pub(super) class: &'static str,
    pub(super) y: String,
    pub(super) height: String,
}

impl TimelineView {
    pub(super) fn new(timeline: &Timeline, filter: &ExecutionsFilter, frame: &Frame) -> Self {
        let counted = || timeline.stretches.iter().filter_map(|(_, counts)| *counts);
        let highest = counted().map(|counts| counts.total()).max().unwrap_or(0).max(1);
        let sum = |statuses: &[ExecutionStatus]| counted().map(|counts| of(&counts, statuses)).sum::<u64>();
        let legend = PARTS.iter().map(|(class, word, statuses)| (*class, *word, sum(statuses)));
        let legend = legend.filter(|(.., number)| *number > 0);
        let is_estimate = counted().any(|counts| counts.is_estimate);
        let stretches = timeline.stretches.iter().enumerate();
        Self {
            bars: stretches.map(|(at, stretch)| Bar::new(at, stretch, highest, (filter, frame))).collect(),
            width: timeline.stretches.len() * WIDTH,
            legend: legend.map(|(class, word, number)| (class, word, number_of(number, is_estimate))).collect(),
            total: number_of(counted().map(|counts| counts.total()).sum(), is_estimate),
            range: range_in_words(filter),
            step: format::length(timeline.step_ms),
            from: frame.moment(&timeline.range.from),
            until: frame.moment(&timeline.range.until),
            is_estimate,
            is_partial: timeline.stretches.iter().any(|(_, counts)| counts.is_none()),
            choices: choices(filter),
        }
    }

    /// The words of the columns of the table beside the drawing.
    pub(super) fn words(&self) -> impl Iterator<Item = &'static str> {
        PARTS.iter().map(|(_, word, _)| *word)
    }
}

impl Bar {
    fn new(
        at: usize,
        (range, counts): &(TimeRange, Option<ExecutionCounts>),
        highest: u64,
        (filter, frame): (&ExecutionsFilter, &Frame),
    ) -> Self {
        let from = frame.moment(&range.from);
        let numbers: Vec<u64> =
            counts.map_or_else(Vec::new, |counts| PARTS.iter().map(|(_, _, statuses)| of(&counts, statuses)).collect());
        let is_estimate = counts.is_some_and(|counts| counts.is_estimate);
        let said = PARTS.iter().zip(&numbers).filter(|(_, number)| **number > 0);
        let said: Vec<String> =
            said.map(|((_, word, _), number)| format!("{} {word}", number_of(*number, is_estimate))).collect();
        let said = match (counts, said.is_empty()) {
            (None, _) => String::from("not counted"),
            (Some(_), true) => String::from("none"),
            (Some(_), false) => said.join(", "),
        };
        Self {
            x: at * WIDTH,
            parts: parts(&numbers, highest),
            address: filter.address_with(&[("after", &plain(range.from)), ("before", &plain(range.until))]),
            label: format!("From {}: {said}", from.absolute),
            from,
            counts: numbers.iter().map(|number| number_of(*number, is_estimate)).collect(),
            is_counted: counts.is_some(),
        }
    }
}

/// The parts of a bar from below, each at least as high as one sees. What that takes, the highest one gives.
fn parts(numbers: &[u64], highest: u64) -> Vec<Part> {
    let there = PARTS.iter().zip(numbers).filter(|(_, number)| **number > 0);
    let height = |number: u64| (number as f64 / highest as f64 * HEIGHT).max(LEAST);
    let mut heights: Vec<(&'static str, f64)> = there.map(|((class, ..), number)| (*class, height(*number))).collect();
    let beyond = heights.iter().map(|(_, height)| height).sum::<f64>() - HEIGHT;
    if beyond > 0.0
        && let Some((_, tallest)) = heights.iter_mut().max_by(|(_, one), (_, other)| one.total_cmp(other))
    {
        *tallest -= beyond;
    }
    let mut top = HEIGHT;
    let part = |(class, height): (&'static str, f64)| {
        top -= height;
        Part { class, y: format!("{:.1}", top.max(0.0)), height: format!("{height:.1}") }
    };
    heights.into_iter().map(part).collect()
}

fn of(counts: &ExecutionCounts, statuses: &[ExecutionStatus]) -> u64 {
    statuses.iter().map(|status| counts.of(*status)).sum()
}

fn number_of(number: u64, is_estimate: bool) -> String {
    let text = format::count(number);
    if is_estimate { format!("≈ {text}") } else { text }
}

fn range_in_words(filter: &ExecutionsFilter) -> String {
    let known = RANGES.iter().find(|(range, ..)| *range == filter.after && filter.before.is_empty());
    match known {
        Some((_, _, sentence)) => format!("in {sentence}"),
        None if filter.after.is_empty() && filter.before.is_empty() => String::from("in the last 24 hours"),
        None => String::from("in the chosen time"),
    }
}

fn choices(filter: &ExecutionsFilter) -> Vec<(&'static str, String, bool)> {
    let choice = |(range, word, _): &(&'static str, &'static str, &'static str)| {
        let is_chosen = filter.after == *range && filter.before.is_empty();
        (*word, filter.address_with(&[("after", range), ("before", "")]), is_chosen)
    };
    RANGES.iter().map(choice).collect()
}

/// A moment as an address has it: in whole seconds.
fn plain(at: UnixMillis) -> String {
    let text = at.to_rfc3339();
    text.strip_suffix(".000Z").map_or_else(|| text.clone(), |seconds| format!("{seconds}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_at_all_is_seen_and_nothing_is_higher_than_the_drawing() {
        let drawn = parts(&[1_000_000, 0, 0, 0, 1], 1_000_001);
        let drawn: Vec<(&str, &str, &str)> =
            drawn.iter().map(|part| (part.class, part.y.as_str(), part.height.as_str())).collect();
        assert_eq!(drawn, [("success", "2.0", "62.0"), ("failed", "0.0", "2.0")]);
        assert_eq!(parts(&[], 1).len(), 0);
        assert_eq!(parts(&[0, 0, 0, 0, 5], 5)[0].height, "64.0");
    }

    #[test]
    fn a_moment_in_an_address_is_short() {
        assert_eq!(plain(UnixMillis(1_800_000_000_000)), "2027-01-15T08:00:00Z");
        assert_eq!(plain(UnixMillis(1_800_000_000_001)), "2027-01-15T08:00:00.001Z");
    }
}
