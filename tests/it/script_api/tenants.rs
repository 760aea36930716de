//! A tenant's own types: what `GET /api/v1/types` answers.

use std::{collections::BTreeMap, sync::Arc};

use app::{App, AppConfig, Service, ServiceCall, ServiceError, ServiceMethod, ServiceParameter, Services};
use domain::{Permissions, Principal};
use futures_util::future::BoxFuture;
use serde_json::{Value, json};

use crate::tidy::read;

/// A service that is only described.
struct Described(Vec<ServiceMethod>);

impl Service for Described {
    fn methods(&self) -> &[ServiceMethod] {
        &self.0
    }

    fn call(&self, _call: ServiceCall) -> BoxFuture<'static, Result<Value, ServiceError>> {
        Box::pin(async { Err(ServiceError::Unavailable(String::from("it is only described"))) })
    }
}

#[tokio::test]
async fn a_tenants_types_name_its_services() {
    let (app, principal) = stage().await;
    let types = app.types().of_tenant(&principal).unwrap();
    // TypeScript reads the same file, and uses of it, in `./just types`.
    let path = "tests/fixtures/types/services.d.ts";
    assert!(types.text.contains(&read(path)), "{path} is old: it should be\n{}", services_in(&types.text));
    assert_eq!(types.digest.len(), 32);
    assert_eq!(app.types().of_tenant(&principal).unwrap(), types);
}

#[tokio::test]
async fn types_are_for_those_who_read_scripts() {
    let (app, principal) = stage().await;
    let stranger = Principal { permissions: Permissions::NONE, ..principal };
    assert!(app.types().of_tenant(&stranger).is_err());
}

/// An application with the sample collection and two connected services.
async fn stage() -> (App, Principal) {
    let services = [("billing", billing()), ("hostile", hostile())];
    let services: BTreeMap<String, Arc<dyn Service>> = services
        .into_iter()
        .map(|(name, methods)| (name.to_owned(), Arc::new(Described(methods)) as Arc<dyn Service>))
        .collect();
    let config = AppConfig { services: Services::new(services), ..AppConfig::in_memory() };
    let app = App::open(config).await.unwrap();
    let bootstrap = app.bootstrap(true).await.unwrap().unwrap();
    let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
    (app, principal)
}

fn billing() -> Vec<ServiceMethod> {
    let invoice = json!({
        "type": "object",
        "title": "Invoice",
        "description": "What somebody owes.",
        "required": ["id", "state", "lines"],
        "properties": {
            "id": { "type": "string", "format": "uuid" },
            "state": { "enum": ["open", "paid", null] },
            "lines": { "type": "array", "items": { "$ref": "#/$defs/line" } },
            "extra": { "type": "object", "additionalProperties": { "type": "number" } },
        },
        "$defs": {
            "line": {
                "type": "object",
                "required": ["text"],
                "properties": { "text": { "type": "string" }, "parts": { "type": "array", "items": { "$ref": "#/$defs/line" } } },
            },
        },
    });
    let query = json!({ "type": "object", "required": ["id"], "properties": { "id": { "type": "string" }, "expand": { "type": "boolean" } } });
    vec![
        method("getInvoice", "One invoice.", vec![("query", false, query)], invoice),
        method("ping", "", Vec::new(), json!({ "const": "pong" })),
    ]
}

/// Texts that would end a comment, a literal or a declaration.
fn hostile() -> Vec<ServiceMethod> {
    let breaking = "*/ declare const owned: 1; /*";
    let schema = json!({
        "type": "object",
        "title": "*/",
        "description": breaking,
        "properties": {
            "a\": 1; \"b": { "const": "\"; declare const owned: 1; \"" },
            "__proto__": { "type": "string", "description": "\u{202e}\u{2028}*/" },
            "${x}`": { "enum": ["`${x}`", "\\", "\n"] },
        },
    });
    vec![
        method(
            "take",
            breaking,
            vec![("constructor(", true, schema.clone()), ("class", false, schema.clone())],
            schema,
        ),
        method("never", "", vec![("a", true, json!({ "$ref": "#" })), ("a", true, json!({ "not": {} }))], json!(false)),
    ]
}

fn method(name: &str, description: &str, parameters: Vec<(&str, bool, Value)>, answer: Value) -> ServiceMethod {
    let parameter = |(name, is_optional, schema): (&str, bool, Value)| ServiceParameter {
        name: name.to_owned(),
        is_optional,
        schema: Some(schema),
    };
    ServiceMethod {
        name: name.to_owned(),
        description: description.to_owned(),
        parameters: parameters.into_iter().map(parameter).collect(),
        answer: Some(answer),
    }
}

/// The part of the declarations that is the tenant's own.
fn services_in(text: &str) -> &str {
    let start = text.find("interface Services").unwrap();
    let length = text[start..].find("\n\n/** The methods of a service").unwrap();
    &text[start..start + length + 1]
}
