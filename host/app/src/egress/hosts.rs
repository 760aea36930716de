//! Patterns of host names: an exact name, or everything below one.

use std::{fmt, str::FromStr, sync::Arc};

/// A host name, or `*.` and a name for everything below it. Never an address, and never all of a public suffix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern(Pattern);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Pattern {
    Any,
    Exact(String),
    Below(String),
}

/// Why a text is no pattern of hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostPatternError {
    /// It has another form.
    #[error("it is no host name in lower case, as 'api.example.com' or '*.example.com'")]
    Form,
    /// It is a wildcard over what belongs to many.
    #[error("everything below a public suffix belongs to many: name the domain, as '*.example.com'")]
    PublicSuffix,
}

impl HostPattern {
    /// Every host: the operator's word alone, which neither a tenant nor a script can give.
    pub const ANY: Self = Self(Pattern::Any);

    /// Whether it is for `host`, which is in lower case.
    pub(crate) fn allows(&self, host: &str) -> bool {
        match &self.0 {
            Pattern::Any => true,
            Pattern::Exact(name) => name == host,
            Pattern::Below(name) => host.strip_suffix(name.as_str()).is_some_and(|rest| rest.ends_with('.')),
        }
    }
}

impl FromStr for HostPattern {
    type Err = HostPatternError;

    fn from_str(text: &str) -> Result<Self, HostPatternError> {
        match text.strip_prefix("*.") {
            Some(name) if !is_host_name(name) => Err(HostPatternError::Form),
            Some(name) if is_public_suffix(name) => Err(HostPatternError::PublicSuffix),
            Some(name) => Ok(Self(Pattern::Below(name.to_owned()))),
            None if is_host_name(text) => Ok(Self(Pattern::Exact(text.to_owned()))),
            None => Err(HostPatternError::Form),
        }
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Pattern::Any => f.write_str("*"),
            Pattern::Exact(name) => f.write_str(name),
            Pattern::Below(name) => write!(f, "*.{name}"),
        }
    }
}

/// A list of hosts. Clones are the same one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostList(Arc<[HostPattern]>);

impl HostList {
    /// The patterns of `entries`. One that is none any more allows nothing.
    pub(crate) fn of(entries: &[String]) -> Self {
        Self(entries.iter().filter_map(|entry| entry.parse().ok()).collect())
    }

    pub(crate) fn new(patterns: &[HostPattern]) -> Self {
        Self(patterns.into())
    }

    pub(crate) fn allows(&self, host: &str) -> bool {
        self.0.iter().any(|pattern| pattern.allows(host))
    }
}

/// The name under which what belongs to one owner is counted as one destination: `example.com` for `a.b.example.com`.
pub(super) fn owner_of(host: &str) -> &str {
    psl::domain_str(host).unwrap_or(host)
}

fn is_host_name(name: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-' || c == b'_')
    };
    // A last label of digits, or of hexadecimal ones behind `0x`, makes a URL's host an address.
    let last = name.rsplit('.').next().unwrap_or_default();
    let is_number = last.bytes().all(|c| c.is_ascii_digit()) || last.starts_with("0x");
    name.len() <= 253 && name.split('.').all(is_label) && !is_number
}

/// Whether what is below `name` belongs to many owners: a name of one label, a suffix of the public list, or one below
/// which the list has every name as a suffix.
fn is_public_suffix(name: &str) -> bool {
    let below = format!("x.{name}");
    !name.contains('.') || psl::suffix_str(name) == Some(name) || psl::suffix_str(&below) == Some(&below)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(pattern: &str, host: &str) -> bool {
        pattern.parse::<HostPattern>().expect("a pattern").allows(host)
    }

    #[test]
    fn a_name_is_that_name_alone() {
        assert!(allows("api.example.com", "api.example.com"));
        for other in ["example.com", "x.api.example.com", "xapi.example.com", "api.example.com.evil.test"] {
            assert!(!allows("api.example.com", other), "{other}");
        }
    }

    #[test]
    fn a_wildcard_is_what_is_below_and_not_the_name_itself() {
        assert!(allows("*.example.com", "api.example.com") && allows("*.example.com", "a.b.example.com"));
        for other in ["example.com", "badexample.com", "example.com.evil.test", ".example.org"] {
            assert!(!allows("*.example.com", other), "{other}");
        }
    }

    #[test]
    fn no_wildcard_is_over_a_public_suffix() {
        for suffix in ["com", "co.uk", "github.io", "s3.amazonaws.com", "local", "internal", "kawasaki.jp"] {
            let refused = format!("*.{suffix}").parse::<HostPattern>();
            assert_eq!(refused, Err(HostPatternError::PublicSuffix), "{suffix}");
        }
        assert!("*.example.co.uk".parse::<HostPattern>().is_ok());
    }

    #[test]
    fn addresses_and_other_texts_are_no_patterns() {
        let wrong = [
            "",
            "*",
            "*.",
            ".",
            "a..b",
            "A.example.com",
            "127.0.0.1",
            "*.0.0.1",
            "0x7f.1",
            "1",
            "a.0x1",
            "[::1]",
            "example.com.",
            "example.com:80",
            "http://example.com",
            "a*.example.com",
            "*.*.example.com",
            "-a.example",
            "exämple.com",
            "a b",
            "a/b",
        ];
        for text in wrong {
            assert!(text.parse::<HostPattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_pattern_is_shown_as_it_was_written() {
        for text in ["api.example.com", "*.example.com"] {
            assert_eq!(text.parse::<HostPattern>().expect("a pattern").to_string(), text);
        }
        assert_eq!(HostPattern::ANY.to_string(), "*");
    }
}
