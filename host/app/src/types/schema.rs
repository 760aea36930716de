//! JSON Schema as TypeScript types.
//!
//! A schema comes from an operator's file or a service's document: its texts are data that must not end a comment or a
//! literal, its references may be cycles, and its size is whatever somebody wrote. What TypeScript cannot say is `any`,
//! so that the types never refuse what the service takes.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter, mem,
};

use serde_json::{Map, Value};

use super::text::{comment, literal, pascal, property_name};

/// How deep a type may be; below it is `any`.
const DEPTH_MAX: usize = 32;
/// How many parts the types of one service may have; past it everything is `any`.
const PARTS_MAX: usize = 5_000;
/// How many values of an `enum` are named; a longer one is the type of its values.
const VALUES_MAX: usize = 200;

/// Makes types out of the schemas of one service.
pub(super) struct TypeWriter<'n> {
    /// What the names of types begin with.
    prefix: String,
    /// Every name that is taken, also by other services.
    taken: &'n mut BTreeSet<String>,
    /// What references can lead to, as text: equal ones are one.
    spaces: Vec<String>,
    /// The names of types, by the index of the space and the pointer within it.
    named: BTreeMap<(usize, String), String>,
    /// The names of whole schemas that refer to nothing, by their text: they are the same type wherever they stand.
    whole: BTreeMap<String, String>,
    /// The declarations of the names.
    declarations: Vec<String>,
    /// The names that are being declared with no object or array between: TypeScript refuses a type that is a part of
    /// itself without one.
    around: Vec<String>,
    /// How many parts may still be written.
    left: usize,
}

/// Where a schema stands.
#[derive(Clone, Copy)]
struct At<'s> {
    /// What its references are relative to.
    root: &'s Value,
    /// Where what a reference leads to is known by its pointer.
    space: usize,
    /// How deep it is within the type that is being declared.
    depth: usize,
}

/// A type as text.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Type {
    text: String,
    /// Whether it has to stand in parentheses before `[]` or `&`.
    is_compound: bool,
}

impl Type {
    fn plain(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_compound: false }
    }

    fn any() -> Self {
        Self::plain("any")
    }

    fn is(&self, text: &str) -> bool {
        self.text == text
    }

    fn grouped(&self) -> String {
        if self.is_compound { format!("({})", self.text) } else { self.text.clone() }
    }
}

impl<'n> TypeWriter<'n> {
    /// For a service of this name.
    pub(super) fn new(service: &str, taken: &'n mut BTreeSet<String>) -> Self {
        Self {
            prefix: pascal(service),
            taken,
            spaces: Vec::new(),
            named: BTreeMap::new(),
            whole: BTreeMap::new(),
            declarations: Vec::new(),
            around: Vec::new(),
            left: PARTS_MAX,
        }
    }

    /// The type of what `schema` allows. An object gets a name, from its title or from `hint`.
    pub(super) fn type_of(&mut self, schema: &Value, hint: &str) -> String {
        let text = schema.to_string();
        let at = At { root: schema, space: self.space(definitions(schema).unwrap_or_else(|| text.clone())), depth: 0 };
        let is_object = schema.get("properties").and_then(Value::as_object).is_some_and(|found| !found.is_empty());
        if !is_object {
            return self.inline(schema, at).text;
        }
        let title = schema.get("title").and_then(Value::as_str).filter(|title| !pascal(title).is_empty());
        let key = (self.space(text.clone()), String::new());
        let name = self.name(schema, at, key, title.unwrap_or(hint));
        if !text.contains("\"$ref\"") {
            self.whole.insert(text, name.clone());
        }
        name
    }

    /// The declarations that the types rely on.
    pub(super) fn into_declarations(self) -> Vec<String> {
        self.declarations
    }

    /// The index of a space with this text.
    fn space(&mut self, text: String) -> usize {
        let known = self.spaces.iter().position(|space| *space == text);
        known.unwrap_or_else(|| {
            self.spaces.push(text);
            self.spaces.len() - 1
        })
    }

    /// The name of what is known by `key`, which is declared the first time.
    fn name(&mut self, schema: &Value, at: At<'_>, key: (usize, String), hint: &str) -> String {
        if let Some(name) = self.named.get(&key) {
            return if self.around.contains(name) { String::from("any") } else { name.clone() };
        }
        let name = self.free_name(hint);
        self.named.insert(key, name.clone());
        self.around.push(name.clone());
        let type_ = self.inline(schema, At { depth: 0, ..at }).text;
        self.around.pop();
        self.declarations.push(format!("{}type {name} = {type_};\n", comment(&docs(schema), "")));
        name
    }

    fn free_name(&mut self, hint: &str) -> String {
        let wanted = format!("{}{}", self.prefix, pascal(hint));
        let numbered = (2..).map(|number| format!("{wanted}{number}"));
        let mut names = iter::once(wanted.clone()).chain(numbered);
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or(wanted);
        self.taken.insert(name.clone());
        name
    }

