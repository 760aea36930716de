//! JSON that keeps the order in which the author wrote things.

use std::fmt::Write as _;

/// A JSON value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// Finite, for JSON has no other.
    Number(f64),
    Text(String),
    Array(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    pub(super) fn text(text: &str) -> Self {
        Self::Text(text.to_owned())
    }

    /// A schema that anything meets.
    pub(super) fn anything() -> Self {
        Self::Object(Vec::new())
    }

    /// `{"type": name}`.
    pub(super) fn typed(name: &str) -> Self {
        Self::object([("type", Self::text(name))])
    }

    pub(super) fn object<const N: usize>(fields: [(&str, Self); N]) -> Self {
        Self::Object(fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
    }

    pub(super) fn is_anything(&self) -> bool {
        matches!(self, Self::Object(fields) if fields.is_empty())
    }

    /// The field of an object that has exactly this one.
    pub(super) fn only_field(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Object(fields) => match &fields[..] {
                [(only, value)] if only == name => Some(value),
                _ => None,
            },
            _ => None,
        }
    }

    /// Add a field to an object; anything else stays as it is.
    pub(super) fn with(mut self, name: &str, value: Self) -> Self {
        if let Self::Object(fields) = &mut self {
            fields.push((name.to_owned(), value));
        }
        self
    }

    /// How many values are in it, itself counted.
    pub(super) fn places(&self) -> u32 {
        let sum = |values: &mut dyn Iterator<Item = &Self>| values.map(Self::places).fold(1, u32::saturating_add);
        match self {
            Self::Array(items) => sum(&mut items.iter()),
            Self::Object(fields) => sum(&mut fields.iter().map(|(_, value)| value)),
            _ => 1,
        }
    }

    /// How many objects and arrays lie in one another.
    pub(super) fn depth(&self) -> usize {
        match self {
            Self::Array(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Object(fields) => 1 + fields.iter().map(|(_, value)| value.depth()).max().unwrap_or(0),
            _ => 0,
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Null => out.push_str("null"),
            Self::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
            Self::Number(value) => _ = write!(out, "{value}"),
            Self::Text(text) => write_text(text, out),
            Self::Array(items) => write_all(items, ('[', ']'), out, |item, out| item.write(out)),
            Self::Object(fields) => write_all(fields, ('{', '}'), out, |(name, value), out| {
                write_text(name, out);
                out.push(':');
                value.write(out);
            }),
        }
    }
}

fn write_all<T>(items: &[T], (open, close): (char, char), out: &mut String, write: impl Fn(&T, &mut String)) {
    out.push(open);
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        write(item, out);
    }
    out.push(close);
}

fn write_text(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            character if character < ' ' => _ = write!(out, "\\u{:04x}", character as u32),
            character => out.push(character),
        }
    }
    out.push('"');
}
