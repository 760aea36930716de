//! Who calls: each built-in role, an admin of another tenant, and those who are nobody.

use domain::{BuiltInRole, Permissions, UnixMillis};
use serde_json::json;
use server::access::Access;

use super::super::stage::Stage;

/// Somebody who calls.
pub(super) struct Caller {
    pub(super) name: &'static str,
    pub(super) token: Option<String>,
    permissions: Permissions,
}

/// Everybody who calls.
pub(super) struct Callers {
    /// Those who are known, the admin last: what he does may take something away.
    pub(super) known: Vec<Caller>,
    /// Those who are nobody.
    pub(super) unknown: Vec<Caller>,
}

impl Caller {
    /// Somebody who may do everything in another tenant.
    pub(super) fn stranger(token: &str) -> Self {
        Self { name: "another tenant's admin", token: Some(token.to_owned()), permissions: Permissions::all() }
    }

    /// Whether the table lets this caller call such an operation.
    pub(super) fn may(&self, access: Access) -> bool {
        match access {
            Access::Anybody | Access::Known => true,
            Access::Needs(permissions) => self.permissions.contains_all(permissions.iter().copied().collect()),
            Access::Operator | Access::SignedIn => false,
        }
    }
}

impl Callers {
    pub(super) async fn of(stage: &Stage) -> Self {
        let mut known = Vec::new();
        for (role, name) in BuiltInRole::ALL.iter().zip(["viewer", "runner", "editor", "admin"]) {
            known.push(Caller {
                name,
                token: Some(token(stage, role.permissions()).await),
                permissions: role.permissions(),
            });
        }
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
    let nobody = |name, token| Caller { name, token, permissions: Permissions::NONE };
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
    vec![
        nobody("nobody", None),
        nobody("an expired token", Some(expired.text)),
        nobody("a revoked token", Some(revoked.text)),
        nobody("a forged token", Some(forged)),
        nobody("somebody with rubbish", Some(String::from("rubbish"))),
    ]
}
