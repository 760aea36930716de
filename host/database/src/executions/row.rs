//! The row of an execution: read from the database, and written whole.

use std::time::Duration;

use domain::{Actor, ErrorKind, ExecutionStatus, SessionId, TokenId, UnixMillis, UserId};
use rusqlite::{Connection, Row, params};

use super::{Execution, ExecutionDetail, ExecutionRecord, StartRow};
use crate::{
    DatabaseError,
    rows::{bigint, count, microseconds, millis, optional_millis, optional_word, small_count, word},
};

const INSERT: &str = "
    INSERT INTO executions (tenant_id, id, script_id, version_id, triggered_by, actor, actor_user_id, actor_token_id,
                            status, attempt, owner_epoch, error_kind, fuel, peak_memory_bytes, host_calls,
                            logs_truncated, accepted_at, started_at, completed_at, duration_us, error, input, result,
                            binding_user_id, retry_of, actor_session_id, is_accepted, reserved_fuel)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24,
            $25, $26, $27, $28)";

/// What an execution's row says once it has ended.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct EndOfRow<'a> {
    pub(crate) error_kind: Option<ErrorKind>,
    pub(crate) fuel: u64,
    pub(crate) peak_memory_bytes: u64,
    pub(crate) host_calls: u32,
    pub(crate) logs_truncated: bool,
    pub(crate) completed_at: Option<UnixMillis>,
    pub(crate) duration: Option<Duration>,
    pub(crate) error: Option<&'a [u8]>,
    pub(crate) result: Option<&'a [u8]>,
}

/// Write a whole row: of an execution that waits, runs, or has ended before its start was written.
pub(crate) fn insert(
    connection: &Connection,
    start: &StartRow,
    status: ExecutionStatus,
    end: EndOfRow<'_>,
) -> Result<(), DatabaseError> {
    let (actor, user, token, session) = actor_columns(start.actor);
    connection.prepare_cached(INSERT)?.execute(params![
        start.tenant.to_string(),
        start.execution.to_string(),
        start.script.to_string(),
        start.version.to_string(),
        start.trigger.as_str(),
        actor,
        user,
        token,
        status.as_str(),
        start.attempt,
        start.owner_epoch,
        end.error_kind.map(ErrorKind::as_str),
        bigint(end.fuel),
        bigint(end.peak_memory_bytes),
        end.host_calls,
        end.logs_truncated,
        start.accepted_at.0,
        start.started_at.0,
        end.completed_at.map(|at| at.0),
        end.duration.map(microseconds),
        end.error,
        start.input,
        end.result,
        start.binding.map(|user| user.to_string()),
        start.retry_of.map(|execution| execution.to_string()),
        session,
        // Only what is accepted waits.
        status == ExecutionStatus::Pending,
        bigint(start.reserved_fuel),
    ])?;
    Ok(())
}

/// Write the row of an execution that is under way.
pub(crate) fn insert_running(connection: &Connection, start: &StartRow) -> Result<(), DatabaseError> {
    insert(connection, start, ExecutionStatus::Running, EndOfRow::default())
}

impl Execution {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let status: ExecutionStatus = word(row, "status")?;
        let started_at = millis(row, "started_at")?;
        let duration: Option<i64> = row.get("duration_us")?;
        Ok(Self {
            id: word(row, "id")?,
            script: word(row, "script_id")?,
            version: word(row, "version_id")?,
            trigger: word(row, "triggered_by")?,
            actor: actor_of(row)?,
            binding: optional_word(row, "binding_user_id")?,
            retry_of: optional_word(row, "retry_of")?,
            is_accepted: row.get("is_accepted")?,
            status,
            attempt: small_count(row, "attempt")?,
            owner_epoch: row.get("owner_epoch")?,
            error_kind: optional_word(row, "error_kind")?,
            fuel: count(row, "fuel")?,
            peak_memory_bytes: count(row, "peak_memory_bytes")?,
            host_calls: small_count(row, "host_calls")?,
            logs_truncated: row.get("logs_truncated")?,
            accepted_at: millis(row, "accepted_at")?,
            started_at: (status != ExecutionStatus::Pending).then_some(started_at),
            completed_at: optional_millis(row, "completed_at")?,
            duration: duration.map(|micros| Duration::from_micros(u64::try_from(micros).unwrap_or(0))),
        })
    }
}

impl ExecutionDetail {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            execution: Execution::from_row(row)?,
            input: row.get("input")?,
            result: row.get("result")?,
            error: row.get("error")?,
        })
    }
}

impl ExecutionRecord {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { logs: row.get("logs")?, journal: row.get("journal")? })
    }
}

/// An actor's four columns: its word, the person, the token, the session.
type ActorColumns = (&'static str, Option<String>, Option<String>, Option<String>);

fn actor_columns(actor: Actor) -> ActorColumns {
    match actor {
        Actor::Token { token, user } => ("token", Some(user.to_string()), Some(token.to_string()), None),
        Actor::Session { session, user } => ("token", Some(user.to_string()), None, Some(session.to_string())),
        Actor::Local => ("local", None, None, None),
        Actor::PublicCaller => ("public", None, None, None),
        Actor::System => ("system", None, None, None),
    }
}

fn actor_of(row: &Row<'_>) -> rusqlite::Result<Actor> {
    let user: Option<UserId> = optional_word(row, "actor_user_id")?;
    let token: Option<TokenId> = optional_word(row, "actor_token_id")?;
    let session: Option<SessionId> = optional_word(row, "actor_session_id")?;
    match (row.get_ref("actor")?.as_str()?, user, token, session) {
        ("token", Some(user), Some(token), None) => Ok(Actor::Token { token, user }),
        ("token", Some(user), None, Some(session)) => Ok(Actor::Session { session, user }),
        ("local", ..) => Ok(Actor::Local),
        ("public", ..) => Ok(Actor::PublicCaller),
        ("system", ..) => Ok(Actor::System),
        _ => Err(rusqlite::Error::InvalidColumnType(0, String::from("actor"), rusqlite::types::Type::Text)),
    }
}
