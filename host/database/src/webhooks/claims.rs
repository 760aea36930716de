//! Taking a delivery that is due, and settling it: by lease and fence, so that what a crash cut off is sent again, and what
//! comes too late changes nothing.

use domain::{TenantId, UnixMillis, WebhookDeliveryId, WebhookId};
use rusqlite::{OptionalExtension, Row, params};
use uuid::Uuid;

use super::{STOP, Webhook, WebhookAttempt, WebhookDelivery, WebhookDisabled, WebhookEvent, find};
use crate::{
    Database, DatabaseError, deadletters,
    rows::{bigint, count, millis, optional_millis, optional_word, small_count, word},
    writer::Work,
};

// The lease of another process's epoch is nobody's: one process has the database. Of each active webhook only the first
// ones are looked at, whether they are on their way or not: what waits for a paused one, or behind a slow one, is never
// walked through, and a slow one holds no more than these of its tenant's places.
const DUE: &str = "
    SELECT webhook_deliveries.id, webhook_id, event_source, event_id, event_type, status, attempts, round, fence, next_at,
           webhook_deliveries.created_at, completed_at
    FROM webhooks
    JOIN webhook_deliveries
        ON webhook_deliveries.tenant_id = $1 AND webhook_deliveries.id IN (
            SELECT due.id
            FROM webhook_deliveries AS due
            WHERE due.tenant_id = $1 AND due.webhook_id = webhooks.id AND due.status = 'pending'
                AND due.next_at <= $2
            ORDER BY due.next_at, due.id
            LIMIT $3)
    WHERE webhooks.tenant_id = $1 AND webhooks.is_active AND (lease_epoch <> $4 OR lease_until <= $2)
        AND (failing_since IS NULL OR $5)
    ORDER BY next_at, webhook_deliveries.id
    LIMIT $6";
// Looked for as above: what is on its way is among the first ones of its webhook.
const SENT_TO_FAILING: &str = "
    SELECT COUNT(*) AS sent
    FROM webhooks
    JOIN webhook_deliveries
        ON webhook_deliveries.tenant_id = $1 AND webhook_deliveries.id IN (
            SELECT due.id
            FROM webhook_deliveries AS due
            WHERE due.tenant_id = $1 AND due.webhook_id = webhooks.id AND due.status = 'pending'
                AND due.next_at <= $2
            ORDER BY due.next_at, due.id
            LIMIT $3)
    WHERE webhooks.tenant_id = $1 AND failing_since IS NOT NULL AND lease_epoch = $4 AND lease_until > $2";
const TAKE: &str = "
    UPDATE webhook_deliveries
    SET fence = fence + 1, lease_epoch = $1, lease_until = $2
    WHERE tenant_id = $3 AND id = $4";
const EVENT: &str = "
    SELECT type, time, subject, hop, root, root_tenant_id, data
    FROM outbox_events
    WHERE tenant_id = $1 AND source = $2 AND id = $3";
const NEXT_TENANT: &str = "
    SELECT id
    FROM tenants
    WHERE id > $1 AND status = 'active' AND EXISTS (
        SELECT 1
        FROM webhooks
        JOIN webhook_deliveries
            ON webhook_deliveries.tenant_id = tenants.id AND webhook_deliveries.id IN (
                SELECT due.id
                FROM webhook_deliveries AS due
                WHERE due.tenant_id = tenants.id AND due.webhook_id = webhooks.id AND due.status = 'pending'
                    AND due.next_at <= $2
                ORDER BY due.next_at, due.id
                LIMIT $3)
        WHERE webhooks.tenant_id = tenants.id AND webhooks.is_active AND (lease_epoch <> $4 OR lease_until <= $2))
    ORDER BY id
    LIMIT 1";
const NEXT_AT: &str = "
    SELECT MIN(first) AS next_at
    FROM (
        SELECT (
            SELECT MIN(next_at)
            FROM webhook_deliveries
            WHERE webhook_deliveries.tenant_id = tenants.id AND webhook_deliveries.status = 'pending' AND next_at > $1
        ) AS first
        FROM tenants) AS firsts";
const SETTLE: &str = "
    UPDATE webhook_deliveries
    SET status = $1, attempts = attempts + $2, round = round + $2, next_at = $3, completed_at = $4, lease_until = 0
    WHERE tenant_id = $5 AND id = $6 AND fence = $7 AND lease_epoch = $8 AND status = 'pending'";
const REVISION: &str = "SELECT revision FROM webhooks WHERE tenant_id = $1 AND id = $2";
const ATTEMPTS: &str = "SELECT attempts FROM webhook_deliveries WHERE tenant_id = $1 AND id = $2";
const INSERT_ATTEMPT: &str = "
    INSERT INTO webhook_attempts (tenant_id, delivery_id, attempt, sent_at, duration_ms, status, error)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const TAKEN: &str = "UPDATE webhooks SET failing_since = NULL WHERE tenant_id = $1 AND id = $2";
