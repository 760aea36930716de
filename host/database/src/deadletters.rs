//! Dead letters: what was given up, kept until a person has looked at it.

use domain::{DeadLetterId, ExecutionId, ScriptId, SubscriptionId, TenantId, UnixMillis, UserId};
use rusqlite::{Connection, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bytes, count, millis, optional_millis, optional_word, word},
    weights::{self, Weight},
    words::stored_words,
    writer::Work,
};

const INSERT_EXECUTION: &str = "
    INSERT INTO dead_letters (tenant_id, id, kind, reason, script_id, execution_id, created_at)
    VALUES ($1, $2, 'execution', 'rescues', $3, $4, $5)";
const INSERT_EVENT: &str = "
    INSERT INTO dead_letters (tenant_id, id, kind, reason, script_id, execution_id, subscription_id, event_source,
                              event_id, root, created_at)
    VALUES ($1, $2, 'event', $3, $4, $5, $6, $7, $8, $9, $10)
    ON CONFLICT (tenant_id, subscription_id, reason, root) WHERE root IS NOT NULL AND redriven_at IS NULL
    DO UPDATE SET events = dead_letters.events + 1
    RETURNING id, events";

/// A statement that answers dead letters, each with the type of its event as long as that is there.
macro_rules! letters {
    ($rest:literal) => {
        concat!(
            "SELECT letter.id, kind, reason, script_id, letter.execution_id, subscription_id, event_source, event_id,
                    outbox_events.type AS event_type, events, created_at, redriven_at, redriven_by
             FROM dead_letters AS letter
             LEFT JOIN outbox_events
                 ON outbox_events.tenant_id = letter.tenant_id AND outbox_events.source = letter.event_source
                 AND outbox_events.id = letter.event_id
             WHERE letter.tenant_id = $1 AND ",
            $rest
        )
    };
}

const GET: &str = letters!("letter.id = $2");
// One statement for each filter that an index serves: the others are judged row by row.
const LIST: &str = letters!(
    "CAST($2 AS TEXT) IS NULL AND CAST($3 AS TEXT) IS NULL AND CAST($4 AS TEXT) IS NULL AND (letter.created_at, letter.id) < ($5, $6)
     ORDER BY letter.created_at DESC, letter.id DESC
     LIMIT $7"
);
const LIST_OF_SUBSCRIPTION: &str = letters!(
    "letter.subscription_id = $2 AND (CAST($3 AS TEXT) IS NULL OR letter.script_id = $3) AND (CAST($4 AS TEXT) IS NULL OR letter.reason = $4)
         AND (letter.created_at, letter.id) < ($5, $6)
     ORDER BY letter.created_at DESC, letter.id DESC
     LIMIT $7"
);
const LIST_OF_SCRIPT: &str = letters!(
    "CAST($2 AS TEXT) IS NULL AND letter.script_id = $3 AND (CAST($4 AS TEXT) IS NULL OR letter.reason = $4)
         AND (letter.created_at, letter.id) < ($5, $6)
     ORDER BY letter.created_at DESC, letter.id DESC
     LIMIT $7"
);
const LIST_OF_REASON: &str = letters!(
    "CAST($2 AS TEXT) IS NULL AND CAST($3 AS TEXT) IS NULL AND letter.reason = $4 AND (letter.created_at, letter.id) < ($5, $6)
     ORDER BY letter.created_at DESC, letter.id DESC
     LIMIT $7"
);
const REDRIVEN: &str = "
    UPDATE dead_letters SET redriven_at = $1, redriven_by = $2 WHERE tenant_id = $3 AND id = $4";
const LEAVE_THE_REST: &str = "
    UPDATE dead_letters
    SET event_source = $1, event_id = $2, events = CASE WHEN events > $3 THEN events - $3 ELSE 1 END
    WHERE tenant_id = $4 AND id = $5";
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
        /// What is stored of it cannot be read.
        Unreadable = "unreadable",
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
    /// The event's type, as long as it is there.
    pub event_type: Option<String>,
    /// How many events it stands for: past its chain's hops or budget one letter stands for all that a subscription is
    /// not given. The first of those that were not sent again is named.
    pub events: u64,
    /// When it was given up.
    pub created_at: UnixMillis,
    /// When it was sent again.
    pub redriven_at: Option<UnixMillis>,
    /// By whom.
    pub redriven_by: Option<UserId>,
}

/// Which dead letters to list; what is `None` is not asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    /// Those given up for this reason.
    pub reason: Option<DeadReason>,
    /// Those on their way to this subscription.
    pub subscription: Option<SubscriptionId>,
    /// Those that this script did not take.
    pub script: Option<ScriptId>,
}

/// An event that a subscription is not given.
#[derive(Clone, Copy, Debug)]
pub(crate) struct DeadEvent<'a> {
    pub(crate) reason: DeadReason,
    /// For whom; `None` where nobody knows, because it cannot be read.
    pub(crate) to: Option<(SubscriptionId, ScriptId)>,
    pub(crate) execution: Option<ExecutionId>,
    pub(crate) source: &'a str,
    pub(crate) event: &'a str,
    /// Its first cause, where one letter stands for all that this led to.
    pub(crate) root: Option<&'a str>,
}

