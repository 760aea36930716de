//! Events: what their types and names look like, which types are Skerry's own, and which events a subscription asks for
//! (CloudEvents 1.0, RULES 15).
//!
//! One rule for all who publish: scripts, the API, Skerry itself.

use std::{fmt, str::FromStr};

use crate::Invalid;

/// The most bytes of a type, a source, a subject and an id.
pub const NAME_BYTES_MAX: usize = 200;

/// The most bytes of an event's data as JSON.
pub const DATA_BYTES_MAX: usize = 256 << 10;

/// The source of Skerry's own events.
pub const OWN_SOURCE: &str = "skerry";

/// The source of events that a person has edited and sent again (RULES 15).
pub const REDRIVE_SOURCE: &str = "redrive";

/// Everything that Skerry tells.
pub const OWN_TYPES: [&str; 8] = [
    "skerry.script.created",
    "skerry.script.updated",
    "skerry.script.deployed",
    "skerry.script.deleted",
    "skerry.script.paused",
    "skerry.script.resumed",
    "skerry.script.breaker_opened",
    "skerry.execution.failed",
];

/// What [`EventType::parse`] takes, in words.
const TYPE_RULE: &str = "an event's type is lower-case words of letters, digits, '_' and '-', joined by dots \
                         (`order.validated`), at most 200 bytes";

/// What kind of thing happened: `order.validated`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventType(String);

impl EventType {
    /// Take `text` for a type: words `[a-z0-9][a-z0-9_-]*` joined by dots, at most 200 bytes.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() <= NAME_BYTES_MAX && text.split('.').all(is_word) {
            Ok(Self(text.to_owned()))
        } else {
            Err(Invalid::new("type", TYPE_RULE))
        }
    }

    /// The type as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nobody but Skerry publishes it.
    pub fn is_reserved(&self) -> bool {
        is_reserved(&self.0)
    }
}

/// Whether `event_type` is one of Skerry's own, or `skerry` itself.
pub fn is_reserved(event_type: &str) -> bool {
    event_type.strip_prefix(OWN_SOURCE).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Which types a subscription asks for: one type (`order.created`), all below one (`order.*`), or all (`*`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventPattern(String);

impl EventPattern {
    /// Take `text` for a pattern. The only wildcard is a last word `*`.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let words = text.strip_suffix(".*").unwrap_or(text);
        let is_pattern = text == "*" || words.split('.').all(is_word);
        if is_pattern && text.len() <= NAME_BYTES_MAX {
            return Ok(Self(text.to_owned()));
        }
        let message = "a pattern is a type of events (`order.created`), all types below one (`order.*`), or `*` for every \
                       type but Skerry's own; at most 200 bytes";
        Err(Invalid::new("types", message))
    }

    /// The pattern as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an event of `event_type` is asked for. `*` leaves Skerry's own events out: a script that subscribes to
    /// everything is not woken by its own failures.
    pub fn matches(&self, event_type: &str) -> bool {
        if self.0 == "*" { !is_reserved(event_type) } else { matches_dotted(&self.0, event_type) }
    }
}

impl fmt::Display for EventPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventPattern {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Invalid> {
        Self::parse(text)
    }
}

/// See that events of `source`, or of any where that is `None`, can match `pattern`.
///
/// # Errors
/// Why none ever does, for the person who wrote it.
pub fn check_reach(pattern: &EventPattern, source: Option<&str>) -> Result<(), Invalid> {
    let is_own = OWN_TYPES.iter().any(|own| pattern.matches(own));
    if is_reserved(pattern.as_str()) && !is_own {
        let message = format!("no event matches '{pattern}': Skerry tells of {}", OWN_TYPES.join(", "));
        return Err(Invalid::new("types", message));
    }
    match source {
        None => Ok(()),
        Some(OWN_SOURCE) if is_own => Ok(()),
        Some(OWN_SOURCE) => {
            let message =
                format!("no event of the source '{OWN_SOURCE}' matches '{pattern}': they are below 'skerry.'");
            Err(Invalid::new("types", message))
        }
        Some(_) if is_own => {
            let message = format!("'{pattern}' matches only events of the source '{OWN_SOURCE}'");
            Err(Invalid::new("source", message))
        }
        Some("/api") => Ok(()),
        Some(source) if source.starts_with("/scripts/") || source.starts_with("/users/") => Ok(()),
        Some(_) => {
            let message = "no event has this source: it is '/scripts/{name}', '/users/{id}', '/api' or 'skerry'";
            Err(Invalid::new("source", message))
        }
    }
}

/// Check a source, subject or id; `field` says which. An empty id would deduplicate every event that has none.
///
/// # Errors
/// What is wrong with it, for the person who wrote it.
pub fn check_name(field: &'static str, text: &str) -> Result<(), Invalid> {
    if text.is_empty() || text.len() > NAME_BYTES_MAX {
        let message = format!("{} {field} has 1 to {NAME_BYTES_MAX} bytes, not {}", article(field), text.len());
        return Err(Invalid::new(field, message));
    }
    if text.chars().any(char::is_control) {
        return Err(Invalid::new(field, format!("{} {field} has no control characters", article(field))));
    }
    Ok(())
}

fn article(field: &str) -> &'static str {
    if field.starts_with(['a', 'e', 'i', 'o', 'u']) { "an" } else { "a" }
}

