//! Executions: how one is started, what is listed of it, and what is kept.

mod attempts;
mod lists;
mod row;
mod starts;
mod timeline;

use std::time::Duration;

use domain::{
    Actor, ErrorKind, ExecutionId, ExecutionStatus, ScriptId, TenantId, Trigger, UnixMillis, UserId, VersionId,
};
use rusqlite::{OptionalExtension, params};

pub use attempts::Attempt;
pub use lists::{ExecutionCursor, ExecutionFilter, ExecutionPage};
pub(crate) use row::{EndOfRow, insert, insert_running};
pub use starts::Cancelled;
pub use timeline::{ExecutionCounts, TimeRange};

use crate::{
    Database, DatabaseError,
    rows::{bigint, count},
};

const GET: &str = "
    SELECT id, script_id, version_id, triggered_by, actor, actor_user_id, actor_token_id, actor_session_id, status, attempt,
           owner_epoch, error_kind, fuel, peak_memory_bytes, host_calls, logs_truncated, accepted_at, started_at, completed_at,
           duration_us, binding_user_id, retry_of, is_accepted, error, input, result
    FROM executions
    WHERE tenant_id = $1 AND id = $2";
const BEGUN_SINCE: &str = "
    SELECT COUNT(*) AS begun
    FROM (SELECT 1 FROM executions WHERE tenant_id = $1 AND started_at >= $2 AND status <> 'pending' LIMIT $3) AS latest";
const RUNNING: &str = "SELECT COUNT(*) AS going FROM executions WHERE tenant_id = $1 AND status = 'running'";
const GET_RECORD: &str = "
    SELECT attempt, logs, journal
    FROM execution_records
    WHERE tenant_id = $1 AND execution_id = $2
    ORDER BY attempt DESC
    LIMIT 1";

/// An execution as it begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartRow {
    /// The tenant that it belongs to.
    pub tenant: TenantId,
    /// The execution.
    pub execution: ExecutionId,
    /// The script.
    pub script: ScriptId,
    /// The version that runs, in every attempt.
    pub version: VersionId,
    /// What started it.
    pub trigger: Trigger,
    /// Who started it.
    pub actor: Actor,
    /// Who bound its trigger: set the schedule, the subscription, the endpoint; `None` where nobody did.
    pub binding: Option<UserId>,
    /// The execution that a person had run again as this one.
    pub retry_of: Option<ExecutionId>,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The epoch of the process that runs it, or that accepted it: [`Database::epoch`].
    pub owner_epoch: i64,
    /// The input, sealed; `None` where it is not recorded.
    pub input: Option<Vec<u8>>,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// When it began; for one that waits, when it was accepted.
    pub started_at: UnixMillis,
    /// Fuel that was set aside for it: what counts as used where a crash cuts it. None for one that waits.
    pub reserved_fuel: u64,
}

/// An execution, without what it was given and what it made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Execution {
    /// The execution.
    pub id: ExecutionId,
    /// The script.
    pub script: ScriptId,
    /// The version that ran.
    pub version: VersionId,
    /// What started it.
    pub trigger: Trigger,
    /// Who started it.
    pub actor: Actor,
    /// Who bound its trigger: set the schedule, the subscription, the endpoint; `None` where nobody did.
    pub binding: Option<UserId>,
    /// The execution that a person had run again as this one.
    pub retry_of: Option<ExecutionId>,
    /// Whether it was accepted to run later, so that nobody waited for it.
    pub is_accepted: bool,
    /// What has become of it.
    pub status: ExecutionStatus,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The epoch of the process that has it.
    pub owner_epoch: i64,
    /// Why it ended without a result.
    pub error_kind: Option<ErrorKind>,
    /// Fuel of the guest and of its host calls.
    pub fuel: u64,
    /// The most linear memory that it had.
    pub peak_memory_bytes: u64,
    /// Host calls that it started.
    pub host_calls: u32,
    /// Whether lines of log were dropped.
    pub logs_truncated: bool,
    /// When it was accepted.
    pub accepted_at: UnixMillis,
    /// When it began; `None` while it waits.
    pub started_at: Option<UnixMillis>,
    /// When it ended.
    pub completed_at: Option<UnixMillis>,
    /// How long it ran, to the microsecond.
    pub duration: Option<Duration>,
}

/// An execution with what it was given and what it made, each sealed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionDetail {
    /// The execution.
    pub execution: Execution,
    /// What it was given.
    pub input: Option<Vec<u8>>,
    /// What it made.
    pub result: Option<Vec<u8>>,
    /// Why it made nothing.
    pub error: Option<Vec<u8>>,
}

/// What was recorded of an attempt, each part sealed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionRecord {
    /// Its lines of log.
    pub logs: Vec<u8>,
    /// Its host calls and their answers.
    pub journal: Vec<u8>,
}

impl Database {
    /// One execution. One that began within the last 20 ms may not be there yet.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn get_execution(&self, tenant: TenantId, id: ExecutionId) -> Result<ExecutionDetail, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], ExecutionDetail::from_row)?)
        })
    }

    /// How many executions of the tenant go on. Those that began within the last 20 ms may not be among them.
    pub fn running_executions(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(RUNNING)?;
            Ok(statement.query_row([tenant.to_string()], |row| count(row, "going"))?)
        })
    }

    /// What was recorded of the last attempt of an execution; `None` where nothing was.
    pub fn get_execution_record(
        &self,
        tenant: TenantId,
        id: ExecutionId,
    ) -> Result<Option<ExecutionRecord>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_RECORD)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], ExecutionRecord::from_row).optional()?)
        })
    }

    /// How many executions of the tenant began at `since` or after it; `limit` where there are more.
    pub fn executions_begun_since(
        &self,
        tenant: TenantId,
        since: UnixMillis,
        limit: u64,
    ) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(BEGUN_SINCE)?;
            let parameters = params![tenant.to_string(), since.0, bigint(limit)];
            Ok(statement.query_row(parameters, |row| count(row, "begun"))?)
        })
    }
}
