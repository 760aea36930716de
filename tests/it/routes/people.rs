//! Members, roles, invitations, tokens and what operators do, from outside.

use serde_json::{Value, json};

use super::{
    client::{Answer, Call},
    stage::Stage,
};

const NOWHERE: &str = "0190b0a0-0000-7000-8000-000000000000";

/// The operator of a server, with a token of the deployment's own.
struct Operator<'a> {
    stage: &'a Stage,
    token: String,
}

impl<'a> Operator<'a> {
    async fn of(stage: &'a Stage) -> Self {
        Self { stage, token: stage.server.app().deployment_token().await.unwrap().text }
    }

    fn call(&self, method: &str, path: &str) -> Call {
        let path = format!("/api/v1/operator{path}");
        self.stage.stranger(method, &path).header("authorization", &format!("Bearer {}", self.token))
    }

    async fn send(&self, method: &str, path: &str, body: Value) -> Answer {
        self.call(method, path).json(&body).send().await
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Somebody who takes an invitation with a password, and the cookie that comes of it.
async fn joins(stage: &Stage, secret: &str) -> String {
    let body = json!({ "secret": secret, "name": "Ada Lovelace", "password": "a few words of hers" });
    let answer = own_page(stage, "POST", "/api/v1/sign-in/invitation").json(&body).send().await;
    answer.expect(200);
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

/// A request as a page of the server sends it.
fn own_page(stage: &Stage, method: &str, path: &str) -> Call {
    stage.stranger(method, path).header("sec-fetch-site", "same-origin")
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_is_invited_signs_in_and_is_a_member() {
    let stage = Stage::open().await;
    let made = stage.post("/api/v1/invitations", json!({ "email": "Ada@example.com", "role": "editor" })).await;
    let made = made.expect(201);
    let preview = json!({ "secret": made["secret"] });
    let seen = stage.stranger("POST", "/api/v1/invitations/preview").json(&preview).send().await.expect(200);
    assert_eq!((text(&seen["tenant"]), text(&seen["email"])), ("Acme", "ada@example.com"));
    let cookie = joins(&stage, text(&made["secret"])).await;
    let me = own_page(&stage, "GET", "/api/v1/session").header("cookie", &cookie).send().await.expect(200);
    let scripts = own_page(&stage, "GET", "/api/v1/scripts").header("cookie", &cookie).send().await;
    assert_eq!(scripts.status, 200);
    let again = stage.stranger("POST", "/api/v1/invitations/preview").json(&preview).send().await;
    assert_eq!(again.status, 404, "it is taken once");
    let listed = stage.get("/api/v1/members").await.expect(200);
    let ada = listed["items"].as_array().unwrap().iter().find(|member| member["id"] == me["user"]["id"]).unwrap();
    assert_eq!((text(&ada["role"]), text(&ada["name"])), ("editor", "Ada Lovelace"));
    // A second invitation to a known address is taken by signing in, and by nobody who makes up a password.
    let second = stage.post("/api/v1/invitations", json!({ "email": "ada@example.com", "role": "viewer" })).await;
    let body = json!({ "secret": second.expect(201)["secret"], "name": "Eve", "password": "words of somebody else" });
    let refused = own_page(&stage, "POST", "/api/v1/sign-in/invitation").json(&body).send().await;
    assert_eq!(refused.status, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn fields_of_people_are_refused_by_name() {
    let stage = Stage::open().await;
    let operator = Operator::of(&stage).await;
    let long = "a".repeat(256);
    for body in [
        json!({ "email": "ada@example.com" }),
        json!({ "email": "no address", "role": "viewer" }),
        json!({ "email": "a@b\u{202e}c", "role": "viewer" }),
        json!({ "email": "ada@example.com", "role": "Viewer" }),
        json!({ "email": "ada@example.com", "role": "nobody-made-it" }),
        json!({ "email": "ada@example.com", "role": "viewer", "tenant_id": NOWHERE }),
        json!({ "email": "ada@example.com", "role": "viewer", "created_by": NOWHERE }),
    ] {
        assert_eq!(stage.post("/api/v1/invitations", body.clone()).await.status, 422, "{body}");
    }
    for body in [
        json!({ "name": "Reader", "permissions": [] }),
        json!({ "name": "a".repeat(51), "permissions": [] }),
        json!({ "name": "reader" }),
        json!({ "name": "reader", "permissions": ["root"] }),
        json!({ "name": "reader", "permissions": [], "description": "a".repeat(501) }),
        json!({ "name": "reader", "permissions": [], "set_by": NOWHERE }),
        json!({ "name": "reader", "permissions": [], "version": 1 }),
    ] {
        assert_eq!(stage.post("/api/v1/roles", body.clone()).await.status, 422, "{body}");
    }
    for name in ["", " a", "a\u{0}b", "a\u{202e}b", "a\u{200b}b", "a\u{1b}[31m", long.as_str()] {
        let user = json!({ "email": "new@example.com", "name": name });
        assert_eq!(operator.send("POST", "/users", user).await.status, 422, "{name:?}");
        let tenant = json!({ "slug": "other", "name": name, "admin_email": "ada@example.com" });
        assert_eq!(operator.send("POST", "/tenants", tenant).await.status, 422, "{name:?}");
        assert_eq!(stage.post("/api/v1/tokens", json!({ "name": name })).await.status, 422, "{name:?}");
    }
    for (at, name) in ["Zoë 🚀", &"ä".repeat(255)].iter().enumerate() {
        let user = json!({ "email": format!("new{at}@example.com"), "name": name });
        let made = operator.send("POST", "/users", user).await.expect(201);
        assert_eq!(text(&made["name"]), *name);
    }
    let forbidden = json!({ "email": "x@example.com", "name": "X", "created_at": "2026-01-01T00:00:00Z" });
    assert_eq!(operator.send("POST", "/users", forbidden).await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_no_operator_is_told_the_same_whatever_the_path_names() {
    let stage = Stage::open().await;
    let own = stage.get("/api/v1/me").await.expect(200);
    let (tenant, user) = (text(&own["tenant_id"]), text(&own["user_id"]));
    let mut told = Vec::new();
    for path in [
        format!("/api/v1/operator/tenants/{tenant}"),
        format!("/api/v1/operator/tenants/{NOWHERE}"),
        String::from("/api/v1/operator/tenants/no-id"),
        format!("/api/v1/operator/users/{user}"),
        format!("/api/v1/operator/users/{NOWHERE}"),
        String::from("/api/v1/operator/plans/none"),
    ] {
        let answer = stage.get(&path).await;
        told.push((answer.status, answer.text()));
        assert_eq!(stage.stranger("GET", &path).send().await.status, 401);
    }
    assert_eq!(told[0].0, 403);
    assert!(told.iter().all(|answer| *answer == told[0]), "{told:?}");
    let operator = Operator::of(&stage).await;
    assert_eq!(operator.call("GET", &format!("/tenants/{tenant}")).send().await.status, 200);
    let as_tenant =
        stage.stranger("GET", "/api/v1/scripts").header("authorization", &format!("Bearer {}", operator.token));
    assert_eq!(as_tenant.send().await.status, 401, "an operator's token opens no tenant");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenants_life_goes_from_its_first_admin_to_its_end() {
    let stage = Stage::open().await;
    let operator = Operator::of(&stage).await;
    let plan = json!({ "name": "small", "quotas": { "scripts": 1 } });
    operator.send("POST", "/plans", plan).await.expect(201);
    let tenant = json!({ "slug": "other", "name": "Other", "plan": "small", "admin_email": "eve@example.com" });
    let made = operator.send("POST", "/tenants", tenant.clone()).await.expect(201);
    let id = text(&made["tenant"]["id"]).to_owned();
    assert_eq!(made["tenant"]["effective_quotas"]["scripts"], json!(1));
    assert_eq!(operator.send("POST", "/tenants", tenant).await.status, 409);
    let cookie = joins(&stage, text(&made["invitation"]["secret"])).await;
    let as_eve = |method: &str, path: &str| own_page(&stage, method, path).header("cookie", &cookie);
    let script = |name: &str| json!({ "name": name, "kind": "one_off", "source": "export default () => 1" });
    assert_eq!(as_eve("POST", "/api/v1/scripts").json(&script("one")).send().await.status, 201);
    assert_eq!(as_eve("POST", "/api/v1/scripts").json(&script("two")).send().await.status, 429);
    let raised = json!({ "quotas": { "scripts": 2 } });
    operator.send("PATCH", "/plans/small", raised).await.expect(200);
    assert_eq!(as_eve("POST", "/api/v1/scripts").json(&script("two")).send().await.status, 201);

    let suspend = format!("/tenants/{id}/suspend");
    operator.send("POST", &suspend, json!({ "reason": "the bill is not paid" })).await.expect(200);
    let told = loop {
        let answer = as_eve("GET", "/api/v1/scripts").send().await;
        if answer.status != 200 {
            break answer.json();
        }
    };
    assert_eq!(text(&told["code"]), "tenant_suspended");
    assert!(text(&told["detail"]).contains("the bill is not paid"));
    operator.call("POST", &format!("/tenants/{id}/resume")).send().await.expect(200);
    while as_eve("GET", "/api/v1/scripts").send().await.status != 200 {}
    assert_eq!(operator.call("DELETE", &format!("/tenants/{id}")).send().await.status, 204);
    while as_eve("GET", "/api/v1/scripts").send().await.status == 200 {}
    let left = operator.call("GET", &format!("/tenants/{id}")).send().await.expect(200);
    assert_eq!((text(&left["status"]), text(&left["slug"])), ("deleted", "other"));
    let taken = json!({ "slug": "other", "name": "Again", "admin_email": "eve@example.com" });
    assert_eq!(operator.send("POST", "/tenants", taken).await.status, 409);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_change_of_a_role_or_a_plan_is_refused() {
    let stage = Stage::open().await;
    let role = json!({ "name": "reader", "permissions": ["scripts.read"] });
    stage.post("/api/v1/roles", role).await.expect(201);
    let tag = stage.get("/api/v1/roles/reader").await.header("etag").to_owned();
    let change = |tag: &str| {
        let body = json!({ "description": "Reads" });
        stage.api("PATCH", "/api/v1/roles/reader").header("if-match", tag).json(&body)
    };
    assert_eq!(change(&tag).send().await.status, 200);
    assert_eq!(change(&tag).send().await.status, 412);
    assert_eq!(stage.api("DELETE", "/api/v1/roles/reader").send().await.status, 204);
    assert_eq!(stage.get("/api/v1/roles/reader").await.status, 404);
    assert_eq!(stage.api("DELETE", "/api/v1/roles/admin").send().await.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_is_removed_with_what_lives_by_that_members_rights() {
    let stage = Stage::open().await;
    let made = stage.post("/api/v1/invitations", json!({ "email": "ada@example.com", "role": "editor" })).await;
    let cookie = joins(&stage, text(&made.expect(201)["secret"])).await;
    let as_ada = |method: &str, path: &str| own_page(&stage, method, path).header("cookie", &cookie);
    let script = json!({ "name": "hers", "kind": "one_off", "source": "export default () => 'hers'" });
    as_ada("POST", "/api/v1/scripts").json(&script).send().await.expect(201);
    as_ada("POST", "/api/v1/scripts/hers/deploy").json(&json!({})).send().await.expect(201);
    let me = as_ada("GET", "/api/v1/session").send().await.expect(200);
    let ada = text(&me["user"]["id"]).to_owned();
    let bindings = stage.get(&format!("/api/v1/members/{ada}/bindings")).await.expect(200);
    assert_eq!((text(&bindings["items"][0]["kind"]), text(&bindings["items"][0]["script"])), ("deployment", "hers"));
    let removed = stage.api("DELETE", &format!("/api/v1/members/{ada}")).send().await.expect(200);
    assert_eq!(removed["left"].as_array().unwrap().len(), 1);
    let orphaned = stage.post("/api/v1/scripts/hers/invoke", json!({})).await;
    assert_eq!((orphaned.status, text(&orphaned.json()["code"])), (409, "orphaned"));
    let shown = stage.get("/api/v1/scripts/hers").await.expect(200);
    assert_eq!(text(&shown["attention"]["reason"]), "deployer_left");
    let adopted = stage.api("POST", "/api/v1/scripts/hers/adopt").send().await.expect(200);
    assert_eq!(adopted["attention"], Value::Null);
    assert_eq!(stage.run("hers", Value::Null).await["result"], json!("hers"));
    for path in [format!("/api/v1/members/{ada}"), format!("/api/v1/members/{NOWHERE}")] {
        let answer = stage.api("DELETE", &path).send().await;
        assert_eq!((answer.status, text(&answer.json()["detail"])), (404, "there is no such member"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_is_tested_and_nothing_is_kept() {
    let stage = Stage::open().await;
    let source = "export default async ({ id }) => { await storage.set('tested', id); return storage.get('tested'); }";
    stage.post("/api/v1/scripts", json!({ "name": "tried", "kind": "one_off", "source": source })).await.expect(201);
    let run = stage.post("/api/v1/scripts/tried/test", json!({ "input": { "id": 7 } })).await.expect(200);
    assert_eq!((&run["test"], &run["status"], &run["result"]), (&json!(true), &json!("success"), &json!(7)));
    assert_eq!(run["calls"].as_array().unwrap().len(), 2);
    let executions = stage.get("/api/v1/executions").await.expect(200);
    assert!(executions["items"].as_array().unwrap().is_empty());
    let wrong = stage.post("/api/v1/scripts/tried/test", json!({ "source": "export default (" })).await;
    assert_eq!(wrong.status, 422);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_operator_asks_again_with_its_key_is_done_once() {
    let stage = Stage::open().await;
    let operator = Operator::of(&stage).await;
    let keyed = |path: &str, body: &Value| operator.call("POST", path).json(body).header("idempotency-key", "k-1");
    let tenant = json!({ "slug": "second", "name": "Second", "admin_email": "eve@example.com" });
    let made = keyed("/tenants", &tenant).send().await.expect(201);
    let again = keyed("/tenants", &tenant).send().await;
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.expect(201), made, "with the invitation's secret, which is shown once");
    keyed("/plans", &json!({ "name": "small" })).send().await.expect_problem(422, "key_reused");
    // Somebody in a tenant has keys of his own, also where it is the same person.
    let script = json!({ "name": "own", "kind": "one_off", "source": "export default () => 1" });
    let own = stage.api("POST", "/api/v1/scripts").json(&script).header("idempotency-key", "k-1");
    own.send().await.expect(201);
}
