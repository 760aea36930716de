//! The way out of the outbox: from an event to its deliveries, and from a delivery to its execution.

use domain::{DeadLetterId, ExecutionId, Lineage, ScriptId, SubscriptionId, TenantId, UnixMillis, lineage::BUDGET};
use rusqlite::{OptionalExtension, params, params_from_iter};

use super::{
    DeliveryStatus, has_open,
    settling::{complete, script_of},
};
use crate::{
    Database, DatabaseError, DeadReason, EventPosition, QueuedExecution,
    deadletters::{self, DeadEvent},
    lineages, queue, webhooks,
    weights::{self, Weight},
    writer::Work,
};

const TAKE_PENDING: &str = "
    DELETE FROM pending_events WHERE tenant_id = $1 AND revision = $2 AND ordinal = $3";
const INSERT: &str = "
    INSERT INTO event_deliveries (tenant_id, event_source, event_id, subscription_id, event_revision, event_ordinal,
                                  subject, status, execution_id, created_at, completed_at, dead_letter_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (tenant_id, event_source, event_id, subscription_id) DO NOTHING";
const STATUS: &str = "
    SELECT status
    FROM event_deliveries
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3 AND subscription_id = $4";
const QUEUED: &str = "
    UPDATE event_deliveries
    SET status = 'queued', execution_id = $1
    WHERE tenant_id = $2 AND event_source = $3 AND event_id = $4 AND subscription_id = $5";

/// A pending event with the subscriptions that match it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expansion {
    /// Its place in the order of events.
    pub position: EventPosition,
    /// Its source.
    pub source: String,
    /// Its id.
    pub event: String,
    /// What it is about.
    pub subject: Option<String>,
    /// Its first cause, with the tenant of that: past the bounds of a chain one dead letter stands for all it led to.
    pub root: String,
    /// Whether its row can be understood. One that cannot is a dead letter that names it.
    pub readability: Readability,
    /// The chain whose budget its deliveries are counted against; `None` where they are not counted.
    pub counted: Option<Lineage>,
    /// Where it goes.
    pub deliveries: Vec<NewDelivery>,
}

/// Whether an event's row can be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readability {
    /// It can.
    Readable,
    /// It cannot, so that nobody knows whom it is for.
    Unreadable,
}

/// A delivery to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewDelivery {
    /// To which subscription.
    pub subscription: SubscriptionId,
    /// The subscription's script.
    pub script: ScriptId,
    /// What is to become of it.
    pub fate: Fate,
}

/// What is to become of a new delivery.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// This execution takes it, unless another of its subject goes first or the queue is full.
    Queue(Box<QueuedExecution>),
    /// An execution is made later: another of its subject goes first, or the batch is large enough.
    Wait,
    /// The script is paused, or not deployed: whoever pauses it says that it is not to run.
    Skip,
    /// It is given up.
    Dead(DeadReason),
}

/// What became of expansions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Expanded {
    /// Events that are not pending any more.
    pub events: usize,
    /// Executions that were accepted.
    pub queued: usize,
    /// Whether the tenant's queue had no room for one.
    pub is_full: bool,
}

/// What is to become of a delivery that is ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// The subscription.
    pub subscription: SubscriptionId,
    /// The event's source.
    pub source: String,
    /// The event's id.
    pub event: String,
    /// What is to become of it: an execution, or its end. Another fate leaves it where it is.
    pub fate: Fate,
}

/// What became of releases.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Deliveries that are not ready any more.
    pub deliveries: usize,
    /// Whether the tenant's queue had no room for one.
    pub is_full: bool,
}

impl Database {
    /// Turn pending events into deliveries, all in one write. An event that is not pending any more is left alone.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when a subscription or a script is gone: nothing is written, and to be tried again.
    pub async fn expand_events(
        &self,
        tenant: TenantId,
        expansions: Vec<Expansion>,
        now: UnixMillis,
    ) -> Result<Expanded, DatabaseError> {
        self.write(move |work| {
            let mut expanded = Expanded::default();
            let mut deliveries = 0;
            for expansion in &expansions {
                deliveries += expand(work, tenant, expansion, now, &mut expanded)?;
            }
            if expanded.events > 0 {
                let added = Weight::rows(deliveries).and(Weight::pending(expanded.events).less());
                weights::add(work, tenant, added)?;
            }
            Ok(expanded)
        })
        .await
    }

    /// Give ready deliveries their executions, as far as the tenant's queue has room.
    ///
    /// # Errors
    /// As [`Self::expand_events`].
    pub async fn release_deliveries(
        &self,
        tenant: TenantId,
        releases: Vec<Release>,
        now: UnixMillis,
    ) -> Result<Released, DatabaseError> {
        self.write(move |work| {
            let mut released = Released::default();
            for release in &releases {
                match release_one(work, tenant, release, now) {
                    Ok(is_released) => released.deliveries += usize::from(is_released),
                    Err(DatabaseError::QueueFull { .. }) => {
                        released.is_full = true;
                        break;
                    }
                    Err(error) => return Err(error),
                }
            }
            Ok(released)
        })
        .await
    }
}

