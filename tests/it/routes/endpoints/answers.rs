//! What endpoints answer, and what of a request and an answer passes.

use serde_json::json;

use super::{Call, Stage, public};

const ORDER: &str = r#"{"id":"o-1","items":[{"product_id":"p-100","quantity":2}]}"#;

fn order(stage: &Stage) -> Call {
    stage.endpoint("POST", "/acme/orders").header("content-type", "application/json").body(ORDER)
}

#[tokio::test]
async fn the_first_request_runs_in_the_sandbox_and_leaves_an_execution() {
    let stage = Stage::open().await;
    let answer = order(&stage).send().await;
    let id = answer.header("x-execution-id").to_owned();
    assert_eq!(answer.expect(201)["id"], "o-1");
    let execution = stage.get(&format!("/api/v1/executions/{id}")).await.expect(200);
    assert_eq!((&execution["trigger"], &execution["status"]), (&json!("endpoint"), &json!("success")));
    assert!(execution["fuel"].as_u64().unwrap() > 1000, "{execution}");
    assert!(!execution["logs"].as_array().unwrap().is_empty(), "{execution}");
}

#[tokio::test]
async fn every_answer_is_confined() {
    let stage = Stage::open().await;
    let elsewhere = order(&stage).host("evil.example");
    let answers = [
        order(&stage).send().await,
        elsewhere.send().await,
        stage.endpoint("GET", "/acme/orders").send().await,
        stage.endpoint("OPTIONS", "/acme/orders").send().await,
        stage.endpoint("GET", "/acme/none").send().await,
        stage.endpoint("GET", "/acme/%00").send().await,
    ];
    for answer in answers {
        assert_eq!(answer.header("content-security-policy"), "sandbox", "{}", answer.status);
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{}", answer.status);
        assert_eq!(answer.header("cache-control"), "no-store", "{}", answer.status);
        assert_eq!(answer.header("set-cookie"), "", "{}", answer.status);
    }
}

#[tokio::test]
async fn a_script_sends_only_headers_that_are_its_own() {
    let stage = Stage::open().await;
    let source = "export default () => new Response('<b>hi</b>', { status: 201, headers: {
        'content-type': 'text/html', 'x-mine': 'kept', 'cache-control': 'max-age=60', etag: '\"1\"',
        'set-cookie': 'a=b', 'content-security-policy': 'default-src *', 'x-content-type-options': 'off',
        'access-control-allow-origin': '*', 'x-accel-redirect': '/etc/passwd', 'x-request-id': 'forged',
        'strict-transport-security': 'max-age=0', connection: 'close, x-mine',
    } });";
    stage.deploy_endpoint("page", public("GET", "/page"), source).await;
    let answer = stage.endpoint("GET", "/acme/page").send().await;
    assert_eq!((answer.status, answer.text().as_str()), (201, "<b>hi</b>"));
    let kept = [("content-type", "text/html"), ("x-mine", "kept"), ("cache-control", "max-age=60"), ("etag", "\"1\"")];
    for (name, value) in kept {
        assert_eq!(answer.header(name), value, "{name}");
    }
    for name in ["set-cookie", "access-control-allow-origin", "x-accel-redirect", "strict-transport-security"] {
        assert_eq!(answer.header(name), "", "{name}");
    }
    assert_eq!(answer.header("content-security-policy"), "sandbox");
    assert_eq!(answer.header("x-content-type-options"), "nosniff");
    assert_ne!(answer.header("x-request-id"), "forged");
}

