//! Running scripts over the API, and what is kept of it.

use std::time::Duration;

use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn a_failing_script_is_an_answer_and_no_problem() {
    let stage = Stage::open().await;
    stage.deploy("fails", "export default function f() {\n  throw new RangeError('too far');\n}").await;
    let ended = stage.run("fails", json!(null)).await;
    assert_eq!(ended["status"], "failed");
    assert_eq!(ended["error_kind"], "user_error");
    assert_eq!(ended["error"]["name"], "RangeError");
    assert_eq!(ended["error"]["message"], "too far");
    assert!(ended["error"]["stack"].as_str().unwrap().contains("fails.js:2"), "{ended}");
}

#[tokio::test]
async fn an_accepted_execution_runs_afterwards() {
    let stage = Stage::open().await;
    stage.deploy("later", "export default (input) => input.value * 2;").await;
    let accepted = stage.post("/api/v1/scripts/later/executions", json!({ "input": { "value": 21 } })).await;
    let location = accepted.header("location").to_owned();
    assert_eq!(accepted.expect(202)["status"], "pending");
    assert_eq!(until_ended(&stage, &location).await["result"], 42);
}

#[tokio::test]
async fn who_prefers_to_wait_is_answered_after_the_end() {
    let stage = Stage::open().await;
    stage.deploy("now", "export default () => 1;").await;
    let ended = stage.api("POST", "/api/v1/scripts/now/executions").header("prefer", "wait").send().await;
    assert_eq!(ended.header("preference-applied"), "wait");
    let ended = ended.expect(200);
    assert_eq!((&ended["status"], &ended["result"], &ended["input"]), (&json!("success"), &json!(1), &json!(null)));
}

#[tokio::test]
async fn a_result_goes_out_as_the_script_made_it() {
    let stage = Stage::open().await;
    stage.deploy("exact", "export default () => ({ z: 1, a: 1e21, '__proto__x': [0.1, -0] });").await;
    let answer = stage.api("POST", "/api/v1/scripts/exact/invoke").send().await;
    assert!(answer.text().contains(r#""result":{"z":1,"a":1e+21,"__proto__x":[0.1,0]}"#), "{}", answer.text());
}

#[tokio::test]
async fn a_running_execution_is_cancelled() {
    let stage = Stage::open().await;
    stage.deploy("endless", "export default async () => { for (;;) await utils.sleep(1); }").await;
    let accepted = stage.post("/api/v1/scripts/endless/executions", json!({})).await;
    let location = accepted.header("location").to_owned();
    stage.api("POST", &format!("{location}/cancel")).send().await.expect(202);
    assert_eq!(until_ended(&stage, &location).await["status"], "cancelled");
    stage.api("POST", &format!("{location}/cancel")).send().await.expect(202);
}

#[tokio::test]
async fn pages_of_executions_join_without_a_gap() {
    let stage = Stage::open().await;
    stage.deploy("many", "export default (n) => n;").await;
    for n in 0..5 {
        stage.run("many", json!(n)).await;
    }
    let all = stage.get("/api/v1/executions").await.expect(200);
    let mut paged: Vec<Value> = Vec::new();
    let mut path = String::from("/api/v1/executions?limit=2");
    loop {
        let page = stage.get(&path).await.expect(200);
        paged.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/executions?limit=2&cursor={cursor}");
    }
    assert_eq!(all["items"], json!(paged));
    assert_eq!(paged.len(), 5);
}

#[tokio::test]
async fn executions_are_found_by_script_status_and_time() {
    let stage = Stage::open().await;
    stage.deploy("good", "export default () => 1;").await;
    stage.deploy("bad", "export default () => { throw 1; }").await;
    let good = stage.run("good", json!(null)).await;
    stage.run("bad", json!(null)).await;
    let count = async |query: &str| {
        let page = stage.get(&format!("/api/v1/executions?{query}")).await.expect(200);
        page["items"].as_array().unwrap().len()
    };
    assert_eq!(count(&format!("script={}", good["script_id"].as_str().unwrap())).await, 1);
    assert_eq!(count("status=failed").await, 1);
    assert_eq!(count("trigger=api&after=2020-01-01T00:00:00Z").await, 2);
    assert_eq!(count("before=2020-01-01T00:00:00Z").await, 0);
}

#[tokio::test]
async fn a_replay_equals_its_original() {
    let stage = Stage::open().await;
    let source = "export default async () => {
        console.log(Math.random(), utils.uuid(), Date.now());
        await storage.set('seen', (await storage.get('seen') ?? 0) + 1);
        return storage.get('seen');
    }";
    stage.deploy("recorded", source).await;
    stage.run("recorded", json!(null)).await;
    let second = stage.run("recorded", json!(null)).await;
    assert_eq!(second["result"], 2);
    let path = format!("/api/v1/executions/{}/replay", second["id"].as_str().unwrap());
    let replay = stage.api("POST", &path).send().await.expect(200);
    assert_eq!((&replay["equal"], &replay["fuel_equal"]), (&json!(true), &json!(true)), "{replay}");
    assert_eq!(replay["fuel"], second["fuel"]);
    assert_eq!(stage.run("recorded", json!(null)).await["result"], 3, "a replay writes nothing");
}

/// Ask for an execution until it has ended.
async fn until_ended(stage: &Stage, location: &str) -> Value {
    let asked = async {
        loop {
            let execution = stage.get(location).await.expect(200);
            if !matches!(execution["status"].as_str(), Some("pending" | "running")) {
                return execution;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(30), asked).await.expect("it ends")
}
