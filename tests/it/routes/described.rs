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

/// Whether the domain takes a text.
type Takes = fn(&str) -> bool;

#[test]
fn the_forms_of_names_are_those_that_the_domain_takes() {
    let document = document();
    let of = |schema: &str, field: &str| {
        let described = document["components"]["schemas"][schema]["properties"][field].clone();
        jsonschema::validator_for(&described).unwrap_or_else(|error| panic!("{schema}.{field}: {error}"))
    };
    let judges: [(&str, &str, Takes); 6] = [
        ("NewScript", "name", |text| domain::ScriptName::parse(text).is_ok()),
        ("NewRole", "name", |text| domain::RoleName::parse(text).is_ok()),
        ("NewTenant", "slug", |text| domain::TenantSlug::parse(text).is_ok()),
        ("NewEvent", "type", |text| domain::EventType::parse(text).is_ok()),
        ("NewTenant", "name", |text| domain::DisplayName::parse("name", text).is_ok()),
        ("NewUser", "email", |text| domain::EmailAddress::parse(text).is_ok()),
    ];
    let long = |letter: &str, count: usize| letter.repeat(count);
    let texts = [
        "",
        "a",
        "A",
        "0",
        "-",
        ".",
        "_",
        "a.",
        "a..b",
        "a.b",
        ".a",
        "a-b",
        "a_b",
        "-a",
        "_a",
        "0a",
        "a b",
        " a",
        "a ",
        "a\u{a0}",
        "\u{3000}a",
        "a\nb",
        "a\tb",
        "a\n",
        "\n",
        "a\u{0}",
        "a\u{7f}",
        "a\u{85}b",
        "a\u{200b}b",
        "a\u{202e}b",
        "a\u{2066}b",
        "\u{feff}a",
        "ä",
        "李",
        "🚀",
        "Zoë 🚀",
        "O'Brien",
        "a@b",
        "a@b.c",
        "a@b.c\n",
        "Ada@Example.com",
        "@",
        "a@",
        "@b",
        "a@b@c",
        "a b@c",
        "a@b..c",
        "a@-b",
        "a@b-",
        ".a@b",
        "a.@b",
        "a..b@c",
        "ä@b",
        "a+b@c.d",
        "<a@b>",
    ];
    let limits = [50, 51, 63, 64, 100, 101, 200, 201, 255, 256].map(|count| long("a", count));
    let wide = ["ä", "🚀"].iter().flat_map(|letter| [255, 256].map(|count| long(letter, count)));
    let addresses =
        [(64, 3), (10, 63), (10, 64)].map(|(local, host)| format!("{}@{}", long("a", local), long("b", host)));
    let texts = texts.iter().map(|text| (*text).to_owned()).chain(limits).chain(wide).chain(addresses);
    let texts: Vec<String> = texts.collect();
    for (schema, field, takes) in judges {
        let described = of(schema, field);
        for text in &texts {
            // What the domain reserves beside its form is no matter of a pattern.
            assert_eq!(described.is_valid(&json!(text)), takes(text), "{schema}.{field}: {text:?}");
        }
    }
}
