//! Requests that come twice with one key (RULES 30), from outside.

use futures_util::future::join_all;
use serde_json::json;

use super::{Stage, public, signed, with_token};

#[tokio::test]
async fn a_request_with_a_key_runs_once_and_its_answer_is_told_again() {
    let stage = Stage::open().await;
    stage.deploy_counting(with_token("POST", "/counting")).await;
    let call = |key: &str, body: &str| stage.known("POST", "/acme/counting").header("idempotency-key", key).body(body);
    let first = call("one", "a").send().await;
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, ""));
    let again = call("one", "a").send().await;
    assert_eq!((again.status, again.text(), again.header("x-own")), (201, first.text(), "kept"));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.header("x-execution-id"), first.header("x-execution-id"));
    call("one", "b").send().await.expect_problem(422, "key_reused");
    call("one two", "a").send().await.expect_problem(400, "malformed_request");
    assert_eq!(call("two", "a").send().await.header("idempotency-replayed"), "");
    let elsewhere = stage.known("POST", "/acme/counting?q=1").header("idempotency-key", "one").body("a");
    assert_eq!(elsewhere.send().await.header("idempotency-replayed"), "", "the query is a part of the request");
    assert_eq!(stage.count().await, json!(3));
    let stage = stage.restart().await;
    let again = stage.known("POST", "/acme/counting").header("idempotency-key", "one").body("a").send().await;
    assert_eq!((again.text(), again.header("idempotency-replayed")), (String::from("a"), "true"));
}

#[tokio::test]
async fn duplicates_in_parallel_run_once() {
    let stage = Stage::open().await;
    stage.deploy_counting(with_token("POST", "/counting")).await;
    let calls: Vec<_> =
        (0..12).map(|_| stage.known("POST", "/acme/counting").header("idempotency-key", "k").body("a")).collect();
    let answers = join_all(calls.iter().map(|call| call.send())).await;
    let new = answers.iter().filter(|answer| answer.status == 201 && answer.header("idempotency-replayed").is_empty());
    assert_eq!(new.count(), 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.expect_problem(409, "key_in_use");
        assert_eq!(answer.header("retry-after"), "1");
    }
    assert_eq!(stage.count().await, json!(1));
}

#[tokio::test]
async fn what_failed_leaves_its_key_free_and_what_was_answered_does_not() {
    let stage = Stage::open().await;
    let source = "export default async (request) => {
        if (request.headers.has('x-fail')) throw new Error('not now');
        if (request.headers.has('x-refuse')) return new Response('later', { status: 503 });
        return 'done';
    };";
    stage.deploy_endpoint("flaky", with_token("POST", "/flaky"), source).await;
    let call = || stage.known("POST", "/acme/flaky").header("idempotency-key", "k").body("a");
    call().header("x-fail", "1").send().await.expect_problem(500, "execution_failed");
    assert_eq!(call().send().await.expect(200), "done");
    assert_eq!(call().header("x-fail", "1").send().await.header("idempotency-replayed"), "true");
    let call = || stage.known("POST", "/acme/flaky").header("idempotency-key", "other").body("a");
    assert_eq!(call().header("x-refuse", "1").send().await.status, 503);
    let again = call().send().await;
    assert_eq!((again.status, again.header("idempotency-replayed")), (503, "true"), "it was committed");
}

#[tokio::test]
async fn a_webhook_that_is_delivered_twice_runs_once() {
    let stage = Stage::open().await;
    let signature = json!({ "scheme": "standard" });
    let endpoint = json!({ "method": "POST", "path": "/hook", "authentication": "hmac", "signature": signature });
    stage.deploy_counting(endpoint).await;
    let secret = stage.rotate("counting").await;
    for _ in 0..3 {
        assert_eq!(signed(stage.endpoint("POST", "/acme/hook"), &secret, "msg_1", "a").send().await.status, 201);
    }
    // Only what is signed counts.
    let forged = signed(stage.endpoint("POST", "/acme/hook"), &secret, "msg_1", "a").header("idempotency-key", "other");
    assert_eq!(forged.send().await.header("idempotency-replayed"), "true");
    // Nor does the address, which nobody signed.
    let moved = signed(stage.endpoint("POST", "/acme/hook?q=1"), &secret, "msg_1", "a");
    moved.send().await.expect_problem(422, "key_reused");
    assert_eq!(stage.count().await, json!(1));
}

#[tokio::test]
async fn a_public_endpoint_remembers_only_where_it_says_so_and_tells_nobody_anothers_answer() {
    let stage = Stage::open().await;
    stage.deploy_counting(public("POST", "/counting")).await;
    let call = || stage.endpoint("POST", "/acme/counting").header("idempotency-key", "k").body("somebody's own");
    assert_eq!((call().send().await.status, call().send().await.status), (201, 201));
    assert_eq!(stage.count().await, json!(2));
    let patch = json!({ "endpoint": { "deduplicate": true } });
    stage.api("PATCH", "/api/v1/scripts/counting").json(&patch).send().await.expect(200);
    assert_eq!(call().send().await.text(), "somebody's own");
    let again = call().send().await;
    assert_eq!((again.status, again.text(), again.header("x-own")), (201, String::new(), ""));
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(stage.count().await, json!(3));
}
