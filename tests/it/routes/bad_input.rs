//! Bad input, sent to every operation that the API's description knows: what is refused is refused by name, and by all alike.

use serde_json::{Value, json};

use super::{
    client::{Answer, Call},
    stage::Stage,
};

/// Operations by which people sign in or that only a session may call: a token is nobody there.
const OF_SESSIONS: &[&str] = &[
    "accept_invitation",
    "change_password",
    "choose_tenant",
    "end_other_sessions",
    "end_session",
    "sign_out",
    "browse_sessions",
    "show_session",
];

/// Bodies that are a tenant's own objects, with any members.
const FREE: &[&str] = &["put_document"];

/// Fields that nobody sets by naming them.
const FORBIDDEN: &[&str] =
    &["tenant_id", "role", "created_by", "version", "id", "permissions", "is_operator", "__proto__"];

/// A server with a token for its tenant and one for operators.
struct Asked {
    stage: Stage,
    operator: String,
    document: Value,
}

/// One operation of the description.
struct Operation<'a> {
    id: &'a str,
    method: String,
    path: String,
    described: &'a Value,
}

impl Asked {
    async fn open() -> Self {
        let stage = Stage::open_with("[hooks.\"order.validate\"]\non_failure = 'open'\n").await;
        let operator = stage.server.app().deployment_token().await.unwrap().text;
        let document = serde_json::from_str(&server::openapi().unwrap()).unwrap();
        Self { stage, operator, document }
    }

    /// Every operation, about things that are there as far as samples have them.
    fn operations(&self) -> Vec<Operation<'_>> {
        let mut found = Vec::new();
        for (template, methods) in self.document["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                let id = described["operationId"].as_str().unwrap();
                let path = template
                    .replace("{script}", "order-rules")
                    .replace("{number}", "1")
                    .replace("{slot}", "primary")
                    .replace("{point}", "order.validate")
                    .replace("{collection}", "products");
                // Before a body is read, an address has to be one that could be somebody's.
                let path =
                    if method == "get" { path } else { path.replace("{plan}", "none").replace("{role}", "none") };
                if !OF_SESSIONS.contains(&id) {
                    found.push(Operation { id, method: method.to_uppercase(), path, described });
                }
            }
        }
        found
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let token = if path.contains("/operator/") { &self.operator } else { &self.stage.token };
        self.stage.stranger(method, path).header("authorization", &format!("Bearer {token}"))
    }
}

impl Operation<'_> {
    fn takes(&self, parameter: &str) -> bool {
        let parameters = self.described["parameters"].as_array();
        parameters.is_some_and(|all| all.iter().any(|one| one["name"] == parameter && one["in"] == "query"))
    }

    /// The example of its body; `None` where it has none.
    fn body(&self) -> Option<Value> {
        let content = self.described["requestBody"]["content"].as_object()?.values().next()?;
        Some(content["example"].clone())
    }

    /// The call with the tag that it cannot do without.
    fn with_tag(&self, call: Call) -> Call {
        if self.id == "save_draft" { call.header("if-match", "\"1\"") } else { call }
    }

    /// The path with something that is nowhere in each place that is left.
    fn path_of(&self, id: &str) -> String {
        let mut path = self.path.clone();
        while let Some((before, rest)) = path.split_once('{') {
            path = format!("{before}{id}{}", rest.split_once('}').unwrap().1);
        }
        path
    }
}

/// The field that a refusal names first.
fn field(answer: &Answer, what: &str) -> String {
    assert_eq!(answer.status, 422, "{what}: {} {}", answer.status, answer.text());
    let problem = answer.expect_problem(422, "invalid");
    problem["errors"][0]["field"].as_str().unwrap_or_else(|| panic!("{what}: {problem}")).to_owned()
}

/// The body that makes something of this name.
type Body = fn(&str) -> Value;

const NOWHERE: &str = "0190b0a0-0000-7000-8000-000000000000";

