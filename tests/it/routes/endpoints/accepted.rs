//! Requests that are accepted and run later, from outside.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Stage, public, signed, with_token};
use crate::routes::client::Call;

fn is_async(mut endpoint: Value) -> Value {
    endpoint["mode"] = json!("async");
    endpoint
}

/// Ask until it is over.
async fn end_of(call: Call) -> Value {
    let asking = async {
        loop {
            let told = call.send().await.expect(200);
            if !matches!(told["status"].as_str(), Some("pending" | "running")) {
                return told;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.expect("it ends")
}

#[tokio::test]
async fn an_asynchronous_endpoint_accepts_and_its_location_tells_the_end() {
    let stage = Stage::open().await;
    stage.deploy_counting(is_async(with_token("POST", "/later"))).await;
    let accepted = stage.known("POST", "/acme/later").body("hello").send().await;
    let location = accepted.header("location").to_owned();
    assert!(location.starts_with("/acme/-/executions/"), "{location}");
    assert_eq!(accepted.header("preference-applied"), "", "nobody asked for it");
    assert_eq!(accepted.expect(202)["status"], "pending");
    let told = end_of(stage.known("GET", &location)).await;
    assert_eq!((&told["status"], &told["response"]["status"]), (&json!("success"), &json!(201)));
    assert_eq!((&told["response"]["body"], &told["response"]["headers"]["x-own"]), (&json!("hello"), &json!("kept")));
    assert_eq!(stage.count().await, json!(1));

    stage.endpoint("GET", &location).send().await.expect_problem(401, "unauthenticated");
    stage.known("POST", &location).send().await.expect_problem(405, "method_not_allowed");
    stage.known("GET", "/acme/-/executions/none").send().await.expect_problem(404, "not_found");
    let by_hand = stage.run("count", json!(null)).await;
    let not_a_request = format!("/acme/-/executions/{}", by_hand["id"].as_str().unwrap());
    stage.known("GET", &not_a_request).send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_somebody_waited_for_is_told_to_nobody_else() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("at-once", public("POST", "/at-once"), "export default () => 'mine'").await;
    let answered = stage.endpoint("POST", "/acme/at-once").body("x").send().await;
    let location = format!("/acme/-/executions/{}", answered.header("x-execution-id"));
    answered.expect(200);
    stage.endpoint("GET", &location).send().await.expect_problem(404, "not_found");
    let accepted = stage.endpoint("POST", "/acme/at-once").header("prefer", "respond-async").body("x").send().await;
    assert_eq!(end_of(stage.endpoint("GET", accepted.header("location"))).await["status"], "success");
}

#[tokio::test]
async fn whoever_does_not_wait_says_so_and_a_failure_tells_nothing_of_itself() {
    let stage = Stage::open().await;
    let source = "export default () => { throw new Error('the password is 1234'); };";
    stage.deploy_endpoint("fails", public("POST", "/fails"), source).await;
    let accepted = stage.endpoint("POST", "/acme/fails").header("prefer", "respond-async").body("x").send().await;
    accepted.expect(202);
    assert_eq!(accepted.header("preference-applied"), "respond-async");
    let told = end_of(stage.endpoint("GET", accepted.header("location"))).await;
    assert_eq!((&told["status"], &told["error"]), (&json!("failed"), &json!("execution_failed")));
    assert!(!told.to_string().contains("1234"), "{told}");
}

#[tokio::test]
async fn a_page_that_is_named_may_ask_for_the_end_and_read_a_refusal() {
    let stage = Stage::open().await;
    let mut endpoint = is_async(with_token("POST", "/later"));
    endpoint["cors"] = json!({ "origins": ["https://shop.example"], "headers": ["authorization"] });
    stage.deploy_counting(endpoint).await;
    let accepted = stage.known("POST", "/acme/later").body("hello").send().await;
    let location = accepted.header("location").to_owned();
    let ask = |origin: &str, method: &str| {
        let call = stage.endpoint("OPTIONS", &location).header("origin", origin);
        call.header("access-control-request-method", method)
    };
    let granted = ask("https://shop.example", "GET").send().await;
    assert_eq!((granted.status, granted.header("access-control-allow-origin")), (204, "https://shop.example"));
    assert_eq!(granted.header("access-control-allow-headers"), "authorization");
    assert_eq!(granted.header("access-control-allow-methods"), "GET");
    for refused in [ask("https://evil.example", "GET"), ask("https://shop.example", "POST")] {
        let refused = refused.send().await;
        assert_eq!(refused.header("access-control-allow-origin"), "");
        refused.expect_problem(405, "method_not_allowed");
    }
    let stranger = stage.endpoint("GET", &location).header("origin", "https://shop.example").send().await;
    assert_eq!(stranger.header("access-control-allow-origin"), "https://shop.example");
    stranger.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_request_is_accepted_once_and_asked_for_as_it_was_sent() {
    let stage = Stage::open().await;
    let signature = json!({ "scheme": "standard" });
    let endpoint = json!({ "method": "POST", "path": "/hook", "authentication": "hmac", "signature": signature });
    stage.deploy_counting(is_async(endpoint)).await;
    let secret = stage.rotate("counting").await;
    let send = || signed(stage.endpoint("POST", "/acme/hook"), &secret, "msg_1", "a");
    let (first, again) = (send().send().await, send().send().await);
    assert_eq!((first.status, again.status), (202, 202));
    assert_eq!(first.header("location"), again.header("location"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    stage.endpoint("GET", first.header("location")).send().await.expect_problem(401, "unauthenticated");
    end_of(signed(stage.endpoint("GET", first.header("location")), &secret, "msg_2", "")).await;
    assert_eq!(stage.count().await, json!(1));
}