/// Turn one event into its deliveries, those of webhooks too; answers how many.
fn expand(
    work: &mut Work<'_>,
    tenant: TenantId,
    expansion: &Expansion,
    now: UnixMillis,
    expanded: &mut Expanded,
) -> Result<usize, DatabaseError> {
    let EventPosition { revision, ordinal } = expansion.position;
    let taken =
        work.connection.prepare_cached(TAKE_PENDING)?.execute(params![tenant.to_string(), revision, ordinal])?;
    if taken == 0 {
        return Ok(0);
    }
    expanded.events += 1;
    if expansion.readability == Readability::Unreadable {
        let dead = DeadEvent {
            reason: DeadReason::Unreadable,
            to: None,
            execution: None,
            source: &expansion.source,
            event: &expansion.event,
            root: None,
        };
        deadletters::insert_event(work, tenant, &dead, now)?;
        return Ok(0);
    }
    let mut made = webhooks::expand(work, tenant, (&expansion.source, &expansion.event), now)?;
    for delivery in &expansion.deliveries {
        let Begun { status, execution, letter } = begin(work, tenant, expansion, delivery, now, expanded)?;
        let completed_at = matches!(status, DeliveryStatus::Skipped | DeliveryStatus::Dead).then_some(now.0);
        made += work.connection.prepare_cached(INSERT)?.execute(params![
            tenant.to_string(),
            expansion.source,
            expansion.event,
            delivery.subscription.to_string(),
            revision,
            ordinal,
            expansion.subject,
            status.as_str(),
            execution.map(|execution| execution.to_string()),
            now.0,
            completed_at,
            letter.map(|letter| letter.to_string()),
        ])?;
    }
    Ok(made)
}

/// What a new delivery begins as.
struct Begun {
    status: DeliveryStatus,
    execution: Option<ExecutionId>,
    /// The dead letter that stands for it among others.
    letter: Option<DeadLetterId>,
}

impl Begun {
    fn as_status(status: DeliveryStatus) -> Self {
        Self { status, execution: None, letter: None }
    }
}

/// What a new delivery begins as, with its execution where it has one.
fn begin(
    work: &mut Work<'_>,
    tenant: TenantId,
    expansion: &Expansion,
    delivery: &NewDelivery,
    now: UnixMillis,
    expanded: &mut Expanded,
) -> Result<Begun, DatabaseError> {
    let mut reason = None;
    match &delivery.fate {
        Fate::Skip => return Ok(Begun::as_status(DeliveryStatus::Skipped)),
        Fate::Dead(given) => reason = Some(*given),
        Fate::Queue(_) | Fate::Wait => {
            if let Some(lineage) = expansion.counted
                && lineages::count_one(work.connection, lineage, now)? > BUDGET
            {
                reason = Some(DeadReason::Budget);
            }
        }
    }
    if let Some(reason) = reason {
        // A chain without end would have as many letters as events.
        let is_of_chain = matches!(reason, DeadReason::Hops | DeadReason::Budget);
        let dead = DeadEvent {
            reason,
            to: Some((delivery.subscription, delivery.script)),
            execution: None,
            source: &expansion.source,
            event: &expansion.event,
            root: is_of_chain.then_some(expansion.root.as_str()),
        };
        let letter = deadletters::insert_event(work, tenant, &dead, now)?;
        let letter = is_of_chain.then_some(letter);
        return Ok(Begun { letter, ..Begun::as_status(DeliveryStatus::Dead) });
    }
    if let Some(subject) = &expansion.subject
        && has_open(work.connection, tenant, delivery.subscription, subject)?
    {
        return Ok(Begun::as_status(DeliveryStatus::Waiting));
    }
    let Fate::Queue(queued) = &delivery.fate else { return Ok(Begun::as_status(DeliveryStatus::Ready)) };
    // A full queue is said before anything is written.
    match queue::enqueue(work, queued) {
        Ok(()) => {
            expanded.queued += 1;
            Ok(Begun { execution: Some(queued.start.execution), ..Begun::as_status(DeliveryStatus::Queued) })
        }
        Err(DatabaseError::QueueFull { .. }) => {
            expanded.is_full = true;
            Ok(Begun::as_status(DeliveryStatus::Ready))
        }
        Err(error) => Err(error),
    }
}

/// Let one delivery go on, or end it; answers whether it did.
fn release_one(
    work: &mut Work<'_>,
    tenant: TenantId,
    release: &Release,
    now: UnixMillis,
) -> Result<bool, DatabaseError> {
    let key = [tenant.to_string(), release.source.clone(), release.event.clone(), release.subscription.to_string()];
    let status: Option<String> = work
        .connection
        .prepare_cached(STATUS)?
        .query_row(params_from_iter(&key), |row| row.get("status"))
        .optional()?;
    if status.as_deref() != Some(DeliveryStatus::Ready.as_str()) {
        return Ok(false);
    }
    let queued = match &release.fate {
        Fate::Queue(queued) => queued,
        Fate::Dead(reason) => return give_up(work, tenant, release, (*reason, now)).map(|()| true),
        Fate::Wait | Fate::Skip => return Ok(false),
    };
    queue::enqueue(work, queued)?;
    let [tenant, source, event, subscription] = &key;
    let execution = queued.start.execution.to_string();
    work.connection.prepare_cached(QUEUED)?.execute([&execution, tenant, source, event, subscription])?;
    Ok(true)
}

/// End a delivery that no execution can take: a person finds it among the dead letters.
fn give_up(
    work: &Work<'_>,
    tenant: TenantId,
    release: &Release,
    (reason, now): (DeadReason, UnixMillis),
) -> Result<(), DatabaseError> {
    let Release { subscription, source, event, .. } = release;
    let key = [tenant.to_string(), source.clone(), event.clone(), subscription.to_string()];
    let dead = DeadEvent {
        reason,
        to: Some((*subscription, script_of(work, &key[0], &key[3])?)),
        execution: None,
        source,
        event,
        root: None,
    };
    deadletters::insert_event(work, tenant, &dead, now)?;
    complete(work, &key, DeliveryStatus::Dead, None, now)
}
