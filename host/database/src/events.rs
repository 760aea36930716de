//! The outbox: published events, written with whatever published them, and kept until they are old.
//!
//! An event that nobody has looked for subscriptions of yet has a row in `pending_events` beside its own.

use std::{fmt, str::FromStr};

use domain::{ExecutionId, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, Lease,
    rows::{bytes, millis, optional_word, small_count, word},
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO outbox_events (tenant_id, source, id, execution_id, revision, ordinal, type, subject, time, hop, root,
                               root_tenant_id, published_by, data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)
    ON CONFLICT (tenant_id, source, id) DO NOTHING";
const INSERT_PENDING: &str = "
    INSERT INTO pending_events (tenant_id, revision, ordinal, source, event_id) VALUES ($1, $2, $3, $4, $5)";
const LIST: &str = "
    SELECT source, id, execution_id, revision, ordinal, type, subject, time, hop, root, root_tenant_id, published_by,
           data
    FROM outbox_events
    WHERE tenant_id = $1 AND (revision, ordinal) > ($2, $3)
    ORDER BY revision, ordinal
    LIMIT $4";
const GET: &str = "
    SELECT source, id, execution_id, revision, ordinal, type, subject, time, hop, root, root_tenant_id, published_by,
           data
    FROM outbox_events
    WHERE tenant_id = $1 AND source = $2 AND id = $3";
const GET_AT: &str = "
    SELECT source, id, execution_id, revision, ordinal, type, subject, time, hop, root, root_tenant_id, published_by,
           data
    FROM outbox_events
    WHERE tenant_id = $1 AND revision = $2 AND ordinal = $3";
// Without the data, which a list does not show.
const LATEST: &str = "
    SELECT source, id, execution_id, revision, ordinal, type, subject, time, hop, root, root_tenant_id, published_by,
           NULL AS data
    FROM outbox_events
    WHERE tenant_id = $1 AND (revision, ordinal) < ($2, $3)
    ORDER BY revision DESC, ordinal DESC
    LIMIT $4";
const PENDING: &str = "
    SELECT outbox_events.source, id, execution_id, outbox_events.revision, outbox_events.ordinal, type, subject, time,
           hop, root, root_tenant_id, published_by, data
    FROM pending_events
    JOIN outbox_events
        ON outbox_events.tenant_id = pending_events.tenant_id AND outbox_events.source = pending_events.source
        AND outbox_events.id = pending_events.event_id
    WHERE pending_events.tenant_id = $1
    ORDER BY pending_events.revision, pending_events.ordinal
    LIMIT $2";
const NEXT_PENDING_TENANT: &str = "
    SELECT tenant_id FROM pending_events WHERE tenant_id > $1 ORDER BY tenant_id LIMIT 1";
// A walk over an index, as far as the limit.
const PENDING_BEYOND: &str = "
    SELECT tenant_id FROM pending_events WHERE tenant_id = $1 LIMIT 1 OFFSET $2";
const HAS_OLD: &str = "
    SELECT 1
    FROM tenants
    WHERE id = $1 AND (
        (SELECT time FROM outbox_events WHERE tenant_id = $1 ORDER BY revision, ordinal LIMIT 1) < $2
        OR EXISTS (SELECT 1 FROM dead_letters WHERE tenant_id = $1 AND created_at < $3))";
// What still has to be delivered, and what a person may send again, is kept: as `DELETE` judges it.
const OLDEST: &str = "
    SELECT source, id, revision, ordinal, time,
        NOT EXISTS (
            SELECT 1
            FROM pending_events
            WHERE pending_events.tenant_id = $1 AND pending_events.source = outbox_events.source
                AND pending_events.event_id = outbox_events.id)
        AND NOT EXISTS (
            SELECT 1
            FROM event_deliveries
            WHERE event_deliveries.tenant_id = $1 AND event_source = outbox_events.source
                AND event_deliveries.event_id = outbox_events.id AND completed_at IS NULL)
        AND NOT EXISTS (
            SELECT 1
            FROM webhook_deliveries
            WHERE webhook_deliveries.tenant_id = $1 AND event_source = outbox_events.source
                AND webhook_deliveries.event_id = outbox_events.id)
        AND NOT EXISTS (
            SELECT 1
            FROM dead_letters
            WHERE dead_letters.tenant_id = $1 AND event_source = outbox_events.source
                AND dead_letters.event_id = outbox_events.id AND redriven_at IS NULL) AS is_free
    FROM outbox_events
    WHERE tenant_id = $1 AND (revision, ordinal) > ($2, $3)
    ORDER BY revision, ordinal
    LIMIT $4";
// What still has to be delivered, and what a person may send again, is kept.
const DELETE: &str = "
    DELETE FROM outbox_events
    WHERE tenant_id = $1 AND source = $2 AND id = $3
        AND NOT EXISTS (
            SELECT 1
            FROM pending_events
            WHERE pending_events.tenant_id = $1 AND pending_events.source = $2 AND pending_events.event_id = $3)
        AND NOT EXISTS (
            SELECT 1
            FROM event_deliveries
            WHERE event_deliveries.tenant_id = $1 AND event_source = $2 AND event_id = $3 AND completed_at IS NULL)
        AND NOT EXISTS (
            SELECT 1
            FROM webhook_deliveries
            WHERE webhook_deliveries.tenant_id = $1 AND event_source = $2 AND event_id = $3)
        AND NOT EXISTS (
            SELECT 1
            FROM dead_letters
            WHERE dead_letters.tenant_id = $1 AND event_source = $2 AND event_id = $3 AND redriven_at IS NULL)";

/// Old events that are removed in one transaction, each with up to a hundred deliveries.
const PURGED_AT_ONCE: usize = 20;

/// An event on its way to its subscribers (CloudEvents 1.0).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutboxEvent {
    /// Its id; one that this source has published already is not published again.
    pub id: String,
    /// Its type.
    pub event_type: String,
    /// Where it comes from, as the host says it.
    pub source: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Its data, sealed.
    pub data: Vec<u8>,
    /// When it was published.
    pub time: UnixMillis,
    /// How many executions lie between it and the first cause.
    pub hop: u32,
    /// The first cause.
    pub root: String,
    /// The tenant of the first cause; `None` for the event's own.
    pub root_tenant: Option<TenantId>,
    /// The person who published it, where it was one.
    pub published_by: Option<UserId>,
}

