//! Events: what the API publishes, what was published, and the way from there to the scripts that subscribe.
//!
//! A script publishes within its execution's transaction (`capabilities/events.rs`); whatever was published is a row of
//! the outbox before anybody is told. [`dispatcher`] turns rows into deliveries.

mod chain;
mod dispatcher;
mod expansion;
mod look;
mod own;
mod retention;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use database::{EventPosition, OutboxEvent, PublishBounds, StoredEvent, Tenant};
use domain::{
    EventId, EventPattern, EventType, ExecutionId, Invalid, Lineage, Permission, Principal, TenantId, UnixMillis,
    events::{DATA_BYTES_MAX, check_name},
};
use moka::sync::Cache;
use serde_json::value::RawValue;
use tokio::sync::Notify;

pub use chain::ChainLink;
pub(crate) use chain::chain_to;
pub(crate) use dispatcher::start;
pub use look::{EventFilter, EventsFound};
pub(crate) use own::Told;

use crate::{AppError, Inner, chains::Chain, executions::Sealed, sealing::Purpose};

/// The most events of one page.
const PAGE_MAX: u32 = 1_000;

/// How long it takes until a subscription that another process made counts for Skerry's own events.
const INTERESTS_STALE: Duration = Duration::from_secs(1);

/// Publishes, and shows what was published.
#[derive(Clone)]
pub struct EventService {
    inner: Arc<Inner>,
    /// The chain that what is published here goes on with.
    continued: Option<Lineage>,
}

/// What the parts in here share.
pub(crate) struct Events {
    wake: Arc<Notify>,
    /// Which types the active subscriptions of each tenant ask for.
    interests: Cache<TenantId, Arc<Vec<EventPattern>>>,
    /// How often they changed: what was read before a change is not kept.
    changes: AtomicU64,
}

/// An event as somebody publishes it: everything else is the host's to say (RULES 15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventInput {
    /// What kind of thing happened.
    pub event_type: String,
    /// What is told of it, as JSON.
    pub data: String,
    /// What it is about; events of one subject are delivered in order.
    pub subject: Option<String>,
    /// Deduplicates: the same person publishes one id once.
    pub id: Option<String>,
}

/// An event that was published, now or before under the same id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublishedEvent {
    /// Its source.
    pub source: String,
    /// Its id.
    pub id: String,
    /// Its place in the order of events.
    pub position: EventPosition,
    /// Whether it was published now.
    pub is_new: bool,
}

/// An event as a principal sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventView {
    /// The event; its data is sealed.
    pub stored: StoredEvent,
    /// Its data as JSON; `None` where the principal may not see it.
    pub data: Option<String>,
}

impl Events {
    pub(crate) fn new() -> Self {
        let interests = Cache::builder().max_capacity(10_000).time_to_live(INTERESTS_STALE).build();
        Self { wake: Arc::new(Notify::new()), interests, changes: AtomicU64::new(0) }
    }

    /// Something was published, or a delivery has ended.
    pub(crate) fn wake(&self) {
        self.wake.notify_one();
    }

    /// A subscription or a webhook of the tenant was made, changed or removed.
    pub(crate) fn changed(&self, tenant: TenantId) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        self.interests.invalidate(&tenant);
    }

    /// How often something changed: ask before a read that is to be kept.
    fn generation(&self) -> u64 {
        self.changes.load(Ordering::SeqCst)
    }

    /// Keep what was read since `generation`, unless something changed meanwhile. That is judged once it is in: whoever
    /// changes something from then on removes it.
    fn keep(&self, tenant: TenantId, generation: u64, interests: &Arc<Vec<EventPattern>>) {
        self.interests.insert(tenant, Arc::clone(interests));
        if self.generation() != generation {
            self.interests.invalidate(&tenant);
        }
    }
}

impl fmt::Debug for EventService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EventService").finish_non_exhaustive()
    }
}

