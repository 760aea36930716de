//! What is set of an endpoint through the API.

use serde_json::{Value, json};

use super::{Stage, public};

const SOURCE: &str = "export default () => 1;";

fn script(name: &str, endpoint: Value) -> Value {
    json!({ "name": name, "kind": "endpoint", "source": SOURCE, "endpoint": endpoint })
}

#[tokio::test]
async fn a_short_endpoint_has_its_defaults_and_a_patch_changes_what_it_names() {
    let stage = Stage::open().await;
    let made = stage.post("/api/v1/scripts", script("plain", public("GET", "/plain"))).await.expect(201);
    let expected = json!({
        "method": "GET", "path": "/plain", "authentication": "public", "signature": null, "mode": "sync",
        "body_limit_bytes": 4 << 20, "rate_limit": null, "cors": null, "deduplicate": null,
    });
    assert_eq!(made["endpoint"], expected);
    let patch = json!({ "endpoint": { "mode": "async", "rate_limit": { "per_minute": 7 } } });
    let patched = stage.api("PATCH", "/api/v1/scripts/plain").json(&patch).send().await.expect(200);
    let endpoint = &patched["endpoint"];
    assert_eq!((&endpoint["path"], &endpoint["mode"]), (&json!("/plain"), &json!("async")));
    assert_eq!(endpoint["rate_limit"], json!({ "per_minute": 7, "per_address_per_minute": null }));
    let patch = json!({ "endpoint": { "rate_limit": null } });
    let patched = stage.api("PATCH", "/api/v1/scripts/plain").json(&patch).send().await.expect(200);
    assert_eq!((&patched["endpoint"]["mode"], &patched["endpoint"]["rate_limit"]), (&json!("async"), &Value::Null));
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_is_refused_with_its_field() {
    let stage = Stage::open().await;
    let cases = [
        (json!({ "method": "TRACE" }), "endpoint.method"),
        (json!({ "path": "/a/../b" }), "endpoint.path"),
        (json!({ "path": "/-/executions/x" }), "endpoint.path"),
        (json!({ "authentication": "hmac" }), "endpoint.signature"),
        (json!({ "signature": { "scheme": "standard" } }), "endpoint.signature"),
        (json!({ "body_limit_bytes": 5 << 20 }), "endpoint.body_limit_bytes"),
        (json!({ "rate_limit": { "per_minute": 0 } }), "endpoint.rate_limit"),
        (json!({ "cors": { "origins": ["shop.example"] } }), "endpoint.cors"),
        (
            json!({ "authentication": "hmac", "signature": { "scheme": "generic", "header": "cookie" } }),
            "endpoint.signature.header",
        ),
    ];
    for (change, field) in cases {
        let mut endpoint = public("GET", "/a");
        endpoint.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = stage.post("/api/v1/scripts", script("refused", endpoint)).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    for unknown in [json!({ "scheme": "md5" }), json!({ "scheme": "standard", "header": "x" }), json!("standard")] {
        let endpoint = json!({ "method": "GET", "path": "/a", "authentication": "hmac", "signature": unknown });
        stage.post("/api/v1/scripts", script("refused", endpoint)).await.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn routes_that_answer_the_same_requests_are_refused_at_save() {
    let stage = Stage::open().await;
    stage.post("/api/v1/scripts", script("first", public("GET,POST", "/items/{id}"))).await.expect(201);
    for (method, path) in [("GET", "/items/{item}"), ("ANY", "/items/{id}"), ("PUT,POST", "/items/{*rest}")] {
        let refused = stage.post("/api/v1/scripts", script("second", public(method, path))).await;
        refused.expect_problem(409, "route_taken");
    }
    stage.post("/api/v1/scripts", script("literal", public("GET", "/items/new"))).await.expect(201);
    stage.post("/api/v1/scripts", script("other-method", public("DELETE", "/items/{id}"))).await.expect(201);
    let patch = json!({ "endpoint": { "method": "ANY" } });
    stage.api("PATCH", "/api/v1/scripts/first").json(&patch).send().await.expect_problem(409, "route_taken");
}

#[tokio::test]
async fn endpoints_are_listed_by_path_page_by_page() {
    let stage = Stage::open().await;
    for path in ["/b", "/a", "/c"] {
        let name = format!("at-{}", &path[1..]);
        stage.post("/api/v1/scripts", script(&name, public("GET", path))).await.expect(201);
    }
    let mut seen = Vec::new();
    let mut address = String::from("/api/v1/endpoints?limit=2");
    loop {
        let page = stage.get(&address).await.expect(200);
        seen.extend(page["items"].as_array().unwrap().iter().map(|item| item["path"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        address = format!("/api/v1/endpoints?limit=2&cursor={}", cursor.replace('/', "%2F"));
    }
    assert_eq!(seen, ["/a", "/b", "/c", "/orders"]);
    stage.get("/api/v1/endpoints?cursor=x").await.expect_problem(422, "invalid");
}