/// An event as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEvent {
    /// The event.
    pub event: OutboxEvent,
    /// The execution that published it.
    pub execution: Option<ExecutionId>,
    /// Its place in the order of events.
    pub position: EventPosition,
}

/// A place in the order of a tenant's events: by commit, then by publication.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct EventPosition {
    /// The revision of the commit.
    pub revision: i64,
    /// Which event of that commit it is, from 0.
    pub ordinal: i64,
}

/// What became of an event that was to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Published {
    /// The event's place; that of the first one where its source has published its id before.
    pub position: EventPosition,
    /// Whether it was published, and not one of that id before.
    pub is_new: bool,
}

/// A step of removing old events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many went.
    pub deleted: usize,
    /// From where to go on; `None` where what follows is younger.
    pub next: Option<EventPosition>,
}

impl fmt::Display for EventPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.revision, self.ordinal)
    }
}

impl FromStr for EventPosition {
    type Err = domain::Invalid;

    /// Read the form `12-0`.
    fn from_str(text: &str) -> Result<Self, domain::Invalid> {
        let parsed = text.split_once('-').and_then(|(revision, ordinal)| {
            let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
            let is_plain = is_plain(revision) && is_plain(ordinal);
            is_plain.then_some(())?;
            Some(Self { revision: revision.parse().ok()?, ordinal: ordinal.parse().ok()? })
        });
        parsed.ok_or_else(|| domain::Invalid::new("position", "an event's position is two numbers, as '12-0'"))
    }
}

