//! What pages of other origins may ask and read (RULES 29), from outside.

use serde_json::json;

use super::{Stage, public, with_token};

#[tokio::test]
async fn a_page_that_is_named_may_ask_and_nothing_runs_for_its_question() {
    let stage = Stage::open().await;
    let mut endpoint = with_token("POST,GET", "/counting");
    endpoint["cors"] = json!({
        "origins": ["https://shop.example"], "headers": ["authorization", "content-type"],
        "exposed_headers": ["x-own"], "max_age_seconds": 600,
    });
    stage.deploy_counting(endpoint).await;
    let ask = |origin: &str, method: &str| {
        let call = stage.endpoint("OPTIONS", "/acme/counting").header("origin", origin);
        call.header("access-control-request-method", method)
    };
    let granted = ask("https://shop.example", "POST").send().await;
    let expected = [
        ("access-control-allow-origin", "https://shop.example"),
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
        ("access-control-allow-credentials", ""),
    ];
    assert_eq!(granted.status, 204);
    for (name, value) in expected {
        assert_eq!(granted.header(name), value, "{name}");
    }
    let stranger = ask("https://evil.example", "POST").send().await;
    assert_eq!(
        (stranger.header("access-control-allow-origin"), stranger.header("access-control-allow-methods")),
        ("", "")
    );
    stranger.expect_problem(404, "not_found");
    ask("https://shop.example", "DELETE").send().await.expect_problem(404, "not_found");
    assert_eq!(stage.executions_of("counting").await, 0);

    let read = stage.known("POST", "/acme/counting").header("origin", "https://shop.example").body("a").send().await;
    assert_eq!(read.header("access-control-allow-origin"), "https://shop.example");
    assert_eq!(read.header("access-control-expose-headers"), "x-own");
    let refused = stage.endpoint("POST", "/acme/counting").header("origin", "https://shop.example").send().await;
    assert_eq!(refused.header("access-control-allow-origin"), "https://shop.example", "a page may read a refusal");
    refused.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn an_endpoint_that_names_no_page_lets_none_read() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("plain", public("GET", "/plain"), "export default () => 1;").await;
    let answer = stage.endpoint("GET", "/acme/plain").header("origin", "https://shop.example").send().await;
    assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, ""));
    let asked = stage.endpoint("OPTIONS", "/acme/plain").header("origin", "https://shop.example");
    let asked = asked.header("access-control-request-method", "GET").send().await;
    assert_eq!((asked.header("access-control-allow-origin"), asked.header("allow")), ("", "GET, HEAD, OPTIONS"));
}