const FAILING: &str = "
    UPDATE webhooks SET failing_since = $1 WHERE tenant_id = $2 AND id = $3 AND failing_since IS NULL";
const DISABLE: &str = "
    UPDATE webhooks
    SET is_active = FALSE, disabled_reason = $1, revision = $2
    WHERE tenant_id = $3 AND id = $4 AND revision = $5 AND is_active";
const GIVE_UP: &str = "
    UPDATE webhook_deliveries
    SET status = 'failed', completed_at = $1, lease_until = 0
    WHERE tenant_id = $2 AND id = $3 AND status = 'pending'";
const INSERT_DEAD: &str = "
    INSERT INTO dead_letters (tenant_id, id, kind, reason, subscription_id, event_source, event_id, created_at)
    VALUES ($1, $2, 'webhook', $3, $4, $5, $6, $7)";

/// Deliveries of one webhook that are on their way at once.
const SENT_AT_ONCE_TO_A_WEBHOOK: u32 = 2;

/// Deliveries of one tenant that are on their way at once to webhooks that took nothing last time: half of a tenant's
/// places, so that receivers that are dead do not hold up the others while they are waited for.
const SENT_AT_ONCE_TO_FAILING: u64 = 4;

/// A delivery that is to be sent now, with all that it takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClaimedWebhook {
    /// Whose it is.
    pub tenant: TenantId,
    /// The delivery.
    pub delivery: WebhookDelivery,
    /// Attempts since a person last had it sent again.
    pub round: u32,
    /// The lease's number.
    pub fence: i64,
    /// Where it goes.
    pub webhook: Webhook,
    /// What is sent.
    pub event: WebhookEvent,
}

/// What is to become of a delivery that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WebhookResult {
    /// It was taken by its receiver.
    Delivered(WebhookAttempt),
    /// It is sent again later.
    Again {
        /// What became of this time.
        attempt: WebhookAttempt,
        /// When.
        next_at: UnixMillis,
    },
    /// It was not sent at all, and is later: it counts for nothing.
    Deferred {
        /// When.
        next_at: UnixMillis,
    },
    /// It was not sent at all, and nothing is sent to the webhook until a person has changed it: it waits.
    Stopped(WebhookDisabled),
    /// It is given up.
    GivenUp {
        /// What became of this time.
        attempt: WebhookAttempt,
        /// Stop sending to the webhook too, where it is still the one that was sent to.
        disable: Option<WebhookDisabled>,
    },
}

/// Whether a settlement counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookSettled {
    /// It did.
    Settled,
    /// Somebody else has the delivery, or it is gone. Nothing was written.
    Lost,
}

impl Database {
    /// The first active tenant behind `after` of whom [`Self::claim_webhooks`] takes something at `now`.
    pub fn next_tenant_with_due_webhooks(
        &self,
        after: Option<TenantId>,
        now: UnixMillis,
    ) -> Result<Option<TenantId>, DatabaseError> {
        let epoch = self.epoch();
        self.read(|connection| {
            let after = after.map_or_else(String::new, |tenant| tenant.to_string());
            let mut statement = connection.prepare_cached(NEXT_TENANT)?;
            let values = params![after, now.0, SENT_AT_ONCE_TO_A_WEBHOOK, epoch];
            Ok(statement.query_row(values, |row| word(row, "id")).optional()?)
        })
    }

    /// When the next delivery is due after `now`.
    pub fn next_webhook_at(&self, now: UnixMillis) -> Result<Option<UnixMillis>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(NEXT_AT)?;
            Ok(statement.query_row([now.0], |row| optional_millis(row, "next_at"))?)
        })
    }

    /// Take at most `limit` of the tenant's deliveries that are due at `now`, until `lease_until`. Those of webhooks that
    /// are not active wait, and so do those of one webhook behind two that are on their way.
    pub async fn claim_webhooks(
        &self,
        tenant: TenantId,
        (now, lease_until): (UnixMillis, UnixMillis),
        limit: u32,
    ) -> Result<Vec<ClaimedWebhook>, DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| claim(work, tenant, (now, lease_until, epoch), limit)).await
    }

    /// Write what became of a delivery that was taken.
    pub async fn settle_webhook(
        &self,
        claimed: ClaimedWebhook,
        result: WebhookResult,
        now: UnixMillis,
    ) -> Result<WebhookSettled, DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| settle(work, &claimed, &result, (now, epoch))).await
    }
}

