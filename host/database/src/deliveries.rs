//! Deliveries: an event on its way to a subscription, from the outbox to the end of its execution.
//!
//! Of one subscription's events with one subject only the first is under way; the others wait in the order of events.
//! Each step is one write, and can be made again: what a crash cut off is found where it was.

mod expansion;
mod redrives;
mod settling;

use domain::{ErrorKind, ExecutionId, SessionId, SubscriptionId, TenantId, TokenId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use expansion::{Expanded, Expansion, Fate, NewDelivery, Readability, Release, Released};
pub use redrives::{Redrive, Replacement};
pub(crate) use settling::settle;

use crate::{
    Database, DatabaseError, EventPosition, StoredEvent,
    rows::{millis, optional_millis, optional_word, word},
    words::stored_words,
};

const LIST: &str = "
    SELECT event_source, event_id, subscription_id, event_revision, event_ordinal, subject, status, execution_id,
           error_kind, redriven_by, redriven_token, redriven_session, created_at,
           completed_at
    FROM event_deliveries
    WHERE tenant_id = $1 AND subscription_id = $2 AND (event_revision, event_ordinal) < ($3, $4)
    ORDER BY event_revision DESC, event_ordinal DESC
    LIMIT $5";
const OF_EVENT: &str = "
    SELECT event_source, event_id, subscription_id, event_revision, event_ordinal, subject, status, execution_id,
           error_kind, redriven_by, redriven_token, redriven_session, created_at,
           completed_at
    FROM event_deliveries
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3
    ORDER BY subscription_id
    LIMIT $4";
const OF_EXECUTION: &str = "
    SELECT event_source, event_id, subscription_id, event_revision, event_ordinal, subject, status, execution_id,
           error_kind, redriven_by, redriven_token, redriven_session, created_at,
           completed_at
    FROM event_deliveries
    WHERE tenant_id = $1 AND execution_id = $2";
// The tenant's subscriptions that anything is delivered to now: nothing is paused, and nobody left by whose rights they live.
const RUNNING: &str = "
    SELECT subscriptions.id
    FROM subscriptions
    JOIN scripts ON scripts.tenant_id = subscriptions.tenant_id AND scripts.id = subscriptions.script_id
    JOIN active_versions
        ON active_versions.tenant_id = subscriptions.tenant_id
        AND active_versions.script_id = subscriptions.script_id
    WHERE subscriptions.tenant_id = $1 AND subscriptions.is_active AND scripts.is_active AND NOT EXISTS (
        SELECT 1
        FROM memberships
        JOIN users ON users.id = memberships.user_id
        WHERE memberships.tenant_id = $1
            AND memberships.user_id IN (subscriptions.set_by, active_versions.deployed_by)
            AND (memberships.status <> 'active' OR users.disabled_at IS NOT NULL))";
const READY: &str = "
    SELECT event_source, event_id, subscription_id, event_revision, event_ordinal, subject, status, execution_id,
           error_kind, redriven_by, redriven_token, redriven_session, created_at,
           completed_at
    FROM event_deliveries
    WHERE tenant_id = $1 AND subscription_id = $2 AND status = 'ready'
    ORDER BY event_revision, event_ordinal
    LIMIT $3";
const NEXT_READY_TENANT: &str = "
    SELECT tenant_id
    FROM event_deliveries
    WHERE tenant_id > $1 AND status = 'ready'
    ORDER BY tenant_id
    LIMIT 1";
const OPEN_OF_SUBJECT: &str = "
    SELECT 1
    FROM event_deliveries
    WHERE tenant_id = $1 AND subscription_id = $2 AND subject = $3 AND status IN ('ready', 'queued')
    UNION ALL
    SELECT 1
    FROM event_deliveries
    WHERE tenant_id = $1 AND subscription_id = $2 AND subject = $3 AND status = 'waiting'
    LIMIT 1";

stored_words!(
    /// How far an event is on its way to a subscription.
    DeliveryStatus, "status", {
        /// Another one of its subject goes first.
        Waiting = "waiting",
        /// Nothing is in its way but a place in the queue.
        Ready = "ready",
        /// An execution is there, which waits or runs.
        Queued = "queued",
        /// The script took it.
        Delivered = "delivered",
        /// It was given up, and has a dead letter.
        Dead = "dead",
        /// A person ended its execution.
        Cancelled = "cancelled",
        /// The script was paused, or not deployed, when the event came.
        Skipped = "skipped",
    }
);

/// An event on its way to a subscription.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's place in the order of events.
    pub position: EventPosition,
    /// What the event is about.
    pub subject: Option<String>,
    /// How far it is.
    pub status: DeliveryStatus,
    /// The execution that takes it, or took it.
    pub execution: Option<ExecutionId>,
    /// Why it was given up.
    pub error_kind: Option<ErrorKind>,
    /// Who had it sent again.
    pub redriven_by: Option<UserId>,
    /// By which token of theirs.
    pub redriven_token: Option<TokenId>,
    /// By which session of theirs.
    pub redriven_session: Option<SessionId>,
    /// When the subscription was found to match.
    pub created_at: UnixMillis,
    /// When it ended.
    pub completed_at: Option<UnixMillis>,
}

