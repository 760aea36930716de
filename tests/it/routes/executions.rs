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
async fn attempts_and_their_rules_are_shown_and_an_execution_is_run_again() {
    let stage = Stage::open().await;
    let source =
        "export default () => { if (context.execution.attempt < 2) throw new Error('first'); return 'second'; }";
    let policy = json!({ "max_attempts": 2, "backoff_ms": 100, "backoff_max_ms": 100, "concurrency": { "max": 1 } });
    stage.deploy_with(json!({ "name": "shaky", "kind": "one_off", "source": source, "policy": policy })).await;
    let shown = stage.get("/api/v1/scripts/shaky").await.expect(200)["policy"].clone();
    assert_eq!((&shown["max_attempts"], &shown["concurrency"]["when_full"]), (&json!(2), &json!("queue")));
    let accepted = stage.post("/api/v1/scripts/shaky/executions", json!({})).await;
    let location = accepted.header("location").to_owned();
    let ended = until_ended(&stage, &location).await;
    assert_eq!((&ended["result"], &ended["attempt"]), (&json!("second"), &json!(2)));
    let attempts = stage.get(&format!("{location}/attempts")).await.expect(200);
    assert_eq!(attempts["items"][0]["error"]["message"], "first");
    let again = stage.api("POST", &format!("{location}/retry")).send().await;
    let new_location = again.header("location").to_owned();
    assert_eq!(again.expect(202)["retry_of"], ended["id"]);
    assert_eq!(until_ended(&stage, &new_location).await["trigger"], "retry");
    let patch = json!({ "policy": { "max_attempts": 99 } });
    let refused = stage.api("PATCH", "/api/v1/scripts/shaky").json(&patch).send().await.expect(422);
    assert!(refused.to_string().contains("policy.max_attempts"), "{refused}");
}

#[tokio::test]
async fn usage_stands_beside_the_quotas_and_a_refusal_names_its_quota() {
    let stage = Stage::open_with("[quotas]\nqueued_executions = 2\nscripts = 6\n").await;
    stage.deploy("slow", "export default async () => { await utils.sleep(25000) }").await;
    let mut locations = Vec::new();
    for _ in 0..2 {
        let accepted = stage.post("/api/v1/scripts/slow/executions", json!({})).await;
        locations.push(accepted.header("location").to_owned());
    }
    let refused = stage.post("/api/v1/scripts/slow/executions", json!({})).await;
    assert!(refused.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0));
    let refused = refused.expect(429);
    assert_eq!(
        (&refused["code"], &refused["quota"], &refused["limit"]),
        (&json!("quota"), &json!("queued_executions"), &json!(2))
    );
    let usage = stage.get("/api/v1/usage").await.expect(200);
    assert_eq!((&usage["queued_executions"], &usage["quotas"]["scripts"]), (&json!(2), &json!(6)));
    while stage.get("/api/v1/usage").await.expect(200)["running_executions"] != 2 {}
    for location in locations {
        stage.api("POST", &format!("{location}/cancel")).send().await.expect(202);
    }
}

#[tokio::test]
async fn a_running_execution_is_cancelled() {
    let stage = Stage::open().await;
    stage.deploy("endless", "export default async () => { for (;;) await utils.sleep(1); }").await;
    let accepted = stage.post("/api/v1/scripts/endless/executions", json!({})).await;
    let location = accepted.header("location").to_owned();
    stage.api("POST", &format!("{location}/cancel")).send().await.expect(202);
    assert_eq!(until_ended(&stage, &location).await["status"], "cancelled");
    let refused = stage.api("POST", &format!("{location}/cancel")).send().await.expect(409);
    assert_eq!((&refused["code"], &refused["execution_status"]), (&json!("already_ended"), &json!("cancelled")));
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
    assert_eq!(count("status=failed,success").await, 2);
    assert_eq!(count("status=timeout,cancelled").await, 0);
    assert_eq!(count("error_kind=user_error").await, 1);
    assert_eq!(count("error_kind=timeout").await, 0);
    assert_eq!(count(&format!("version={}", good["version_id"].as_str().unwrap())).await, 1);
    assert_eq!(count(&format!("user={}", good["user_id"].as_str().unwrap())).await, 2);
    assert_eq!(count("accepted_after=2020-01-01T00:00:00Z&accepted_before=2021-01-01T00:00:00Z").await, 0);
    assert_eq!(count("duration_max_ms=4000000000").await, 2);
    assert_eq!(count("duration_min_ms=4000000000").await, 0);
    assert_eq!(count("logs=anything").await, 0);
}

#[tokio::test]
async fn a_filter_that_cannot_be_meant_is_refused_by_name() {
    let stage = Stage::open().await;
    let id = "01890000-0000-7000-8000-000000000000";
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1000000", "limit"),
        ("status=done", "status"),
        ("status=failed,", "status"),
        ("trigger=cron,api", "trigger"),
        ("error_kind=none", "error_kind"),
        ("script=greet", "script"),
        ("version=1", "version"),
        ("user=me", "user"),
        ("before=yesterday", "before"),
        ("after=2026-01-02T00:00:00Z&before=2026-01-01T00:00:00Z", "before"),
        ("after=2026-01-01T00:00:00Z&before=2026-01-01T00:00:00Z", "before"),
        ("accepted_after=2026-01-02T00:00:00Z&accepted_before=2026-01-01T00:00:00Z", "accepted_before"),
        ("duration_min_ms=2&duration_max_ms=1", "duration_max_ms"),
        ("duration_min_ms=-1", "duration_min_ms"),
        ("logs=", "logs"),
        ("cursor=AAAA", "cursor"),
        (&format!("cursor={id}"), "cursor"),
        ("state=failed", "state"),
        ("tenant_id=x", "tenant_id"),
    ] {
        let refused = stage.get(&format!("/api/v1/executions?{query}")).await.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{query}: {refused}");
    }
    let long = format!("/api/v1/executions?logs={}", "a".repeat(201));
    assert_eq!(stage.get(&long).await.expect_problem(422, "invalid")["errors"][0]["field"], "logs");
    // An id of another kind is an id that no execution has.
    assert_eq!(stage.get(&format!("/api/v1/executions?script={id}")).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn a_text_is_found_in_logs() {
    let stage = Stage::open().await;
    stage.deploy("talks", "export default (what) => { console.log('it said', what); }").await;
    let needle = stage.run("talks", json!("Needle")).await;
    stage.run("talks", json!("hay")).await;
    let page = stage.get("/api/v1/executions?logs=needle").await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!((&page["items"][0]["id"], &page["searched_until"]), (&needle["id"], &Value::Null));
    let both = stage.get("/api/v1/executions?logs=it%20said&limit=1").await.expect(200);
    assert_eq!(both["items"].as_array().unwrap().len(), 1);
    assert!(both["next_cursor"].is_string() && both["searched_until"].is_string(), "{both}");
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
