//! Time zones by their IANA names.

use domain::Invalid;
use jiff::tz::{self, TimeZone};

/// The longest name of the database of time zones has 32 characters.
const NAME_CHARS_MAX: usize = 64;

/// How many names are proposed in place of one that is unknown.
const HINTS_MAX: usize = 3;

/// The time zone of this name, and the name as the database of time zones writes it.
///
/// # Errors
/// There is none; the message proposes those that may be meant.
pub(crate) fn find(name: &str) -> Result<(TimeZone, String), Invalid> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_+-/".contains(c);
    if name.is_empty() || name.len() > NAME_CHARS_MAX || !name.chars().all(is_plain) {
        return Err(refused("a time zone is an IANA name, as 'Europe/Berlin' or 'UTC'"));
    }
    let zone = TimeZone::get(name).ok().and_then(|zone| {
        let name = zone.iana_name().filter(|name| is_a_place(name))?.to_owned();
        Some((zone, name))
    });
    zone.ok_or_else(|| {
        let hints = hints(name);
        let proposal = if hints.is_empty() {
            String::from("use an IANA name, as 'Europe/Berlin' or 'UTC'")
        } else {
            format!("did you mean '{}'?", hints.join("' or '"))
        };
        refused(format!("there is no time zone '{name}': {proposal}"))
    })
}

fn refused(message: impl Into<String>) -> Invalid {
    Invalid::new("timezone", message)
}

/// Names that stand in the database and mean no zone, or that of whichever machine reads it.
fn is_a_place(name: &str) -> bool {
    !["localtime", "posixrules", "Factory", "Etc/Unknown"].contains(&name)
}

/// Names whose last part is, begins or contains the last part of `name`, the closest first.
fn hints(name: &str) -> Vec<String> {
    let wanted = last_part(name);
    if wanted.len() < 3 {
        return Vec::new();
    }
    let rank = |candidate: &str| {
        let part = last_part(candidate);
        match part.find(&wanted) {
            Some(0) if part == wanted => Some(0),
            Some(0) => Some(1),
            Some(_) => Some(2),
            None => None,
        }
    };
    let names = tz::db().available().map(|name| name.to_string()).filter(|name| is_a_place(name));
    let mut ranked: Vec<(u32, String)> = names.filter_map(|name| Some((rank(&name)?, name))).collect();
    ranked.sort();
    ranked.into_iter().take(HINTS_MAX).map(|(_, name)| name).collect()
}

fn last_part(name: &str) -> String {
    name.rsplit('/').next().unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn a_zone_is_found_by_its_name_however_it_is_written() {
        assert_eq!(find("europe/berlin").unwrap().1, "Europe/Berlin");
        assert_eq!(find("UTC").unwrap().1, "UTC");
        assert_eq!(find("America/Argentina/Buenos_Aires").unwrap().1, "America/Argentina/Buenos_Aires");
    }

    #[test]
    fn an_unknown_zone_is_refused_with_those_that_may_be_meant() {
        let message = find("Germany/Berlin").unwrap_err().message;
        assert!(message.contains("did you mean 'Europe/Berlin'"), "{message}");
        let message = find("Europe/Nowhere").unwrap_err().message;
        assert!(message.contains("use an IANA name"), "{message}");
    }

    #[test]
    fn what_is_no_name_of_a_zone_is_refused() {
        let long = "A".repeat(NAME_CHARS_MAX + 1);
        let names = [
            "",
            " ",
            "UTC ",
            "Mars/Olympus",
            "+02:00",
            "GMT+25",
            "CESTT",
            "../etc/passwd",
            "/etc/localtime",
            "localtime",
            "posixrules",
            "Europe/Berlin\0",
            "Europe/\u{1F30D}",
            "Factory",
            "Etc/Unknown",
            &long,
        ];
        for name in names {
            assert_eq!(find(name).unwrap_err().field, "timezone", "{name:?}");
        }
    }
}
