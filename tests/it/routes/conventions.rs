//! What holds for every operation: cursors, tags, keys, rates.

use serde_json::{Value, json};

use super::{client::Call, stage::Stage};

const SOURCE: &str = "export default () => 1";

fn script(name: &str) -> Value {
    json!({ "name": name, "kind": "one_off", "source": SOURCE })
}

fn keyed(stage: &Stage, path: &str, body: &Value, key: &str) -> Call {
    stage.api("POST", path).json(body).header("idempotency-key", key)
}

#[tokio::test]
async fn a_cursor_is_good_for_its_own_list_and_filter_alone() {
    let stage = Stage::open().await;
    let page = stage.get("/api/v1/scripts?limit=2").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert!(!cursor.contains(page["items"][1]["name"].as_str().unwrap()));
    let next = stage.get(&format!("/api/v1/scripts?cursor={cursor}&limit=1")).await.expect(200);
    assert_eq!(next["items"][0]["name"], "order-received");
    for path in [
        format!("/api/v1/scripts?cursor={cursor}&kind=cron"),
        format!("/api/v1/secrets?cursor={cursor}"),
        format!("/api/v1/scripts?cursor={cursor}A"),
        String::from("/api/v1/scripts?cursor=daily-report"),
        String::from("/api/v1/scripts?c%75rsor=daily-report"),
        String::from("/api/v1/scripts?cursor="),
        format!("/api/v1/scripts?cursor={cursor}&cursor={cursor}"),
    ] {
        let problem = stage.get(&path).await.expect_problem(422, "invalid");
        assert!(
            problem["errors"][0]["message"].as_str().unwrap().contains("cursor") || path.contains("&cursor"),
            "{path}"
        );
    }
}

#[tokio::test]
async fn a_change_asks_for_the_tag_that_was_read_and_is_told_what_changed() {
    let stage = Stage::open().await;
    stage.deploy("shared", SOURCE).await;
    let path = "/api/v1/scripts/shared";
    let patch =
        |tag: &str, text: &str| stage.api("PATCH", path).json(&json!({ "description": text })).header("if-match", tag);
    let read = stage.get(path).await;
    let tag = read.header("etag").to_owned();
    assert!(!tag.is_empty());
    assert_eq!(stage.api("GET", path).header("if-none-match", &tag).send().await.status, 304);
    patch(&tag, "first").send().await.expect(200);
    let stale = patch(&tag, "second").send().await;
    let current = stale.header("etag").to_owned();
    let problem = stale.expect_problem(412, "stale");
    assert_eq!(problem["last_change"]["action"], "scripts.update", "{problem}");
    assert_eq!(problem["last_change"]["detail"]["set"], json!(["description"]));
    assert_eq!(stage.get(path).await.expect(200)["description"], "first");
    patch(&current, "third").send().await.expect(200);
    stage.api("DELETE", path).header("if-match", &tag).send().await.expect_problem(412, "stale");

    // So is a removal, also where the thing has a revision of its own.
    let provider =
        json!({ "name": "Login", "issuer": "https://nobody.invalid", "client_id": "c", "default_role": "viewer" });
    let provider = stage.post("/api/v1/sign-in/providers", provider).await;
    let path = format!("/api/v1/sign-in/providers/{}", provider.expect(201)["id"].as_str().unwrap());
    for tag in ["\"nobody-gave-this\"", "rubbish", "W/\"1\""] {
        stage.api("DELETE", &path).header("if-match", tag).send().await.expect_problem(412, "stale");
    }
    let tag = stage.get(&path).await.header("etag").to_owned();
    stage.api("DELETE", &path).header("if-match", &tag).send().await.expect(204);
    // A method that there is not is told so, whatever it asks for.
    let patched = stage.api("PATCH", "/api/v1/egress").header("if-match", "\"x\"").send().await;
    patched.expect_problem(405, "method_not_allowed");

    let egress = "/api/v1/egress";
    let tag = stage.get(egress).await.header("etag").to_owned();
    let put = |hosts: &[&str]| stage.api("PUT", egress).json(&json!({ "hosts": hosts })).header("if-match", &tag);
    put(&[]).send().await.expect(200);
    let stale = put(&["example.com"]).send().await.expect_problem(412, "stale");
    assert_eq!(stale["last_change"]["action"], "egress.update", "{stale}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_change_what_both_have_read_are_told_apart() {
    let stage = Stage::open().await;
    stage.deploy("raced", SOURCE).await;
    let tag = stage.get("/api/v1/scripts/raced").await.header("etag").to_owned();
    let patch = |text: String| {
        let call = stage.api("PATCH", "/api/v1/scripts/raced").json(&json!({ "description": text }));
        let call = call.header("if-match", &tag);
        async move { call.send().await.status }
    };
    let changes = (0..8).map(|number| tokio::spawn(patch(format!("by {number}"))));
    let mut statuses = Vec::new();
    for change in changes.collect::<Vec<_>>() {
        statuses.push(change.await.unwrap());
    }
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412, 412, 412, 412, 412, 412, 412]);
}

