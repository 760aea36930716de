//! What an execution used of its limits, as bars.

use std::time::Duration;

use app::Execution;
use domain::{ErrorKind, Limits, UnixMillis};

use super::super::format;

/// From this part on a limit is near.
const NEAR: f64 = 0.8;

/// One bar.
pub(super) struct Meter {
    pub(super) word: &'static str,
    /// `1.2 MiB of 128 MiB`
    pub(super) value: String,
    /// From 0 to 1, with three digits.
    pub(super) part: String,
    pub(super) class: &'static str,
    /// What there is to say of it.
    pub(super) note: Option<&'static str>,
}

/// The bars. Limits are those of now, which may have been others then.
pub(super) fn meters(execution: &Execution, limits: &Limits, now: UnixMillis) -> Vec<Meter> {
    let ended_by = |kind| execution.error_kind == Some(kind);
    let took = execution.duration.unwrap_or_else(|| so_far(execution, now));
    let of = |used: String, limit: String| format!("{used} of {limit}");
    vec![
        meter(
            ("Fuel", of(format::fuel(execution.fuel), format::fuel(limits.fuel))),
            part(execution.fuel as f64, limits.fuel as f64),
            ended_by(ErrorKind::CpuLimit),
        ),
        meter(
            ("Time", of(format::duration(took), format::duration(limits.wall_time))),
            part(took.as_secs_f64(), limits.wall_time.as_secs_f64()),
            ended_by(ErrorKind::Timeout),
        ),
        meter(
            ("Memory", of(format::bytes(execution.peak_memory_bytes), format::bytes(limits.memory_bytes))),
            part(execution.peak_memory_bytes as f64, limits.memory_bytes as f64),
            ended_by(ErrorKind::MemoryLimit),
        ),
        meter(
            ("Calls", of(format::count(execution.host_calls), format::count(limits.host_calls))),
            part(execution.host_calls.into(), limits.host_calls.into()),
            ended_by(ErrorKind::HostcallLimit),
        ),
    ]
}

/// How long one that goes on has run.
fn so_far(execution: &Execution, now: UnixMillis) -> Duration {
    let began = execution.started_at.filter(|_| !execution.status.is_terminal());
    let ms = began.map_or(0, |began| now.0.saturating_sub(began.0));
    Duration::from_millis(u64::try_from(ms).unwrap_or(0))
}

fn part(used: f64, limit: f64) -> f64 {
    if limit > 0.0 { (used / limit).clamp(0.0, 1.0) } else { 0.0 }
}

fn meter((word, value): (&'static str, String), part: f64, is_cause: bool) -> Meter {
    let (class, note) = match is_cause {
        true => ("failed", Some("This ended it")),
        false if part >= NEAR => ("limit", Some("Near the limit")),
        false => ("", None),
    };
    let part = if is_cause { 1.0 } else { part };
    Meter { word, value, part: format!("{part:.3}"), class, note }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_says_that_a_limit_is_near_or_ended_it() {
        let of = |part, is_cause| {
            let meter = meter(("Fuel", String::new()), part, is_cause);
            (meter.part, meter.class)
        };
        assert_eq!(of(0.1234, false), (String::from("0.123"), ""));
        assert_eq!(of(0.85, false), (String::from("0.850"), "limit"));
        assert_eq!(of(0.97, true), (String::from("1.000"), "failed"));
        assert_eq!((part(5.0, 0.0), part(9.0, 3.0)), (0.0, 1.0));
    }
}