fn claim(
    work: &mut Work<'_>,
    tenant: TenantId,
    (now, lease_until, epoch): (UnixMillis, UnixMillis, i64),
    limit: u32,
) -> Result<Vec<ClaimedWebhook>, DatabaseError> {
    let of = tenant.to_string();
    let mut sent = work.connection.prepare_cached(SENT_TO_FAILING)?;
    let sent = sent.query_row(params![of, now.0, SENT_AT_ONCE_TO_A_WEBHOOK, epoch], |row| count(row, "sent"))?;
    let takes_failing = sent < SENT_AT_ONCE_TO_FAILING;
    let mut statement = work.connection.prepare_cached(DUE)?;
    let due = statement
        .query_map(params![of, now.0, SENT_AT_ONCE_TO_A_WEBHOOK, epoch, takes_failing, limit], |row| {
            Ok((WebhookDelivery::from_row(row)?, small_count(row, "round")?, row.get::<_, i64>("fence")?))
        })?
        .collect::<rusqlite::Result<Vec<_>>>()?;
    let mut claimed = Vec::with_capacity(due.len());
    for (delivery, round, fence) in due {
        let key = params![epoch, lease_until.0, tenant.to_string(), delivery.id.to_string()];
        work.connection.prepare_cached(TAKE)?.execute(key)?;
        let Some(webhook) = readable_webhook(work, tenant, delivery.webhook)? else { continue };
        let Some(event) = readable_event(work, tenant, &delivery)? else {
            give_up_unreadable(work, tenant, &delivery, now)?;
            continue;
        };
        claimed.push(ClaimedWebhook { tenant, delivery, round, fence: fence + 1, webhook, event });
    }
    Ok(claimed)
}

/// The webhook of a delivery. One whose row cannot be read is sent nothing any more, so that the tenant's others are.
fn readable_webhook(work: &Work<'_>, tenant: TenantId, id: WebhookId) -> Result<Option<Webhook>, DatabaseError> {
    match find(work.connection, tenant, id) {
        Err(error) if error.is_unreadable() => {
            tracing::error!(tenant.id = %tenant, webhook.id = %id, %error, "a webhook cannot be read and is stopped");
            work.connection.prepare_cached(STOP)?.execute([tenant.to_string(), id.to_string()])?;
            Ok(None)
        }
        found => found?.map(Some).ok_or(DatabaseError::NotFound),
    }
}

/// The event of a delivery; `None` where its row cannot be read, now or ever.
fn readable_event(
    work: &Work<'_>,
    tenant: TenantId,
    delivery: &WebhookDelivery,
) -> Result<Option<WebhookEvent>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(EVENT)?;
    let found = statement.query_row([&tenant.to_string(), &delivery.source, &delivery.event], event_of);
    match found.map_err(DatabaseError::from) {
        Err(error) if error.is_unreadable() => {
            tracing::error!(tenant.id = %tenant, delivery.id = %delivery.id, %error, "a webhook's event cannot be read");
            Ok(None)
        }
        found => found.map(Some),
    }
}

/// End a delivery whose event cannot be read: a person finds it among the dead letters.
fn give_up_unreadable(
    work: &Work<'_>,
    tenant: TenantId,
    delivery: &WebhookDelivery,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    let (of, id) = (tenant.to_string(), delivery.id.to_string());
    work.connection.prepare_cached(GIVE_UP)?.execute(params![now.0, of, id])?;
    insert_dead(work, (tenant, delivery), "unreadable", now)
}

fn event_of(row: &Row<'_>) -> rusqlite::Result<WebhookEvent> {
    Ok(WebhookEvent {
        event_type: row.get("type")?,
        time: millis(row, "time")?,
        subject: row.get("subject")?,
        hop: small_count(row, "hop")?,
        root: row.get("root")?,
        root_tenant: optional_word(row, "root_tenant_id")?,
        data: row.get("data")?,
    })
}