#[tokio::test(flavor = "multi_thread")]
async fn deploys_at_once_make_whole_versions_or_are_refused() {
    let stage = Stage::open().await;
    stage.post("/api/v1/scripts", script("raced")).await.expect(201);
    let path = "/api/v1/scripts/raced";
    let deploy = || stage.api("POST", &format!("{path}/deploy")).json(&json!({})).header("if-match", "\"1\"");
    let edit = json!({ "source": "export default () => 2" });
    let edit = stage.api("PUT", &format!("{path}/draft")).json(&edit).header("if-match", "\"1\"");
    let (one, other) = (deploy(), deploy());
    let (one, other, edit) = tokio::join!(one.send(), other.send(), edit.send());
    assert_eq!(edit.status, 200);
    for answer in [&one, &other] {
        assert!(matches!(answer.status, 201 | 412), "{}", answer.text());
    }
    let versions = stage.get(&format!("{path}/versions")).await.expect(200);
    let versions = versions["items"].as_array().unwrap();
    let made = [&one, &other].iter().filter(|answer| answer.status == 201).count();
    assert_eq!(versions.len(), made);
    for version in versions {
        let version = stage.get(&format!("{path}/versions/{}", version["number"])).await.expect(200);
        assert_eq!(version["source"], SOURCE, "who named the first draft deployed that one");
    }
}

#[tokio::test]
async fn what_is_asked_again_with_its_key_is_done_once() {
    let stage = Stage::open().await;
    let first = keyed(&stage, "/api/v1/scripts", &script("once"), "k-1").send().await;
    assert_eq!(first.header("idempotency-replayed"), "");
    let location = first.header("location").to_owned();
    let made = first.expect(201);
    let again = keyed(&stage, "/api/v1/scripts", &script("once"), "k-1").send().await;
    assert_eq!((again.header("location"), again.header("idempotency-replayed")), (location.as_str(), "true"));
    assert_eq!(again.expect(201), made);
    keyed(&stage, "/api/v1/scripts", &script("other"), "k-1").send().await.expect_problem(422, "key_reused");
    keyed(&stage, "/api/v1/scripts/once/deploy", &script("once"), "k-1").send().await.expect_problem(422, "key_reused");
    keyed(&stage, "/api/v1/scripts", &script("once"), "").send().await.expect_problem(400, "malformed_request");

    // A token's text is told again, and a request that did nothing can be mended.
    let token = json!({ "name": "ci", "permissions": [] });
    let issued = keyed(&stage, "/api/v1/tokens", &token, "k-2").send().await.expect(201);
    assert_eq!(keyed(&stage, "/api/v1/tokens", &token, "k-2").send().await.expect(201), issued);
    keyed(&stage, "/api/v1/scripts", &json!({ "name": "BAD" }), "k-3").send().await;
    keyed(&stage, "/api/v1/scripts", &script("mended"), "k-3").send().await.expect(201);
    let runs = keyed(&stage, "/api/v1/scripts/order-rules/executions", &json!({}), "k-4");
    let run = runs.send().await.expect(202);
    assert_eq!(runs.send().await.expect(202)["id"], run["id"]);
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let stage = Stage::open_with("[api]\nrequests_per_minute = 3\n").await;
    let mut last = stage.get("/api/v1/me").await;
    assert_eq!(last.header("ratelimit-policy"), "\"requests_per_minute\";q=3;w=60");
    assert!(last.header("ratelimit").starts_with("\"requests_per_minute\";r=2;t="), "{}", last.header("ratelimit"));
    // The minute may end in between, once.
    for _ in 0..7 {
        last = stage.get("/api/v1/me").await;
        if last.status == 429 {
            break;
        }
    }
    assert!(!last.header("retry-after").is_empty());
    assert_eq!(last.expect_problem(429, "quota")["quota"], "requests_per_minute");
    assert_eq!(stage.stranger("GET", "/healthz").send().await.status, 200);
}

#[tokio::test]
async fn who_waits_is_answered_by_the_end_or_once_patience_is_over() {
    let stage = Stage::open().await;
    stage.deploy("quick", SOURCE).await;
    let waited = stage.api("POST", "/api/v1/scripts/quick/executions").json(&json!({})).header("prefer", "wait=60");
    let waited = waited.send().await;
    assert_eq!(waited.header("preference-applied"), "wait=60");
    assert_eq!(waited.expect(200)["result"], 1);
    stage.deploy("slow", "export default () => utils.sleep(20000)").await;
    let left = stage.api("POST", "/api/v1/scripts/slow/executions").json(&json!({})).header("prefer", "wait=0");
    let left = left.send().await.expect(202);
    stage.post(&format!("/api/v1/executions/{}/cancel", left["id"].as_str().unwrap()), json!({})).await;
}

#[tokio::test]
async fn the_page_of_the_api_asks_for_nothing_from_elsewhere() {
    let stage = Stage::open().await;
    let page = stage.stranger("GET", "/api/v1/docs").send().await;
    assert_eq!(page.status, 200);
    let policy = page.header("content-security-policy");
    assert!(policy.starts_with("default-src 'none'; style-src 'self'"), "{policy}");
    let text = page.text();
    assert!(text.contains("<section id=\"create_script\">") && !text.contains("<script"));
    assert!(!text.contains("src=\"http") && !text.contains("href=\"http"));
    let style = stage.stranger("GET", "/api/v1/docs/style.css").send().await;
    assert!(style.header("content-type").starts_with("text/css"));
}
