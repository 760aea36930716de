//! What the operations are about: a tenant's things of every kind, and things that are not there.

use std::{
    collections::BTreeMap,
    sync::atomic::{AtomicU32, Ordering},
};

use domain::ScriptId;
use serde_json::{Value, json};

use super::super::{client::Answer, stage::Stage};

/// The script that an operation is about is of the kind that it needs.
const SCRIPT_KINDS: &[(&str, &str)] = &[
    ("show_endpoint_secrets", "endpoint"),
    ("rotate_endpoint_secret", "endpoint"),
    ("put_endpoint_secret", "endpoint"),
    ("delete_endpoint_secret", "endpoint"),
    ("put_hook_binding", "embedded"),
    ("delete_hook_binding", "embedded"),
    ("create_schedule", "cron"),
    ("create_subscription", "event"),
];

/// Things by what they are called in a path: `script`, `schedule`, …; scripts of other kinds by their kind.
#[derive(Clone, Debug)]
pub(super) struct Things(BTreeMap<&'static str, String>);

impl Things {
    /// Ids and names that nobody ever had.
    pub(super) fn nowhere() -> Self {
        let ids = KINDS.iter().map(|kind| match *kind {
            "secret" => (*kind, String::from("no-such-secret")),
            "event" => (*kind, String::from("999999999-0")),
            "role" | "plan" | "document" => (*kind, String::from("no-such-name")),
            "key" => (*kind, String::from("no-such-key")),
            _ => (*kind, ScriptId::generate().to_string()),
        });
        Self(ids.collect())
    }

    pub(super) fn get(&self, kind: &str) -> &str {
        &self.0[kind]
    }

    /// The script for `operation`.
    pub(super) fn script(&self, operation: &str) -> &str {
        self.get(kind_of_script(operation))
    }

    /// The operation's path about these things.
    pub(super) fn path(&self, operation: &str, template: &str) -> String {
        let mut path = template.replace("{script}", self.script(operation));
        if operation.contains("operator_token") {
            path = path.replace("{token}", self.get("operator_token"));
        }
        for (kind, value) in &self.0 {
            path = path.replace(&format!("{{{kind}}}"), value);
        }
        // What is the same for every tenant.
        let own = [("{number}", "1"), ("{slot}", "primary")];
        let deployments = [("{point}", "order.validate"), ("{service}", "products"), ("{collection}", "goods")];
        let path = own.iter().chain(&deployments).fold(path, |path, (name, value)| path.replace(name, value));
        // What has to be said beside the path.
        if operation == "diff_version" { path + "?against=draft" } else { path }
    }

    /// The same, each with the id of something else.
    pub(super) fn of_another_kind(&self) -> Self {
        let other = self.get("execution");
        Self(self.0.keys().map(|kind| (*kind, other.to_owned())).collect())
    }

    /// The text without the things' ids and names, so that texts about different things can be compared.
    pub(super) fn hidden_in(&self, text: &str) -> String {
        self.0.values().fold(text.to_owned(), |text, value| text.replace(value.as_str(), "…"))
    }

    /// One of the things that is in the text.
    pub(super) fn any_in(&self, text: &str) -> Option<&str> {
        let named = self.0.iter().filter(|(kind, _)| **kind != "event").map(|(_, value)| value.as_str());
        named.into_iter().find(|value| text.contains(value))
    }
}

/// What there are of a tenant's.
const KINDS: &[&str] = &[
    "script",
    "endpoint",
    "embedded",
    "cron",
    "events_script",
    "secret",
    "key",
    "schedule",
    "subscription",
    "webhook",
    "delivery",
    "execution",
    "event",
    "dead_letter",
    "token",
    "role",
    "invitation",
    "invitation_secret",
    "member",
    "tenant",
    "user",
    "plan",
    "provider",
    "operator_token",
    "document",
];

fn kind_of_script(operation: &str) -> &'static str {
    let kind = SCRIPT_KINDS.iter().find(|(id, _)| *id == operation).map_or("script", |(_, kind)| *kind);
    if kind == "event" { "events_script" } else { kind }
}

/// Whether a script is named in the address or the body.
fn is_about_scripts(operation: &str, template: &str) -> bool {
    template.contains("{script}") || operation.starts_with("create_") || operation == "change_scripts"
}

/// Makes things in one tenant.
pub(super) struct Makers<'a> {
    stage: &'a Stage,
    token: String,
    operator: String,
    name: &'static str,
    made: AtomicU32,
}