#[tokio::test(flavor = "multi_thread")]
async fn every_list_refuses_pages_of_none_and_of_a_million_and_cursors_that_nobody_gave() {
    let asked = Asked::open().await;
    let foreign = asked.stage.get("/api/v1/scripts?limit=1").await.expect(200)["next_cursor"].clone();
    let foreign = foreign.as_str().unwrap();
    let (mut limited, mut paged) = (0, 0);
    for operation in asked.operations().iter().filter(|operation| operation.method == "GET") {
        let path = operation.path_of(NOWHERE);
        for limit in ["0", "-1", "201", "1000000", "99999999999999999999", "1.5", "x", ""] {
            if operation.takes("limit") {
                let answer = asked.call("GET", &format!("{path}?limit={limit}")).send().await;
                assert_eq!(field(&answer, operation.id), "limit", "{}", operation.id);
                limited += 1;
            }
        }
        let of_another_list = if operation.id == "browse_scripts" { "AAAA" } else { foreign };
        for cursor in ["", "AAAA", "nobody-gave-this", "%00", of_another_list] {
            if operation.takes("cursor") {
                let answer = asked.call("GET", &format!("{path}?cursor={cursor}")).send().await;
                assert_eq!(field(&answer, operation.id), "cursor", "{}", operation.id);
                paged += 1;
            }
        }
    }
    assert!(limited > 8 * 15 && paged > 5 * 15, "{limited} {paged}");
    // The same where a cursor is part of a body.
    let filter = json!({ "filter": { "status": ["failed"] }, "cursor": foreign });
    for path in ["/api/v1/executions/cancel", "/api/v1/executions/retry"] {
        let body = if path.ends_with("cancel") { json!({ "filter": {}, "cursor": foreign }) } else { filter.clone() };
        assert_eq!(field(&asked.stage.post(path, body).await, path), "cursor");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_in_another_content_type_is_refused() {
    let asked = Asked::open().await;
    let mut sent = 0;
    for operation in asked.operations() {
        let Some(body) = operation.body() else { continue };
        for kind in
            ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "application/xml", "", "json"]
        {
            let call = asked.call(&operation.method, &operation.path_of(NOWHERE)).body(body.to_string());
            let call = if kind.is_empty() { call } else { call.header("content-type", kind) };
            let answer = operation.with_tag(call).send().await;
            assert_eq!(answer.status, 415, "{} as {kind}: {}", operation.id, answer.text());
            answer.expect_problem(415, "unsupported_media_type");
            sent += 1;
        }
    }
    assert!(sent > 6 * 40, "{sent}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_body_refuses_fields_that_it_does_not_know_by_their_names() {
    let asked = Asked::open().await;
    let mut sent = 0;
    for operation in asked.operations().iter().filter(|operation| !FREE.contains(&operation.id)) {
        let Some(body) = operation.body() else { continue };
        let own = body.as_object().unwrap_or_else(|| panic!("{} has no example", operation.id));
        let text = operation.described["requestBody"]["content"].to_string();
        for forbidden in FORBIDDEN.iter().filter(|name| !own.contains_key(**name) && !knows(&asked, &text, name)) {
            let mut body = body.clone();
            body[*forbidden] = json!(NOWHERE);
            let call = asked.call(&operation.method, &operation.path_of(NOWHERE)).json(&body);
            let answer = operation.with_tag(call).send().await;
            let field = field(&answer, &format!("{} with {forbidden}", operation.id));
            assert!(
                field.contains(forbidden) || answer.text().contains(forbidden),
                "{}: {}",
                operation.id,
                answer.text()
            );
            sent += 1;
        }
    }
    assert!(sent > 40 * 6, "{sent}");
}

/// Whether the body's schema has a field of this name.
fn knows(asked: &Asked, content: &str, name: &str) -> bool {
    let Some((_, rest)) = content.split_once("#/components/schemas/") else { return false };
    let schema = &asked.document["components"]["schemas"][rest.split('"').next().unwrap()];
    schema.to_string().contains(&format!("\"{name}\":"))
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_of_another_kind_names_nothing() {
    let asked = Asked::open().await;
    let me = asked.stage.get("/api/v1/me").await.expect(200);
    let (token, user) = (me["token_id"].as_str().unwrap(), me["user"]["id"].as_str().or(me["user_id"].as_str()));
    let ids = [token, user.unwrap_or(NOWHERE), "0", "1-1-1", "%F0%9F%9A%80", "a%2F..%2Fb"];
    let mut asked_for = 0;
    for operation in asked.operations().iter().filter(|operation| operation.method == "GET") {
        if !operation.path.contains('{') {
            continue;
        }
        for id in ids.iter().filter(|id| !operation.path.contains("{token}") || **id != token) {
            if (operation.path.contains("{member}") || operation.path.contains("{user}")) && Some(*id) == user {
                continue;
            }
            let answer = asked.call("GET", &operation.path_of(id)).send().await;
            assert_eq!(answer.status, 404, "{} of {id}: {}", operation.id, answer.text());
            asked_for += 1;
        }
    }
    assert!(asked_for > 100, "{asked_for}");
}

#[tokio::test(flavor = "multi_thread")]
async fn names_have_255_characters_whatever_they_are_and_hide_nothing() {
    let asked = Asked::open().await;
    let made: [(&str, &str, Body); 4] = [
        ("/api/v1/tokens", "name", |name| json!({ "name": name, "permissions": [] })),
        ("/api/v1/operator/tokens", "name", |name| json!({ "name": name })),
        (
            "/api/v1/operator/users",
            "name",
            |name| json!({ "email": format!("{}@example.com", uuid::Uuid::now_v7()), "name": name }),
        ),
        ("/api/v1/sign-in/providers", "name", |name| {
            json!({
                "name": name, "issuer": "https://nobody.invalid", "client_id": uuid::Uuid::now_v7().to_string(),
                "default_role": "viewer"
            })
        }),
    ];
    let longest = ["a", "ä", "李", "🚀"].map(|letter| letter.repeat(255));
    let too_long = ["a", "ä", "李", "🚀"].map(|letter| letter.repeat(256));
    let refused = ["", " ", " a", "a\u{202e}b", "a\u{2066}b", "a\u{200b}b", "a\nb", "\u{1b}[31m", "a\u{7f}"];
    for (path, named, body) in made {
        for name in longest.iter().map(String::as_str).chain(["Zoë 🚀", "שלום"]) {
            let answer = asked.call("POST", path).json(&body(name)).send().await;
            assert_eq!(answer.status, 201, "{path} {name}: {}", answer.text());
            assert!(answer.text().contains(name) || path.ends_with("tokens"), "{path}: {}", answer.text());
        }
        for name in too_long.iter().map(String::as_str).chain(refused) {
            let answer = asked.call("POST", path).json(&body(name)).send().await;
            assert_eq!(field(&answer, &format!("{path} {name:?}")), named);
        }
    }
    // A script's name is a part of addresses and files: of ASCII, and shorter.
    let script = |name: &str| json!({ "name": name, "kind": "one_off", "source": "export default () => 1" });
    asked.stage.post("/api/v1/scripts", script(&"a".repeat(100))).await.expect(201);
    for name in ["a".repeat(101), String::from("a..b"), String::from("🚀"), String::from("a\u{202e}b"), String::new()]
    {
        assert_eq!(field(&asked.stage.post("/api/v1/scripts", script(&name)).await, &name), "name");
    }
    let described = |text: String| {
        let mut body = script(&format!("s{}", uuid::Uuid::now_v7().simple()));
        body["description"] = json!(text);
        body
    };
    asked.stage.post("/api/v1/scripts", described("🚀".repeat(2_000))).await.expect(201);
    let answer = asked.stage.post("/api/v1/scripts", described("🚀".repeat(2_001))).await;
    assert_eq!(field(&answer, "a description"), "description");
}

#[tokio::test]
async fn a_range_that_ends_before_it_begins_is_refused_by_its_end() {
    let stage = Stage::open().await;
    let (early, late) = ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z");
    for (path, named) in [
        (format!("/api/v1/executions?after={late}&before={early}"), "before"),
        (format!("/api/v1/executions?after={late}&before={late}"), "before"),
        (format!("/api/v1/executions?accepted_after={late}&accepted_before={early}"), "accepted_before"),
        (String::from("/api/v1/executions?duration_min_ms=2&duration_max_ms=1"), "duration_max_ms"),
        (format!("/api/v1/audit?since={late}&until={early}"), "until"),
    ] {
        assert_eq!(field(&stage.get(&path).await, &path), named);
    }
    stage.get(&format!("/api/v1/executions?after={early}&before={late}")).await.expect(200);
    let filter = json!({ "filter": { "after": late, "before": early } });
    assert_eq!(field(&stage.post("/api/v1/executions/cancel", filter).await, "cancel"), "before");
}
