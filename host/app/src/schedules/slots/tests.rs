//! Slots over years in zones of many kinds, against an oracle that knows neither croner nor a zone's changes: it looks at
//! what the clock shows in each minute.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use jiff::{SignedDuration, civil::date, tz::TimeZone};

use super::*;
use crate::schedules::expression::{ScheduleRules, SecondsField};

/// Clocks that change at two, at one and at midnight; by half an hour; the other way round; over midnight; never.
const ZONES: [&str; 10] = [
    "Europe/Berlin",
    "America/New_York",
    "Europe/London",
    "Australia/Lord_Howe",
    "Africa/Cairo",
    "America/Santiago",
    "America/Nuuk",
    "Africa/Casablanca",
    "Asia/Kolkata",
    "UTC",
];

const EXPRESSIONS: [&str; 17] = [
    "30 2 * * *",
    "0 3 * * *",
    "30 1,2 * * *",
    "0,15,30,45 0,1,2,3 * * *",
    "0 0 * * *",
    "30 0 * * *",
    "30 23 * * *",
    "30 23 * * 6",
    "0 1-3 * * 0",
    "59 23 31 12 *",
    "0 12 29 2 *",
    "15 2 1,15 * 0",
    "*/15 * * * *",
    "*/20 2 * * *",
    "30 * * * *",
    "0 */2 * * *",
    "*/30 0-3 * * 0,6",
];

fn slots(expression: &str, zone: &str) -> Slots {
    let rules = ScheduleRules { min_interval: std::time::Duration::from_secs(1), seconds: SecondsField::Allowed };
    let expression = Expression::parse(expression, &rules, date(2024, 1, 1).at(0, 0, 0, 0)).unwrap();
    Slots::new(expression, TimeZone::get(zone).unwrap())
}

fn at(text: &str) -> UnixMillis {
    millis(text.parse().unwrap())
}

/// What `slots` answers one after another, from `from` until before `until`.
fn run(slots: &Slots, from: UnixMillis, until: UnixMillis) -> Vec<UnixMillis> {
    std::iter::successors(slots.next_after(UnixMillis(from.0 - 1000)), |at| slots.next_after(*at))
        .take_while(|at| *at < until)
        .collect()
}

fn shown(slots: &Slots, from: &str, until: &str) -> Vec<String> {
    let zoned = |at: &UnixMillis| slots.shown_at(*at).unwrap().strftime("%d %H:%M%z").to_string();
    run(slots, at(from), at(until)).iter().map(zoned).collect()
}

/// An expression of numbers, lists, ranges, `*` and steps of it, read by itself.
struct Oracle {
    /// Of each field the values, as bits.
    fields: Vec<u64>,
    stars: Vec<bool>,
    runs_through: bool,
}

impl Oracle {
    fn read(expression: &str) -> Self {
        let texts: Vec<&str> = expression.split(' ').collect();
        let ranges = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 6)];
        let fields = texts.iter().zip(ranges).map(|(text, (low, high))| {
            let mut values = 0;
            for part in text.split(',') {
                let (range, step) = part.split_once('/').unwrap_or((part, "1"));
                let (from, to) = match (range, range.split_once('-')) {
                    ("*", _) => (low, high),
                    (_, Some((from, to))) => (from.parse().unwrap(), to.parse().unwrap()),
                    (one, None) => (one.parse().unwrap(), one.parse().unwrap()),
                };
                values = (from..=to).step_by(step.parse().unwrap()).fold(values, |bits, value: i8| bits | 1 << value);
            }
            values
        });
        let fields = fields.collect();
        let stars = texts.iter().map(|text| *text == "*").collect();
        Self { fields, stars, runs_through: texts[..2].iter().any(|text| text.contains(['*', '/'])) }
    }

    fn names(&self, time: DateTime) -> bool {
        let has = |field: usize, value: i8| self.fields[field] & 1 << value != 0;
        if !has(0, time.minute()) || !has(1, time.hour()) || time.second() != 0 || !has(3, time.month()) {
            return false;
        }
        let (of_month, of_week) = (has(2, time.day()), has(4, time.weekday().to_sunday_zero_offset()));
        if self.stars[2] || self.stars[4] { of_month && of_week } else { of_month || of_week }
    }

    /// The slots among `minutes`. A fixed time comes due in the first minute in which the clock has reached it.
    fn slots(&self, minutes: &[Minute]) -> Vec<UnixMillis> {
        let mut highest = minutes[0].number - 1;
        let mut slots = Vec::new();
        for minute in minutes {
            let is_due = if self.runs_through {
                self.names(minute.shown)
            } else {
                let reached = (highest + 1..=minute.number).map(|number| minute.before(minute.number - number));
                reached.into_iter().any(|time| self.names(time))
            };
            slots.extend(is_due.then_some(minute.at));
            highest = highest.max(minute.number);
        }
        slots
    }
}