impl<'a> Makers<'a> {
    /// Makes a tenant's things with the first token, and the deployment's with the operator's.
    pub(super) fn new(stage: &'a Stage, (token, operator): (&str, &str), name: &'static str) -> Self {
        let (token, operator) = (token.to_owned(), operator.to_owned());
        Self { stage, token, operator, name, made: AtomicU32::new(0) }
    }

    /// One of each kind.
    pub(super) async fn all(&self) -> Things {
        let mut things = Things(BTreeMap::new());
        for kind in KINDS {
            let made = self.make(kind, &things).await;
            things.0.insert(kind, made);
        }
        things
    }

    /// The same things, but new ones of those that the operation is about.
    pub(super) async fn anew(&self, operation: &str, template: &str, things: &Things) -> Things {
        let mut things = things.clone();
        let script = kind_of_script(operation);
        for kind in KINDS {
            let is_named = template.contains(&format!("{{{kind}}}")) && *kind != "script";
            let is_named = is_named || operation.contains("operator_token") && *kind == "operator_token";
            let is_script = *kind == script && is_about_scripts(operation, template);
            if is_named || is_script {
                let made = self.make(kind, &things).await;
                things.0.insert(kind, made);
            }
        }
        things
    }

    async fn make(&self, kind: &str, things: &Things) -> String {
        match kind {
            "script" => {
                self.deploy(json!({ "kind": "one_off", "source": "export default () => ({ ok: true });" })).await
            }
            "endpoint" => self.endpoint().await,
            "embedded" => self.embedded().await,
            "cron" => self.deploy(json!({ "kind": "cron", "source": "export default () => null;" })).await,
            "events_script" => self.deploy(json!({ "kind": "event", "source": "export default () => null;" })).await,
            "secret" => self.secret().await,
            "key" => self.entry().await,
            "schedule" => {
                let schedule = json!({ "script": things.get("cron"), "expression": "30 6 * * *" });
                self.id_of("/api/v1/schedules", schedule).await
            }
            "subscription" => {
                let subscription = json!({ "script": things.get("events_script"), "types": [self.unique("order.")] });
                self.id_of("/api/v1/subscriptions", subscription).await
            }
            "webhook" => {
                let webhook = json!({ "url": "https://nobody.invalid/hooks", "types": [self.unique("order.")] });
                self.id_of("/api/v1/webhooks", webhook).await
            }
            "delivery" => self.id_of(&format!("/api/v1/webhooks/{}/test", things.get("webhook")), json!({})).await,
            "execution" => {
                let path = format!("/api/v1/scripts/{}/invoke", things.get("script"));
                let execution = self.post(&path, json!({})).await.expect(200);
                execution["id"].as_str().or(execution["execution_id"].as_str()).unwrap().to_owned()
            }
            "event" => self.event().await,
            "dead_letter" => self.dead_letter().await,
            "token" => {
                let made = self.post("/api/v1/tokens", json!({ "name": "thing", "permissions": [] })).await.expect(201);
                made["id"].as_str().unwrap().to_owned()
            }
            "role" => {
                let role = json!({ "name": self.unique("role-"), "permissions": ["scripts.read"] });
                text_of(&self.post("/api/v1/roles", role).await.expect(201)["name"])
            }
            "invitation" => text_of(&self.invitation().await["id"]),
            "invitation_secret" => text_of(&self.invitation().await["secret"]),
            "member" => self.member().await,
            "tenant" | "user" | "plan" | "operator_token" => self.of_operator(kind).await,
            "document" => self.document().await,
            "provider" => {
                let provider = json!({
                    "name": "Login", "issuer": "https://nobody.invalid", "client_id": self.unique("client-"),
                    "default_role": "viewer"
                });
                self.id_of("/api/v1/sign-in/providers", provider).await
            }
            _ => unreachable!("{kind}"),
        }
    }

    /// Something of the deployment's.
    async fn of_operator(&self, kind: &str) -> String {
        let (unique, email) = (self.unique("operators-"), format!("{}@example.com", self.unique("user-")));
        let (path, body) = match kind {
            "tenant" => ("tenants", json!({ "slug": unique, "name": "Made", "admin_email": email })),
            "user" => ("users", json!({ "email": email, "name": "Made" })),
            "plan" => ("plans", json!({ "name": unique, "description": "", "quotas": {} })),
            _ => ("tokens", json!({ "name": "made" })),
        };
        let call = self.stage.stranger("POST", &format!("/api/v1/operator/{path}"));
        let call = call.header("authorization", &format!("Bearer {}", self.operator));
        let made = call.json(&body).send().await.expect(201);
        match kind {
            "tenant" => text_of(&made["tenant"]["id"]),
            "plan" => unique,
            _ => made["user"]["id"].as_str().map_or_else(|| text_of(&made["id"]), str::to_owned),
        }
    }

