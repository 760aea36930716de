//! Webhooks: addresses outside that a tenant's events are sent to. Where to and signed with what is sealed.
//!
//! Events become deliveries in [`deliveries`], and [`claims`] is how one is taken, sent and settled.

mod claims;
mod deliveries;

use domain::{EventPattern, TenantId, UnixMillis, UserId, WebhookId};
use rusqlite::{Connection, OptionalExtension, Row, params};

pub use claims::{ClaimedWebhook, WebhookResult, WebhookSettled};
pub(crate) use deliveries::expand;
pub use deliveries::{
    WebhookAttempt, WebhookCursor, WebhookDelivery, WebhookDeliveryStatus, WebhookEvent, WebhookTest,
};

use crate::{
    Database, DatabaseError,
    rows::{count, millis, optional_millis, optional_word, readable, unreadable, word},
    weights::{self, Weight},
    words::stored_words,
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO webhooks (tenant_id, id, revision, description, patterns, source, is_active, created_at, updated_at,
                          set_by, target)
    SELECT $1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10
    WHERE (SELECT COUNT(*) FROM webhooks WHERE tenant_id = $1) < $11";
const UPDATE: &str = "
    UPDATE webhooks
    SET revision = $1, description = $2, patterns = $3, source = $4, is_active = $5, updated_at = $6, set_by = $7,
        target = $8,
        disabled_reason = CASE WHEN $5 THEN NULL ELSE disabled_reason END,
        failing_since = CASE WHEN $5 AND NOT is_active THEN NULL ELSE failing_since END
    WHERE tenant_id = $9 AND id = $10 AND revision = $11";
const GET: &str = "
    SELECT id, revision, description, patterns, source, is_active, disabled_reason, failing_since, created_at,
           updated_at, set_by, target
    FROM webhooks
    WHERE tenant_id = $1 AND id = $2";
const LIST: &str = "
    SELECT id, revision, description, patterns, source, is_active, disabled_reason, failing_since, created_at,
           updated_at, set_by, target
    FROM webhooks
    WHERE tenant_id = $1 AND id > $2
    ORDER BY id";
const ACTIVE_PATTERNS: &str = "SELECT patterns FROM webhooks WHERE tenant_id = $1 AND is_active";
const REVISION: &str = "SELECT revision FROM webhooks WHERE tenant_id = $1 AND id = $2";
const STOP: &str = "UPDATE webhooks SET is_active = FALSE WHERE tenant_id = $1 AND id = $2";
const DELETE_DELIVERIES: &str = "
    DELETE FROM webhook_deliveries
    WHERE tenant_id = $1 AND id IN (
        SELECT id FROM webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2 ORDER BY created_at, id LIMIT $3)";
const COUNT_DELIVERIES: &str = "
    SELECT COUNT(*) AS deliveries FROM webhook_deliveries WHERE tenant_id = $1 AND webhook_id = $2";
const DELETE: &str = "DELETE FROM webhooks WHERE tenant_id = $1 AND id = $2";

/// Deliveries that are removed in one transaction, with what became of each time: it takes some milliseconds.
const DELETED_AT_ONCE: u32 = 500;

stored_words!(
    /// Why Skerry stopped sending to a webhook.
    WebhookDisabled, "disabled_reason", {
        /// Its address answered 410.
        Gone = "gone",
        /// It took nothing for days.
        Failing = "failing",
        /// Whoever set it last may not do so any more.
        Rights = "rights",
    }
);

/// A webhook.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its id.
    pub id: WebhookId,
    /// Goes up with every change.
    pub revision: i64,
    /// What it is for, for people.
    pub description: String,
    /// Which types of events it is sent.
    pub patterns: Vec<EventPattern>,
    /// Only events of this source; `None` for every source.
    pub source: Option<String>,
    /// Whether events are sent to it.
    pub is_active: bool,
    /// Why Skerry itself stopped.
    pub disabled: Option<WebhookDisabled>,
    /// The first failure since something was last taken.
    pub failing_since: Option<UnixMillis>,
    /// When it was made.
    pub created_at: UnixMillis,
    /// When a person last changed it.
    pub updated_at: UnixMillis,
    /// Who did.
    pub set_by: Option<UserId>,
    /// Where to and signed with what, sealed.
    pub target: Vec<u8>,
}

