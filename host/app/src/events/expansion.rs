//! One tenant's batch: which subscriptions an event goes to, and the executions that take it.

use std::collections::{HashMap, HashSet};

use database::{
    DeadReason, Delivery, Expanded, Expansion, Fate, NewDelivery, QueuedExecution, Release, Released, StoredEvent,
    Subscription,
};
use domain::{Actor, ExecutionId, Lineage, ScriptId, SubscriptionId, TenantId, Trigger, UnixMillis, WhenFull};
use runtime::Input;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::{
    AppError, ScriptRef,
    executions::{Asker, ExecutionService, Order, QueueTerms, Target},
};

/// Events or deliveries of one tenant at once.
const BATCH: u32 = 32;

/// Bytes of inputs of one batch of events; the last event's go beyond it, by what its subscriptions make of 256 KiB.
const BATCH_BYTES: usize = 8 << 20;

/// More subscriptions than a tenant can have.
const SUBSCRIPTIONS_MAX: u32 = 1_000;

/// Work on one tenant's events, with what is the same for all of them.
pub(super) struct Batch<'a> {
    executions: &'a ExecutionService,
    tenant: TenantId,
    subscriptions: Vec<Subscription>,
    /// The scripts that were looked for; `None` for those that do not run.
    targets: HashMap<ScriptId, Option<Target>>,
    /// The subjects that this batch has put under way.
    begun: HashSet<(SubscriptionId, String)>,
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
enum Cause<'a> {
    /// The event itself, with its chain.
    Event(Lineage),
    /// A person who sends it again.
    Redrive(&'a Delivery),
}

impl<'a> Batch<'a> {
    pub(super) fn new(executions: &'a ExecutionService, tenant: TenantId) -> Result<Self, AppError> {
        let subscriptions = executions.inner().database.list_subscriptions(tenant, None, SUBSCRIPTIONS_MAX)?;
        Ok(Self { executions, tenant, subscriptions, targets: HashMap::new(), begun: HashSet::new() })
    }

    /// Look for the subscriptions of the first pending events.
    pub(super) async fn expand(&mut self, now: UnixMillis) -> Result<Expanded, AppError> {
        let database = &self.executions.inner().database;
        let events = database.pending_events(self.tenant, BATCH)?;
        if events.is_empty() {
            return Ok(Expanded::default());
        }
        let mut expansions = Vec::with_capacity(events.len());
        let mut bytes = 0;
        for event in events {
            let length = event.event.data.len();
            let expansion = self.expansion(event)?;
            bytes += length * expansion.deliveries.len();
            expansions.push(expansion);
            // Each subscription has an input of its own. The rest stays pending, and comes with the next round.
            if bytes >= BATCH_BYTES {
                break;
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
            let queued = match found.cloned() {
                None => None,
                Some(subscription) => self.queued_again(&subscription, &delivery, &event)?,
            };
            let Delivery { subscription, source, event, .. } = delivery;
            releases.push(Release { subscription, source, event, queued });
        }
        Ok(database.release_deliveries(self.tenant, releases, now).await?)
    }

    fn expansion(&mut self, stored: StoredEvent) -> Result<Expansion, AppError> {
        let event = &stored.event;
        let matching = self
            .subscriptions
            .iter()
            .filter(|subscription| subscription.is_active && subscription.matches(&event.event_type, &event.source));
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
        let Some(target) = self.target(subscription.script)? else { return Ok(Fate::Skip) };
        if let Some(subject) = &stored.event.subject {
            let database = &self.executions.inner().database;
            let is_first = self.begun.insert((subscription.id, subject.clone()));
            if !is_first || database.has_open_delivery(self.tenant, subscription.id, subject)? {
                return Ok(Fate::Wait);
            }
        }
        let queued = self.queued(target, subscription, stored, Cause::Event(lineage))?;
        Ok(Fate::Queue(Box::new(queued)))
    }

    fn queued_again(
        &mut self,
        subscription: &Subscription,
        delivery: &Delivery,
        stored: &StoredEvent,
    ) -> Result<Option<QueuedExecution>, AppError> {
        let target = if subscription.is_active { self.target(subscription.script)? } else { None };
        let Some(target) = target else { return Ok(None) };
        let cause = match (delivery.redriven_token, lineage_of(self.tenant, stored)) {
            (None, Some(lineage)) => Cause::Event(lineage),
            _ => Cause::Redrive(delivery),
        };
        self.queued(target, subscription, stored, cause).map(Some)
    }

    fn queued(
        &self,
        target: Target,
        subscription: &Subscription,
        stored: &StoredEvent,
        cause: Cause<'_>,
    ) -> Result<QueuedExecution, AppError> {
        let inner = self.executions.inner();
        let set_by = subscription.set_by;
        // Somebody who sends an event again is one more whose rights the run needs (RULES 14). It begins a new chain.
        let (trigger, actor, asker, lineage) = match cause {
            Cause::Event(lineage) => (Trigger::Event, Actor::System, Asker::Binding { set_by }, Some(lineage)),
            Cause::Redrive(Delivery { redriven_by: Some(user), redriven_token: Some(token), .. }) => {
                let actor = Actor::Token { token: *token, user: *user };
                let asker = set_by.map_or(Asker::Binding { set_by }, |set_by| Asker::Both { actor, set_by });
                (Trigger::Retry, actor, asker, None)
            }
            Cause::Redrive(_) => (Trigger::Event, Actor::System, Asker::Binding { set_by }, None),
        };
        let input = Input::Json(self.argument(stored)?);
        let acting = target.acting(inner, asker)?;
        let rights = acting.rights(inner)?;
        let order = Order::new(target, (trigger, actor), (acting, rights), input).continuing(lineage);
        let terms = QueueTerms { max_attempts: Some(subscription.max_attempts), ..QueueTerms::LIVE };
        let mut queued = self.executions.queued(&order, terms)?;
        // No event is lost because the script works on another one.
        if let Some(group) = &mut queued.entry.group {
            group.when_full = WhenFull::Queue;
        }
        Ok(queued)
    }

    fn argument(&self, stored: &StoredEvent) -> Result<String, AppError> {
        let event = &stored.event;
        let data = self.executions.inner().event_data(self.tenant, event)?;
        let argument = EventArgument {
            id: &event.id,
            event_type: &event.event_type,
            time: event.time.to_rfc3339(),
            source: &event.source,
            subject: event.subject.as_deref(),
            data: serde_json::from_str(&data).map_err(AppError::internal)?,
        };
        serde_json::to_string(&argument).map_err(AppError::internal)
    }

    /// The script as it runs now; `None` where it is paused, not deployed or gone.
    fn target(&mut self, script: ScriptId) -> Result<Option<Target>, AppError> {
        if let Some(known) = self.targets.get(&script) {
            return Ok(known.clone());
        }
        let found = match Target::of_script(self.executions.inner(), self.tenant, &ScriptRef::Id(script)) {
            Ok(target) => Some(target),
            Err(AppError::Paused | AppError::NotDeployed | AppError::NotFound { .. }) => None,
            Err(error) => return Err(error),
        };
        self.targets.insert(script, found.clone());
        Ok(found)
    }
}

/// The place in its chain of an execution that an event starts; `None` past the last one.
fn lineage_of(tenant: TenantId, stored: &StoredEvent) -> Option<Lineage> {
    let event = &stored.event;
    let root: ExecutionId = event.root.parse().unwrap_or_else(|_| ExecutionId::generate());
    Lineage { tenant: event.root_tenant.unwrap_or(tenant), root, hop: event.hop }.next()
}
