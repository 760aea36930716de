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
// What was used was reserved before, where anything was.
const SETTLE: &str = "
    INSERT INTO usage (tenant_id, day, executions, fuel, host_calls, bytes)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, day)
    DO UPDATE SET executions = usage.executions + excluded.executions, fuel = usage.fuel + excluded.fuel,
                  host_calls = usage.host_calls + excluded.host_calls, bytes = usage.bytes + excluded.bytes,
                  reserved_fuel = CASE WHEN usage.reserved_fuel > excluded.fuel
                                       THEN usage.reserved_fuel - excluded.fuel ELSE 0 END";
const RESERVE: &str = "
    INSERT INTO usage (tenant_id, day, executions, fuel, host_calls, bytes, reserved_fuel)
    VALUES ($1, $2, 0, 0, 0, 0, $3)
    ON CONFLICT (tenant_id, day) DO UPDATE SET reserved_fuel = usage.reserved_fuel + excluded.reserved_fuel";
const RELEASE: &str = "
    UPDATE usage
    SET reserved_fuel = CASE WHEN reserved_fuel > $1 THEN reserved_fuel - $1 ELSE 0 END
    WHERE tenant_id = $2 AND day = $3";
const TAKEN: &str = "SELECT fuel + reserved_fuel AS taken FROM usage WHERE tenant_id = $1 AND day = $2";
const GET: &str = "SELECT executions, fuel, host_calls, bytes FROM usage WHERE tenant_id = $1 AND day = $2";
const DAYS: &str = "
    SELECT day, executions, fuel, host_calls, bytes FROM usage WHERE tenant_id = $1 AND day >= $2 ORDER BY day";

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
    /// What the tenant used on each day from `first_day` on, of those on which it used anything; in days since 1970-01-01
    /// in UTC.
    pub fn usage_since(&self, tenant: TenantId, first_day: i64) -> Result<Vec<(i64, Usage)>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(DAYS)?;
            let rows = statement.query_map(params![tenant.to_string(), first_day], |row| {
                Ok((row.get("day")?, Usage::from_row(row)?))
            })?;
            Ok(rows.collect::<rusqlite::Result<Vec<(i64, Usage)>>>()?)
        })
    }

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

    /// As [`Self::add_usage`], for what was reserved before.
    ///
    /// # Errors
    /// As there.
    pub async fn settle_usage(&self, tenant: TenantId, day: i64, usage: Usage) -> Result<(), DatabaseError> {
        self.write(move |work| settle(work.connection, tenant, day, &usage)).await
    }

    /// Reserve fuel of `day` within `quota`: `wanted`, or as much as is left if that is at least `least`. Answers what
    /// was reserved, 0 where less than `least` is left.
    pub async fn reserve_fuel(&self, tenant: TenantId, day: i64, wanted: FuelWanted) -> Result<u64, DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(TAKEN)?;
            let taken = statement.query_row(params![tenant.to_string(), day], |row| count(row, "taken")).optional()?;
            let left = wanted.quota.saturating_sub(taken.unwrap_or(0));
            let reserved = wanted.wanted.min(left);
            if reserved < wanted.least || reserved == 0 {
                return Ok(0);
            }
            let parameters = params![tenant.to_string(), day, bigint(reserved)];
            work.connection.prepare_cached(RESERVE)?.execute(parameters)?;
            Ok(reserved)
        })
        .await
    }

    /// Give reserved fuel back that nobody will use.
    pub async fn release_fuel(&self, tenant: TenantId, day: i64, fuel: u64) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(RELEASE)?.execute(params![bigint(fuel), tenant.to_string(), day])?;
            Ok(())
        })
        .await
    }
}

/// How much fuel is to be reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FuelWanted {
    /// The tenant's fuel of a day.
    pub quota: u64,
    /// As much as this.
    pub wanted: u64,
    /// Not less than this.
    pub least: u64,
}

/// Add what was used, of which nothing was reserved.
pub(crate) fn add(connection: &Connection, tenant: TenantId, day: i64, usage: &Usage) -> Result<(), DatabaseError> {
    write(connection, ADD, (tenant, day), usage)
}

/// Add what was used and take it from what was reserved.
pub(crate) fn settle(connection: &Connection, tenant: TenantId, day: i64, usage: &Usage) -> Result<(), DatabaseError> {
    write(connection, SETTLE, (tenant, day), usage)
}

fn write(
    connection: &Connection,
    statement: &str,
    (tenant, day): (TenantId, i64),
    usage: &Usage,
) -> Result<(), DatabaseError> {
    connection.prepare_cached(statement)?.execute(params![
        tenant.to_string(),
        day,
        bigint(usage.executions),
        bigint(usage.fuel),
        bigint(usage.host_calls),
        bigint(usage.bytes),
    ])?;
    Ok(())
}
