//! Inputs, results and events' data as pages show them: as a tree, and as a table where they are a list of objects. What is large is there
//! to be downloaded.

use app::{ExecutionView, ResultView};
use serde_json::{Map, Value as Json};

use super::format;

/// The most bytes of a value that stands in the page.
const SHOWN_BYTES: usize = 96 << 10;

/// Rows and columns of a table: beyond these nobody reads it.
const ROWS: usize = 100;
const COLUMNS: usize = 12;

/// The most characters of a cell.
const CELL_CHARACTERS: usize = 80;

/// A value, as far as it is shown.
pub(crate) enum Value {
    /// There is none, or it is not for whoever looks.
    Absent,
    /// It is too large for a page.
    Large {
        /// How large.
        size: String,
    },
    /// JSON text.
    Json { text: String, table: Option<Table> },
    /// An HTTP response.
    Response { status: u16, headers: Vec<(String, String)>, body: Body },
}

/// The body of a response.
pub(crate) enum Body {
    Empty,
    Json(String),
    Text(String),
    /// What is no text, or too large for a page.
    Bytes(String),
}

/// A list of objects.
pub(crate) struct Table {
    pub(crate) columns: Vec<String>,
    pub(crate) rows: Vec<Vec<String>>,
    /// How many rows there are beside those.
    pub(crate) more: usize,
}

impl Value {
    /// Whether there is none for whoever looks.
    pub(crate) fn is_absent(&self) -> bool {
        matches!(self, Self::Absent)
    }
}

/// What an execution was given.
pub(crate) fn input(view: &ExecutionView) -> Value {
    view.input.as_deref().map_or(Value::Absent, json)
}

/// What it answered.
pub(crate) fn result(view: &ExecutionView) -> Value {
    match &view.result {
        None => Value::Absent,
        Some(ResultView::Json(text)) => json(text),
        Some(ResultView::Response { status, headers, body: bytes }) => Value::Response {
            status: *status,
            headers: headers.iter().map(|(name, value)| (format::shown(name), format::shown(value))).collect(),
            body: body(bytes),
        },
    }
}

/// JSON text as it is shown.
pub(crate) fn json(text: &str) -> Value {
    if text.len() > SHOWN_BYTES {
        return Value::Large { size: size(text.len()) };
    }
    let table = serde_json::from_str(text).ok().and_then(|value: Json| table(&value));
    Value::Json { text: format::shown(text), table }
}

fn body(bytes: &[u8]) -> Body {
    match std::str::from_utf8(bytes) {
        _ if bytes.is_empty() => Body::Empty,
        Ok(text) if text.len() > SHOWN_BYTES => Body::Bytes(size(text.len())),
        Ok(text) if text.starts_with(['{', '[']) && serde_json::from_str::<Json>(text).is_ok() => {
            Body::Json(format::shown(text))
        }
        Ok(text) => Body::Text(format::shown(text)),
        Err(_) => Body::Bytes(size(bytes.len())),
    }
}

fn size(bytes: usize) -> String {
    format::bytes(bytes as u64)
}

/// A list of objects as a table.
fn table(value: &Json) -> Option<Table> {
    let items = value.as_array().filter(|items| items.len() > 1)?;
    let objects: Vec<&Map<String, Json>> = items.iter().map(Json::as_object).collect::<Option<_>>()?;
    let mut columns: Vec<&String> = Vec::new();
    for name in objects.iter().take(ROWS).flat_map(|object| object.keys()) {
        if !columns.contains(&name) && columns.len() < COLUMNS {
            columns.push(name);
        }
    }
    let row = |object: &&Map<String, Json>| columns.iter().map(|name| cell(object.get(*name))).collect();
    Some(Table {
        rows: objects.iter().take(ROWS).map(row).collect(),
        more: objects.len().saturating_sub(ROWS),
        columns: columns.iter().map(|name| format::shown(name)).collect(),
    })
    .filter(|table| !table.columns.is_empty())
}

fn cell(value: Option<&Json>) -> String {
    let text = match value {
        None => return String::new(),
        Some(Json::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    };
    let short: String = text.chars().take(CELL_CHARACTERS).collect();
    let shown = format::shown(&short);
    if short.len() < text.len() { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_objects_is_a_table_and_nothing_else_is() {
        let of = |text: &str| table(&serde_json::from_str(text).expect("JSON"));
        let found = of(r#"[{"a":1,"b":"x"},{"b":[2],"c":null}]"#).expect("a table");
        assert_eq!(found.columns, ["a", "b", "c"]);
        assert_eq!(found.rows, [["1", "x", ""], ["", "[2]", "null"]]);
        for text in ["[]", "[{}]", "[1,2]", r#"{"a":1}"#, r#"[{"a":1},2]"#, "[{},{}]"] {
            assert!(of(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_large_is_not_in_the_page() {
        assert!(matches!(json(&format!("\"{}\"", "a".repeat(SHOWN_BYTES))), Value::Large { .. }));
        assert!(matches!(body(&[0xff]), Body::Bytes(_)));
        assert!(matches!(body(b""), Body::Empty));
        assert!(matches!(body(b"{\"a\":1}"), Body::Json(_)));
        assert!(matches!(body(b"{not json"), Body::Text(_)));
    }
}