#[tokio::test]
async fn what_skerry_authenticates_with_never_reaches_the_script() {
    let stage = Stage::open().await;
    let endpoint = json!({ "method": "GET", "path": "/echo", "authentication": "token" });
    let source = "export default (request) => {
        console.log(...request.headers);
        return { headers: [...request.headers], auth: request.auth, url: request.url };
    }";
    stage.deploy_endpoint("echo", endpoint, source).await;
    let call =
        stage.endpoint("GET", "/acme/echo?q=1").header("cookie", "session=marker-cookie").header("x-own", "kept");
    call.send().await.expect_problem(401, "unauthenticated");

    let answer = call.header("authorization", &format!("Bearer {}", stage.token)).send().await;
    let secret = stage.token.rsplit('_').next().unwrap();
    let seen = answer.text();
    assert!(!seen.contains(secret) && !seen.contains("marker-cookie"), "{seen}");
    assert!(seen.contains("x-own") && seen.contains("\"kind\":\"token\"") && seen.contains("/acme/echo?q=1"), "{seen}");
    let path = format!("/api/v1/executions/{}", answer.header("x-execution-id"));
    let kept = stage.get(&path).await.text();
    assert!(kept.contains("x-own") && !kept.contains(secret) && !kept.contains("marker-cookie"), "{kept}");
}

#[tokio::test]
async fn an_answer_to_a_known_caller_is_kept_from_shared_caches() {
    let stage = Stage::open().await;
    let endpoint = json!({ "method": "GET", "path": "/mine", "authentication": "token" });
    let source = "export default () => new Response('x', { headers: { 'cache-control': 'public, max-age=60' } });";
    stage.deploy_endpoint("mine", endpoint, source).await;
    let call = stage.endpoint("GET", "/acme/mine").header("authorization", &format!("Bearer {}", stage.token));
    assert_eq!(call.send().await.header("cache-control"), "private, max-age=60");
}

#[tokio::test]
async fn a_failure_names_its_execution_and_nothing_of_its_stack() {
    let stage = Stage::open().await;
    let source = "export default function reveal() { throw new Error('the password is 1234'); }";
    stage.deploy_endpoint("fails", public("GET", "/fails"), source).await;
    let answer = stage.endpoint("GET", "/acme/fails").send().await;
    let text = answer.text();
    let problem = answer.expect_problem(500, "execution_failed");
    assert!(!text.contains("1234") && !text.contains("reveal"), "{text}");
    let path = format!("/api/v1/executions/{}", problem["execution_id"].as_str().unwrap());
    assert_eq!(stage.get(&path).await.expect(200)["error"]["message"], "the password is 1234");
}

#[tokio::test]
async fn a_script_that_takes_too_long_is_a_gateway_timeout() {
    let stage = Stage::open().await;
    let script = json!({
        "name": "slow", "kind": "endpoint", "endpoint": public("GET", "/slow"), "limits": { "wall_time_ms": 50 },
        "source": "export default () => { for (;;); }",
    });
    stage.deploy_with(script).await;
    stage.endpoint("GET", "/acme/slow").send().await.expect_problem(504, "execution_timeout");
    assert_eq!(order(&stage).send().await.status, 201, "the next one is unaffected");
}

#[tokio::test]
async fn head_and_options_are_answered_beside_the_script() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("item", public("GET", "/items/{id}"), "export default (r) => 'item ' + r.params.id;").await;
    let head = stage.endpoint("HEAD", "/acme/items/7").send().await;
    let get = stage.endpoint("GET", "/acme/items/7").send().await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), get.header("content-length"));
    assert!(get.text().contains("item 7"), "{}", get.text());

    let options = stage.endpoint("OPTIONS", "/acme/items/7").send().await;
    assert_eq!((options.status, options.header("allow")), (204, "GET, HEAD, OPTIONS"));
    let wrong = stage.endpoint("DELETE", "/acme/items/7").send().await;
    assert_eq!(wrong.header("allow"), "GET, HEAD, OPTIONS");
    wrong.expect_problem(405, "method_not_allowed");
}

#[tokio::test]
async fn an_unknown_tenant_and_an_unknown_path_are_one_answer() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("paused", public("GET", "/paused"), "export default () => 1;").await;
    stage.api("PATCH", "/api/v1/scripts/paused").json(&json!({ "is_active": false })).send().await.expect(200);
    let mut bodies = Vec::new();
    for path in ["/", "/acme", "/acme/none", "/nobody/orders", "/NOBODY/orders", "/acme/paused"] {
        let answer = stage.endpoint("GET", path).send().await;
        answer.expect_problem(404, "not_found");
        bodies.push(answer.text());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "{bodies:?}");
}

