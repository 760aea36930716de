//! The schema of a script's argument, read from its types or its JSDoc.

use domain::Language::{JavaScript, TypeScript};
use serde_json::{Value, json};

use super::compile::input_schema;

#[tokio::test]
async fn types_are_schemas() {
    let string = || json!({ "type": "string" });
    let number = || json!({ "type": "number" });
    let cases: [(&str, Value); 44] = [
        ("string", string()),
        ("number", number()),
        ("boolean", json!({ "type": "boolean" })),
        ("null", json!({ "type": "null" })),
        ("object", json!({ "type": "object" })),
        ("any", Value::Null),
        ("unknown", Value::Null),
        ("Request", Value::Null),
        ("() => void", Value::Null),
        ("'a'", json!({ "const": "a" })),
        ("-1", json!({ "const": -1.0 })),
        ("'a' | 'b'", json!({ "enum": ["a", "b"] })),
        ("'a' | 1 | null", json!({ "enum": ["a", 1, null] })),
        ("string | null", json!({ "type": ["string", "null"] })),
        ("string | undefined", string()),
        ("string | any", Value::Null),
        (
            "string | { a: 1 }",
            json!({ "anyOf": [{ "type": "string" },
            { "type": "object", "properties": { "a": { "const": 1 } }, "required": ["a"] }] }),
        ),
        ("string[]", json!({ "type": "array", "items": { "type": "string" } })),
        ("Array<number>", json!({ "type": "array", "items": { "type": "number" } })),
        ("readonly string[]", json!({ "type": "array", "items": { "type": "string" } })),
        ("any[]", json!({ "type": "array" })),
        (
            "[string, number?]",
            json!({ "type": "array", "prefixItems": [{ "type": "string" }, { "type": "number" }],
            "items": false, "minItems": 1 }),
        ),
        (
            "[a: string, ...rest: number[]]",
            json!({ "type": "array", "prefixItems": [{ "type": "string" }],
            "items": { "type": "number" }, "minItems": 1 }),
        ),
        ("Date", json!({ "type": "string", "format": "date-time" })),
        ("`a${string}`", string()),
        ("Record<string, number>", json!({ "type": "object", "additionalProperties": { "type": "number" } })),
        (
            "Record<'a' | 'b', string>",
            json!({ "type": "object",
            "properties": { "a": { "type": "string" }, "b": { "type": "string" } }, "required": ["a", "b"] }),
        ),
        ("{ [key: string]: number }", json!({ "type": "object", "additionalProperties": { "type": "number" } })),
        ("{}", json!({ "type": "object" })),
        (
            "{ a: string; b?: number }",
            json!({ "type": "object",
            "properties": { "a": { "type": "string" }, "b": { "type": "number" } }, "required": ["a"] }),
        ),
        ("{ a: string | undefined }", json!({ "type": "object", "properties": { "a": { "type": "string" } } })),
        (
            "{ 'a-b': string; f(): void; g: () => void }",
            json!({ "type": "object",
            "properties": { "a-b": { "type": "string" } }, "required": ["a-b"] }),
        ),
        (
            "Partial<Item>",
            json!({ "type": "object",
            "properties": { "sku": { "type": "string" }, "qty": { "type": "number" } } }),
        ),
        (
            "Required<Partial<Item>>",
            json!({ "type": "object", "properties":
            { "sku": { "type": "string" }, "qty": { "type": "number" } }, "required": ["sku", "qty"] }),
        ),
        (
            "Pick<Item, 'sku'>",
            json!({ "type": "object", "properties": { "sku": { "type": "string" } }, "required": ["sku"] }),
        ),
        ("Omit<Item, 'sku'>", json!({ "type": "object", "properties": { "qty": { "type": "number" } } })),
        (
            "Readonly<Pick<Item, Names>>",
            json!({ "type": "object", "properties": { "sku": { "type": "string" } },
            "required": ["sku"] }),
        ),
        (
            "Item & { note: string }",
            json!({ "type": "object", "properties":
            { "sku": { "type": "string" }, "qty": { "type": "number" }, "note": { "type": "string" } },
            "required": ["sku", "note"] }),
        ),
        ("keyof Item", json!({ "enum": ["sku", "qty"] })),
        ("Item['sku']", string()),
        (
            "Box<string>",
            json!({ "type": "object", "properties": { "value": { "type": "string" } }, "required": ["value"] }),
        ),
        ("State", json!({ "enum": ["open", "closed"] })),
        ("Level", json!({ "enum": [0, 5, 6] })),
        (
            "Big",
            json!({ "type": "object", "properties":
            { "sku": { "type": "string" }, "qty": { "type": "number" }, "big": { "const": true } }, "required": ["sku", "big"] }),
        ),
    ];
    let declarations = "interface Item { sku: string; qty?: number }
        interface Big extends Item { big: true }
        type Names = 'sku';
        interface Box<T> { value: T }
        enum State { Open = 'open', Closed = 'closed' }
        enum Level { Low, High = 5, Higher }";
    for (ty, expected) in cases {
        let source = format!("{declarations}\nexport default (input: {ty}) => 1;");
        let found = input_schema(TypeScript, &source).await;
        assert!(same(&found, &expected), "{ty}: {found}");
    }
}