impl DeadLetterFilter {
    fn statement(self) -> &'static str {
        match self {
            Self { subscription: Some(_), .. } => LIST_OF_SUBSCRIPTION,
            Self { script: Some(_), .. } => LIST_OF_SCRIPT,
            Self { reason: Some(_), .. } => LIST_OF_REASON,
            Self { reason: None, subscription: None, script: None } => LIST,
        }
    }
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
            event_type: row.get("event_type")?,
            events: count(row, "events")?,
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
        filter: DeadLetterFilter,
        after: Option<(UnixMillis, DeadLetterId)>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, DatabaseError> {
        let (created_at, id) = after.map_or((i64::MAX, String::new()), |(at, id)| (at.0, id.to_string()));
        let DeadLetterFilter { reason, subscription, script } = filter;
        let subscription = subscription.map(|subscription| subscription.to_string());
        let (script, reason) = (script.map(|script| script.to_string()), reason.map(DeadReason::as_str));
        self.read(|connection| {
            let mut statement = connection.prepare_cached(filter.statement())?;
            let parameters = params![tenant.to_string(), subscription, script, reason, created_at, id, limit];
            let rows = statement.query_map(parameters, DeadLetter::from_row)?;
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
            if deleted == 0 {
                return Err(DatabaseError::NotFound);
            }
            weights::add(work, tenant, Weight::rows(deleted).less()).map(drop)
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
            let mut statement = work.connection.prepare_cached(PURGE)?;
            let deleted = statement.execute(params![tenant.to_string(), before.0, limit])?;
            if deleted > 0 {
                weights::add(work, tenant, Weight::rows(deleted).less())?;
            }
            Ok(deleted)
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
    count_one(work, tenant)
}

/// Count a dead letter in its tenant's storage.
pub(crate) fn count_one(work: &Work<'_>, tenant: TenantId) -> Result<(), DatabaseError> {
    weights::add(work, tenant, Weight::rows(1)).map(drop)
}

/// Note that an event was given up on its way to a subscription. Answers the letter that stands for it.
pub(crate) fn insert_event(
    work: &Work<'_>,
    tenant: TenantId,
    dead: &DeadEvent<'_>,
    now: UnixMillis,
) -> Result<DeadLetterId, DatabaseError> {
    let parameters = params![
        tenant.to_string(),
        DeadLetterId::generate().to_string(),
        dead.reason.as_str(),
        dead.to.map(|(_, script)| script.to_string()),
        dead.execution.map(|execution| execution.to_string()),
        dead.to.map(|(subscription, _)| subscription.to_string()),
        dead.source,
        dead.event,
        dead.root,
        now.0,
    ];
    let mut statement = work.connection.prepare_cached(INSERT_EVENT)?;
    let (id, events) = statement.query_row(parameters, |row| Ok((word(row, "id")?, count(row, "events")?)))?;
    if events == 1 {
        count_one(work, tenant)?;
    }
    Ok(id)
}

/// Mark a dead letter as sent again, in the write that does so. Answers what it was.
pub(crate) fn take_for_redrive(
    work: &Work<'_>,
    tenant: TenantId,
    id: DeadLetterId,
    by: Option<UserId>,
    now: UnixMillis,
) -> Result<DeadLetter, DatabaseError> {
    let letter = find_open(work, tenant, id)?;
    mark_redriven(work, tenant, id, (by, now))?;
    Ok(letter)
}

/// A dead letter that was not sent again.
///
/// # Errors
/// [`DatabaseError::AlreadyRedriven`], [`DatabaseError::NotFound`].
pub(crate) fn find_open(work: &Work<'_>, tenant: TenantId, id: DeadLetterId) -> Result<DeadLetter, DatabaseError> {
    let letter = find(work.connection, tenant, id)?;
    if letter.redriven_at.is_some() { Err(DatabaseError::AlreadyRedriven) } else { Ok(letter) }
}

/// Note that a dead letter was sent again.
pub(crate) fn mark_redriven(
    work: &Work<'_>,
    tenant: TenantId,
    id: DeadLetterId,
    (by, now): (Option<UserId>, UnixMillis),
) -> Result<(), DatabaseError> {
    let by = by.map(|user| user.to_string());
    work.connection.prepare_cached(REDRIVEN)?.execute(params![now.0, by, tenant.to_string(), id.to_string()])?;
    Ok(())
}

/// Let a dead letter of many events stand for those that are left, of which `first` is named; `sent` of them are not its
/// any more.
pub(crate) fn leave_the_rest(
    work: &Work<'_>,
    tenant: TenantId,
    id: DeadLetterId,
    (first, sent): (&(String, String), usize),
) -> Result<(), DatabaseError> {
    let (source, event) = first;
    let parameters = params![source, event, bytes(sent), tenant.to_string(), id.to_string()];
    work.connection.prepare_cached(LEAVE_THE_REST)?.execute(parameters)?;
    Ok(())
}

fn find(connection: &Connection, tenant: TenantId, id: DeadLetterId) -> Result<DeadLetter, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row([tenant.to_string(), id.to_string()], DeadLetter::from_row)?)
}
