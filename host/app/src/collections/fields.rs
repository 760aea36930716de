//! What of a collection's documents can be filtered and sorted by: the fields that its schema declares.

use std::collections::{BTreeMap, BTreeSet};

use database::{DocumentField, FieldValue};
use serde_json::{Map, Value};

use crate::schemas::{SchemaError, follow};

/// The most fields of a schema: each is a row beside each document.
const FIELDS_MAX: usize = 100;
/// How deep objects in objects are looked into.
const DEPTH_MAX: usize = 4;
/// The most different elements of an array.
const ELEMENTS_MAX: usize = 1_000;
/// The most bytes of a field's path.
const PATH_BYTES_MAX: usize = 200;
/// References that are followed one after the other.
const REFERENCES_MAX: usize = 8;

/// A type of values that filters compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Scalar {
    Null,
    Boolean,
    Number,
    Text,
}

/// What the schema says of a field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Declared {
    /// The types of the field's own value; empty where it is an array only.
    pub(crate) scalars: BTreeSet<Scalar>,
    /// The types of its elements; empty where it is no array.
    pub(crate) elements: BTreeSet<Scalar>,
}

/// The fields of a collection, by their paths.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields(BTreeMap<String, Declared>);

/// A document that cannot be found by all that it holds: what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{path}' has {found} different elements, and at most {ELEMENTS_MAX} are allowed")]
pub(crate) struct TooManyElements {
    path: String,
    found: usize,
}

impl Scalar {
    /// The type of a value; `None` for arrays and objects.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        Some(match value {
            Value::Null => Self::Null,
            Value::Bool(_) => Self::Boolean,
            Value::Number(_) => Self::Number,
            Value::String(_) => Self::Text,
            Value::Array(_) | Value::Object(_) => return None,
        })
    }

    /// What JavaScript calls it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Boolean => "a boolean",
            Self::Number => "a number",
            Self::Text => "a string",
        }
    }
}

impl Fields {
    /// The fields that a schema's `properties` declare, down to the fourth level, whose values are scalars or arrays of
    /// scalars. The id is none of them: it is always there.
    pub(crate) fn declared_by(schema: &Value) -> Result<Self, SchemaError> {
        let mut fields = Self::default();
        fields.read(schema, schema, "", DEPTH_MAX);
        if fields.0.len() > FIELDS_MAX {
            let found = fields.0.len();
            return Err(SchemaError(format!("a collection has at most {FIELDS_MAX} fields to filter by, not {found}")));
        }
        Ok(fields)
    }

    fn read(&mut self, root: &Value, schema: &Value, prefix: &str, depth: usize) {
        let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
        for (name, property) in properties {
            let path = format!("{prefix}{name}");
            let is_path = !name.is_empty() && !name.contains(['.', '[', ']']) && !name.chars().any(char::is_control);
            if !is_path || path.len() > PATH_BYTES_MAX || path == "id" {
                continue;
            }
            let property = resolved(root, property);
            let items = property.get("items").map(|items| resolved(root, items));
            let elements =
                if has_type(property, "array") { items.map(scalars).unwrap_or_default() } else { BTreeSet::new() };
            let declared = Declared { scalars: scalars(property), elements };
            if declared != Declared::default() {
                self.0.insert(path.clone(), declared);
            }
            if depth > 1 {
                self.read(root, property, &format!("{path}."), depth - 1);
            }
        }
    }

    pub(crate) fn get(&self, path: &str) -> Option<&Declared> {
        self.0.get(path)
    }

    /// The fields' paths, in order.
    pub(crate) fn paths(&self) -> impl Iterator<Item = (&str, &Declared)> {
        self.0.iter().map(|(path, declared)| (path.as_str(), declared))
    }

    /// What a document is found by: one key for each field, and one for each different element of an array.
    pub(crate) fn of(&self, document: &Value) -> Result<BTreeSet<DocumentField>, TooManyElements> {
        let mut fields = self.without_elements(document);
        for (path, declared) in &self.0 {
            let Some(Value::Array(items)) = at(document, path).filter(|_| !declared.elements.is_empty()) else {
                continue;
            };
            let keys: BTreeSet<String> = items.iter().map(|item| field_value(Some(item)).key()).collect();
            if keys.len() > ELEMENTS_MAX {
                return Err(TooManyElements { path: path.clone(), found: keys.len() });
            }
            let name = elements_of(path);
            fields.extend(keys.into_iter().map(|key| DocumentField { name: name.clone(), key }));
        }
        Ok(fields)
    }

    /// As [`Self::of`], but for the elements of arrays.
    pub(crate) fn without_elements(&self, document: &Value) -> BTreeSet<DocumentField> {
        let keyed = |path: &String| DocumentField { name: path.clone(), key: field_value(at(document, path)).key() };
        self.0.keys().map(keyed).collect()
    }
}

