//! Filters and sorts: from what a script writes to conditions on the fields that the schema declares.
//!
//! A filter is `{ field: value }` or `{ field: { operator: value, … }, … }`; all of it has to hold. Fields and operators
//! are looked up in lists, and values are bound, so that nothing of a filter becomes a part of a statement.

use std::ops::Bound;

use database::{Column, Condition, Direction, FieldValue, Sort, Test, id_prefix_bounds, text_prefix_bounds};
use serde_json::{Map, Value};

use super::{Wrong, shown};
use crate::collections::{Fields, Scalar, elements_of, field_value};

/// The most conditions of one filter: each is a search of its own.
const CONDITIONS_MAX: usize = 20;
/// The most values of one `in`.
const VALUES_MAX: usize = 100;
/// The most bytes of a text that others are ordered by. Beyond 512 the index knows texts by their digests only.
const ORDERED_TEXT_BYTES_MAX: usize = 500;
/// The most bytes of a list of names in a message.
const NAMES_BYTES_MAX: usize = 200;
/// The name of the id, which every document has.
const ID: &str = "id";

const OPERATORS: &str = "eq, ne, lt, lte, gt, gte, in, startsWith, exists, contains";

/// A key that nothing has: of a list of no values nothing is one.
const NO_KEY: &str = "";

/// What one condition is about.
struct Subject<'a> {
    path: &'a str,
    scalars: Vec<Scalar>,
    elements: Vec<Scalar>,
}

/// The conditions of a filter.
pub(super) fn conditions(filter: &Map<String, Value>, fields: &Fields) -> Result<Vec<Condition>, Wrong> {
    let mut conditions = Vec::new();
    for (path, wanted) in filter {
        let subject = Subject::find(path, fields)?;
        match wanted {
            Value::Object(operators) if operators.is_empty() => {
                return Err(Wrong::Type(format!("the filter says nothing of '{path}': use one of {OPERATORS}")));
            }
            Value::Object(operators) => {
                for (operator, value) in operators {
                    conditions.push(subject.condition(operator, value)?);
                }
            }
            value => conditions.push(subject.condition("eq", value)?),
        }
    }
    if conditions.len() > CONDITIONS_MAX {
        let found = conditions.len();
        return Err(Wrong::Range(format!("a filter has at most {CONDITIONS_MAX} conditions, not {found}")));
    }
    Ok(conditions)
}

/// The order of a list: a field, with a minus sign for the greatest first. Without one it is by id.
pub(super) fn sort(sort: Option<&str>, fields: &Fields) -> Result<Sort, Wrong> {
    let sort = sort.unwrap_or(ID);
    let (direction, path) = match sort.strip_prefix('-') {
        Some(path) => (Direction::Descending, path),
        None => (Direction::Ascending, sort),
    };
    if path == ID {
        return Ok(Sort { column: Column::Id, direction });
    }
    if fields.get(path).is_some_and(|declared| !declared.scalars.is_empty()) {
        return Ok(Sort { column: Column::Field(path.to_owned()), direction });
    }
    let sortable = fields.paths().filter(|(_, declared)| !declared.scalars.is_empty()).map(|(path, _)| path);
    Err(Wrong::Type(format!(
        "nothing is sorted by '{}': use {}, with '-' in front for the greatest first",
        shown(path),
        names(sortable)
    )))
}

impl<'a> Subject<'a> {
    fn find(path: &'a str, fields: &Fields) -> Result<Self, Wrong> {
        if path == ID {
            return Ok(Self { path, scalars: vec![Scalar::Text], elements: Vec::new() });
        }
        match fields.get(path) {
            Some(declared) => Ok(Self {
                path,
                scalars: declared.scalars.iter().copied().collect(),
                elements: declared.elements.iter().copied().collect(),
            }),
            None => Err(Wrong::Type(format!(
                "nothing is filtered by '{}': use {}",
                shown(path),
                names(fields.paths().map(|(path, _)| path))
            ))),
        }
    }

    fn condition(&self, operator: &str, value: &Value) -> Result<Condition, Wrong> {
        let test = match operator {
            "eq" => Test::OneOf(vec![self.key(operator, value)?]),
            "ne" => Test::Not(self.key(operator, value)?),
            "in" => self.one_of(value)?,
            "lt" | "lte" | "gt" | "gte" => self.ordered(operator, value)?,
            "startsWith" => self.prefixed(value)?,
            "exists" => return self.exists(value),
            "contains" => return self.contains(value),
            _ => {
                let found = shown(operator);
                return Err(Wrong::Type(format!("there is no operator '{found}': use one of {OPERATORS}")));
            }
        };
        Ok(Condition { column: self.column(), test })
    }

    fn column(&self) -> Column {
        if self.path == ID { Column::Id } else { Column::Field(self.path.to_owned()) }
    }

    fn key(&self, operator: &str, value: &Value) -> Result<String, Wrong> {
        self.require(operator, &self.scalars, value)?;
        Ok(self.key_of(value))
    }

    fn key_of(&self, value: &Value) -> String {
        match value {
            Value::String(id) if self.path == ID => id.clone(),
            value => field_value(Some(value)).key(),
        }
    }

