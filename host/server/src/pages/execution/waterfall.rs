//! The host calls of an execution on one axis of time, and beside them when its log has lines.

use app::CallView;

use super::{super::format, Read};

/// The most lines of log that are marked on the axis.
const MARKS: usize = 300;

/// The calls as they are drawn.
pub(super) struct Waterfall {
    /// The moments at the quarters of the axis.
    pub(super) ticks: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// How many there are beside those.
    pub(super) more: usize,
    /// When lines of log were written.
    pub(super) marks: Vec<Mark>,
}

/// One call.
pub(super) struct Row {
    pub(super) number: u32,
    pub(super) name: String,
    /// Where it begins and how long it takes, as parts of the whole.
    pub(super) from: String,
    pub(super) part: String,
    pub(super) class: &'static str,
    pub(super) took: String,
    pub(super) error: Option<String>,
    pub(super) has_detail: bool,
}

/// A line of log on the axis.
pub(super) struct Mark {
    pub(super) from: String,
    pub(super) class: &'static str,
    pub(super) label: String,
}

/// One call with what was asked and answered.
pub(super) struct CallDetail {
    pub(super) asked: Option<String>,
    pub(super) answered: Option<String>,
    pub(super) began: String,
    pub(super) bytes_asked: String,
    pub(super) bytes_answered: Option<String>,
    pub(super) error: Option<String>,
}

impl Waterfall {
    pub(super) fn of(read: &Read, calls: &[CallView], most: usize) -> Self {
        let took_us =
            read.view.execution.duration.map_or(0, |took| u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
        let last_us = calls.iter().map(|call| call.answered_us.unwrap_or(call.started_us)).max().unwrap_or(0);
        let whole_us = took_us.max(last_us).max(1);
        let lines = read.logs.iter().flat_map(|logs| &logs.lines).take(MARKS);
        Self {
            ticks: (0..=4).map(|quarter| format::duration_us(whole_us / 4 * quarter)).collect(),
            rows: calls.iter().take(most).map(|call| Row::of(call, whole_us)).collect(),
            more: calls.len().saturating_sub(most),
            marks: lines.map(|line| Mark::of(line, whole_us)).collect(),
        }
    }
}

impl Row {
    fn of(call: &CallView, whole_us: u64) -> Self {
        let took_us = call.answered_us.map(|answered| answered.saturating_sub(call.started_us));
        let class = match (&call.error, took_us) {
            (Some(_), _) => "failed",
            (None, None) => "neutral",
            (None, Some(_)) => "",
        };
        Self {
            number: call.number,
            name: format::shown(&call.name),
            from: part(call.started_us, whole_us),
            part: part(took_us.unwrap_or(whole_us.saturating_sub(call.started_us)), whole_us),
            class,
            took: took_us.map_or_else(|| String::from("no answer"), format::duration_us),
            error: call.error.as_deref().map(format::shown),
            has_detail: call.asked.is_some() || call.answered.is_some(),
        }
    }
}

impl Mark {
    fn of(line: &app::LogLine, whole_us: u64) -> Self {
        let level = crate::views::executions::level_word(line.level);
        let class = match level {
            "error" => "failed",
            "warn" => "limit",
            _ => "neutral",
        };
        let begins: String = line.message.chars().take(80).collect();
        Self {
            from: part(line.offset_ms.saturating_mul(1_000).min(whole_us), whole_us),
            class,
            label: format!("{} ms, {level}: {}", line.offset_ms, format::shown(&begins)),
        }
    }
}

impl CallDetail {
    pub(super) fn of(call: CallView) -> Self {
        let json = |value: serde_json::Value| format::shown(&value.to_string());
        Self {
            asked: call.asked.map(json),
            answered: call.answered.map(json),
            began: format::duration_us(call.started_us),
            bytes_asked: format::bytes(call.bytes_asked),
            bytes_answered: call.bytes_answered.map(format::bytes),
            error: call.error.as_deref().map(format::shown),
        }
    }
}

/// A part of the whole, from 0 to 1.
fn part(of_us: u64, whole_us: u64) -> String {
    format!("{:.4}", (of_us as f64 / whole_us as f64).clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(started_us: u64, answered_us: Option<u64>, error: Option<&str>) -> CallView {
        CallView {
            number: 1,
            name: String::from("storage.get"),
            started_us,
            answered_us,
            bytes_asked: 1,
            bytes_answered: None,
            error: error.map(str::to_owned),
            asked: None,
            answered: None,
        }
    }

    #[test]
    fn a_call_stands_where_it_was_on_the_axis() {
        let row = Row::of(&call(250, Some(750), None), 1_000);
        assert_eq!((row.from.as_str(), row.part.as_str(), row.class), ("0.2500", "0.5000", ""));
        let failed = Row::of(&call(0, Some(10), Some("timeout")), 1_000);
        assert_eq!(failed.class, "failed");
        let open = Row::of(&call(900, None, None), 1_000);
        assert_eq!((open.part.as_str(), open.class, open.took.as_str()), ("0.1000", "neutral", "no answer"));
        assert!(!open.has_detail);
    }
}
