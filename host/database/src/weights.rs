//! What a tenant's events weigh: the bytes of events, deliveries and dead letters, which count as its storage, and how many
//! events are pending. Both are kept with each write, so that a bound is judged where it holds.

use domain::TenantId;
use rusqlite::{Row, params};

use crate::{
    DatabaseError,
    rows::{bigint, bytes, count},
    writer::Work,
};

const ADD: &str = "
    UPDATE tenants
    SET event_bytes = event_bytes + $1, pending_events = pending_events + $2
    WHERE id = $3
    RETURNING storage_bytes + event_bytes AS stored_bytes, pending_events";

/// An event's row beside its data, with its indices: names have at most 200 bytes each. As the migration counts.
const EVENT_BYTES: i64 = 512;
/// A delivery or a dead letter.
const ROW_BYTES: i64 = 256;

/// What a write adds; negative where it takes away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Weight {
    bytes: i64,
    pending: i64,
}

/// What a tenant may hold when somebody publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishBounds {
    /// Bytes of storage, events included.
    pub storage_bytes: u64,
    /// Events that wait for their subscriptions to be looked for.
    pub pending_events: u64,
}

/// What the tenant holds after a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    stored_bytes: u64,
    pending_events: u64,
}

impl Weight {
    /// An event with so many bytes of data.
    pub(crate) fn event(data: usize) -> Self {
        Self { bytes: EVENT_BYTES + bytes(data), pending: 0 }
    }

    /// Deliveries and dead letters.
    pub(crate) fn rows(rows: usize) -> Self {
        Self { bytes: ROW_BYTES * bytes(rows), pending: 0 }
    }

    /// Entries of events that are pending.
    pub(crate) fn pending(events: usize) -> Self {
        Self { bytes: 0, pending: bytes(events) }
    }

    pub(crate) fn and(self, other: Self) -> Self {
        Self { bytes: self.bytes + other.bytes, pending: self.pending + other.pending }
    }

    /// The same, taken away.
    pub(crate) fn less(self) -> Self {
        Self { bytes: -self.bytes, pending: -self.pending }
    }
}

impl Held {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { stored_bytes: count(row, "stored_bytes")?, pending_events: count(row, "pending_events")? })
    }

    /// Whether the tenant's storage is beyond `limit_bytes`.
    pub(crate) fn is_beyond(self, limit_bytes: u64) -> bool {
        bigint(self.stored_bytes) > bigint(limit_bytes)
    }

    /// Whether more of the tenant's events are pending than `limit`.
    pub(crate) fn has_more_pending_than(self, limit: u64) -> bool {
        self.pending_events > limit
    }

    /// See that it is within what a publisher may add to.
    ///
    /// # Errors
    /// [`DatabaseError::QuotaFull`], which undoes the write.
    pub(crate) fn within(self, bounds: PublishBounds) -> Result<(), DatabaseError> {
        if self.has_more_pending_than(bounds.pending_events) {
            return Err(DatabaseError::QuotaFull { quota: "pending_events", limit: bounds.pending_events });
        }
        if self.is_beyond(bounds.storage_bytes) {
            return Err(DatabaseError::QuotaFull { quota: "storage_bytes", limit: bounds.storage_bytes });
        }
        Ok(())
    }
}

/// Add to what the tenant holds, in the write that does. Answers what that is from now on.
///
/// # Errors
/// [`DatabaseError::NotFound`] for an unknown tenant.
pub(crate) fn add(work: &Work<'_>, tenant: TenantId, weight: Weight) -> Result<Held, DatabaseError> {
    let mut statement = work.connection.prepare_cached(ADD)?;
    Ok(statement.query_row(params![weight.bytes, weight.pending, tenant.to_string()], Held::from_row)?)
}
