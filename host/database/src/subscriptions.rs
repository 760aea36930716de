//! Subscriptions: which events a script runs on.

use domain::{EventPattern, ScriptId, SubscriptionId, TenantId, UnixMillis, UserId};
use rusqlite::{Row, params};

use crate::{
    Database, DatabaseError,
    rows::{count, millis, optional_word, readable, small_count, unreadable, word},
    weights::{self, Weight},
    writer::Work,
};

const INSERT: &str = "
    INSERT INTO subscriptions (tenant_id, id, script_id, patterns, source, is_active, max_attempts, created_at, set_by,
                               set_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)";
// What is not given stays. The flag says whether a source is given, which may be none.
const UPDATE: &str = "
    UPDATE subscriptions
    SET patterns = COALESCE($1, patterns), source = CASE WHEN $2 THEN $3 ELSE source END,
        is_active = COALESCE($4, is_active), max_attempts = COALESCE($5, max_attempts), set_by = $6, set_at = $7
    WHERE tenant_id = $8 AND id = $9
    RETURNING id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at";
const STOP: &str = "UPDATE subscriptions SET is_active = FALSE WHERE tenant_id = $1 AND id = $2";
const DELETE_DELIVERIES: &str = "
    DELETE FROM event_deliveries
    WHERE (tenant_id, event_source, event_id, subscription_id) IN (
        SELECT tenant_id, event_source, event_id, subscription_id
        FROM event_deliveries
        WHERE tenant_id = $1 AND subscription_id = $2
        ORDER BY event_revision, event_ordinal
        LIMIT $3)";
const DELETE: &str = "DELETE FROM subscriptions WHERE tenant_id = $1 AND id = $2";
const COUNT_DELIVERIES: &str = "
    SELECT COUNT(*) AS deliveries FROM event_deliveries WHERE tenant_id = $1 AND subscription_id = $2";
const COUNT_DELIVERIES_OF_SCRIPT: &str = "
    SELECT COUNT(*) AS deliveries
    FROM subscriptions
    JOIN event_deliveries
        ON event_deliveries.tenant_id = subscriptions.tenant_id AND event_deliveries.subscription_id = subscriptions.id
    WHERE subscriptions.tenant_id = $1 AND subscriptions.script_id = $2";
const OF_SCRIPT: &str = "
    SELECT id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at
    FROM subscriptions
    WHERE tenant_id = $1 AND script_id = $2
    ORDER BY id";
const GET: &str = "
    SELECT id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at
    FROM subscriptions
    WHERE tenant_id = $1 AND id = $2";
const LIST: &str = "
    SELECT id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at
    FROM subscriptions
    WHERE tenant_id = $1 AND id > $2
    ORDER BY id";
const COUNT: &str = "SELECT COUNT(*) AS subscriptions FROM subscriptions WHERE tenant_id = $1";

const ACTIVE: &str = "
    SELECT id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at
    FROM subscriptions
    WHERE tenant_id = $1 AND is_active";

/// Deliveries that are removed in one transaction: it takes some milliseconds.
const DELETED_AT_ONCE: u32 = 500;

/// What a script runs on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// The script, which is the same from the start.
    pub script: ScriptId,
    /// Which types; one of them has to match.
    pub patterns: Vec<EventPattern>,
    /// Only events of this source; `None` for every source.
    pub source: Option<String>,
    /// Whether anything is delivered.
    pub is_active: bool,
    /// Attempts of one delivery, the first included.
    pub max_attempts: u32,
    /// When it was made.
    pub created_at: UnixMillis,
    /// Who set it last, and so whose rights bound every run that it starts.
    pub set_by: Option<UserId>,
    /// When it was set last.
    pub set_at: UnixMillis,
}

/// A change of a subscription; what is `None` stays.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionChange {
    /// Which types.
    pub patterns: Option<Vec<EventPattern>>,
    /// Only events of this source; `Some(None)` for every source.
    pub source: Option<Option<String>>,
    /// Whether anything is delivered.
    pub is_active: Option<bool>,
    /// Attempts of one delivery.
    pub max_attempts: Option<u32>,
    /// Who sets it.
    pub set_by: Option<UserId>,
    /// When.
    pub set_at: UnixMillis,
}

impl Subscription {
    /// Whether an event of this type and source is asked for.
    pub fn matches(&self, event_type: &str, source: &str) -> bool {
        self.source.as_ref().is_none_or(|only| only == source)
            && self.patterns.iter().any(|pattern| pattern.matches(event_type))
    }

