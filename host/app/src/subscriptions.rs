//! Subscriptions: which events a script runs on, and what became of each delivery.

use std::{fmt, sync::Arc};

use database::{Binding, Database, Delivery, EventPosition, Subscription, SubscriptionChange};
use domain::{
    AuditAction, EventPattern, Invalid, Permission, Principal, ScriptKind, SubscriptionId, UnixMillis,
    events::{check_name, check_reach},
};

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
        Self { inner }
    }

    /// Let a script run on events. Whoever does binds its runs to their own rights (RULES 13). Needs `scripts.deploy`,
    /// every right that the script's capabilities grant, and `events.read`, because the script reads what it is given.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::NotFound`], [`AppError::Quota`], [`AppError::SubscriptionExists`].
    pub async fn create(&self, principal: &Principal, input: SubscriptionInput) -> Result<Subscription, AppError> {
        require_binding(principal)?;
        let tenant = principal.tenant;
        let script = input.script.find(self.database(), tenant)?.summary;
        let id = SubscriptionId::generate();
        self.inner.require_binding(principal, script.id, &Binding::Subscription(id))?;
        if script.kind != ScriptKind::Event {
            let message =
                format!("a script of the kind '{}' takes no events: name one of the kind 'event'", script.kind);
            return Err(Invalid::new("script", message).into());
        }
        let now = UnixMillis::now();
        let subscription = Subscription {
            id,
            script: script.id,
            patterns: input.types,
            source: input.source,
            is_active: input.is_active,
            max_attempts: input.max_attempts.unwrap_or(ATTEMPTS_DEFAULT),
            created_at: now,
            set_by: principal.user(),
            set_at: now,
        };
        check_types(&subscription.patterns)?;
        check_attempts(subscription.max_attempts)?;
        check_source(subscription.source.as_deref())?;
        check_matching(&subscription.patterns, subscription.source.as_deref())?;
        let audited = self.inner.audited(principal, AuditAction::SubscriptionsCreate, subscription.id);
        audited.create_subscription(tenant, subscription.clone(), SUBSCRIPTIONS_MAX).await?;
        self.inner.events.changed(tenant);
        Ok(subscription)
    }

    /// Change a subscription. Whoever does so is who set it from now on. Needs what [`Self::create`] needs.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::NotFound`], [`AppError::SubscriptionExists`].
    pub async fn change(
        &self,
        principal: &Principal,
        id: SubscriptionId,
        patch: SubscriptionPatch,
    ) -> Result<Subscription, AppError> {
        require_binding(principal)?;
        patch.types.as_deref().map_or(Ok(()), check_types)?;
        patch.max_attempts.map_or(Ok(()), check_attempts)?;
        check_source(patch.source.as_ref().and_then(Option::as_deref))?;
        let current = self.find(principal, id)?;
        self.inner.require_binding(principal, current.script, &Binding::Subscription(id))?;
        if patch.types.is_some() || patch.source.is_some() {
            let source = patch.source.as_ref().unwrap_or(&current.source);
            check_matching(patch.types.as_ref().unwrap_or(&current.patterns), source.as_deref())?;
        }
        let change = SubscriptionChange {
            patterns: patch.types,
            source: patch.source,
            is_active: patch.is_active,
            max_attempts: patch.max_attempts,
            set_by: principal.user(),
            set_at: UnixMillis::now(),
        };
        let audited = self.inner.audited(principal, AuditAction::SubscriptionsUpdate, id);
        let changed = audited.change_subscription(principal.tenant, id, change).await;
        let changed = changed.map_err(|error| AppError::missing("subscription", error))?;
        self.inner.events.changed(principal.tenant);
        // What waited while it was inactive goes on.
        self.inner.events.wake();
        Ok(changed)
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

fn check_types(types: &[EventPattern]) -> Result<(), Invalid> {
    if !(1..=PATTERNS_MAX).contains(&types.len()) {
        let message = format!("a subscription has 1 to {PATTERNS_MAX} types, not {}", types.len());
        return Err(Invalid::new("types", message));
    }
    Ok(())
}

fn check_attempts(max_attempts: u32) -> Result<(), Invalid> {
    if !(1..=ATTEMPTS_MAX).contains(&max_attempts) {
        let message = format!("a delivery has 1 to {ATTEMPTS_MAX} attempts, not {max_attempts}");
        return Err(Invalid::new("max_attempts", message));
    }
    Ok(())
}

fn check_source(source: Option<&str>) -> Result<(), Invalid> {
    source.map_or(Ok(()), |source| check_name("source", source))
}

/// See that each type can match something, so that nobody waits for what never comes.
fn check_matching(types: &[EventPattern], source: Option<&str>) -> Result<(), Invalid> {
    types.iter().try_for_each(|pattern| check_reach(pattern, source))
}
