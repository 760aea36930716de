//! The end of a delivery, written with the end of its execution: who comes next, and what is given up.

use domain::{ErrorKind, ExecutionId, ExecutionStatus, ScriptId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::{Delivery, DeliveryStatus, find_of_execution};
use crate::{
    DatabaseError, DeadReason,
    deadletters::{self, DeadEvent},
    rows::{optional_millis, optional_word, word},
    writer::Work,
};

const COMPLETE: &str = "
    UPDATE event_deliveries
    SET status = $1, error_kind = $2, completed_at = $3
    WHERE tenant_id = $4 AND event_source = $5 AND event_id = $6 AND subscription_id = $7
    RETURNING subject";
// Three statements that each read one row of an index, however many wait: this runs with the end of every execution.
const UNDER_WAY: &str = "
    SELECT 1
    FROM event_deliveries
    WHERE tenant_id = $1 AND subscription_id = $2 AND subject = $3 AND status IN ('ready', 'queued')
    LIMIT 1";
const FIRST_WAITING: &str = "
    SELECT event_source, event_id
    FROM event_deliveries
    WHERE tenant_id = $1 AND subscription_id = $2 AND subject = $3 AND status = 'waiting'
    ORDER BY event_revision, event_ordinal
    LIMIT 1";
const PROMOTE: &str = "
    UPDATE event_deliveries
    SET status = 'ready'
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3 AND subscription_id = $4";
const END: &str = "
    SELECT status, error_kind, completed_at FROM executions WHERE tenant_id = $1 AND id = $2";
const SCRIPT: &str = "
    SELECT script_id FROM subscriptions WHERE tenant_id = $1 AND id = $2";

/// How an execution ended for good.
#[derive(Clone, Copy)]
struct Ended {
    status: ExecutionStatus,
    error_kind: Option<ErrorKind>,
    at: UnixMillis,
}

impl Ended {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            status: word(row, "status")?,
            error_kind: optional_word(row, "error_kind")?,
            at: optional_millis(row, "completed_at")?.unwrap_or_default(),
        })
    }

    fn delivery_status(self) -> DeliveryStatus {
        match self.status {
            ExecutionStatus::Success => DeliveryStatus::Delivered,
            ExecutionStatus::Cancelled => DeliveryStatus::Cancelled,
            _ => DeliveryStatus::Dead,
        }
    }

    fn reason(self) -> DeadReason {
        match self.error_kind {
            Some(ErrorKind::Interrupted) => DeadReason::Rescues,
            Some(
                ErrorKind::UserError
                | ErrorKind::Timeout
                | ErrorKind::Conflict
                | ErrorKind::EgressDenied
                | ErrorKind::Internal,
            )
            | None => DeadReason::Attempts,
            // What another attempt would not change, and so had none.
            Some(_) => DeadReason::Refused,
        }
    }
}

/// Settle the delivery that an execution took, in the write that ends the execution and once its row says how: it is
/// delivered or given up, and the next of its subject is ready. Answers whether there was one.
pub(crate) fn settle(work: &Work<'_>, tenant: TenantId, execution: ExecutionId) -> Result<bool, DatabaseError> {
    let Some(delivery) = find_of_execution(work.connection, tenant, execution)? else { return Ok(false) };
    if delivery.completed_at.is_some() {
        return Ok(true);
    }
    let mut statement = work.connection.prepare_cached(END)?;
    let ended = statement.query_row([tenant.to_string(), execution.to_string()], Ended::from_row)?;
    let status = ended.delivery_status();
    if status == DeliveryStatus::Dead {
        let dead = DeadEvent {
            reason: ended.reason(),
            to: Some((
                delivery.subscription,
                script_of(work, &tenant.to_string(), &delivery.subscription.to_string())?,
            )),
            execution: Some(execution),
            source: &delivery.source,
            event: &delivery.event,
            root: None,
        };
        deadletters::insert_event(work, tenant, &dead, ended.at)?;
    }
    let Delivery { source, event, subscription, .. } = delivery;
    let key = [tenant.to_string(), source, event, subscription.to_string()];
    complete(work, &key, status, ended.error_kind, ended.at)?;
    Ok(true)
}

/// End a delivery, named by tenant, source, event and subscription, and let the next of its subject go on.
pub(super) fn complete(
    work: &Work<'_>,
    [tenant, source, event, subscription]: &[String; 4],
    status: DeliveryStatus,
    error_kind: Option<ErrorKind>,
    at: UnixMillis,
) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(COMPLETE)?;
    let error_kind = error_kind.map(ErrorKind::as_str);
    let parameters = params![status.as_str(), error_kind, at.0, tenant, source, event, subscription];
    let subject: Option<String> = statement.query_row(parameters, |row| row.get("subject"))?;
    if let Some(subject) = subject {
        promote(work, tenant, subscription, &subject)?;
    }
    Ok(())
}

/// Let the first of the subject that waits go on; nobody where another goes on already.
fn promote(work: &Work<'_>, tenant: &str, subscription: &str, subject: &str) -> Result<(), DatabaseError> {
    let key = [tenant, subscription, subject];
    if work.connection.prepare_cached(UNDER_WAY)?.exists(key)? {
        return Ok(());
    }
    let mut statement = work.connection.prepare_cached(FIRST_WAITING)?;
    let first = statement.query_row(key, |row| Ok((row.get("event_source")?, row.get("event_id")?))).optional()?;
    let first: Option<(String, String)> = first;
    if let Some((source, event)) = first {
        work.connection.prepare_cached(PROMOTE)?.execute([tenant, &source, &event, subscription])?;
    }
    Ok(())
}

/// The script of the delivery's subscription.
pub(super) fn script_of(work: &Work<'_>, tenant: &str, subscription: &str) -> Result<ScriptId, DatabaseError> {
    let mut statement = work.connection.prepare_cached(SCRIPT)?;
    Ok(statement.query_row([tenant, subscription], |row| word(row, "script_id"))?)
}
