//! Tenants.

use domain::{Limits, PlanQuotas, TenantId, TenantSlug, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    json::{limits_from_json, limits_to_json},
    policies::{quotas_from_json, quotas_to_json},
    rows::{count, millis, unreadable, word},
    words::stored_words,
};

const INSERT: &str = "
    INSERT INTO tenants (id, slug, name, status, sealed_key, limits, created_at)
    VALUES ($1, $2, $3, 'active', $4, $5, $6)";
const GET: &str = "
    SELECT id, slug, name, status, sealed_key, limits, quotas, storage_bytes, created_at FROM tenants WHERE id = $1";
const GET_BY_SLUG: &str = "
    SELECT id, slug, name, status, sealed_key, limits, quotas, storage_bytes, created_at FROM tenants WHERE slug = $1";
const LIST: &str = "
    SELECT id, slug, name, status, sealed_key, limits, quotas, storage_bytes, created_at
    FROM tenants
    WHERE slug > $1
    ORDER BY slug
    LIMIT $2";
const SET_QUOTAS: &str = "UPDATE tenants SET quotas = $1 WHERE id = $2";
const SET_STATUS: &str = "UPDATE tenants SET status = $1 WHERE id = $2";

stored_words!(
    /// Whether a tenant's scripts run.
    TenantStatus, "status", {
        /// They run.
        Active = "active",
        /// They do not run for now.
        Suspended = "suspended",
        /// The tenant is gone; its slug stays taken.
        Deleted = "deleted",
    }
);

/// A tenant to be made. It is active from the start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses, never used before.
    pub slug: TenantSlug,
    /// Its name for people.
    pub name: String,
    /// Its key, wrapped by a key outside the database.
    pub sealed_key: Vec<u8>,
    /// The plan's limits of an execution; `None` where the system's stand.
    pub limits: Option<Limits>,
    /// When it is made.
    pub created_at: UnixMillis,
}

/// A tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// Its id.
    pub id: TenantId,
    /// Its name in addresses.
    pub slug: TenantSlug,
    /// Its name for people.
    pub name: String,
    /// Whether its scripts run.
    pub status: TenantStatus,
    /// Its key, wrapped; `None` once it is destroyed.
    pub sealed_key: Option<Vec<u8>>,
    /// The plan's limits of an execution; `None` where the system's stand.
    pub limits: Option<Limits>,
    /// The plan's quotas.
    pub quotas: PlanQuotas,
    /// Bytes of its storage entries and documents.
    pub storage_bytes: u64,
    /// When it was made.
    pub created_at: UnixMillis,
}

impl Tenant {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            slug: TenantSlug::parse(row.get_ref("slug")?.as_str()?).map_err(unreadable)?,
            name: row.get("name")?,
            status: word(row, "status")?,
            sealed_key: row.get("sealed_key")?,
            limits: limits_from_json(row.get::<_, Option<String>>("limits")?.as_deref())?,
            quotas: quotas_from_json(row.get::<_, Option<String>>("quotas")?.as_deref())?,
            storage_bytes: count(row, "storage_bytes")?,
            created_at: millis(row, "created_at")?,
        })
    }
}

impl Database {
    /// Make a tenant.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] when the slug is or ever was another tenant's.
    pub async fn create_tenant(&self, tenant: NewTenant) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let limits = limits_to_json(tenant.limits.as_ref())?;
            let mut statement = work.connection.prepare_cached(INSERT)?;
            statement.execute(params![
                tenant.id.to_string(),
                tenant.slug.as_str(),
                tenant.name,
                tenant.sealed_key,
                limits,
                tenant.created_at.0,
            ])?;
            Ok(())
        })
        .await
    }

    /// One tenant.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn tenant(&self, id: TenantId) -> Result<Tenant, DatabaseError> {
        self.read(|connection| Ok(connection.prepare_cached(GET)?.query_row([id.to_string()], Tenant::from_row)?))
    }

    /// The tenant with this slug, whatever its status.
    pub fn tenant_by_slug(&self, slug: &TenantSlug) -> Result<Option<Tenant>, DatabaseError> {
        self.read(|connection| {
            Ok(connection.prepare_cached(GET_BY_SLUG)?.query_row([slug.as_str()], Tenant::from_row).optional()?)
        })
    }

    /// At most `limit` tenants, by slug, behind `after`: for operators.
    pub fn list_tenants(&self, after: Option<&TenantSlug>, limit: u32) -> Result<Vec<Tenant>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(params![after.map_or("", TenantSlug::as_str), limit], Tenant::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Tenant>>>()?)
        })
    }

    /// Give a tenant the quotas of a plan.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn set_tenant_quotas(&self, id: TenantId, quotas: PlanQuotas) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(SET_QUOTAS)?;
            let changed = statement.execute([quotas_to_json(&quotas)?, id.to_string()])?;
            if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// Suspend a tenant, or let it run again.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn set_tenant_status(&self, id: TenantId, status: TenantStatus) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(SET_STATUS)?;
            let changed = statement.execute([status.as_str(), id.to_string().as_str()])?;
            if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }
}
