//! Sending what was given up again: the same event, or an edited one in its place.

use domain::{DeadLetterId, SessionId, SubscriptionId, TenantId, TokenId, UnixMillis, UserId};
use rusqlite::{params, params_from_iter};

use super::{DeliveryStatus, has_open};
use crate::{
    Database, DatabaseError, EventPosition, OutboxEvent, PublishBounds, QueuedExecution,
    deadletters::{self, DeadLetter},
    events, queue,
    weights::{self, Weight},
    writer::Work,
};

const AGAIN: &str = "
    UPDATE event_deliveries
    SET status = $1, execution_id = NULL, error_kind = NULL, completed_at = NULL, dead_letter_id = NULL,
        redriven_by = $2, redriven_token = $3, redriven_session = $4
    WHERE tenant_id = $5 AND event_source = $6 AND event_id = $7 AND subscription_id = $8 AND status = 'dead'";
const SUBJECT: &str = "
    SELECT subject
    FROM event_deliveries
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3 AND subscription_id = $4";
const INSERT: &str = "
    INSERT INTO event_deliveries (tenant_id, event_source, event_id, subscription_id, event_revision, event_ordinal,
                                  subject, status, redriven_by, redriven_token, redriven_session, created_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11)";

// What a letter stands for, in the order of events.
const OF_LETTER: &str = "
    SELECT event_source, event_id
    FROM event_deliveries
    WHERE tenant_id = $1 AND dead_letter_id = $2 AND status = 'dead'
    ORDER BY event_revision, event_ordinal
    LIMIT $3";
const REPLACED: &str = "
    UPDATE event_deliveries
    SET dead_letter_id = NULL
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3 AND subscription_id = $4";

/// Events of one letter that are sent again at once: it takes some ten milliseconds. Whoever asks again sends the next.
const SENT_AT_ONCE: u32 = 1_000;

/// An event by its source and its id.
type EventKey = (String, String);

/// Who sends a dead letter again, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Redrive {
    /// The dead letter.
    pub letter: DeadLetterId,
    /// Who.
    pub by: Option<UserId>,
    /// By which token of theirs.
    pub token: Option<TokenId>,
    /// By which session of theirs.
    pub session: Option<SessionId>,
    /// When.
    pub at: UnixMillis,
}

/// An event that is sent in the place of one that was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Replacement {
    /// It.
    pub event: OutboxEvent,
    /// The source of the other one.
    pub source: String,
    /// The id of the other one: where the letter names another by now, somebody was faster.
    pub id: String,
}

impl Redrive {
    fn person(&self) -> [Option<String>; 3] {
        let (token, session) = (self.token.map(|id| id.to_string()), self.session.map(|id| id.to_string()));
        [self.by.map(|user| user.to_string()), token, session]
    }
}

impl Database {
    /// Deliver the event of a dead letter again: the same event, by a new execution. Of a letter that stands for many it
    /// is the first thousand, each, and the letter stands for the others from then on.
    ///
    /// # Errors
    /// [`DatabaseError::AlreadyRedriven`]; [`DatabaseError::NotFound`] where the letter, the event or the subscription is
    /// not there any more.
    pub async fn redrive_event(&self, tenant: TenantId, redrive: Redrive) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let (letter, subscription) = take(work, tenant, redrive.letter)?;
            let mut events = stood_for(work, tenant, letter.id, SENT_AT_ONCE)?;
            if events.is_empty() {
                events.push(named(letter)?);
            }
            for event in &events {
                send_again(work, (tenant, subscription), event, &redrive)?;
            }
            note_sent(work, tenant, &redrive, events.len())
        })
        .await
    }

    /// Deliver another event in place of the one that a dead letter names, to its subscription alone. A letter that stands
    /// for more names the next from then on. Answers the event's place.
    ///
    /// # Errors
    /// As [`Self::redrive_event`]; [`DatabaseError::QuotaFull`].
    pub async fn redrive_edited_event(
        &self,
        tenant: TenantId,
        redrive: Redrive,
        replacement: Replacement,
        bounds: PublishBounds,
    ) -> Result<EventPosition, DatabaseError> {
        let Replacement { event, source, id } = replacement;
        self.write(move |work| {
            let (letter, subscription) = take(work, tenant, redrive.letter)?;
            if named(letter)? != (source.clone(), id.clone()) {
                return Err(DatabaseError::AlreadyRedriven);
            }
            let key = [tenant.to_string(), source, id, subscription.to_string()];
            work.connection.prepare_cached(REPLACED)?.execute(params_from_iter(&key))?;
            note_sent(work, tenant, &redrive, 1)?;
            events::insert_event(work, (tenant, None), 0, &event)?;
            weights::add(work, tenant, events::weight_of(&event).and(Weight::rows(1)))?.within(bounds)?;
            let [by, token, session] = redrive.person();
            let status = first_status(work, tenant, subscription, event.subject.as_deref())?;
            work.connection.prepare_cached(INSERT)?.execute(params![
                tenant.to_string(),
                event.source,
                event.id,
                subscription.to_string(),
                work.revision,
                event.subject,
                status.as_str(),
                by,
                token,
                session,
                redrive.at.0,
            ])?;
            Ok(EventPosition { revision: work.revision, ordinal: 0 })
        })
        .await
    }

    /// Run what a dead letter of an execution has once more, as this new execution.
    ///
    /// # Errors
    /// [`DatabaseError::AlreadyRedriven`], [`DatabaseError::QueueFull`], [`DatabaseError::NotFound`].
    pub async fn redrive_execution(
        &self,
        tenant: TenantId,
        redrive: Redrive,
        queued: QueuedExecution,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            deadletters::take_for_redrive(work, tenant, redrive.letter, redrive.by, redrive.at)?;
            queue::enqueue(work, &queued)
        })
        .await
    }
}