    fn inline(&mut self, schema: &Value, at: At<'_>) -> Type {
        if self.left == 0 || at.depth >= DEPTH_MAX {
            return Type::any();
        }
        self.left -= 1;
        let schema = match schema {
            Value::Bool(false) => return Type::plain("never"),
            Value::Object(fields) => match self.whole_name(schema, at) {
                Some(name) => return Type::plain(name),
                None => fields,
            },
            _ => return Type::any(),
        };
        let at = At { depth: at.depth + 1, ..at };
        let mut parts = Vec::new();
        if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
            parts.push(self.referred(reference, at));
        }
        if let Some(value) = schema.get("const") {
            parts.push(Type::plain(literal(value)));
        } else if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            parts.push(one_of(values));
        } else if is_typed(schema) {
            parts.push(self.typed(schema, at));
        }
        for word in ["anyOf", "oneOf"] {
            if let Some(schemas) = schema.get(word).and_then(Value::as_array) {
                parts.push(union_of(schemas.iter().map(|schema| self.inline(schema, at)).collect()));
            }
        }
        for part in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
            parts.push(self.inline(part, at));
        }
        let type_ = intersection_of(parts);
        // OpenAPI 3.0 says it this way.
        let is_nullable = schema.get("nullable") == Some(&Value::Bool(true));
        if is_nullable { union_of(vec![type_, Type::plain("null")]) } else { type_ }
    }

    /// The name of a schema that was asked for as a whole and now stands within another.
    fn whole_name(&self, schema: &Value, at: At<'_>) -> Option<String> {
        let is_candidate = at.depth > 0 && !self.whole.is_empty() && schema.get("properties").is_some();
        if is_candidate { self.whole.get(&schema.to_string()).cloned() } else { None }
    }

    /// What `#/…` refers to. Every target has a name, so that a cycle ends.
    fn referred(&mut self, reference: &str, at: At<'_>) -> Type {
        let Some(pointer) = reference.strip_prefix('#').map(unescaped) else { return Type::any() };
        match at.root.pointer(&pointer) {
            Some(target @ Value::Object(_)) => {
                let last = pointer.rsplit('/').next().unwrap_or_default().replace("~1", "/");
                let hint = if pascal(&last).is_empty() { "value" } else { &last };
                Type::plain(self.name(target, at, (at.space, pointer.clone()), hint))
            }
            Some(Value::Bool(false)) => Type::plain("never"),
            _ => Type::any(),
        }
    }

    /// What `type` says, with the words that belong to each type.
    fn typed(&mut self, schema: &Map<String, Value>, at: At<'_>) -> Type {
        let types: Vec<&str> = match schema.get("type") {
            Some(Value::String(one)) => vec![one],
            Some(Value::Array(several)) => several.iter().filter_map(Value::as_str).collect(),
            _ if schema.contains_key("items") || schema.contains_key("prefixItems") => vec!["array"],
            _ => vec!["object"],
        };
        let types = types.into_iter().map(|name| match name {
            "string" => Type::plain("string"),
            "number" | "integer" => Type::plain("number"),
            "boolean" => Type::plain("boolean"),
            "null" => Type::plain("null"),
            "array" => self.within(|types| types.array(schema, at)),
            "object" => self.within(|types| types.object(schema, at)),
            _ => Type::any(),
        });
        union_of(types.collect())
    }

    /// Write what stands within an object or an array, where a type may be a part of itself.
    fn within(&mut self, write: impl FnOnce(&mut Self) -> Type) -> Type {
        let around = mem::take(&mut self.around);
        let type_ = write(self);
        self.around = around;
        type_
    }

    fn array(&mut self, schema: &Map<String, Value>, at: At<'_>) -> Type {
        let (first, rest) = match (schema.get("prefixItems"), schema.get("items")) {
            (Some(Value::Array(first)), rest) => (first.as_slice(), rest),
            // Before 2020-12 a list of items was the beginning of the array.
            (_, Some(Value::Array(first))) => (first.as_slice(), schema.get("additionalItems")),
            (_, rest) => (&[][..], rest),
        };
        let others = rest.map_or_else(Type::any, |rest| self.inline(rest, at));
        if first.is_empty() {
            return Type::plain(format!("{}[]", others.grouped()));
        }
        // Only what `minItems` asks for has to be there.
        let least = schema.get("minItems").and_then(Value::as_u64).unwrap_or(0);
        let mut items: Vec<String> = Vec::new();
        for (index, item) in (0..).zip(first) {
            let item = self.inline(item, at);
            items.push(if index < least { item.text } else { format!("{}?", item.grouped()) });
        }
        if !others.is("never") {
            items.push(format!("...{}[]", others.grouped()));
        }
        Type::plain(format!("[{}]", items.join(", ")))
    }

    fn object(&mut self, schema: &Map<String, Value>, at: At<'_>) -> Type {
        let empty = Map::new();
        let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let required: BTreeSet<&str> =
            schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
        let indent = "  ".repeat(at.depth);
        let mut text = String::new();
        for (name, property) in properties {
            let mark = if required.contains(name.as_str()) { "" } else { "?" };
            let type_ = self.inline(property, at).text;
            text += &comment(&docs(property), &indent);
            text += &format!("{indent}{}{mark}: {type_};\n", property_name(name));
        }
        if let Some(others) = self.other_properties(schema, properties.is_empty(), at) {
            text += &format!("{indent}[name: string]: {others};\n");
        }
        if text.is_empty() {
            return Type::plain("{}");
        }
        Type::plain(format!("{{\n{text}{}}}", "  ".repeat(at.depth - 1)))
    }

    /// The type of the properties that have no name; `None` where there are none.
    fn other_properties(&mut self, schema: &Map<String, Value>, are_all: bool, at: At<'_>) -> Option<String> {
        let has_patterns = schema.contains_key("patternProperties");
        match schema.get("additionalProperties") {
            Some(Value::Bool(false)) if !has_patterns => None,
            Some(others @ Value::Object(_)) if are_all && !has_patterns => Some(self.inline(others, at).text),
            // TypeScript wants every property to be of the others' type: that is more than the schema says.
            Some(_) => Some(String::from("any")),
            None => (are_all || has_patterns).then(|| String::from("any")),
        }
    }
}

