//! Pages, as a browser asks for them: who sees which, with what headers, and that what strangers wrote is text. What
//! happens in a browser is tested in `tests/browser`.

use serde_json::{Value, json};

use super::{
    client::{Answer, Call},
    stage::Stage,
};

const NOWHERE: &str = "0190b0a0-0000-7000-8000-000000000000";
const PASSWORD: &str = "a few words of hers";

/// Every list of a tenant, and the permission without which it is refused.
const TENANTS: [(&str, &str); 14] = [
    ("/scripts", "scripts.read"),
    ("/scripts/new", "scripts.write"),
    ("/executions", "executions.read"),
    ("/schedules", "scripts.read"),
    ("/endpoints", "scripts.read"),
    ("/events", "events.read"),
    ("/webhooks", "webhooks.manage"),
    ("/hooks", "scripts.read"),
    ("/usage", "executions.read"),
    ("/audit", "audit.read"),
    ("/storage", "storage.read"),
    ("/secrets", "secrets.read"),
    ("/members", "members.read"),
    ("/tokens", "tokens.manage"),
];

const OPERATORS: [&str; 5] =
    ["/operator/tenants", "/operator/plans", "/operator/users", "/operator/health", "/operator/audit"];

/// A browser that somebody is signed in with.
struct Browser<'a> {
    stage: &'a Stage,
    cookie: String,
}

impl<'a> Browser<'a> {
    /// The operator, who is also an admin of the sample tenant.
    async fn operator(stage: &'a Stage) -> Self {
        let bootstrap = stage.server.bootstrap().unwrap();
        let body = json!({ "email": bootstrap.operator_email, "password": bootstrap.password });
        let first = Self::with(stage, &stage.stranger("POST", "/api/v1/sign-in/password").json(&body).send().await);
        let body = json!({ "current_password": bootstrap.password, "password": PASSWORD });
        let changed = first.page("PUT", "/api/v1/session/password").header("sec-fetch-site", "same-origin");
        Self::with(stage, &changed.json(&body).send().await)
    }

    /// A member of the sample tenant with a role.
    async fn member(stage: &'a Stage, role: &str) -> Self {
        let email = format!("{role}@example.com");
        let made = stage.post("/api/v1/invitations", json!({ "email": email, "role": role })).await.expect(201);
        let body = json!({ "secret": made["secret"], "name": format!("Somebody {role}"), "password": PASSWORD });
        let joined = stage.stranger("POST", "/api/v1/sign-in/invitation").header("sec-fetch-site", "same-origin");
        Self::with(stage, &joined.json(&body).send().await)
    }

    fn with(stage: &'a Stage, answer: &Answer) -> Self {
        answer.expect(200);
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        Self { stage, cookie }
    }

    fn page(&self, method: &str, path: &str) -> Call {
        self.stage.stranger(method, path).header("cookie", &self.cookie)
    }

    async fn get(&self, path: &str) -> Answer {
        self.page("GET", path).header("accept", "text/html").send().await
    }

