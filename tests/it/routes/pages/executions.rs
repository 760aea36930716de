//! The pages of executions.

use serde_json::json;

use super::{HOSTILE, Stage, Visitor, id};

const FAILS: &str = "export default async function work(input) {\n  console.warn('log of', \
                     input.text);\n  await storage.set('key', input.text);\n  await storage.get('key');\n  \
                     throw new RangeError(input.text);\n}\n";

/// A script that stores, logs and throws what it is given.
async fn fails(stage: &Stage) -> String {
    stage.deploy("fails", FAILS).await;
    let ended = stage.run("fails", json!({ "text": HOSTILE })).await;
    id(&ended).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_in_which_nothing_ran_is_told_what_belongs_here() {
    let stage = Stage::open().await;
    let visitor = Visitor::of_an_empty_tenant(&stage).await;
    let page = visitor.sees("/executions").await;
    assert!(page.contains("Nothing has run yet"), "{page}");
    let filtered = visitor.sees("/executions?status=failed&logs=none").await;
    assert!(filtered.contains("No execution is like that"), "{filtered}");
    assert_eq!(visitor.gets("/executions/0190b0a0-0000-7000-8000-000000000000").await.status, 404);
    assert_eq!(visitor.gets("/executions/none").await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_list_has_what_its_filters_find_and_a_bar_for_it() {
    let stage = Stage::open().await;
    fails(&stage).await;
    stage.deploy("works", "export default () => 1;").await;
    let worked = stage.run("works", json!(null)).await;
    let visitor = Visitor::with_role(&stage, "editor").await;
    let all = visitor.sees("/executions").await;
    assert!(all.contains(&format!("/executions/{}", id(&worked))) && all.contains(">fails</a>"), "{all}");
    assert!(all.contains("class=\"bar success\"") && all.contains("class=\"bar failed\""), "{all}");
    assert!(all.contains("data-live=\"/api/v1/executions/stream\""), "{all}");
    let failed = visitor.sees("/executions?status=failed,timeout&after=-1h").await;
    assert!(failed.contains(">fails</a>") && !failed.contains(">works</a>"), "{failed}");
    assert!(failed.contains("In the last hour") && !failed.contains("class=\"bar success\""), "{failed}");
    let found = visitor.sees("/executions?logs=alert(1)&error_kind=user_error").await;
    // Whoever may not inspect an execution does not find it by its log; an editor has every right that the run used.
    assert!(found.contains(">fails</a>") && !found.contains(">works</a>"), "{found}");
    let past = visitor.sees("/executions?before=2020-01-01T00:00").await;
    assert!(past.contains("No execution is like that") && !past.contains("data-live"), "{past}");
    for path in ["status=no", "script=no", "after=no", "cursor=no", "duration_min_ms=-1", "none=1"] {
        assert_eq!(visitor.gets(&format!("/executions?{path}")).await.status, 422, "{path}");
    }
    visitor.sees(&format!("/executions?version={}&user={}", id(&worked), id(&worked))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_says_what_happened_and_where() {
    let stage = Stage::open().await;
    let failed = fails(&stage).await;
    let visitor = Visitor::with_role(&stage, "admin").await;
    let page = visitor.sees(&format!("/executions/{failed}")).await;
    for part in
        ["Failed after", "RangeError", "fails.js:5", "?line=5", "log of", "storage.set", "class=\"line marked\""]
    {
        assert!(page.contains(part), "no {part}: {page}");
    }
    assert!(page.contains("\\u001b[31m\\u202e"), "what cannot be seen is shown as what it is: {page}");
    assert!(page.contains("?replay=") && page.contains("/retry") && page.contains("id=\"as-test\""), "{page}");
    let call = visitor.sees(&format!("/executions/{failed}/calls/1")).await;
    assert!(call.contains("alert(1)") && call.contains("Arguments"), "{call}");
    assert_eq!(visitor.gets(&format!("/executions/{failed}/calls/9")).await.status, 404);

    stage.deploy("table", "export default () => [{ a: 1, b: 'x' }, { a: 2, c: '<b>' }];").await;
    let table = stage.run("table", json!(null)).await;
    let page = visitor.sees(&format!("/executions/{}", id(&table))).await;
    assert!(page.contains("Succeeded after") && page.contains("<th>a</th><th>b</th><th>c</th>"), "{page}");
    assert!(page.contains("It called nothing outside itself") && page.contains("It logged nothing"), "{page}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_not_inspect_sees_that_it_failed_and_not_why() {
    let stage = Stage::open().await;
    let failed = fails(&stage).await;
    let viewer = Visitor::with_role(&stage, "viewer").await;
    let page = viewer.sees(&format!("/executions/{failed}")).await;
    assert!(page.contains("Failed after") && page.contains("executions.inspect"), "{page}");
    assert!(page.contains("storage.set"), "which calls there were, and when, everybody sees: {page}");
    for part in ["RangeError", "log of", "alert(1)", "id=\"as-test\"", "/retry", "/replay", "input.json"] {
        assert!(!page.contains(part), "{part}: {page}");
    }
    for file in ["log.txt", "input.json"] {
        let refused = viewer.gets(&format!("/executions/{failed}/{file}")).await;
        assert!([403, 404].contains(&refused.status) && !refused.text().contains("alert(1)"), "{file}");
    }
    let call = viewer.sees(&format!("/executions/{failed}/calls/1")).await;
    assert!(!call.contains("alert(1)"), "{call}");
    let list = viewer.sees("/executions").await;
    assert!(!list.contains("data-bulk"), "{list}");
    // A runner has every right that the calls used, and so sees what they were about.
    let runner = Visitor::with_role(&stage, "runner").await;
    assert!(runner.sees(&format!("/executions/{failed}")).await.contains("RangeError"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_downloaded_is_an_attachment() {
    let stage = Stage::open().await;
    let failed = fails(&stage).await;
    stage.deploy("answers", "export default (input) => input;").await;
    let answered = stage.run("answers", json!({ "text": "<b>" })).await;
    let visitor = Visitor::with_role(&stage, "admin").await;
    for (path, mime, part) in [
        (format!("/executions/{failed}/log.txt"), "text/plain; charset=utf-8", "warn   log of"),
        (format!("/executions/{failed}/input.json"), "application/json", "alert(1)"),
        (format!("/executions/{}/result.json", id(&answered)), "application/json", r#"{"text":"<b>"}"#),
    ] {
        let file = visitor.gets(&path).await;
        assert_eq!((file.status, file.header("content-type")), (200, mime), "{path}");
        assert!(file.header("content-disposition").starts_with("attachment; filename=\"execution-"), "{path}");
        assert_eq!(file.header("x-content-type-options"), "nosniff", "{path}");
        assert!(file.text().contains(part) && !file.text().contains('\u{1b}'), "{path}: {}", file.text());
    }
    let none = visitor.gets(&format!("/executions/{failed}/result.json")).await;
    assert_eq!(none.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_execution_is_run_again_by_its_own_version_or_by_the_current_one() {
    let stage = Stage::open().await;
    stage.deploy("again", "export default () => 'first';").await;
    let first = id(&stage.run("again", json!(null)).await).to_owned();
    let script = stage.get("/api/v1/scripts/again/draft").await;
    let tag = script.header("etag").to_owned();
    let draft = json!({ "source": "export default () => 'second';" });
    let saved = stage.api("PUT", "/api/v1/scripts/again/draft").header("if-match", &tag).json(&draft).send().await;
    assert!([200, 204].contains(&saved.status), "{}", saved.text());
    stage.post("/api/v1/scripts/again/deploy", json!({})).await.expect(201);
    let visitor = Visitor::with_role(&stage, "admin").await;
    let page = visitor.sees(&format!("/executions/{first}")).await;
    assert!(page.contains("Retry with v2") && page.contains("with v1"), "{page}");
    let retry = format!("/api/v1/executions/{first}/retry");
    for (body, result) in [(json!({ "version": "current" }), "second"), (json!({ "version": "original" }), "first")] {
        let again = visitor.calls("POST", &retry, body).await.expect(202);
        let ended = until_ended(&stage, id(&again)).await;
        assert_eq!(ended["result"], result, "{ended}");
    }
    let other = visitor.calls("POST", &retry, json!({ "version": "next" })).await;
    other.expect_problem(422, "invalid");
}

/// The execution, once it has ended.
async fn until_ended(stage: &Stage, id: &str) -> serde_json::Value {
    let path = format!("/api/v1/executions/{id}");
    loop {
        let execution = stage.get(&path).await.expect(200);
        if !["pending", "running"].contains(&execution["status"].as_str().unwrap()) {
            return execution;
        }
        tokio::task::yield_now().await;
    }
}