/// What a clock shows in a minute.
struct Minute {
    at: UnixMillis,
    shown: DateTime,
    /// Minutes that clocks and calendars count until then.
    number: i64,
}

impl Minute {
    /// What is shown so many minutes before, on a clock that nobody changes.
    fn before(&self, minutes: i64) -> DateTime {
        if minutes == 0 { self.shown } else { self.shown.checked_sub(SignedDuration::from_mins(minutes)).unwrap() }
    }
}

fn minutes(zone: &str, from: &str, until: &str) -> Vec<Minute> {
    let zone = TimeZone::get(zone).unwrap();
    let (from, until) = (at(from).0 / 60_000, at(until).0 / 60_000);
    let minute = |minute: i64| {
        let timestamp = Timestamp::from_second(minute * 60).unwrap();
        let offset_minutes = i64::from(zone.to_offset(timestamp).seconds() / 60);
        Minute { at: UnixMillis(minute * 60_000), shown: zone.to_datetime(timestamp), number: minute + offset_minutes }
    };
    (from..until).map(minute).collect()
}

/// Numbers without a pattern, the same each time.
fn numbers() -> impl Iterator<Item = usize> {
    let next =
        |state: &u64| Some(state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407));
    std::iter::successors(Some(4), next).map(|state| (state >> 33) as usize)
}

#[test]
fn slots_over_years_are_those_that_the_clock_shows_in_every_zone() {
    for zone in ZONES {
        let minutes = minutes(zone, "2026-03-01T12:00:00Z", "2028-03-15T12:00:00Z");
        let (from, until) = (minutes[0].at, UnixMillis(minutes[minutes.len() - 1].at.0 + 1));
        for text in EXPRESSIONS {
            let expected = Oracle::read(text).slots(&minutes);
            let slots = slots(text, zone);
            assert_eq!(run(&slots, from, until), expected, "{text} in {zone}");
            same_from_everywhere(&slots, &expected, &minutes, &format!("{text} in {zone}"));
        }
    }
}

/// From any moment on, the next slot, the last one and their number are those of the list.
fn same_from_everywhere(slots: &Slots, expected: &[UnixMillis], minutes: &[Minute], what: &str) {
    let mut numbers = numbers();
    // Half of the moments are near a change of the clocks, where there is one.
    let changes: Vec<usize> = (1..minutes.len()).filter(|i| minutes[i - 1].number + 1 != minutes[*i].number).collect();
    let mut any = || {
        let (number, near) = (numbers.next().unwrap(), numbers.next().unwrap());
        let index = match changes.get(near % (2 * changes.len() + 1)) {
            Some(change) => (change + number % 400).saturating_sub(200),
            None => number,
        };
        UnixMillis(minutes[index % minutes.len()].at.0 + (near % 3 * 20_000) as i64)
    };
    for _ in 0..150 {
        let (one, other) = (any(), any());
        let at_or_before = expected.partition_point(|at| *at <= one);
        if let Some(later) = expected.get(at_or_before) {
            assert_eq!(slots.next_after(one).as_ref(), Some(later), "{what} after {one:?}");
        }
        if let Some(earlier) = expected[..at_or_before].last() {
            assert_eq!(slots.last_until(one).as_ref(), Some(earlier), "{what} until {one:?}");
        }
        let (from, to) = (one.min(other), one.max(other));
        let count = expected.partition_point(|at| *at <= to) - expected.partition_point(|at| *at < from);
        let count = count as u64;
        assert_eq!(slots.count(from, to), count, "{what} from {from:?} to {to:?}");
    }
}

#[test]
fn a_fixed_time_in_the_gap_comes_due_once_at_its_end() {
    let spring = |text: &str| shown(&slots(text, "Europe/Berlin"), "2027-03-27T20:00:00Z", "2027-03-28T20:00:00Z");
    assert_eq!(spring("30 2 * * *"), ["28 03:00+0200"]);
    assert_eq!(spring("30 1,2 * * *"), ["28 01:30+0100", "28 03:00+0200"]);
    assert_eq!(spring("0,20,40 2 * * *"), ["28 03:00+0200"], "the three of them once");
    assert_eq!(spring("0 2,3 * * *"), ["28 03:00+0200"], "and no second time with the one of the gap's end");
}

