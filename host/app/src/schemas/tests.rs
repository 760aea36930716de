//! Schemas and values that someone wrote to harm whoever checks them (RULES 11).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use serde_json::{Value, json};

use super::*;

fn refusal(schema: Value) -> String {
    Schema::of(schema).unwrap_err().0
}

/// Arrays in arrays, so many levels of them.
fn nested(levels: usize) -> Value {
    (1..levels).fold(json!([]), |inner, _| json!([inner]))
}

#[test]
fn a_mismatch_names_the_place_and_what_is_allowed() {
    let schema = Schema::of(json!({
        "type": "object",
        "required": ["name"],
        "properties": { "name": {}, "stock": { "type": "integer", "minimum": 0 }, "tags": { "items": { "enum": ["a", "b"] } } },
        "additionalProperties": false,
    }));
    let schema = schema.unwrap();
    for (value, pointer, allowed) in [
        (json!({ "name": "a", "stock": -1 }), "/stock", "less than the minimum of 0"),
        (json!({ "name": "a", "stock": 0.5 }), "/stock", "is not of type \"integer\""),
        (json!({ "name": "a", "tags": ["a", "c"] }), "/tags/1", "\"a\" or \"b\""),
        (json!({}), "", "\"name\" is a required property"),
        (json!({ "name": "a", "__proto__": 1 }), "", "'__proto__'"),
    ] {
        let mismatch = schema.check(&value).unwrap_err();
        assert_eq!(mismatch.pointer, pointer, "{value}");
        assert!(mismatch.allowed.contains(allowed), "{value}: {mismatch}");
    }
    schema.check(&json!({ "name": "a", "stock": 2, "tags": ["b"] })).unwrap();
}

#[test]
fn messages_stay_short_whatever_a_value_holds() {
    let schema = Schema::of(json!({
        "additionalProperties": { "type": "number", "maximum": 3 },
        "properties": { "inner": { "additionalProperties": false } },
    }));
    let schema = schema.unwrap();
    let long = "ü".repeat(500_000);
    for value in [json!({ "n": long }), json!({ long.clone(): "no" }), json!({ "inner": { long.clone(): 1 } })] {
        let mismatch = schema.check(&value).unwrap_err();
        assert!(mismatch.to_string().len() < 500, "{}", mismatch.to_string().len());
    }
}

#[test]
fn references_stay_inside_the_schema() {
    for reference in [
        "http://127.0.0.1:1/schema.json",
        "https://json-schema.org/draft/2020-12/schema",
        "file:///etc/passwd",
        "other.json",
        "#anchor",
        "#/absent",
        "#/%24defs/a",
        "//host/a",
        "",
    ] {
        for schema in [json!({ "$ref": reference }), json!({ "$defs": { "a": { "not": { "$ref": reference } } } })] {
            assert!(refusal(schema).contains("`$ref`"), "{reference}");
        }
    }
    for keyword in ["$dynamicRef", "$anchor", "$recursiveRef"] {
        assert!(refusal(json!({ "properties": { "a": { keyword: "#a" } } })).contains(keyword));
    }
    assert!(refusal(json!({ "items": { "$id": "https://example.org/other" } })).contains("$id"));
    assert!(refusal(json!({ "$schema": "http://json-schema.org/draft-04/schema#" })).contains("$schema"));
    let named_so = json!({ "properties": { "$ref": { "type": "string" }, "$id": {}, "id": { "type": "string" } } });
    Schema::of(named_so).unwrap().check(&json!({ "$ref": "anything", "id": "1" })).unwrap();
}

#[test]
fn a_schema_that_leads_to_itself_in_place_is_refused_and_one_that_goes_deeper_is_taken() {
    for schema in [
        json!({ "$ref": "#" }),
        json!({ "allOf": [{ "$ref": "#" }] }),
        json!({ "$ref": "#/$defs/a", "$defs": { "a": { "$ref": "#/$defs/b" }, "b": { "anyOf": [{ "$ref": "#/$defs/a" }] } } }),
        json!({ "if": {}, "then": { "not": { "$ref": "#" } } }),
    ] {
        assert!(refusal(schema.clone()).contains("back to itself"), "{schema}");
    }
    let tree = json!({
        "$ref": "#/$defs/tree",
        "$defs": { "tree": {
            "type": "object",
            "additionalProperties": false,
            "properties": { "left": { "$ref": "#/$defs/tree" }, "right": { "$ref": "#/$defs/tree" } },
        } },
    });
    let tree = Schema::of(tree).unwrap();
    tree.check(&json!({ "left": { "right": {} } })).unwrap();
    assert_eq!(tree.check(&json!({ "left": { "right": 1 } })).unwrap_err().pointer, "/left/right");
}

