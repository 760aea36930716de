//! Dead letters: what was given up, kept until a person has looked at it.

use domain::{DeadLetterId, ExecutionId, ScriptId, SubscriptionId, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{millis, optional_millis, optional_word, word},
    words::stored_words,
    writer::Work,
};

const INSERT_EXECUTION: &str = "
    INSERT INTO dead_letters (tenant_id, id, kind, reason, script_id, execution_id, created_at)
    VALUES ($1, $2, 'execution', 'rescues', $3, $4, $5)";
const INSERT_EVENT: &str = "
    INSERT INTO dead_letters (tenant_id, id, kind, reason, script_id, execution_id, subscription_id, event_source,
                              event_id, created_at)
    VALUES ($1, $2, 'event', $3, $4, $5, $6, $7, $8, $9)";
const GET: &str = "
    SELECT id, kind, reason, script_id, execution_id, subscription_id, event_source, event_id, created_at, redriven_at,
           redriven_by
    FROM dead_letters
    WHERE tenant_id = $1 AND id = $2";
const LIST: &str = "
    SELECT id, kind, reason, script_id, execution_id, subscription_id, event_source, event_id, created_at, redriven_at,
           redriven_by
    FROM dead_letters
    WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)
    ORDER BY created_at DESC, id DESC
    LIMIT $4";
const REDRIVEN: &str = "
    UPDATE dead_letters SET redriven_at = $1, redriven_by = $2 WHERE tenant_id = $3 AND id = $4";
const DELETE: &str = "DELETE FROM dead_letters WHERE tenant_id = $1 AND id = $2";
const PURGE: &str = "
    DELETE FROM dead_letters
    WHERE tenant_id = $1 AND id IN (
        SELECT id FROM dead_letters WHERE tenant_id = $1 AND created_at < $2 ORDER BY created_at LIMIT $3)";

stored_words!(
    /// What was given up.
    DeadLetterKind, "kind", {
        /// An execution.
        Execution = "execution",
        /// An event on its way to a subscription.
        Event = "event",
        /// An event on its way to a webhook.
        Webhook = "webhook",
    }
);

stored_words!(
    /// Why it was given up.
    DeadReason, "reason", {
        /// Its attempts are used up.
        Attempts = "attempts",
        /// Processes ended again and again while they ran it.
        Rescues = "rescues",
        /// Its chain of events is too long.
        Hops = "hops",
        /// Its chain led to too much.
        Budget = "budget",
        /// It failed in a way that no other attempt would change.
        Refused = "refused",
    }
);

/// What was given up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadLetter {
    /// Its id.
    pub id: DeadLetterId,
    /// What it is.
    pub kind: DeadLetterKind,
    /// Why.
    pub reason: DeadReason,
    /// The script that could not take it.
    pub script: Option<ScriptId>,
    /// The execution that failed, where there was one.
    pub execution: Option<ExecutionId>,
    /// The subscription that it was for.
    pub subscription: Option<SubscriptionId>,
    /// The event's source.
    pub source: Option<String>,
    /// The event's id.
    pub event: Option<String>,
    /// When it was given up.
    pub created_at: UnixMillis,
    /// When it was sent again.
    pub redriven_at: Option<UnixMillis>,
    /// By whom.
    pub redriven_by: Option<UserId>,
}

/// An event that a subscription is not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadEvent<'a> {
    pub(crate) reason: DeadReason,
    pub(crate) script: ScriptId,
    pub(crate) execution: Option<ExecutionId>,
    pub(crate) subscription: SubscriptionId,
    pub(crate) source: &'a str,
    pub(crate) event: &'a str,
}

impl DeadLetter {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            id: word(row, "id")?,
            kind: word(row, "kind")?,
            reason: word(row, "reason")?,
            script: optional_word(row, "script_id")?,
            execution: optional_word(row, "execution_id")?,
            subscription: optional_word(row, "subscription_id")?,
            source: row.get("event_source")?,
            event: row.get("event_id")?,
            created_at: millis(row, "created_at")?,
            redriven_at: optional_millis(row, "redriven_at")?,
            redriven_by: optional_word(row, "redriven_by")?,
        })
    }
}

impl Database {
    /// One dead letter.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn dead_letter(&self, tenant: TenantId, id: DeadLetterId) -> Result<DeadLetter, DatabaseError> {
        self.read(|connection| find(connection, tenant, id))
    }

    /// At most `limit` dead letters, the latest first, behind the moment and id of `after`.
    pub fn list_dead_letters(
        &self,
        tenant: TenantId,
        after: Option<(UnixMillis, DeadLetterId)>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DatabaseError> {
        let (created_at, id) = after.map_or((i64::MAX, String::new()), |(at, id)| (at.0, id.to_string()));
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(params![tenant.to_string(), created_at, id, limit], DeadLetter::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<DeadLetter>>>()?)
        })
    }

    /// Remove a dead letter: nobody sends it again.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn delete_dead_letter(&self, tenant: TenantId, id: DeadLetterId) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let deleted = work.connection.prepare_cached(DELETE)?.execute([tenant.to_string(), id.to_string()])?;
            if deleted == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// Remove at most `limit` dead letters from before `before`. Answers how many there were.
    pub async fn purge_dead_letters(
        &self,
        tenant: TenantId,
        before: UnixMillis,
        limit: u32,
    ) -> Result<usize, DatabaseError> {
        self.write(move |work| {
            Ok(work.connection.prepare_cached(PURGE)?.execute(params![tenant.to_string(), before.0, limit])?)
        })
        .await
    }
}

/// Note that an execution was given up, because processes ended again and again while it ran.
pub(crate) fn insert_execution(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    execution: ExecutionId,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT_EXECUTION)?.execute(params![
        tenant.to_string(),
        DeadLetterId::generate().to_string(),
        script.to_string(),
        execution.to_string(),
        now.0,
    ])?;
    Ok(())
}

/// Note that an event was given up on its way to a subscription.
pub(crate) fn insert_event(
    work: &Work<'_>,
    tenant: TenantId,
    dead: &DeadEvent<'_>,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT_EVENT)?.execute(params![
        tenant.to_string(),
        DeadLetterId::generate().to_string(),
        dead.reason.as_str(),
        dead.script.to_string(),
        dead.execution.map(|execution| execution.to_string()),
        dead.subscription.to_string(),
        dead.source,
        dead.event,
        now.0,
    ])?;
    Ok(())
}

/// Mark a dead letter as sent again, in the write that does so. Answers what it was.
pub(crate) fn take_for_redrive(
    work: &Work<'_>,
    tenant: TenantId,
    id: DeadLetterId,
    by: Option<UserId>,
    now: UnixMillis,
) -> Result<DeadLetter, DatabaseError> {
    let letter = find(work.connection, tenant, id)?;
    if letter.redriven_at.is_some() {
        return Err(DatabaseError::AlreadyRedriven);
    }
    let by = by.map(|user| user.to_string());
    work.connection.prepare_cached(REDRIVEN)?.execute(params![now.0, by, tenant.to_string(), id.to_string()])?;
    Ok(letter)
}

fn find(connection: &Connection, tenant: TenantId, id: DeadLetterId) -> Result<DeadLetter, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row([tenant.to_string(), id.to_string()], DeadLetter::from_row)?)
}
