//! Tokens over the API.

use serde_json::json;

use super::stage::Stage;

#[tokio::test(flavor = "multi_thread")]
async fn a_token_makes_another_that_can_do_less() {
    let stage = Stage::open().await;
    let body = json!({ "name": "reader", "permissions": ["scripts.read"], "expires_in_days": 1 });
    let made = stage.post("/api/v1/tokens", body).await.expect(201);
    let bearer = format!("Bearer {}", made["token"].as_str().unwrap());
    let as_reader =
        async |method: &str, path: &str| stage.stranger(method, path).header("authorization", &bearer).send().await;
    assert_eq!(as_reader("GET", "/api/v1/scripts").await.status, 200);
    assert_eq!(as_reader("GET", "/api/v1/executions").await.status, 403);
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    assert_eq!(as_reader("DELETE", &path).await.status, 403);
    assert_eq!(stage.api("DELETE", &path).send().await.status, 204);
    assert_eq!(as_reader("GET", "/api/v1/scripts").await.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_refused_by_field() {
    let stage = Stage::open().await;
    for body in [
        json!({ "name": "" }),
        json!({ "name": "x", "expires_in_days": 0 }),
        json!({ "name": "x", "expires_in_days": 3651 }),
        json!({ "name": "x", "permissions": ["root"] }),
        json!({ "name": "x", "tenant_id": "other" }),
        json!({}),
    ] {
        assert_eq!(stage.post("/api/v1/tokens", body.clone()).await.status, 422, "{body}");
    }
    let unknown = "/api/v1/tokens/0190b0a0-0000-7000-8000-000000000000";
    assert_eq!(stage.api("DELETE", unknown).send().await.status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_ends_earlier_than_it_was_to_and_never_later() {
    let stage = Stage::open().await;
    let made = stage.post("/api/v1/tokens", json!({ "name": "ci", "expires_in_days": 2 })).await.expect(201);
    let path = format!("/api/v1/tokens/{}", made["id"].as_str().unwrap());
    let patch = async |body: serde_json::Value| stage.api("PATCH", &path).json(&body).send().await;
    for body in [
        json!({ "expires_at": "2100-01-01T00:00:00Z" }),
        json!({ "expires_at": "2020-01-01T00:00:00Z" }),
        json!({ "expires_at": null }),
        json!({ "expires_at": "soon" }),
        json!({ "permissions": [] }),
    ] {
        patch(body).await.expect_problem(422, "invalid");
    }
    let end = made["expires_at"].as_str().unwrap();
    let same = patch(json!({ "name": "deploys", "expires_at": end })).await.expect(200);
    assert_eq!((same["name"].as_str(), same["expires_at"].as_str()), (Some("deploys"), Some(end)));
}
