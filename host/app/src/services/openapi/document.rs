//! An OpenAPI document, 3.0 or 3.1, in JSON or YAML: the operations that become methods.

use std::{collections::BTreeMap, sync::Arc};

use ring::digest;
use serde_json::Value;

use super::{
    operation::{Found, Operation},
    references::resolved,
    schemas::Dialect,
};
use crate::{sealing::hex, services::ServiceMethod};

/// The most bytes of a document.
const BYTES_MAX: usize = 4 << 20;
/// The most operations that become methods.
const OPERATIONS_MAX: usize = 1_000;
/// The most mistakes that are named of one document.
const MISTAKES_MAX: usize = 20;

/// The operations that become methods. `options` and `trace` are for browsers and proxies.
const VERBS: [&str; 6] = ["get", "head", "post", "put", "patch", "delete"];

/// What an OpenAPI document says, ready to be connected. Clones are the same one.
#[derive(Clone, Debug)]
pub struct OpenApiDocument(pub(super) Arc<Methods>);

/// Every method of a document.
#[derive(Debug)]
pub(super) struct Methods {
    /// By the method's name.
    pub(super) operations: BTreeMap<String, Operation>,
    /// In the order of their names.
    pub(super) described: Vec<ServiceMethod>,
}

impl OpenApiDocument {
    /// Whether one of its operations is the method `name`.
    pub fn has_method(&self, name: &str) -> bool {
        self.0.operations.contains_key(name)
    }

    /// Read a document. With `only`, no other operations than those become methods, and what else is in the document
    /// does not matter.
    ///
    /// # Errors
    /// Every mistake, in a sentence that names its place in the document.
    pub fn read(text: &str, only: Option<&[String]>) -> Result<Self, Vec<String>> {
        let document = parse(text).map_err(|mistake| vec![mistake])?;
        let dialect = dialect(&document).map_err(|mistake| vec![mistake])?;
        let mut mistakes = Vec::new();
        let all = operations(&document, dialect, &mut mistakes);
        let chosen = chosen(all, only, &mut mistakes);
        let mut read = BTreeMap::new();
        for found in chosen {
            let place = format!("{} {}", found.verb.to_ascii_uppercase(), found.path);
            match found.read() {
                Err(mistake) => mistakes.push(format!("{place}: {mistake}")),
                Ok((operation, method)) => {
                    if let Some((_, _, other)) =
                        read.insert(method.name.clone(), (operation, method.clone(), place.clone()))
                    {
                        let name = method.name;
                        mistakes.push(format!(
                            "{other} and {place} would both be the method '{name}': give one another operationId"
                        ));
                    }
                }
            }
        }
        if read.is_empty() && mistakes.is_empty() {
            mistakes.push(String::from("it has no operation that could be a method"));
        }
        if !mistakes.is_empty() {
            mistakes.truncate(MISTAKES_MAX);
            return Err(mistakes);
        }
        let described = read.values().map(|(_, method, _)| method.clone()).collect();
        let operations = read.into_iter().map(|(name, (operation, _, _))| (name, operation)).collect();
        Ok(Self(Arc::new(Methods { operations, described })))
    }

    /// What a document is pinned by: the SHA-256 digest of its bytes, in hexadecimal digits.
    pub fn sha256(bytes: &[u8]) -> String {
        hex::write(digest::digest(&digest::SHA256, bytes).as_ref()).to_string()
    }

    /// What there is to call.
    pub fn methods(&self) -> &[ServiceMethod] {
        &self.0.described
    }
}

fn parse(text: &str) -> Result<Value, String> {
    if text.len() > BYTES_MAX {
        return Err(format!("it has {} bytes, a document has at most {BYTES_MAX}", text.len()));
    }
    if text.trim_start().starts_with('{') {
        return serde_json::from_str(text).map_err(|error| format!("it is no JSON: {error}"));
    }
    serde_saphyr::from_str(text).map_err(|error| format!("it is no YAML: {error}"))
}

