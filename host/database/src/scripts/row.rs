//! The row of a script.

use domain::{Capabilities, Limits, ScriptName};
use rusqlite::Row;

use super::{DeployedVersion, Script, ScriptSummary};
use crate::{
    json::{capabilities_from_json, limits_from_json},
    policies::policy_from_json,
    rows::{millis, optional_word, small_count, unreadable, word},
};

impl ScriptSummary {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            name: ScriptName::parse(row.get_ref("name")?.as_str()?).map_err(unreadable)?,
            description: row.get("description")?,
            kind: word(row, "kind")?,
            language: word(row, "language")?,
            is_active: row.get("is_active")?,
            draft_revision: row.get("draft_revision")?,
            limits: optional_limits(row)?,
            capabilities: script_capabilities(row)?,
            capabilities_set_by: optional_word(row, "capabilities_set_by")?,
            record: word(row, "record")?,
            policy: policy_from_json(row.get::<_, Option<String>>("policy")?.as_deref())?,
            created_at: millis(row, "created_at")?,
            updated_at: millis(row, "updated_at")?,
            created_by: optional_word(row, "created_by")?,
            deployed: DeployedVersion::from_row(row)?,
        })
    }
}

impl DeployedVersion {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Option<Self>> {
        let Some(id) = optional_word(row, "version_id")? else {
            return Ok(None);
        };
        Ok(Some(Self {
            id,
            number: small_count(row, "version_number")?,
            deployed_by: optional_word(row, "deployed_by")?,
            deployed_at: millis(row, "deployed_at")?,
        }))
    }
}

impl Script {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { summary: ScriptSummary::from_row(row)?, draft_source: row.get("draft_source")? })
    }
}

/// The column `capabilities` of a script or a version.
pub(crate) fn script_capabilities(row: &Row<'_>) -> rusqlite::Result<Capabilities> {
    capabilities_from_json(row.get_ref("capabilities")?.as_str()?)
}

/// The column `limits` of a script or a version.
pub(crate) fn optional_limits(row: &Row<'_>) -> rusqlite::Result<Option<Limits>> {
    limits_from_json(row.get::<_, Option<String>>("limits")?.as_deref())
}
