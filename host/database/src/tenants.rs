//! Tenants.

use domain::{Limits, PlanQuotas, TenantId, TenantSlug, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, NewInvitation, Refusal, invitations,
    json::{limits_from_json, limits_to_json},
    policies::{quotas_from_json, quotas_to_json},
    rows::{count, millis, unreadable, word},
    words::stored_words,
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO tenants (id, slug, name, status, sealed_key, limits, created_at)
    VALUES ($1, $2, $3, 'active', $4, $5, $6)";
const GET: &str = "
    SELECT tenants.id, tenants.slug, tenants.name, tenants.status, tenants.sealed_key, tenants.limits, tenants.quotas,
           tenants.storage_bytes, tenants.created_at, tenants.plan, tenants.suspended_reason, tenants.revision,
           plans.limits AS plan_limits, plans.quotas AS plan_quotas
    FROM tenants
    LEFT JOIN plans ON plans.name = tenants.plan
    WHERE tenants.id = $1";
const GET_BY_SLUG: &str = "
    SELECT tenants.id, tenants.slug, tenants.name, tenants.status, tenants.sealed_key, tenants.limits, tenants.quotas,
           tenants.storage_bytes, tenants.created_at, tenants.plan, tenants.suspended_reason, tenants.revision,
           plans.limits AS plan_limits, plans.quotas AS plan_quotas
    FROM tenants
    LEFT JOIN plans ON plans.name = tenants.plan
    WHERE tenants.slug = $1";
const LIST: &str = "
    SELECT tenants.id, tenants.slug, tenants.name, tenants.status, tenants.sealed_key, tenants.limits, tenants.quotas,
           tenants.storage_bytes, tenants.created_at, tenants.plan, tenants.suspended_reason, tenants.revision,
           plans.limits AS plan_limits, plans.quotas AS plan_quotas
    FROM tenants
    LEFT JOIN plans ON plans.name = tenants.plan
    WHERE tenants.slug > $1
    ORDER BY tenants.slug
    LIMIT $2";
const SET_QUOTAS: &str = "UPDATE tenants SET quotas = $1 WHERE id = $2";
const SET_STATUS: &str = "UPDATE tenants SET status = $1 WHERE id = $2";
const UPDATE: &str = "
    UPDATE tenants
    SET name = $1, plan = $2, limits = $3, quotas = $4, status = $5, suspended_reason = $6, revision = $7
    WHERE id = $8";
const PLAN_EXISTS: &str = "SELECT 1 FROM plans WHERE name = $1";
const DELETE: &str = "
    UPDATE tenants SET status = 'deleted', sealed_key = NULL, queued_executions = 0, revision = $1 WHERE id = $2";
const REMOVE_MEMBERS: &str = "UPDATE memberships SET status = 'removed' WHERE tenant_id = $1";

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
    /// The limits of an execution: its own, or its plan's; `None` where the system's stand.
    pub limits: Option<Limits>,
    /// The quotas: its own, and its plan's where it has none of its own.
    pub quotas: PlanQuotas,
    /// Bytes of its storage entries and documents.
    pub storage_bytes: u64,
    /// When it was made.
    pub created_at: UnixMillis,
}

/// A tenant, as operators see one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantAccount {
    /// The tenant, with the limits and quotas that hold.
    pub tenant: Tenant,
    /// Its plan.
    pub plan: Option<String>,
    /// Limits of its own, above its plan's.
    pub own_limits: Option<Limits>,
    /// Quotas of its own, above its plan's.
    pub own_quotas: PlanQuotas,
    /// Why it is suspended.
    pub suspended_reason: Option<String>,
    /// The write that changed it last.
    pub revision: i64,
}

/// A change of a tenant; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TenantChange {
    /// Its name for people.
    pub name: Option<String>,
    /// Its plan.
    pub plan: Option<Option<String>>,
    /// Limits of its own.
    pub limits: Option<Option<Limits>>,
    /// Quotas of its own.
    pub quotas: Option<PlanQuotas>,
    /// Why it is to be suspended; `Some(None)` lets it run again.
    pub suspended: Option<Option<String>>,
    /// The revision that the operator saw.
    pub expected_revision: Option<i64>,
}

impl TenantAccount {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: Tenant::from_row(row)?,
            plan: row.get("plan")?,
            own_limits: limits_from_json(row.get::<_, Option<String>>("limits")?.as_deref())?,
            own_quotas: quotas_from_json(row.get::<_, Option<String>>("quotas")?.as_deref())?,
            suspended_reason: row.get("suspended_reason")?,
            revision: row.get("revision")?,
        })
    }
}