impl EventService {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner, continued: None }
    }

    /// The same for a request that an execution of this deployment sent: what it publishes goes on with that one's chain.
    #[must_use]
    pub fn continuing(&self, chain: Option<&Chain>) -> Self {
        Self { inner: Arc::clone(&self.inner), continued: chain.map(|chain| chain.0) }
    }

    /// Publish an event. It is durable when this answers. Needs `events.publish`.
    ///
    /// # Errors
    /// [`AppError::Invalid`], also for a type of Skerry's own; [`AppError::Quota`] when too many wait, or the tenant's
    /// storage is full.
    pub async fn publish(&self, principal: &Principal, input: EventInput) -> Result<PublishedEvent, AppError> {
        principal.require(Permission::EventsPublish)?;
        check(&input)?;
        let tenant = principal.tenant;
        let bounds = self.inner.publish_bounds(tenant)?;
        let source = principal.user().map_or_else(|| String::from("/api"), |user| format!("/users/{user}"));
        let id = input.id.unwrap_or_else(|| EventId::generate().to_string());
        let key = self.inner.keyring.tenant(&self.inner.database, tenant)?;
        let lineage = self.continued.unwrap_or_else(|| first_cause(tenant));
        let event = OutboxEvent {
            data: key.seal(Purpose::Event, id.as_bytes(), input.data.as_bytes()),
            id: id.clone(),
            event_type: input.event_type,
            source: source.clone(),
            subject: input.subject,
            time: UnixMillis::now(),
            hop: lineage.hop,
            root: lineage.root.to_string(),
            root_tenant: Some(lineage.tenant).filter(|root| *root != tenant),
            published_by: principal.user(),
        };
        let published = self.inner.effecting().publish_event(tenant, event, bounds).await?;
        self.inner.events.wake();
        Ok(PublishedEvent { source, id, position: published.position, is_new: published.is_new })
    }

    /// A page of events, the latest first, before `before`, without their data. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        before: Option<EventPosition>,
        limit: u32,
    ) -> Result<Vec<StoredEvent>, AppError> {
        principal.require(Permission::EventsRead)?;
        Ok(self.inner.database.latest_events(principal.tenant, before, limit.min(PAGE_MAX))?)
    }

    /// One event; with its data for whoever may inspect the execution that published it (RULES 19). Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, position: EventPosition) -> Result<EventView, AppError> {
        principal.require(Permission::EventsRead)?;
        let stored = self.inner.database.event_at(principal.tenant, position);
        let stored = stored.map_err(|error| AppError::missing("event", error))?;
        self.inner.event_view(principal, stored)
    }
}

impl Inner {
    /// An event with its data, where the principal may see that.
    pub(crate) fn event_view(&self, principal: &Principal, stored: StoredEvent) -> Result<EventView, AppError> {
        let event = &stored.event;
        let is_own = event.source == domain::events::OWN_SOURCE;
        let is_publishers = event.published_by.is_some() && event.published_by == principal.user();
        let may_see = is_own
            || is_publishers
            || match stored.execution {
                Some(execution) => Sealed::of(self, principal.tenant)?.may_inspect(principal, execution)?,
                None => principal.permissions.contains(Permission::ExecutionsInspect),
            };
        let data = may_see.then(|| self.event_data(principal.tenant, event)).transpose()?;
        Ok(EventView { stored, data })
    }

    /// The data of an event, as JSON.
    pub(crate) fn event_data(&self, tenant: TenantId, event: &OutboxEvent) -> Result<String, AppError> {
        let key = self.keyring.tenant(&self.database, tenant)?;
        let data = key.open(Purpose::Event, event.id.as_bytes(), &event.data).map_err(AppError::internal)?;
        String::from_utf8(data).map_err(AppError::internal)
    }

    /// What the tenant may hold when somebody publishes.
    pub(crate) fn publish_bounds(&self, tenant: TenantId) -> Result<PublishBounds, AppError> {
        Ok(self.bounds_of(&self.database.tenant(tenant)?))
    }

    /// What a tenant may hold.
    pub(crate) fn bounds_of(&self, tenant: &Tenant) -> PublishBounds {
        PublishBounds { storage_bytes: self.quotas(tenant).storage_bytes, pending_events: self.config.pending_events }
    }

    /// Whether an active subscription of the tenant asks for events of this type by Skerry. Costs no read in most cases.
    pub(crate) fn is_asked_for(&self, tenant: TenantId, event_type: &str) -> Result<bool, AppError> {
        let interests = match self.events.interests.get(&tenant) {
            Some(interests) => interests,
            None => {
                let generation = self.events.generation();
                let interests = Arc::new(self.interests_of(tenant)?);
                self.events.keep(tenant, generation, &interests);
                interests
            }
        };
        Ok(interests.iter().any(|pattern| pattern.matches(event_type)))
    }

    fn interests_of(&self, tenant: TenantId) -> Result<Vec<EventPattern>, AppError> {
        let (active, _) = self.database.active_subscriptions(tenant)?;
        let mut interests = self.database.webhook_patterns(tenant)?;
        interests.extend(active.into_iter().flat_map(|subscription| subscription.patterns));
        Ok(interests)
    }
}

/// The chain that an event begins which no execution published.
pub(crate) fn first_cause(tenant: TenantId) -> Lineage {
    Lineage::begun_by(tenant, ExecutionId::generate())
}

/// Check an event as somebody outside publishes it.
pub(crate) fn check(input: &EventInput) -> Result<(), Invalid> {
    if EventType::parse(&input.event_type)?.is_reserved() {
        return Err(Invalid::new("type", "types under 'skerry.' are Skerry's own: choose another"));
    }
    input.subject.as_deref().map_or(Ok(()), |subject| check_name("subject", subject))?;
    input.id.as_deref().map_or(Ok(()), |id| check_name("id", id))?;
    if input.data.len() > DATA_BYTES_MAX {
        let message = format!("an event's data has at most {DATA_BYTES_MAX} bytes as JSON, not {}", input.data.len());
        return Err(Invalid::new("data", message));
    }
    match serde_json::from_str::<&RawValue>(&input.data) {
        Ok(_) => Ok(()),
        Err(_) => Err(Invalid::new("data", "an event's data is JSON")),
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;
