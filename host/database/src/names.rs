//! What people call the scripts, versions and people that rows of a list refer to. What is gone has no name.

use std::collections::BTreeMap;

use domain::{ScriptId, ScriptName, TenantId, UserId, VersionId};
use rusqlite::{OptionalExtension, Row};

use crate::{
    Database, DatabaseError,
    rows::{small_count, unreadable},
};

const SCRIPT: &str = "SELECT name FROM scripts WHERE tenant_id = $1 AND id = $2";
const VERSION: &str = "SELECT number FROM script_versions WHERE tenant_id = $1 AND id = $2";
// Also of those who left: what they did stays theirs.
const PERSON: &str = "
    SELECT CASE users.name WHEN '' THEN users.email ELSE users.name END AS name
    FROM memberships
    JOIN users ON users.id = memberships.user_id
    WHERE memberships.tenant_id = $1 AND memberships.user_id = $2";

impl Database {
    /// The names of the tenant's scripts among `ids`.
    pub fn script_names(
        &self,
        tenant: TenantId,
        ids: impl IntoIterator<Item = ScriptId>,
    ) -> Result<BTreeMap<ScriptId, ScriptName>, DatabaseError> {
        self.names(SCRIPT, tenant, ids, |row| ScriptName::parse(row.get_ref("name")?.as_str()?).map_err(unreadable))
    }

    /// The numbers of the tenant's versions among `ids`.
    pub fn version_numbers(
        &self,
        tenant: TenantId,
        ids: impl IntoIterator<Item = VersionId>,
    ) -> Result<BTreeMap<VersionId, u32>, DatabaseError> {
        self.names(VERSION, tenant, ids, |row| small_count(row, "number"))
    }

    /// The names of those among `ids` who belong or belonged to the tenant; the address of whoever has no name.
    pub fn person_names(
        &self,
        tenant: TenantId,
        ids: impl IntoIterator<Item = UserId>,
    ) -> Result<BTreeMap<UserId, String>, DatabaseError> {
        self.names(PERSON, tenant, ids, |row| row.get("name"))
    }

    fn names<I: Copy + Ord + ToString, N>(
        &self,
        statement: &str,
        tenant: TenantId,
        ids: impl IntoIterator<Item = I>,
        name: impl Fn(&Row<'_>) -> rusqlite::Result<N>,
    ) -> Result<BTreeMap<I, N>, DatabaseError> {
        self.read(|connection| {
            let mut prepared = connection.prepare_cached(statement)?;
            let mut names = BTreeMap::new();
            for id in ids {
                if names.contains_key(&id) {
                    continue;
                }
                let found = prepared.query_row([tenant.to_string(), id.to_string()], |row| name(row)).optional()?;
                names.extend(found.map(|name| (id, name)));
            }
            Ok(names)
        })
    }
}
