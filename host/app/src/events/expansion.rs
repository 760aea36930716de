//! One tenant's batch: which subscriptions an event goes to, and the executions that take it.

use std::collections::{HashMap, HashSet};

use database::{
    DatabaseError, DeadReason, Delivery, Expanded, Expansion, Fate, NewDelivery, PendingEvent, Readability, Release,
    Released, StoredEvent, Subscription,
};
use domain::{Actor, ExecutionId, Lineage, ScriptId, SubscriptionId, TenantId, Trigger, UnixMillis, WhenFull};
use runtime::Input;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    AppError, ScriptRef,
    executions::{Asker, ExecutionService, Order, QueueTerms, Target},
    sealing::Purpose,
};

/// Events or deliveries of one tenant at once.
const BATCH: u32 = 32;

/// Inputs of one batch, in bytes; past them deliveries are made without one, and given theirs in batches of their own.
const INPUT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Work on one tenant's events, with what is the same for all of them.
pub(super) struct Batch<'a> {
    executions: &'a ExecutionService,
    tenant: TenantId,
    /// Those that something is delivered to.
    subscriptions: Vec<Subscription>,
    /// The scripts that were looked for; `None` for those that do not run.
    targets: HashMap<ScriptId, Option<Target>>,
    /// The subjects that this batch has put under way.
    begun: HashSet<(SubscriptionId, String)>,
    /// The inputs that this batch has made, in bytes.
    input_bytes: usize,
}

/// The argument of an event script.
#[derive(Serialize)]
struct EventArgument<'a> {
    id: &'a str,
    #[serde(rename = "type")]
    event_type: &'a str,
    time: String,
    source: &'a str,
    subject: Option<&'a str>,
    data: &'a RawValue,
}

/// Who has an execution made.
#[derive(Clone, Copy)]
enum Cause {
    /// The event itself, with its chain.
    Event(Lineage),
    /// A person who sends it again.
    Redrive(Lineage, Actor),
}

impl<'a> Batch<'a> {
    /// Work on a tenant's events. A subscription whose row cannot be read is paused, so that the others go on.
    pub(super) async fn new(executions: &'a ExecutionService, tenant: TenantId) -> Result<Self, AppError> {
        let database = &executions.inner().database;
        let (subscriptions, is_any_unreadable) = database.active_subscriptions(tenant)?;
        if is_any_unreadable {
            for id in database.stop_unreadable_subscriptions(tenant).await? {
                tracing::error!(tenant.id = %tenant, subscription.id = id, "a subscription cannot be read and is paused");
            }
        }
        let (targets, begun) = (HashMap::new(), HashSet::new());
        Ok(Self { executions, tenant, subscriptions, targets, begun, input_bytes: 0 })
    }

