//! The tenant's storage entries over the API.

use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn an_entry_is_kept_shown_listed_and_removed_and_scripts_see_it() {
    let stage = Stage::open().await;
    let made =
        stage.api("PUT", "/api/v1/storage/orders%2Fa%20%C3%A4").json(&json!({ "value": { "n": 1 } })).send().await;
    let tag = made.header("etag").to_owned();
    let made = made.expect(200);
    assert_eq!(
        (&made["key"], &made["value"], &made["expires_at"]),
        (&json!("orders/a ä"), &json!({ "n": 1 }), &Value::Null)
    );
    assert_eq!(tag, format!("\"{}\"", made["revision"]));
    stage
        .deploy(
            "reads",
            "export default async () => { await storage.increment('n', 2); return storage.get('orders/a ä'); }",
        )
        .await;
    assert_eq!(stage.run("reads", json!(null)).await["result"], json!({ "n": 1 }));
    assert_eq!(stage.get("/api/v1/storage/n").await.expect(200)["value"], 2);
    let page = stage.get("/api/v1/storage?prefix=orders%2F").await.expect(200);
    assert_eq!((page["items"].as_array().unwrap().len(), &page["next_cursor"]), (1, &Value::Null));
    let expiring = json!({ "value": "soon gone", "ttl_seconds": 60 });
    let expiring = stage.api("PUT", "/api/v1/storage/soon").json(&expiring).send().await.expect(200);
    assert!(expiring["expires_at"].as_str() > expiring["updated_at"].as_str(), "{expiring}");
    stage.api("DELETE", "/api/v1/storage/soon").send().await.expect(204);
    stage.get("/api/v1/storage/soon").await.expect_problem(404, "not_found");
    stage.api("DELETE", "/api/v1/storage/soon").send().await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_stale_write_changes_nothing_and_says_what_there_is() {
    let stage = Stage::open().await;
    let put = |value: Value, tag: &str| {
        let call = stage.api("PUT", "/api/v1/storage/k").json(&json!({ "value": value }));
        if tag.is_empty() { call } else { call.header("if-match", tag) }
    };
    put(json!(1), "\"1\"").send().await.expect_problem(412, "stale");
    let first = put(json!(1), "").send().await;
    let tag = first.header("etag").to_owned();
    let second = put(json!(2), &tag).send().await;
    let current = second.expect(200)["revision"].clone();
    let stale = put(json!(3), &tag).send().await.expect_problem(412, "stale");
    assert_eq!(stale["current_revision"], current);
    stage.api("DELETE", "/api/v1/storage/k").header("if-match", &tag).send().await.expect_problem(412, "stale");
    assert_eq!(stage.get("/api/v1/storage/k").await.expect(200)["value"], 2);
    stage.api("DELETE", "/api/v1/storage/k").header("if-match", second.header("etag")).send().await.expect(204);
}

#[tokio::test]
async fn pages_of_entries_join_and_large_values_make_them_short() {
    let stage = Stage::open().await;
    let large = "x".repeat((1 << 20) - 2);
    for n in 0..6 {
        let path = format!("/api/v1/storage/large%2F{n}");
        stage.api("PUT", &path).json(&json!({ "value": large })).send().await.expect(200);
    }
    let (mut keys, mut pages) = (Vec::new(), 0);
    let mut path = String::from("/api/v1/storage?prefix=large/&limit=200");
    loop {
        let page = stage.get(&path).await.expect(200);
        keys.extend(page["items"].as_array().unwrap().iter().map(|entry| entry["key"].as_str().unwrap().to_owned()));
        pages += 1;
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        path = format!("/api/v1/storage?prefix=large/&limit=200&cursor={}", cursor.replace('/', "%2F"));
    }
    let expected: Vec<String> = (0..6).map(|n| format!("large/{n}")).collect();
    assert_eq!((keys, pages), (expected, 2));
}

#[tokio::test]
async fn what_a_script_could_not_keep_is_refused_by_name() {
    let stage = Stage::open_with("[data]\nstorage_limit_mb = 1\n").await;
    let long_key = format!("/api/v1/storage/{}", "k".repeat(513));
    let value = || json!({ "value": 1 });
    let large = json!({ "value": "x".repeat(1 << 20) });
    let most_of_it = || json!({ "value": "x".repeat(700_000) });
    for (path, body, status, what) in [
        (long_key.as_str(), value(), 422, "key"),
        ("/api/v1/storage/a%00b", value(), 422, "key"),
        ("/api/v1/storage/a%0Ab", value(), 422, "key"),
        ("/api/v1/storage/k", large, 422, "value"),
        ("/api/v1/storage/k", json!({ "value": 1, "ttl_seconds": 0 }), 422, "value"),
        ("/api/v1/storage/k", json!({ "value": 1, "ttl_seconds": 315_360_001 }), 422, "value"),
        ("/api/v1/storage/k", json!({ "value": 1, "ttl_seconds": -1 }), 422, "ttl_seconds"),
        ("/api/v1/storage/k", json!({ "value": 1, "revision": 7 }), 422, "revision"),
        ("/api/v1/storage/k", json!({}), 422, "value"),
        ("/api/v1/storage/large", most_of_it(), 200, "large"),
        ("/api/v1/storage/k", most_of_it(), 429, "storage_bytes"),
    ] {
        let refused = stage.api("PUT", path).json(&body).send().await;
        assert_eq!(refused.status, status, "{path}: {}", refused.text());
        assert!(refused.text().contains(what), "{what}: {}", refused.text());
    }
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=1000000", "limit"),
        ("limit=x", "limit"),
        ("keys=a", "keys"),
        (&format!("prefix={}", "p".repeat(513)), "prefix"),
    ] {
        let refused = stage.get(&format!("/api/v1/storage?{query}")).await.expect_problem(422, "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    // What no key can be, or is not UTF-8, names nothing.
    stage.get(&long_key).await.expect_problem(404, "not_found");
    stage.get("/api/v1/storage/%FF").await.expect_problem(404, "not_found");
}
