//! Numbers, times and sizes as people read them.

use std::{fmt, time::Duration};

use app::TimeRange;
use domain::UnixMillis;
use jiff::{
    Timestamp,
    civil::{Date, Weekday},
    tz::TimeZone,
};

/// The time zone that a tenant's pages show.
#[derive(Clone, Debug)]
pub(crate) struct Zone(TimeZone);

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

/// A moment, in every form that a page needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    /// For programs, by RFC 3339.
    pub(crate) iso: String,
    /// With its zone, for whoever wants to know exactly.
    pub(crate) absolute: String,
    /// By distance from now; a script of the page keeps it right.
    pub(crate) relative: String,
}

/// A day of a calendar.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Day {
    /// `23 Nov`
    pub(crate) label: String,
    /// `Monday`
    pub(crate) weekday: &'static str,
    /// From its first moment to the next day's.
    pub(crate) range: TimeRange,
}

impl Zone {
    /// What a clock shows at a moment: `09:30`.
    pub(crate) fn clock(&self, at: UnixMillis) -> String {
        let shown =
            Timestamp::from_millisecond(at.0).map(|at| at.to_zoned(self.0.clone()).strftime("%H:%M").to_string());
        shown.unwrap_or_else(|_| at.to_rfc3339())
    }

    /// The day of `now`, and those that follow.
    pub(crate) fn days(&self, now: UnixMillis, count: usize) -> Vec<Day> {
        let Ok(now) = Timestamp::from_millisecond(now.0) else { return Vec::new() };
        let today = now.to_zoned(self.0.clone()).date();
        let first =
            |date: Date| date.to_zoned(self.0.clone()).ok().map(|at| UnixMillis(at.timestamp().as_millisecond()));
        let day = |date: Date| {
            let range = TimeRange { from: first(date)?, until: first(date.tomorrow().ok()?)? };
            Some(Day { label: date.strftime("%-d %b").to_string(), weekday: weekday(date.weekday()), range })
        };
        today.series(jiff::Span::new().days(1)).take(count).filter_map(day).collect()
    }

    /// The moment, seen from `now`.
    pub(crate) fn moment(&self, at: UnixMillis, now: UnixMillis) -> Moment {
        let absolute = match Timestamp::from_millisecond(at.0) {
            Ok(timestamp) => timestamp.to_zoned(self.0.clone()).strftime("%-d %B %Y, %H:%M:%S %Z").to_string(),
            Err(_) => at.to_rfc3339(),
        };
        Moment { iso: at.to_rfc3339(), absolute, relative: relative(at, now) }
    }
}

fn weekday(weekday: Weekday) -> &'static str {
    match weekday {
        Weekday::Monday => "Monday",
        Weekday::Tuesday => "Tuesday",
        Weekday::Wednesday => "Wednesday",
        Weekday::Thursday => "Thursday",
        Weekday::Friday => "Friday",
        Weekday::Saturday => "Saturday",
        Weekday::Sunday => "Sunday",
    }
}

/// The distance between two moments: `3 minutes ago`, `in 2 hours`.
fn relative(at: UnixMillis, now: UnixMillis) -> String {
    const STEPS: [(i64, &str); 5] =
        [(31_536_000, "year"), (2_592_000, "month"), (86_400, "day"), (3_600, "hour"), (60, "minute")];
    let seconds = now.0.saturating_sub(at.0) / 1_000;
    let Some((count, unit)) = STEPS.iter().find_map(|(size, unit)| {
        let count = seconds.abs() / size;
        (count > 0).then_some((count, unit))
    }) else {
        return String::from(if seconds.abs() < 10 {
            "now"
        } else if seconds > 0 {
            "a moment ago"
        } else {
            "in a moment"
        });
    };
    let plural = if count == 1 { "" } else { "s" };
    if seconds > 0 { format!("{count} {unit}{plural} ago") } else { format!("in {count} {unit}{plural}") }
}

/// How long something took: `212 ms`, `1.4 s`, `3 min 5 s`.
pub(crate) fn duration(duration: Duration) -> String {
    let micros = duration.as_micros();
    match micros {
        0..1_000 => format!("{micros} µs"),
        1_000..10_000 => format!("{:.1} ms", duration.as_secs_f64() * 1e3),
        10_000..1_000_000 => format!("{} ms", duration.as_millis()),
        1_000_000..60_000_000 => format!("{:.1} s", duration.as_secs_f64()),
        _ => format!("{} min {} s", duration.as_secs() / 60, duration.as_secs() % 60),
    }
}

