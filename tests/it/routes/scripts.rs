//! Scripts, drafts and versions over the API.

use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn a_script_is_made_deployed_and_run() {
    let stage = Stage::open().await;
    let source = "export default ({ name }) => { console.warn('greeting', name); return `Hello, ${name}!`; }";
    let made = stage.post("/api/v1/scripts", json!({ "name": "greet", "kind": "one_off", "source": source })).await;
    let location = made.header("location").to_owned();
    let made = made.expect(201);
    assert_eq!((&made["draft_revision"], &made["deployed"]), (&json!(1), &json!(null)));

    let deployed = stage.post("/api/v1/scripts/greet/deploy", json!({ "change_summary": "first" })).await;
    assert_eq!(deployed.header("location"), format!("{location}/versions/1"));
    assert_eq!(deployed.expect(201)["version"]["change_summary"], "first");

    let ended = stage.run("greet", json!({ "name": "world" })).await;
    assert_eq!(ended["result"], "Hello, world!");
    assert_eq!(ended["logs"][0]["level"], "warn");
    assert!(ended["fuel"].as_u64().unwrap() > 1000, "{ended}");
    let shown = stage.get(&format!("/api/v1/executions/{}", ended["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(shown, ended, "what was answered is what is kept");
}

#[tokio::test]
async fn a_draft_is_changed_only_by_who_read_it_last() {
    let stage = Stage::open().await;
    stage.deploy("counter", "export default () => 1;").await;
    let path = "/api/v1/scripts/counter/draft";
    let change = json!({ "source": "export default () => 2;" });
    let put = |tag: &str| stage.api("PUT", path).json(&change).header("if-match", tag);

    stage.api("PUT", path).json(&change).send().await.expect_problem(428, "precondition_required");
    let stale = put("\"7\"").send().await;
    assert_eq!(stale.header("etag"), "\"1\"");
    assert_eq!(stale.expect_problem(412, "stale")["current_revision"], 1);
    let saved = put("\"1\"").send().await;
    assert_eq!(saved.header("etag"), "\"2\"");
    saved.expect(200);
    put("\"1\"").send().await.expect_problem(412, "stale");
    assert_eq!(stage.run("counter", json!(null)).await["result"], 1, "a draft runs only once it is deployed");
}

#[tokio::test]
async fn a_source_that_does_not_compile_changes_nothing() {
    let stage = Stage::open().await;
    let broken = "export default function f() {\n  return 1 +;\n}";
    let body = json!({ "name": "broken", "kind": "one_off", "source": broken });
    let problem = stage.post("/api/v1/scripts", body).await.expect_problem(422, "source");
    assert_eq!(problem["diagnostics"][0]["line"], 2, "{problem}");
    assert!(problem["diagnostics"][0]["excerpt"].as_str().unwrap().contains('^'), "{problem}");
    stage.get("/api/v1/scripts/broken").await.expect_problem(404, "not_found");

    stage.deploy("fine", "export default () => 1;").await;
    let put = stage.api("PUT", "/api/v1/scripts/fine/draft").header("if-match", "\"1\"");
    put.json(&json!({ "source": broken })).send().await.expect_problem(422, "source");
    assert_eq!(stage.get("/api/v1/scripts/fine/draft").await.expect(200)["revision"], 1);
}

#[tokio::test]
async fn settings_are_changed_by_a_merge_patch() {
    let stage = Stage::open().await;
    stage.deploy("set", "export default () => 1;").await;
    let patch = |body: serde_json::Value| stage.api("PATCH", "/api/v1/scripts/set").json(&body);

    let changed = patch(json!({ "description": "d", "limits": { "wall_time_ms": 500 } })).send().await.expect(200);
    assert_eq!(changed["limits"]["wall_time_ms"], 500);
    let changed = patch(json!({ "capabilities": { "services": ["products.get"] } })).send().await.expect(200);
    assert_eq!(changed["description"], "d");
    assert_eq!(changed["limits"]["wall_time_ms"], 500, "what is not named stays");
    let changed = patch(json!({ "capabilities": { "event_types": [] }, "limits": null })).send().await.expect(200);
    assert_eq!(changed["capabilities"]["services"], json!(["products.get"]), "also inside");
    assert_eq!(changed["limits"], json!(null));

    patch(json!({ "is_active": null })).send().await.expect_problem(422, "invalid");
    patch(json!({ "colour": 1 })).send().await.expect_problem(422, "invalid");
    patch(json!({ "is_active": false })).send().await.expect(200);
    stage.post("/api/v1/scripts/set/invoke", json!({})).await.expect_problem(409, "paused");
}

#[tokio::test]
async fn a_name_or_an_address_that_is_taken_is_refused() {
    let stage = Stage::open().await;
    let script = |name: &str, path: &str| {
        let endpoint = json!({ "method": "GET", "path": path, "authentication": "public" });
        json!({ "name": name, "kind": "endpoint", "endpoint": endpoint, "source": "export default () => 1;" })
    };
    stage.post("/api/v1/scripts", script("one", "/items/{id}")).await.expect(201);
    stage.post("/api/v1/scripts", script("one", "/other")).await.expect_problem(409, "name_taken");
    stage.post("/api/v1/scripts", script("two", "/items/{name}")).await.expect_problem(409, "route_taken");
}

#[tokio::test]
async fn an_older_version_can_be_let_run_again() {
    let stage = Stage::open().await;
    stage.deploy("twice", "export default () => 'first';").await;
    let put = stage.api("PUT", "/api/v1/scripts/twice/draft").header("if-match", "\"1\"");
    put.json(&json!({ "source": "export default () => 'second';" })).send().await.expect(200);
    stage.post("/api/v1/scripts/twice/deploy", json!({})).await.expect(201);
    assert_eq!(stage.run("twice", json!(null)).await["result"], "second");

    let versions = stage.get("/api/v1/scripts/twice/versions").await.expect(200);
    let numbers: Vec<u64> = versions["items"].as_array().unwrap().iter().flat_map(|v| v["number"].as_u64()).collect();
    assert_eq!(numbers, [2, 1]);
    let first = stage.get("/api/v1/scripts/twice/versions/1").await.expect(200);
    assert_eq!(first["source"], "export default () => 'first';");
    stage.api("POST", "/api/v1/scripts/twice/versions/1/activate").send().await.expect(204);
    assert_eq!(stage.run("twice", json!(null)).await["result"], "first");
}

#[tokio::test]
async fn a_deleted_script_is_gone_with_its_executions() {
    let stage = Stage::open().await;
    stage.deploy("brief", "export default () => 1;").await;
    let ended = stage.run("brief", json!(null)).await;
    stage.api("DELETE", "/api/v1/scripts/brief").send().await.expect(204);
    stage.get("/api/v1/scripts/brief").await.expect_problem(404, "not_found");
    let path = format!("/api/v1/executions/{}", ended["id"].as_str().unwrap());
    stage.get(&path).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn scripts_are_listed_by_name_page_by_page() {
    let stage = Stage::open().await;
    let mut names = Vec::new();
    let mut path = String::from("/api/v1/scripts?limit=1");
    loop {
        let page = stage.get(&path).await.expect(200);
        names.extend(page["items"].as_array().unwrap().iter().map(|script| script["name"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/scripts?limit=1&cursor={cursor}");
    }
    assert_eq!(names.len(), 4, "{names:?}");
    assert!(names.is_sorted(), "{names:?}");
    let crons = stage.get("/api/v1/scripts?kind=cron").await.expect(200);
    assert_eq!(crons["items"].as_array().unwrap().len(), 1);
}