/// A webhook as it is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebhookChange {
    /// Its id.
    pub id: WebhookId,
    /// The revision that is changed; `None` makes it.
    pub expected_revision: Option<i64>,
    /// What it is for.
    pub description: String,
    /// Which types of events it is sent.
    pub patterns: Vec<EventPattern>,
    /// Only events of this source.
    pub source: Option<String>,
    /// Whether events are sent to it.
    pub is_active: bool,
    /// Who says so.
    pub set_by: Option<UserId>,
    /// When.
    pub set_at: UnixMillis,
    /// Where to and signed with what, sealed.
    pub target: Vec<u8>,
}

impl Webhook {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            revision: row.get("revision")?,
            description: row.get("description")?,
            patterns: patterns(row)?,
            source: row.get("source")?,
            is_active: row.get("is_active")?,
            disabled: optional_word(row, "disabled_reason")?,
            failing_since: optional_millis(row, "failing_since")?,
            created_at: millis(row, "created_at")?,
            updated_at: millis(row, "updated_at")?,
            set_by: optional_word(row, "set_by")?,
            target: row.get("target")?,
        })
    }

    /// Whether an event of this type and source is sent to it.
    pub fn matches(&self, event_type: &str, source: &str) -> bool {
        self.source.as_ref().is_none_or(|only| only == source)
            && self.patterns.iter().any(|pattern| pattern.matches(event_type))
    }
}

impl Database {
    /// One webhook.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn webhook(&self, tenant: TenantId, id: WebhookId) -> Result<Webhook, DatabaseError> {
        self.read(|connection| find(connection, tenant, id)?.ok_or(DatabaseError::NotFound))
    }

    /// A page of the tenant's webhooks by id, and so by age, behind `after`.
    pub fn list_webhooks(
        &self,
        tenant: TenantId,
        after: Option<WebhookId>,
        limit: u32,
    ) -> Result<Vec<Webhook>, DatabaseError> {
        self.read(|connection| list(connection, tenant, after, limit))
    }

    /// Which types the tenant's active webhooks ask for.
    pub fn webhook_patterns(&self, tenant: TenantId) -> Result<Vec<EventPattern>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(ACTIVE_PATTERNS)?;
            let all = readable(statement.query_map([tenant.to_string()], patterns)?, "webhook")?;
            Ok(all.into_iter().flatten().collect())
        })
    }

    /// Make a webhook, of which a tenant has at most `most`, or change one; answers its revision. One that Skerry
    /// stopped and that is active again begins anew.
    ///
    /// # Errors
    /// [`DatabaseError::QueueFull`] when the tenant has that many; [`DatabaseError::Stale`] when one that is to be
    /// changed has another revision, [`DatabaseError::NotFound`] when it is gone.
    pub async fn put_webhook(&self, tenant: TenantId, change: WebhookChange, most: u32) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            match change.expected_revision {
                None => insert(work.connection, tenant, &change, (work.revision, most))?,
                Some(expected) => update(work.connection, tenant, &change, (work.revision, expected))?,
            }
            Ok(work.revision)
        })
        .await
    }

    /// Remove a webhook with its deliveries. Nothing is sent to it from the first write on, and its deliveries go some
    /// hundred at a time, so that other writes get in between; what a crash cut off is an inactive webhook, to be deleted
    /// again.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn delete_webhook(&self, tenant: TenantId, id: WebhookId) -> Result<(), DatabaseError> {
        let key = [tenant.to_string(), id.to_string()];
        let stop = key.clone();
        self.write(move |work| {
            let stopped = work.connection.prepare_cached(STOP)?.execute(stop)?;
            if stopped == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await?;
        let mut deleted = DELETED_AT_ONCE as usize;
        while deleted == DELETED_AT_ONCE as usize {
            let [of, id] = key.clone();
            deleted = self
                .write(move |work| {
                    work.change_nothing();
                    let mut statement = work.connection.prepare_cached(DELETE_DELIVERIES)?;
                    let deleted = statement.execute(params![of, id, DELETED_AT_ONCE])?;
                    weights::add(work, tenant, Weight::rows(deleted).less())?;
                    Ok(deleted)
                })
                .await?;
        }
        self.write(move |work| {
            // It was told of by the first write.
            work.change_nothing();
            // What was made meanwhile goes with it.
            let mut statement = work.connection.prepare_cached(COUNT_DELIVERIES)?;
            let left = statement.query_row([&key[0], &key[1]], |row| count(row, "deliveries"))?;
            weights::add(work, tenant, Weight::rows(usize::try_from(left).unwrap_or(usize::MAX)).less())?;
            let deleted = work.connection.prepare_cached(DELETE)?.execute(key)?;
            if deleted == 0 { Err(DatabaseError::NotFound) } else { Ok(()) }
        })
        .await
    }
}

