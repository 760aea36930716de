//! Subscriptions: which events a script runs on.

use domain::{EventPattern, ScriptId, SubscriptionId, TenantId, UnixMillis, UserId};
use rusqlite::{Row, params};

use crate::{
    Database, DatabaseError,
    rows::{count, millis, optional_word, small_count, unreadable, word},
};

const INSERT: &str = "
    INSERT INTO subscriptions (tenant_id, id, script_id, patterns, source, is_active, max_attempts, created_at, set_by,
                               set_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $8)";
const UPDATE: &str = "
    UPDATE subscriptions
    SET patterns = $1, source = $2, is_active = $3, max_attempts = $4, set_by = $5, set_at = $6
    WHERE tenant_id = $7 AND id = $8";
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
const GET: &str = "
    SELECT id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at
    FROM subscriptions
    WHERE tenant_id = $1 AND id = $2";
const LIST: &str = "
    SELECT id, script_id, patterns, source, is_active, max_attempts, created_at, set_by, set_at
    FROM subscriptions
    WHERE tenant_id = $1 AND id > $2
    ORDER BY id
    LIMIT $3";
const COUNT: &str = "SELECT COUNT(*) AS subscriptions FROM subscriptions WHERE tenant_id = $1";

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

impl Subscription {
    /// Whether an event of this type and source is asked for.
    pub fn matches(&self, event_type: &str, source: &str) -> bool {
        self.source.as_ref().is_none_or(|only| only == source)
            && self.patterns.iter().any(|pattern| pattern.matches(event_type))
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

    fn patterns_json(&self) -> rusqlite::Result<String> {
        let patterns: Vec<&str> = self.patterns.iter().map(EventPattern::as_str).collect();
        serde_json::to_string(&patterns).map_err(unreadable)
    }
}

impl Database {
    /// Make a subscription.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] when the script, or whoever sets it, is not the tenant's.
    pub async fn create_subscription(&self, tenant: TenantId, subscription: Subscription) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(INSERT)?.execute(params![
                tenant.to_string(),
                subscription.id.to_string(),
                subscription.script.to_string(),
                subscription.patterns_json()?,
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

    /// Set a subscription anew; its script stays.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`].
    pub async fn update_subscription(&self, tenant: TenantId, subscription: Subscription) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let changed = work.connection.prepare_cached(UPDATE)?.execute(params![
                subscription.patterns_json()?,
                subscription.source,
                subscription.is_active,
                subscription.max_attempts,
                subscription.set_by.map(|user| user.to_string()),
                subscription.set_at.0,
                tenant.to_string(),
                subscription.id.to_string(),
            ])?;
            if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
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
            let [tenant, id] = key.clone();
            deleted = self
                .write(move |work| {
                    work.change_nothing();
                    let mut statement = work.connection.prepare_cached(DELETE_DELIVERIES)?;
                    Ok(statement.execute(params![tenant, id, DELETED_AT_ONCE])?)
                })
                .await?;
        }
        self.write(move |work| {
            // It was told of by the first write.
            work.change_nothing();
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

    /// At most `limit` subscriptions behind `after`, in the order in which they were made.
    pub fn list_subscriptions(
        &self,
        tenant: TenantId,
        after: Option<SubscriptionId>,
        limit: u32,
    ) -> Result<Vec<Subscription>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let after = after.map_or_else(String::new, |id| id.to_string());
            let rows = statement.query_map(params![tenant.to_string(), after, limit], Subscription::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Subscription>>>()?)
        })
    }

    /// How many subscriptions the tenant has.
    pub fn count_subscriptions(&self, tenant: TenantId) -> Result<u64, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(COUNT)?;
            Ok(statement.query_row([tenant.to_string()], |row| count(row, "subscriptions"))?)
        })
    }
}