fn dialect(document: &Value) -> Result<Dialect, String> {
    match document.get("openapi").and_then(Value::as_str) {
        Some(version) if version.starts_with("3.0.") => Ok(Dialect::V30),
        Some(version) if version.starts_with("3.1.") => Ok(Dialect::V31),
        Some(version) => Err(format!("it is of OpenAPI {version}: 3.0 and 3.1 are read")),
        None => Err(String::from("it is no OpenAPI document of version 3: it has no text 'openapi'")),
    }
}

/// Every operation of the document that could be a method.
fn operations<'a>(document: &'a Value, dialect: Dialect, mistakes: &mut Vec<String>) -> Vec<Found<'a>> {
    let mut all = Vec::new();
    let paths = document.get("paths").and_then(Value::as_object);
    for (path, item) in paths.into_iter().flatten().filter(|(path, _)| !path.starts_with("x-")) {
        match resolved(document, item) {
            Err(mistake) => mistakes.push(format!("{path}: {mistake}")),
            Ok(item) => all.extend(VERBS.iter().filter_map(|verb| {
                let operation = item.get(verb)?;
                Some(Found { document, dialect, path, item, verb, operation })
            })),
        }
    }
    if all.len() > OPERATIONS_MAX {
        mistakes.push(format!("it has {} operations, at most {OPERATIONS_MAX} become methods", all.len()));
        all.clear();
    }
    all
}

