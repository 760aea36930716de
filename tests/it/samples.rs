//! The sample scripts of the first start: each one really runs.

use app::{
    App, AppConfig, Bootstrap, EndpointCall, EndpointOutcome, ExecutionView, Header, LogsView, NewScriptInput, Output,
    ResultView, RunRequest, ScriptRef,
};
use domain::{Capabilities, ExecutionStatus, Language, Principal, RecordMode, ScriptKind, ScriptName, Trigger};
use serde_json::{Value, json};

struct Shop {
    app: App,
    made: Bootstrap,
    principal: Principal,
}

impl Shop {
    async fn open() -> Self {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let made = app.bootstrap(true).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&made.token).unwrap();
        Self { app, made, principal }
    }

    /// Run a sample by hand; answers what it answered.
    async fn run(&self, script: &str, input: Value) -> Value {
        let view = self.view(script, input).await;
        assert_eq!(view.execution.status, ExecutionStatus::Success, "{script}: {:?}", view.error);
        match view.result.unwrap() {
            ResultView::Json(json) => serde_json::from_str(&json).unwrap(),
            other @ ResultView::Response { .. } => panic!("{other:?}"),
        }
    }

    async fn view(&self, script: &str, input: Value) -> ExecutionView {
        let script = ScriptRef::parse(script).unwrap();
        let request = RunRequest { script, input: input.to_string(), trigger: Trigger::Api };
        self.app.executions().run(&self.principal, request).await.unwrap()
    }

    async fn deploy(&self, name: &str, source: &str) {
        let script = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind: ScriptKind::OneOff,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, script).await.unwrap();
        let name = ScriptRef::parse(name).unwrap();
        self.app.scripts().deploy(&self.principal, &name, None, String::new()).await.unwrap();
    }

    /// Report an order to the endpoint; answers status and body.
    async fn order(&self, body: &str) -> (u16, Value) {
        let content_type = Header { name: String::from("content-type"), value: String::from("application/json") };
        let path = self.made.endpoint_path.strip_prefix("/acme").unwrap().to_owned();
        let call = EndpointCall {
            method: String::from("POST"),
            url: format!("http://127.0.0.1:8081{}", self.made.endpoint_path),
            headers: vec![content_type],
            bearer: None,
            address: "127.0.0.1".parse().unwrap(),
        };
        let endpoints = self.app.endpoints();
        let routed = endpoints.route(self.made.tenant_slug.as_str(), "POST", &path).unwrap();
        let answer = endpoints.answer(endpoints.admit(routed, call).unwrap(), body.as_bytes().to_vec()).await.unwrap();
        let EndpointOutcome::Response(response) = answer.outcome else { panic!("{:?}", answer.outcome) };
        (response.status, serde_json::from_slice(&response.body).unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_rules_find_what_is_wrong_with_an_order() {
    let shop = Shop::open().await;
    let items = json!([{ "product_id": "p-100", "quantity": 2 }]);
    let good = json!({ "id": "o-1", "total": 37.8, "items": items });
    assert_eq!(shop.run("order-rules", good).await, json!({ "valid": true, "errors": [] }));
    let items = json!([{ "product_id": "p-105", "quantity": 1 }, { "product_id": "p-999", "quantity": 1 }]);
    let bad = json!({ "id": "o-2", "total": 32, "items": items });
    let errors = json!(["Insufficient stock for Kitchen scale", "Unknown product p-999"]);
    assert_eq!(shop.run("order-rules", bad).await, json!({ "valid": false, "errors": errors }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_endpoint_takes_the_order_that_the_first_start_shows_once() {
    let shop = Shop::open().await;
    let (status, body) = shop.order(&shop.made.sample_body).await;
    assert_eq!((status, &body["status"], &body["total"]), (201, &json!("received"), &json!(42)));
    let (status, body) = shop.order(&shop.made.sample_body).await;
    assert_eq!((status, &body["status"]), (200, &json!("known")));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_endpoint_refuses_what_is_no_order() {
    let shop = Shop::open().await;
    for body in
        ["", "null", "{", "[]", r#"{"id":"a b","items":[]}"#, r#"{"id":"o","items":[]}"#, r#"{"id":"o","items":[1]}"#]
    {
        assert_eq!(shop.order(body).await.0, 400, "{body}");
    }
    let unknown = r#"{"id":"o","items":[{"product_id":"p-999","quantity":1}]}"#;
    assert_eq!(shop.order(unknown).await.0, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_daily_report_sums_up_the_orders_of_any_day_it_is_given() {
    let shop = Shop::open().await;
    shop.order(&shop.made.sample_body).await;
    shop.order(r#"{"id":"o-2","items":[{"product_id":"p-102","quantity":1}]}"#).await;
    let slot = json!({ "scheduledTime": "2026-11-20T06:00:00.000Z", "lastRun": null, "timezone": "UTC" });
    let report = json!({ "day": "2026-11-20", "orders": 2, "total": 101, "largest": "o-2" });
    assert_eq!(shop.run("daily-report", slot).await, report);
    for by_hand in [json!({}), json!(null)] {
        assert_eq!(shop.run("daily-report", by_hand).await["orders"], json!(2));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_backfill_gives_old_orders_their_total_page_by_page_and_then_finds_nothing_left_to_do() {
    let shop = Shop::open().await;
    shop.order(&shop.made.sample_body).await;
    let old = r#"export default async () => {
        for (let i = 0; i < 7; i++) await storage.set(`orders/old-${i}`, { id: `old-${i}`, items: [{ product_id: "p-101", quantity: i }] });
    }"#;
    shop.deploy("old-orders", old).await;
    shop.run("old-orders", json!(null)).await;

    assert_eq!(shop.run("backfill-totals", json!({ "page_size": 3 })).await, json!({ "seen": 8, "changed": 7 }));
    assert_eq!(shop.run("backfill-totals", json!(null)).await, json!({ "seen": 8, "changed": 0 }));
    let report = shop.run("daily-report", json!({})).await;
    assert_eq!((&report["orders"], &report["total"], &report["largest"]), (&json!(8), &json!(199.5), &json!("old-6")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_sample_logs_is_kept_with_its_execution() {
    let shop = Shop::open().await;
    let view = shop.view("daily-report", json!({})).await;
    let LogsView { lines, truncated } = shop.app.executions().logs(&shop.principal, view.execution.id).unwrap();
    assert!(!truncated && lines.len() == 1, "{lines:?}");
    assert!(lines[0].message.starts_with("0 orders, 0 in all"), "{lines:?}");
    assert!(view.execution.fuel > 0);
    let replayed = shop.app.executions().replay(&shop.principal, view.execution.id, None).await.unwrap();
    assert!(replayed.equal, "{:?}", replayed.difference);
    assert!(matches!(replayed.outcome.result, Ok(Output::Json(_))));
}
