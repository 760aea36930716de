//! Every refusal of the API is a problem with a stable code, whatever is sent.

use serde_json::{Value, json};

use super::stage::Stage;

#[tokio::test]
async fn every_operation_but_the_open_ones_needs_a_token() {
    let stage = Stage::open().await;
    let document = stage.stranger("GET", "/api/v1/openapi.json").send().await.expect(200);
    let mut asked = 0;
    for (path, operations) in document["paths"].as_object().unwrap() {
        for (method, operation) in operations.as_object().unwrap() {
            let path = path.replace("{number}", "1").replace(['{', '}'], "");
            let answer = stage.stranger(&method.to_uppercase(), &path).send().await;
            if operation["security"] == json!([{}]) {
                // Whoever comes back from nowhere has signed in to nothing; what else signs in has a body, which is missing.
                if path.ends_with("/callback") {
                    answer.expect_problem(401, "sign_in_failed");
                    continue;
                }
                if method == "get" { answer.expect_open(&path) } else { assert_eq!(answer.status, 415, "{path}") }
            } else {
                assert_eq!(answer.header("www-authenticate"), "Bearer realm=\"skerry\"", "{method} {path}");
                answer.expect_problem(401, "unauthenticated");
                asked += 1;
            }
        }
    }
    assert!(asked >= 19, "{asked}");
}

#[tokio::test]
async fn a_token_that_is_none_opens_nothing() {
    let stage = Stage::open().await;
    let (id, secret) = stage.token.rsplit_once('_').unwrap();
    let forged = format!("{id}_{}", "0".repeat(secret.len()));
    for value in ["Bearer", "Bearer ", "Bearer sk_", "Basic YTpi", "Bearer \u{e4}", &format!("Bearer {forged}")] {
        let call = stage.stranger("GET", "/api/v1/me").header("authorization", value);
        call.send().await.expect_problem(401, "unauthenticated");
    }
    let twice = stage.api("GET", "/api/v1/me").header("authorization", "Bearer other");
    twice.send().await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_body_that_cannot_be_read_is_refused_by_name() {
    let stage = Stage::open().await;
    let deep = format!("{}1{}", "[".repeat(100_000), "]".repeat(100_000));
    let deep_input = format!("{{\"input\":{}1{}}}", "{\"a\":".repeat(100), "}".repeat(100));
    let valid = json!({ "name": "x", "kind": "one_off", "source": "export default () => 1;" });
    let with = |field: &str, value: Value| {
        let mut body = valid.clone();
        body[field] = value;
        body.to_string()
    };
    let cases = [
        (String::from("{"), 400, "malformed_json"),
        (String::from("nonsense"), 400, "malformed_json"),
        (format!("{valid} {{}}"), 400, "malformed_json"),
        (String::from("{\"name\":\"\u{0}\"}"), 400, "malformed_json"),
        (deep, 400, "json_too_deep"),
        (deep_input, 400, "json_too_deep"),
        (String::from("[]"), 422, "invalid"),
        (String::from("{}"), 422, "invalid"),
        (with("name", json!(7)), 422, "invalid"),
        (with("name", json!("../etc")), 422, "invalid"),
        (with("kind", json!("lambda")), 422, "invalid"),
        (with("source", json!("x".repeat((1 << 20) + 1))), 422, "source"),
        (with("colour", json!(1)), 422, "invalid"),
        (with("limits", json!({ "memory_bytes": 1 })), 422, "invalid"),
        (with("limits", json!({ "fuel": -1 })), 422, "invalid"),
        (with("capabilities", json!({ "services": "all" })), 422, "invalid"),
        (with("endpoint", json!({ "method": "GET", "path": "/x", "authentication": "public" })), 422, "invalid"),
        (with("source", json!("x".repeat(3 << 20))), 413, "body_too_large"),
    ];
    for (body, status, code) in cases {
        let call = stage.api("POST", "/api/v1/scripts").header("content-type", "application/json");
        call.body(body).send().await.expect_problem(status, code);
    }
    let form = stage.api("POST", "/api/v1/scripts").header("content-type", "text/plain").body("{}");
    form.send().await.expect_problem(415, "unsupported_media_type");
    assert_eq!(stage.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_body_without_a_length_is_cut_at_its_limit() {
    let stage = Stage::open().await;
    let chunk = format!("100000\r\n{}\r\n", "x".repeat(0x0010_0000));
    let call = stage.api("POST", "/api/v1/scripts").header("content-type", "application/json");
    let call = call.header("transfer-encoding", "chunked").unframed(chunk.repeat(3) + "0\r\n\r\n");
    call.send().await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn a_field_of_the_wrong_shape_is_named() {
    let stage = Stage::open().await;
    let body = json!({ "name": "x", "kind": "one_off", "source": "1", "capabilities": { "hosts": [1] } });
    let problem = stage.post("/api/v1/scripts", body).await.expect_problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "capabilities.hosts[0]", "{problem}");
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_is_not_allowed_says_what_is() {
    let stage = Stage::open().await;
    let unknown = "01890000-0000-7000-8000-000000000000";
    for path in [
        String::from("/nothing"),
        String::from("/api/v2/scripts"),
        String::from("/api/v1/scripts/none"),
        String::from("/api/v1/scripts/NO%20NAME"),
        String::from("/api/v1/scripts/order-rules/versions/99"),
        String::from("/api/v1/scripts/order-rules/versions/x"),
        String::from("/api/v1/executions/x"),
        format!("/api/v1/executions/{unknown}"),
        format!("/api/v1/executions/{unknown}/logs"),
        format!("/api/v1/scripts/{unknown}"),
    ] {
        stage.get(&path).await.expect_problem(404, "not_found");
    }
    let answer = stage.api("PUT", "/api/v1/scripts").send().await;
    assert!(answer.header("allow").contains("POST"), "{}", answer.header("allow"));
    answer.expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused_by_name() {
    let stage = Stage::open().await;
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=201", "limit"),
        ("limit=many", "limit"),
        ("cursor=zz", "cursor"),
        ("status=done", "status"),
        ("after=yesterday", "after"),
        ("colour=1", "colour"),
        ("script=x", "script"),
    ] {
        let problem = stage.get(&format!("/api/v1/executions?{query}")).await.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let stage = Stage::open().await;
    let first = stage.get("/api/v1/me").await;
    let second = stage.api("GET", "/nothing").header("x-request-id", "mine").send().await;
    assert!(first.header("x-request-id").len() > 30);
    assert_ne!(first.header("x-request-id"), second.header("x-request-id"));
    assert_ne!(second.header("x-request-id"), "mine");
}

#[tokio::test]
async fn a_host_that_is_not_ours_is_misdirected() {
    let stage = Stage::open().await;
    let port = stage.server.api_address().port();
    let other = stage.server.endpoints_address().port();
    for host in ["", "evil.example", "localhost", &format!("evil.example:{port}"), &format!("localhost:{other}")] {
        stage.api("GET", "/api/v1/me").host(host).send().await.expect_problem(421, "misdirected");
        stage
            .endpoint("POST", "/acme/orders")
            .host(&format!("localhost:{port}"))
            .send()
            .await
            .expect_problem(421, "misdirected");
    }
    stage.api("GET", "/api/v1/me").host(&format!("localhost:{port}")).send().await.expect(200);
}
