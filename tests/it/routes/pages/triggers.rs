//! The pages of what starts scripts: schedules, endpoints, events, webhooks, hooks.

use serde_json::{Value, json};

use super::{HOSTILE, Stage, Visitor, id};

const PAGES: [&str; 8] = [
    "/schedules",
    "/schedules?view=calendar",
    "/endpoints",
    "/events",
    "/events/subscriptions",
    "/events/dead-letters",
    "/webhooks",
    "/hooks",
];

const HOOK: &str =
    "[hooks.\"order.validate\"]\ndescription = 'Asked before an order is <b>taken</b>.'\non_failure = 'closed'\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_triggers_is_there_with_nothing_in_it() {
    let stage = Stage::open().await;
    let visitor = Visitor::of_an_empty_tenant(&stage).await;
    for path in PAGES {
        let page = visitor.sees(path).await;
        assert!(page.contains("class=\"empty\"") || path.contains("calendar"), "{path}: {page}");
    }
    for path in ["/schedules", "/endpoints", "/events", "/events/dead-letters", "/webhooks"] {
        assert_eq!(visitor.gets(&format!("{path}?no=such")).await.status, 422, "{path}");
    }
    for path in ["/schedules", "/endpoints", "/events/subscriptions", "/events/dead-letters", "/events", "/webhooks"] {
        let missing = visitor.gets(&format!("{path}/0190b0a0-0000-7000-8000-000000000000")).await;
        assert_eq!(missing.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_shown_with_its_runs_and_slots() {
    let stage = Stage::open().await;
    stage.deploy_with(json!({ "name": "daily", "kind": "cron", "source": "export default () => 1;" })).await;
    let body = json!({ "script": "daily", "expression": "30 6 * * *", "timezone": "Europe/Berlin" });
    let schedule = stage.post("/api/v1/schedules", body).await.expect(201);
    let visitor = Visitor::with_role(&stage, "editor").await;
    let list = visitor.sees("/schedules").await;
    assert!(list.contains("Europe/Berlin") && list.contains("30 6 * * *") && list.contains("/pause"), "{list}");
    let calendar = visitor.sees("/schedules?view=calendar").await;
    assert!(calendar.matches(&format!("/schedules/{}", id(&schedule))).count() >= 13, "{calendar}");
    let detail = visitor.sees(&format!("/schedules/{}", id(&schedule))).await;
    assert!(detail.contains("Next runs") && detail.contains("data-etag"), "{detail}");
    assert_eq!(detail.matches("<li>").count(), 10 + sidebar_items(&detail), "{detail}");
    visitor.calls("POST", &format!("/api/v1/schedules/{}/pause", id(&schedule)), json!({})).await.expect(200);
    assert!(visitor.sees(&format!("/schedules/{}", id(&schedule))).await.contains("Paused"));
    let viewer = Visitor::with_role(&stage, "viewer").await;
    let seen = viewer.sees(&format!("/schedules/{}", id(&schedule))).await;
    for action in ["/pause", "/resume", "/run\"", "DELETE", "data-merge"] {
        assert!(
            !seen.contains(&format!("schedules/{}{action}", id(&schedule))) && !seen.contains("data-merge"),
            "{seen}"
        );
    }
}

/// Items of lists that the frame has.
fn sidebar_items(page: &str) -> usize {
    let main = page.find("<main").unwrap();
    page[..main].matches("<li>").count()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_is_shown_with_how_to_call_it_and_who_did() {
    let stage = Stage::open().await;
    let endpoint = json!({ "method": "POST", "path": "/orders/{id}", "authentication": "token" });
    stage.deploy_endpoint("orders", endpoint, "export default () => new Response('ok');").await;
    let visitor = Visitor::with_role(&stage, "editor").await;
    let list = visitor.sees("/endpoints?text=orders&authentication=token").await;
    assert!(list.contains("/orders/{id}"), "{list}");
    let detail = visitor.sees("/endpoints/orders").await;
    let address = format!("http://{}/acme/orders/{{id}}", stage.server.endpoints_address());
    assert!(detail.contains(&address) && detail.contains("curl -X POST"), "{detail}");
    assert!(detail.contains("Nobody has called yet"), "{detail}");
    let call = stage.endpoint("POST", "/acme/orders/7").header("authorization", &format!("Bearer {}", stage.token));
    assert_eq!(call.send().await.status, 200);
    assert!(visitor.sees("/endpoints/orders").await.contains("trigger=endpoint"));
    let signed =
        json!({ "method": "POST", "path": "/signed", "authentication": "hmac", "signature": { "scheme": "standard" } });
    stage.deploy_endpoint("signed", signed, "export default () => 1;").await;
    let detail = visitor.sees("/endpoints/signed").await;
    assert!(detail.contains("webhook-signature") && detail.contains("every request is refused"), "{detail}");
    assert!(!detail.contains("/rotate"), "an editor keeps no secrets: {detail}");
    let admin = Visitor::with_role(&stage, "admin").await;
    assert!(admin.sees("/endpoints/signed").await.contains("/rotate"));
    assert_eq!(visitor.gets("/endpoints/order-rules").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn events_are_shown_with_what_led_to_them_and_what_became_of_them() {
    let stage = Stage::open().await;
    let source = "export default () => { throw new Error('never'); };";
    stage.deploy_with(json!({ "name": "takes", "kind": "event", "source": source })).await;
    let body = json!({ "script": "takes", "types": ["order.*"], "max_attempts": 1 });
    let subscription = stage.post("/api/v1/subscriptions", body).await.expect(201);
    let body = json!({ "type": "order.placed", "subject": "order-7", "id": "one", "data": { "text": HOSTILE } });
    let published = stage.post("/api/v1/events", body).await.expect(202);
    let position = published["position"].as_str().unwrap();
    let admin = Visitor::with_role(&stage, "admin").await;
    let list = admin.sees("/events?types=order.*&subject=order-7").await;
    assert!(list.contains("order.placed") && list.contains(position), "{list}");
    assert!(admin.sees("/events?types=other").await.contains("No event is like that"));
    let event = admin.sees(&format!("/events/{position}")).await;
    assert!(event.contains("alert(1)") && event.contains("How it came to be"), "{event}");
    assert!(admin.sees("/events/subscriptions").await.contains("order.*"));

    let letter = until_dead(&stage).await;
    let shown = admin.sees(&format!("/events/subscriptions/{}", id(&subscription))).await;
    assert!(shown.contains("Given up") && shown.contains(position), "{shown}");
    let list = admin.sees("/events/dead-letters?reason=attempts").await;
    assert!(list.contains(id(&letter)) && list.contains("/redrive"), "{list}");
    let detail = admin.sees(&format!("/events/dead-letters/{}", id(&letter))).await;
    assert!(
        detail.contains("Error: never") && detail.contains("Edit and send") && detail.contains("alert(1)"),
        "{detail}"
    );
    let viewer = Visitor::with_role(&stage, "viewer").await;
    let seen = viewer.sees(&format!("/events/dead-letters/{}", id(&letter))).await;
    assert!(!seen.contains("alert(1)") && !seen.contains("/redrive") && !seen.contains("Edit and send"), "{seen}");
    assert!(!viewer.sees(&format!("/events/{position}")).await.contains("alert(1)"));
    let edited = json!({ "data": { "text": "mended" } });
    let path = format!("/api/v1/dead-letters/{}/redrive", id(&letter));
    admin.calls("POST", &path, edited).await.expect(202);
    assert!(admin.sees(&format!("/events/dead-letters/{}", id(&letter))).await.contains("Sent again"));
}

/// The first dead letter, once there is one.
async fn until_dead(stage: &Stage) -> Value {
    loop {
        let letters = stage.get("/api/v1/dead-letters").await.expect(200);
        if let Some(letter) = letters["items"].get(0) {
            return letter.clone();
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_shown_without_its_secret() {
    let stage = Stage::open_with("[egress]\nhosts = ['example.com']\n").await;
    stage.api("PUT", "/api/v1/egress").json(&json!({ "hosts": ["example.com"] })).send().await;
    let body = json!({ "url": "https://example.com/hooks", "types": ["order.*"], "description": "<b>To</b> the shop" });
    let made = stage.post("/api/v1/webhooks", body).await.expect(201);
    let secret = made["secret"].as_str().unwrap();
    let visitor = Visitor::with_role(&stage, "editor").await;
    for path in [String::from("/webhooks"), format!("/webhooks/{}", id(&made))] {
        let page = visitor.sees(&path).await;
        assert!(
            page.contains("https://example.com/hooks") && !page.contains(secret) && !page.contains("<b>To"),
            "{page}"
        );
    }
    assert!(visitor.sees(&format!("/webhooks/{}", id(&made))).await.contains("Nothing was sent yet"));
    let test = visitor.calls("POST", &format!("/api/v1/webhooks/{}/test", id(&made)), json!({})).await.expect(202);
    let page = visitor.sees(&format!("/webhooks/{}", id(&made))).await;
    assert!(page.contains("skerry.webhook.test") && page.contains("/resend"), "{page}");
    visitor.sees(&format!("/webhooks/{}/deliveries/{}", id(&made), id(&test))).await;
    let viewer = Visitor::with_role(&stage, "viewer").await;
    assert_eq!(viewer.gets("/webhooks").await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_is_shown_with_the_scripts_that_run_there() {
    let stage = Stage::open_with(HOOK).await;
    stage.deploy_with(json!({ "name": "check", "kind": "embedded", "source": "export default () => 1;" })).await;
    let visitor = Visitor::with_role(&stage, "editor").await;
    let page = visitor.sees("/hooks").await;
    assert!(page.contains("order.validate") && page.contains("No script of yours runs here"), "{page}");
    assert!(!page.contains("<b>taken</b>") && page.contains("Let a script run here"), "{page}");
    visitor.calls("PUT", "/api/v1/hooks/order.validate/bindings/check", json!({ "position": 3 })).await.expect(201);
    let page = visitor.sees("/hooks").await;
    assert!(
        page.contains(">check</a>") && page.contains("{&quot;position&quot;:2}") || page.contains("{\"position\":2}"),
        "{page}"
    );
    let viewer = Visitor::with_role(&stage, "viewer").await;
    let seen = viewer.sees("/hooks").await;
    assert!(
        seen.contains(">check</a>")
            && !seen.contains("data-api=\"PUT")
            && !seen.contains("data-api=\"DELETE /api/v1/hooks"),
        "{seen}"
    );
}