fn find(connection: &Connection, tenant: TenantId, id: WebhookId) -> Result<Option<Webhook>, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row([tenant.to_string(), id.to_string()], Webhook::from_row).optional()?)
}

fn list(
    connection: &Connection,
    tenant: TenantId,
    after: Option<WebhookId>,
    limit: u32,
) -> Result<Vec<Webhook>, DatabaseError> {
    let after = after.map_or_else(String::new, |id| id.to_string());
    let mut statement = connection.prepare_cached(LIST)?;
    let rows = statement.query_map([tenant.to_string(), after], Webhook::from_row)?;
    // There are some hundred at most; those that cannot be read take no place of the page.
    let mut found = readable(rows, "webhook")?;
    found.truncate(limit as usize);
    Ok(found)
}

/// The tenant's webhooks. One that is active and whose row cannot be read is stopped: it is nobody else's harm.
pub(crate) fn all_readable(work: &Work<'_>, tenant: TenantId) -> Result<Vec<Webhook>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(LIST)?;
    let mut rows = statement.query([tenant.to_string().as_str(), ""])?;
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    while let Some(row) = rows.next()? {
        match Webhook::from_row(row).map_err(DatabaseError::from) {
            Ok(webhook) => found.push(webhook),
            Err(error) if error.is_unreadable() => {
                if row.get::<_, bool>("is_active").unwrap_or(true) {
                    unreadable.push(row.get::<_, String>("id")?);
                }
            }
            Err(error) => return Err(error),
        }
    }
    for id in unreadable {
        tracing::error!(tenant.id = %tenant, webhook.id = id, "a webhook cannot be read and is stopped");
        work.connection.prepare_cached(STOP)?.execute([&tenant.to_string(), &id])?;
    }
    Ok(found)
}

fn insert(
    connection: &Connection,
    tenant: TenantId,
    change: &WebhookChange,
    (revision, most): (i64, u32),
) -> Result<(), DatabaseError> {
    let inserted = connection.prepare_cached(INSERT)?.execute(params![
        tenant.to_string(),
        change.id.to_string(),
        revision,
        change.description,
        texts(&change.patterns)?,
        change.source,
        change.is_active,
        change.set_at.0,
        change.set_by.map(|user| user.to_string()),
        change.target,
        most,
    ])?;
    if inserted == 0 { Err(DatabaseError::QueueFull { limit: most.into() }) } else { Ok(()) }
}

fn update(
    connection: &Connection,
    tenant: TenantId,
    change: &WebhookChange,
    (revision, expected): (i64, i64),
) -> Result<(), DatabaseError> {
    let changed = connection.prepare_cached(UPDATE)?.execute(params![
        revision,
        change.description,
        texts(&change.patterns)?,
        change.source,
        change.is_active,
        change.set_at.0,
        change.set_by.map(|user| user.to_string()),
        change.target,
        tenant.to_string(),
        change.id.to_string(),
        expected,
    ])?;
    if changed > 0 {
        return Ok(());
    }
    let mut statement = connection.prepare_cached(REVISION)?;
    let current = statement.query_row([tenant.to_string(), change.id.to_string()], |row| row.get(0)).optional()?;
    Err(current.map_or(DatabaseError::NotFound, |current| DatabaseError::Stale { current }))
}

fn texts(patterns: &[EventPattern]) -> rusqlite::Result<String> {
    let texts: Vec<&str> = patterns.iter().map(EventPattern::as_str).collect();
    serde_json::to_string(&texts).map_err(unreadable)
}

fn patterns(row: &Row<'_>) -> rusqlite::Result<Vec<EventPattern>> {
    let texts: Vec<String> = serde_json::from_str(&row.get::<_, String>("patterns")?).map_err(unreadable)?;
    texts.iter().map(|text| EventPattern::parse(text).map_err(unreadable)).collect()
}
