//! What is set beside a script's source, changed by a merge patch (RFC 7396).

use app::{SavedScript, SettingsInput};
use domain::Limits;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{
    capabilities::CapabilitiesView, endpoints::EndpointView, limits::LimitsView, policy::PolicyView, words::RecordWord,
};
use crate::web::{body, error::internal, problem::Problem};

/// Settings without which there is no script.
const KEPT: [&str; 5] = ["capabilities", "description", "endpoint", "is_active", "record"];

/// Settings to be changed. What is not named stays; inside `capabilities`, `limits` and `endpoint` too.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SettingsPatch, example = json!({ "description": "Greets", "limits": { "wall_time_ms": 5000 } }))]
pub(crate) struct Settings {
    #[serde(default)]
    description: String,
    /// False pauses the script.
    #[schema(value_type = bool, required = false)]
    is_active: Option<bool>,
    #[serde(default)]
    capabilities: CapabilitiesView,
    /// Null takes the script's own limits away.
    limits: Option<LimitsView>,
    #[schema(value_type = RecordWord, required = false)]
    record: Option<RecordWord>,
    /// Null for what holds where a script says nothing.
    policy: Option<PolicyView>,
    #[schema(value_type = EndpointView, required = false)]
    endpoint: Option<EndpointView>,
}

/// What `patch` makes of the settings of `saved`: only what the patch names is there. Limits that are not named are the
/// `system`'s.
///
/// # Errors
/// A field has the wrong shape, there is no such setting, or it cannot be taken away.
pub(crate) fn patched(
    saved: &SavedScript,
    patch: &Map<String, Value>,
    system: &Limits,
) -> Result<SettingsInput, Problem> {
    if let Some(key) = KEPT.iter().find(|key| patch.get(**key).is_some_and(Value::is_null)) {
        return Err(Problem::field(*key, format!("'{key}' cannot be taken away: leave it out, or give another value")));
    }
    let mut merged = serde_json::to_value(Settings::of(saved)).map_err(|error| internal(&error))?;
    merge(&mut merged, &Value::Object(patch.clone()));
    let settings: Settings = body::parse(merged.to_string().as_bytes())?;
    let named = |key: &str| patch.contains_key(key);
    Ok(SettingsInput {
        description: named("description").then_some(settings.description),
        capabilities: named("capabilities").then(|| settings.capabilities.into()),
        limits: named("limits").then(|| settings.limits.map(|limits| limits.within(system))),
        record: settings.record.filter(|_| named("record")).map(|record| record.0),
        policy: named("policy").then(|| settings.policy.map(Into::into)),
        endpoint: settings.endpoint.filter(|_| named("endpoint")).map(TryInto::try_into).transpose()?,
        is_active: settings.is_active.filter(|_| named("is_active")),
    })
}

impl Settings {
    fn of(saved: &SavedScript) -> Self {
        let summary = &saved.script.summary;
        Self {
            description: summary.description.clone(),
            is_active: Some(summary.is_active),
            capabilities: (&summary.capabilities).into(),
            limits: summary.limits.as_ref().map(LimitsView::from),
            record: Some(RecordWord(summary.record)),
            policy: summary.policy.as_ref().map(PolicyView::from),
            endpoint: saved.endpoint.as_ref().map(EndpointView::from),
        }
    }
}

/// RFC 7396. The patch is at most 64 deep: it was read as a body.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        match (value, target.as_object_mut()) {
            (Value::Null, Some(object)) => drop(object.remove(key)),
            _ => merge(&mut target[key.as_str()], value),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_merge_patch_does_what_the_rfc_says() {
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": "foo"}), json!({"a": {"b": {"c": null}}}), json!({"a": {"b": {}}})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
        ];
        for (mut target, patch, result) in cases {
            merge(&mut target, &patch);
            assert_eq!(target, result, "{patch}");
        }
    }
}