/// A letter that can be sent again, and to whom.
fn take(
    work: &Work<'_>,
    tenant: TenantId,
    letter: DeadLetterId,
) -> Result<(DeadLetter, SubscriptionId), DatabaseError> {
    let letter = deadletters::find_open(work, tenant, letter)?;
    let subscription = letter.subscription.ok_or(DatabaseError::NotFound)?;
    Ok((letter, subscription))
}

/// The event that a letter names.
fn named(letter: DeadLetter) -> Result<EventKey, DatabaseError> {
    letter.source.zip(letter.event).ok_or(DatabaseError::NotFound)
}

/// The first events that a letter of many stands for; none for a letter of one.
fn stood_for(
    work: &Work<'_>,
    tenant: TenantId,
    letter: DeadLetterId,
    limit: u32,
) -> Result<Vec<EventKey>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(OF_LETTER)?;
    let parameters = params![tenant.to_string(), letter.to_string(), limit];
    let rows = statement.query_map(parameters, |row| Ok((row.get("event_source")?, row.get("event_id")?)))?;
    Ok(rows.collect::<rusqlite::Result<Vec<EventKey>>>()?)
}

/// Let one event be delivered again.
fn send_again(
    work: &Work<'_>,
    (tenant, subscription): (TenantId, SubscriptionId),
    (source, event): &EventKey,
    redrive: &Redrive,
) -> Result<(), DatabaseError> {
    let key = [tenant.to_string(), source.clone(), event.clone(), subscription.to_string()];
    let mut statement = work.connection.prepare_cached(SUBJECT)?;
    let subject: Option<String> = statement.query_row(params_from_iter(&key), |row| row.get("subject"))?;
    let status = first_status(work, tenant, subscription, subject.as_deref())?;
    let [tenant, source, event, subscription] = &key;
    let [by, token, session] = redrive.person();
    let mut statement = work.connection.prepare_cached(AGAIN)?;
    let changed =
        statement.execute(params![status.as_str(), by, token, session, tenant, source, event, subscription])?;
    if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
}

/// Note that so many events of a letter were sent: it is done with, or stands for those that are left.
fn note_sent(work: &Work<'_>, tenant: TenantId, redrive: &Redrive, sent: usize) -> Result<(), DatabaseError> {
    match stood_for(work, tenant, redrive.letter, 1)?.first() {
        Some(first) => deadletters::leave_the_rest(work, tenant, redrive.letter, (first, sent)),
        None => deadletters::mark_redriven(work, tenant, redrive.letter, (redrive.by, redrive.at)),
    }
}

/// What a delivery begins as that comes from a person.
fn first_status(
    work: &Work<'_>,
    tenant: TenantId,
    subscription: SubscriptionId,
    subject: Option<&str>,
) -> Result<DeliveryStatus, DatabaseError> {
    let must_wait = match subject {
        Some(subject) => has_open(work.connection, tenant, subscription, subject)?,
        None => false,
    };
    Ok(if must_wait { DeliveryStatus::Waiting } else { DeliveryStatus::Ready })
}
