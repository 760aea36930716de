//! The end of a delivery, written with the end of its execution: who comes next, and what is given up.

use domain::{ErrorKind, ExecutionId, ExecutionStatus, ScriptId, TenantId, UnixMillis};
use rusqlite::{Row, params};

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
// The first of the subject that waits; nothing where another goes on already.
const PROMOTE: &str = "
    UPDATE event_deliveries
    SET status = 'ready'
    WHERE tenant_id = $1 AND subscription_id = $2 AND (event_source, event_id) IN (
        SELECT event_source, event_id
        FROM event_deliveries
        WHERE tenant_id = $1 AND subscription_id = $2 AND subject = $3 AND completed_at IS NULL
            AND status = 'waiting' AND NOT EXISTS (
                SELECT 1
                FROM event_deliveries AS open
                WHERE open.tenant_id = $1 AND open.subscription_id = $2 AND open.subject = $3
                    AND open.completed_at IS NULL AND open.status IN ('ready', 'queued'))
        ORDER BY event_revision, event_ordinal
        LIMIT 1)";
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
            script: script_of(work, tenant, &delivery)?,
            execution: Some(execution),
            subscription: delivery.subscription,
            source: &delivery.source,
            event: &delivery.event,
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
        work.connection.prepare_cached(PROMOTE)?.execute([tenant, subscription, &subject])?;
    }
    Ok(())
}

fn script_of(work: &Work<'_>, tenant: TenantId, delivery: &Delivery) -> Result<ScriptId, DatabaseError> {
    let mut statement = work.connection.prepare_cached(SCRIPT)?;
    let parameters = [tenant.to_string(), delivery.subscription.to_string()];
    Ok(statement.query_row(parameters, |row| word(row, "script_id"))?)
}
