//! Pages, as browsers ask for them: with a session's cookie, and nothing else.

mod executions;
mod triggers;

use serde_json::{Value, json};

use super::{
    client::{Answer, Call},
    stage::Stage,
};

/// What somebody hostile writes wherever text is taken: markup, a script, escape sequences, a mark that turns the writing.
const HOSTILE: &str = "</pre><script>alert(1)</script><img src=x onerror=alert(2)>\u{1b}[31m\u{202e}\"'&";

/// Somebody who is signed in.
pub(super) struct Visitor<'a> {
    stage: &'a Stage,
    cookie: String,
}

impl<'a> Visitor<'a> {
    /// A new member of the first tenant, in a built-in role.
    pub(super) async fn with_role(stage: &'a Stage, role: &str) -> Self {
        Self::invited(stage, &stage.token, role).await
    }

    /// The admin of a tenant with nothing in it.
    pub(super) async fn of_an_empty_tenant(stage: &'a Stage) -> Self {
        let slug = domain::TenantSlug::parse("empty").unwrap();
        let (_, token) = stage.server.app().create_tenant(&slug, "Empty").await.unwrap();
        Self::invited(stage, &token.text, "admin").await
    }

    async fn invited(stage: &'a Stage, token: &str, role: &str) -> Self {
        let body = json!({ "email": format!("{role}@example.com"), "role": role });
        let invite = stage.stranger("POST", "/api/v1/invitations").header("authorization", &format!("Bearer {token}"));
        let made = invite.json(&body).send().await.expect(201);
        let body =
            json!({ "secret": made["secret"], "name": format!("A {role}"), "password": "a few words of theirs" });
        let joins = stage.stranger("POST", "/api/v1/sign-in/invitation").header("sec-fetch-site", "same-origin");
        let answer = joins.json(&body).send().await;
        answer.expect(200);
        Self { stage, cookie: answer.header("set-cookie").split(';').next().unwrap().to_owned() }
    }

    /// A request for a page.
    pub(super) fn asks(&self, path: &str) -> Call {
        let call = self.stage.stranger("GET", path).header("cookie", &self.cookie);
        call.header("accept", "text/html").header("sec-fetch-site", "none")
    }

    /// The answer to it.
    pub(super) async fn gets(&self, path: &str) -> Answer {
        self.asks(path).send().await
    }

    /// The page, which is there and runs nobody's text.
    pub(super) async fn sees(&self, path: &str) -> String {
        let answer = self.gets(path).await;
        let html = answer.text();
        assert_eq!(answer.status, 200, "{path}: {html}");
        assert!(answer.header("content-type").starts_with("text/html"), "{path}");
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
        assert_eq!(answer.header("cache-control"), "no-store", "{path}");
        for raw in ["<script>alert", "<img src=x", "\u{1b}", "\u{202e}"] {
            assert!(!html.contains(raw), "{path} has {raw:?}: {html}");
        }
        html
    }

    /// A call of the API that a page makes.
    pub(super) async fn calls(&self, method: &str, path: &str, body: Value) -> Answer {
        let call = self.stage.stranger(method, path).header("cookie", &self.cookie);
        call.header("sec-fetch-site", "same-origin").json(&body).send().await
    }
}

/// The id of something that was made.
fn id(value: &Value) -> &str {
    value["id"].as_str().unwrap()
}
