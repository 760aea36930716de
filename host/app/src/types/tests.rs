//! Schemas as types: what each says, and what none can do.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{
    schema::TypeWriter,
    services::{ServiceTypes, services_interface},
};
use crate::services::{ServiceMethod, ServiceParameter};

/// The type of a schema, and the declarations that it relies on.
fn types(schema: &Value) -> (String, Vec<String>) {
    let mut taken = BTreeSet::new();
    let mut writer = TypeWriter::new("shop", &mut taken);
    let type_ = writer.type_of(schema, "order");
    (type_, writer.into_declarations())
}

fn type_of(schema: &Value) -> String {
    types(schema).0
}

#[test]
fn a_schema_is_the_type_of_what_it_allows() {
    let cases = [
        (json!(true), "any"),
        (json!(false), "never"),
        (json!({}), "any"),
        (json!({ "type": "string" }), "string"),
        (json!({ "type": "integer" }), "number"),
        (json!({ "type": ["string", "null"] }), "string | null"),
        (json!({ "type": "string", "nullable": true }), "string | null"),
        (json!({ "const": "a" }), "\"a\""),
        (json!({ "enum": ["a", 1, null, true] }), "\"a\" | 1 | null | true"),
        (json!({ "enum": [] }), "never"),
        (json!({ "type": "array" }), "any[]"),
        (json!({ "type": "array", "items": { "type": ["string", "null"] } }), "(string | null)[]"),
        (json!({ "type": "array", "items": { "enum": ["{", "["] } }), "(\"{\" | \"[\")[]"),
        (json!({ "prefixItems": [{ "type": "string" }, {}], "items": false, "minItems": 1 }), "[string, any?]"),
        (json!({ "items": [{ "type": "string" }], "additionalItems": { "type": "number" } }), "[string?, ...number[]]"),
        (json!({ "anyOf": [{ "type": "string" }, { "type": "number" }] }), "string | number"),
        (json!({ "oneOf": [{ "type": "string" }, { "type": "string" }] }), "string"),
        (json!({ "anyOf": [{ "type": "string" }, {}] }), "any"),
        (json!({ "type": "object" }), "{\n  [name: string]: any;\n}"),
        (json!({ "type": "object", "additionalProperties": false }), "{}"),
        (json!({ "additionalProperties": { "type": "number" } }), "{\n  [name: string]: number;\n}"),
        (json!({ "type": "unheard of" }), "any"),
        (json!({ "$ref": "other.json#/x" }), "any"),
        (json!({ "$ref": "#/nowhere" }), "any"),
    ];
    for (schema, expected) in cases {
        assert_eq!(type_of(&schema), expected, "{schema}");
    }
}

#[test]
fn an_object_is_declared_under_a_name() {
    let schema = json!({
        "type": "object",
        "title": "Order item",
        "description": "What is ordered.",
        "required": ["id"],
        "properties": {
            "id": { "type": "string", "format": "uuid", "description": "Its id." },
            "content-type": { "type": "string" },
            "price": { "type": "object", "properties": { "cents": { "type": "integer" } }, "deprecated": true },
        },
    });
    let (name, declarations) = types(&schema);
    assert_eq!(name, "ShopOrderItem");
    let expected = "/** What is ordered. */\n\
        type ShopOrderItem = {\n  \
          \"content-type\"?: string;\n  \
          /** Its id. Format: uuid. */\n  \
          id: string;\n  \
          /** @deprecated */\n  \
          price?: {\n    cents?: number;\n  };\n\
        };\n";
    assert_eq!(declarations, [expected]);
}

#[test]
fn a_cycle_ends_in_a_name() {
    let schema = json!({
        "$ref": "#/$defs/tree~1node",
        "$defs": {
            "tree/node": { "type": "object", "properties": { "next": { "$ref": "#/$defs/tree~1node" } } },
            "self": { "$ref": "#/$defs/self" },
        },
    });
    let (name, declarations) = types(&schema);
    assert_eq!(name, "ShopTreeNode");
    assert_eq!(declarations, ["type ShopTreeNode = {\n  next?: ShopTreeNode;\n};\n"]);
    let alone = json!({ "allOf": [{ "$ref": "#" }] });
    assert_eq!(types(&alone), (String::from("ShopValue"), vec![String::from("type ShopValue = any;\n")]));
    let two = json!({
        "$ref": "#/$defs/a",
        "$defs": { "a": { "anyOf": [{ "$ref": "#/$defs/b" }, { "type": "null" }] }, "b": { "$ref": "#/$defs/a" } },
    });
    assert_eq!(types(&two).1, ["type ShopB = any;\n", "type ShopA = ShopB | null;\n"]);
}

