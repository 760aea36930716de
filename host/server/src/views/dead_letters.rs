//! Dead letters: what was given up, and what of it is sent again.

use app::{App, DeadLetter, DeadLetterView, EventEdit};
use domain::Principal;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    events::{ChainLinkView, EventDetailView},
    executions::ExecutionDetailView,
    subscriptions::given,
    words::{DeadLetterKindWord, DeadReasonWord},
};
use crate::{controllers::runs, web::problem::Problem};

/// How to send a dead letter again: as it was, or another event in its place.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RedriveRequest, example = json!({ "data": { "total": 99 } }))]
pub(crate) struct RedriveBody {
    /// Other data. With data or a subject a new event is sent, with the source `redrive`, to the same subscription alone.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<serde_json::Value>)]
    data: Option<Option<Box<RawValue>>>,
    /// Another subject; null for none.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    subject: Option<Option<String>>,
}

/// What was sent again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Redriven {
    /// The id of the new event; null where the same one is sent again.
    pub(crate) event_id: Option<String>,
}

/// What was given up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetterSummary)]
pub(crate) struct DeadLetterSummaryView {
    id: Uuid,
    kind: DeadLetterKindWord,
    /// `attempts` are used up; `rescues`: the server ended again and again meanwhile; `hops` or `budget`: its chain of
    /// events is too long or led to too much; `refused`: no other attempt would change it; `unreadable`: what is stored of it
    /// cannot be read.
    reason: DeadReasonWord,
    script_id: Option<Uuid>,
    execution_id: Option<Uuid>,
    subscription_id: Option<Uuid>,
    event_source: Option<String>,
    event_id: Option<String>,
    /// Null where nothing is kept of the event any more.
    #[schema(example = "order.placed")]
    event_type: Option<String>,
    /// How many events the letter stands for: what a chain leads to past its hops or its budget has one letter for each
    /// subscription, which names the first.
    events: u64,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    redriven_at: Option<String>,
    redriven_by: Option<Uuid>,
}

/// What was given up, with what is still there of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeadLetter)]
pub(crate) struct DeadLetterDetailView {
    #[serde(flatten)]
    summary: DeadLetterSummaryView,
    /// The event; its data is null where the token's permissions do not show it.
    event: Option<EventDetailView>,
    /// The execution that failed.
    execution: Option<ExecutionDetailView>,
    /// How the event came to be: the events before it, from the first cause on.
    chain: Vec<ChainLinkView>,
}

impl RedriveBody {
    /// What is edited; `None` where the letter is sent as it was.
    pub(crate) fn edit(self) -> Option<EventEdit> {
        let Self { data, subject } = self;
        if data.is_none() && subject.is_none() {
            return None;
        }
        let json =
            |data: Option<Box<RawValue>>| data.map_or_else(|| String::from("null"), |data| data.get().to_owned());
        Some(EventEdit { data: data.map(json), subject })
    }
}

impl From<&DeadLetter> for DeadLetterSummaryView {
    fn from(letter: &DeadLetter) -> Self {
        Self {
            id: letter.id.uuid(),
            kind: DeadLetterKindWord(letter.kind),
            reason: DeadReasonWord(letter.reason),
            script_id: letter.script.map(domain::ScriptId::uuid),
            execution_id: letter.execution.map(domain::ExecutionId::uuid),
            subscription_id: letter.subscription.map(domain::SubscriptionId::uuid),
            event_source: letter.source.clone(),
            event_id: letter.event.clone(),
            event_type: letter.event_type.clone(),
            events: letter.events,
            created_at: letter.created_at.to_rfc3339(),
            redriven_at: letter.redriven_at.map(domain::UnixMillis::to_rfc3339),
            redriven_by: letter.redriven_by.map(domain::UserId::uuid),
        }
    }
}

impl DeadLetterDetailView {
    /// The letter for whoever asked.
    ///
    /// # Errors
    /// What is kept of it cannot be read.
    pub(crate) fn new(app: &App, principal: &Principal, view: DeadLetterView) -> Result<Self, Problem> {
        let DeadLetterView { letter, event, execution, chain } = view;
        Ok(Self {
            summary: DeadLetterSummaryView::from(&letter),
            event: event.map(EventDetailView::new).transpose()?,
            execution: execution.map(|view| runs::detail(app, principal, view)).transpose()?.map(|json| json.0),
            chain: chain.into_iter().map(ChainLinkView::from).collect(),
        })
    }
}
