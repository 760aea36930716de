//! Lists of scripts, by name or by their last change.

use domain::{ScriptKind, ScriptName, TenantId, UnixMillis};
use rusqlite::types::Value;

use super::ScriptSummary;
use crate::{Database, DatabaseError};

const COLUMNS: &str = "
    scripts.id, scripts.name, scripts.description, scripts.kind, scripts.language, scripts.is_active,
    scripts.draft_revision, scripts.limits, scripts.capabilities, scripts.capabilities_set_by, scripts.record,
    scripts.policy, scripts.created_at, scripts.updated_at, scripts.created_by, active_versions.version_id,
    script_versions.number AS version_number, active_versions.deployed_by, active_versions.deployed_at";
const TABLES: &str = "
    FROM scripts
    LEFT JOIN active_versions
        ON active_versions.tenant_id = scripts.tenant_id AND active_versions.script_id = scripts.id
    LEFT JOIN script_versions
        ON script_versions.tenant_id = scripts.tenant_id AND script_versions.id = active_versions.version_id
    WHERE scripts.tenant_id = $1";

/// Which scripts to list, and in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptQuery {
    /// Those of this kind.
    pub kind: Option<ScriptKind>,
    /// Those that run, or those that are paused.
    pub is_active: Option<bool>,
    /// Those with a version that was deployed, or those without.
    pub is_deployed: Option<bool>,
    /// Those with this text in their name or description, whatever the case of letters from A to Z.
    pub text: Option<String>,
    /// In which order.
    pub order: ScriptOrder,
    /// Where the page before ended.
    pub after: Option<ScriptCursor>,
    /// The most scripts of the page.
    pub limit: u32,
}

/// The order of a list of scripts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScriptOrder {
    /// By name.
    #[default]
    Name,
    /// The one that was changed last first.
    Changed,
}

/// Where a page of scripts ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptCursor {
    /// When the last script was changed.
    pub updated_at: UnixMillis,
    /// The name of the last script.
    pub name: ScriptName,
}

impl ScriptSummary {
    /// The cursor of the page that begins after this script.
    pub fn cursor(&self) -> ScriptCursor {
        ScriptCursor { updated_at: self.updated_at, name: self.name.clone() }
    }
}

impl Database {
    /// A page of the tenant's scripts.
    pub fn find_scripts(&self, tenant: TenantId, query: &ScriptQuery) -> Result<Vec<ScriptSummary>, DatabaseError> {
        let (statement, parameters) = query.statement(tenant);
        self.read(|connection| {
            let mut statement = connection.prepare_cached(&statement)?;
            let rows = statement.query_map(rusqlite::params_from_iter(parameters), ScriptSummary::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<ScriptSummary>>>()?)
        })
    }

    /// At most `limit` scripts by name, behind `after`; those of one kind where `kind` names it.
    pub fn list_scripts(
        &self,
        tenant: TenantId,
        kind: Option<ScriptKind>,
        after: Option<&ScriptName>,
        limit: u32,
    ) -> Result<Vec<ScriptSummary>, DatabaseError> {
        let after = after.map(|name| ScriptCursor { updated_at: UnixMillis::default(), name: name.clone() });
        self.find_scripts(tenant, &ScriptQuery { kind, after, limit, ..ScriptQuery::default() })
    }
}

impl ScriptQuery {
    /// Each part that is given adds a clause of this function's own text and a bound parameter.
    fn statement(&self, tenant: TenantId) -> (String, Vec<Value>) {
        let mut text = format!("SELECT {COLUMNS}{TABLES}");
        let mut parameters = vec![Value::from(tenant.to_string())];
        let mut bind = |value: Value| {
            parameters.push(value);
            format!("${}", parameters.len())
        };
        if let Some(kind) = self.kind {
            text += &format!(" AND scripts.kind = {}", bind(kind.as_str().to_owned().into()));
        }
        match self.is_active {
            Some(true) => text += " AND scripts.is_active",
            Some(false) => text += " AND NOT scripts.is_active",
            None => {}
        }
        match self.is_deployed {
            Some(true) => text += " AND active_versions.version_id IS NOT NULL",
            Some(false) => text += " AND active_versions.version_id IS NULL",
            None => {}
        }
        if let Some(wanted) = &self.text {
            let place = bind(pattern(wanted).into());
            text += &format!(
                " AND (LOWER(scripts.name) LIKE {place} ESCAPE '\\' OR LOWER(scripts.description) LIKE {place} ESCAPE '\\')"
            );
        }
        match (self.order, &self.after) {
            (_, None) => {}
            (ScriptOrder::Name, Some(after)) => {
                text += &format!(" AND scripts.name > {}", bind(after.name.as_str().to_owned().into()));
            }
            (ScriptOrder::Changed, Some(after)) => {
                let changed = bind(after.updated_at.0.into());
                let name = bind(after.name.as_str().to_owned().into());
                text += &format!(
                    " AND (scripts.updated_at < {changed} OR (scripts.updated_at = {changed} AND scripts.name > {name}))"
                );
            }
        }
        let limit = bind(i64::from(self.limit).into());
        text += match self.order {
            ScriptOrder::Name => " ORDER BY scripts.name LIMIT ",
            ScriptOrder::Changed => " ORDER BY scripts.updated_at DESC, scripts.name LIMIT ",
        };
        (text + &limit, parameters)
    }
}

/// What LIKE takes for this text anywhere, and nothing else: its own signs stand for themselves.
fn pattern(text: &str) -> String {
    let mut pattern = String::from("%");
    for letter in text.chars() {
        if matches!(letter, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(letter.to_ascii_lowercase());
    }
    pattern + "%"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signs_of_a_pattern_stand_for_themselves() {
        assert_eq!(pattern("50%_Off\\"), "%50\\%\\_off\\\\%");
        assert_eq!(pattern(""), "%%");
    }
}
