//! Signing in over the API: cookies, sessions, and who may use one.

use serde_json::{Value, json};

use super::{
    browser::{Browser, PASSWORD},
    stage::Stage,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_person_signs_in_works_and_signs_out() {
    let stage = Stage::open().await;
    let browser = Browser::signed_in(&stage).await;
    let me = browser.call("GET", "/api/v1/me").send().await.expect(200);
    assert!(me["token_id"].is_null() && me["session_id"].is_string(), "{me}");
    let session = browser.call("GET", "/api/v1/session").send().await.expect(200);
    assert_eq!((&session["tenant"]["slug"], &session["is_operator"]), (&json!("acme"), &json!(true)));
    assert_eq!(session["id"], me["session_id"]);

    let run = browser.call("POST", "/api/v1/scripts/order-rules/invoke").json(&json!({ "input": {} })).send().await;
    assert!([200, 422, 500].contains(&run.status), "{}", run.text());
    let listed = stage.get("/api/v1/executions?limit=1").await.expect(200);
    assert_eq!(listed["items"][0]["actor"], "session", "{listed}");

    let sessions = browser.call("GET", "/api/v1/sessions").send().await.expect(200);
    assert_eq!(sessions["items"][0]["is_current"], true, "{sessions}");
    let out = browser.call("DELETE", "/api/v1/session").send().await;
    assert_eq!(out.status, 204);
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    for path in ["/api/v1/me", "/api/v1/session", "/api/v1/scripts"] {
        browser.call("GET", path).send().await.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_used_by_pages_of_this_server_alone() {
    let stage = Stage::open().await;
    let browser = Browser::signed_in(&stage).await;
    let own = format!("http://{}", stage.server.api_address());
    let other = format!("http://{}", stage.server.endpoints_address());
    let body = json!({ "name": "from-a-page", "kind": "one_off", "source": "export default () => 1;" });
    let post = || browser.bare("POST", "/api/v1/scripts").json(&body);
    for call in [
        post(),
        post().header("sec-fetch-site", "cross-site"),
        post().header("sec-fetch-site", "same-site"),
        post().header("origin", &other),
        post().header("origin", "null"),
        browser.bare("GET", "/api/v1/me").header("sec-fetch-site", "cross-site"),
        browser.bare("DELETE", "/api/v1/session").header("origin", "https://evil.example"),
        browser.call("POST", "/api/v1/scripts").header("content-type", "text/plain").body(body.to_string()),
    ] {
        call.send().await.expect_problem(403, "cross_site");
    }
    post().header("origin", &own).send().await.expect(201);
    // A token counts before the cookie, also a wrong one.
    let with_both = browser.bare("GET", "/api/v1/me").header("authorization", &format!("Bearer {}", stage.token));
    assert!(with_both.send().await.expect(200)["token_id"].is_string());
    let wrong = browser.call("GET", "/api/v1/me").header("authorization", "Bearer sk_1_2");
    wrong.send().await.expect_problem(401, "unauthenticated");
    let twice = browser.call("GET", "/api/v1/me").header("cookie", &browser.cookie);
    twice.send().await.expect_problem(401, "unauthenticated");
    // Nor is anybody signed in by a page elsewhere.
    let sign_in = stage.stranger("POST", "/api/v1/sign-in/password").header("origin", "https://evil.example");
    sign_in.json(&json!({ "email": "a", "password": "b" })).send().await.expect_problem(403, "cross_site");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_nobodys_session() {
    let stage = Stage::open().await;
    for (method, path) in [("GET", "/api/v1/session"), ("GET", "/api/v1/sessions"), ("DELETE", "/api/v1/sessions")] {
        stage.api(method, path).send().await.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_that_fails_says_nothing_of_why() {
    let stage = Stage::open().await;
    let bootstrap = stage.server.bootstrap().unwrap();
    let sign_in = async |body: Value| stage.stranger("POST", "/api/v1/sign-in/password").json(&body).send().await;
    let wrong = sign_in(json!({ "email": bootstrap.operator_email, "password": "wrong" })).await;
    let unknown = sign_in(json!({ "email": "nobody@example.com", "password": "wrong" })).await;
    assert_eq!(wrong.expect_problem(401, "sign_in_failed"), unknown.expect_problem(401, "sign_in_failed"));
    assert_eq!(wrong.header("set-cookie"), "");
    for body in [
        json!({}),
        json!({ "email": "a" }),
        json!({ "email": "a", "password": 1 }),
        json!({ "email": "a", "password": "b", "tenant_id": "c" }),
        json!({ "email": "a", "password": "b", "tenant": "NO" }),
    ] {
        sign_in(body).await.expect_problem(422, "invalid");
    }
    for _ in 0..10 {
        sign_in(json!({ "email": bootstrap.operator_email, "password": "wrong" })).await;
    }
    let answer = sign_in(json!({ "email": bootstrap.operator_email, "password": bootstrap.password })).await;
    answer.expect_problem(429, "too_many_attempts");
    assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
    let link = json!({ "link": "pr_1_2", "password": PASSWORD });
    stage.stranger("POST", "/api/v1/sign-in/reset").json(&link).send().await.expect_problem(404, "not_found");
}
