//! Subscriptions: which events a script runs on, and what became of each delivery.

use std::{fmt, sync::Arc, time::Duration};

use database::{Database, Delivery, EventPosition, Subscription};
use domain::{
    AuditAction, EventPattern, Invalid, Permission, Principal, ScriptKind, SubscriptionId, UnixMillis,
    events::check_name,
};
use tokio::sync::Mutex;

use crate::{AppError, Inner, ScriptRef};

/// The most subscriptions of a tenant: each is compared with each event.
const SUBSCRIPTIONS_MAX: u64 = 100;
/// The most patterns of a subscription.
const PATTERNS_MAX: usize = 20;
/// The most attempts of a delivery.
const ATTEMPTS_MAX: u32 = 20;
/// Attempts of a delivery where nothing is said: with the usual waits in between they take some minutes.
const ATTEMPTS_DEFAULT: u32 = 5;
/// The most subscriptions or deliveries of one page.
const PAGE_MAX: u32 = 1_000;

/// The tenant's subscriptions.
#[derive(Clone)]
pub struct SubscriptionService {
    inner: Arc<Inner>,
    /// Held while a subscription is read, judged and written.
    writing: Arc<Mutex<()>>,
}

/// A subscription to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubscriptionInput {
    /// The script, of the kind `event`.
    pub script: ScriptRef,
    /// Which types; one of them has to match.
    pub types: Vec<EventPattern>,
    /// Only events of this source; `None` for every source.
    pub source: Option<String>,
    /// Whether anything is delivered.
    pub is_active: bool,
    /// Attempts of one delivery, the first included; five where nothing is said.
    pub max_attempts: Option<u32>,
}

/// A change of a subscription; what is `None` stays.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SubscriptionPatch {
    /// Which types.
    pub types: Option<Vec<EventPattern>>,
    /// Only events of this source.
    pub source: Option<Option<String>>,
    /// Whether anything is delivered.
    pub is_active: Option<bool>,
    /// Attempts of one delivery.
    pub max_attempts: Option<u32>,
}

impl fmt::Debug for SubscriptionService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SubscriptionService").finish_non_exhaustive()
    }
}

impl SubscriptionService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, writing: Arc::default() }
    }

    /// Let a script run on events. Whoever does binds its runs to their own rights (RULES 13). Needs `scripts.deploy`,
    /// and `events.read`, because the script reads what it is given.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::NotFound`], [`AppError::Quota`].
    pub async fn create(&self, principal: &Principal, input: SubscriptionInput) -> Result<Subscription, AppError> {
        require_binding(principal)?;
        let tenant = principal.tenant;
        let script = input.script.find(self.database(), tenant)?.summary;
        if script.kind != ScriptKind::Event {
            let message =
                format!("a script of the kind '{}' takes no events: name one of the kind 'event'", script.kind);
            return Err(Invalid::new("script", message).into());
        }
        let now = UnixMillis::now();
        let subscription = Subscription {
            id: SubscriptionId::generate(),
            script: script.id,
            patterns: input.types,
            source: input.source,
            is_active: input.is_active,
            max_attempts: input.max_attempts.unwrap_or(ATTEMPTS_DEFAULT),
            created_at: now,
            set_by: principal.user(),
            set_at: now,
        };
        check(&subscription)?;
        let _turn = self.writing.lock().await;
        if self.database().count_subscriptions(tenant)? >= SUBSCRIPTIONS_MAX {
            let retry_after = Duration::from_secs(60 * 60);
            return Err(AppError::Quota { quota: "subscriptions", limit: SUBSCRIPTIONS_MAX, retry_after });
        }
        let audited = self.inner.audited(principal, AuditAction::SubscriptionsCreate, subscription.id);
        audited.create_subscription(tenant, subscription.clone()).await?;
        self.inner.events.changed(tenant);
        Ok(subscription)
    }

    /// Change a subscription. Whoever does so is who set it from now on. Needs what [`Self::create`] needs.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::NotFound`].
    pub async fn change(
        &self,
        principal: &Principal,
        id: SubscriptionId,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, AppError> {
        require_binding(principal)?;
        let _turn = self.writing.lock().await;
        let current = self.find(principal, id)?;
        let subscription = Subscription {
            patterns: patch.types.unwrap_or(current.patterns),
            source: patch.source.unwrap_or(current.source),
            is_active: patch.is_active.unwrap_or(current.is_active),
            max_attempts: patch.max_attempts.unwrap_or(current.max_attempts),
            set_by: principal.user(),
            set_at: UnixMillis::now(),
            ..current
        };
        check(&subscription)?;
        let audited = self.inner.audited(principal, AuditAction::SubscriptionsUpdate, id);
        let written = audited.update_subscription(principal.tenant, subscription.clone()).await;
        written.map_err(|error| AppError::missing("subscription", error))?;
        self.inner.events.changed(principal.tenant);
        Ok(subscription)
    }

    /// Remove a subscription with the record of its deliveries; those that wait are not made any more. Needs
    /// `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn delete(&self, principal: &Principal, id: SubscriptionId) -> Result<(), AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        let audited = self.inner.audited(principal, AuditAction::SubscriptionsDelete, id);
        let deleted = audited.delete_subscription(principal.tenant, id).await;
        deleted.map_err(|error| AppError::missing("subscription", error))?;
        self.inner.events.changed(principal.tenant);
        Ok(())
    }

    /// One subscription. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, id: SubscriptionId) -> Result<Subscription, AppError> {
        principal.require(Permission::EventsRead)?;
        self.find(principal, id)
    }

    /// A page of subscriptions, the oldest first, behind `after`. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        after: Option<SubscriptionId>,
        limit: u32,
    ) -> Result<Vec<Subscription>, AppError> {
        principal.require(Permission::EventsRead)?;
        Ok(self.database().list_subscriptions(principal.tenant, after, limit.min(PAGE_MAX))?)
    }

    /// A page of a subscription's deliveries, the latest event first, before `before`. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn deliveries(
        &self,
        principal: &Principal,
        id: SubscriptionId,
        before: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<Delivery>, AppError> {
        principal.require(Permission::EventsRead)?;
        self.find(principal, id)?;
        Ok(self.database().list_deliveries(principal.tenant, id, before, limit.min(PAGE_MAX))?)
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }

    fn find(&self, principal: &Principal, id: SubscriptionId) -> Result<Subscription, AppError> {
        let found = self.database().subscription(principal.tenant, id);
        found.map_err(|error| AppError::missing("subscription", error))
    }
}

fn require_binding(principal: &Principal) -> Result<(), AppError> {
    principal.require(Permission::ScriptsDeploy)?;
    Ok(principal.require(Permission::EventsRead)?)
}

fn check(subscription: &Subscription) -> Result<(), Invalid> {
    if !(1..=PATTERNS_MAX).contains(&subscription.patterns.len()) {
        let message = format!("a subscription has 1 to {PATTERNS_MAX} types, not {}", subscription.patterns.len());
        return Err(Invalid::new("types", message));
    }
    if !(1..=ATTEMPTS_MAX).contains(&subscription.max_attempts) {
        let message = format!("a delivery has 1 to {ATTEMPTS_MAX} attempts, not {}", subscription.max_attempts);
        return Err(Invalid::new("max_attempts", message));
    }
    subscription.source.as_deref().map_or(Ok(()), |source| check_name("source", source))
}
