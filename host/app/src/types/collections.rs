//! What a collection offers, as methods with schemas: the schema of its documents in the places where documents are.

use serde_json::{Value, json};

use crate::services::{ServiceMethod, ServiceParameter};

/// The methods of a collection whose documents have this schema.
pub(super) fn collection_methods(document: &Value) -> Vec<ServiceMethod> {
    let id =
        ServiceParameter { name: String::from("id"), is_optional: false, schema: Some(json!({ "type": "string" })) };
    let query = ServiceParameter { name: String::from("query"), is_optional: true, schema: Some(query()) };
    vec![
        method(
            "get",
            "The document; `null` where there is none.",
            id,
            json!({ "anyOf": [document, { "type": "null" }] }),
        ),
        method("list", "A page of the documents.", query, page(document)),
    ]
}

fn method(name: &str, description: &str, parameter: ServiceParameter, answer: Value) -> ServiceMethod {
    let (name, description) = (name.to_owned(), description.to_owned());
    ServiceMethod { name, description, parameters: vec![parameter], answer: Some(answer) }
}

fn query() -> Value {
    let cursor = json!({ "type": ["string", "null"], "description": "Where the page before ended: its `cursor`." });
    let limit = json!({ "type": "integer", "description": "From 1 to 1 000; 100 where nothing is said." });
    json!({ "type": "object", "additionalProperties": false, "properties": { "cursor": cursor, "limit": limit } })
}

fn page(document: &Value) -> Value {
    json!({
        "type": "object",
        "required": ["items", "cursor"],
        "additionalProperties": false,
        "properties": {
            "items": { "type": "array", "items": document },
            "cursor": { "type": ["string", "null"], "description": "`null` on the last page." },
        },
    })
}