    async fn document(&self) -> String {
        let id = self.unique("document-");
        let path = format!("/api/v1/storage/collections/goods/documents/{id}");
        self.call("PUT", &path, json!({ "name": "Kettle" })).await.expect(200);
        id
    }

    async fn invitation(&self) -> Value {
        let email = format!("{}@example.com", self.unique("somebody-"));
        self.post("/api/v1/invitations", json!({ "email": email, "role": "viewer" })).await.expect(201)
    }

    /// Somebody who took an invitation.
    async fn member(&self) -> String {
        let secret = text_of(&self.invitation().await["secret"]);
        let name = domain::DisplayName::parse("name", "Ada").unwrap();
        let password = app::PlainPassword::chosen(String::from("a few words of hers")).unwrap();
        let accepted = self.stage.server.app().invitations().accept_new(&secret, &name, &password).await.unwrap();
        accepted.user.to_string()
    }

    /// A script that answers signed requests, with a secret for them.
    async fn endpoint(&self) -> String {
        let path = format!("/{}", self.unique("path-"));
        let endpoint =
            json!({ "method": "POST", "path": path, "authentication": "hmac", "signature": { "scheme": "standard" } });
        let source = "export default () => null;";
        let script = self.deploy(json!({ "kind": "endpoint", "source": source, "endpoint": endpoint })).await;
        self.post(&format!("/api/v1/scripts/{script}/endpoint/secrets/rotate"), json!({})).await.expect(201);
        script
    }

    /// A script that runs at the extension point.
    async fn embedded(&self) -> String {
        let script = self.deploy(json!({ "kind": "embedded", "source": "export default () => null;" })).await;
        let path = format!("/api/v1/hooks/order.validate/bindings/{script}");
        self.call("PUT", &path, json!({})).await.expect(201);
        script
    }

    async fn secret(&self) -> String {
        let name = self.unique("secret-");
        let secret = json!({
            "value": "a value of some length", "placements": ["header authorization"],
            "origins": ["https://nobody.invalid"]
        });
        self.call("PUT", &format!("/api/v1/secrets/{name}"), secret).await.expect(201);
        name
    }

    async fn entry(&self) -> String {
        let key = self.unique("key-");
        self.call("PUT", &format!("/api/v1/storage/{key}"), json!({ "value": 1 })).await.expect(200);
        key
    }

    async fn event(&self) -> String {
        let event = json!({ "type": "order.placed", "id": self.unique("event-"), "data": { "total": 99 } });
        let published = self.post("/api/v1/events", event).await;
        assert!((200..300).contains(&published.status), "{}", published.text());
        published.header("location").rsplit('/').next().unwrap().to_owned()
    }

    /// An event that a script failed on for good.
    async fn dead_letter(&self) -> String {
        let source = "export default () => { throw new Error('no'); };";
        let script = self.deploy(json!({ "kind": "event", "source": source })).await;
        let kind = self.unique("failing.");
        let subscription = json!({ "script": script, "types": [kind], "max_attempts": 1 });
        self.post("/api/v1/subscriptions", subscription).await.expect(201);
        self.post("/api/v1/events", json!({ "type": kind })).await;
        loop {
            let letters = self.call("GET", "/api/v1/dead-letters?limit=200", Value::Null).await.expect(200);
            let is_it = |letter: &&Value| letter["script_id"] == json!(script);
            if let Some(letter) = letters["items"].as_array().unwrap().iter().find(is_it) {
                return letter["id"].as_str().unwrap().to_owned();
            }
            tokio::task::yield_now().await;
        }
    }

    async fn deploy(&self, mut script: Value) -> String {
        script["name"] = json!(self.unique("script-"));
        let id = self.id_of("/api/v1/scripts", script).await;
        self.post(&format!("/api/v1/scripts/{id}/deploy"), json!({})).await.expect(201);
        id
    }

    async fn id_of(&self, path: &str, body: Value) -> String {
        let made = self.post(path, body).await;
        assert!((200..300).contains(&made.status), "{path}: {}", made.text());
        text_of(&made.json()["id"])
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("POST", path, body).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        let call = self.stage.stranger(method, path).header("authorization", &format!("Bearer {}", self.token));
        if body.is_null() { call.send().await } else { call.json(&body).send().await }
    }

    /// A name that nothing had before, and that says whose it is.
    fn unique(&self, prefix: &str) -> String {
        format!("{prefix}{}-{}", self.name, self.made.fetch_add(1, Ordering::Relaxed))
    }
}

fn text_of(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