fn settle(
    work: &mut Work<'_>,
    claimed: &ClaimedWebhook,
    result: &WebhookResult,
    (now, epoch): (UnixMillis, i64),
) -> Result<WebhookSettled, DatabaseError> {
    let late = late_refusal(work, claimed, result, now)?;
    let result = late.as_ref().unwrap_or(result);
    let (status, sent, next_at) = match result {
        WebhookResult::Delivered(_) => ("delivered", 1, now),
        WebhookResult::Again { next_at, .. } => ("pending", 1, *next_at),
        WebhookResult::Deferred { next_at } => ("pending", 0, *next_at),
        WebhookResult::Stopped(_) => ("pending", 0, now),
        WebhookResult::GivenUp { .. } => ("failed", 1, now),
    };
    let completed_at = (status != "pending").then_some(now.0);
    let (tenant, id) = (claimed.tenant.to_string(), claimed.delivery.id.to_string());
    let values = params![status, sent, next_at.0, completed_at, tenant, id, claimed.fence, epoch];
    if work.connection.prepare_cached(SETTLE)?.execute(values)? == 0 {
        return Ok(WebhookSettled::Lost);
    }
    match result {
        WebhookResult::Deferred { .. } => {}
        WebhookResult::Stopped(reason) => disable(work, claimed, *reason)?,
        WebhookResult::Delivered(attempt) => {
            insert_attempt(work, claimed, attempt)?;
            work.connection.prepare_cached(TAKEN)?.execute([tenant, claimed.webhook.id.to_string()])?;
        }
        WebhookResult::Again { attempt, .. } => failed(work, claimed, attempt, now)?,
        WebhookResult::GivenUp { attempt, disable } => {
            failed(work, claimed, attempt, now)?;
            if let Some(reason) = disable {
                self::disable(work, claimed, *reason)?;
            }
            give_up(work, claimed, *disable, now)?;
        }
    }
    Ok(WebhookSettled::Settled)
}

/// A receiver that wants no more said so at an address that a person has changed since: what was sent to it is for the
/// new one, at once.
fn late_refusal(
    work: &Work<'_>,
    claimed: &ClaimedWebhook,
    result: &WebhookResult,
    now: UnixMillis,
) -> Result<Option<WebhookResult>, DatabaseError> {
    let WebhookResult::GivenUp { attempt, disable: Some(WebhookDisabled::Gone) } = result else { return Ok(None) };
    let (tenant, webhook) = (claimed.tenant.to_string(), claimed.webhook.id.to_string());
    let mut statement = work.connection.prepare_cached(REVISION)?;
    let revision: Option<i64> = statement.query_row([tenant, webhook], |row| row.get(0)).optional()?;
    let is_late = revision.is_some_and(|revision| revision != claimed.webhook.revision);
    Ok(is_late.then(|| WebhookResult::Again { attempt: attempt.clone(), next_at: now }))
}

fn failed(
    work: &mut Work<'_>,
    claimed: &ClaimedWebhook,
    attempt: &WebhookAttempt,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    insert_attempt(work, claimed, attempt)?;
    let values = params![now.0, claimed.tenant.to_string(), claimed.webhook.id.to_string()];
    work.connection.prepare_cached(FAILING)?.execute(values)?;
    Ok(())
}

/// Send nothing to the webhook any more. What a person has changed since is another one, of which nothing is known; who
/// looked at it before changes nothing either.
fn disable(work: &mut Work<'_>, claimed: &ClaimedWebhook, reason: WebhookDisabled) -> Result<(), DatabaseError> {
    let (tenant, webhook) = (claimed.tenant.to_string(), claimed.webhook.id.to_string());
    let values = params![reason.as_str(), work.revision, tenant, webhook, claimed.webhook.revision];
    work.connection.prepare_cached(DISABLE)?.execute(values)?;
    Ok(())
}

fn give_up(
    work: &mut Work<'_>,
    claimed: &ClaimedWebhook,
    disable: Option<WebhookDisabled>,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    let reason = if disable == Some(WebhookDisabled::Gone) { "refused" } else { "attempts" };
    insert_dead(work, (claimed.tenant, &claimed.delivery), reason, now)
}

fn insert_dead(
    work: &Work<'_>,
    (tenant, delivery): (TenantId, &WebhookDelivery),
    reason: &str,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    let WebhookDelivery { webhook, source, event, .. } = delivery;
    let (of, id, webhook) = (tenant.to_string(), Uuid::now_v7().to_string(), webhook.to_string());
    work.connection.prepare_cached(INSERT_DEAD)?.execute(params![of, id, reason, webhook, source, event, now.0])?;
    deadletters::count_one(work, tenant)
}

fn insert_attempt(
    work: &mut Work<'_>,
    claimed: &ClaimedWebhook,
    attempt: &WebhookAttempt,
) -> Result<(), DatabaseError> {
    let WebhookDelivery { id, .. } = &claimed.delivery;
    let (tenant, id): (String, WebhookDeliveryId) = (claimed.tenant.to_string(), *id);
    let number: i64 =
        work.connection.prepare_cached(ATTEMPTS)?.query_row([&tenant, &id.to_string()], |row| row.get("attempts"))?;
    work.connection.prepare_cached(INSERT_ATTEMPT)?.execute(params![
        tenant,
        id.to_string(),
        number,
        attempt.sent_at.0,
        bigint(attempt.duration_ms),
        attempt.status,
        attempt.error,
    ])?;
    Ok(())
}