/// Whether `text` is `pattern`, or `pattern` ends in `*` and `text` begins with what precedes it.
pub(crate) fn matches_dotted(pattern: &str, text: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => text.starts_with(prefix),
        None => pattern == text,
    }
}

fn is_word(word: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    word.starts_with(is_plain) && word.chars().all(|c| is_plain(c) || matches!(c, '_' | '-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_matches_its_type_or_what_is_below_it() {
        let cases = [
            ("order.created", "order.created", true),
            ("order.created", "order.created.twice", false),
            ("order.created", "order", false),
            ("order.*", "order.created", true),
            ("order.*", "order.item.added", true),
            ("order.*", "order", false),
            ("order.*", "orders.created", false),
            ("order.*", "xorder.created", false),
            ("*", "order.created", true),
            ("*", "order", true),
            ("*", "skerry.execution.failed", false),
            ("*", "skerry", false),
            ("*", "skerryish.thing", true),
            ("skerry.*", "skerry.execution.failed", true),
            ("skerry.execution.failed", "skerry.execution.failed", true),
        ];
        for (pattern, event_type, expected) in cases {
            let parsed = EventPattern::parse(pattern).map(|pattern| pattern.matches(event_type));
            assert_eq!(parsed, Ok(expected), "{pattern} and {event_type}");
        }
    }

    #[test]
    fn a_hostile_pattern_is_refused() {
        let long = "a".repeat(201);
        let nested = "*.".repeat(90) + "*";
        let hostile = [
            "",
            ".",
            "*.*",
            "**",
            "*.created",
            "order.*.created",
            "order.**",
            "order*",
            "order.",
            ".order",
            "order..a",
            "Order.*",
            "order.\0",
            "order.\u{1f680}",
            "order .*",
            "order.*\n",
            "-order",
            "order.?",
            "[a-z]",
            "(a+)+$",
            &long,
            &nested,
        ];
        for text in hostile {
            assert_eq!(EventPattern::parse(text).map_err(|invalid| invalid.field), Err("types"), "{text:?}");
        }
    }

    #[test]
    fn a_type_out_of_shape_is_refused() {
        for text in
            ["", "*", "order.*", "Order", "order..a", "order.", "a\0", "a b", "ä", "\u{1f680}", &"a".repeat(201)]
        {
            assert_eq!(EventType::parse(text).map_err(|invalid| invalid.field), Err("type"), "{text:?}");
        }
        assert!(EventType::parse(&"a".repeat(200)).is_ok());
    }

    #[test]
    fn types_of_skerry_are_its_own_and_those_that_look_alike_are_not() {
        for (text, expected) in [("skerry", true), ("skerry.a", true), ("skerry-a.b", false), ("my.skerry.a", false)] {
            assert_eq!(EventType::parse(text).map(|event_type| event_type.is_reserved()), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_subject_or_id_is_short_and_plain() {
        assert_eq!(check_name("id", "order 17 / ä"), Ok(()));
        for text in ["", "a\0b", "a\nb", "\u{1b}[31m", &"ä".repeat(101)] {
            assert!(check_name("id", text).is_err(), "{text:?}");
        }
    }
}
