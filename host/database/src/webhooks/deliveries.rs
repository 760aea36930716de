//! Deliveries: an event on its way to a webhook, and every time that it was sent.

use domain::{TenantId, UnixMillis, WebhookDeliveryId, WebhookId};
use rusqlite::{OptionalExtension, Row, params};

use super::all_readable;
use crate::{
    Database, DatabaseError, Redrive, deadletters,
    rows::{millis, optional_millis, small_count, word},
    weights::{self, Weight},
    words::stored_words,
    writer::Work,
};

const TYPE: &str = "SELECT type FROM outbox_events WHERE tenant_id = $1 AND source = $2 AND id = $3";
const INSERT: &str = "
    INSERT INTO webhook_deliveries (tenant_id, id, webhook_id, event_source, event_id, event_type, status, next_at,
                                    created_at)
    VALUES ($1, $2, $3, $4, $5, $6, 'pending', $7, $7)
    ON CONFLICT (tenant_id, webhook_id, event_source, event_id) DO NOTHING";
const INSERT_EVENT: &str = "
    INSERT INTO outbox_events (tenant_id, source, id, revision, ordinal, type, time, hop, root, data)
    VALUES ($1, $2, $3, $4, 0, $5, $6, 0, $7, $8)";
const GET: &str = "
    SELECT id, webhook_id, event_source, event_id, event_type, status, attempts, next_at, created_at, completed_at
    FROM webhook_deliveries
    WHERE tenant_id = $1 AND webhook_id = $2 AND id = $3";
const LIST: &str = "
    SELECT id, webhook_id, event_source, event_id, event_type, status, attempts, next_at, created_at, completed_at
    FROM webhook_deliveries
    WHERE tenant_id = $1 AND webhook_id = $2 AND (created_at, id) < ($3, $4)
    ORDER BY created_at DESC, id DESC
    LIMIT $5";
const ATTEMPTS: &str = "
    SELECT attempt, sent_at, duration_ms, status, error
    FROM webhook_attempts
    WHERE tenant_id = $1 AND delivery_id = $2
    ORDER BY attempt";
const AGAIN: &str = "
    UPDATE webhook_deliveries
    SET status = 'pending', round = 0, next_at = $1, completed_at = NULL
    WHERE tenant_id = $2 AND webhook_id = $3 AND id = $4 AND status <> 'pending'";
const EVENT_AGAIN: &str = "
    UPDATE webhook_deliveries
    SET status = 'pending', round = 0, next_at = $1, completed_at = NULL
    WHERE tenant_id = $2 AND webhook_id = $3 AND event_source = $4 AND event_id = $5";
const SOONER: &str = "
    UPDATE webhook_deliveries SET next_at = $1 WHERE tenant_id = $2 AND webhook_id = $3 AND id = $4 AND next_at > $1";
const PURGE: &str = "
    DELETE FROM webhook_deliveries
    WHERE tenant_id = $1 AND id IN (
        SELECT id FROM webhook_deliveries
        WHERE tenant_id = $1 AND completed_at IS NOT NULL AND completed_at < $2
        ORDER BY completed_at
        LIMIT $3)";

stored_words!(
    /// How far an event is on its way to a webhook.
    WebhookDeliveryStatus, "status", {
        /// It is to be sent, for the first time or again.
        Pending = "pending",
        /// It was taken.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
);

/// An event on its way to a webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookDelivery {
    /// Its id, which the receiver is sent each time.
    pub id: WebhookDeliveryId,
    /// The webhook.
    pub webhook: WebhookId,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// The event's type.
    pub event_type: String,
    /// How far it is.
    pub status: WebhookDeliveryStatus,
    /// How often it was sent.
    pub attempts: u32,
    /// When it is sent next, while it is pending.
    pub next_at: UnixMillis,
    /// When the webhook was found to match.
    pub created_at: UnixMillis,
    /// When it ended.
    pub completed_at: Option<UnixMillis>,
}