impl StoredEvent {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            event: OutboxEvent {
                id: row.get("id")?,
                event_type: row.get("type")?,
                source: row.get("source")?,
                subject: row.get("subject")?,
                data: row.get::<_, Option<Vec<u8>>>("data")?.unwrap_or_default(),
                time: millis(row, "time")?,
                hop: small_count(row, "hop")?,
                root: row.get("root")?,
                root_tenant: optional_word(row, "root_tenant_id")?,
                published_by: optional_word(row, "published_by")?,
            },
            execution: optional_word(row, "execution_id")?,
            position: EventPosition { revision: row.get("revision")?, ordinal: row.get("ordinal")? },
        })
    }
}

impl Database {
    /// At most `limit` of the tenant's events behind `after`, in their order; from the first with the default position.
    pub fn list_events(
        &self,
        tenant: TenantId,
        after: EventPosition,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let parameters = params![tenant.to_string(), after.revision, after.ordinal, limit];
            let rows = statement.query_map(parameters, StoredEvent::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<StoredEvent>>>()?)
        })
    }

    /// At most `limit` of the tenant's events before `before`, the latest first, without their data.
    pub fn latest_events(
        &self,
        tenant: TenantId,
        before: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, DatabaseError> {
        let before = before.unwrap_or(EventPosition { revision: i64::MAX, ordinal: 0 });
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LATEST)?;
            let parameters = params![tenant.to_string(), before.revision, before.ordinal, limit];
            let rows = statement.query_map(parameters, StoredEvent::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<StoredEvent>>>()?)
        })
    }

    /// The event at a place in the order of events.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn event_at(&self, tenant: TenantId, position: EventPosition) -> Result<StoredEvent, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_AT)?;
            let parameters = params![tenant.to_string(), position.revision, position.ordinal];
            Ok(statement.query_row(parameters, StoredEvent::from_row)?)
        })
    }

    /// The event that `source` published under `id`; `None` where it did not, or it is old and gone.
    pub fn event(&self, tenant: TenantId, source: &str, id: &str) -> Result<Option<StoredEvent>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string().as_str(), source, id], StoredEvent::from_row).optional()?)
        })
    }

    /// The first `limit` of the tenant's events that nobody has looked for subscriptions of.
    pub fn pending_events(&self, tenant: TenantId, limit: u32) -> Result<Vec<StoredEvent>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(PENDING)?;
            let rows = statement.query_map(params![tenant.to_string(), limit], StoredEvent::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<StoredEvent>>>()?)
        })
    }

    /// The first tenant behind `after` that has such an event.
    pub fn next_tenant_with_pending_events(&self, after: Option<TenantId>) -> Result<Option<TenantId>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(NEXT_PENDING_TENANT)?;
            let after = after.map_or_else(String::new, |tenant| tenant.to_string());
            Ok(statement.query_row([after], |row| word(row, "tenant_id")).optional()?)
        })
    }

    /// Whether the tenant has more than `count` such events.
    pub fn has_more_pending_events(&self, tenant: TenantId, count: u32) -> Result<bool, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(PENDING_BEYOND)?;
            Ok(statement.exists(params![tenant.to_string(), count])?)
        })
    }

    /// Publish an event that no execution publishes.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown tenant.
    pub async fn publish_event(&self, tenant: TenantId, event: OutboxEvent) -> Result<Published, DatabaseError> {
        self.write(move |work| {
            if insert_one(work, (tenant, None), 0, &event)? {
                return Ok(Published { position: EventPosition { revision: work.revision, ordinal: 0 }, is_new: true });
            }
            let mut statement = work.connection.prepare_cached(GET)?;
            let parameters = [tenant.to_string(), event.source, event.id];
            let first = statement.query_row(parameters, StoredEvent::from_row)?;
            Ok(Published { position: first.position, is_new: false })
        })
        .await
    }

    /// Whether the tenant's first event is from before `events`, or a dead letter from before `letters`: whether a purge
    /// could find something.
    pub fn has_old_events(
        &self,
        tenant: TenantId,
        events: UnixMillis,
        letters: UnixMillis,
    ) -> Result<bool, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(HAS_OLD)?;
            Ok(statement.exists(params![tenant.to_string(), events.0, letters.0])?)
        })
    }

    /// Remove those of `limit` events behind `after` that were published before `before` and that nobody needs any more,
    /// with their deliveries. They are looked for by a read, and removed a few at a time: each may have a delivery to every
    /// subscription.
    pub async fn purge_events(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        after: EventPosition,
        limit: u32,
    ) -> Result<Purged, DatabaseError> {
        let (free, next) = self.read(|connection| oldest(connection, tenant, before, after, limit))?;
        let mut purged = Purged { deleted: 0, next };
        for events in free.chunks(PURGED_AT_ONCE) {
            let (tenant, events) = (tenant.to_string(), events.to_vec());
            purged.deleted += self
                .write(move |work| {
                    let mut deleted = 0;
                    for (source, id) in &events {
                        deleted += work.connection.prepare_cached(DELETE)?.execute([&tenant, source, id])?;
                    }
                    Ok::<usize, DatabaseError>(deleted)
                })
                .await?;
        }
        Ok(purged)
    }
}

