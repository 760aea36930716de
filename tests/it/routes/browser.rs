//! Somebody who is signed in, in a browser.

use serde_json::json;

use super::{
    client::{Answer, Call},
    stage::Stage,
};

/// The operator's password.
pub(super) const PASSWORD: &str = "marker of a few words";

/// A browser on a page of the server, or elsewhere.
pub(super) struct Browser<'a> {
    stage: &'a Stage,
    pub(super) cookie: String,
}

impl<'a> Browser<'a> {
    /// Signed in as the operator, who has a password of their own.
    pub(super) async fn signed_in(stage: &'a Stage) -> Self {
        let bootstrap = stage.server.bootstrap().unwrap();
        let body = json!({ "email": bootstrap.operator_email, "password": bootstrap.password });
        let answer = stage.stranger("POST", "/api/v1/sign-in/password").json(&body).send().await;
        assert_eq!(answer.expect(200)["must_change_password"], true);
        let browser = Self { stage, cookie: cookie_of(&answer) };
        browser.call("GET", "/api/v1/me").send().await.expect_problem(403, "password_change_required");
        let body = json!({ "current_password": bootstrap.password, "password": PASSWORD });
        let answer = browser.call("PUT", "/api/v1/session/password").json(&body).send().await;
        answer.expect(200);
        browser.call("GET", "/api/v1/me").send().await.expect_problem(401, "unauthenticated");
        Self { cookie: cookie_of(&answer), ..browser }
    }

    /// A request as a page of the server sends it.
    pub(super) fn call(&self, method: &str, path: &str) -> Call {
        self.bare(method, path).header("sec-fetch-site", "same-origin")
    }

    /// The same with nothing but the cookie.
    pub(super) fn bare(&self, method: &str, path: &str) -> Call {
        self.stage.stranger(method, path).header("cookie", &self.cookie)
    }
}

fn cookie_of(answer: &Answer) -> String {
    let set = answer.header("set-cookie");
    assert!(set.contains("; HttpOnly; SameSite=Lax") && set.contains("; Path=/;"), "{set}");
    let cookie = set.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("skerry=ss_"), "{set}");
    cookie
}