    /// A value of a type that the schema gives the field. `NaN` and infinities have come as null.
    fn require(&self, operator: &str, allowed: &[Scalar], value: &Value) -> Result<(), Wrong> {
        if Scalar::of(value).is_some_and(|scalar| allowed.contains(&scalar)) {
            return Ok(());
        }
        let path = self.path;
        if allowed.is_empty() {
            return Err(Wrong::Type(format!("'{path}' is an array: use contains or exists, not {operator}")));
        }
        let found = match value {
            Value::Array(_) => "an array",
            Value::Object(_) => "an object",
            value => Scalar::of(value).map_or("nothing", Scalar::word),
        };
        let words: Vec<&str> = allowed.iter().map(|scalar| scalar.word()).collect();
        Err(Wrong::Type(format!("'{path}' {operator} takes {}, not {found}", words.join(" or "))))
    }

    fn one_of(&self, value: &Value) -> Result<Test, Wrong> {
        let Value::Array(values) = value else {
            return Err(Wrong::Type(format!("'{}' in takes an array", self.path)));
        };
        if values.len() > VALUES_MAX {
            let (path, found) = (self.path, values.len());
            return Err(Wrong::Range(format!("'{path}' in takes at most {VALUES_MAX} values, not {found}")));
        }
        let mut keys = values.iter().map(|value| self.key("in", value)).collect::<Result<Vec<String>, Wrong>>()?;
        if keys.is_empty() {
            keys.push(NO_KEY.to_owned());
        }
        Ok(Test::OneOf(keys))
    }

    fn ordered(&self, operator: &str, value: &Value) -> Result<Test, Wrong> {
        let is_ordered = |scalar: &Scalar| matches!(scalar, Scalar::Number | Scalar::Text);
        let ordered: Vec<Scalar> = self.scalars.iter().copied().filter(is_ordered).collect();
        if ordered.is_empty() && !self.scalars.is_empty() {
            return Err(Wrong::Type(format!("'{}' has no order: use eq, ne, in or exists", self.path)));
        }
        self.require(operator, &ordered, value)?;
        self.require_short(operator, value)?;
        let key = self.key_of(value);
        let (least, beyond) = if self.path == ID {
            (Bound::Unbounded, Bound::Unbounded)
        } else {
            let (least, beyond) = field_value(Some(value)).type_bounds();
            (Bound::Included(least), Bound::Excluded(beyond))
        };
        Ok(match operator {
            "lt" => Test::Between(least, Bound::Excluded(key)),
            "lte" => Test::Between(least, Bound::Included(key)),
            "gt" => Test::Between(Bound::Excluded(key), beyond),
            _ => Test::Between(Bound::Included(key), beyond),
        })
    }

    fn prefixed(&self, value: &Value) -> Result<Test, Wrong> {
        let is_text = |scalar: &&Scalar| **scalar == Scalar::Text;
        let texts: Vec<Scalar> = self.scalars.iter().filter(is_text).copied().collect();
        let (Value::String(prefix), false) = (value, texts.is_empty()) else {
            return Err(Wrong::Type(format!("startsWith takes a string, for a field of strings; see '{}'", self.path)));
        };
        self.require_short("startsWith", value)?;
        let (lower, upper) = if self.path == ID { id_prefix_bounds(prefix) } else { text_prefix_bounds(prefix) };
        Ok(Test::Between(Bound::Included(lower), Bound::Excluded(upper)))
    }

    fn require_short(&self, operator: &str, value: &Value) -> Result<(), Wrong> {
        match value {
            Value::String(text) if text.len() > ORDERED_TEXT_BYTES_MAX => {
                let (path, found) = (self.path, text.len());
                Err(Wrong::Range(format!(
                    "'{path}' {operator} takes at most {ORDERED_TEXT_BYTES_MAX} bytes of text, not {found}"
                )))
            }
            _ => Ok(()),
        }
    }

    fn exists(&self, value: &Value) -> Result<Condition, Wrong> {
        let Value::Bool(exists) = value else {
            return Err(Wrong::Type(format!("'{}' exists takes true or false", self.path)));
        };
        let test = match (self.path == ID, exists) {
            (true, true) => Test::Between(Bound::Unbounded, Bound::Unbounded),
            (true, false) => Test::OneOf(vec![NO_KEY.to_owned()]),
            (false, true) => Test::Between(Bound::Excluded(FieldValue::Missing.key()), Bound::Unbounded),
            (false, false) => Test::OneOf(vec![FieldValue::Missing.key()]),
        };
        Ok(Condition { column: self.column(), test })
    }

    fn contains(&self, value: &Value) -> Result<Condition, Wrong> {
        if self.elements.is_empty() {
            return Err(Wrong::Type(format!("'{}' is no array: contains is for arrays", self.path)));
        }
        self.require("contains", &self.elements, value)?;
        let column = Column::Field(elements_of(self.path));
        Ok(Condition { column, test: Test::OneOf(vec![field_value(Some(value)).key()]) })
    }
}

/// Names for a message: the id, and as many more as fit.
fn names<'a>(paths: impl Iterator<Item = &'a str>) -> String {
    let mut names = String::from(ID);
    for path in paths {
        if names.len() + path.len() > NAMES_BYTES_MAX {
            names.push_str(", …");
            break;
        }
        names.push_str(", ");
        names.push_str(path);
    }
    names
}
