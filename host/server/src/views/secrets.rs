//! Secrets: what is written of them, and what is shown. No shape that is shown has a place for a value.

use app::{ScriptRef, SecretInput, SecretPatch, SecretValue, SecretView};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{SecretName, SecretPlacement};
use serde::{Deserialize, Deserializer, Serialize, de::Error};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::web::problem::Problem;

/// A secret to be kept.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSecret, example = json!({
    "value": "sk_live_4eC39HqLyjWDarjtT1zdp7dc", "origins": ["https://api.example.com"],
    "placements": ["header authorization"], "scripts": ["charge-card"]
}))]
pub(crate) struct NewSecret {
    /// The value: 1 byte to 64 KiB, at least 8 bytes where it is put into requests, 16 as the key of an HMAC. It is
    /// never shown again.
    #[schema(value_type = String, write_only)]
    value: Text,
    /// How `value` is written: as it is where nothing is said.
    value_encoding: Option<ValueEncoding>,
    /// The exact https origins that it may be sent to, as `https://api.example.com:8443`; none where it is only the key
    /// of HMACs. There are no wildcards.
    #[serde(default)]
    origins: Vec<String>,
    /// Where it may be put: `header NAME`, `body FIELD` or `hmac ALGORITHM`.
    placements: Vec<String>,
    /// The scripts that may use it, by name or id. Each also needs it among its capabilities.
    #[serde(default)]
    scripts: Vec<String>,
}

/// What to change of a secret. What is not named stays; a list is changed whole.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SecretPatch, example = json!({ "scripts": ["charge-card", "refund"] }))]
pub(crate) struct SecretChange {
    /// Another value. Needed where `origins` change.
    #[schema(value_type = Option<String>, write_only)]
    value: Option<Text>,
    /// How `value` is written: as it is where nothing is said.
    value_encoding: Option<ValueEncoding>,
    /// The exact https origins that it may be sent to.
    origins: Option<Vec<String>>,
    /// Where it may be put.
    placements: Option<Vec<String>>,
    /// The scripts that may use it, by name or id.
    scripts: Option<Vec<String>>,
}

/// How a value is written in JSON.
#[derive(Clone, Copy, Debug, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ValueEncoding {
    /// As it is.
    Text,
    /// In base64 with padding (RFC 4648, section 4): for keys that are no text.
    Base64,
}

/// A secret's record. Its value is never shown.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Secret)]
pub(crate) struct SecretRecord {
    name: String,
    /// The exact https origins that its value may be sent to.
    origins: Vec<String>,
    /// Where its value may be put.
    placements: Vec<String>,
    /// The names of the scripts that may use it.
    scripts: Vec<String>,
    /// Counts its values, from 1.
    value_version: u64,
    value_set_at: String,
    created_at: String,
    created_by: Option<Uuid>,
    updated_at: String,
    updated_by: Option<Uuid>,
}

/// A text that is wiped and shows itself to nobody, not even in the error of a body that has something else in its place.
pub(crate) struct Text(SecretValue);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match serde_json::Value::deserialize(deserializer) {
            Ok(serde_json::Value::String(text)) => Ok(Self(SecretValue::new(text.into_bytes()))),
            _ => Err(D::Error::custom("a secret's value is a text")),
        }
    }
}

impl Text {
    /// The value as it is.
    pub(crate) fn into_value(self) -> SecretValue {
        self.0
    }
}

impl std::fmt::Debug for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl NewSecret {
    /// The secret for the application.
    ///
    /// # Errors
    /// A placement or script is none, or the value is not in its encoding.
    pub(crate) fn input(self) -> Result<SecretInput, Problem> {
        Ok(SecretInput {
            value: decoded(self.value, self.value_encoding)?,
            origins: self.origins,
            placements: placements(&self.placements)?,
            scripts: scripts(&self.scripts)?,
        })
    }
}

impl SecretChange {
    /// The change for the application.
    ///
    /// # Errors
    /// As [`NewSecret::input`].
    pub(crate) fn patch(self) -> Result<SecretPatch, Problem> {
        Ok(SecretPatch {
            value: self.value.map(|value| decoded(value, self.value_encoding)).transpose()?,
            origins: self.origins,
            placements: self.placements.as_deref().map(placements).transpose()?,
            scripts: self.scripts.as_deref().map(scripts).transpose()?,
        })
    }
}

impl From<&SecretView> for SecretRecord {
    fn from(view: &SecretView) -> Self {
        let record = &view.record;
        Self {
            name: SecretName::as_str(&record.name).to_owned(),
            origins: record.origins.clone(),
            placements: record.placements.iter().map(SecretPlacement::to_string).collect(),
            scripts: view.script_names.clone(),
            value_version: record.value_version,
            value_set_at: record.value_set_at.to_rfc3339(),
            created_at: record.created_at.to_rfc3339(),
            created_by: record.created_by.map(domain::UserId::uuid),
            updated_at: record.updated_at.to_rfc3339(),
            updated_by: record.updated_by.map(domain::UserId::uuid),
        }
    }
}

fn decoded(value: Text, encoding: Option<ValueEncoding>) -> Result<SecretValue, Problem> {
    match encoding {
        None | Some(ValueEncoding::Text) => Ok(value.0),
        Some(ValueEncoding::Base64) => value
            .0
            .decode_with(|text| STANDARD.decode(text).ok())
            .ok_or_else(|| Problem::field("value", "the value is not base64 with padding, as 'value_encoding' says")),
    }
}

fn placements(texts: &[String]) -> Result<Vec<SecretPlacement>, Problem> {
    Ok(texts.iter().map(|text| SecretPlacement::parse(text)).collect::<Result<Vec<_>, _>>()?)
}

fn scripts(texts: &[String]) -> Result<Vec<ScriptRef>, Problem> {
    let script = |text: &String| {
        ScriptRef::parse(text)
            .map_err(|_| Problem::field("scripts", "each entry is the name or the id of a script of this tenant"))
    };
    texts.iter().map(script).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::body;

    #[test]
    fn no_error_and_no_debug_form_repeats_a_value() {
        let bodies = [
            r#"{"value": 4111111111111111, "placements": []}"#,
            r#"{"value": ["4111111111111111"], "placements": []}"#,
            r#"{"value": {"4111111111111111": 1}, "placements": []}"#,
            r#"{"value": "4111111111111111", "placements": 1}"#,
            r#"{"value": "4111111111111111", "value_encoding": "hex", "placements": []}"#,
        ];
        for text in bodies {
            let refused = body::parse::<NewSecret>(text.as_bytes()).expect_err(text);
            assert!(!format!("{refused:?}").contains("4111"), "{refused:?}");
        }
        let read = body::parse::<NewSecret>(br#"{"value": "4111111111111111", "placements": []}"#);
        assert!(!format!("{read:?}").contains("4111"), "{read:?}");
    }

    #[test]
    fn a_value_in_base64_is_decoded() {
        let of = |text: &str| {
            let body = format!(r#"{{"value": "{text}", "value_encoding": "base64", "placements": ["hmac sha256"]}}"#);
            body::parse::<NewSecret>(body.as_bytes()).and_then(NewSecret::input).is_ok()
        };
        assert!(of("/+8="));
        for text in ["/+8", "_-8=", "not base64"] {
            assert!(!of(text), "{text}");
        }
    }
}
