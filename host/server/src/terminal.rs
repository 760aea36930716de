//! Text on its way to a terminal. A script's words must not move the cursor, colour the screen or rename the window
//! (RULES 40).

use std::fmt::{self, Write};

/// Guest-controlled text as it is shown on a terminal: line ends and tabs stay, other control characters and those that
/// turn the direction of writing are shown as `\u001b`. Shown so, JSON stays the JSON that it was.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Shown<'a>(pub(crate) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\n' | '\t' => f.write_char(c),
            _ if c.is_control() || turns_direction(c) => write!(f, "\\u{:04x}", u32::from(c)),
            _ => f.write_char(c),
        })
    }
}

fn turns_direction(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_are_shown_and_not_obeyed() {
        assert_eq!(Shown("a\u{1b}[31mb\rc\u{9b}d").to_string(), "a\\u001b[31mb\\u000dc\\u009bd");
        assert_eq!(Shown("user\u{202e}txt.exe").to_string(), "user\\u202etxt.exe");
    }

    #[test]
    fn json_stays_the_json_that_it_was() {
        let json = serde_json::to_string("a\u{9b}b\u{2066}").expect("text");
        let shown = Shown(&json).to_string();
        assert!(shown.is_ascii(), "{shown}");
        assert_eq!(serde_json::from_str::<String>(&shown).ok(), serde_json::from_str(&json).ok());
    }

    #[test]
    fn plain_text_stays_as_it_is() {
        assert_eq!(Shown("zwei\tZeilen\nÄ €").to_string(), "zwei\tZeilen\nÄ €");
    }
}
