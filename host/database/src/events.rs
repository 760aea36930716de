//! The outbox: published events, written with whatever published them, and kept until they are old.
//!
//! An event that nobody has looked for subscriptions of yet has a row in `pending_events` beside its own.

mod purge;

use std::{fmt, str::FromStr};

use domain::{ExecutionId, TenantId, UnixMillis, UserId};
use rusqlite::{OptionalExtension, Row, params};

pub use purge::Purged;

use crate::{
    Database, DatabaseError, Lease, PublishBounds,
    rows::{bytes, millis, optional_word, small_count, word},
    weights::{self, Held, Weight},
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

/// An event that nobody has looked for subscriptions of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PendingEvent {
    /// It can be looked at.
    Readable(StoredEvent),
    /// Its row cannot be understood.
    Unreadable {
        /// Its place in the order of events.
        position: EventPosition,
        /// Its source.
        source: String,
        /// Its id.
        id: String,
    },
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

impl PendingEvent {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        match StoredEvent::from_row(row) {
            Ok(stored) => Ok(Self::Readable(stored)),
            Err(_) => Ok(Self::Unreadable {
                position: EventPosition { revision: row.get("revision")?, ordinal: row.get("ordinal")? },
                source: row.get("source")?,
                id: row.get("id")?,
            }),
        }
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
    pub fn pending_events(&self, tenant: TenantId, limit: u32) -> Result<Vec<PendingEvent>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(PENDING)?;
            let rows = statement.query_map(params![tenant.to_string(), limit], PendingEvent::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<PendingEvent>>>()?)
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

    /// Publish an event that no execution publishes, as far as the tenant may hold more.
    ///
    /// # Errors
    /// [`DatabaseError::QuotaFull`]; [`DatabaseError::NotFound`] for an unknown tenant.
    pub async fn publish_event(
        &self,
        tenant: TenantId,
        event: OutboxEvent,
        bounds: PublishBounds,
    ) -> Result<Published, DatabaseError> {
        self.write(move |work| {
            if insert_pending(work, (tenant, None), 0, &event)? {
                weights::add(work, tenant, weight_of(&event).and(Weight::pending(1)))?.within(bounds)?;
                return Ok(Published { position: EventPosition { revision: work.revision, ordinal: 0 }, is_new: true });
            }
            let mut statement = work.connection.prepare_cached(GET)?;
            let parameters = [tenant.to_string(), event.source, event.id];
            let first = statement.query_row(parameters, StoredEvent::from_row)?;
            Ok(Published { position: first.position, is_new: false })
        })
        .await
    }
}

/// Write what an execution publishes. Answers what its tenant holds then; `None` where nothing was added.
pub(crate) fn insert(work: &Work<'_>, lease: &Lease, events: &[OutboxEvent]) -> Result<Option<Held>, DatabaseError> {
    let mut added = Weight::default();
    for (ordinal, event) in events.iter().enumerate() {
        if insert_pending(work, (lease.tenant, Some(lease.execution)), bytes(ordinal), event)? {
            added = added.and(weight_of(event)).and(Weight::pending(1));
        }
    }
    if added == Weight::default() { Ok(None) } else { weights::add(work, lease.tenant, added).map(Some) }
}

/// Write what Skerry tells of a change, together with the change.
pub(crate) fn tell(work: &Work<'_>, tenant: TenantId, event: Option<&OutboxEvent>) -> Result<(), DatabaseError> {
    match event {
        Some(event) => insert_one(work, (tenant, None), 0, event).map(drop),
        None => Ok(()),
    }
}

/// Write an event of Skerry's own and that it is pending: it counts, and no quota keeps it out. Answers whether its id is
/// new.
pub(crate) fn insert_one(
    work: &Work<'_>,
    (tenant, execution): (TenantId, Option<ExecutionId>),
    ordinal: i64,
    event: &OutboxEvent,
) -> Result<bool, DatabaseError> {
    let is_new = insert_pending(work, (tenant, execution), ordinal, event)?;
    if is_new {
        weights::add(work, tenant, weight_of(event).and(Weight::pending(1)))?;
    }
    Ok(is_new)
}

/// What an event counts in its tenant's storage.
pub(crate) fn weight_of(event: &OutboxEvent) -> Weight {
    Weight::event(event.data.len())
}

fn insert_pending(
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

/// Write an event for which nobody looks for subscriptions. The caller counts it.
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