    async fn permissions(&self) -> Vec<String> {
        let session = self.page("GET", "/api/v1/session").header("sec-fetch-site", "same-origin").send().await;
        let held = session.expect(200)["permissions"].clone();
        held.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}

fn assert_is_a_safe_page(path: &str, answer: &Answer) {
    assert!(answer.header("content-type").starts_with("text/html"), "{path}: {}", answer.header("content-type"));
    let policy = answer.header("content-security-policy");
    for part in ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'"] {
        assert!(policy.contains(part), "{path}: {policy}");
    }
    assert!(!policy.contains("unsafe-eval") && !policy.contains("script-src 'self' 'unsafe-inline'"), "{path}");
    for (name, value) in [
        ("cache-control", "no-store"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(answer.header(name), value, "{path}: {name}");
    }
    let html = answer.text();
    assert!(!html.contains("<script>") && !html.contains(" onclick=") && !html.contains("javascript:"), "{path}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_shown_to_whoever_may_and_refused_in_the_frame_to_others() {
    let stage = Stage::open().await;
    for role in ["viewer", "runner", "editor", "admin"] {
        let browser = Browser::member(&stage, role).await;
        let held = browser.permissions().await;
        for (path, needed) in TENANTS {
            let answer = browser.get(path).await;
            let wanted = if held.iter().any(|permission| permission == needed) { 200 } else { 403 };
            assert_eq!(answer.status, wanted, "{role} at {path}: {}", answer.text());
            assert_is_a_safe_page(path, &answer);
        }
        for path in OPERATORS {
            let answer = browser.get(path).await;
            assert_eq!(answer.status, 403, "{role} at {path}");
            assert!(!answer.text().contains("operator@localhost"), "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_sees_the_deployments_pages() {
    let stage = Stage::open().await;
    let browser = Browser::operator(&stage).await;
    for path in OPERATORS.into_iter().chain(TENANTS.map(|(path, _)| path)) {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        assert_is_a_safe_page(path, &answer);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_signed_in_is_sent_to_sign_in_and_back() {
    let stage = Stage::open().await;
    let answer = stage.stranger("GET", "/executions?status=failed").send().await;
    assert_eq!((answer.status, answer.header("location")), (303, "/sign-in?next=%2Fexecutions%3Fstatus%3Dfailed"));
    let page = stage.stranger("GET", answer.header("location")).send().await;
    assert_eq!(page.status, 200);
    assert!(page.text().contains("data-then=\"/executions?status=failed\""), "{}", page.text());
    // A part of a page is refused instead: what is typed beside it stays.
    let part = stage.stranger("GET", "/executions").header("hx-request", "true").send().await;
    assert_eq!((part.status, part.header("location")), (401, ""));
    for foreign in ["https%3A%2F%2Fevil.example", "%2F%2Fevil.example", "%2F%5Cevil.example", "javascript%3Aalert(1)"] {
        let page = stage.stranger("GET", &format!("/sign-in?next={foreign}")).send().await;
        assert!(page.text().contains("data-then=\"/\""), "{foreign}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_and_what_is_another_tenants_look_the_same() {
    let stage = Stage::open().await;
    let browser = Browser::operator(&stage).await;
    for path in ["/nowhere", "/scripts/x/nothing/here", "/operator/tenants/x"] {
        let answer = browser.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert_is_a_safe_page(path, &answer);
    }
    for path in ["/scripts", "/executions", "/schedules", "/webhooks", "/events"] {
        assert_eq!(browser.get(&format!("{path}/{NOWHERE}")).await.status, 404, "{path}");
    }
    // Programs get what the API says.
    stage.stranger("GET", "/nowhere").send().await.expect_problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_wrote_is_text_on_every_page() {
    let stage = Stage::open().await;
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>";
    let browser = Browser::operator(&stage).await;
    let script = json!({ "name": "hostile", "kind": "one_off", "description": hostile,
        "source": format!("export default () => {{ console.log({0}); throw new Error({0}); }}", json!(hostile)) });
    stage.deploy_with(script).await;
    let run = stage.run("hostile", json!({ "given": hostile })).await;
    let key = format!("/api/v1/storage/{}", "%3Cscript%3Ealert(1)%3C%2Fscript%3E");
    stage.api("PUT", &key).json(&json!({ "value": hostile })).send().await;
    let id = run["id"].as_str().unwrap();
    let found = stage.get("/api/v1/scripts/hostile").await.expect(200);
    let script = found["id"].as_str().unwrap();
    for path in [
        String::from("/scripts"),
        format!("/scripts?text={}", "%3Cscript%3Ealert(1)"),
        format!("/scripts/{script}"),
        format!("/scripts/{script}/runs"),
        String::from("/executions"),
        format!("/executions/{id}"),
        String::from("/storage"),
        String::from("/audit?object=%22%3E%3Cscript%3Ealert(1)"),
    ] {
        let answer = browser.get(&path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let html = answer.text();
        assert!(!html.contains("<script>alert") && !html.contains("<img src=x"), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_are_packed_and_files_are_kept_by_browsers() {
    let stage = Stage::open().await;
    let browser = Browser::operator(&stage).await;
    let packed = browser.page("GET", "/scripts").header("accept-encoding", "gzip, br").send().await;
    assert_eq!((packed.status, packed.header("content-encoding")), (200, "gzip"));
    let html = browser.get("/scripts").await.text();
    let style = html.split("href=\"/assets/app.").nth(1).and_then(|rest| rest.split('"').next()).unwrap();
    let style = format!("/assets/app.{style}");
    let file = stage.stranger("GET", &style).header("accept-encoding", "br").send().await;
    assert_eq!((file.status, file.header("content-encoding")), (200, "br"));
    assert_eq!(file.header("cache-control"), "public, max-age=31536000, immutable");
    for path in ["/assets/manifest.json", "/assets/..%2fmanifest.json", "/assets/app.css", "/assets/nothing.js"] {
        assert_eq!(stage.stranger("GET", path).send().await.status, 404, "{path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_page_stands_in_the_audit_log() {
    let stage = Stage::open().await;
    let browser = Browser::member(&stage, "viewer").await;
    assert_eq!(browser.get("/audit").await.status, 403);
    let listed = stage.get("/api/v1/audit?outcome=refused").await.expect(200);
    let row = listed["items"].as_array().unwrap().iter().find(|row| row["object"].to_string().contains("/audit"));
    assert!(row.is_some(), "{listed}");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_page_of_a_script_of_every_kind_is_shown() {
    let stage = Stage::open().await;
    let (operator, viewer) = (Browser::operator(&stage).await, Browser::member(&stage, "viewer").await);
    for kind in ["one_off", "cron", "event", "embedded", "endpoint"] {
        let name = format!("a-{}", kind.replace('_', "-"));
        let mut script = json!({ "name": name, "kind": kind, "source": "export default () => 1;" });
        if kind == "endpoint" {
            script["endpoint"] = json!({ "method": "ANY", "path": "/a", "authentication": "token" });
        }
        stage.deploy_with(script).await;
        for tab in ["", "?line=1", "/triggers", "/settings", "/versions", "/versions?from=1&to=draft", "/runs", "/docs"]
        {
            let path = format!("/scripts/{name}{tab}");
            for browser in [&operator, &viewer] {
                let answer = browser.get(&path).await;
                assert_eq!(answer.status, 200, "{path}: {}", answer.text());
                assert_is_a_safe_page(&path, &answer);
            }
        }
        let inferred = operator.get(&format!("/scripts/{name}/settings?infer=10")).await;
        assert_eq!(inferred.status, 200, "{name}: {}", inferred.text());
        // Who may not deploy is told why, and is offered nothing that would be refused.
        let code = viewer.get(&format!("/scripts/{name}")).await.text();
        assert!(code.contains("Deploying needs the permission scripts.deploy."), "{name}");
    }
    let path = "/scripts/a-cron/triggers/next-runs?expression=0+9+*+*+1-5&timezone=Europe/Berlin";
    let next = operator.get(path).await.text();
    assert!(next.contains("T09:00:00+0") && next.matches("<li>").count() == 10, "{next}");
    let wrong = operator.get("/scripts/a-cron/triggers/next-runs?expression=61+9+*+*+*&timezone=UTC").await.text();
    assert!(wrong.contains("class=\"error\""), "{wrong}");
}