/// The name under which an array's elements are kept. No path of a schema has brackets.
pub(crate) fn elements_of(path: &str) -> String {
    format!("{path}[]")
}

/// A value as the index tells values apart.
pub(crate) fn field_value(value: Option<&Value>) -> FieldValue<'_> {
    match value {
        None => FieldValue::Missing,
        Some(Value::Null) => FieldValue::Null,
        Some(Value::Bool(value)) => FieldValue::Boolean(*value),
        // Serde has read it from JSON, so that it is finite.
        Some(Value::Number(number)) => FieldValue::Number(number.as_f64().unwrap_or_default()),
        Some(Value::String(text)) => FieldValue::Text(text),
        Some(Value::Array(_) | Value::Object(_)) => FieldValue::Other,
    }
}

/// What stands at a path of names.
fn at<'a>(document: &'a Value, path: &str) -> Option<&'a Value> {
    path.split('.').try_fold(document, |value, name| value.as_object()?.get(name))
}

/// A schema, or what its reference leads to.
fn resolved<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let mut schema = schema;
    for _ in 0..REFERENCES_MAX {
        match schema.get("$ref").and_then(|reference| follow(root, reference)) {
            Some(target) => schema = target,
            None => break,
        }
    }
    schema
}

fn has_type(schema: &Value, name: &str) -> bool {
    match schema.get("type") {
        Some(Value::String(only)) => only == name,
        Some(Value::Array(names)) => names.iter().any(|one| one == name),
        _ => false,
    }
}

/// The types that a schema names or lists values of.
fn scalars(schema: &Value) -> BTreeSet<Scalar> {
    const NAMES: [(&str, Scalar); 5] = [
        ("null", Scalar::Null),
        ("boolean", Scalar::Boolean),
        ("number", Scalar::Number),
        ("integer", Scalar::Number),
        ("string", Scalar::Text),
    ];
    let named = NAMES.into_iter().filter(|(name, _)| has_type(schema, name)).map(|(_, scalar)| scalar);
    let mut scalars: BTreeSet<Scalar> = named.collect();
    if schema.get("type").is_none() {
        let members: Option<&Map<String, Value>> = schema.as_object();
        let listed = members.and_then(|members| members.get("enum")).and_then(Value::as_array);
        scalars.extend(listed.into_iter().flatten().filter_map(Scalar::of));
        scalars.extend(members.and_then(|members| members.get("const")).and_then(Scalar::of));
    }
    scalars
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use serde_json::json;

    use super::*;

    #[test]
    fn fields_are_what_the_schema_declares_as_scalars_or_arrays_of_them() {
        let schema = json!({
            "$defs": { "money": { "type": "integer" }, "tag": { "enum": ["a", 1, null] } },
            "properties": {
                "id": { "type": "string" },
                "price": { "$ref": "#/$defs/money" },
                "tags": { "type": "array", "items": { "$ref": "#/$defs/tag" } },
                "address": { "type": "object", "properties": { "city": { "type": ["string", "null"] } } },
                "kind": { "const": "x" },
                "anything": {},
                "a.b": { "type": "string" },
                "c[]": { "type": "string" },
                "": { "type": "string" },
            },
        });
        let fields = Fields::declared_by(&schema).unwrap();
        let declared = |scalars: &[Scalar], elements: &[Scalar]| Declared {
            scalars: scalars.iter().copied().collect(),
            elements: elements.iter().copied().collect(),
        };
        let expected = [
            ("address.city", declared(&[Scalar::Null, Scalar::Text], &[])),
            ("kind", declared(&[Scalar::Text], &[])),
            ("price", declared(&[Scalar::Number], &[])),
            ("tags", declared(&[], &[Scalar::Null, Scalar::Number, Scalar::Text])),
        ];
        let found: Vec<(&str, Declared)> = fields.paths().map(|(path, declared)| (path, declared.clone())).collect();
        assert_eq!(found, expected);
        let keys = fields.of(&json!({ "price": 1, "tags": ["a", "a", 1], "address": "none" })).unwrap();
        let names: Vec<&str> = keys.iter().map(|field| field.name.as_str()).collect();
        assert_eq!(names, ["address.city", "kind", "price", "tags", "tags[]", "tags[]"]);
    }

    #[test]
    fn a_schema_with_more_fields_than_a_collection_has_is_refused() {
        let properties: Map<String, Value> =
            (0..=FIELDS_MAX).map(|n| (format!("p{n}"), json!({ "type": "number" }))).collect();
        assert!(Fields::declared_by(&json!({ "properties": properties })).unwrap_err().0.contains("100 fields"));
    }
}
