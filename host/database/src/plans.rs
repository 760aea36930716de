//! Plans: limits and quotas under a name. Every read of a tenant takes its plan's where it has none of its own, so that a
//! change of a plan holds for its tenants at once.

use domain::{Limits, PlanQuotas, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, Refusal,
    json::{limits_from_json, limits_to_json},
    policies::{quotas_from_json, quotas_to_json},
    rows::{count, millis},
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO plans (name, description, limits, quotas, revision, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $6)";
const UPDATE: &str = "
    UPDATE plans SET description = $1, limits = $2, quotas = $3, revision = $4, updated_at = $5 WHERE name = $6";
const DELETE: &str = "DELETE FROM plans WHERE name = $1";
const REVISION: &str = "SELECT revision FROM plans WHERE name = $1";
const USES: &str = "SELECT COUNT(*) AS uses FROM tenants WHERE plan = $1 AND status <> 'deleted'";
const GET: &str = "
    SELECT name, description, limits, quotas, revision, created_at, updated_at FROM plans WHERE name = $1";
const LIST: &str = "
    SELECT name, description, limits, quotas, revision, created_at, updated_at
    FROM plans
    WHERE name > $1
    ORDER BY name
    LIMIT $2";

/// A plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The limits of an execution; `None` where the system's stand.
    pub limits: Option<Limits>,
    /// The quotas.
    pub quotas: PlanQuotas,
    /// The write that changed it last.
    pub revision: i64,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When it was last changed.
    pub updated_at: UnixMillis,
}

/// A plan as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanSetting {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// The limits of an execution.
    pub limits: Option<Limits>,
    /// The quotas.
    pub quotas: PlanQuotas,
    /// When it is set.
    pub now: UnixMillis,
}

impl Plan {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get("name")?,
            description: row.get("description")?,
            limits: limits_from_json(row.get::<_, Option<String>>("limits")?.as_deref())?,
            quotas: quotas_from_json(row.get::<_, Option<String>>("quotas")?.as_deref())?,
            revision: row.get("revision")?,
            created_at: millis(row, "created_at")?,
            updated_at: millis(row, "updated_at")?,
        })
    }
}

impl Database {
    /// Make a plan.
    ///
    /// # Errors
    /// [`DatabaseError::NameTaken`].
    pub async fn create_plan(&self, plan: PlanSetting) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(INSERT)?.execute(params![
                plan.name,
                plan.description,
                limits_to_json(plan.limits.as_ref())?,
                quotas_to_json(&plan.quotas)?,
                work.revision,
                plan.now.0,
            ])?;
            Ok(())
        })
        .await
    }

    /// Set a plan anew; it holds for its tenants at once.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`] where its revision is not the expected one.
    pub async fn change_plan(&self, plan: PlanSetting, expected_revision: Option<i64>) -> Result<(), DatabaseError> {
        self.write(move |work| {
            expect_revision(work, &plan.name, expected_revision)?;
            work.connection.prepare_cached(UPDATE)?.execute(params![
                plan.description,
                limits_to_json(plan.limits.as_ref())?,
                quotas_to_json(&plan.quotas)?,
                work.revision,
                plan.now.0,
                plan.name,
            ])?;
            Ok(())
        })
        .await
    }

    /// Delete a plan that no tenant is on.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`]; [`DatabaseError::Stale`]; [`Refusal::PlanInUse`].
    pub async fn delete_plan(&self, name: String, expected_revision: Option<i64>) -> Result<(), DatabaseError> {
        self.write(move |work| {
            expect_revision(work, &name, expected_revision)?;
            let mut statement = work.connection.prepare_cached(USES)?;
            if statement.query_row([&name], |row| count(row, "uses"))? > 0 {
                return Err(DatabaseError::Refused(Refusal::PlanInUse));
            }
            work.connection.prepare_cached(DELETE)?.execute([&name])?;
            Ok(())
        })
        .await
    }

    /// One plan.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn plan(&self, name: &str) -> Result<Plan, DatabaseError> {
        self.read(|connection| Ok(connection.prepare_cached(GET)?.query_row([name], Plan::from_row)?))
    }

    /// At most `limit` plans by name, behind `after`.
    pub fn list_plans(&self, after: Option<&str>, limit: u32) -> Result<Vec<Plan>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(params![after.unwrap_or_default(), limit], Plan::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Plan>>>()?)
        })
    }
}

fn expect_revision(work: &Work<'_>, name: &str, expected: Option<i64>) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(REVISION)?;
    let current: Option<i64> = statement.query_row([name], |row| row.get(0)).optional()?;
    match (current, expected) {
        (None, _) => Err(DatabaseError::NotFound),
        (Some(current), Some(expected)) if current != expected => Err(DatabaseError::Stale { current }),
        _ => Ok(()),
    }
}
