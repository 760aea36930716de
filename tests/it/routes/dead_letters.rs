//! Dead letters over the API.

use serde_json::{Value, json};

use super::{browser::Browser, stage::Stage};

/// Ask until the answer is what is waited for.
async fn until(stage: &Stage, path: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let asking = async {
        loop {
            let answer = stage.get(path).await.expect(200);
            if is_so(&answer) {
                return answer;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(120), asking).await.expect("it never came")
}

fn has_items(page: &Value) -> bool {
    page["items"].as_array().is_some_and(|items| !items.is_empty())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_who_is_signed_in_sends_a_dead_letter_again_with_the_rights_of_the_session() {
    let stage = Stage::open().await;
    let browser = Browser::signed_in(&stage).await;
    let source = "export default () => { throw new Error('no') }";
    stage.deploy_with(json!({ "name": "takes", "kind": "event", "source": source })).await;
    let subscription = json!({ "script": "takes", "types": ["order.made"], "max_attempts": 1 });
    stage.post("/api/v1/subscriptions", subscription).await.expect(201);
    stage.post("/api/v1/events", json!({ "type": "order.made", "data": { "order": 7 } })).await.expect(202);
    let letters = until(&stage, "/api/v1/dead-letters", has_items).await;
    let letter = format!("/api/v1/dead-letters/{}", letters["items"][0]["id"].as_str().unwrap());

    // What was wrong is mended, and writes: with what the session, the binding and the deployer all hold.
    let draft = "/api/v1/scripts/takes/draft";
    let tag = stage.get(draft).await.header("etag").to_owned();
    let mended = "export default async (event) => { await storage.set('order', event.data.order) }";
    let edit = stage.api("PUT", draft).json(&json!({ "source": mended })).header("if-match", &tag);
    edit.send().await.expect(200);
    stage.post("/api/v1/scripts/takes/deploy", json!({})).await.expect(201);
    let redrive = || browser.call("POST", &format!("{letter}/redrive")).json(&json!({}));
    let answer = redrive().send().await;
    assert!((200..300).contains(&answer.status), "{}", answer.text());
    let again = redrive().send().await;
    again.expect_problem(409, "already_redriven");
    let runs = "/api/v1/executions?trigger=retry";
    let ended = |page: &Value| page["items"][0]["status"].as_str().is_some_and(|it| it != "pending" && it != "running");
    let run = &until(&stage, runs, ended).await["items"][0];
    assert_eq!((&run["status"], &run["actor"]), (&json!("success"), &json!("session")), "{run}");
    assert_eq!(stage.get("/api/v1/storage/order").await.expect(200)["value"], 7);
}