#[tokio::test]
async fn a_path_that_could_be_read_in_two_ways_is_refused() {
    let stage = Stage::open().await;
    for path in ["/acme/..%2forders", "/acme//orders", "//acme/orders", "/acme/../acme/orders", "/acme/%2e/orders"] {
        stage.endpoint("POST", path).send().await.expect_problem(400, "malformed_request");
    }
}

#[tokio::test]
async fn a_body_over_four_mebibytes_is_refused() {
    let stage = Stage::open().await;
    stage.deploy_endpoint("size", public("PUT", "/size"), "export default async (r) => (await r.text()).length;").await;
    let put = |bytes: usize| stage.endpoint("PUT", "/acme/size").body(vec![b'x'; bytes]);
    assert_eq!(put(4 << 20).send().await.text(), (4 << 20).to_string());
    put((4 << 20) + 1).send().await.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn a_worker_with_a_fetch_function_answers_with_its_environment_and_what_it_waits_for() {
    let stage = Stage::open().await;
    let source = "export default {
        async fetch(request, env, ctx) {
            ctx.waitUntil((async () => { await utils.sleep(1); await storage.set('after', 'done'); })());
            const { pathname } = new URL(request.url);
            return new Response(JSON.stringify({ pathname, env: typeof env }), {
                status: 202, headers: { 'content-type': 'application/json' },
            });
        },
    };";
    stage.deploy_endpoint("worker", public("POST", "/worker"), source).await;
    let answer = stage.endpoint("POST", "/acme/worker").body("x").send().await;
    assert_eq!(answer.expect(202), json!({ "pathname": "/acme/worker", "env": "object" }));
    stage.deploy("after", "export default () => storage.get('after');").await;
    assert_eq!(stage.run("after", json!(null)).await["result"], "done", "it was waited for before the commit");
}

#[tokio::test]
async fn an_envelope_is_an_answer_and_a_status_outside_its_bounds_is_a_failure() {
    let stage = Stage::open().await;
    let source =
        "export default (r) => ({ status: Number(r.params.status), headers: { 'x-own': 'a' }, body: { b: 1 } });";
    stage.deploy_endpoint("envelope", public("GET", "/envelope/{status}"), source).await;
    let answer = stage.endpoint("GET", "/acme/envelope/418").send().await;
    assert_eq!((answer.header("x-own"), answer.expect(418)), ("a", json!({ "b": 1 })));
    let source = "export default (r) => new Response('x', { status: Number(r.params.status) });";
    stage.deploy_endpoint("status", public("GET", "/status/{status}"), source).await;
    assert_eq!(stage.endpoint("GET", "/acme/status/599").send().await.status, 599);
    for status in [101, 199, 600, 999] {
        let answer = stage.endpoint("GET", &format!("/acme/status/{status}")).send().await;
        answer.expect_problem(500, "execution_failed");
    }
}

#[tokio::test]
async fn an_endpoint_answers_several_methods_or_any() {
    let stage = Stage::open().await;
    let echo = "export default (request) => request.method;";
    stage.deploy_endpoint("some", public("GET, POST", "/some"), echo).await;
    stage.deploy_endpoint("any", public("ANY", "/any/{*rest}"), echo).await;
    for (method, path) in [("GET", "/acme/some"), ("POST", "/acme/some"), ("PATCH", "/acme/any/a/b.c")] {
        assert_eq!(stage.endpoint(method, path).send().await.text(), format!("\"{method}\""));
    }
    let options = stage.endpoint("OPTIONS", "/acme/some").send().await;
    assert_eq!(options.header("allow"), "GET, POST, HEAD, OPTIONS");
    stage.endpoint("PUT", "/acme/some").send().await.expect_problem(405, "method_not_allowed");
    stage.endpoint("BREW", "/acme/any/a").send().await.expect_problem(405, "method_not_allowed");
    assert_eq!(stage.endpoint("HEAD", "/acme/any/a").send().await.status, 200);
}