#[test]
fn schemas_whose_work_doubles_are_refused() {
    let doubling = (0..15).map(|n| {
        let next = format!("#/$defs/d{}", n + 1);
        (format!("d{n}"), json!({ "allOf": [{ "$ref": next }, { "$ref": next }, { "$ref": next }] }))
    });
    let mut definitions: serde_json::Map<String, Value> = doubling.collect();
    definitions.insert(String::from("d15"), json!({}));
    assert!(!refusal(json!({ "$ref": "#/$defs/d0", "$defs": definitions })).is_empty());

    // Each level of the value is looked at twice as often as the one above it.
    let by_level = json!({ "allOf": [{ "items": { "$ref": "#" } }, { "items": { "$ref": "#" } }] });
    assert!(refusal(by_level).contains("too often"));
    let by_unevaluated = json!({ "items": { "$ref": "#" }, "unevaluatedItems": { "$ref": "#" } });
    assert!(refusal(by_unevaluated).contains("too often"));
}

#[test]
fn patterns_run_in_linear_time_or_are_refused() {
    for pattern in ["(?=a)b", r"(a)\1", "(?<!a)b"] {
        assert!(Schema::of(json!({ "pattern": pattern })).is_err(), "{pattern}");
    }
    assert!(Schema::of(json!({ "pattern": r"((\w{100}){100}){100}" })).is_err());
    let schema = Schema::of(json!({ "pattern": "^(a+)+$" })).unwrap();
    // A backtracking engine would take longer than the universe has been there.
    assert!(schema.check(&json!("a".repeat(100_000) + "b")).is_err());
}

#[test]
fn large_and_deep_schemas_are_refused() {
    let long = json!({ "description": "x".repeat(SCHEMA_BYTES_MAX) }).to_string();
    assert!(Schema::parse(&long).unwrap_err().0.contains("65536 bytes"));
    let deep = (0..SCHEMA_DEPTH_MAX).fold(json!({}), |inner, _| json!({ "not": inner }));
    assert!(refusal(deep).contains("32 levels"));
    assert!(Schema::parse(&"[".repeat(50_000)).is_err());
    assert!(Schema::parse("{").is_err());
    assert!(Schema::parse("7").is_err());
    assert!(Schema::of(json!({ "type": "no-such-type" })).is_err());
}

#[test]
fn the_deepest_value_under_the_longest_chain_fits_a_threads_stack() {
    let chain = (0..6).fold(json!({ "items": { "$ref": "#" } }), |inner, _| json!({ "oneOf": [{ "allOf": [inner] }] }));
    let schema = Schema::of(chain).unwrap();
    schema.check(&nested(VALUE_DEPTH_MAX - 1)).unwrap();
    assert!(schema.check(&nested(VALUE_DEPTH_MAX + 1)).unwrap_err().allowed.contains("64 levels"));
}

#[test]
fn a_value_that_would_take_too_many_steps_is_refused_beforehand() {
    let names: Vec<String> = (0..3_000).map(|n| format!("n{n}")).collect();
    let schema = Schema::of(json!({ "items": { "enum": names } })).unwrap();
    let few: Vec<&str> = vec!["n1"; 10];
    schema.check(&json!(few)).unwrap();
    let many: Vec<&str> = vec!["n1"; 100_000];
    assert!(schema.check(&json!(many)).unwrap_err().allowed.contains("too large"));
}

#[test]
fn a_value_of_a_mebibyte_is_checked_against_a_flat_schema() {
    const BYTES: usize = 1 << 20;
    let name = json!({ "type": "string", "maxLength": 100 });
    let mut properties: serde_json::Map<String, Value> = (0..20).map(|n| (format!("p{n}"), name.clone())).collect();
    properties.insert(String::from("sku"), json!({ "type": "string", "pattern": "^[A-Z]{2}-[0-9]+$" }));
    properties.insert(String::from("text"), json!({ "type": "string" }));
    properties.insert(String::from("amounts"), json!({ "type": "array", "items": { "type": "number" } }));
    properties.insert(String::from("by_name"), json!({ "additionalProperties": { "type": "number" } }));
    let schema = Schema::of(json!({ "type": "object", "properties": properties, "required": ["sku"] })).unwrap();
    let by_name: serde_json::Map<String, Value> = (0..BYTES / 12).map(|n| (format!("n{n:06}"), json!(7))).collect();
    for value in [
        json!({ "sku": "AB-1", "text": "x".repeat(BYTES) }),
        json!({ "sku": "AB-1", "amounts": vec![12_345_678; BYTES / 9] }),
        json!({ "sku": "AB-1", "by_name": by_name }),
    ] {
        schema.check(&value).unwrap();
    }
}
