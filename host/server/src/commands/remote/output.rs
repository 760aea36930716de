//! How answers are shown: as a table for people, as JSON, or as one JSON object a line.
//!
//! What a script or another person wrote goes through the one encoder for terminals (RULES 40); JSON stays the JSON that it
//! was.

use std::{fmt::Write, process::ExitCode};

use clap::ValueEnum;
use serde_json::{Value, value::RawValue};

use super::{Done, Session};
use crate::{commands::print, terminal::Shown};

/// The most characters of a column. Longer values end in `…`; JSON has them whole.
const CELL_CHARS_MAX: usize = 60;

/// How answers are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Columns for people
    Table,
    /// One JSON document, as the API answers
    Json,
    /// One JSON object a line
    Ndjson,
}

/// A column: its heading, and where in an item its value stands (a JSON pointer).
pub(crate) type Column = (&'static str, &'static str);

impl Session {
    /// Show a list.
    pub(crate) fn show_list(&self, items: &[Box<RawValue>], columns: &[Column]) -> Done {
        Ok(print(&list(self.form, items, columns)))
    }

    /// Show one thing: its fields one a line, or its JSON as it came.
    pub(crate) fn show_one(&self, json: &str) -> Done {
        Ok(print(&one(self.form, json)))
    }

    /// Say in a line what was done, where people read it; for programs, `json`.
    pub(crate) fn say(&self, line: &str, json: &Value) -> Done {
        Ok(match self.form {
            Form::Table => print(&format!("{}\n", Shown(line))),
            Form::Json | Form::Ndjson => print(&format!("{}\n", Shown(&json.to_string()))),
        })
    }
}

/// The text of a list.
pub(crate) fn list(form: Form, items: &[Box<RawValue>], columns: &[Column]) -> String {
    match form {
        Form::Table => {
            let rows: Vec<Value> = items.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect();
            table(&rows, columns)
        }
        Form::Json => {
            let texts: Vec<&str> = items.iter().map(|item| item.get()).collect();
            format!("[{}]\n", Shown(&texts.join(",")))
        }
        Form::Ndjson => items.iter().fold(String::new(), |mut text, item| {
            let _ = writeln!(text, "{}", on_one_line(item.get()));
            text
        }),
    }
}

/// The text of one thing.
fn one(form: Form, json: &str) -> String {
    match (form, serde_json::from_str(json)) {
        (Form::Table, Ok(Value::Object(object))) => {
            let width = object.keys().map(|key| key.chars().count()).max().unwrap_or_default();
            object.iter().fold(String::new(), |mut text, (key, value)| {
                let _ = writeln!(text, "{:width$}  {}", Shown(key).to_string(), field(value));
                text
            })
        }
        _ if json.trim().is_empty() => String::new(),
        _ => format!("{}\n", on_one_line(json)),
    }
}

/// Rows below their headings, each column as wide as its widest value.
pub(crate) fn table(rows: &[Value], columns: &[Column]) -> String {
    let lines: Vec<Vec<String>> = rows
        .iter()
        .map(|row| columns.iter().map(|(_, pointer)| cell(row.pointer(pointer).unwrap_or(&Value::Null))).collect())
        .collect();
    let widths: Vec<usize> = columns
        .iter()
        .enumerate()
        .map(|(at, (heading, _))| {
            lines.iter().map(|line| line[at].chars().count()).chain([heading.len()]).max().unwrap_or_default()
        })
        .collect();
    let row = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (cell, width) in cells.zip(&widths) {
            let _ = write!(line, "{cell:width$}  ");
        }
        format!("{}\n", line.trim_end())
    };
    let mut text = row(&mut columns.iter().map(|(heading, _)| *heading));
    for line in &lines {
        text += &row(&mut line.iter().map(String::as_str));
    }
    text
}

/// A value in one line of a table.
fn cell(value: &Value) -> String {
    let text = plain(value);
    // A line end or a tab would be another row or column.
    let text = Shown(&text).to_string().replace('\n', "\\n").replace('\t', "\\t");
    if text.chars().count() <= CELL_CHARS_MAX {
        return text;
    }
    text.chars().take(CELL_CHARS_MAX - 1).chain(['…']).collect()
}

/// A value beside its name, with further lines set in.
fn field(value: &Value) -> String {
    Shown(&plain(value)).to_string().trim_end().replace('\n', "\n    ")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::from("-"),
        Value::String(text) => text.clone(),
        Value::Bool(true) => String::from("yes"),
        Value::Bool(false) => String::from("no"),
        Value::Array(items) if items.iter().all(Value::is_string) => {
            items.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// JSON without line ends between its tokens: those inside of texts are escaped already.
fn on_one_line(json: &str) -> String {
    Shown(json).to_string().replace('\n', " ")
}

/// `code` if `ended` is a success, so that what was printed decides where it failed.
pub(crate) fn ending(ended: ExitCode, code: u8) -> ExitCode {
    if ended == ExitCode::SUCCESS { ExitCode::from(code) } else { ended }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const COLUMNS: [Column; 2] = [("NAME", "/name"), ("KIND", "/deep/kind")];

    fn items(values: &[Value]) -> Vec<Box<RawValue>> {
        values.iter().map(|value| serde_json::value::to_raw_value(value).expect("JSON")).collect()
    }

    #[test]
    fn a_table_has_its_columns_below_each_other() {
        let items = items(&[json!({ "name": "a", "deep": { "kind": "cron" } }), json!({ "name": "longer" })]);
        assert_eq!(list(Form::Table, &items, &COLUMNS), "NAME    KIND\na       cron\nlonger  -\n");
        assert_eq!(list(Form::Table, &[], &COLUMNS), "NAME  KIND\n");
    }

    #[test]
    fn what_others_wrote_moves_no_cursor_and_makes_no_row() {
        let hostile = json!({ "name": "\u{1b}]0;x\u{7}\na\tb\u{202e}", "deep": { "kind": "k" } });
        for form in [Form::Table, Form::Json, Form::Ndjson] {
            let text = list(form, &items(std::slice::from_ref(&hostile)), &COLUMNS);
            assert!(!text.contains(['\u{1b}', '\u{7}', '\u{202e}', '\t']), "{text:?}");
            assert_eq!(text.lines().count(), if form == Form::Table { 2 } else { 1 }, "{text:?}");
            assert!(!one(form, &hostile.to_string()).contains('\u{1b}'));
        }
    }

    #[test]
    fn numbers_stay_as_they_came() {
        let raw = RawValue::from_string(String::from(r#"{"n":12345678901234567890123.50}"#)).expect("JSON");
        assert_eq!(list(Form::Ndjson, std::slice::from_ref(&raw), &[]), "{\"n\":12345678901234567890123.50}\n");
        assert_eq!(one(Form::Json, raw.get()), "{\"n\":12345678901234567890123.50}\n");
    }
}
