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

#[tokio::test]
async fn what_differs_between_versions_and_the_draft_is_shown() {
    let stage = Stage::open().await;
    stage.deploy("changes", "// first\nexport default () => 1;\n").await;
    let source = json!({ "source": "// second\nexport default () => 1;\n" });
    let saved =
        stage.api("PUT", "/api/v1/scripts/changes/draft").header("if-match", "\"1\"").json(&source).send().await;
    saved.expect(200);
    let patch = json!({ "capabilities": { "services": ["products.get"] } });
    stage.api("PATCH", "/api/v1/scripts/changes").json(&patch).send().await.expect(200);
    let diff = stage.get("/api/v1/scripts/changes/versions/1/diff?against=draft").await.expect(200);
    assert_eq!((&diff["from"], &diff["to"]), (&json!("1"), &json!("draft")));
    assert_eq!(diff["unified"], "--- 1\n+++ draft\n@@ -1,2 +1,2 @@\n-// first\n+// second\n export default () => 1;\n");
    assert_eq!(
        diff["hunks"][0]["lines"][1],
        json!({ "change": "added", "old_line": null, "new_line": 1, "text": "// second" })
    );
    let expected = json!([{ "setting": "capabilities.services", "from": [], "to": ["products.get"] }]);
    assert_eq!(diff["settings"], expected);
    stage.post("/api/v1/scripts/changes/deploy", json!({})).await.expect(201);
    let same = stage.get("/api/v1/scripts/changes/versions/2/diff?against=draft").await.expect(200);
    assert_eq!((&same["unified"], &same["hunks"], &same["settings"]), (&json!(""), &json!([]), &json!([])));
    let back = stage.get("/api/v1/scripts/changes/versions/2/diff?against=1").await.expect(200);
    assert_eq!(
        (&back["from"], &back["to"]),
        (&json!("1"), &json!("2")),
        "the older one first, whichever is named first"
    );
    for (path, status) in [
        ("versions/2/diff", 422),
        ("versions/2/diff?against=", 422),
        ("versions/2/diff?against=head", 422),
        ("versions/2/diff?against=%2B1", 422),
        ("versions/2/diff?against=1&with=2", 422),
        ("versions/2/diff?against=9", 404),
        ("versions/9/diff?against=1", 404),
        ("versions/x/diff?against=1", 404),
    ] {
        assert_eq!(stage.get(&format!("/api/v1/scripts/changes/{path}")).await.status, status, "{path}");
    }
}

#[tokio::test]
async fn scripts_are_listed_by_their_filters_in_either_order() {
    let stage = Stage::open().await;
    stage.deploy("one-deployed", "export default () => 1;").await;
    let draft =
        json!({ "name": "two-draft", "kind": "cron", "source": "export default () => 1;", "description": "Ten %" });
    stage.post("/api/v1/scripts", draft).await.expect(201);
    let patch = json!({ "is_active": false });
    stage.api("PATCH", "/api/v1/scripts/one-deployed").json(&patch).send().await.expect(200);
    let list = async |query: &str| {
        let page = stage.get(&format!("/api/v1/scripts?{query}")).await.expect(200);
        let names = page["items"].as_array().unwrap().iter().map(|script| script["name"].as_str().unwrap().to_owned());
        names.collect::<Vec<String>>()
    };
    assert_eq!(list("is_active=false").await, ["one-deployed"]);
    assert_eq!(list("is_deployed=false").await, ["two-draft"]);
    assert_eq!(list("text=ten%20%25").await, ["two-draft"]);
    assert_eq!(list("text=DEPLOYED&is_deployed=true&kind=one_off").await, ["one-deployed"]);
    assert_eq!(list("sort=-updated_at").await[0], "one-deployed");
    let page = stage.get("/api/v1/scripts?sort=-updated_at&limit=1").await.expect(200);
    let next = format!("sort=-updated_at&limit=1&cursor={}", page["next_cursor"].as_str().unwrap());
    assert_eq!(list(&next).await, ["two-draft"]);
    for (query, field) in [
        ("sort=size", "sort"),
        ("is_active=yes", "is_active"),
        ("limit=0", "limit"),
        ("limit=1000000", "limit"),
        ("cursor=abc", "cursor"),
        ("name=greet", "name"),
        (&format!("text={}", "a".repeat(201)), "text"),
    ] {
        let refused = stage.get(&format!("/api/v1/scripts?{query}")).await.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{query}: {refused}");
    }
}

#[tokio::test]
async fn services_are_described_with_their_methods() {
    let stage = Stage::open().await;
    let services = stage.get("/api/v1/services").await.expect(200);
    let products = services["items"].as_array().unwrap().iter().find(|service| service["name"] == "products").unwrap();
    assert_eq!((&products["kind"], &products["permission"]), (&json!("collection"), &json!("services.call")));
    assert!(products["methods"].as_array().unwrap().contains(&json!("list")));
    let shown = stage.get("/api/v1/services/products").await.expect(200);
    let get = shown["methods"].as_array().unwrap().iter().find(|method| method["name"] == "get").unwrap();
    assert_eq!((&get["capability"], &get["parameters"][0]["name"]), (&json!("products.get"), &json!("id")));
    assert_eq!(get["parameters"][0]["schema"]["type"], "string");
    stage.get("/api/v1/services/nothing").await.expect_problem(404, "not_found");
}
