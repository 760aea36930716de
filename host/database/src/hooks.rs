//! Hooks: which scripts of a tenant run at an extension point of the host application, and in which order.

use domain::{HookPoint, ScriptId, ScriptName, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count, millis, optional_word, small_count, unreadable, word},
};

const PUT: &str = "
    INSERT INTO hook_bindings (tenant_id, point, script_id, position, set_by, set_at)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, point, script_id)
    DO UPDATE SET position = excluded.position, set_by = excluded.set_by, set_at = excluded.set_at";
const POSITION: &str = "SELECT position FROM hook_bindings WHERE tenant_id = $1 AND point = $2 AND script_id = $3";
const EXTENT: &str = "
    SELECT COUNT(*) AS bound, COALESCE(MAX(position) + 1, 0) AS next FROM hook_bindings
    WHERE tenant_id = $1 AND point = $2";
const DELETE: &str = "DELETE FROM hook_bindings WHERE tenant_id = $1 AND point = $2 AND script_id = $3";
const OF_POINT: &str = "
    SELECT hook_bindings.script_id, hook_bindings.position, hook_bindings.set_by, hook_bindings.set_at, scripts.name,
           scripts.is_active, active_versions.version_id
    FROM hook_bindings
    JOIN scripts ON scripts.tenant_id = hook_bindings.tenant_id AND scripts.id = hook_bindings.script_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = hook_bindings.tenant_id
        AND active_versions.script_id = hook_bindings.script_id
    WHERE hook_bindings.tenant_id = $1 AND hook_bindings.point = $2
    ORDER BY hook_bindings.position, hook_bindings.script_id";
const POINTS: &str = "
    SELECT point, COUNT(*) AS bound
    FROM hook_bindings
    WHERE tenant_id IN (SELECT id FROM tenants)
    GROUP BY point
    ORDER BY point";

/// A script that is to run at an extension point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewHookBinding {
    /// The point.
    pub point: HookPoint,
    /// The script.
    pub script: ScriptId,
    /// Its place among the point's scripts; `None` leaves it where it is, and puts a new one behind the others.
    pub position: Option<u32>,
    /// Who sets it, and so whose rights bound every run that comes of it.
    pub set_by: Option<UserId>,
    /// When it is set.
    pub set_at: UnixMillis,
}

/// A script that runs at an extension point.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookBinding {
    /// The script.
    pub script: ScriptId,
    /// Its name.
    pub script_name: ScriptName,
    /// Its place: scripts run by position, and by id where two have the same.
    pub position: u32,
    /// Who set it last.
    pub set_by: Option<UserId>,
    /// When it was set.
    pub set_at: UnixMillis,
    /// Whether the script runs at all.
    pub is_active: bool,
    /// Whether the script has a version that could run.
    pub is_deployed: bool,
}

/// What became of a binding that was to be set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HookBound {
    /// The script runs at the point from now on.
    New,
    /// It did already.
    Changed,
    /// The point has as many scripts of the tenant as it may have. Nothing was written.
    TooMany,
}

impl HookBinding {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let name: String = row.get("name")?;
        Ok(Self {
            script: word(row, "script_id")?,
            script_name: ScriptName::parse(&name).map_err(unreadable)?,
            position: small_count(row, "position")?,
            set_by: optional_word(row, "set_by")?,
            set_at: millis(row, "set_at")?,
            is_active: row.get("is_active")?,
            is_deployed: row.get::<_, Option<String>>("version_id")?.is_some(),
        })
    }
}

impl Database {
    /// The tenant's scripts that run at a point, in their order; also those that do not run now.
    pub fn hook_bindings(&self, tenant: TenantId, point: &HookPoint) -> Result<Vec<HookBinding>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_POINT)?;
            let rows = statement.query_map([tenant.to_string(), point.to_string()], HookBinding::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<HookBinding>>>()?)
        })
    }

    /// Every point at which scripts of any tenant run, with how many there are.
    pub fn bound_hook_points(&self) -> Result<Vec<(HookPoint, u64)>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(POINTS)?;
            let of_row = |row: &Row<'_>| Ok((word(row, "point")?, count(row, "bound")?));
            Ok(statement.query_map([], of_row)?.collect::<rusqlite::Result<Vec<_>>>()?)
        })
    }

    /// Let a script run at a point, which has at most `most` of the tenant's.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the script is not the tenant's.
    pub async fn put_hook_binding(
        &self,
        tenant: TenantId,
        binding: NewHookBinding,
        most: u32,
    ) -> Result<HookBound, DatabaseError> {
        self.write(move |work| {
            let bound = put(work.connection, tenant, &binding, most)?;
            if bound == HookBound::TooMany {
                work.change_nothing();
            }
            Ok(bound)
        })
        .await
    }

    /// Let a script not run at a point any more.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when it does not.
    pub async fn delete_hook_binding(
        &self,
        tenant: TenantId,
        point: HookPoint,
        script: ScriptId,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let row = [tenant.to_string(), point.to_string(), script.to_string()];
            let deleted = work.connection.prepare_cached(DELETE)?.execute(row)?;
            if deleted == 0 { Err(DatabaseError::NotFound) } else { Ok(()) }
        })
        .await
    }
}

fn put(
    connection: &Connection,
    tenant: TenantId,
    binding: &NewHookBinding,
    most: u32,
) -> Result<HookBound, DatabaseError> {
    let (tenant, point, script) = (tenant.to_string(), binding.point.as_str(), binding.script.to_string());
    let mut statement = connection.prepare_cached(POSITION)?;
    let here: Option<i64> =
        statement.query_row(params![tenant, point, script], |row| row.get("position")).optional()?;
    let mut statement = connection.prepare_cached(EXTENT)?;
    let extent = |row: &Row<'_>| Ok((row.get::<_, i64>("bound")?, row.get::<_, i64>("next")?));
    let (bound, next) = statement.query_row(params![tenant, point], extent)?;
    if here.is_none() && bound >= i64::from(most) {
        return Ok(HookBound::TooMany);
    }
    let position = binding.position.map_or_else(|| here.unwrap_or(next), |position| bigint(u64::from(position)));
    let set_by = binding.set_by.map(|user| user.to_string());
    let row = params![tenant, point, script, position, set_by, binding.set_at.0];
    connection.prepare_cached(PUT)?.execute(row)?;
    Ok(if here.is_some() { HookBound::Changed } else { HookBound::New })
}
