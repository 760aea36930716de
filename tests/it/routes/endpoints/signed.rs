//! Endpoints whose requests are signed (RULES 27), from outside.

use ring::hmac;
use serde_json::{Value, json};

use super::{Stage, assert_one_answer, signed, signed_at};

const SHOW: &str = "export default async (request) => ({
    headers: [...request.headers].map(([name]) => name), auth: request.auth, body: await request.text(),
});";

/// A secret of somebody else.
const OTHER_SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

fn hmac_endpoint(path: &str, signature: &Value) -> Value {
    json!({ "method": "POST", "path": path, "authentication": "hmac", "signature": signature })
}

async fn deployed() -> (Stage, String) {
    let stage = Stage::open().await;
    stage.deploy_endpoint("hook", hmac_endpoint("/hook", &json!({ "scheme": "standard" })), SHOW).await;
    let secret = stage.rotate("hook").await;
    (stage, secret)
}

fn now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    i64::try_from(now).unwrap()
}

#[tokio::test]
async fn a_signed_request_is_answered_and_its_signature_is_hidden() {
    let (stage, secret) = deployed().await;
    let answer = signed(stage.endpoint("POST", "/acme/hook"), &secret, "msg_1", "{\"a\": 1}").send().await;
    assert_eq!(answer.header("cache-control"), "no-store");
    let seen = answer.expect(200);
    assert_eq!((&seen["auth"]["kind"], &seen["body"]), (&json!("hmac"), &json!("{\"a\": 1}")));
    let headers: Vec<&str> = seen["headers"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert!(headers.contains(&"webhook-id") && !headers.contains(&"webhook-signature"), "{headers:?}");
}

#[tokio::test]
async fn every_refusal_of_a_signature_is_one_answer_and_runs_nothing() {
    let (stage, secret) = deployed().await;
    let call = || stage.endpoint("POST", "/acme/hook");
    let body = "{\"a\": 1}";
    let answers = [
        call().body(body).send().await,
        call().header("authorization", &format!("Bearer {}", stage.token)).body(body).send().await,
        signed(call(), OTHER_SECRET, "msg_1", body).send().await,
        signed_at(call(), &secret, ("msg_1", now() - 400), body).send().await,
        signed_at(call(), &secret, ("msg_1", now() + 400), body).send().await,
        signed(call(), &secret, "msg.1", body).send().await,
        // The same JSON, written anew.
        signed(call(), &secret, "msg_1", body).body("{\"a\":1}").send().await,
        signed(call(), &secret, "msg_1", body).header("webhook-id", "msg_2").send().await,
    ];
    for answer in &answers {
        answer.expect_problem(401, "unauthenticated");
    }
    assert_one_answer(&answers);
    assert_eq!(stage.executions_of("hook").await, 0);
}

#[tokio::test]
async fn two_secrets_are_live_while_one_follows_the_other() {
    let (stage, first) = deployed().await;
    let status = |secret: String, id: &'static str| {
        let call = signed(stage.endpoint("POST", "/acme/hook"), &secret, id, "x");
        async move { call.send().await.status }
    };
    let second = stage.rotate("hook").await;
    assert_eq!((status(first.clone(), "a").await, status(second.clone(), "b").await), (200, 200));
    let third = stage.rotate("hook").await;
    assert_eq!(status(first, "c").await, 401, "two are live and not three");
    assert_eq!((status(second.clone(), "d").await, status(third.clone(), "e").await), (200, 200));
    stage.api("DELETE", "/api/v1/scripts/hook/endpoint/secrets/secondary").send().await.expect(204);
    assert_eq!((status(second, "f").await, status(third, "g").await), (401, 200));
    let path = "/api/v1/scripts/hook/endpoint/secrets/secondary";
    stage.api("PUT", path).json(&json!({ "secret": OTHER_SECRET })).send().await.expect(200);
    assert_eq!(status(OTHER_SECRET.to_owned(), "h").await, 200);
}

#[tokio::test]
async fn a_secret_is_shown_once_and_its_form_is_checked() {
    let (stage, secret) = deployed().await;
    let shown = [
        stage.get("/api/v1/scripts/hook/endpoint/secrets").await,
        stage.get("/api/v1/scripts/hook").await,
        stage.get("/api/v1/endpoints").await,
    ];
    for answer in shown {
        answer.expect(200);
        assert!(!answer.text().contains(&secret[6..]), "{}", answer.text());
    }
    let put = |slot: &str, body: Value| {
        stage.api("PUT", &format!("/api/v1/scripts/hook/endpoint/secrets/{slot}")).json(&body)
    };
    for bad in ["whsec_c2hvcnQ=", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_?", ""] {
        let refused = put("primary", json!({ "secret": bad })).send().await;
        refused.expect_problem(422, "invalid");
        assert!(bad.is_empty() || !refused.text().contains(bad), "{}", refused.text());
    }
    put("primary", json!({ "secret": 7 })).send().await.expect_problem(422, "invalid");
    put("third", json!({ "secret": OTHER_SECRET })).send().await.expect_problem(404, "not_found");
    let sample = stage.post("/api/v1/scripts/order-received/endpoint/secrets/rotate", json!({})).await;
    sample.expect_problem(422, "invalid");
}

#[tokio::test]
async fn what_other_services_sign_is_taken() {
    let stage = Stage::open().await;
    let key = "a secret of sixteen bytes and more";
    let hex = |content: String| {
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), content.as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let (body, time) = ("{\"id\": 1}", now());
    let generic = json!({ "scheme": "generic", "header": "X-Own-Signature", "timestamp_header": "X-Own-Time" });
    let cases = [
        (
            "github",
            json!({ "scheme": "github" }),
            vec![("X-Hub-Signature-256", format!("sha256={}", hex(body.into())))],
        ),
        (
            "stripe",
            json!({ "scheme": "stripe" }),
            vec![("Stripe-Signature", format!("t={time},v1={}", hex(format!("{time}.{body}"))))],
        ),
        (
            "slack",
            json!({ "scheme": "slack" }),
            vec![
                ("X-Slack-Request-Timestamp", time.to_string()),
                ("X-Slack-Signature", format!("v0={}", hex(format!("v0:{time}:{body}")))),
            ],
        ),
        (
            "generic",
            generic,
            vec![("X-Own-Time", time.to_string()), ("X-Own-Signature", hex(format!("{time}.{body}")))],
        ),
    ];
    for (name, signature, headers) in cases {
        stage.deploy_endpoint(name, hmac_endpoint(&format!("/{name}"), &signature), SHOW).await;
        let path = format!("/api/v1/scripts/{name}/endpoint/secrets/primary");
        stage.api("PUT", &path).json(&json!({ "secret": key })).send().await.expect(200);
        let call = stage.endpoint("POST", &format!("/acme/{name}"));
        let call = headers.iter().fold(call, |call, (header, value)| call.header(header, value));
        let seen = call.clone().body(body).send().await.expect(200);
        let signed_by = headers.last().unwrap().0.to_lowercase();
        assert!(!seen["headers"].as_array().unwrap().contains(&json!(signed_by)), "{name}: {seen}");
        call.body("{\"id\":1}").send().await.expect_problem(401, "unauthenticated");
    }
}
