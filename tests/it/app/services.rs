//! The operator's HTTP services, as scripts reach them: real scripts, a real service on a loopback port (RULES 34).

use std::{collections::BTreeMap, time::Duration};

use app::{App, AppConfig, BreakerSettings, OpenApiConfig, OpenApiDocument, ServiceBase};
use domain::{Capabilities, Permission, Principal};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::{
    stage::{self, Stage, json as result},
    upstream::{Reaction, Upstream},
};

const BILLING: &str = include_str!("../../fixtures/services/billing.json");

/// Calls a method and says what came of it, without failing.
const CALL: &str = "export default async ({ service = 'billing', method, args = [] }) => {
    try { return { answer: await services[service][method](...args) } }
    catch (error) { return { name: error.name, code: error.code, message: error.message } }
}";

const INVOICE: &str = r#"{"id":"7","total":12.5}"#;

pub(super) fn openapi(upstream: &Upstream) -> OpenApiConfig {
    OpenApiConfig {
        base: ServiceBase::parse(&format!("http://{}/v1", upstream.address)).unwrap(),
        document: OpenApiDocument::read(BILLING, None).unwrap(),
        audience: String::from("billing"),
        timeout: Duration::from_secs(10),
        retries: 2,
        breaker: BreakerSettings { failures: 1_000, pause: Duration::from_secs(600) },
        private: Some("127.0.0.0/8".parse().unwrap()),
        metadata_only: Vec::new(),
    }
}

/// A stage with a script that calls the service `billing`.
pub(super) async fn stage_with(billing: OpenApiConfig) -> Stage {
    let services = BTreeMap::from([(String::from("billing"), billing)]);
    let stage = Stage::set_with(|config| config.openapi = services).await;
    let capabilities = Capabilities { services: vec![String::from("billing.*")], ..Capabilities::default() };
    stage.deploy_with("call", CALL, capabilities, None).await;
    stage
}

async fn stage_of(upstream: &Upstream) -> Stage {
    stage_with(openapi(upstream)).await
}

/// Call a method with these arguments.
pub(super) async fn call(stage: &Stage, method: &str, args: Value) -> Value {
    stage.answer("call", &json!({ "method": method, "args": args }).to_string()).await
}

