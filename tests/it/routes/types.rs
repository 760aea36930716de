//! `GET /api/v1/types`.

use serde_json::json;

use super::stage::Stage;

#[tokio::test]
async fn the_types_are_those_of_the_tenant_and_are_sent_once() {
    let stage = Stage::open().await;
    let answer = stage.get("/api/v1/types").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), "application/typescript; charset=utf-8");
    assert_eq!(answer.header("cache-control"), "private, no-cache");
    let text = answer.text();
    assert!(text.contains("readonly products: {") && text.contains("declare const storage: {"), "{text}");
    let tag = answer.header("etag").to_owned();
    let again = stage.api("GET", "/api/v1/types").header("if-none-match", &tag).send().await;
    assert_eq!((again.status, again.body.len(), again.header("etag")), (304, 0, tag.as_str()));
    let other = stage.api("GET", "/api/v1/types").header("if-none-match", "\"other\"").send().await;
    assert_eq!(other.text(), text);
}

#[tokio::test]
async fn types_need_a_token_that_reads_scripts() {
    let stage = Stage::open().await;
    stage.stranger("GET", "/api/v1/types").send().await.expect_problem(401, "unauthenticated");
    let body = json!({ "name": "narrow", "permissions": ["executions.read"] });
    let made = stage.post("/api/v1/tokens", body).await.expect(201);
    let narrow = format!("Bearer {}", made["token"].as_str().unwrap());
    let answer = stage.stranger("GET", "/api/v1/types").header("authorization", &narrow).send().await;
    answer.expect_problem(403, "forbidden");
}