    /// Whether it asks for what `other` asks for, in whichever order.
    fn asks_for_the_same(&self, other: &Self) -> bool {
        let all_in = |some: &[EventPattern], others: &[EventPattern]| some.iter().all(|one| others.contains(one));
        self.source == other.source
            && all_in(&self.patterns, &other.patterns)
            && all_in(&other.patterns, &self.patterns)
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let patterns: Vec<String> = serde_json::from_str(row.get_ref("patterns")?.as_str()?).map_err(unreadable)?;
        let patterns = patterns.iter().map(|text| EventPattern::parse(text));
        Ok(Self {
            id: word(row, "id")?,
            script: word(row, "script_id")?,
            patterns: patterns.collect::<Result<Vec<EventPattern>, _>>().map_err(unreadable)?,
            source: row.get("source")?,
            is_active: row.get("is_active")?,
            max_attempts: small_count(row, "max_attempts")?,
            created_at: millis(row, "created_at")?,
            set_by: optional_word(row, "set_by")?,
            set_at: millis(row, "set_at")?,
        })
    }
}

fn json(patterns: &[EventPattern]) -> rusqlite::Result<String> {
    let patterns: Vec<&str> = patterns.iter().map(EventPattern::as_str).collect();
    serde_json::to_string(&patterns).map_err(unreadable)
}

impl Database {
    /// Make a subscription.
    ///
    /// # Errors
    /// [`DatabaseError::QuotaFull`] when the tenant has `max` of them; [`DatabaseError::SubscriptionExists`];
    /// [`DatabaseError::NotFound`] when the script, or whoever sets it, is not the tenant's.
    pub async fn create_subscription(
        &self,
        tenant: TenantId,
        subscription: Subscription,
        max: u64,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            require_other(work, tenant, &subscription)?;
            let mut statement = work.connection.prepare_cached(COUNT)?;
            if statement.query_row([tenant.to_string()], |row| count(row, "subscriptions"))? >= max {
                return Err(DatabaseError::QuotaFull { quota: "subscriptions", limit: max });
            }
            work.connection.prepare_cached(INSERT)?.execute(params![
                tenant.to_string(),
                subscription.id.to_string(),
                subscription.script.to_string(),
                json(&subscription.patterns)?,
                subscription.source,
                subscription.is_active,
                subscription.max_attempts,
                subscription.set_at.0,
                subscription.set_by.map(|user| user.to_string()),
            ])?;
            Ok(())
        })
        .await
    }

    /// Change a subscription, and answer it as it is then; its script stays.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`], [`DatabaseError::SubscriptionExists`].
    pub async fn change_subscription(
        &self,
        tenant: TenantId,
        id: SubscriptionId,
        change: SubscriptionChange,
    ) -> Result<Subscription, DatabaseError> {
        self.write(move |work| {
            require_other_once_changed(work, tenant, id, &change)?;
            let parameters = params![
                change.patterns.as_deref().map(json).transpose()?,
                change.source.is_some(),
                change.source.flatten(),
                change.is_active,
                change.max_attempts,
                change.set_by.map(|user| user.to_string()),
                change.set_at.0,
                tenant.to_string(),
                id.to_string(),
            ];
            Ok(work.connection.prepare_cached(UPDATE)?.query_row(parameters, Subscription::from_row)?)
        })
        .await
    }

    /// Delete a subscription with its deliveries. Executions that they started go on. It delivers nothing from the first
    /// write on, and its deliveries go some hundred at a time, so that other writes get in between; what a crash cut off
    /// is an inactive subscription, to be deleted again.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn delete_subscription(&self, tenant: TenantId, id: SubscriptionId) -> Result<(), DatabaseError> {
        let key = [tenant.to_string(), id.to_string()];
        let stop = key.clone();
        self.write(move |work| {
            let stopped = work.connection.prepare_cached(STOP)?.execute(stop)?;
            if stopped == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await?;
        let mut deleted = DELETED_AT_ONCE as usize;
        while deleted == DELETED_AT_ONCE as usize {
            let [of, id] = key.clone();
            deleted = self
                .write(move |work| {
                    work.change_nothing();
                    let mut statement = work.connection.prepare_cached(DELETE_DELIVERIES)?;
                    let deleted = statement.execute(params![of, id, DELETED_AT_ONCE])?;
                    weights::add(work, tenant, Weight::rows(deleted).less())?;
                    Ok(deleted)
                })
                .await?;
        }
        self.write(move |work| {
            // It was told of by the first write.
            work.change_nothing();
            // What was made meanwhile goes with it.
            let left = count_deliveries(work, COUNT_DELIVERIES, &key)?;
            weights::add(work, tenant, Weight::rows(left).less())?;
            let deleted = work.connection.prepare_cached(DELETE)?.execute(key)?;
            if deleted == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
        })
        .await
    }

    /// One subscription.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub fn subscription(&self, tenant: TenantId, id: SubscriptionId) -> Result<Subscription, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], Subscription::from_row)?)
        })
    }

    /// At most `limit` subscriptions behind `after`, in the order in which they were made. One whose row cannot be read is
    /// left out.
    pub fn list_subscriptions(
        &self,
        tenant: TenantId,
        after: Option<SubscriptionId>,
        limit: u32,
    ) -> Result<Vec<Subscription>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let after = after.map_or_else(String::new, |id| id.to_string());
            let rows = statement.query_map([tenant.to_string(), after], Subscription::from_row)?;
            // There are some hundred at most; those that cannot be read take no place of the page.
            let mut found = readable(rows, "subscription")?;
            found.truncate(limit as usize);
            Ok(found)
        })
    }

    /// The subscriptions that something is delivered to, and whether there are others whose rows cannot be read:
    /// [`Self::stop_unreadable_subscriptions`] is for them.
    pub fn active_subscriptions(&self, tenant: TenantId) -> Result<(Vec<Subscription>, bool), DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(ACTIVE)?;
            let mut rows = statement.query([tenant.to_string()])?;
            let (mut found, mut is_any_unreadable) = (Vec::new(), false);
            while let Some(row) = rows.next()? {
                match Subscription::from_row(row).map_err(DatabaseError::from) {
                    Ok(subscription) => found.push(subscription),
                    Err(error) if error.is_unreadable() => is_any_unreadable = true,
                    Err(error) => return Err(error),
                }
            }
            Ok((found, is_any_unreadable))
        })
    }

    /// Pause the tenant's subscriptions whose rows cannot be read, so that their events are nobody's harm. Answers their
    /// ids.
    pub async fn stop_unreadable_subscriptions(&self, tenant: TenantId) -> Result<Vec<String>, DatabaseError> {
        self.write(move |work| {
            let mut stopped = Vec::new();
            let mut statement = work.connection.prepare_cached(ACTIVE)?;
            let mut rows = statement.query([tenant.to_string()])?;
            while let Some(row) = rows.next()? {
                if Subscription::from_row(row).is_err() {
                    stopped.push(row.get::<_, String>("id")?);
                }
            }
            drop(rows);
            for id in &stopped {
                work.connection.prepare_cached(STOP)?.execute([&tenant.to_string(), id])?;
            }
            Ok(stopped)
        })
        .await
    }
}