async fn invoices() -> Upstream {
    Upstream::start(|_, _| Reaction::json(200, INVOICE)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_method_that_is_recorded_as_metadata_nothing_is_kept_but_that_it_was_called() {
    let upstream = invoices().await;
    let billing = OpenApiConfig { metadata_only: vec![String::from("getInvoice")], ..openapi(&upstream) };
    let stage = stage_with(billing).await;
    let input = json!({ "method": "getInvoice", "args": [{ "id": "7" }] }).to_string();
    let execution = stage.run("call", &input).await.execution.id;
    let calls = stage.app.executions().calls(&stage.principal, execution).unwrap();
    assert_eq!((calls[0].name.as_str(), &calls[0].asked, &calls[0].answered), ("services.call", &None, &None));
    assert!(calls[0].bytes_answered > Some(0));
    let replay = stage.app.executions().replay(&stage.principal, execution, None).await;
    assert!(matches!(replay, Err(app::AppError::NotRecorded)), "{replay:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_calls_a_service_by_what_its_document_says() {
    let upstream = Upstream::start(|asked, _| match asked.method.as_str() {
        "GET" => Reaction::json(200, format!("[{INVOICE}]")),
        "POST" => Reaction::json(201, INVOICE),
        _ => Reaction::Answer(204, Vec::new(), String::new()),
    })
    .await;
    let stage = stage_of(&upstream).await;
    let parameters = json!({ "status": ["open", "paid"], "tags": ["a b", "c,d"], "limit": 5, "X-Trace": "t 1" });
    let listed = call(&stage, "listInvoices", json!([parameters])).await;
    assert_eq!(listed, json!({ "answer": [{ "id": "7", "total": 12.5 }] }));
    let created = call(&stage, "createInvoice", json!([{ "customer": "Ä", "lines": [1, 2.5] }])).await;
    assert_eq!(created["answer"]["id"], "7", "{created}");
    assert_eq!(call(&stage, "deleteInvoice", json!([{ "id": "a/b" }])).await, json!({ "answer": null }));

    let [list, create, delete] = <[_; 3]>::try_from(upstream.asked()).unwrap();
    assert_eq!(list.target, "/v1/invoices?status=open&status=paid&tags=a%20b,c%2Cd&limit=5");
    assert_eq!(
        (list.header("x-trace"), list.header("accept"), list.header("content-type")),
        ("t 1", "application/json", "")
    );
    assert_eq!((create.method.as_str(), create.target.as_str()), ("POST", "/v1/invoices"));
    assert_eq!(create.header("content-type"), "application/json");
    assert_eq!(serde_json::from_slice::<Value>(&create.body).unwrap(), json!({ "customer": "Ä", "lines": [1, 2.5] }));
    assert_eq!((delete.method.as_str(), delete.target.as_str()), ("DELETE", "/v1/invoices/a%2Fb"));
    for asked in [list, create, delete] {
        assert!(!asked.header("skerry-lineage").is_empty() && !asked.header("idempotency-key").is_empty(), "{asked:?}");
        assert_eq!(asked.header("cookie"), "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_in_yaml_of_openapi_30_is_read_as_well() {
    let upstream = Upstream::start(|_, _| Reaction::json(200, r#"{"url":null,"weight":0.5}"#)).await;
    let document = OpenApiDocument::read(include_str!("../../fixtures/services/shipping.yaml"), None).unwrap();
    let stage = stage_with(OpenApiConfig { document, ..openapi(&upstream) }).await;
    let label = call(&stage, "label", json!([{ "parcel": 7, "format": "pdf" }])).await;
    assert_eq!(label, json!({ "answer": { "url": null, "weight": 0.5 } }));
    assert_eq!(upstream.only().target, "/v1/parcels/7/label.pdf");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_parameter_leads_out_of_its_place_in_the_path() {
    let upstream = invoices().await;
    let stage = stage_of(&upstream).await;
    for id in [".", "..", ""] {
        let refused = call(&stage, "getInvoice", json!([{ "id": id }])).await;
        assert_eq!(refused["name"], "TypeError", "{id:?}: {refused}");
        assert!(refused["message"].as_str().unwrap().contains("'id'"), "{refused}");
    }
    assert!(upstream.asked().is_empty(), "nothing was sent");
    let kept = [
        ("../admin", "..%2Fadmin"),
        ("..\\admin", "..%5Cadmin"),
        ("%2e%2e", "%252e%252e"),
        ("%2e%2e/x", "%252e%252e%2Fx"),
        ("a?admin=1", "a%3Fadmin%3D1"),
        ("a#b", "a%23b"),
        ("//evil.example/", "%2F%2Fevil.example%2F"),
        ("@evil.example", "%40evil.example"),
        ("a b\r\nHost: x", "a%20b%0D%0AHost%3A%20x"),
        ("\u{0}", "%00"),
        ("http://evil.example", "http%3A%2F%2Fevil.example"),
        ("...", "..."),
        ("．．", "%EF%BC%8E%EF%BC%8E"),
        ("ä", "%C3%A4"),
    ];
    for (number, (id, segment)) in kept.into_iter().enumerate() {
        let answered = call(&stage, "getInvoice", json!([{ "id": id }])).await;
        assert_eq!(answered["answer"]["id"], "7", "{id:?}: {answered}");
        let asked = &upstream.asked()[number];
        assert_eq!(asked.target, format!("/v1/invoices/{segment}"), "{id:?}");
        assert_eq!(asked.header("host"), upstream.address.to_string());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn arguments_that_the_document_does_not_allow_are_refused_before_anything_is_sent() {
    let upstream = invoices().await;
    let stage = stage_of(&upstream).await;
    let cases = [
        ("getInvoice", json!([]), "id"),
        ("getInvoice", json!(["7"]), "object"),
        ("getInvoice", json!([{ "id": 7 }]), "string"),
        ("getInvoice", json!([{ "id": { "toString": 1 } }]), "string"),
        ("getInvoice", json!([{ "id": "7", "Host": "evil" }]), "Host"),
        ("getInvoice", json!([{ "id": "7", "__proto__": 1 }]), "__proto__"),
        ("getInvoice", json!([{ "id": "7" }, 1]), "more arguments"),
        ("listInvoices", json!([{ "limit": 101 }]), "100"),
        ("listInvoices", json!([{ "limit": 1.5 }]), "integer"),
        ("listInvoices", json!([{ "status": ["lost"] }]), "status"),
        ("listInvoices", json!([{ "X-Trace": "a\r\nb: c" }]), "X-Trace"),
        ("listInvoices", json!([{ "X-Trace": "ä" }]), "X-Trace"),
        ("listInvoices", json!([{ "Authorization": "Bearer own" }]), "Authorization"),
        ("pay", json!([{ "Idempotency-Key": "own" }]), "more arguments"),
        ("createInvoice", json!([]), "body"),
        ("createInvoice", json!([null]), "body"),
        ("createInvoice", json!([{ "customer": 7 }]), "string"),
        ("createInvoice", json!([{ "customer": "c", "lines": [1, "2"] }]), "/lines/1"),
        ("createInvoice", json!([{ "customer": "c", "admin": true }]), "admin"),
    ];
    for (method, args, part) in cases {
        let refused = call(&stage, method, args.clone()).await;
        let message = refused["message"].as_str().unwrap_or_default();
        assert_eq!(refused["name"], "TypeError", "{method} {args}: {refused}");
        assert!(message.starts_with(&format!("services.billing.{method}: ")), "{message}");
        assert!(message.contains(part) && message.len() < 500, "{method} {args}: {message}");
    }
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_the_document_does_not_promise_is_unavailable_and_little_of_it_is_shown() {
    let json_type = || vec![("content-type", String::from("application/json"))];
    let answers = [
        (Reaction::json(200, r#"{"id":"marker","total":"marker"}"#), "/total"),
        (Reaction::json(200, r#"{"id":"7"}"#), "total"),
        (Reaction::json(200, r#"{"id":"7","total":1,"parent":{"id":"marker"}}"#), "/parent"),
        (Reaction::json(200, "{\"marker\""), "JSON"),
        (Reaction::json(200, ""), "JSON"),
        (Reaction::json(200, format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000))), "JSON"),
        (Reaction::Answer(200, vec![("content-type", String::from("text/html"))], String::from("<p>marker")), "JSON"),
        (Reaction::Answer(200, json_type(), String::from("marker")), "JSON"),
        (Reaction::Answer(302, vec![("location", String::from("/v1/marker"))], String::new()), "302"),
        (Reaction::json(500, r#"{"stack":"marker"}"#), "500"),
        (Reaction::json(401, "{}"), "401"),
        (Reaction::json(418, "marker"), "418"),
    ];
    for (reaction, part) in answers {
        let shown = format!("{reaction:.200?}");
        let upstream = Upstream::start(move |_, _| reaction.clone()).await;
        let refused = call(&stage_of(&upstream).await, "getInvoice", json!([{ "id": "7" }])).await;
        assert_eq!(refused["code"], "unavailable", "{shown}: {refused}");
        let message = refused["message"].as_str().unwrap();
        assert!(message.contains(part) && !message.contains("marker") && message.len() < 500, "{shown}: {message}");
        assert_eq!(upstream.asked().len(), 1, "{shown}: no redirect is followed, and nothing is asked twice");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_service_refuses_is_an_error_by_its_status_with_its_title() {
    let cases = [
        (400, "TypeError", Value::Null),
        (403, "SkerryError", json!("capability_denied")),
        (404, "SkerryError", json!("not_found")),
        (409, "SkerryError", json!("conflict")),
        (410, "SkerryError", json!("not_found")),
        (422, "TypeError", Value::Null),
    ];
    for (status, name, code) in cases {
        let title = format!("No\u{1b}[31m such\n{}", "x".repeat(1_000));
        let body = json!({ "title": title, "detail": "marker" }).to_string();
        let upstream = Upstream::start(move |_, _| {
            let problem = vec![("content-type", String::from("application/problem+json"))];
            Reaction::Answer(status, problem, body.clone())
        })
        .await;
        let refused = call(&stage_of(&upstream).await, "getInvoice", json!([{ "id": "7" }])).await;
        let message = refused["message"].as_str().unwrap();
        assert_eq!((&refused["name"], &refused["code"]), (&json!(name), &code), "{status}: {refused}");
        assert!(message.contains(&format!("it answered {status}: No")), "{message}");
        assert!(message.len() < 300 && !message.contains(char::is_control) && !message.contains("marker"), "{message}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_comes_back_never_reaches_the_script() {
    let upstream = Upstream::start(|asked, _| {
        let echo = format!("{} {}", asked.token(), base64(asked.header("authorization").as_bytes()));
        Reaction::Answer(200, vec![("content-type", String::from("text/plain"))], echo)
    })
    .await;
    let stage = stage_of(&upstream).await;
    let echoed = call(&stage, "pay", json!([])).await.to_string();
    let token = upstream.only().token().to_owned();
    assert!(echoed.contains("[service token]"), "{echoed}");
    for part in token.split('.') {
        assert!(!echoed.contains(part) && !echoed.contains(&base64(part.as_bytes())[4..20]), "{part} in {echoed}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_be_sent_again_is_with_the_same_key_and_another_token() {
    let upstream = Upstream::start(|asked, before| match before {
        0 => Reaction::json(503, "{}"),
        1 => Reaction::Close,
        _ if asked.method == "GET" => Reaction::json(200, INVOICE),
        _ => Reaction::Answer(200, Vec::new(), String::from("paid")),
    });
    let upstream = upstream.await;
    let stage = stage_of(&upstream).await;
    assert_eq!(call(&stage, "getInvoice", json!([{ "id": "7" }])).await["answer"]["id"], "7");
    let [first, second, third] = <[_; 3]>::try_from(upstream.asked()).unwrap();
    assert_eq!(first.header("idempotency-key"), third.header("idempotency-key"));
    assert_eq!(second.header("idempotency-key"), third.header("idempotency-key"));
    assert_ne!(first.token(), second.token());
    assert_eq!(call(&stage, "pay", json!([])).await["answer"], "paid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_may_not_be_sent_again_is_sent_once_unless_its_operation_takes_a_key() {
    let upstream = Upstream::start(|_, _| Reaction::json(503, "{}")).await;
    let stage = stage_of(&upstream).await;
    let cases = [("createInvoice", json!([{ "customer": "c" }]), 1), ("pay", json!([]), 3)];
    let mut before = 0;
    for (method, args, times) in cases {
        assert_eq!(call(&stage, method, args).await["code"], "unavailable", "{method}");
        assert_eq!(upstream.asked().len() - before, times, "{method}");
        before = upstream.asked().len();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_of_one_execution_have_keys_of_their_own_and_a_replay_sends_nothing() {
    let upstream = Upstream::start(|_, _| Reaction::json(200, INVOICE)).await;
    let stage = stage_of(&upstream).await;
    let source = "export default async () => {
        const get = (id) => services.billing.getInvoice({ id });
        return [await get('1'), await get('1'), ...await Promise.all([get('2'), get('1')])].length;
    }";
    let capabilities = Capabilities { services: vec![String::from("billing.getInvoice")], ..Capabilities::default() };
    stage.deploy_with("many", source, capabilities, None).await;
    let view = stage.run("many", "null").await;
    let mut keys: Vec<String> =
        upstream.asked().iter().map(|asked| asked.header("idempotency-key").to_owned()).collect();
    keys.sort();
    keys.dedup();
    assert_eq!(keys.len(), 4, "{keys:?}");
    let replay = stage.app.executions().replay(&stage.principal, view.execution.id, None).await.unwrap();
    assert!(replay.equal, "{:?}", replay.difference);
    assert_eq!(upstream.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_does_not_answer_is_left_alone_and_tried_again_by_itself() {
    let upstream = Upstream::start(|_, before| match before {
        0..3 => Reaction::Close,
        _ => Reaction::json(200, INVOICE),
    })
    .await;
    let breaker = BreakerSettings { failures: 3, pause: Duration::from_secs(600) };
    let stage = stage_with(OpenApiConfig { retries: 0, breaker, ..openapi(&upstream) }).await;
    for _ in 0..10 {
        assert_eq!(call(&stage, "getInvoice", json!([{ "id": "7" }])).await["code"], "unavailable");
    }
    assert_eq!(upstream.asked().len(), 3, "the others were answered at once");

    let upstream = Upstream::start(|_, before| match before {
        0..3 => Reaction::Close,
        _ => Reaction::json(200, INVOICE),
    })
    .await;
    let breaker = BreakerSettings { failures: 3, pause: Duration::from_millis(1) };
    let stage = stage_with(OpenApiConfig { retries: 0, breaker, ..openapi(&upstream) }).await;
    while call(&stage, "getInvoice", json!([{ "id": "7" }])).await["answer"]["id"] != "7" {}
    assert_eq!(upstream.asked().len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_takes_too_long_is_cut_and_its_connection_closed() {
    let mut upstream = Upstream::start(|_, _| Reaction::Hang).await;
    let config = OpenApiConfig { timeout: Duration::from_millis(50), retries: 0, ..openapi(&upstream) };
    let stage = stage_with(config).await;
    assert_eq!(call(&stage, "getInvoice", json!([{ "id": "7" }])).await["code"], "unavailable");
    upstream.hung_up.recv().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_address_is_opened_for_its_service_alone() {
    let upstream = invoices().await;
    let stage = stage_of(&upstream).await;
    let source = "export default async (url) => {
        const denied = await fetch(url).then(() => 'reached', (error) => error.code);
        return [denied, (await services.billing.getInvoice({ id: '7' })).id];
    }";
    let capabilities = Capabilities { services: vec![String::from("billing.*")], ..Capabilities::default() };
    stage.deploy_with("both", source, capabilities, None).await;
    let url = json!(format!("http://{}/v1/invoices/7", upstream.address)).to_string();
    assert_eq!(stage.answer("both", &url).await, json!(["egress_denied", "7"]));
    assert_eq!(upstream.only().target, "/v1/invoices/7");

    let closed = stage_with(OpenApiConfig { private: None, retries: 0, ..openapi(&upstream) }).await;
    assert_eq!(call(&closed, "getInvoice", json!([{ "id": "7" }])).await["code"], "unavailable");
    let elsewhere = OpenApiConfig { private: Some("10.0.0.0/8".parse().unwrap()), retries: 0, ..openapi(&upstream) };
    assert_eq!(call(&stage_with(elsewhere).await, "getInvoice", json!([{ "id": "7" }])).await["code"], "unavailable");
    assert_eq!(upstream.asked().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_script_does_not_declare_it_cannot_tell_from_what_is_not_there() {
    let upstream = invoices().await;
    let stage = stage_of(&upstream).await;
    let capabilities = Capabilities {
        services: vec![String::from("billing.getInvoice"), String::from("billing.none"), String::from("nothing.*")],
        ..Capabilities::default()
    };
    stage.deploy_with("narrow", CALL, capabilities, None).await;
    let cases = [
        ("billing", "deleteInvoice", "capability_denied"),
        ("billing", "absent", "capability_denied"),
        ("absent", "absent", "capability_denied"),
        ("billing", "none", "not_found"),
        ("nothing", "none", "not_found"),
    ];
    for (service, method, code) in cases {
        let input = json!({ "service": service, "method": method, "args": [{ "id": "7" }] }).to_string();
        let refused = stage.answer("narrow", &input).await;
        assert_eq!(refused["code"], code, "{service}.{method}: {refused}");
    }
    assert!(upstream.asked().is_empty());
    let without: domain::Permissions =
        stage.principal.permissions.iter().filter(|permission| *permission != Permission::ServicesCall).collect();
    let principal = Principal { permissions: without, ..stage.principal.clone() };
    let input = json!({ "method": "getInvoice", "args": [{ "id": "7" }] }).to_string();
    let request =
        app::RunRequest { script: app::ScriptRef::parse("call").unwrap(), input, trigger: domain::Trigger::Api };
    let view = stage.app.executions().run(&principal, request).await.unwrap();
    assert_eq!(result(&view)["code"], "capability_denied", "the role has to allow it too");
    assert!(upstream.asked().is_empty());
}

#[tokio::test]
async fn two_services_of_one_name_are_refused_at_the_start() {
    let upstream = invoices().await;
    let directory = TempDir::new().unwrap();
    let config = AppConfig {
        openapi: BTreeMap::from([(String::from("billing"), openapi(&upstream))]),
        collections: BTreeMap::from([(String::from("billing"), String::from("{}"))]),
        ..stage::config(&directory)
    };
    let refused = App::open(config).await.unwrap_err().to_string();
    assert!(refused.contains("'billing'"), "{refused}");
}

fn base64(bytes: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    STANDARD.encode(bytes)
}