impl Tenant {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let text = |column: &str| row.get::<_, Option<String>>(column);
        let own_limits = limits_from_json(text("limits")?.as_deref())?;
        let (own, plans) = (text("quotas")?, text("plan_quotas")?);
        Ok(Self {
            id: word(row, "id")?,
            slug: TenantSlug::parse(row.get_ref("slug")?.as_str()?).map_err(unreadable)?,
            name: row.get("name")?,
            status: word(row, "status")?,
            sealed_key: row.get("sealed_key")?,
            limits: own_limits
                .map_or_else(|| limits_from_json(text("plan_limits")?.as_deref()), |own| Ok(Some(own)))?,
            quotas: quotas_from_json(own.as_deref())?.or(&quotas_from_json(plans.as_deref())?),
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
        self.write(move |work| insert(work, &tenant)).await
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

    /// One tenant, as operators see one.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn tenant_account(&self, id: TenantId) -> Result<TenantAccount, DatabaseError> {
        self.read(|connection| account(connection, id))
    }

    /// At most `limit` tenants as operators see them, by slug, behind `after`.
    pub fn list_tenant_accounts(
        &self,
        after: Option<&TenantSlug>,
        limit: u32,
    ) -> Result<Vec<TenantAccount>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let after = after.map_or("", TenantSlug::as_str);
            let rows = statement.query_map(params![after, limit], TenantAccount::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<TenantAccount>>>()?)
        })
    }

    /// Make a tenant, and invite somebody as its first admin.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`] when the slug is or ever was another tenant's; [`DatabaseError::NotFound`] for an
    /// unknown plan.
    pub async fn found_tenant(
        &self,
        tenant: NewTenant,
        plan: Option<String>,
        invitation: NewInvitation,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            insert(work, &tenant)?;
            if let Some(plan) = plan {
                let change = TenantChange { plan: Some(Some(plan)), ..TenantChange::default() };
                update(work, tenant.id, change)?;
            }
            invitations::insert(work, tenant.id, &invitation, 1)
        })
        .await
    }

    /// Change a tenant that was not deleted.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`], also for an unknown plan; [`DatabaseError::Stale`]; [`Refusal::Deleted`].
    pub async fn change_tenant(&self, id: TenantId, change: TenantChange) -> Result<(), DatabaseError> {
        self.write(move |work| update(work, id, change)).await
    }

    /// Delete a tenant: its key is gone, and nobody is its member. Its slug stays taken. What is left of its rows
    /// [`Self::purge_deleted`] removes.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`] where its revision is not the expected one.
    pub async fn delete_tenant(&self, id: TenantId, expected_revision: Option<i64>) -> Result<(), DatabaseError> {
        self.write(move |work| {
            expect(&account(work.connection, id)?, expected_revision)?;
            work.connection.prepare_cached(DELETE)?.execute(params![work.revision, id.to_string()])?;
            work.connection.prepare_cached(REMOVE_MEMBERS)?.execute([id.to_string()])?;
            Ok(())
        })
        .await
    }
}

fn account(connection: &Connection, id: TenantId) -> Result<TenantAccount, DatabaseError> {
    Ok(connection.prepare_cached(GET)?.query_row([id.to_string()], TenantAccount::from_row)?)
}

fn expect(account: &TenantAccount, expected: Option<i64>) -> Result<(), DatabaseError> {
    let current = account.revision;
    if expected.is_none_or(|expected| expected == current) { Ok(()) } else { Err(DatabaseError::Stale { current }) }
}

fn insert(work: &Work<'_>, tenant: &NewTenant) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT)?.execute(params![
        tenant.id.to_string(),
        tenant.slug.as_str(),
        tenant.name,
        tenant.sealed_key,
        limits_to_json(tenant.limits.as_ref())?,
        tenant.created_at.0,
    ])?;
    Ok(())
}

fn update(work: &Work<'_>, id: TenantId, change: TenantChange) -> Result<(), DatabaseError> {
    let before = account(work.connection, id)?;
    expect(&before, change.expected_revision)?;
    if before.tenant.status == TenantStatus::Deleted {
        return Err(DatabaseError::Refused(Refusal::Deleted));
    }
    let plan = change.plan.unwrap_or(before.plan);
    if let Some(plan) = &plan {
        work.connection.prepare_cached(PLAN_EXISTS)?.query_row([plan], |_| Ok(()))?;
    }
    let (status, reason) = match change.suspended {
        None => (before.tenant.status, before.suspended_reason),
        Some(None) => (TenantStatus::Active, None),
        Some(reason) => (TenantStatus::Suspended, reason),
    };
    work.connection.prepare_cached(UPDATE)?.execute(params![
        change.name.unwrap_or(before.tenant.name),
        plan,
        limits_to_json(change.limits.unwrap_or(before.own_limits).as_ref())?,
        quotas_to_json(&change.quotas.unwrap_or(before.own_quotas))?,
        status.as_str(),
        reason,
        work.revision,
        id.to_string(),
    ])?;
    Ok(())
}