/// Write what an execution publishes.
pub(crate) fn insert(work: &Work<'_>, lease: &Lease, events: &[OutboxEvent]) -> Result<(), DatabaseError> {
    for (ordinal, event) in events.iter().enumerate() {
        insert_one(work, (lease.tenant, Some(lease.execution)), bytes(ordinal), event)?;
    }
    Ok(())
}

/// Write what Skerry tells of a change, together with the change.
pub(crate) fn tell(work: &Work<'_>, tenant: TenantId, event: Option<&OutboxEvent>) -> Result<(), DatabaseError> {
    match event {
        Some(event) => insert_one(work, (tenant, None), 0, event).map(drop),
        None => Ok(()),
    }
}

/// Write an event and that it is pending. Answers whether its id is new.
pub(crate) fn insert_one(
    work: &Work<'_>,
    (tenant, execution): (TenantId, Option<ExecutionId>),
    ordinal: i64,
    event: &OutboxEvent,
) -> Result<bool, DatabaseError> {
    if !insert_event(work, (tenant, execution), ordinal, event)? {
        return Ok(false);
    }
    let mut statement = work.connection.prepare_cached(INSERT_PENDING)?;
    statement.execute(params![tenant.to_string(), work.revision, ordinal, event.source, event.id])?;
    Ok(true)
}

/// Write an event for which nobody looks for subscriptions.
pub(crate) fn insert_event(
    work: &Work<'_>,
    (tenant, execution): (TenantId, Option<ExecutionId>),
    ordinal: i64,
    event: &OutboxEvent,
) -> Result<bool, DatabaseError> {
    let written = work.connection.prepare_cached(INSERT)?.execute(params![
        tenant.to_string(),
        event.source,
        event.id,
        execution.map(|execution| execution.to_string()),
        work.revision,
        ordinal,
        event.event_type,
        event.subject,
        event.time.0,
        event.hop,
        event.root,
        event.root_tenant.map(|tenant| tenant.to_string()),
        event.published_by.map(|user| user.to_string()),
        event.data,
    ])?;
    Ok(written == 1)
}

/// Events that nobody needs any more, by source and id, and from where to go on.
type Oldest = (Vec<(String, String)>, Option<EventPosition>);

/// Of `limit` events behind `after` those that nobody needs any more.
fn oldest(
    connection: &Connection,
    tenant: TenantId,
    before: UnixMillis,
    after: EventPosition,
    limit: u32,
) -> Result<Oldest, DatabaseError> {
    let mut statement = connection.prepare_cached(OLDEST)?;
    let mut rows = statement.query(params![tenant.to_string(), after.revision, after.ordinal, limit])?;
    let (mut free, mut next) = (Vec::new(), None);
    while let Some(row) = rows.next()? {
        if millis(row, "time")? >= before {
            return Ok((free, None));
        }
        next = Some(EventPosition { revision: row.get("revision")?, ordinal: row.get("ordinal")? });
        if row.get("is_free")? {
            free.push((row.get("source")?, row.get("id")?));
        }
    }
    Ok((free, next))
}
