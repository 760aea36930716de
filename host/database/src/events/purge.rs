//! Old events go with their deliveries, as soon as nobody needs them any more.

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, params};

use super::EventPosition;
use crate::{
    Database, DatabaseError,
    rows::{count, millis},
    weights::{self, Weight},
    writer::Work,
};

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
                AND dead_letters.event_id = outbox_events.id AND redriven_at IS NULL)
        AND NOT EXISTS (
            SELECT 1
            FROM event_deliveries
            JOIN dead_letters
                ON dead_letters.tenant_id = $1 AND dead_letters.id = event_deliveries.dead_letter_id
                AND redriven_at IS NULL
            WHERE event_deliveries.tenant_id = $1 AND event_deliveries.event_source = outbox_events.source
                AND event_deliveries.event_id = outbox_events.id) AS is_free
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
            WHERE dead_letters.tenant_id = $1 AND event_source = $2 AND event_id = $3 AND redriven_at IS NULL)
        AND NOT EXISTS (
            SELECT 1
            FROM event_deliveries
            JOIN dead_letters
                ON dead_letters.tenant_id = $1 AND dead_letters.id = event_deliveries.dead_letter_id
                AND redriven_at IS NULL
            WHERE event_deliveries.tenant_id = $1 AND event_deliveries.event_source = $2
                AND event_deliveries.event_id = $3)
    RETURNING octet_length(data) AS size";
const COUNT_DELIVERIES: &str = "
    SELECT COUNT(*) AS deliveries
    FROM event_deliveries
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3";

/// Old events that are removed in one transaction, each with up to a hundred deliveries.
const PURGED_AT_ONCE: usize = 20;

/// A step of removing old events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Purged {
    /// How many went.
    pub deleted: usize,
    /// From where to go on; `None` where what follows is younger.
    pub next: Option<EventPosition>,
}

impl Database {
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
            let events = events.to_vec();
            purged.deleted += self.write(move |work| delete_free(work, tenant, &events)).await?;
        }
        Ok(purged)
    }
}

/// Remove those of these events that nobody needs any more, with their deliveries. Answers how many there were.
fn delete_free(work: &Work<'_>, tenant: TenantId, events: &[(String, String)]) -> Result<usize, DatabaseError> {
    let of = tenant.to_string();
    let (mut deleted, mut freed) = (0, Weight::default());
    for (source, id) in events {
        let mut statement = work.connection.prepare_cached(COUNT_DELIVERIES)?;
        let deliveries = statement.query_row([&of, source, id], |row| count(row, "deliveries"))?;
        let mut statement = work.connection.prepare_cached(DELETE)?;
        let size = statement.query_row([&of, source, id], |row| count(row, "size")).optional()?;
        if let Some(size) = size {
            deleted += 1;
            freed = freed.and(Weight::event(length(size))).and(Weight::rows(length(deliveries)));
        }
    }
    if deleted > 0 {
        weights::add(work, tenant, freed.less())?;
    }
    Ok(deleted)
}

fn length(count: u64) -> usize {
    usize::try_from(count).unwrap_or(usize::MAX)
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
