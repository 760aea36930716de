//! The schemas of an OpenAPI document as JSON Schemas of the draft 2020-12 that stand alone: what a schema refers to
//! within the document is taken along under `$defs`, and what OpenAPI says in words of its own is said in JSON Schema's.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::references;

/// How deep schemas may be in one another, and how many there may be with all that they refer to.
const DEPTH_MAX: usize = 32;
const DEFINITIONS_MAX: usize = 500;

/// What the document says beside its schemas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// OpenAPI 3.0: an own dialect of an early JSON Schema.
    V30,
    /// OpenAPI 3.1: JSON Schema 2020-12.
    V31,
}

/// Words with a schema, a list of schemas, or schemas by name.
const ONE: [&str; 11] = [
    "additionalProperties",
    "contains",
    "contentSchema",
    "else",
    "if",
    "items",
    "not",
    "propertyNames",
    "then",
    "unevaluatedItems",
    "unevaluatedProperties",
];
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
const NAMED: [&str; 3] = ["dependentSchemas", "patternProperties", "properties"];

/// Words that stand as they are.
const PLAIN: [&str; 23] = [
    "const",
    "default",
    "dependentRequired",
    "deprecated",
    "description",
    "enum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "format",
    "maxContains",
    "maxItems",
    "maxLength",
    "maxProperties",
    "maximum",
    "minContains",
    "minItems",
    "minLength",
    "minProperties",
    "minimum",
    "multipleOf",
    "pattern",
    "required",
    "title",
];

/// Words that would let a schema mean something by where it stands, or lead elsewhere.
const REFUSED: [&str; 7] = ["$anchor", "$defs", "$dynamicAnchor", "$dynamicRef", "$id", "$recursiveRef", "definitions"];

/// Takes schemas out of a document.
pub(super) struct Taker<'a> {
    document: &'a Value,
    dialect: Dialect,
    /// What was referred to: its name under `$defs`, by reference.
    names: BTreeMap<String, String>,
    /// References that are not taken along yet.
    waiting: Vec<String>,
}

impl<'a> Taker<'a> {
    pub(super) fn new(document: &'a Value, dialect: Dialect) -> Self {
        Self { document, dialect, names: BTreeMap::new(), waiting: Vec::new() }
    }

    /// `schema` with everything that it refers to.
    ///
    /// # Errors
    /// A sentence that names what cannot be taken.
    pub(super) fn take(mut self, schema: &Value) -> Result<Value, String> {
        let mut taken = self.schema(schema, 0)?;
        let mut definitions = Map::new();
        while let Some(reference) = self.waiting.pop() {
            if definitions.len() >= DEFINITIONS_MAX {
                return Err(format!("it refers to more than {DEFINITIONS_MAX} other schemas"));
            }
            let target = references::target(self.document, &reference)?;
            let definition = self.schema(target, 0)?;
            definitions.insert(self.name(&reference), definition);
        }
        if definitions.is_empty() {
            return Ok(taken);
        }
        if !taken.is_object() {
            taken = json!({});
        }
        taken["$defs"] = Value::Object(definitions);
        Ok(taken)
    }

    fn schema(&mut self, schema: &Value, depth: usize) -> Result<Value, String> {
        if depth > DEPTH_MAX {
            return Err(format!("its schemas are more than {DEPTH_MAX} deep in one another"));
        }
        let object = match schema {
            Value::Bool(_) => return Ok(schema.clone()),
            Value::Object(object) => object,
            _ => return Err(String::from("a schema is an object, or true or false")),
        };
        let reference = object.get("$ref").map(|reference| reference.as_str().ok_or("a $ref is a text")).transpose()?;
        let mut taken = Map::new();
        // In 3.0 what stands beside a reference means nothing.
        if reference.is_none() || self.dialect == Dialect::V31 {
            for (word, value) in object {
                self.word(word, value, depth, &mut taken)?;
            }
        }
        if let Some(reference) = reference {
            let name = self.name(reference);
            taken.insert(String::from("$ref"), json!(format!("#/$defs/{name}")));
        } else if self.dialect == Dialect::V30 {
            own_words(object, &mut taken);
        }
        Ok(Value::Object(taken))
    }

    fn word(&mut self, word: &str, value: &Value, depth: usize, taken: &mut Map<String, Value>) -> Result<(), String> {
        let value = if ONE.contains(&word) {
            self.schema(value, depth + 1)?
        } else if LISTS.contains(&word) {
            let schemas = value.as_array().ok_or_else(|| format!("'{word}' is a list of schemas"))?;
            schemas.iter().map(|schema| self.schema(schema, depth + 1)).collect::<Result<_, _>>()?
        } else if NAMED.contains(&word) {
            let schemas = value.as_object().ok_or_else(|| format!("'{word}' has schemas by name"))?;
            let take = |(name, schema): (&String, &Value)| Ok((name.clone(), self.schema(schema, depth + 1)?));
            Value::Object(schemas.iter().map(take).collect::<Result<_, String>>()?)
        } else if REFUSED.contains(&word) {
            return Err(format!("schemas with '{word}' are not read: put what it is about under components/schemas"));
        } else if PLAIN.contains(&word) || word == "type" || word == "uniqueItems" {
            value.clone()
        } else {
            // 'example', 'xml', 'readOnly', 'x-…': nothing that a value is checked against.
            return Ok(());
        };
        taken.insert(word.to_owned(), value);
        Ok(())
    }