#[tokio::test]
async fn the_entrys_parameter_is_found_in_every_form() {
    let sources = [
        "export default function (input: string) {}",
        "export default async (input: string) => {};",
        "export default (input: string = 'x') => {};",
        "function only(input: string) {}",
        "export function only(input: string): void {}",
        "const f = (input: string) => {}; export default f;",
        "const f: (input: string) => void = (input) => {}; export default f;",
        "function f(input: string) {} export { f as default };",
        "export default ((input: string) => {}) satisfies (input: string) => void;",
        "function f(input: string): void; function f(input: string) {} export default f;",
    ];
    for source in sources {
        assert_eq!(input_schema(TypeScript, source).await, json!({ "type": "string" }), "{source}");
    }
    for source in ["export default () => 1;", "export default { fetch(r: string) {} };", "const x = 1;"] {
        assert_eq!(input_schema(TypeScript, source).await, Value::Null, "{source}");
    }
}

#[tokio::test]
async fn what_is_used_twice_or_within_itself_has_a_name() {
    let source = "/** A branch. */
        interface Tree { /** Its own
           value. */ value: number; children: Tree[] }
        export default (tree: Tree) => 1;";
    let expected = json!({
        "$ref": "#/$defs/Tree",
        "$defs": { "Tree": {
            "type": "object",
            "properties": {
                "value": { "type": "number", "description": "Its own value." },
                "children": { "type": "array", "items": { "$ref": "#/$defs/Tree" } }
            },
            "required": ["value", "children"],
            "description": "A branch."
        } }
    });
    assert_eq!(input_schema(TypeScript, source).await, expected);
}

#[tokio::test]
async fn jsdoc_is_a_type_too() {
    let source = "/**
 * @typedef {Object} Item - One line
 * @property {string} sku - The article
 * @property {number} [qty=1] - How many
 */
/**
 * Checks an order.
 * @param {Object} order - The order
 * @param {string} order.id - Its id
 * @param {Item[]} order.items
 * @param {Object[]} [order.notes]
 * @param {string} order.notes[].text
 * @param {('a'|'b')=} order.kind
 */
export default function check(order) { return order.id; }";
    let item = json!({
        "type": "object",
        "properties": {
            "sku": { "type": "string", "description": "The article" },
            "qty": { "type": "number", "description": "How many" }
        },
        "required": ["sku"]
    });
    let expected = json!({
        "type": "object",
        "properties": {
            "id": { "type": "string", "description": "Its id" },
            "items": { "type": "array", "items": { "$ref": "#/$defs/Item" } },
            "notes": { "type": "array", "items":
                { "type": "object", "properties": { "text": { "type": "string" } }, "required": ["text"] } },
            "kind": { "enum": ["a", "b"] }
        },
        "required": ["id", "items"],
        "$defs": { "Item": item }
    });
    assert_eq!(input_schema(JavaScript, source).await, expected);

    let simple = [
        ("/** @param {string} name */\nfunction greet(name) {}", json!({ "type": "string" })),
        ("/** @param {?string} name */\nexport default (name) => 1;", json!({ "type": ["string", "null"] })),
        (
            "/** @param {Array.<number>} n */\nexport default (n) => 1;",
            json!({ "type": "array", "items": { "type": "number" } }),
        ),
        (
            "/** @param {{ a: string, b?: number }} o */\nexport default ({ a }) => 1;",
            json!({ "type": "object",
            "properties": { "a": { "type": "string" }, "b": { "type": "number" } }, "required": ["a"] }),
        ),
        ("/** @param {*} x */\nexport default (x) => 1;", Value::Null),
        ("/** @param {no such type} x */\nexport default (x) => 1;", Value::Null),
        ("/** @param {string} other */\nexport default (name) => 1;", Value::Null),
        ("/** nothing */\nexport default (name) => 1;", Value::Null),
        ("/* @param {string} name */\nexport default (name) => 1;", Value::Null),
    ];
    for (source, expected) in simple {
        let found = input_schema(JavaScript, source).await;
        assert!(same(&found, &expected), "{source}: {found}");
    }
}

#[tokio::test]
async fn a_schema_past_its_bounds_is_left_out() {
    let deep = format!("export default (x: {}1{}) => 1;", "{ a: ".repeat(40), " }".repeat(40));
    let wide: String = (0..5_000).map(|n| format!("property_{n}: string;")).collect();
    let wide = format!("export default (x: {{ {wide} }}) => 1;");
    let endless = "type Next<T> = { value: T; next: Next<T[]> }; export default (x: Next<string>) => 1;";
    let doubling = "type A<T> = { a: T; b: T }; type B<T> = A<A<A<A<A<A<T>>>>>>;
        export default (x: B<B<B<B<string>>>>) => 1;";
    let itself = "interface A extends A { a: string } export default (x: A) => 1;";
    for source in [&deep, &wide, endless, doubling] {
        assert_eq!(input_schema(TypeScript, source).await, Value::Null);
    }
    assert_ne!(input_schema(TypeScript, itself).await, Value::Null);
}

/// JSON numbers are equal by value.
fn same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() == other.as_f64(),
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(one, other)| same(one, other))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one.iter().all(|(name, one)| other.get(name).is_some_and(|other| same(one, other)))
        }
        _ => one == other,
    }
}
