//! Events: what is published, and what is shown of it.

use app::{ChainLink, EventInput, EventView, PublishedEvent, StoredEvent};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::web::{error::internal, problem::Problem};

/// An event to be published. Tenant, source and time are the server's to say.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewEvent, example = json!({
    "type": "order.placed", "subject": "order-17", "id": "order-17-placed", "data": { "total": 99 }
}))]
pub(crate) struct NewEvent {
    /// Lower-case words of letters, digits, `_` and `-`, joined by dots; not under `skerry.`.
    r#type: String,
    /// At most 256 KiB of JSON; null where nothing is said.
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
    /// What it is about. Events of one subject are delivered in their order.
    subject: Option<String>,
    /// An id that the same user has published already publishes nothing again.
    id: Option<String>,
}

/// An event that was published, now or before under the same id.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PublishedEventView {
    id: String,
    source: String,
    /// Its place in the order of events, and its address.
    #[schema(example = "12-0")]
    position: String,
}

/// An event, without its data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = EventSummary)]
pub(crate) struct EventSummaryView {
    /// Its place in the order of events, and its address.
    #[schema(example = "12-0")]
    position: String,
    id: String,
    /// `/scripts/{name}`, `/users/{id}`, `skerry`, or `redrive` for an event that was edited and sent again.
    source: String,
    r#type: String,
    subject: Option<String>,
    #[schema(format = DateTime)]
    time: String,
    /// How many executions lie between it and the first cause.
    hop: u32,
    /// The execution that published it.
    execution_id: Option<Uuid>,
    /// The user who published it.
    published_by: Option<Uuid>,
}

/// An event. Its data is null where the token's permissions do not show it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Event)]
pub(crate) struct EventDetailView {
    #[serde(flatten)]
    summary: EventSummaryView,
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Box<RawValue>>,
}

/// One step on the way to an event.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ChainLink)]
pub(crate) struct ChainLinkView {
    r#type: String,
    source: String,
    event_id: String,
    /// How far it is from the first cause.
    hop: u32,
    /// The execution that published it.
    execution_id: Option<Uuid>,
    /// That execution's script.
    script_id: Option<Uuid>,
}

impl NewEvent {
    /// The event for the application.
    pub(crate) fn input(self) -> EventInput {
        let data = self.data.map_or_else(|| String::from("null"), |data| data.get().to_owned());
        EventInput { event_type: self.r#type, data, subject: self.subject, id: self.id }
    }
}

impl From<PublishedEvent> for PublishedEventView {
    fn from(published: PublishedEvent) -> Self {
        let PublishedEvent { source, id, position, .. } = published;
        Self { id, source, position: position.to_string() }
    }
}

impl From<&StoredEvent> for EventSummaryView {
    fn from(stored: &StoredEvent) -> Self {
        let event = &stored.event;
        Self {
            position: stored.position.to_string(),
            id: event.id.clone(),
            source: event.source.clone(),
            r#type: event.event_type.clone(),
            subject: event.subject.clone(),
            time: event.time.to_rfc3339(),
            hop: event.hop,
            execution_id: stored.execution.map(domain::ExecutionId::uuid),
            published_by: event.published_by.map(domain::UserId::uuid),
        }
    }
}

impl EventDetailView {
    /// The event for whoever asked.
    ///
    /// # Errors
    /// What is kept as its data is no JSON, which is the server's fault.
    pub(crate) fn new(view: EventView) -> Result<Self, Problem> {
        let data = view.data.map(RawValue::from_string).transpose().map_err(|error| internal(&error))?;
        Ok(Self { summary: EventSummaryView::from(&view.stored), data })
    }
}

impl From<ChainLink> for ChainLinkView {
    fn from(link: ChainLink) -> Self {
        Self {
            r#type: link.event_type,
            source: link.source,
            event_id: link.event,
            hop: link.hop,
            execution_id: link.execution.map(domain::ExecutionId::uuid),
            script_id: link.script.map(domain::ScriptId::uuid),
        }
    }
}
