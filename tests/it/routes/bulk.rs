//! Many executions and scripts in one request, documents of collections, and how it stands with the deployment.

use serde_json::{Value, json};

use super::stage::Stage;

const NOWHERE: &str = "0190b0a0-0000-7000-8000-000000000000";

/// Executions that wait, of a script that is made for it.
async fn accepted(stage: &Stage, name: &str, source: &str, count: usize) -> Vec<String> {
    stage.deploy(name, source).await;
    let mut ids = Vec::new();
    for _ in 0..count {
        let accepted = stage.post(&format!("/api/v1/scripts/{name}/executions"), json!({})).await.expect(202);
        ids.push(accepted["id"].as_str().unwrap().to_owned());
    }
    ids
}

async fn until_ended(stage: &Stage, id: &str) -> Value {
    loop {
        let execution = stage.get(&format!("/api/v1/executions/{id}")).await.expect(200);
        if !matches!(execution["status"].as_str(), Some("pending" | "running")) {
            return execution;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_executions_are_cancelled_and_each_that_is_not_says_why() {
    let stage = Stage::open().await;
    let ended = stage.run("order-rules", json!({})).await["id"].as_str().unwrap().to_owned();
    let mut ids = accepted(&stage, "slow", "export default () => utils.sleep(25000)", 12).await;
    let waiting = ids.clone();
    ids.extend([ended.clone(), NOWHERE.to_owned(), waiting[0].clone()]);
    let answer = stage.post("/api/v1/executions/cancel", json!({ "ids": ids })).await.expect(200);
    assert_eq!((&answer["done"], &answer["refused"], &answer["next_cursor"]), (&json!(12), &json!(2), &Value::Null));
    let items = answer["items"].as_array().unwrap();
    assert_eq!(items.len(), 14, "what is named twice is meant once");
    assert!(items[..12].iter().all(|item| item["problem"].is_null()), "{answer}");
    assert_eq!((&items[12]["id"], &items[12]["problem"]["code"]), (&json!(ended), &json!("already_ended")));
    assert_eq!((&items[13]["problem"]["code"], &items[13]["problem"]["status"]), (&json!("not_found"), &json!(404)));
    for id in &waiting {
        assert_eq!(until_ended(&stage, id).await["status"], "cancelled");
    }
    let log = stage.get("/api/v1/audit?action=executions.cancel&limit=200").await.expect(200);
    assert_eq!(log["items"].as_array().unwrap().len(), 12, "each has its own row");
    let again = stage.post("/api/v1/executions/cancel", json!({ "filter": {} })).await.expect(200);
    assert_eq!((&again["done"], &again["refused"]), (&json!(0), &json!(0)), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_filter_finds_is_run_again_once_page_by_page() {
    let stage = Stage::open().await;
    stage.deploy("fails", "export default () => { throw new Error('no'); }").await;
    let mut failed = Vec::new();
    for _ in 0..5 {
        failed.push(stage.run("fails", json!(null)).await["id"].clone());
    }
    let (mut seen, mut body) = (Vec::new(), json!({ "filter": { "error_kind": "user_error" }, "limit": 2 }));
    loop {
        let answer = stage.post("/api/v1/executions/retry", body.clone()).await.expect(200);
        for item in answer["items"].as_array().unwrap() {
            assert!(item["problem"].is_null(), "{item}");
            let new = until_ended(&stage, item["execution_id"].as_str().unwrap()).await;
            assert_eq!((&new["retry_of"], &new["trigger"]), (&item["id"], &json!("retry")));
            seen.push(item["id"].clone());
        }
        if answer["next_cursor"].is_null() {
            break;
        }
        body["cursor"] = answer["next_cursor"].clone();
    }
    seen.reverse();
    assert_eq!(seen, failed, "those that were made meanwhile are not found");
    let stolen = json!({ "filter": { "error_kind": "timeout" }, "cursor": body["cursor"] });
    stage.post("/api/v1/executions/retry", stolen).await.expect_problem(422, "invalid");
}

#[tokio::test]
async fn a_choice_that_says_nothing_or_too_much_is_refused() {
    let stage = Stage::open().await;
    let ids = |count: usize| vec![NOWHERE; count];
    for (body, field) in [
        (json!({}), "ids"),
        (json!({ "ids": [] }), "ids"),
        (json!({ "ids": ids(1_001) }), "ids"),
        (json!({ "ids": ids(1), "filter": {} }), "ids"),
        (json!({ "ids": ids(1), "limit": 1 }), "ids"),
        (json!({ "ids": ["x"] }), "ids[0]"),
        (json!({ "filter": {}, "limit": 0 }), "limit"),
        (json!({ "filter": {}, "limit": 1_001 }), "limit"),
        (json!({ "filter": { "status": ["success"] } }), "filter.status"),
        (json!({ "filter": { "status": ["done"] } }), "filter.status[0]"),
        (json!({ "filter": { "after": "yesterday" } }), "filter.after"),
        (json!({ "filter": { "colour": 1 } }), "filter.colour"),
        (json!({ "filter": {}, "cursor": "AAAA" }), "cursor"),
    ] {
        let refused = stage.post("/api/v1/executions/cancel", body.clone()).await.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{body}");
    }
    let waiting = json!({ "filter": { "status": ["pending"] } });
    let refused = stage.post("/api/v1/executions/retry", waiting).await.expect_problem(422, "invalid");
    assert_eq!(refused["errors"][0]["field"], "filter.status");
    stage.post("/api/v1/executions/cancel", json!({ "ids": ids(1_000) })).await.expect(200);
}

#[tokio::test]
async fn many_scripts_are_paused_resumed_and_deleted_by_ids_and_names() {
    let stage = Stage::open().await;
    for name in ["one", "two"] {
        stage.deploy(name, "export default () => 1").await;
    }
    let id = stage.get("/api/v1/scripts/one").await.expect(200)["id"].clone();
    let change = async |action: &str, scripts: Value| {
        stage.post("/api/v1/bulk/scripts", json!({ "action": action, "scripts": scripts })).await
    };
    let named = json!([id, "two", "none", "NO NAME"]);
    let paused = change("disable", named.clone()).await.expect(200);
    assert_eq!((&paused["done"], &paused["refused"]), (&json!(2), &json!(2)), "{paused}");
    assert_eq!(paused["items"][0]["id"], id);
    assert_eq!(paused["items"][3]["problem"]["code"], "not_found");
    assert_eq!(stage.get("/api/v1/scripts/two").await.expect(200)["is_active"], false);
    change("enable", named.clone()).await.expect(200);
    assert_eq!(stage.get("/api/v1/scripts/two").await.expect(200)["is_active"], true);
    change("delete", named.clone()).await.expect(200);
    stage.get("/api/v1/scripts/one").await.expect_problem(404, "not_found");
    change("burn", named).await.expect_problem(422, "invalid");
    for scripts in [json!([]), json!(vec!["one"; 201])] {
        let refused = change("enable", scripts).await.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], "scripts");
    }
}

#[tokio::test]
async fn documents_are_kept_found_and_removed_as_scripts_have_them() {
    let stage = Stage::open().await;
    let documents = "/api/v1/storage/collections/products/documents";
    let one = |id: &str| format!("{documents}/{id}");
    let put = |id: &str, body: Value| stage.api("PUT", &one(id)).json(&body);
    let kettle = json!({ "name": "Kettle", "stock": 3, "price": 39.5 });
    let made = put("a%2Fb%20%C3%A4", kettle.clone()).send().await;
    let tag = made.header("etag").to_owned();
    assert_eq!(made.expect(200)["document"]["id"], "a/b ä");
    put("pot", json!({ "id": "pot", "name": "Pot", "stock": 0, "price": 12 })).send().await.expect(200);
    stage
        .deploy_with(json!({
            "name": "reads", "kind": "one_off", "capabilities": { "services": ["products.*"] },
            "source": "export default async () => (await services.products.get('a/b ä')).price"
        }))
        .await;
    assert_eq!(stage.run("reads", json!(null)).await["result"], 39.5);
    let cheap = stage.get(&format!("{documents}?filter=%7B%22price%22%3A%7B%22lt%22%3A20%7D%7D&sort=-price")).await;
    let ids: Vec<Value> =
        cheap.expect(200)["items"].as_array().unwrap().iter().map(|item| item["id"].clone()).collect();
    assert!(ids.contains(&json!("pot")) && !ids.contains(&json!("a/b ä")), "{ids:?}");

    let (mut path, mut all) = (format!("{documents}?limit=1&sort=-price"), Vec::new());
    loop {
        let page = stage.get(&path).await.expect(200);
        all.extend(page["items"].as_array().unwrap().iter().map(|item| item["document"]["price"].as_f64().unwrap()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{documents}?limit=1&sort=-price&cursor={cursor}");
    }
    assert!(all.len() >= 2 && all.is_sorted_by(|a, b| a >= b), "{all:?}");

    put("a%2Fb%20%C3%A4", kettle).header("if-match", &tag).send().await.expect(200);
    put("a%2Fb%20%C3%A4", json!({ "name": "x", "stock": 1, "price": 1 }))
        .header("if-match", &tag)
        .send()
        .await
        .expect_problem(412, "stale");
    stage.api("DELETE", &one("pot")).header("if-match", &tag).send().await.expect_problem(412, "stale");
    stage.api("DELETE", &one("pot")).send().await.expect(204);
    stage.api("DELETE", &one("pot")).send().await.expect_problem(404, "not_found");
    stage.get(&one("pot")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_a_script_could_not_keep_as_a_document_is_refused_by_name() {
    let stage = Stage::open().await;
    let documents = "/api/v1/storage/collections/products/documents";
    let fine = || json!({ "name": "Kettle", "stock": 3, "price": 39.5 });
    let long = "k".repeat(513);
    for (id, body, field) in [
        ("k", json!({ "name": 7, "stock": 3, "price": 1 }), "document"),
        ("k", json!({ "stock": 3, "price": 1 }), "document"),
        ("k", json!({ "id": "other", "name": "x", "stock": 3, "price": 1 }), "id"),
        ("k", json!({ "id": 7, "name": "x", "stock": 3, "price": 1 }), "id"),
        ("k", json!({ "name": "x".repeat(1 << 20), "stock": 3, "price": 1 }), "document"),
        (long.as_str(), fine(), "id"),
        ("a%0Ab", fine(), "id"),
    ] {
        let refused = stage.api("PUT", &format!("{documents}/{id}")).json(&body).send().await;
        let refused = refused.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    for (query, field) in [
        ("filter=x", "filter"),
        ("filter=%5B%5D", "filter"),
        ("filter=%7B%22colour%22%3A1%7D", "filter"),
        ("filter=%7B%22price%22%3A%7B%22near%22%3A1%7D%7D", "filter"),
        ("sort=colour", "sort"),
        ("cursor=AAAA", "cursor"),
        ("limit=1000", "limit"),
        ("colour=1", "colour"),
    ] {
        let refused = stage.get(&format!("{documents}?{query}")).await.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let nowhere = "/api/v1/storage/collections/none/documents";
    stage.get(nowhere).await.expect_problem(404, "not_found");
    let put = stage.api("PUT", &format!("{nowhere}/k")).json(&fine());
    put.send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn large_documents_make_a_page_short() {
    let stage = Stage::open().await;
    let documents = "/api/v1/storage/collections/products/documents";
    for n in 0..6 {
        let body = json!({ "name": "x".repeat(1_000_000), "stock": 1, "price": 1 });
        stage.api("PUT", &format!("{documents}/large-{n}")).json(&body).send().await.expect(200);
    }
    let (mut path, mut found, mut pages) = (format!("{documents}?limit=200"), 0, 0);
    loop {
        let page = stage.get(&path).await;
        assert!(page.body.len() < 5 << 20);
        let page = page.expect(200);
        let items = page["items"].as_array().unwrap().iter();
        found += items.filter(|item| item["id"].as_str().unwrap().starts_with("large-")).count();
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("{documents}?limit=200&cursor={cursor}");
    }
    assert_eq!((found, pages > 1), (6, true));
}

#[tokio::test]
async fn an_operator_sees_how_it_stands_and_nobody_else() {
    let stage = Stage::open().await;
    let ids = accepted(&stage, "slow", "export default () => utils.sleep(25000)", 2).await;
    let token = stage.server.app().deployment_token().await.unwrap().text;
    let call = stage.stranger("GET", "/api/v1/operator/health").header("authorization", &format!("Bearer {token}"));
    let health = call.send().await.expect(200);
    assert_eq!((&health["ready"], &health["writable"], &health["detail"]), (&json!(true), &json!(true), &json!("")));
    assert_eq!((&health["starts"], &health["queues"]["executions"]), (&json!(1), &json!(2)));
    for number in ["/database/file_bytes", "/disk_free_bytes", "/workers/slots", "/database/schema_version"] {
        assert!(health.pointer(number).unwrap().as_u64().unwrap() > 0, "{number}: {health}");
    }
    assert_eq!(health["database"]["integrity_check"]["is_whole"], true);
    stage.get("/api/v1/operator/health").await.expect_problem(403, "forbidden");
    stage.post("/api/v1/executions/cancel", json!({ "ids": ids })).await.expect(200);
}
