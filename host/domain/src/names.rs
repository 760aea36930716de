//! Names that people read, and addresses that people are known by.

use std::fmt;

use crate::Invalid;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 255;

/// The longest address (RFC 5321, section 4.5.3.1.3), and the longest part before its `@`.
const EMAIL_BYTES_MAX: usize = 254;
const LOCAL_BYTES_MAX: usize = 64;

/// A name for people: of a person, a tenant, a token. 1 to 255 characters, none of which hides, reorders or controls what
/// is beside it, so that no name passes for another one or breaks a terminal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DisplayName(String);

impl DisplayName {
    /// Read a name; `field` is what it is the name of, for whoever wrote it.
    ///
    /// # Errors
    /// Says what a name is made of.
    pub fn parse(field: &'static str, text: &str) -> Result<Self, Invalid> {
        let is_framed = text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace);
        let chars = text.chars().count();
        if (1..=NAME_CHARS_MAX).contains(&chars) && !is_framed && !text.chars().any(is_unseen) {
            return Ok(Self(text.to_owned()));
        }
        let message = format!(
            "{field} has 1 to {NAME_CHARS_MAX} characters, no white space around it, and no control, invisible or \
             reordering characters"
        );
        Err(Invalid::new(field, message))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for DisplayName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether a character is not seen where it stands, or changes what is seen beside it: controls, line separators, marks
/// of direction, characters without width, tags and what Unicode will never assign.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The address of a person's mail, in lower case: 3 to 254 bytes of ASCII with one `@`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Read an address. Letters become lower case, so that each person has one.
    ///
    /// # Errors
    /// Says what an address is made of.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let text = text.to_ascii_lowercase();
        let is_address = text.len() <= EMAIL_BYTES_MAX
            && text.rsplit_once('@').is_some_and(|(local, host)| is_local_part(local) && is_host(host));
        if is_address {
            return Ok(Self(text));
        }
        let message = format!("an address has the form 'name@host', in ASCII and at most {EMAIL_BYTES_MAX} bytes");
        Err(Invalid::new("email", message))
    }

    /// The address.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What RFC 5322 calls a dot-atom.
fn is_local_part(text: &str) -> bool {
    let is_atom = |letter: char| letter.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~-".contains(letter);
    text.len() <= LOCAL_BYTES_MAX && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.split('.').all(is_label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_any_text_that_is_seen() {
        let longest = "ä".repeat(255);
        for name in ["A", "Ada Lovelace", "李小龍", "Zoë 🚀", "O'Brien-Ş", "שלום", longest.as_str()] {
            assert_eq!(DisplayName::parse("name", name).map(|name| name.to_string()), Ok(name.to_owned()));
        }
    }

    #[test]
    fn a_name_hides_and_reorders_nothing() {
        let too_long = "a".repeat(256);
        let refused = [
            "",
            " ",
            " a",
            "a ",
            "a\u{a0}",
            "a\nb",
            "a\tb",
            "a\u{0}b",
            "\u{1b}[31mred",
            "a\u{7f}",
            "a\u{85}b",
            "a\u{202e}b",
            "a\u{2066}b",
            "a\u{200b}b",
            "a\u{200d}b",
            "a\u{200f}b",
            "a\u{feff}b",
            "a\u{2028}b",
            "a\u{ad}b",
            "a\u{61c}b",
            "a\u{e0041}b",
            "\u{3164}",
            "a\u{ffff}",
            too_long.as_str(),
        ];
        for name in refused {
            assert_eq!(DisplayName::parse("name", name).map_err(|invalid| invalid.field), Err("name"), "{name:?}");
        }
    }

    #[test]
    fn an_address_is_kept_in_lower_case() {
        for (given, kept) in [
            ("Ada@Example.com", "ada@example.com"),
            ("operator@localhost", "operator@localhost"),
            ("a.b+tag@x-y.example", "a.b+tag@x-y.example"),
        ] {
            assert_eq!(EmailAddress::parse(given).map(|email| email.to_string()), Ok(kept.to_owned()));
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let (long_local, long) = (format!("{}@a.b", "a".repeat(65)), format!("a@{}b", "a.".repeat(130)));
        for text in [
            "",
            "a",
            "@",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b..c",
            "a@-b.c",
            "a@b.c-",
            ".a@b",
            "a.@b",
            "a..b@c",
            "ä@b.c",
            "a@b\n",
            "a@b,c",
            "<a@b.c>",
            long_local.as_str(),
            long.as_str(),
        ] {
            assert!(EmailAddress::parse(text).is_err(), "{text:?}");
        }
    }
}
