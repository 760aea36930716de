//! People who are signed in: what they do with their own sessions, and that no page elsewhere does anything with them.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::{
    super::{
        client::{Answer, Call},
        stage::Stage,
    },
    Matrix, Operation,
    callers::Caller,
};

const PASSWORD: &str = "a few words of hers";

static MADE: AtomicU32 = AtomicU32::new(0);

/// Somebody with a password who is signed in.
pub(super) struct Person<'a> {
    stage: &'a Stage,
    email: String,
    pub(super) cookie: String,
}

impl<'a> Person<'a> {
    /// A member of the tenant with a role.
    pub(super) async fn with_role(stage: &'a Stage, role: &str) -> Self {
        let email = unique();
        let invitation = json!({ "email": email, "role": role });
        let invited = stage.post("/api/v1/invitations", invitation).await.expect(201);
        let body = json!({ "secret": invited["secret"], "name": "Ada", "password": PASSWORD });
        let answer = page(stage, "POST", "/api/v1/sign-in/invitation").json(&body).send().await;
        Self { stage, email, cookie: cookie(&answer) }
    }

    /// An operator, who belongs to no tenant.
    pub(super) async fn operator(stage: &'a Stage, token: &str) -> Self {
        let email = unique();
        let operator = |path: &str, body: Value| {
            let call = stage.stranger("POST", path).header("authorization", &format!("Bearer {token}"));
            call.json(&body)
        };
        let user = json!({ "email": email, "name": "Grace", "is_operator": true });
        let made = operator("/api/v1/operator/users", user).send().await.expect(201);
        let id = made["user"]["id"].as_str().or(made["id"].as_str()).unwrap().to_owned();
        let reset = format!("/api/v1/operator/users/{id}/reset");
        let link = operator(&reset, json!({})).send().await.json();
        let body = json!({ "link": link["link"], "password": PASSWORD });
        page(stage, "POST", "/api/v1/sign-in/reset").json(&body).send().await.expect(200);
        let mut person = Self { stage, email, cookie: String::new() };
        person.cookie = person.signs_in().await.0;
        person
    }

    /// Another session of the same person: its cookie and id.
    async fn signs_in(&self) -> (String, String) {
        let body = json!({ "email": self.email, "password": PASSWORD });
        let answer = page(self.stage, "POST", "/api/v1/sign-in/password").json(&body).send().await;
        let cookie = cookie(&answer);
        (cookie, answer.expect(200)["id"].as_str().unwrap().to_owned())
    }

    pub(super) async fn signs_out(&self) {
        let ended = page(self.stage, "DELETE", "/api/v1/session").header("cookie", &self.cookie).send().await;
        assert_eq!(ended.status, 204);
    }
}

impl Matrix<'_> {
    /// What somebody new does with a session of their own; somebody else's is like one that is not there.
    pub(super) async fn admits_with_a_session(&self, operation: &Operation<'_>, caller: &Caller) {
        let role = caller.name.rsplit(' ').next().filter(|role| *role != "operator").unwrap_or("viewer");
        let person = Person::with_role(self.stage, role).await;
        let (_, second) = person.signs_in().await;
        let (_, foreign) = Person::with_role(self.stage, "viewer").await.signs_in().await;
        let body = match operation.id {
            "choose_tenant" => json!({ "tenant": "acme" }),
            "change_password" => json!({ "current_password": PASSWORD, "password": "and a few words more" }),
            "accept_invitation" => json!({ "secret": self.invitation_elsewhere(&person.email).await }),
            _ => Value::Null,
        };
        let send = async |session: &str| {
            let path = operation.template.replace("{session}", session);
            let call = page(self.stage, &operation.method, &path).header("cookie", &person.cookie);
            if body.is_null() { call.send().await } else { call.json(&body).send().await }
        };
        if operation.template.contains("{session}") {
            let (others, nowhere) = (send(&foreign).await, send(&domain::SessionId::generate().to_string()).await);
            let are_alike = (others.status, others.text()) == (404, nowhere.text());
            self.expect(are_alike, operation, caller, &format!("somebody else's session: {}", others.text()));
        }
        let answer = send(&second).await;
        let is_fine = (200..300).contains(&answer.status);
        self.expect(is_fine, operation, caller, &format!("{} {}", answer.status, answer.text()));
    }

    /// Pages elsewhere do nothing with a visitor's session, and neither does what says nothing of where it comes from; that
    /// may read.
    pub(super) async fn refuses_other_pages(&self, operation: &Operation<'_>, caller: &Caller, cookie: &str) {
        let elsewhere = [("origin", "https://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")];
        let unsaid = operation.changes().then_some(("accept", "application/json"));
        for (name, value) in elsewhere.into_iter().chain(unsaid) {
            let call = self.request(operation, &self.own).header("cookie", cookie).header(name, value);
            let answer = call.send().await;
            let is_refused = answer.status == 403 && answer.text().contains("\"cross_site\"");
            let what = format!("with {name}: {value}: {} {}", answer.status, answer.text());
            self.expect(is_refused, operation, caller, &what);
        }
    }

    /// The secret of an invitation to the other tenant.
    async fn invitation_elsewhere(&self, email: &str) -> String {
        let body = json!({ "email": email, "role": "viewer" });
        let call = self.stranger.signs(self.stage.stranger("POST", "/api/v1/invitations"));
        let made = call.json(&body).send().await.expect(201);
        made["secret"].as_str().unwrap().to_owned()
    }
}

/// A request as a page of the server sends it.
fn page(stage: &Stage, method: &str, path: &str) -> Call {
    stage.stranger(method, path).header("sec-fetch-site", "same-origin")
}

fn cookie(answer: &Answer) -> String {
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.header("set-cookie").split(';').next().unwrap().to_owned()
}

fn unique() -> String {
    format!("person-{}@example.com", MADE.fetch_add(1, Ordering::Relaxed))
}