#[test]
fn a_fixed_time_in_the_overlap_comes_due_the_first_time() {
    let autumn = |text: &str| shown(&slots(text, "Europe/Berlin"), "2026-10-24T20:00:00Z", "2026-10-25T20:00:00Z");
    assert_eq!(autumn("30 2 * * *"), ["25 02:30+0200"]);
    assert_eq!(autumn("0,30 2,3 * * *"), ["25 02:00+0200", "25 02:30+0200", "25 03:00+0100", "25 03:30+0100"]);
}

#[test]
fn a_pattern_runs_through_gap_and_overlap() {
    let hourly = slots("30 * * * *", "Europe/Berlin");
    let spring = shown(&hourly, "2027-03-28T00:00:00Z", "2027-03-28T03:00:00Z");
    assert_eq!(spring, ["28 01:30+0100", "28 03:30+0200", "28 04:30+0200"]);
    let autumn = shown(&hourly, "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");
    assert_eq!(autumn, ["25 01:30+0200", "25 02:30+0200", "25 02:30+0100", "25 03:30+0100"]);
}

#[test]
fn a_gap_that_ends_on_another_day_loses_no_run() {
    // On the evening of that Saturday the clocks of Nuuk go from 23:00 to Sunday.
    let saturdays = slots("30 23 * * 6", "America/Nuuk");
    let run = shown(&saturdays, "2027-03-27T12:00:00Z", "2027-04-04T12:00:00Z");
    assert_eq!(run, ["28 00:00-0100", "03 23:30-0100"]);
}

#[test]
fn a_day_that_a_zone_left_out_comes_due_at_its_end() {
    // Samoa went from the 29th to the 31st of December 2011.
    let daily = shown(&slots("0 12 * * *", "Pacific/Apia"), "2011-12-29T12:00:00Z", "2012-01-01T12:00:00Z");
    assert_eq!(daily, ["29 12:00-1000", "31 00:00+1400", "31 12:00+1400", "01 12:00+1400"]);
    let thirtieth = slots("0 12 30 12 *", "Pacific/Apia");
    assert_eq!(shown(&thirtieth, "2011-12-01T00:00:00Z", "2012-12-01T00:00:00Z"), ["31 00:00+1400"]);
    assert_eq!(thirtieth.count(at("2011-12-01T00:00:00Z"), at("2012-12-01T00:00:00Z")), 1);
}

#[test]
fn seconds_have_slots_of_their_own() {
    let slots = slots("*/20 59 23 31 12 *", "Asia/Kolkata");
    let run = run(&slots, at("2026-12-31T00:00:00Z"), at("2027-01-02T00:00:00Z"));
    let expected = ["2026-12-31T18:29:00Z", "2026-12-31T18:29:20Z", "2026-12-31T18:29:40Z"].map(at);
    assert_eq!(run, expected);
    assert_eq!(slots.count(expected[0], expected[2]), 3);
    assert_eq!(slots.count(UnixMillis(expected[0].0 + 1), UnixMillis(expected[2].0 - 1)), 1);
    assert_eq!(slots.last_until(UnixMillis(expected[2].0 - 1)), Some(expected[1]));
}

#[test]
fn long_stretches_are_counted_without_being_gone_through() {
    let slots = slots("* * * * * *", "Europe/Berlin");
    let (from, to) = (at("2026-01-01T00:00:00Z"), at("2056-01-01T00:00:00Z"));
    assert_eq!(slots.count(from, to), ((to.0 - from.0) / 1000 + 1) as u64);
}

#[test]
fn the_end_of_the_calendar_is_no_slot_and_no_panic() {
    let slots = slots("0 0 29 2 *", "America/New_York");
    for moment in [i64::MIN, i64::MAX, 253_402_300_799_000, -62_135_596_800_000] {
        let _ = (slots.next_after(UnixMillis(moment)), slots.last_until(UnixMillis(moment)));
        assert_eq!(slots.count(UnixMillis(moment), UnixMillis(moment)), 0);
    }
    assert_eq!(slots.count(UnixMillis(5), UnixMillis(1)), 0);
}
