//! The filters of the list of executions, as its address has them: those of the API by the same names, and in `after` and
//! `before` also a time that is relative to now.

use std::time::Duration;

use app::{ExecutionCursor, ExecutionFilter, ExecutionQuery, LogText, Names, TimeRange};
use domain::{ExecutionStatus, Invalid, Principal, ScriptId, UnixMillis, UserId, VersionId};
use serde::Deserialize;

use super::super::{format, frame::Frame, people_of::person, words};
use crate::web::cursor;

const HOUR_MS: i64 = 60 * 60 * 1_000;

/// What the timeline shows where no range is chosen.
const SHOWN_MS: i64 = 24 * HOUR_MS;

/// Ranges that can be chosen by one press: as `after` has them, on the button, and in a sentence.
pub(super) const RANGES: [(&str, &str, &str); 4] = [
    ("-1h", "1 h", "the last hour"),
    ("-24h", "24 h", "the last 24 hours"),
    ("-7d", "7 days", "the last 7 days"),
    ("-30d", "30 days", "the last 30 days"),
];

/// The filters. What is empty is not asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ExecutionsFilter {
    pub(crate) script: String,
    pub(crate) version: String,
    pub(crate) status: String,
    pub(crate) trigger: String,
    pub(crate) user: String,
    pub(crate) error_kind: String,
    pub(crate) after: String,
    pub(crate) before: String,
    pub(crate) accepted_after: String,
    pub(crate) accepted_before: String,
    pub(crate) duration_min_ms: String,
    pub(crate) duration_max_ms: String,
    pub(crate) logs: String,
    pub(crate) cursor: String,
}

/// A filter that is set, and the address of the list without it.
pub(crate) struct Chip {
    pub(crate) text: String,
    pub(crate) without: String,
}

