//! What there is to call of a collection, described by its schema: for types, documentation and capability lists.

use serde_json::{Map, Value, json};

use super::{CollectionSchema, Declared, ID_BYTES_MAX, Scalar};
use crate::services::{ServiceMethod, ServiceParameter};

/// Whether a method of collections changes nothing.
pub(crate) fn is_read_method(name: &str) -> bool {
    matches!(name, "list" | "get")
}

/// The methods of a collection with this schema. Each schema in them stands alone: the document's is its `$defs/document`.
pub fn collection_methods(schema: &CollectionSchema) -> Vec<ServiceMethod> {
    let document = || json!({ "$ref": "#/$defs/document" });
    let page = json!({
        "type": "object",
        "required": ["items", "cursor"],
        "properties": { "items": { "type": "array", "items": document() }, "cursor": { "type": ["string", "null"] } },
    });
    vec![
        method(
            "list",
            "Answers a page of the documents that fulfil the filter.",
            vec![parameter("query", true, query(schema))],
            with_document(schema, page),
        ),
        method(
            "get",
            "Answers the document, or null where there is none of that id.",
            vec![id()],
            with_document(schema, json!({ "anyOf": [document(), { "type": "null" }] })),
        ),
        method(
            "create",
            "Answers the new document. Without an id it is given one.",
            vec![parameter("document", false, with_document(schema, without_required_id(schema)))],
            with_document(schema, document()),
        ),
        method(
            "update",
            "Answers the changed document. Properties that are null in the changes are removed.",
            vec![id(), parameter("changes", false, json!({ "type": "object" }))],
            with_document(schema, document()),
        ),
        method("delete", "Answers whether the document was there.", vec![id()], json!({ "type": "boolean" })),
    ]
}

fn method(name: &str, description: &str, parameters: Vec<ServiceParameter>, answer: Value) -> ServiceMethod {
    ServiceMethod { name: name.to_owned(), description: description.to_owned(), parameters, answer: Some(answer) }
}

fn parameter(name: &str, is_optional: bool, schema: Value) -> ServiceParameter {
    ServiceParameter { name: name.to_owned(), is_optional, schema: Some(schema) }
}

fn id() -> ServiceParameter {
    parameter("id", false, json!({ "type": "string", "minLength": 1, "maxLength": ID_BYTES_MAX }))
}

/// Put the document's schema beside an outer one, with its own references led there.
fn with_document(schema: &CollectionSchema, mut outer: Value) -> Value {
    let mut document = moved(schema.as_value());
    if let Value::Object(keywords) = &mut document {
        keywords.remove("$schema");
        let properties = keywords.entry("properties").or_insert_with(|| json!({}));
        if let Value::Object(properties) = properties {
            properties.entry("id").or_insert_with(|| json!({ "type": "string" }));
        }
        require_id(keywords);
    }
    outer["$defs"] = json!({ "document": document });
    outer
}

/// A document that is stored always has its id.
fn require_id(keywords: &mut Map<String, Value>) {
    let required = keywords.entry("required").or_insert_with(|| json!([]));
    if let Value::Array(names) = required
        && !names.iter().any(|name| name == "id")
    {
        names.push(json!("id"));
    }
}

/// The document as `create` takes it: its properties, of which the id can be left out.
fn without_required_id(schema: &CollectionSchema) -> Value {
    let mut document = moved(schema.as_value());
    if let Value::Object(keywords) = &mut document {
        keywords.remove("$schema");
        if let Some(Value::Array(names)) = keywords.get_mut("required") {
            names.retain(|name| name != "id");
        }
        let properties = keywords.entry("properties").or_insert_with(|| json!({}));
        if let Value::Object(properties) = properties {
            properties.entry("id").or_insert_with(|| json!({ "type": "string" }));
        }
    }
    document
}

/// A schema whose references say where it stands now.
fn moved(schema: &Value) -> Value {
    match schema {
        Value::Array(items) => items.iter().map(moved).collect(),
        Value::Object(members) => {
            let moved_member = |(name, value): (&String, &Value)| {
                let value = match value {
                    Value::String(place) if name == "$ref" && place.starts_with('#') => {
                        Value::String(format!("#/$defs/document{}", &place[1..]))
                    }
                    value => moved(value),
                };
                (name.clone(), value)
            };
            Value::Object(members.iter().map(moved_member).collect())
        }
        other => other.clone(),
    }
}

fn query(schema: &CollectionSchema) -> Value {
    let mut conditions = Map::new();
    let mut sorts = vec![json!("id"), json!("-id")];
    let text = Declared { scalars: [Scalar::Text].into(), ..Declared::default() };
    conditions.insert(String::from("id"), condition(&text));
    for (path, declared) in schema.fields().paths() {
        conditions.insert(path.to_owned(), condition(declared));
        if !declared.scalars.is_empty() {
            sorts.extend([json!(path), json!(format!("-{path}"))]);
        }
    }
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "filter": { "type": "object", "additionalProperties": false, "properties": conditions },
            "sort": { "enum": sorts },
            "cursor": { "type": ["string", "null"] },
            "limit": { "type": "integer", "minimum": 1, "maximum": 1_000 },
        },
    })
}

fn condition(declared: &Declared) -> Value {
    let types = |scalars: &mut dyn Iterator<Item = &Scalar>| -> Value {
        let names = scalars.map(|scalar| match scalar {
            Scalar::Null => "null",
            Scalar::Boolean => "boolean",
            Scalar::Number => "number",
            Scalar::Text => "string",
        });
        json!({ "type": names.collect::<Vec<&str>>() })
    };
    let mut operators = Map::new();
    operators.insert(String::from("exists"), json!({ "type": "boolean" }));
    let scalar = types(&mut declared.scalars.iter());
    if !declared.scalars.is_empty() {
        for operator in ["eq", "ne"] {
            operators.insert(operator.to_owned(), scalar.clone());
        }
        operators.insert(String::from("in"), json!({ "type": "array", "maxItems": 100, "items": scalar }));
    }
    let is_ordered = |scalar: &&Scalar| matches!(scalar, Scalar::Number | Scalar::Text);
    if declared.scalars.iter().any(|scalar| is_ordered(&scalar)) {
        for operator in ["lt", "lte", "gt", "gte"] {
            operators.insert(operator.to_owned(), types(&mut declared.scalars.iter().filter(is_ordered)));
        }
    }
    if declared.scalars.contains(&Scalar::Text) {
        operators.insert(String::from("startsWith"), json!({ "type": "string" }));
    }
    if !declared.elements.is_empty() {
        operators.insert(String::from("contains"), types(&mut declared.elements.iter()));
    }
    let operators = json!({ "type": "object", "additionalProperties": false, "properties": operators });
    if declared.scalars.is_empty() { operators } else { json!({ "anyOf": [scalar, operators] }) }
}