/// The deliveries of a script's subscriptions, which go with it, do not count any more.
pub(crate) fn forget_script(work: &Work<'_>, tenant: TenantId, script: ScriptId) -> Result<(), DatabaseError> {
    let deliveries = count_deliveries(work, COUNT_DELIVERIES_OF_SCRIPT, &[tenant.to_string(), script.to_string()])?;
    weights::add(work, tenant, Weight::rows(deliveries).less()).map(drop)
}

fn count_deliveries(work: &Work<'_>, statement: &str, key: &[String; 2]) -> Result<usize, DatabaseError> {
    let mut statement = work.connection.prepare_cached(statement)?;
    let deliveries = statement.query_row([&key[0], &key[1]], |row| count(row, "deliveries"))?;
    Ok(usize::try_from(deliveries).unwrap_or(usize::MAX))
}

/// As [`require_other`], for the subscription as it is to be.
fn require_other_once_changed(
    work: &Work<'_>,
    tenant: TenantId,
    id: SubscriptionId,
    change: &SubscriptionChange,
) -> Result<(), DatabaseError> {
    if change.patterns.is_none() && change.source.is_none() {
        return Ok(());
    }
    let mut statement = work.connection.prepare_cached(GET)?;
    let current = statement.query_row([tenant.to_string(), id.to_string()], Subscription::from_row)?;
    let changed = Subscription {
        patterns: change.patterns.clone().unwrap_or(current.patterns),
        source: change.source.clone().unwrap_or(current.source),
        ..current
    };
    require_other(work, tenant, &changed)
}

/// See that no other subscription of the script asks for the same.
fn require_other(work: &Work<'_>, tenant: TenantId, subscription: &Subscription) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(OF_SCRIPT)?;
    let key = [tenant.to_string(), subscription.script.to_string()];
    let others = readable(statement.query_map(key, Subscription::from_row)?, "subscription")?;
    let same = |other: &&Subscription| other.id != subscription.id && other.asks_for_the_same(subscription);
    match others.iter().find(same) {
        Some(first) => Err(DatabaseError::SubscriptionExists { first: first.id }),
        None => Ok(()),
    }
}