impl Delivery {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            subscription: word(row, "subscription_id")?,
            source: row.get("event_source")?,
            event: row.get("event_id")?,
            position: EventPosition { revision: row.get("event_revision")?, ordinal: row.get("event_ordinal")? },
            subject: row.get("subject")?,
            status: word(row, "status")?,
            execution: optional_word(row, "execution_id")?,
            error_kind: optional_word(row, "error_kind")?,
            redriven_by: optional_word(row, "redriven_by")?,
            redriven_token: optional_word(row, "redriven_token")?,
            redriven_session: optional_word(row, "redriven_session")?,
            created_at: millis(row, "created_at")?,
            completed_at: optional_millis(row, "completed_at")?,
        })
    }
}

impl Database {
    /// At most `limit` deliveries to a subscription, the latest event first, before `before`.
    pub fn list_deliveries(
        &self,
        tenant: TenantId,
        subscription: SubscriptionId,
        before: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        let before = before.unwrap_or(EventPosition { revision: i64::MAX, ordinal: 0 });
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let parameters =
                params![tenant.to_string(), subscription.to_string(), before.revision, before.ordinal, limit];
            let rows = statement.query_map(parameters, Delivery::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Delivery>>>()?)
        })
    }

    /// At most `limit` deliveries of one event, to as many subscriptions.
    pub fn deliveries_of_event(
        &self,
        tenant: TenantId,
        source: &str,
        event: &str,
        limit: u32,
    ) -> Result<Vec<Delivery>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(OF_EVENT)?;
            let rows = statement.query_map(params![tenant.to_string(), source, event, limit], Delivery::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Delivery>>>()?)
        })
    }

    /// The delivery that an execution takes; `None` where it came by something else.
    pub fn delivery_of_execution(
        &self,
        tenant: TenantId,
        execution: ExecutionId,
    ) -> Result<Option<Delivery>, DatabaseError> {
        self.read(|connection| find_of_execution(connection, tenant, execution))
    }

    /// The first `limit` of the tenant's deliveries that could have an execution now, each with its event; `None` for one
    /// that cannot be read. Those of a
    /// subscription or script that is paused stay where they are, and in nobody's way.
    pub fn ready_deliveries(
        &self,
        tenant: TenantId,
        limit: u32,
    ) -> Result<Vec<(Delivery, Option<StoredEvent>)>, DatabaseError> {
        let deliveries = self.read(|connection| {
            let tenant = tenant.to_string();
            let mut statement = connection.prepare_cached(RUNNING)?;
            let running = statement.query_map([&tenant], |row| row.get("id"))?;
            let running = running.collect::<rusqlite::Result<Vec<String>>>()?;
            let mut statement = connection.prepare_cached(READY)?;
            let mut ready = Vec::new();
            for subscription in running {
                let rows = statement.query_map(params![tenant, subscription, limit], Delivery::from_row)?;
                ready.extend(rows.collect::<rusqlite::Result<Vec<Delivery>>>()?);
            }
            ready.sort_by_key(|delivery| delivery.position);
            ready.truncate(limit as usize);
            Ok(ready)
        })?;
        let with_event = |delivery: Delivery| match self.event(tenant, &delivery.source, &delivery.event) {
            Ok(event) => Ok((delivery, event)),
            Err(DatabaseError::Corrupt { .. }) => Ok((delivery, None)),
            Err(error) => Err(error),
        };
        deliveries.into_iter().map(with_event).collect()
    }

    /// The first tenant behind `after` that has such a delivery.
    pub fn next_tenant_with_ready_deliveries(
        &self,
        after: Option<TenantId>,
    ) -> Result<Option<TenantId>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(NEXT_READY_TENANT)?;
            let after = after.map_or_else(String::new, |tenant| tenant.to_string());
            Ok(statement.query_row([after], |row| word(row, "tenant_id")).optional()?)
        })
    }

    /// Whether a delivery of this subject to this subscription is under way, so that another has to wait.
    pub fn has_open_delivery(
        &self,
        tenant: TenantId,
        subscription: SubscriptionId,
        subject: &str,
    ) -> Result<bool, DatabaseError> {
        self.read(|connection| has_open(connection, tenant, subscription, subject))
    }
}

fn has_open(
    connection: &Connection,
    tenant: TenantId,
    subscription: SubscriptionId,
    subject: &str,
) -> Result<bool, DatabaseError> {
    let mut statement = connection.prepare_cached(OPEN_OF_SUBJECT)?;
    Ok(statement.exists(params![tenant.to_string(), subscription.to_string(), subject])?)
}

fn find_of_execution(
    connection: &Connection,
    tenant: TenantId,
    execution: ExecutionId,
) -> Result<Option<Delivery>, DatabaseError> {
    let mut statement = connection.prepare_cached(OF_EXECUTION)?;
    Ok(statement.query_row([tenant.to_string(), execution.to_string()], Delivery::from_row).optional()?)
}
