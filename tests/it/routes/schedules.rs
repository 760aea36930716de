//! Schedules over the API, and one that really runs.

use std::time::Duration;

use serde_json::{Value, json};

use super::{client::Answer, stage::Stage};

const SCHEDULES: &str = "/api/v1/schedules";

async fn stage() -> Stage {
    stage_with("").await
}

async fn stage_with(sections: &str) -> Stage {
    let stage = Stage::open_with(sections).await;
    let source = "export default async (input) => { await storage.set('given', input); return input; }";
    stage.deploy_with(json!({ "name": "report", "kind": "cron", "source": source })).await;
    stage
}

async fn make(stage: &Stage, schedule: Value) -> (String, Answer) {
    let made = stage.post(SCHEDULES, schedule).await;
    assert_eq!(made.status, 201, "{}", made.text());
    (made.header("location").to_owned(), made)
}

async fn patch(stage: &Stage, path: &str, tag: &str, body: Value) -> Answer {
    let call = stage.api("PATCH", path).header("if-match", tag);
    call.header("content-type", "application/merge-patch+json").body(body.to_string()).send().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_schedule_is_made_shown_changed_paused_and_removed() {
    let stage = stage().await;
    let yearly = json!({ "script": "report", "expression": "0 9 1 1 *", "timezone": "europe/berlin" });
    let (path, made) = make(&stage, yearly).await;
    let tag = made.header("etag").to_owned();
    let shown = made.expect(201);
    assert_eq!((&shown["script"], &shown["timezone"]), (&json!("report"), &json!("Europe/Berlin")));
    assert_eq!((&shown["overlap"], &shown["catch_up"]), (&json!("skip"), &json!("run_latest")));
    assert!(shown["next_run_at"].as_str().unwrap().ends_with("-01-01T09:00:00+01:00"), "{shown}");
    assert_eq!((&shown["last_run_at"], &shown["is_paused"]), (&Value::Null, &json!(false)));
    assert_eq!(stage.get(&path).await.expect(200), shown);
    assert_eq!(stage.get(&format!("{SCHEDULES}?script=report")).await.expect(200)["items"], json!([shown]));

    let changed = patch(&stage, &path, &tag, json!({ "overlap": "queue", "timezone": "Asia/Tokyo" })).await.expect(200);
    assert_eq!((&changed["overlap"], &changed["expression"]), (&json!("queue"), &json!("0 9 1 1 *")));
    patch(&stage, &path, &tag, json!({ "overlap": "skip" })).await.expect_problem(412, "stale");

    let act = async |what: &str| stage.api("POST", &format!("{path}/{what}")).send().await;
    assert_eq!(act("pause").await.expect(200)["is_paused"], true);
    assert_eq!(act("resume").await.expect(200)["is_paused"], false);
    assert_eq!(stage.get(&format!("{path}/slots")).await.expect(200)["items"], json!([]));
    let run = act("run").await;
    assert!(run.header("location").starts_with("/api/v1/executions/"));
    let run = run.expect(202);
    assert_eq!((&run["trigger"], &run["input"]["timezone"]), (&json!("manual"), &json!("Asia/Tokyo")), "{run}");
    assert_eq!(stage.api("DELETE", &path).send().await.status, 204);
    stage.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_scheduled_is_a_problem_that_names_the_field() {
    let stage = stage().await;
    stage.deploy("by-hand", "export default () => 1").await;
    for (schedule, field) in [
        (json!({ "script": "report", "expression": "0 0 30 2 *" }), "expression"),
        (json!({ "script": "report", "expression": "* * * * * *" }), "expression"),
        (json!({ "script": "report", "expression": "@reboot" }), "expression"),
        (json!({ "script": "report", "expression": "0 9 * * *\u{0}" }), "expression"),
        (json!({ "script": "report", "expression": "\u{1F600} * * * *" }), "expression"),
        (json!({ "script": "report", "expression": "1,".repeat(10_000) }), "expression"),
        (json!({ "script": "report", "expression": "0 9 * * *", "timezone": "Mars/Olympus" }), "timezone"),
        (json!({ "script": "by-hand", "expression": "0 9 * * *" }), "script"),
        (json!({ "script": "nobody", "expression": "0 9 * * *" }), "script"),
        (json!({ "script": "../report", "expression": "0 9 * * *" }), "script"),
    ] {
        let problem = stage.post(SCHEDULES, schedule.clone()).await.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{schedule}");
    }
    for body in [
        json!({ "script": "report", "expression": "0 9 * * *", "overlap": "twice" }),
        json!({ "script": "report", "expression": "0 9 * * *", "run_as": "root" }),
        json!({ "expression": "0 9 * * *" }),
    ] {
        stage.post(SCHEDULES, body).await.expect_problem(422, "invalid");
    }
    for path in ["no-id", "00000000-0000-7000-8000-000000000000"] {
        stage.get(&format!("{SCHEDULES}/{path}")).await.expect_problem(404, "not_found");
    }
    stage.get(&format!("{SCHEDULES}?cursor=x")).await.expect_problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_ten_runs_are_shown_before_anything_is_saved() {
    let stage = stage().await;
    let path = format!("{SCHEDULES}/preview");
    let preview = stage.post(&path, json!({ "expression": "0 0 29 2 *" })).await.expect(200);
    assert_eq!((&preview["timezone"], preview["runs"].as_array().unwrap().len()), (&json!("UTC"), 10));
    assert!(preview["runs"][0].as_str().unwrap().ends_with("-02-29T00:00:00+00:00"), "{preview}");
    let wrong = json!({ "expression": "0 0 31 4 *" });
    let problem = stage.post(&path, wrong).await.expect_problem(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("never comes due"), "{problem}");
    assert_eq!(stage.get(SCHEDULES).await.expect(200)["items"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_runs_by_the_clock() {
    let stage = stage_with("[schedules]\nmin_interval_s = 1\nseconds = true\n").await;
    let every_second = json!({ "script": "report", "expression": "* * * * * *", "overlap": "skip" });
    let (path, _) = make(&stage, every_second).await;
    let execution = until_succeeded(&stage, &path).await;
    assert_eq!((&execution["trigger"], &execution["result"]), (&json!("cron"), &execution["input"]), "{execution}");
    let time = execution["input"]["scheduledTime"].as_str().unwrap();
    assert!(time.ends_with("+00:00"), "{time}");
    let slots = stage.get(&format!("{path}/slots?limit=200")).await.expect(200);
    let of_it: Vec<&Value> =
        slots["items"].as_array().unwrap().iter().filter(|slot| slot["execution_id"] == execution["id"]).collect();
    assert_eq!((of_it.len(), &of_it[0]["scheduled_time"]), (1, &json!(time)));
}

/// Ask for the schedule's slots until the execution of one has ended.
async fn until_succeeded(stage: &Stage, path: &str) -> Value {
    let asking = async {
        loop {
            let slots = stage.get(&format!("{path}/slots")).await.expect(200);
            for id in slots["items"].as_array().unwrap().iter().filter_map(|slot| slot["execution_id"].as_str()) {
                let execution = stage.get(&format!("/api/v1/executions/{id}")).await.expect(200);
                if execution["status"] == "success" {
                    return execution;
                }
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(120), asking).await.expect("no slot was started")
}
