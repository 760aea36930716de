//! `/webhooks` over HTTP.

use serde_json::{Value, json};

use super::stage::Stage;

/// A server whose operator lets tenants reach a host at which nobody is.
async fn stage() -> Stage {
    Stage::open_with("[egress]\nhosts = ['nobody.invalid']\n").await
}

fn webhook() -> Value {
    json!({ "url": "https://nobody.invalid/hooks", "types": ["order.*"], "description": "orders" })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_webhook_is_made_shown_changed_and_removed_and_its_secret_is_shown_once() {
    let stage = stage().await;
    let made = stage.post("/api/v1/webhooks", webhook()).await;
    assert_eq!(made.status, 201, "{}", made.text());
    let (path, secret) = (made.header("location").to_owned(), made.json()["secret"].as_str().unwrap().to_owned());
    assert!(secret.starts_with("whsec_"));
    let shown = stage.api("GET", &path).send().await;
    assert_eq!((shown.status, &shown.json()["types"]), (200, &json!(["order.*"])));
    assert!(!shown.text().contains("whsec_"));
    assert_eq!(stage.api("GET", "/api/v1/webhooks").send().await.json()["items"][0]["id"], made.json()["id"]);

    let rotated = stage.post(&format!("{path}/rotate"), json!({})).await;
    assert_eq!(rotated.status, 200);
    assert_ne!(rotated.json()["secret"], json!(secret));
    let stale = stage.api("PATCH", &path).header("if-match", made.header("etag")).json(&json!({ "source": null }));
    assert_eq!(stale.send().await.status, 412);
    let paused = stage.api("PATCH", &path).json(&json!({ "is_active": false })).send().await;
    assert_eq!((paused.status, &paused.json()["is_active"]), (200, &json!(false)));
    assert_eq!(stage.post(&format!("{path}/test"), json!({})).await.status, 422);

    assert_eq!(stage.api("DELETE", &path).send().await.status, 204);
    assert_eq!(stage.api("GET", &path).send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sent_to_a_webhook_is_listed_with_each_time_and_sent_again() {
    let stage = stage().await;
    let made = stage.post("/api/v1/webhooks", webhook()).await;
    let path = made.header("location").to_owned();
    // What the tenant's list does not name is refused before anything is resolved: no test leaves this machine.
    stage.api("PUT", "/api/v1/egress").json(&json!({ "hosts": [] })).send().await.expect(200);
    let sent = stage.post(&format!("{path}/test"), json!({})).await;
    assert_eq!((sent.status, &sent.json()["event"]["type"]), (202, &json!("skerry.webhook.test")));
    let delivery = format!("{path}/deliveries/{}", sent.json()["id"].as_str().unwrap());
    let tried = loop {
        let shown = stage.api("GET", &delivery).send().await.json();
        if shown["attempts"] != json!(0) {
            break shown;
        }
    };
    assert_eq!((&tried["status"], &tried["sent"][0]["status"]), (&json!("pending"), &Value::Null));
    assert!(tried["sent"][0]["error"].is_string() && tried["next_at"].is_string());
    let page = stage.api("GET", &format!("{path}/deliveries?limit=1")).send().await.json();
    assert_eq!(page["items"][0]["id"], sent.json()["id"]);
    let next = page["next_cursor"].as_str().unwrap();
    let rest = stage.api("GET", &format!("{path}/deliveries?cursor={next}")).send().await.json();
    assert_eq!(rest["items"], json!([]));
    assert_eq!(stage.post(&format!("{delivery}/resend"), json!({})).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_webhook_is_refused_by_name() {
    let stage = stage().await;
    for (field, value) in [
        ("url", json!("http://nobody.invalid/")),
        ("url", json!("https://elsewhere.invalid/")),
        ("url", json!("https://127.0.0.1/")),
        ("types", json!([])),
        ("types", json!(["Order.created"])),
        ("source", json!("")),
        ("colour", json!("red")),
    ] {
        let mut body = webhook();
        body[field] = value;
        let refused = stage.post("/api/v1/webhooks", body).await;
        assert_eq!(refused.status, 422, "{field}: {}", refused.text());
        assert!(refused.text().contains(field), "{field}: {}", refused.text());
    }
    let nothing = "/api/v1/webhooks/0193fb6e-6d3c-7c51-9a57-0a4c1f4a8b22";
    for path in [nothing, "/api/v1/webhooks/none"] {
        assert_eq!(stage.api("GET", path).send().await.status, 404);
        assert_eq!(stage.api("GET", &format!("{path}/deliveries")).send().await.status, 404);
        assert_eq!(stage.post(&format!("{path}/deliveries/none/resend"), json!({})).await.status, 404);
    }
    assert_eq!(stage.api("GET", &format!("{nothing}/deliveries?cursor=7")).send().await.status, 422);
}