    /// The name of a referred schema under `$defs`: its own, where that is plain and no other's.
    fn name(&mut self, reference: &str) -> String {
        if let Some(name) = self.names.get(reference) {
            return name.clone();
        }
        let own = reference.rsplit('/').next().unwrap_or_default();
        let mut name: String = own.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        while self.names.values().any(|known| *known == name) {
            name.push('_');
        }
        self.names.insert(reference.to_owned(), name.clone());
        self.waiting.push(reference.to_owned());
        name
    }
}

/// What OpenAPI 3.0 says otherwise than JSON Schema: `nullable`, and bounds that are exclusive by a word beside them.
fn own_words(object: &Map<String, Value>, taken: &mut Map<String, Value>) {
    for (word, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        match object.get(word) {
            Some(Value::Bool(true)) => {
                taken.remove(word);
                if let Some(limit) = taken.remove(bound) {
                    taken.insert(word.to_owned(), limit);
                }
            }
            Some(Value::Bool(false)) => {
                taken.remove(word);
            }
            _ => {}
        }
    }
    if object.get("nullable") == Some(&Value::Bool(true)) && !taken.is_empty() {
        let schema = std::mem::take(taken);
        taken.insert(String::from("anyOf"), json!([schema, { "type": "null" }]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn take(document: &Value, dialect: Dialect, schema: Value) -> Result<Value, String> {
        Taker::new(document, dialect).take(&schema)
    }

    #[test]
    fn what_a_schema_refers_to_is_taken_along_also_where_it_refers_to_itself() {
        let document = json!({ "components": { "schemas": {
            "Node": { "type": "object", "properties": { "next": { "$ref": "#/components/schemas/Node" }, "$ref": { "type": "string" } } },
            "Other": { "type": "string", "example": "x", "x-own": 1 },
            "Unused": { "$ref": "elsewhere.json" },
        } } });
        let schema =
            json!({ "anyOf": [{ "$ref": "#/components/schemas/Node" }, { "$ref": "#/components/schemas/Other" }] });
        let expected = json!({
            "anyOf": [{ "$ref": "#/$defs/Node" }, { "$ref": "#/$defs/Other" }],
            "$defs": {
                "Node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/Node" }, "$ref": { "type": "string" } } },
                "Other": { "type": "string" },
            },
        });
        assert_eq!(take(&document, Dialect::V31, schema), Ok(expected));
    }

    #[test]
    fn two_schemas_of_one_name_stay_two() {
        let document = json!({ "a": { "X": { "type": "string" } }, "b": { "X": { "type": "number" } } });
        let schema = json!({ "allOf": [{ "$ref": "#/a/X" }, { "$ref": "#/b/X" }] });
        let taken = take(&document, Dialect::V31, schema).expect("a schema");
        assert_eq!(taken["$defs"], json!({ "X": { "type": "string" }, "X_": { "type": "number" } }));
    }

    #[test]
    fn the_words_of_openapi_30_are_said_in_json_schema() {
        let cases = [
            (
                json!({ "type": "string", "nullable": true }),
                json!({ "anyOf": [{ "type": "string" }, { "type": "null" }] }),
            ),
            (json!({ "minimum": 1, "exclusiveMinimum": true }), json!({ "exclusiveMinimum": 1 })),
            (json!({ "maximum": 1, "exclusiveMaximum": false }), json!({ "maximum": 1 })),
            (json!({ "nullable": false, "type": "integer" }), json!({ "type": "integer" })),
        ];
        for (schema, expected) in cases {
            assert_eq!(take(&Value::Null, Dialect::V30, schema.clone()), Ok(expected), "{schema}");
        }
    }

    #[test]
    fn what_leads_out_of_the_document_or_without_end_is_refused() {
        let deep = (0..100).fold(json!({}), |inner, _| json!({ "items": inner }));
        for schema in [
            json!({ "$ref": "https://x.example/s.json" }),
            json!({ "properties": { "a": { "$ref": "a.json#/b" } } }),
            json!({ "$dynamicRef": "#x" }),
            json!({ "$id": "https://x.example/" }),
            json!({ "items": 7 }),
            json!({ "allOf": {} }),
            deep,
        ] {
            assert!(take(&json!({}), Dialect::V31, schema.clone()).is_err(), "{schema}");
        }
    }
}
