//! What is set beside a source, as a manifest wants it and as a server has it.

use serde_json::{Map, Value, json};

use super::manifest::Entry;

/// What can be set, in the order in which it is told.
const KEYS: [&str; 6] = ["description", "record", "capabilities", "limits", "policy", "endpoint"];

/// Limits and rules that are the server's where a manifest does not name them: a patch names them all, so that one that was
/// taken out of the manifest goes back.
const LIMITS: [&str; 9] = [
    "fuel",
    "wall_time_ms",
    "memory_bytes",
    "host_calls",
    "outbound_requests",
    "boundary_bytes",
    "log_lines",
    "log_bytes",
    "result_bytes",
];
const POLICY: [&str; 6] =
    ["max_attempts", "backoff_ms", "backoff_max_ms", "on_interrupt", "concurrency", "breaker_failures"];
const ENDPOINT: [&str; 6] = ["signature", "mode", "body_limit_bytes", "rate_limit", "cors", "deduplicate"];

/// Parts of an endpoint that are nothing where they are not named.
const ENDPOINT_NOTHING: [&str; 4] = ["signature", "rate_limit", "cors", "deduplicate"];

/// What a manifest wants, whole: a merge patch of the script's settings.
pub(super) fn wanted(entry: &Entry) -> Map<String, Value> {
    let mut wanted = Map::new();
    wanted.insert(String::from("description"), json!(entry.description));
    wanted.insert(String::from("record"), json!(entry.record.as_deref().unwrap_or("full")));
    wanted.insert(String::from("capabilities"), capabilities(entry.capabilities.as_ref()));
    wanted.insert(String::from("limits"), filled(entry.limits.as_ref(), &LIMITS));
    wanted.insert(String::from("policy"), filled(entry.policy.as_ref(), &POLICY));
    if entry.endpoint.is_some() {
        wanted.insert(String::from("endpoint"), filled(entry.endpoint.as_ref(), &ENDPOINT));
    }
    if let Some(is_active) = entry.is_active {
        wanted.insert(String::from("is_active"), json!(is_active));
    }
    wanted
}

/// What a server has, of what it shows of a script.
pub(super) fn of_script(script: &Value) -> Map<String, Value> {
    KEYS.into_iter().chain(["is_active"]).map(|key| (key.to_owned(), script[key].clone())).collect()
}

/// Which settings are not as they are wanted.
pub(super) fn different(wanted: &Map<String, Value>, have: &Map<String, Value>) -> Vec<&'static str> {
    let differs = |key: &&str| {
        let Some(wanted) = wanted.get(*key) else { return false };
        let have = have.get(*key).unwrap_or(&Value::Null);
        match (*key, wanted) {
            ("capabilities", _) | (_, Value::Null) => wanted != have,
            ("endpoint", _) => {
                ENDPOINT_NOTHING.iter().any(|key| wanted[*key].is_null() != have[*key].is_null())
                    || !holds(wanted, have)
            }
            _ => !holds(wanted, have),
        }
    };
    KEYS.into_iter().chain(["is_active"]).filter(differs).collect()
}

/// What of `wanted` makes a new script: the same without what is not named.
pub(super) fn for_new(wanted: &Map<String, Value>) -> Map<String, Value> {
    let named = wanted.iter().filter(|(key, _)| *key != "is_active");
    named.filter_map(|(key, value)| Some((key.clone(), without_nulls(value)?))).collect()
}

/// What a manifest says where a server has `settings`.
pub(super) fn into_entry(settings: &Map<String, Value>, entry: &mut Entry) {
    let text = |key: &str| settings.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let named = |key: &str| settings.get(key).and_then(without_nulls).filter(|value| *value != json!({}));
    entry.description = text("description");
    entry.record = Some(text("record")).filter(|record| record != "full");
    entry.capabilities = named("capabilities").map(without_empty_lists).filter(|value| *value != json!({}));
    entry.limits = named("limits");
    entry.policy = named("policy");
    entry.endpoint = named("endpoint");
    entry.is_active = settings.get("is_active").and_then(Value::as_bool).filter(|is_active| !is_active);
}

