//! What is sent: the example of the API's description, about the things at hand.

use std::sync::atomic::{AtomicU32, Ordering};

use serde_json::{Value, json};

use super::things::Things;

/// Operations whose body names a thing of the tenant.
pub(super) const NAMING: &[&str] = &["create_schedule", "create_subscription"];

/// Operations whose answer says of each thing by itself what became of it.
pub(super) const ABOUT_MANY: &[&str] = &["cancel_executions", "retry_executions", "change_scripts"];

static MADE: AtomicU32 = AtomicU32::new(0);

/// The headers that an operation asks for.
pub(super) fn headers(operation: &str) -> &'static [(&'static str, &'static str)] {
    match operation {
        "save_draft" => &[("if-match", "\"1\"")],
        _ => &[],
    }
}

/// The body of a call; `None` for an operation without one.
pub(super) fn of(operation: &str, described: &Value, document: &Value, things: &Things) -> Option<Value> {
    let content = described["requestBody"]["content"].as_object()?.values().next()?;
    let unique = format!("made-{}", MADE.fetch_add(1, Ordering::Relaxed));
    Some(match operation {
        "create_script" => json!({ "name": unique, "kind": "one_off", "source": "export default () => 1;" }),
        "create_schedule" => json!({ "script": things.script(operation), "expression": "30 6 * * MON-FRI" }),
        "create_subscription" => json!({ "script": things.script(operation), "types": [format!("order.{unique}")] }),
        "cancel_executions" | "retry_executions" => json!({ "ids": [things.get("execution")] }),
        "change_scripts" => json!({ "scripts": [things.script(operation)], "action": "disable" }),
        "put_document" => json!({ "name": "Kettle" }),
        "create_tenant" => json!({ "slug": unique, "name": "Acme", "admin_email": format!("{unique}@example.com") }),
        "create_user" => json!({ "email": format!("{unique}@example.com"), "name": "Ada Lovelace" }),
        "create_plan" => json!({ "name": unique, "description": "For trying out", "quotas": {} }),
        "change_tenant" => json!({ "name": "Acme and daughters" }),
        "invite_tenant_admin" => json!({ "email": format!("{unique}@example.com") }),
        "create_webhook" => json!({ "url": "https://nobody.invalid/hooks", "types": [format!("order.{unique}")] }),
        "publish_event" => json!({ "type": "order.placed", "id": unique, "data": { "total": 99 } }),
        "create_token" => json!({ "name": "deployments", "permissions": [], "expires_in_days": 90 }),
        "create_provider" | "replace_provider" => json!({
            "name": "Acme login", "issuer": "https://nobody.invalid", "client_id": unique, "client_secret": "a secret",
            "group_claim": "groups", "roles": [{ "group": "platform-admins", "role": "viewer" }]
        }),
        "change_webhook" => json!({ "description": "Orders for the warehouse" }),
        "change_egress" => json!({ "hosts": ["nobody.invalid"] }),
        "put_secret" => json!({
            "value": "a value of some length", "placements": ["header authorization"],
            "origins": ["https://nobody.invalid"], "scripts": []
        }),
        "change_secret" => json!({ "scripts": [] }),
        "run_hook" => json!({ "input": { "id": "o-1" } }),
        "put_hook_binding" => json!({ "position": 0 }),
        "create_role" => json!({ "name": format!("role-{unique}"), "permissions": ["scripts.read"] }),
        "preview_invitation" => json!({ "secret": things.get("invitation_secret") }),
        "replay_execution" => json!({}),
        "redrive_dead_letter" => json!({}),
        "put_endpoint_secret" => json!({ "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }),
        _ => example(content, document).unwrap_or_else(|| panic!("{operation} has no example of its body")),
    })
}

/// The example of a body: its own, or its schema's.
fn example(content: &Value, document: &Value) -> Option<Value> {
    let own = content.get("example").cloned();
    own.or_else(|| {
        let name = content["schema"]["$ref"].as_str()?.rsplit('/').next()?;
        document["components"]["schemas"][name].get("example").cloned()
    })
}
