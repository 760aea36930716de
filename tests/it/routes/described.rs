//! The API's description: complete, and its examples are what it says.

use serde_json::{Value, json};

/// Operations whose answer is this description itself, or depends on the state of the server.
const WITHOUT_EXAMPLE: &[&str] = &["show_openapi", "show_readiness"];

fn document() -> Value {
    serde_json::from_str(&server::openapi().unwrap()).unwrap()
}

/// Each operation with its id.
fn operations(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = document["paths"].as_object().unwrap().values();
    let described = paths.flat_map(|methods| methods.as_object().unwrap().values());
    described.map(|operation| (operation["operationId"].as_str().unwrap(), operation))
}

/// The JSON that an operation takes, and what it answers with where all is well.
fn bodies(operation: &Value) -> Vec<(&str, &Value)> {
    let responses = operation["responses"].as_object().unwrap().iter();
    let fine = responses.filter(|(status, _)| status.starts_with('2')).map(|(status, body)| (status.as_str(), body));
    let all = std::iter::once(("request", &operation["requestBody"])).chain(fine);
    let mut found = Vec::new();
    for (what, body) in all {
        let contents = body["content"].as_object().into_iter().flatten();
        found.extend(contents.filter(|(kind, _)| kind.ends_with("json")).map(|(_, content)| (what, content)));
    }
    found
}

#[test]
fn every_body_has_an_example_that_is_what_its_schema_says() {
    let document = document();
    let mut wrong = Vec::new();
    for (id, operation) in operations(&document).filter(|(id, _)| !WITHOUT_EXAMPLE.contains(id)) {
        for (what, content) in bodies(operation) {
            let Some(example) = content.get("example").filter(|example| !example.is_null()) else {
                wrong.push(format!("{id}: no example of {what}"));
                continue;
            };
            let mut schema = content["schema"].clone();
            schema["components"] = document["components"].clone();
            let validator = jsonschema::validator_for(&schema).unwrap_or_else(|error| panic!("{id}: {error}"));
            wrong.extend(
                validator.iter_errors(example).map(|error| format!("{id} {what}: {} {error}", error.instance_path())),
            );
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn every_operation_says_what_it_does_who_may_call_it_and_what_is_answered_to_others() {
    for (id, operation) in operations(&document()) {
        let text = operation["description"].as_str().unwrap_or_default();
        assert!(text.contains("Needs ") && operation["summary"].is_string(), "{id}: {text}");
        let is_open = operation["security"] == json!([]) || operation["security"] == json!([{}]);
        let is_guarded = operation["responses"].get("401").is_some();
        assert!(is_open || is_guarded, "{id} describes no 401");
        assert_eq!(text.contains("Needs no token"), is_open, "{id}");
    }
}
