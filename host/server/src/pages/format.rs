//! Numbers, times and sizes as people read them.

use std::{fmt, time::Duration};

use domain::UnixMillis;
use jiff::{Timestamp, tz::TimeZone};

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

impl Zone {
    /// The moment, seen from `now`.
    pub(crate) fn moment(&self, at: UnixMillis, now: UnixMillis) -> Moment {
        let absolute = match Timestamp::from_millisecond(at.0) {
            Ok(timestamp) => timestamp.to_zoned(self.0.clone()).strftime("%-d %B %Y, %H:%M:%S %Z").to_string(),
            Err(_) => at.to_rfc3339(),
        };
        Moment { iso: at.to_rfc3339(), absolute, relative: relative(at, now) }
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
    }
}
