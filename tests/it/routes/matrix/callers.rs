//! Who calls: each built-in role by a token and signed in, an admin of another tenant, operators, and those who are nobody.

use domain::{BuiltInRole, Permissions, UnixMillis};
use serde_json::json;
use server::access::Access;

use super::{super::client::Call, super::stage::Stage, sessions::Person};

/// Somebody who calls.
pub(super) struct Caller {
    pub(super) name: &'static str,
    shown: Shown,
    standing: Standing,
}

/// What a caller shows.
enum Shown {
    Nothing,
    Token(String),
    /// The cookie, on a page of the server.
    Session(String),
}

enum Standing {
    Nobody,
    Member(Permissions),
    /// Acts across tenants, and in none.
    Operator,
}

/// Everybody who calls.
pub(super) struct Callers {
    /// Those who are known, the admin last of those with a token: what he does may take something away.
    pub(super) known: Vec<Caller>,
    /// Those who are nobody.
    pub(super) unknown: Vec<Caller>,
}

impl Caller {
    /// Somebody who may do everything in another tenant.
    pub(super) fn stranger(token: &str) -> Self {
        let shown = Shown::Token(token.to_owned());
        Self { name: "another tenant's admin", shown, standing: Standing::Member(Permissions::all()) }
    }

    /// The call with what this caller shows.
    pub(super) fn signs(&self, call: Call) -> Call {
        match &self.shown {
            Shown::Nothing => call,
            Shown::Token(token) => call.header("authorization", &format!("Bearer {token}")),
            Shown::Session(cookie) => call.header("cookie", cookie).header("sec-fetch-site", "same-origin"),
        }
    }

    /// The cookie, of somebody who is signed in.
    pub(super) fn cookie(&self) -> Option<&str> {
        if let Shown::Session(cookie) = &self.shown { Some(cookie) } else { None }
    }

    pub(super) fn is_operator(&self) -> bool {
        matches!(self.standing, Standing::Operator)
    }

    /// Whether everything is let through that anybody of the caller's kind may do.
    pub(super) fn is_strict(&self) -> bool {
        self.is_operator() || self.name.ends_with("admin")
    }

    /// What the table says of such an operation: let through, or refused with a status.
    pub(super) fn answered(&self, access: Access) -> Result<(), u16> {
        let by_token = self.cookie().is_none();
        match (access, &self.standing) {
            (Access::Anybody, _) => Ok(()),
            (_, Standing::Nobody) => Err(401),
            // A token is nobody's session.
            (Access::SignedIn, _) => {
                if by_token {
                    Err(401)
                } else {
                    Ok(())
                }
            }
            (Access::Operator, Standing::Operator) => Ok(()),
            (Access::Operator, _) => Err(403),
            // An operator's token is nobody's in a tenant; a person who is signed in and acts in none is told so.
            (_, Standing::Operator) => Err(if by_token { 401 } else { 403 }),
            (Access::Known, _) => Ok(()),
            (Access::Needs(needed), Standing::Member(permissions)) => {
                if permissions.contains_all(needed.iter().copied().collect()) { Ok(()) } else { Err(403) }
            }
        }
    }
}

impl Callers {
    pub(super) async fn of(stage: &Stage, operator: &str) -> Self {
        let mut known = Vec::new();
        for (role, name) in BuiltInRole::ALL.iter().zip(["viewer", "runner", "editor", "admin"]) {
            let token = Shown::Token(token(stage, role.permissions()).await);
            known.push(Caller { name, shown: token, standing: Standing::Member(role.permissions()) });
        }
        let signed_in = ["a signed-in viewer", "a signed-in runner", "a signed-in editor", "a signed-in admin"];
        for (role, name) in BuiltInRole::ALL.iter().zip(signed_in) {
            let person = Person::with_role(stage, role.as_str()).await;
            known.push(Caller {
                name,
                shown: Shown::Session(person.cookie),
                standing: Standing::Member(role.permissions()),
            });
        }
        let person = Person::operator(stage, operator).await;
        known.push(Caller {
            name: "an operator",
            shown: Shown::Token(operator.to_owned()),
            standing: Standing::Operator,
        });
        known.push(Caller {
            name: "a signed-in operator",
            shown: Shown::Session(person.cookie),
            standing: Standing::Operator,
        });
        Self { known, unknown: nobodies(stage).await }
    }
}

/// A token with these rights.
async fn token(stage: &Stage, permissions: Permissions) -> String {
    let words: Vec<&str> = permissions.iter().map(|permission| permission.as_str()).collect();
    let made = stage.post("/api/v1/tokens", json!({ "name": "role", "permissions": words })).await.expect(201);
    made["token"].as_str().unwrap().to_owned()
}

async fn nobodies(stage: &Stage) -> Vec<Caller> {
    let nobody = |name, shown| Caller { name, shown, standing: Standing::Nobody };
    let principal = stage.server.app().tokens().authenticate(&stage.token).unwrap();
    let end = UnixMillis(UnixMillis::now().0 + 50);
    let tokens = stage.server.app().tokens();
    let expired = tokens.create(&principal, String::from("short"), Permissions::all(), Some(end)).await.unwrap();
    let revoked = tokens.create(&principal, String::from("revoked"), Permissions::all(), None).await.unwrap();
    tokens.revoke(&principal, revoked.id).await.unwrap();
    while UnixMillis::now() <= end {
        tokio::task::yield_now().await;
    }
    let mut forged = stage.token.clone();
    forged.replace_range(forged.len() - 1.., if forged.ends_with('0') { "1" } else { "0" });
    let signed_out = Person::with_role(stage, "admin").await;
    signed_out.signs_out().await;
    vec![
        nobody("nobody", Shown::Nothing),
        nobody("an expired token", Shown::Token(expired.text)),
        nobody("a revoked token", Shown::Token(revoked.text)),
        nobody("a forged token", Shown::Token(forged)),
        nobody("somebody with rubbish", Shown::Token(String::from("rubbish"))),
        nobody("somebody who signed out", Shown::Session(signed_out.cookie)),
    ]
}