    /// Look for the subscriptions of the first pending events.
    pub(super) async fn expand(&mut self, now: UnixMillis) -> Result<Expanded, AppError> {
        let database = &self.executions.inner().database;
        let events = database.pending_events(self.tenant, BATCH)?;
        if events.is_empty() {
            return Ok(Expanded::default());
        }
        let mut expansions = Vec::with_capacity(events.len());
        for event in events {
            match self.expansion_of(event) {
                Ok(expansion) => expansions.push(expansion),
                // What goes before it goes on, and what comes behind waits with it, in its order.
                Err(error) if !expansions.is_empty() => {
                    tracing::warn!(tenant.id = %self.tenant, %error, "an event waits");
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(database.expand_events(self.tenant, expansions, now).await?)
    }

    /// Give the first deliveries that are ready their executions.
    pub(super) async fn release(&mut self, now: UnixMillis) -> Result<Released, AppError> {
        let database = &self.executions.inner().database;
        let ready = database.ready_deliveries(self.tenant, BATCH)?;
        if ready.is_empty() {
            return Ok(Released::default());
        }
        let mut releases = Vec::with_capacity(ready.len());
        for (delivery, event) in ready {
            let found = self.subscriptions.iter().find(|subscription| subscription.id == delivery.subscription);
            // Paused, or gone, since they were looked for: what is ready stays where it is.
            let Some(subscription) = found.cloned() else { continue };
            if self.executions.inner().has_left(self.tenant, subscription.set_by)? {
                continue;
            }
            let fate = match self.target(subscription.script) {
                Ok(Some(target)) => self.fate_again(target, &subscription, &delivery, event.as_ref()),
                Ok(None) => continue,
                Err(error) => self.dead_or_waiting(error),
            };
            let fate = match fate {
                Ok(fate) => fate,
                // It alone waits; another of its subject is behind it anyway.
                Err(error) => {
                    tracing::warn!(tenant.id = %self.tenant, %error, "a delivery waits");
                    continue;
                }
            };
            let Delivery { subscription, source, event, .. } = delivery;
            releases.push(Release { subscription, source, event, fate });
        }
        Ok(database.release_deliveries(self.tenant, releases, now).await?)
    }

    fn expansion_of(&mut self, event: PendingEvent) -> Result<Expansion, AppError> {
        match event {
            PendingEvent::Readable(stored) => self.expansion(stored),
            PendingEvent::Unreadable { position, source, id } => {
                tracing::error!(tenant.id = %self.tenant, event.id = id, "an event's row cannot be read");
                Ok(Expansion {
                    position,
                    source,
                    event: id,
                    subject: None,
                    root: String::new(),
                    readability: Readability::Unreadable,
                    counted: None,
                    deliveries: Vec::new(),
                })
            }
        }
    }

    fn expansion(&mut self, stored: StoredEvent) -> Result<Expansion, AppError> {
        let event = &stored.event;
        let matching =
            self.subscriptions.iter().filter(|subscription| subscription.matches(&event.event_type, &event.source));
        let matching: Vec<Subscription> = matching.cloned().collect();
        let lineage = lineage_of(self.tenant, &stored);
        let mut deliveries = Vec::with_capacity(matching.len());
        for subscription in matching {
            let fate = self.fate(&subscription, &stored, lineage)?;
            deliveries.push(NewDelivery { subscription: subscription.id, script: subscription.script, fate });
        }
        let StoredEvent { event, position, .. } = stored;
        Ok(Expansion {
            position,
            source: event.source,
            event: event.id,
            subject: event.subject,
            root: format!("{}/{}", event.root_tenant.unwrap_or(self.tenant), event.root),
            readability: Readability::Readable,
            // What the first cause itself led to is bounded by what one execution publishes.
            counted: lineage.filter(|lineage| lineage.hop > 1),
            deliveries,
        })
    }

    fn fate(
        &mut self,
        subscription: &Subscription,
        stored: &StoredEvent,
        lineage: Option<Lineage>,
    ) -> Result<Fate, AppError> {
        let Some(lineage) = lineage else { return Ok(Fate::Dead(DeadReason::Hops)) };
        let target = match self.target(subscription.script) {
            Ok(Some(target)) => target,
            Ok(None) => return Ok(Fate::Skip),
            Err(error) => return self.dead_or_waiting(error),
        };
        if self.executions.inner().has_left(self.tenant, subscription.set_by)? {
            return Ok(Fate::Skip);
        }
        if let Some(subject) = &stored.event.subject {
            let database = &self.executions.inner().database;
            let is_first = self.begun.insert((subscription.id, subject.clone()));
            if !is_first || database.has_open_delivery(self.tenant, subscription.id, subject)? {
                return Ok(Fate::Wait);
            }
        }
        if self.input_bytes >= INPUT_BYTES_MAX {
            return Ok(Fate::Wait);
        }
        self.input_bytes += stored.event.data.len();
        self.fate_of(target, subscription, stored, Cause::Event(lineage))
    }

    /// What becomes of a delivery that is ready. An event that a person sends again goes on with its chain as well
    /// (RULES 35).
    fn fate_again(
        &self,
        target: Target,
        subscription: &Subscription,
        delivery: &Delivery,
        stored: Option<&StoredEvent>,
    ) -> Result<Fate, AppError> {
        let Some(stored) = stored else { return Ok(Fate::Dead(DeadReason::Unreadable)) };
        let Some(lineage) = lineage_of(self.tenant, stored) else { return Ok(Fate::Dead(DeadReason::Hops)) };
        let cause = match redriver(delivery) {
            Some(actor) => Cause::Redrive(lineage, actor),
            None => Cause::Event(lineage),
        };
        self.fate_of(target, subscription, stored, cause)
    }

    /// An execution that takes the event, or its end where none ever can.
    fn fate_of(
        &self,
        target: Target,
        subscription: &Subscription,
        stored: &StoredEvent,
        cause: Cause,
    ) -> Result<Fate, AppError> {
        let set_by = subscription.set_by;
        let (trigger, actor, asker, lineage) = match (cause, set_by) {
            (Cause::Event(lineage), set_by) => (Trigger::Event, Actor::System, Asker::Binding { set_by }, lineage),
            // Somebody who sends an event again is one more whose rights the run needs (RULES 14).
            (Cause::Redrive(lineage, actor), Some(set_by)) => {
                (Trigger::Retry, actor, Asker::Both { actor, set_by }, lineage)
            }
            // Their rights alone would be all that it has.
            (Cause::Redrive(..), None) => return Ok(Fate::Dead(DeadReason::Refused)),
        };
        let Some(argument) = self.argument(stored)? else { return Ok(Fate::Dead(DeadReason::Unreadable)) };
        let order = |inner| {
            let acting = target.acting(inner, asker)?;
            let rights = acting.rights(inner)?;
            let order = Order::new(target, (trigger, actor), (acting, rights), Input::Json(argument));
            Ok(order.continuing(Some(lineage)))
        };
        let terms = QueueTerms { max_attempts: Some(subscription.max_attempts), ..QueueTerms::LIVE };
        let queued = order(self.executions.inner()).and_then(|order| self.executions.queued(&order, terms));
        let mut queued = match queued {
            Ok(queued) => queued,
            Err(error) => return self.dead_or_waiting(error),
        };
        // No event is lost because the script works on another one.
        if let Some(group) = &mut queued.entry.group {
            group.when_full = WhenFull::Queue;
        }
        Ok(Fate::Queue(Box::new(queued)))
    }

    /// What became of an event that no execution could be made for: where that will not change it is given up, so that
    /// those behind it go on.
    ///
    /// # Errors
    /// Where it may be otherwise the next time: the event waits.
    fn dead_or_waiting(&self, error: AppError) -> Result<Fate, AppError> {
        let reason = match &error {
            AppError::Internal(source) => match source.downcast_ref() {
                Some(DatabaseError::Corrupt { .. }) => DeadReason::Unreadable,
                _ => return Err(error),
            },
            AppError::Overloaded { .. } | AppError::StorageFull | AppError::Unavailable => return Err(error),
            _ => DeadReason::Refused,
        };
        tracing::error!(tenant.id = %self.tenant, %error, "no execution can be made for an event");
        Ok(Fate::Dead(reason))
    }

    /// The script's argument; `None` where the event's data cannot be read, now or ever.
    fn argument(&self, stored: &StoredEvent) -> Result<Option<String>, AppError> {
        let (event, inner) = (&stored.event, self.executions.inner());
        let key = inner.keyring.tenant(&inner.database, self.tenant)?;
        let opened = key.open(Purpose::Event, event.id.as_bytes(), &event.data).ok();
        let Some(data) = opened.and_then(|data| String::from_utf8(data).ok()) else {
            tracing::error!(tenant.id = %self.tenant, event.id = event.id, "an event's data cannot be read");
            return Ok(None);
        };
        let Ok(data) = serde_json::from_str::<&RawValue>(&data) else { return Ok(None) };
        let argument = EventArgument {
            id: &event.id,
            event_type: &event.event_type,
            time: event.time.to_rfc3339(),
            source: &event.source,
            subject: event.subject.as_deref(),
            data,
        };
        serde_json::to_string(&argument).map(Some).map_err(AppError::internal)
    }

    /// The script as it runs now; `None` where it is paused, not deployed or gone.
    fn target(&mut self, script: ScriptId) -> Result<Option<Target>, AppError> {
        if let Some(known) = self.targets.get(&script) {
            return Ok(known.clone());
        }
        let found = match Target::of_script(self.executions.inner(), self.tenant, &ScriptRef::Id(script)) {
            Ok(target) => Some(target),
            Err(AppError::Paused | AppError::Orphaned | AppError::NotDeployed | AppError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        self.targets.insert(script, found.clone());
        Ok(found)
    }
}

/// Who had it sent again.
fn redriver(delivery: &Delivery) -> Option<Actor> {
    let user = delivery.redriven_by?;
    let by_token = delivery.redriven_token.map(|token| Actor::Token { token, user });
    by_token.or_else(|| delivery.redriven_session.map(|session| Actor::Session { session, user }))
}

/// The place in its chain of an execution that an event starts; `None` past the last one.
fn lineage_of(tenant: TenantId, stored: &StoredEvent) -> Option<Lineage> {
    let event = &stored.event;
    let root: ExecutionId = event.root.parse().unwrap_or_else(|_| ExecutionId::generate());
    Lineage { tenant: event.root_tenant.unwrap_or(tenant), root, hop: event.hop }.next()
}