/// One time that a delivery was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookAttempt {
    /// Which one, from 1.
    pub attempt: u32,
    /// When.
    pub sent_at: UnixMillis,
    /// How long it took.
    pub duration_ms: u64,
    /// The status of the answer; `None` where there was none.
    pub status: Option<u16>,
    /// Why it failed.
    pub error: Option<String>,
}

/// The event of a delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookEvent {
    /// Its type.
    pub event_type: String,
    /// When it was published.
    pub time: UnixMillis,
    /// What it is about.
    pub subject: Option<String>,
    /// How many executions lie between it and the first cause.
    pub hop: u32,
    /// The first cause.
    pub root: String,
    /// The tenant of the first cause; `None` for the event's own.
    pub root_tenant: Option<TenantId>,
    /// Its data, sealed.
    pub data: Vec<u8>,
}

/// An event that is for one webhook alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookTest {
    /// The webhook.
    pub webhook: WebhookId,
    /// The delivery to be.
    pub delivery: WebhookDeliveryId,
    /// The event's source.
    pub source: String,
    /// The event's id, which is new.
    pub event: String,
    /// The event's type.
    pub event_type: String,
    /// Its data, sealed.
    pub data: Vec<u8>,
    /// Now.
    pub now: UnixMillis,
}

/// A place in a list of deliveries, the latest first: the last one's moment and id.
pub type WebhookCursor = (UnixMillis, WebhookDeliveryId);

impl WebhookDelivery {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            webhook: word(row, "webhook_id")?,
            source: row.get("event_source")?,
            event: row.get("event_id")?,
            event_type: row.get("event_type")?,
            status: word(row, "status")?,
            attempts: small_count(row, "attempts")?,
            next_at: millis(row, "next_at")?,
            created_at: millis(row, "created_at")?,
            completed_at: optional_millis(row, "completed_at")?,
        })
    }
}

impl WebhookAttempt {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            attempt: small_count(row, "attempt")?,
            sent_at: millis(row, "sent_at")?,
            duration_ms: small_count(row, "duration_ms")?.into(),
            status: row.get("status")?,
            error: row.get("error")?,
        })
    }
}

impl Database {
    /// A page of a webhook's deliveries, the latest first, behind `after`.
    pub fn list_webhook_deliveries(
        &self,
        tenant: TenantId,
        webhook: WebhookId,
        after: Option<WebhookCursor>,
        limit: u32,
    ) -> Result<Vec<WebhookDelivery>, DatabaseError> {
        self.read(|connection| {
            let (time, id) = after.map_or((i64::MAX, String::new()), |(time, id)| (time.0, id.to_string()));
            let mut statement = connection.prepare_cached(LIST)?;
            let parameters = params![tenant.to_string(), webhook.to_string(), time, id, limit];
            let rows = statement.query_map(parameters, WebhookDelivery::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<WebhookDelivery>>>()?)
        })
    }