fn chosen<'a>(all: Vec<Found<'a>>, only: Option<&[String]>, mistakes: &mut Vec<String>) -> Vec<Found<'a>> {
    let Some(only) = only else { return all };
    let names: Vec<String> = all.iter().map(Found::name).collect();
    for name in only.iter().filter(|name| !names.contains(name)) {
        mistakes.push(format!("it has no operation for the method '{name}': it has {}", names.join(", ")));
    }
    all.into_iter().zip(names).filter(|(_, name)| only.contains(name)).map(|(found, _)| found).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// A document with this operation at a path.
    fn with(path: &str, operation: Value) -> String {
        json!({ "openapi": "3.1.0", "paths": { path: { "get": operation } } }).to_string()
    }

    fn mistakes(text: &str) -> Vec<String> {
        OpenApiDocument::read(text, None).expect_err("it has mistakes")
    }

    const NO_BODY: &str = r#"{ "200": { "description": "Done" } }"#;

    fn answers() -> Value {
        serde_json::from_str(NO_BODY).expect("JSON")
    }

    #[test]
    fn what_no_method_can_be_made_of_is_refused_with_its_place() {
        let parameter = |parameter: Value| json!({ "responses": answers(), "parameters": [parameter] });
        let schema = |schema: Value| json!({ "responses": { "200": { "content": { "application/json": { "schema": schema } } } } });
        let header = |name: &str| parameter(json!({ "name": name, "in": "header", "schema": {} }));
        let cases = [
            (json!({}), "responses"),
            (json!({ "operationId": "then", "responses": answers() }), "'then'"),
            (json!({ "operationId": "1st", "responses": answers() }), "'1st'"),
            (parameter(json!({ "name": "sid", "in": "cookie" })), "cookie"),
            (parameter(json!({ "name": "id", "in": "path" })), "no place"),
            (parameter(json!({ "name": "q", "in": "query", "style": "deepObject" })), "style"),
            (parameter(json!({ "name": "q", "in": "query", "content": {} })), "style"),
            (parameter(json!({ "name": "__proto__", "in": "query" })), "__proto__"),
            (parameter(json!({ "in": "query" })), "no name"),
            (parameter(json!({ "$ref": "other.json#/p" })), "out of the document"),
            (header("Host"), "'Host'"),
            (header("Cookie"), "'Cookie'"),
            (header("content-length"), "'content-length'"),
            (header("Transfer-Encoding"), "'Transfer-Encoding'"),
            (header("X-Forwarded-For"), "'X-Forwarded-For'"),
            (header("Proxy-Authorization"), "'Proxy-Authorization'"),
            (header("Skerry-Lineage"), "'Skerry-Lineage'"),
            (header("a b"), "'a b'"),
            (schema(json!({ "$ref": "https://elsewhere.example/s.json" })), "out of the document"),
            (schema(json!({ "$ref": "#/components/schemas/None" })), "nowhere"),
            (schema(json!({ "pattern": "(?=x)" })), "regex"),
            (schema(json!({ "type": "colour" })), "schema"),
            (schema(json!({ "description": "x".repeat(70_000) })), "bytes"),
            (json!({ "responses": answers(), "requestBody": { "content": { "text/xml": {} } } }), "application/json"),
        ];
        for (operation, part) in cases {
            let found = mistakes(&with("/things", operation.clone()));
            assert_eq!(found.len(), 1, "{operation}: {found:?}");
            assert!(found[0].starts_with("GET /things: ") && found[0].contains(part), "{operation}: {found:?}");
        }
    }

    #[test]
    fn what_is_no_document_is_refused() {
        for (text, part) in [
            ("", "openapi"),
            ("{", "JSON"),
            ("a: [", "YAML"),
            ("swagger: '2.0'", "openapi"),
            ("openapi: 3.2.0", "3.2.0"),
            ("openapi: 3.1.0", "no operation"),
            (r#"{"openapi":"3.1.0","paths":{"/a":{"options":{}}}}"#, "no operation"),
            (&"x".repeat(BYTES_MAX + 1), "bytes"),
        ] {
            let found = mistakes(text);
            assert!(found.len() == 1 && found[0].contains(part), "{text:.100}: {found:?}");
        }
        let bomb: String = (1..30).map(|n| format!("a{n}: &a{n} [*a{}, *a{}]\n", n - 1, n - 1)).collect();
        assert!(mistakes(&format!("a0: &a0 [x, x]\n{bomb}"))[0].contains("YAML"));
    }

    #[test]
    fn two_operations_of_one_name_are_refused_and_names_are_made_where_there_are_none() {
        let operation = |id: &str| json!({ "operationId": id, "responses": answers() });
        let document = json!({ "openapi": "3.0.3", "paths": {
            "/a": { "get": operation("list_things"), "post": operation("listThings") },
            "/b/{id}": { "delete": { "responses": answers(), "parameters": [{ "name": "id", "in": "path" }] } },
        } })
        .to_string();
        let found = mistakes(&document);
        assert!(found.len() == 1 && found[0].contains("'listThings'"), "{found:?}");
        let only = [String::from("deleteBId")];
        let read = OpenApiDocument::read(&document, Some(&only)).expect("the others do not matter");
        assert_eq!(read.methods().iter().map(|method| method.name.as_str()).collect::<Vec<_>>(), ["deleteBId"]);
        let found = OpenApiDocument::read(&document, Some(&[String::from("none")])).expect_err("it is not there");
        assert!(found[0].contains("'none'") && found[0].contains("deleteBId"), "{found:?}");
    }

    #[test]
    fn methods_are_described_with_schemas_that_stand_alone() {
        let document = include_str!("../../../../../tests/fixtures/services/billing.json");
        let document = OpenApiDocument::read(document, None).expect("a document");
        let method = |name: &str| document.methods().iter().find(|method| method.name == name).expect("a method");
        let put = method("putInvoice");
        let shape: Vec<(&str, bool)> =
            put.parameters.iter().map(|parameter| (parameter.name.as_str(), parameter.is_optional)).collect();
        assert_eq!(shape, [("parameters", false), ("body", true)]);
        let answer = put.answer.as_ref().expect("a schema");
        assert_eq!(answer["$ref"], "#/$defs/Invoice");
        assert_eq!(answer["$defs"]["Invoice"]["properties"]["parent"]["$ref"], "#/$defs/Invoice");
        assert_eq!(method("deleteInvoice").answer, Some(json!({ "type": "null" })));
        assert_eq!(method("pay").parameters, []);
        assert_eq!(method("pay").answer, Some(json!({ "type": "string" })));
        assert_eq!(method("getStatus").answer, None);
        let list = method("listInvoices");
        assert!(list.parameters[0].is_optional);
        let schema = list.parameters[0].schema.as_ref().expect("a schema");
        assert!(schema["properties"].get("Authorization").is_none(), "{schema}");
    }
}
