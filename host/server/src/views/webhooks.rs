//! Webhooks and their deliveries as JSON. A secret is in the one answer that makes it, and in no other.

use app::{IssuedWebhook, WebhookAttempt, WebhookDelivery, WebhookInput, WebhookPatch, WebhookView};
use domain::{EventPattern, UnixMillis, UserId};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

/// A webhook to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where events are sent: an absolute https address.
    #[schema(example = "https://example.com/hooks")]
    url: String,
    /// Which types are sent: one (`order.created`), all below one (`order.*`), or all but Skerry's own (`*`).
    #[schema(example = json!(["order.*"]))]
    types: Vec<String>,
    /// Only events of this source; every source where nothing is said.
    source: Option<String>,
    /// What it is for, for people.
    #[serde(default)]
    description: String,
    /// Whether events are sent to it from now on; true where nothing is said.
    is_active: Option<bool>,
}

/// What is to be changed of a webhook; what is left out stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookChange {
    /// Another address.
    url: Option<String>,
    /// Other types, whole.
    types: Option<Vec<String>>,
    /// Another source; null for every source.
    #[serde(default, deserialize_with = "nullable")]
    #[schema(value_type = Option<String>)]
    source: Option<Option<String>>,
    /// Another description.
    description: Option<String>,
    /// Whether events are sent to it. One that Skerry stopped goes on when this is true.
    is_active: Option<bool>,
}

/// A webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookRecord {
    id: Uuid,
    url: String,
    types: Vec<String>,
    source: Option<String>,
    description: String,
    is_active: bool,
    /// Why Skerry itself stopped: `gone` (its address answered 410), `failing` (it took nothing for three days) or
    /// `rights` (whoever set it last may not do so any more).
    disabled_reason: Option<&'static str>,
    /// The first failure since something was last taken.
    failing_since: Option<String>,
    /// Until when everything is signed with the secret before the last one too.
    previous_secret_until: Option<String>,
    created_at: String,
    updated_at: String,
    set_by: Option<Uuid>,
}

/// A webhook with a secret that was just made.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookMade {
    #[serde(flatten)]
    webhook: WebhookRecord,
    /// What everything is signed with, as Standard Webhooks has it. It is shown this one time.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// An event on its way to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryRecord {
    /// What the receiver is sent as `webhook-id`, the same each time.
    id: Uuid,
    event: DeliveredEvent,
    /// `pending`, `delivered` or `failed`.
    status: &'static str,
    /// How often it was sent.
    attempts: u32,
    /// When it is sent next, while it is pending.
    next_at: Option<String>,
    created_at: String,
    completed_at: Option<String>,
}

/// The event of a delivery.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveredEvent {
    id: String,
    source: String,
    #[serde(rename = "type")]
    event_type: String,
}

/// A delivery with every time that it was sent.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeliveryDetail {
    #[serde(flatten)]
    delivery: DeliveryRecord,
    /// The first one first.
    sent: Vec<AttemptRecord>,
}

/// One time that a delivery was sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookAttempt)]
pub(crate) struct AttemptRecord {
    /// From 1.
    attempt: u32,
    sent_at: String,
    duration_ms: u64,
    /// The status of the answer; null where there was none.
    status: Option<u16>,
    /// Why it failed.
    error: Option<String>,
}

impl NewWebhook {
    /// The webhook for the application.
    pub(crate) fn input(self) -> WebhookInput {
        let Self { url, types, source, description, is_active } = self;
        WebhookInput { url, types, source, description, is_active: is_active.unwrap_or(true) }
    }
}

impl WebhookChange {
    /// The change for the application.
    pub(crate) fn patch(self) -> WebhookPatch {
        let Self { url, types, source, description, is_active } = self;
        WebhookPatch { url, types, source, description, is_active }
    }
}

impl From<&WebhookView> for WebhookRecord {
    fn from(view: &WebhookView) -> Self {
        let webhook = &view.webhook;
        Self {
            id: webhook.id.uuid(),
            url: view.url.clone(),
            types: webhook.patterns.iter().map(EventPattern::to_string).collect(),
            source: webhook.source.clone(),
            description: webhook.description.clone(),
            is_active: webhook.is_active,
            disabled_reason: webhook.disabled.map(app::WebhookDisabled::as_str),
            failing_since: webhook.failing_since.map(UnixMillis::to_rfc3339),
            previous_secret_until: view.previous_secret_until.map(UnixMillis::to_rfc3339),
            created_at: webhook.created_at.to_rfc3339(),
            updated_at: webhook.updated_at.to_rfc3339(),
            set_by: webhook.set_by.map(UserId::uuid),
        }
    }
}

impl From<IssuedWebhook> for WebhookMade {
    fn from(issued: IssuedWebhook) -> Self {
        Self { webhook: WebhookRecord::from(&issued.view), secret: issued.secret }
    }
}

impl From<&WebhookDelivery> for DeliveryRecord {
    fn from(delivery: &WebhookDelivery) -> Self {
        let WebhookDelivery { event, source, event_type, .. } = delivery.clone();
        let is_pending = delivery.completed_at.is_none();
        Self {
            id: delivery.id.uuid(),
            event: DeliveredEvent { id: event, source, event_type },
            status: delivery.status.as_str(),
            attempts: delivery.attempts,
            next_at: is_pending.then(|| delivery.next_at.to_rfc3339()),
            created_at: delivery.created_at.to_rfc3339(),
            completed_at: delivery.completed_at.map(UnixMillis::to_rfc3339),
        }
    }
}

impl DeliveryDetail {
    pub(crate) fn new(delivery: &WebhookDelivery, attempts: &[WebhookAttempt]) -> Self {
        Self { delivery: delivery.into(), sent: attempts.iter().map(AttemptRecord::from).collect() }
    }
}

impl From<&WebhookAttempt> for AttemptRecord {
    fn from(attempt: &WebhookAttempt) -> Self {
        let WebhookAttempt { attempt, sent_at, duration_ms, status, error } = attempt.clone();
        Self { attempt, sent_at: sent_at.to_rfc3339(), duration_ms, status, error }
    }
}

/// A field that may be null, which is not the same as left out.
fn nullable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}