    /// One delivery to a webhook.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn webhook_delivery(
        &self,
        tenant: TenantId,
        webhook: WebhookId,
        id: WebhookDeliveryId,
    ) -> Result<WebhookDelivery, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            let key = [tenant.to_string(), webhook.to_string(), id.to_string()];
            statement.query_row(key, WebhookDelivery::from_row).optional()?.ok_or(DatabaseError::NotFound)
        })
    }

    /// Every time that a delivery was sent, the first one first.
    pub fn webhook_attempts(
        &self,
        tenant: TenantId,
        id: WebhookDeliveryId,
    ) -> Result<Vec<WebhookAttempt>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(ATTEMPTS)?;
            let rows = statement.query_map([tenant.to_string(), id.to_string()], WebhookAttempt::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<WebhookAttempt>>>()?)
        })
    }

    /// Have a delivery sent again from `now` on, with all attempts that a new one has, under the same id.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn resend_webhook(
        &self,
        tenant: TenantId,
        webhook: WebhookId,
        id: WebhookDeliveryId,
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let key = (now.0, tenant.to_string(), webhook.to_string(), id.to_string());
            let again = work.connection.prepare_cached(AGAIN)?.execute(params![key.0, key.1, key.2, key.3])?;
            if again == 0 {
                work.connection.prepare_cached(SOONER)?.execute(params![key.0, key.1, key.2, key.3])?;
                let mut statement = work.connection.prepare_cached(GET)?;
                if !statement.exists([key.1, key.2, key.3])? {
                    return Err(DatabaseError::NotFound);
                }
            }
            Ok(())
        })
        .await
    }

    /// Have what was given up sent again, with its dead letter marked in the same write.
    ///
    /// # Errors
    /// [`DatabaseError::AlreadyRedriven`]; [`DatabaseError::NotFound`] where the letter, the event or the webhook is not
    /// there any more.
    pub async fn redrive_webhook(&self, tenant: TenantId, redrive: Redrive) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let letter = deadletters::take_for_redrive(work, tenant, redrive.letter, redrive.by, redrive.at)?;
            let webhook = letter.subscription.ok_or(DatabaseError::NotFound)?.to_string();
            let mut statement = work.connection.prepare_cached(EVENT_AGAIN)?;
            let (tenant, source, event) = (tenant.to_string(), letter.source, letter.event);
            let changed = statement.execute(params![redrive.at.0, tenant, webhook, source, event])?;
            if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// Publish an event that is for one webhook alone. It is never looked at for anybody else.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the webhook is gone.
    pub async fn test_webhook(&self, tenant: TenantId, test: WebhookTest) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let key = tenant.to_string();
            work.connection.prepare_cached(INSERT_EVENT)?.execute(params![
                key,
                test.source,
                test.event,
                work.revision,
                test.event_type,
                test.now.0,
                test.event,
                test.data,
            ])?;
            weights::add(work, tenant, Weight::event(test.data.len()).and(Weight::rows(1)))?;
            work.connection.prepare_cached(INSERT)?.execute(params![
                key,
                test.delivery.to_string(),
                test.webhook.to_string(),
                test.source,
                test.event,
                test.event_type,
                test.now.0,
            ])?;
            Ok(())
        })
        .await
    }

    /// Remove at most `limit` deliveries that ended before `before`; answers how many.
    pub async fn purge_webhook_deliveries(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        limit: u32,
    ) -> Result<usize, DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(PURGE)?;
            let deleted = statement.execute(params![tenant.to_string(), before.0, limit])?;
            if deleted > 0 {
                weights::add(work, tenant, Weight::rows(deleted).less())?;
            }
            Ok(deleted)
        })
        .await
    }
}

/// Make deliveries of an event to every active webhook that asks for it, in the write that looks for its subscriptions.
/// Made again it changes nothing. Answers how many there are to be sent; the caller counts them.
///
/// # Errors
/// As every statement.
pub(crate) fn expand(
    work: &mut Work<'_>,
    tenant: TenantId,
    (source, event): (&str, &str),
    now: UnixMillis,
) -> Result<usize, DatabaseError> {
    let webhooks = all_readable(work, tenant)?;
    if !webhooks.iter().any(|webhook| webhook.is_active) {
        return Ok(0);
    }
    let key = tenant.to_string();
    let mut statement = work.connection.prepare_cached(TYPE)?;
    let event_type: Option<String> = statement.query_row([&key, source, event], |row| row.get(0)).optional()?;
    let Some(event_type) = event_type else { return Ok(0) };
    let mut made = 0;
    for webhook in webhooks.iter().filter(|webhook| webhook.is_active && webhook.matches(&event_type, source)) {
        let id = WebhookDeliveryId::generate().to_string();
        let values = params![key, id, webhook.id.to_string(), source, event, event_type, now.0];
        made += work.connection.prepare_cached(INSERT)?.execute(values)?;
    }
    Ok(made)
}
