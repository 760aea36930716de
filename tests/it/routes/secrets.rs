//! Secrets over the API: a value goes in and never comes out.

use serde_json::{Value, json};

use super::stage::Stage;

const VALUE: &str = "MARKER-s3cr3t-value";

fn secret() -> Value {
    json!({
        "value": VALUE, "origins": ["https://API.example.com:443"], "scripts": ["use"],
        "placements": ["header Authorization", "hmac sha256"],
    })
}

async fn stage() -> Stage {
    let stage = Stage::open().await;
    let capabilities = json!({ "secrets": ["KEY"] });
    let source = "export default async () => (await secrets.get('KEY')).hmac('sha256', 'data')";
    stage
        .deploy_with(json!({ "name": "use", "kind": "one_off", "source": source, "capabilities": capabilities }))
        .await;
    stage
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_kept_changed_and_removed_and_never_shown() {
    let stage = stage().await;
    let path = "/api/v1/secrets/KEY";
    let put = async |body: Value| stage.api("PUT", path).json(&body).send().await;
    let made = put(secret()).await;
    let shown = made.expect(201);
    assert_eq!(shown["origins"], json!(["https://api.example.com"]));
    assert_eq!(shown["placements"], json!(["header authorization", "hmac sha256"]));
    assert_eq!((&shown["scripts"], &shown["value_version"]), (&json!(["use"]), &json!(1)));
    let tag = made.header("etag").to_owned();
    assert_eq!(stage.get(path).await.header("etag"), tag);
    assert_eq!(stage.get("/api/v1/secrets").await.expect(200)["items"][0], shown);

    let patch = async |tag: &str, body: Value| {
        let call = stage.api("PATCH", path).header("if-match", tag);
        call.header("content-type", "application/merge-patch+json").body(body.to_string()).send().await
    };
    let changed = patch(&tag, json!({ "placements": ["hmac sha256", "body key"] })).await;
    assert_eq!(changed.expect(200)["placements"], json!(["body key", "hmac sha256"]));
    patch(&tag, json!({ "scripts": [] })).await.expect_problem(412, "stale");
    let elsewhere = json!({ "origins": ["https://evil.example"] });
    patch("*", elsewhere.clone()).await.expect_problem(422, "value_required");
    let with_value = json!({ "origins": ["https://evil.example"], "value": "another-value-of-it" });
    assert_eq!(patch("*", with_value).await.expect(200)["value_version"], 2);

    let replaced = put(secret()).await.expect(200);
    assert_eq!(replaced["value_version"], 3);
    let stale = stage.api("DELETE", path).header("if-match", &tag).send().await;
    stale.expect_problem(412, "stale");
    assert_eq!(stage.api("DELETE", path).send().await.status, 204);
    stage.get(path).await.expect_problem(404, "not_found");
    stage.api("DELETE", path).send().await.expect_problem(404, "not_found");
    patch("*", elsewhere).await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_answer_of_the_api_has_a_value_in_it() {
    let stage = stage().await;
    let mut answers = vec![stage.api("PUT", "/api/v1/secrets/KEY").json(&secret()).send().await];
    let run = stage.run("use", Value::Null).await;
    assert_eq!(run["result"].as_str().map(str::len), Some(64), "{run}");
    let id = run["id"].as_str().unwrap();
    let document = stage.stranger("GET", "/api/v1/openapi.json").send().await.expect(200);
    for (path, operations) in document["paths"].as_object().unwrap() {
        if operations.get("get").is_none() {
            continue;
        }
        let path = path.replace("{secret}", "KEY").replace("{script}", "use").replace("{number}", "1");
        answers.push(stage.get(&path.replace("{execution}", id)).await);
    }
    answers.push(stage.api("PATCH", "/api/v1/secrets/KEY").json(&json!({ "scripts": ["use"] })).send().await);
    for replay in [format!("/api/v1/executions/{id}/replay")] {
        answers.push(stage.post(&replay, json!({})).await);
    }
    assert!(answers.len() > 10);
    for answer in answers {
        assert!(!answer.text().contains("MARKER"), "{}", answer.text());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_none_is_refused_by_field() {
    let stage = stage().await;
    let with = |field: &str, value: Value| {
        let mut body = secret();
        body[field] = value;
        body
    };
    let cases = [
        (with("value", json!("")), "value"),
        (with("value", json!("short")), "value"),
        (with("value", json!("fifteen-bytes--")), "value"),
        (with("value", json!(format!("{VALUE}\n"))), "value"),
        (with("value", json!("x".repeat((64 << 10) + 1))), "value"),
        (with("value", json!(4_111_111_111_111_111_u64)), "value"),
        (with("value", Value::Null), "value"),
        (with("value_encoding", json!("base64")), "value"),
        (with("value_encoding", json!("rot13")), "value_encoding"),
        (with("origins", json!([])), "origins"),
        (with("origins", json!(["https://*.example.com"])), "origins"),
        (with("origins", json!(["http://api.example.com"])), "origins"),
        (with("origins", json!(["https://api.example.com/path"])), "origins"),
        (with("origins", json!(["https://user:pw@api.example.com"])), "origins"),
        (with("placements", json!([])), "placements"),
        (with("placements", json!(["url"])), "placements"),
        (with("placements", json!(["query key"])), "placements"),
        (with("placements", json!(["header Host"])), "placements"),
        (with("placements", json!(["header *"])), "placements"),
        (with("placements", json!(["hmac md5"])), "placements"),
        (with("scripts", json!(["absent"])), "scripts"),
        (with("scripts", json!(["*"])), "scripts"),
        (with("tenant_id", json!("other")), "tenant_id"),
    ];
    for (body, field) in cases {
        let answer = stage.api("PUT", "/api/v1/secrets/KEY").json(&body).send().await;
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{body}");
        assert!(!answer.text().contains("4111") && !answer.text().contains("MARKER"), "{}", answer.text());
    }
    stage.get("/api/v1/secrets/KEY").await.expect_problem(404, "not_found");
    let path = "/api/v1/secrets/NO%20NAME";
    stage.api("PUT", path).json(&secret()).send().await.expect_problem(404, "not_found");
    let expected = stage.api("PUT", "/api/v1/secrets/KEY").header("if-match", "\"3\"").json(&secret());
    expected.send().await.expect_problem(404, "not_found");
}
