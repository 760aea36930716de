//! Published events: written with the execution that published them, read by whoever delivers them.

use domain::{ExecutionId, TenantId, UnixMillis};
use rusqlite::{Row, params};

use crate::{
    Database, DatabaseError, Lease,
    rows::{bytes, millis, optional_word, small_count},
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO outbox_events (tenant_id, source, id, execution_id, revision, ordinal, type, subject, time, hop, root,
                               data)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (tenant_id, source, id) DO NOTHING";
const LIST: &str = "
    SELECT source, id, execution_id, revision, ordinal, type, subject, time, hop, root, data
    FROM outbox_events
    WHERE tenant_id = $1 AND (revision, ordinal) > ($2, $3)
    ORDER BY revision, ordinal
    LIMIT $4";

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

impl StoredEvent {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            event: OutboxEvent {
                id: row.get("id")?,
                event_type: row.get("type")?,
                source: row.get("source")?,
                subject: row.get("subject")?,
                data: row.get("data")?,
                time: millis(row, "time")?,
                hop: small_count(row, "hop")?,
                root: row.get("root")?,
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
}

pub(crate) fn insert(work: &Work<'_>, lease: &Lease, events: &[OutboxEvent]) -> Result<(), DatabaseError> {
    for (ordinal, event) in events.iter().enumerate() {
        work.connection.prepare_cached(INSERT)?.execute(params![
            lease.tenant.to_string(),
            event.source,
            event.id,
            lease.execution.to_string(),
            work.revision,
            bytes(ordinal),
            event.event_type,
            event.subject,
            event.time.0,
            event.hop,
            event.root,
            event.data,
        ])?;
    }
    Ok(())
}
