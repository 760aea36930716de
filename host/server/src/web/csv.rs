//! Comma-separated values (RFC 4180), with guest-controlled text in them: the one encoder for it (RULES 40).
//!
//! Spreadsheets run what begins like a formula. Such a text gets an apostrophe before it, which they show as text, and
//! control characters are shown as `\u001b`.

use std::fmt::Write;

/// What a formula begins with, in the programs that open such files.
const FORMULA_STARTS: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Append one line.
pub(crate) fn write_line<'a>(text: &mut String, fields: impl IntoIterator<Item = &'a str>) {
    for (at, field) in fields.into_iter().enumerate() {
        if at > 0 {
            text.push(',');
        }
        write_field(text, field);
    }
    text.push_str("\r\n");
}

fn write_field(text: &mut String, field: &str) {
    text.push('"');
    if field.starts_with(FORMULA_STARTS) {
        text.push('\'');
    }
    for c in field.chars() {
        match c {
            '"' => text.push_str("\"\""),
            _ if c.is_control() => {
                let _ = write!(text, "\\u{:04x}", u32::from(c));
            }
            _ => text.push(c),
        }
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(fields: &[&str]) -> String {
        let mut text = String::new();
        write_line(&mut text, fields.iter().copied());
        text
    }

    #[test]
    fn a_field_stays_one_field() {
        assert_eq!(line(&["a", "b,c", "say \"x\"", ""]), "\"a\",\"b,c\",\"say \"\"x\"\"\",\"\"\r\n");
    }

    #[test]
    fn a_formula_is_shown_and_not_run() {
        for formula in ["=1+1", "+1", "-1", "@SUM(A1)"] {
            assert_eq!(line(&[formula]), format!("\"'{formula}\"\r\n"));
        }
        assert_eq!(line(&["\t=1"]), "\"'\\u0009=1\"\r\n");
        assert_eq!(line(&["a=1"]), "\"a=1\"\r\n");
    }

    #[test]
    fn a_line_ends_where_it_ends() {
        assert_eq!(line(&["a\r\nb\u{1b}[2J"]), "\"a\\u000d\\u000ab\\u001b[2J\"\r\n");
    }
}