#[test]
fn the_same_schema_has_one_name() {
    let mut taken = BTreeSet::from([String::from("ShopOrder")]);
    let mut writer = TypeWriter::new("shop", &mut taken);
    let order = json!({ "type": "object", "properties": { "id": { "type": "string" } } });
    let page = json!({ "type": "object", "properties": { "items": { "type": "array", "items": order.clone() } } });
    assert_eq!(writer.type_of(&order, "order"), "ShopOrder2", "a name that is taken is not taken twice");
    assert_eq!(writer.type_of(&order.clone(), "other"), "ShopOrder2");
    assert_eq!(writer.type_of(&page, "page"), "ShopPage");
    assert!(writer.into_declarations()[1].contains("items?: ShopOrder2[];"));
}

#[test]
fn a_definition_of_several_schemas_has_one_name() {
    let mut taken = BTreeSet::new();
    let mut writer = TypeWriter::new("products", &mut taken);
    let with = |mut schema: Value| {
        schema["$defs"] = json!({ "document": { "type": "object", "properties": { "id": { "type": "string" } } } });
        schema
    };
    let one = with(json!({ "anyOf": [{ "$ref": "#/$defs/document" }, { "type": "null" }] }));
    let many = with(json!({ "type": "array", "items": { "$ref": "#/$defs/document" } }));
    assert_eq!(writer.type_of(&one, "get"), "ProductsDocument | null");
    assert_eq!(writer.type_of(&many, "list"), "ProductsDocument[]");
    assert_eq!(writer.into_declarations().len(), 1);
}

#[test]
fn hostile_schemas_have_bounded_types() {
    let mut deep = json!({ "type": "string" });
    for _ in 0..60 {
        deep = json!({ "type": "array", "items": deep });
    }
    let text = type_of(&deep);
    assert!(text.starts_with("any[]") && text.len() < 100, "{text}");
    let wide: Vec<Value> = (0..20_000).map(|number| json!({ "const": number })).collect();
    assert!(type_of(&json!({ "anyOf": wide })).len() < 100_000);
    let many: Vec<Value> = (0..20_000).map(Value::from).collect();
    assert_eq!(type_of(&json!({ "enum": many })), "number");
    // Each level names the next one twice.
    let mut definitions = serde_json::Map::new();
    for level in 0..64 {
        let next = json!({ "$ref": format!("#/$defs/l{}", level + 1) });
        definitions.insert(format!("l{level}"), json!({ "properties": { "a": next.clone(), "b": next } }));
    }
    let (_, declarations) = types(&json!({ "$ref": "#/$defs/l0", "$defs": definitions }));
    assert_eq!(declarations.len(), 64);
}

#[test]
fn a_service_is_an_interface_of_its_methods() {
    let text = json!({ "type": "string" });
    let parameter = |name: &str, is_optional, schema: Option<Value>| ServiceParameter {
        name: name.to_owned(),
        is_optional,
        schema,
    };
    let method = |name: &str, parameters, answer| ServiceMethod {
        name: name.to_owned(),
        description: String::from("Look */ for it."),
        parameters,
        answer,
    };
    let methods = [
        method("get", vec![parameter("id", false, Some(text.clone()))], Some(json!({ "type": ["number", "null"] }))),
        method("find-all", vec![parameter("class", true, None), parameter("a b", false, None)], None),
        method("log", vec![parameter("x", true, None), parameter("x", true, None)], Some(text)),
    ];
    let service = ServiceTypes { name: String::from("my-shop"), methods: methods.to_vec() };
    let interface = services_interface(&[service], &mut BTreeSet::new());
    let expected = "interface Services {\n  \
        readonly \"my-shop\": {\n    \
        /** Look *\\/ for it. */\n    get(id: string): Promise<number | null>;\n    \
        /** Look *\\/ for it. */\n    \"find-all\"(value1: any | undefined, a_b: any): Promise<any>;\n    \
        /** Look *\\/ for it. */\n    log(x?: any, value2?: any): Promise<string>;\n  \
        };\n}\n";
    assert_eq!(interface, expected);
    assert_eq!(services_interface(&[], &mut BTreeSet::new()), "interface Services {}\n");
}
