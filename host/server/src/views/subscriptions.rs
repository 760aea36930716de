//! Subscriptions and deliveries.

use app::{Delivery, ScriptRef, Subscription, SubscriptionInput, SubscriptionPatch};
use domain::{EventPattern, Invalid};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{DeliveryStatusWord, ErrorKindWord};
use crate::web::problem::Problem;

/// A subscription to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSubscription, example = json!({ "script": "send-receipt", "types": ["order.*"] }))]
pub(crate) struct NewSubscription {
    /// The id or the name of a script of the kind `event`.
    script: String,
    /// From 1 to 20: a type (`order.placed`), all types below one (`order.*`), or `*` for every type but Skerry's own.
    types: Vec<String>,
    /// Only events of this source; of every source where nothing is said.
    source: Option<String>,
    /// Whether anything is delivered; it is where nothing is said.
    is_active: Option<bool>,
    /// Attempts of one delivery, the first included, from 1 to 20; 5 where nothing is said.
    max_attempts: Option<u32>,
}

/// What to change of a subscription. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SubscriptionPatch, example = json!({ "is_active": false }))]
pub(crate) struct SubscriptionChange {
    /// Other types, in place of all there are.
    types: Option<Vec<String>>,
    /// Only events of this source; null for every source.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    source: Option<Option<String>>,
    /// Whether anything is delivered.
    is_active: Option<bool>,
    /// Attempts of one delivery.
    max_attempts: Option<u32>,
}

/// Which events a script runs on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Subscription)]
pub(crate) struct SubscriptionView {
    id: Uuid,
    script_id: Uuid,
    types: Vec<String>,
    source: Option<String>,
    is_active: bool,
    max_attempts: u32,
    #[schema(format = DateTime)]
    created_at: String,
    /// Who set it last. Its runs have no right that this user lacks.
    set_by: Option<Uuid>,
    #[schema(format = DateTime)]
    set_at: String,
}

/// One event on its way to a subscription.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryView {
    /// The event's place in the order of events, and its address.
    #[schema(example = "12-0")]
    event_position: String,
    event_source: String,
    event_id: String,
    subject: Option<String>,
    /// `waiting` behind another of its subject, `ready` for a place in the queue, `queued` as an execution; or how it
    /// ended: `delivered`, `dead`, `cancelled`, or `skipped` because the subscription or its script was paused.
    status: DeliveryStatusWord,
    /// The execution that takes it, or took it.
    execution_id: Option<Uuid>,
    /// Why it was given up.
    error_kind: Option<ErrorKindWord>,
    /// Who had it sent again.
    redriven_by: Option<Uuid>,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    completed_at: Option<String>,
}

impl NewSubscription {
    /// The subscription for the application.
    ///
    /// # Errors
    /// A type is no pattern, or the script is none.
    pub(crate) fn input(self) -> Result<SubscriptionInput, Problem> {
        let unknown = |_| Problem::field("script", "the script is the name or the id of a script of this tenant");
        Ok(SubscriptionInput {
            script: ScriptRef::parse(&self.script).map_err(unknown)?,
            types: patterns(&self.types)?,
            source: self.source,
            is_active: self.is_active.unwrap_or(true),
            max_attempts: self.max_attempts,
        })
    }
}

impl SubscriptionChange {
    /// The change for the application.
    ///
    /// # Errors
    /// A type is no pattern.
    pub(crate) fn patch(self) -> Result<SubscriptionPatch, Problem> {
        let Self { types, source, is_active, max_attempts } = self;
        let types = types.as_deref().map(patterns).transpose()?;
        Ok(SubscriptionPatch { types, source, is_active, max_attempts })
    }
}

impl From<&Subscription> for SubscriptionView {
    fn from(subscription: &Subscription) -> Self {
        Self {
            id: subscription.id.uuid(),
            script_id: subscription.script.uuid(),
            types: subscription.patterns.iter().map(EventPattern::to_string).collect(),
            source: subscription.source.clone(),
            is_active: subscription.is_active,
            max_attempts: subscription.max_attempts,
            created_at: subscription.created_at.to_rfc3339(),
            set_by: subscription.set_by.map(domain::UserId::uuid),
            set_at: subscription.set_at.to_rfc3339(),
        }
    }
}

impl From<&Delivery> for DeliveryView {
    fn from(delivery: &Delivery) -> Self {
        Self {
            event_position: delivery.position.to_string(),
            event_source: delivery.source.clone(),
            event_id: delivery.event.clone(),
            subject: delivery.subject.clone(),
            status: DeliveryStatusWord(delivery.status),
            execution_id: delivery.execution.map(domain::ExecutionId::uuid),
            error_kind: delivery.error_kind.map(ErrorKindWord),
            redriven_by: delivery.redriven_by.map(domain::UserId::uuid),
            created_at: delivery.created_at.to_rfc3339(),
            completed_at: delivery.completed_at.map(domain::UnixMillis::to_rfc3339),
        }
    }
}

/// A field that is there, also as null.
pub(super) fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<Option<T>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

fn patterns(texts: &[String]) -> Result<Vec<EventPattern>, Invalid> {
    texts.iter().map(|text| EventPattern::parse(text)).collect()
}
