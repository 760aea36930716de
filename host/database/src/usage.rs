//! What a tenant has used, by day: for quotas and bills. It outlives the executions that it was counted from.

use domain::TenantId;
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count},
};

const ADD: &str = "
    INSERT INTO usage (tenant_id, day, executions, fuel, host_calls, bytes)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, day)
    DO UPDATE SET executions = usage.executions + excluded.executions, fuel = usage.fuel + excluded.fuel,
                  host_calls = usage.host_calls + excluded.host_calls, bytes = usage.bytes + excluded.bytes";
const GET: &str = "SELECT executions, fuel, host_calls, bytes FROM usage WHERE tenant_id = $1 AND day = $2";

/// What was used, by one execution or in one day.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Executions; a repeat is none of its own.
    pub executions: u64,
    /// Fuel, of repeats too.
    pub fuel: u64,
    /// Host calls.
    pub host_calls: u64,
    /// Bytes of host calls' arguments and answers.
    pub bytes: u64,
}

impl Usage {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            executions: count(row, "executions")?,
            fuel: count(row, "fuel")?,
            host_calls: count(row, "host_calls")?,
            bytes: count(row, "bytes")?,
        })
    }
}

impl Database {
    /// What the tenant used on `day`, in days since 1970-01-01 in UTC.
    pub fn usage_of_day(&self, tenant: TenantId, day: i64) -> Result<Usage, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row(params![tenant.to_string(), day], Usage::from_row).optional()?.unwrap_or_default())
        })
    }

    /// Add to the usage of `day` what was used outside of executions: compiling, say.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown tenant.
    pub async fn add_usage(&self, tenant: TenantId, day: i64, usage: Usage) -> Result<(), DatabaseError> {
        self.write(move |work| add(work.connection, tenant, day, &usage)).await
    }
}

pub(crate) fn add(connection: &Connection, tenant: TenantId, day: i64, usage: &Usage) -> Result<(), DatabaseError> {
    connection.prepare_cached(ADD)?.execute(params![
        tenant.to_string(),
        day,
        bigint(usage.executions),
        bigint(usage.fuel),
        bigint(usage.host_calls),
        bigint(usage.bytes),
    ])?;
    Ok(())
}