fn capabilities(named: Option<&Value>) -> Value {
    let mut whole =
        json!({ "storage_prefixes": null, "event_types": null, "services": [], "hosts": [], "secrets": [] });
    if let (Some(whole), Some(named)) = (whole.as_object_mut(), named.and_then(Value::as_object)) {
        whole.extend(named.clone());
    }
    whole
}

/// `named` with null for whatever it does not name; null itself where nothing is named.
fn filled(named: Option<&Value>, keys: &[&str]) -> Value {
    let Some(Value::Object(named)) = named else { return named.cloned().unwrap_or(Value::Null) };
    let mut whole: Map<String, Value> = keys.iter().map(|key| ((*key).to_owned(), Value::Null)).collect();
    whole.extend(named.clone());
    Value::Object(whole)
}

/// Whether everything that `wanted` names is in `have`. What it does not name is the server's to say.
fn holds(wanted: &Value, have: &Value) -> bool {
    match (wanted, have) {
        (Value::Null, _) => true,
        (Value::Object(wanted), Value::Object(have)) => {
            wanted.iter().all(|(key, value)| holds(value, have.get(key).unwrap_or(&Value::Null)))
        }
        _ => wanted == have,
    }
}

fn without_nulls(value: &Value) -> Option<Value> {
    match value {
        Value::Null => None,
        Value::Object(object) => {
            let named = object.iter().filter_map(|(key, value)| Some((key.clone(), without_nulls(value)?)));
            Some(Value::Object(named.collect()))
        }
        other => Some(other.clone()),
    }
}

/// Capabilities without the lists that are empty where nothing is named. An empty list of prefixes or types says something.
fn without_empty_lists(mut capabilities: Value) -> Value {
    if let Some(object) = capabilities.as_object_mut() {
        object.retain(|key, value| !matches!(key.as_str(), "services" | "hosts" | "secrets") || *value != json!([]));
    }
    capabilities
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &str) -> Entry {
        toml::from_str(&format!("file = 'a.js'\nkind = 'endpoint'\n{text}")).expect("an entry")
    }

    #[test]
    fn what_a_server_fills_in_is_no_difference() {
        let have = json!({
            "description": "", "record": "full", "is_active": true,
            "capabilities": { "storage_prefixes": null, "event_types": null, "services": [], "hosts": [], "secrets": [] },
            "limits": { "fuel": 5, "wall_time_ms": 30_000 }, "policy": null,
            "endpoint": { "method": "GET", "path": "/a", "authentication": "public", "signature": null, "mode": "sync",
                "body_limit_bytes": 4_194_304, "rate_limit": null, "cors": null, "deduplicate": null },
        });
        let have = of_script(&have);
        let endpoint = "[endpoint]\nmethod = 'GET'\npath = '/a'\nauthentication = 'public'\n";
        let alike = format!("[limits]\nfuel = 5\n{endpoint}");
        assert_eq!(different(&wanted(&entry(&alike)), &have), Vec::<&str>::new());
        assert_eq!(different(&wanted(&entry(endpoint)), &have), ["limits"]);
        let more = format!(
            "description = 'x'\nrecord = 'off'\nis_active = false\n[limits]\nfuel = 6\n{endpoint}deduplicate = true\n"
        );
        let found = different(&wanted(&entry(&more)), &have);
        assert_eq!(found, ["description", "record", "limits", "endpoint", "is_active"]);
    }

    #[test]
    fn what_is_pulled_says_the_same_again() {
        let text = "description = 'x'\nrecord = 'metadata'\n[capabilities]\nhosts = ['a.example']\nstorage_prefixes = []\n\
                    [policy]\nmax_attempts = 3\n";
        let wanted_first = wanted(&entry(text));
        let mut pulled = entry("");
        into_entry(&wanted_first, &mut pulled);
        assert_eq!(wanted(&pulled), wanted_first);
    }

    #[test]
    fn a_new_script_is_asked_for_without_nulls() {
        let asked = for_new(&wanted(&entry("[limits]\nfuel = 5\n")));
        assert_eq!(asked["limits"], json!({ "fuel": 5 }));
        assert!(!asked.contains_key("policy") && !asked.contains_key("is_active"));
    }
}