/// The definitions of a schema, as text, where all of its references lead there: schemas with the same definitions then
/// mean the same by a reference.
fn definitions(schema: &Value) -> Option<String> {
    let places = ["$defs", "definitions"];
    let found: Vec<&Value> = places.iter().filter_map(|place| schema.get(*place)).collect();
    let leads_there = |reference: &str| places.iter().any(|place| reference.starts_with(&format!("#/{place}/")));
    references(schema).into_iter().all(leads_there).then(|| Value::from_iter(found.into_iter().cloned()).to_string())
}

/// Every reference in a schema.
fn references(schema: &Value) -> Vec<&str> {
    let (mut found, mut waiting) = (Vec::new(), vec![schema]);
    while let Some(value) = waiting.pop() {
        match value {
            Value::Array(items) => waiting.extend(items),
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                waiting.extend(members.values());
            }
            _ => {}
        }
    }
    found
}

/// What a schema says to a reader.
fn docs(schema: &Value) -> String {
    let said = |word: &str| schema.get(word).and_then(Value::as_str).unwrap_or_default();
    let mut parts = vec![said("description").to_owned()];
    if !said("format").is_empty() {
        parts.push(format!("Format: {}.", said("format")));
    }
    if schema.get("deprecated") == Some(&Value::Bool(true)) {
        parts.push(String::from("@deprecated"));
    }
    parts.join(" ").trim().to_owned()
}

/// Whether a schema says of which type its values are, in any words.
fn is_typed(schema: &Map<String, Value>) -> bool {
    let words = ["type", "properties", "items", "prefixItems", "additionalProperties", "patternProperties"];
    words.iter().any(|word| schema.contains_key(*word))
}

fn one_of(values: &[Value]) -> Type {
    let is_short = values.len() <= VALUES_MAX;
    let types = values.iter().map(|value| match value {
        value if is_short => literal(value),
        Value::String(_) => String::from("string"),
        Value::Number(_) => String::from("number"),
        Value::Bool(_) => String::from("boolean"),
        Value::Null => String::from("null"),
        Value::Array(_) | Value::Object(_) => String::from("any"),
    });
    union_of(types.map(Type::plain).collect())
}

fn union_of(types: Vec<Type>) -> Type {
    let mut kept: Vec<Type> = Vec::new();
    for type_ in types {
        if type_.is("any") {
            return type_;
        }
        if !type_.is("never") && !kept.contains(&type_) {
            kept.push(type_);
        }
    }
    joined(kept, " | ", "never")
}

fn intersection_of(types: Vec<Type>) -> Type {
    let mut kept: Vec<Type> = Vec::new();
    for type_ in types {
        if !type_.is("any") && !kept.contains(&type_) {
            kept.push(type_);
        }
    }
    joined(kept, " & ", "any")
}

fn joined(types: Vec<Type>, between: &str, none: &str) -> Type {
    match types.as_slice() {
        [] => Type::plain(none),
        [one] => one.clone(),
        several => {
            let texts: Vec<String> = several.iter().map(Type::grouped).collect();
            Type { text: texts.join(between), is_compound: true }
        }
    }
}

/// A JSON pointer in the fragment of a URI, without its percent signs.
fn unescaped(pointer: &str) -> String {
    let mut bytes = Vec::with_capacity(pointer.len());
    let mut rest = pointer.as_bytes();
    while let [first, after @ ..] = rest {
        let decoded = match (first, after) {
            (b'%', [high, low, ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                digit(*high).zip(digit(*low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok())
            }
            _ => None,
        };
        bytes.push(decoded.unwrap_or(*first));
        rest = if decoded.is_some() { &after[2..] } else { after };
    }
    String::from_utf8(bytes).unwrap_or_else(|_| pointer.to_owned())
}