/// A size: `512 B`, `1.2 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut size = bytes as f64 / 1_024.0;
    let mut unit = 0;
    while size >= 1_024.0 && unit + 1 < UNITS.len() {
        size /= 1_024.0;
        unit += 1;
    }
    format!("{size:.1} {}", UNITS[unit])
}

/// A count with its thousands apart: `1 234 567`, with narrow spaces that do not break.
pub(crate) fn count(count: impl fmt::Display) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A day by its number since 1970-01-01.
pub(crate) fn day(day: i64) -> String {
    let at = Timestamp::from_second(day.saturating_mul(86_400)).unwrap_or_default();
    at.to_zoned(TimeZone::UTC).strftime("%-d %B %Y").to_string()
}

/// An address with a query of those pairs that have a value.
pub(crate) fn query_from(path: &str, pairs: &[(&str, &String)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(format!("{path}?"));
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    query.finish()
}

/// Fuel: `480`, `12.3 k`, `1.2 G`.
pub(crate) fn fuel(fuel: u64) -> String {
    const STEPS: [(u64, &str); 3] = [(1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k")];
    match STEPS.iter().find(|(size, _)| fuel >= *size) {
        Some((size, unit)) => format!("{:.1} {unit}", fuel as f64 / *size as f64),
        None => fuel.to_string(),
    }
}

/// As [`duration`], of microseconds.
pub(crate) fn duration_us(micros: u64) -> String {
    duration(Duration::from_micros(micros))
}

/// A round length of time, in words: `30 minutes`, `1 day`.
pub(crate) fn length(ms: i64) -> String {
    const STEPS: [(i64, &str); 4] = [(86_400_000, "day"), (3_600_000, "hour"), (60_000, "minute"), (1_000, "second")];
    let (size, unit) = STEPS.into_iter().find(|(size, _)| ms % size == 0).unwrap_or((1, "millisecond"));
    let count = ms / size;
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// What a script or a stranger wrote, with the characters that one would not see, or that turn the direction of writing,
/// shown as what they are (RULES 40). JSON stays the JSON that it was.
pub(crate) fn shown(text: &str) -> String {
    crate::terminal::Shown(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_distance_is_said_in_its_largest_unit() {
        let now = UnixMillis(1_800_000_000_000);
        let ago = |seconds: i64| relative(UnixMillis(now.0 - seconds * 1_000), now);
        assert_eq!(ago(0), "now");
        assert_eq!(ago(30), "a moment ago");
        assert_eq!(ago(60), "1 minute ago");
        assert_eq!(ago(7_300), "2 hours ago");
        assert_eq!(ago(-86_400), "in 1 day");
        assert_eq!(ago(-30), "in a moment");
        assert_eq!(ago(400 * 86_400), "1 year ago");
    }

    #[test]
    fn a_moment_has_its_zone() {
        let moment = Zone::default().moment(UnixMillis(1_800_000_000_000), UnixMillis(1_800_000_000_000));
        assert_eq!(moment.absolute, "15 January 2027, 08:00:00 UTC");
        assert_eq!(moment.iso, "2027-01-15T08:00:00.000Z");
    }

    #[test]
    fn a_calendar_has_days_of_its_zone() {
        let days = Zone::default().days(UnixMillis(1_800_000_000_000), 3);
        let said: Vec<(&str, &str)> = days.iter().map(|day| (day.label.as_str(), day.weekday)).collect();
        assert_eq!(said, [("15 Jan", "Friday"), ("16 Jan", "Saturday"), ("17 Jan", "Sunday")]);
        assert!(days.windows(2).all(|pair| pair[0].range.until == pair[1].range.from));
        assert_eq!(Zone::default().clock(UnixMillis(1_800_000_000_000)), "08:00");
    }

    #[test]
    fn durations_and_sizes_have_units_that_fit() {
        assert_eq!(duration(Duration::from_micros(850)), "850 µs");
        assert_eq!(duration(Duration::from_micros(2_345)), "2.3 ms");
        assert_eq!(duration(Duration::from_millis(212)), "212 ms");
        assert_eq!(duration(Duration::from_millis(1_440)), "1.4 s");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(1_258_291), "1.2 MiB");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(count(12), "12");
        assert_eq!((fuel(999), fuel(12_345), fuel(20_000_000_000)), ("999".into(), "12.3 k".into(), "20.0 G".into()));
        assert_eq!((length(1_800_000), length(86_400_000)), ("30 minutes".into(), "1 day".into()));
        assert_eq!(duration_us(2_345), "2.3 ms");
    }
}
