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
    SET status = $1, execution_id = NULL, error_kind = NULL, completed_at = NULL, redriven_by = $2,
        redriven_token = $3, redriven_session = $4
    WHERE tenant_id = $5 AND event_source = $6 AND event_id = $7 AND subscription_id = $8 AND status = 'dead'";
const SUBJECT: &str = "
    SELECT subject
    FROM event_deliveries
    WHERE tenant_id = $1 AND event_source = $2 AND event_id = $3 AND subscription_id = $4";
const INSERT: &str = "
    INSERT INTO event_deliveries (tenant_id, event_source, event_id, subscription_id, event_revision, event_ordinal,
                                  subject, status, redriven_by, redriven_token, redriven_session, created_at)
    VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $9, $10, $11)";

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

impl Redrive {
    fn person(&self) -> [Option<String>; 3] {
        let (token, session) = (self.token.map(|id| id.to_string()), self.session.map(|id| id.to_string()));
        [self.by.map(|user| user.to_string()), token, session]
    }
}

impl Database {
    /// Deliver the event of a dead letter again: the same event, by a new execution.
    ///
    /// # Errors
    /// [`DatabaseError::AlreadyRedriven`]; [`DatabaseError::NotFound`] where the letter, the event or the subscription is
    /// not there any more.
    pub async fn redrive_event(&self, tenant: TenantId, redrive: Redrive) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let (letter, subscription) = take(work, tenant, redrive)?;
            let source = letter.source.ok_or(DatabaseError::NotFound)?;
            let event = letter.event.ok_or(DatabaseError::NotFound)?;
            let key = [tenant.to_string(), source, event, subscription.to_string()];
            let mut statement = work.connection.prepare_cached(SUBJECT)?;
            let subject: Option<String> = statement.query_row(params_from_iter(&key), |row| row.get("subject"))?;
            let status = first_status(work, tenant, subscription, subject.as_deref())?;
            let [tenant, source, event, subscription] = &key;
            let [by, token, session] = redrive.person();
            let mut statement = work.connection.prepare_cached(AGAIN)?;
            let changed =
                statement.execute(params![status.as_str(), by, token, session, tenant, source, event, subscription])?;
            if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// Deliver another event in place of that of a dead letter, to its subscription alone. Answers the event's place.
    ///
    /// # Errors
    /// As [`Self::redrive_event`]; [`DatabaseError::QuotaFull`].
    pub async fn redrive_edited_event(
        &self,
        tenant: TenantId,
        redrive: Redrive,
        event: OutboxEvent,
        bounds: PublishBounds,
    ) -> Result<EventPosition, DatabaseError> {
        self.write(move |work| {
            let (_, subscription) = take(work, tenant, redrive)?;
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

fn take(work: &Work<'_>, tenant: TenantId, redrive: Redrive) -> Result<(DeadLetter, SubscriptionId), DatabaseError> {
    let letter = deadletters::take_for_redrive(work, tenant, redrive.letter, redrive.by, redrive.at)?;
    let subscription = letter.subscription.ok_or(DatabaseError::NotFound)?;
    Ok((letter, subscription))
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
