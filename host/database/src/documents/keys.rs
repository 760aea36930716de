//! The form in which a field's value is kept beside its document: a text that sorts as the value does.
//!
//! One order for all types: missing, null, false and true, numbers, texts by code point, then arrays and objects, which
//! are all alike. So one column and one index serve every comparison, in SQLite as in PostgreSQL.

use crate::storage::prefix_end;

/// The bytes of a text that count in comparisons. A row of an index has to fit a page: PostgreSQL takes 2 700 bytes.
const TEXT_BYTES_KEPT: usize = 512;

/// A value as far as filters and sorting tell values apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FieldValue<'a> {
    /// There is none.
    Missing,
    /// `null`.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number, which is finite.
    Number(f64),
    /// A text. Of one beyond 512 bytes the rest counts for equality alone.
    Text(&'a str),
    /// An array or an object.
    Other,
}

impl FieldValue<'_> {
    /// The text that is kept.
    pub fn key(&self) -> String {
        match self {
            Self::Missing => String::from("0"),
            Self::Null => String::from("1"),
            Self::Boolean(false) => String::from("2f"),
            Self::Boolean(true) => String::from("2t"),
            Self::Number(number) => format!("3{:016x}", sortable(*number)),
            Self::Text(text) => format!("4{}", shortened(escaped(text))),
            Self::Other => String::from("5"),
        }
    }

    /// The least text that no key of this type lies below, and the least that lies beyond all of them.
    pub fn type_bounds(&self) -> (String, String) {
        let first = match self {
            Self::Missing => '0',
            Self::Null => '1',
            Self::Boolean(_) => '2',
            Self::Number(_) => '3',
            Self::Text(_) => '4',
            Self::Other => '5',
        };
        (String::from(first), prefix_end(&String::from(first)))
    }
}

/// From where to where the keys of texts lie that begin with `prefix`, which has at most 500 bytes.
pub fn text_prefix_bounds(prefix: &str) -> (String, String) {
    let lower = format!("4{}", escaped(prefix));
    let upper = prefix_end(&lower);
    (lower, upper)
}

/// From where to where the ids lie that begin with `prefix`.
pub fn id_prefix_bounds(prefix: &str) -> (String, String) {
    (prefix.to_owned(), prefix_end(prefix))
}

/// The bits of a number, turned so that they sort as the numbers do.
fn sortable(number: f64) -> u64 {
    const SIGN: u64 = 1 << 63;
    // Adding 0 makes 0 of -0, which is equal to it.
    let bits = (number + 0.0).to_bits();
    if bits & SIGN == 0 { bits | SIGN } else { !bits }
}

/// PostgreSQL's texts have no NUL, so that it is written as two characters, in its place in the order.
fn escaped(text: &str) -> String {
    if !text.contains(['\0', '\u{1}']) {
        return text.to_owned();
    }
    text.replace('\u{1}', "\u{1}\u{2}").replace('\0', "\u{1}\u{1}")
}

/// A text that is too long for an index keeps its beginning and its digest: equal texts stay equal, others different.
fn shortened(mut text: String) -> String {
    if text.len() > TEXT_BYTES_KEPT {
        let digest = blake3::hash(text.as_bytes());
        text.truncate(text.floor_char_boundary(TEXT_BYTES_KEPT));
        text.push_str(&digest.to_hex());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_values_do() {
        let values = [
            FieldValue::Missing,
            FieldValue::Null,
            FieldValue::Boolean(false),
            FieldValue::Boolean(true),
            FieldValue::Number(f64::MIN),
            FieldValue::Number(-1.5),
            FieldValue::Number(-1e-300),
            FieldValue::Number(0.0),
            FieldValue::Number(1e-300),
            FieldValue::Number(9.0),
            FieldValue::Number(10.0),
            FieldValue::Number(f64::MAX),
            FieldValue::Text(""),
            FieldValue::Text("\0"),
            FieldValue::Text("\0\u{1}"),
            FieldValue::Text("\u{1}"),
            FieldValue::Text("\u{2}"),
            FieldValue::Text("A"),
            FieldValue::Text("a"),
            FieldValue::Text("ab"),
            FieldValue::Text("ä"),
            FieldValue::Text("\u{ffff}"),
            FieldValue::Text("\u{10000}"),
            FieldValue::Other,
        ];
        let keys: Vec<String> = values.iter().map(FieldValue::key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
        for (value, key) in values.iter().zip(&keys) {
            let (lower, upper) = value.type_bounds();
            assert!(lower <= *key && *key < upper, "{value:?}");
            assert!(!key.contains('\0'), "{value:?}");
        }
        assert_eq!(FieldValue::Number(-0.0).key(), FieldValue::Number(0.0).key());
    }

    #[test]
    fn long_texts_stay_different_and_short_ones_compare_with_them_as_they_are() {
        let [one, two] = ["1", "2"].map(|end| "ä".repeat(400) + end);
        assert_ne!(FieldValue::Text(&one).key(), FieldValue::Text(&two).key());
        assert!(FieldValue::Text(&one).key().len() <= 1 + TEXT_BYTES_KEPT + 64);
        let prefix = "ä".repeat(250);
        let (lower, upper) = text_prefix_bounds(&prefix);
        let key = FieldValue::Text(&one).key();
        assert!(lower <= key && key < upper);
        assert!(FieldValue::Text(&prefix).key() < key);
        assert!(key < FieldValue::Text("å").key());
    }
}