impl ExecutionsFilter {
    /// Each filter with its name.
    fn pairs(&self) -> [(&'static str, &str); 13] {
        [
            ("script", &self.script),
            ("version", &self.version),
            ("status", &self.status),
            ("trigger", &self.trigger),
            ("user", &self.user),
            ("error_kind", &self.error_kind),
            ("after", &self.after),
            ("before", &self.before),
            ("accepted_after", &self.accepted_after),
            ("accepted_before", &self.accepted_before),
            ("duration_min_ms", &self.duration_min_ms),
            ("duration_max_ms", &self.duration_max_ms),
            ("logs", &self.logs),
        ]
    }

    /// Whether nothing is filtered.
    pub(crate) fn is_empty(&self) -> bool {
        self.pairs().iter().all(|(_, value)| value.is_empty())
    }

    /// Whether filters are set that the folded part of the form has.
    pub(crate) fn has_more(&self) -> bool {
        [&self.after, &self.before, &self.duration_min_ms, &self.duration_max_ms, &self.error_kind]
            .iter()
            .any(|value| !value.is_empty())
    }

    /// Whether what begins from now on belongs into the list as it is shown.
    pub(super) fn is_open_ended(&self) -> bool {
        self.before.is_empty() && self.accepted_before.is_empty() && self.cursor.is_empty()
    }

    /// What the list asks for.
    ///
    /// # Errors
    /// Names the filter that is none.
    pub(super) fn query(&self, now: UnixMillis, limit: u32) -> Result<ExecutionQuery, Invalid> {
        let filter = ExecutionFilter {
            script: id("script", &self.script)?,
            version: id::<VersionId>("version", &self.version)?,
            statuses: self.statuses()?,
            trigger: words::chosen(Some(&self.trigger))?,
            user: id("user", &self.user)?,
            error_kind: words::chosen(Some(&self.error_kind))?,
            before: moment("before", &self.before, now)?,
            after: moment("after", &self.after, now)?,
            accepted_before: moment("accepted_before", &self.accepted_before, now)?,
            accepted_after: moment("accepted_after", &self.accepted_after, now)?,
            duration_min: duration("duration_min_ms", &self.duration_min_ms)?,
            duration_max: duration("duration_max_ms", &self.duration_max_ms)?,
        };
        let cursor = Some(&self.cursor).filter(|cursor| !cursor.is_empty());
        Ok(ExecutionQuery {
            filter,
            logs: Some(self.logs.as_str()).filter(|logs| !logs.is_empty()).map(LogText::parse).transpose()?,
            cursor: cursor.map(|cursor| cursor::decode(cursor)).transpose()?,
            limit,
        })
    }

    fn statuses(&self) -> Result<Vec<ExecutionStatus>, Invalid> {
        self.status.split(',').filter(|word| !word.is_empty()).map(str::parse).collect()
    }

    /// What the timeline shows: the chosen range, or the last day.
    pub(super) fn range(&self, now: UnixMillis) -> Result<TimeRange, Invalid> {
        let until = moment("before", &self.before, now)?.unwrap_or(UnixMillis(now.0 + 1));
        let from = moment("after", &self.after, now)?.unwrap_or(UnixMillis(until.0.saturating_sub(SHOWN_MS)));
        Ok(TimeRange { from, until: until.max(UnixMillis(from.0.saturating_add(1))) })
    }

    /// The script that is asked for.
    pub(super) fn script_id(&self) -> Option<ScriptId> {
        self.script.parse().ok()
    }

    /// The person that is asked for.
    pub(super) fn user_id(&self) -> Option<UserId> {
        self.user.parse().ok()
    }

    /// The address of the list with other values for some filters; an empty one takes the filter away.
    pub(super) fn address_with(&self, changed: &[(&str, &str)]) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in self.pairs() {
            let value = changed.iter().find(|(known, _)| *known == name).map_or(value, |(_, value)| value);
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        let query = query.finish();
        if query.is_empty() { String::from("/executions") } else { format!("/executions?{query}") }
    }

    /// The address of the page behind a cursor.
    pub(super) fn page_from(&self, next: &ExecutionCursor) -> String {
        let address = self.address_with(&[]);
        let joint = if address.contains('?') { '&' } else { '?' };
        format!("{address}{joint}cursor={}", cursor::encode(next))
    }

    /// Each filter that is set, in words.
    pub(super) fn chips(&self, names: &Names, principal: &Principal, frame: &Frame) -> Vec<Chip> {
        let set = self.pairs().into_iter().filter(|(_, value)| !value.is_empty());
        let chip = |(name, value): (&'static str, &str)| {
            let known = |at: &str| moment(name, at, frame.now).ok().flatten().map(|at| frame.moment(&at).absolute);
            let when = |at: &str| known(at).unwrap_or_else(|| at.to_owned());
            let text = match name {
                "script" => {
                    let name = self.script_id().and_then(|id| names.script(id));
                    format!("Script: {}", name.map_or(value, |name| name.as_str()))
                }
                "version" => String::from("One version"),
                "status" => format!("Status: {}", value.replace(',', " or ")),
                "trigger" => {
                    let known = value.parse().ok().map(|trigger| words::trigger(&trigger).word);
                    format!("Started by: {}", known.unwrap_or(value))
                }
                "user" => {
                    let known = self.user_id().map(|user| person(names, principal, user));
                    format!("Person: {}", known.as_deref().unwrap_or(value))
                }
                "error_kind" => {
                    let known = value.parse().ok().map(|kind| words::error_kind(&kind));
                    format!("Ended with: {}", known.unwrap_or(value))
                }
                "after" => match RANGES.iter().find(|(range, ..)| *range == value) {
                    Some((_, _, sentence)) => format!("In {sentence}"),
                    None => format!("From {}", when(value)),
                },
                "before" => format!("Before {}", when(value)),
                "accepted_after" => format!("Accepted from {}", when(value)),
                "accepted_before" => format!("Accepted before {}", when(value)),
                "duration_min_ms" => format!("Took at least {}", milliseconds(value)),
                "duration_max_ms" => format!("Took at most {}", milliseconds(value)),
                _ => format!("Log has “{}”", format::shown(value)),
            };
            Chip { text, without: self.address_with(&[(name, "")]) }
        };
        set.map(chip).collect()
    }
}

fn milliseconds(text: &str) -> String {
    text.parse().map_or_else(|_| text.to_owned(), |ms| format::duration(Duration::from_millis(ms)))
}

fn id<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<Option<T>, Invalid> {
    words::chosen(Some(text)).map_err(|_| Invalid::new(field, format!("{field} is an id")))
}

fn duration(field: &'static str, text: &str) -> Result<Option<Duration>, Invalid> {
    let ms: Option<u32> = words::chosen(Some(text.trim()))
        .map_err(|_| Invalid::new(field, format!("{field} is a whole number of milliseconds")))?;
    Ok(ms.map(|ms| Duration::from_millis(ms.into())))
}

/// A moment: by RFC 3339; as a form sends it, without a zone, in UTC; or so long before now, as `-24h`.
fn moment(field: &'static str, text: &str, now: UnixMillis) -> Result<Option<UnixMillis>, Invalid> {
    if text.is_empty() {
        return Ok(None);
    }
    let found = relative(text, now)
        .or_else(|| UnixMillis::from_rfc3339(text).ok())
        .or_else(|| UnixMillis::from_rfc3339(&format!("{text}Z")).ok())
        .or_else(|| UnixMillis::from_rfc3339(&format!("{text}:00Z")).ok());
    let message = || format!("{field} is a moment, as 2026-01-31T12:00:00Z, or a time before now, as -24h");
    found.map(Some).ok_or_else(|| Invalid::new(field, message()))
}

fn relative(text: &str, now: UnixMillis) -> Option<UnixMillis> {
    let text = text.strip_prefix('-')?;
    let (unit_ms, number) = match text.strip_suffix('h') {
        Some(hours) => (HOUR_MS, hours),
        None => (24 * HOUR_MS, text.strip_suffix('d')?),
    };
    let number: i64 = number.parse().ok().filter(|number| (1..=10_000).contains(number))?;
    Some(UnixMillis(now.0 - number * unit_ms))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn a_moment_is_read_as_the_api_writes_it_as_a_form_sends_it_and_before_now() {
        let read = |text: &str| moment("after", text, NOW).map(|at| at.map(|at| at.to_rfc3339()));
        for text in ["2026-01-31T12:00:00Z", "2026-01-31T12:00", "2026-01-31T12:00:00", "2026-01-31T13:00:00+01:00"] {
            assert_eq!(read(text).unwrap().as_deref(), Some("2026-01-31T12:00:00.000Z"), "{text}");
        }
        assert_eq!(moment("after", "-24h", NOW).unwrap(), Some(UnixMillis(NOW.0 - SHOWN_MS)));
        assert_eq!(moment("after", "-7d", NOW).unwrap(), Some(UnixMillis(NOW.0 - 7 * SHOWN_MS)));
        assert_eq!(moment("after", "", NOW).unwrap(), None);
        for text in ["yesterday", "-h", "--1h", "-0d", "-99999d", "2026-13-01T00:00"] {
            assert_eq!(read(text).map_err(|invalid| invalid.field), Err("after"), "{text}");
        }
    }

    #[test]
    fn an_address_has_the_filters_that_are_set_and_no_others() {
        let filter = ExecutionsFilter {
            status: String::from("failed,timeout"),
            logs: String::from("a&b=\"<c>"),
            ..ExecutionsFilter::default()
        };
        assert_eq!(filter.address_with(&[]), "/executions?status=failed%2Ctimeout&logs=a%26b%3D%22%3Cc%3E");
        assert_eq!(filter.address_with(&[("status", ""), ("logs", "")]), "/executions");
        assert_eq!(
            filter.address_with(&[("logs", ""), ("after", "-1h")]),
            "/executions?status=failed%2Ctimeout&after=-1h"
        );
        assert!(ExecutionsFilter::default().is_empty() && !filter.is_empty());
    }

    #[test]
    fn a_filter_that_is_none_is_named() {
        let of = |filter: ExecutionsFilter| filter.query(NOW, 50).map_err(|invalid| invalid.field);
        let none = ExecutionsFilter::default;
        let text = || String::from("x");
        assert_eq!(of(ExecutionsFilter { script: text(), ..none() }).unwrap_err(), "script");
        assert_eq!(of(ExecutionsFilter { status: text(), ..none() }).unwrap_err(), "status");
        assert_eq!(of(ExecutionsFilter { cursor: text(), ..none() }).unwrap_err(), "cursor");
        assert_eq!(of(ExecutionsFilter { duration_min_ms: text(), ..none() }).unwrap_err(), "duration_min_ms");
        let query = ExecutionsFilter { status: String::from("failed,timeout"), ..none() }.query(NOW, 50).unwrap();
        assert_eq!(query.filter.statuses, [ExecutionStatus::Failed, ExecutionStatus::Timeout]);
    }
}
