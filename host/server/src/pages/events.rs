//! `/events`: what was published, one event with its chain and its deliveries; and in the modules below which scripts run on
//! events, and what was given up.

mod dead_letters;
mod subscriptions;

use std::collections::BTreeSet;

use app::{
    App, AppError, ChainLink, Delivery, DeliveryStatus, EventFilter, Names, NamesAsked, StoredEvent, Subscription,
};
use askama::Template;
use axum::extract::State;
use domain::{EventPattern, Invalid, Permission, Principal, ScriptId};
use serde::Deserialize;

pub(crate) use self::{
    dead_letters::{dead_letter_page, dead_letters_page},
    subscriptions::{subscription_page, subscriptions_page},
};
use super::{
    answer::{PageResult, page},
    format::{self, Moment},
    frame::Frame,
    people_of::person,
    values::{self, Body, Value},
    visit::Visit,
    words::{self, Badge},
};
use crate::web::extract::{EventPath, Params};

/// Events of one page.
const PAGE: u32 = 50;

/// Subscriptions of a tenant: as many as there may be.
const SUBSCRIPTIONS: u32 = 100;

/// Which events.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EventsFilter {
    /// A type, all below one (`order.*`), or `*` for all but Skerry's own.
    types: String,
    source: String,
    subject: String,
    cursor: String,
}

#[derive(Template)]
#[template(path = "events/list.html")]
struct EventsPage {
    frame: Frame,
    filter: EventsFilter,
    rows: Vec<Row>,
    next: Option<String>,
    /// Whether there may be more, though the page is not full.
    is_short: bool,
}

/// An event in the list.
struct Row {
    position: String,
    event_type: String,
    source: String,
    subject: Option<String>,
    time: Moment,
    hop: u32,
    execution: Option<String>,
}

#[derive(Template)]
#[template(path = "events/detail.html")]
struct EventPage {
    frame: Frame,
    row: Row,
    id: String,
    published_by: Option<String>,
    data: Value,
    chain: Vec<Link>,
    deliveries: Vec<DeliveryRow>,
}

/// A step on the way to an event.
pub(super) struct Link {
    event_type: String,
    source: String,
    hop: u32,
    execution: Option<String>,
    script: Option<String>,
}

/// An event on its way to a subscription.
struct DeliveryRow {
    subscription: String,
    script: String,
    position: String,
    subject: Option<String>,
    status: Badge,
    why: Option<&'static str>,
    execution: Option<String>,
    created: Moment,
    ended: Option<Moment>,
}

/// The list of events.
pub(crate) async fn events_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<EventsFilter>,
) -> PageResult {
    let before = cursor(&filter.cursor)?;
    let (events, whose, wanted) = (app.events().clone(), principal, filter.wanted()?);
    // A walk takes a while in which a thread of the server's serves nobody else.
    let found = tokio::task::spawn_blocking(move || events.find(&whose, &wanted, before, PAGE));
    let found = found.await.map_err(|error| AppError::Internal(error.into()))??;
    page(&EventsPage {
        rows: found.events.iter().map(|stored| Row::of(stored, &frame)).collect(),
        next: found.next.map(|next| filter.page_from(&next.to_string())),
        is_short: found.events.len() < PAGE as usize,
        filter,
        frame,
    })
}

/// One event.
pub(crate) async fn event_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    EventPath(position): EventPath,
) -> PageResult {
    let view = app.events().get(&principal, position)?;
    let chain = app.events().chain(&principal, position)?;
    let deliveries = app.events().deliveries(&principal, position)?;
    let subscriptions = app.subscriptions().list(&principal, None, SUBSCRIPTIONS)?;
    let event = &view.stored.event;
    let asked = NamesAsked {
        scripts: scripts_of(&chain, &subscriptions),
        people: event.published_by.into_iter().collect(),
        ..NamesAsked::default()
    };
    let names = app.names().of(&principal, asked)?;
    page(&EventPage {
        row: Row::of(&view.stored, &frame),
        id: format::shown(&event.id),
        published_by: event.published_by.map(|user| person(&names, &principal, user)),
        data: view.data.as_deref().map_or(Value::Absent, values::json),
        chain: chain.iter().map(|link| Link::of(link, &names)).collect(),
        deliveries: deliveries
            .iter()
            .map(|delivery| DeliveryRow::of(delivery, &script_of(delivery, &subscriptions, &names), &frame))
            .collect(),
        frame,
    })
}

fn scripts_of(chain: &[ChainLink], subscriptions: &[Subscription]) -> BTreeSet<ScriptId> {
    let of_chain = chain.iter().filter_map(|link| link.script);
    of_chain.chain(subscriptions.iter().map(|subscription| subscription.script)).collect()
}

/// The name of the script that a delivery is for.
fn script_of(delivery: &Delivery, subscriptions: &[Subscription], names: &Names) -> String {
    let subscription = subscriptions.iter().find(|subscription| subscription.id == delivery.subscription);
    let name = subscription.and_then(|subscription| names.script(subscription.script));
    name.map_or_else(|| String::from("a script"), ToString::to_string)
}

fn cursor(text: &str) -> Result<Option<app::EventPosition>, Invalid> {
    let position = Some(text).filter(|text| !text.is_empty()).map(str::parse).transpose();
    position.map_err(|_| Invalid::new("cursor", "a cursor is one that a page's link has"))
}

impl EventsFilter {
    fn is_empty(&self) -> bool {
        self.types.is_empty() && self.source.is_empty() && self.subject.is_empty()
    }

    fn wanted(&self) -> Result<EventFilter, Invalid> {
        let text = |text: &str| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
        Ok(EventFilter {
            types: text(&self.types).map(|types| EventPattern::parse(&types)).transpose()?,
            source: text(&self.source),
            subject: text(&self.subject),
        })
    }

    fn page_from(&self, cursor: &str) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/events?"));
        for (name, value) in [("types", &self.types), ("source", &self.source), ("subject", &self.subject)] {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("cursor", cursor);
        query.finish()
    }
}

impl Row {
    fn of(stored: &StoredEvent, frame: &Frame) -> Self {
        let event = &stored.event;
        Self {
            position: stored.position.to_string(),
            event_type: event.event_type.clone(),
            source: format::shown(&event.source),
            subject: event.subject.as_deref().map(format::shown),
            time: frame.moment(&event.time),
            hop: event.hop,
            execution: stored.execution.map(|execution| execution.to_string()),
        }
    }
}

impl Link {
    pub(super) fn of(link: &ChainLink, names: &Names) -> Self {
        Self {
            event_type: link.event_type.clone(),
            source: format::shown(&link.source),
            hop: link.hop,
            execution: link.execution.map(|execution| execution.to_string()),
            script: link.script.and_then(|script| names.script(script)).map(ToString::to_string),
        }
    }
}

impl DeliveryRow {
    fn of(delivery: &Delivery, script: &str, frame: &Frame) -> Self {
        Self {
            subscription: delivery.subscription.to_string(),
            script: script.to_owned(),
            position: delivery.position.to_string(),
            subject: delivery.subject.as_deref().map(format::shown),
            status: delivery_status(delivery.status),
            why: delivery.error_kind.as_ref().map(words::error_kind),
            execution: delivery.execution.map(|execution| execution.to_string()),
            created: frame.moment(&delivery.created_at),
            ended: delivery.completed_at.map(|at| frame.moment(&at)),
        }
    }
}

/// How far a delivery is.
fn delivery_status(status: DeliveryStatus) -> Badge {
    let (class, icon, word) = match status {
        DeliveryStatus::Waiting => ("neutral", "hourglass", "Waits for its turn"),
        DeliveryStatus::Ready => ("neutral", "clock", "Ready"),
        DeliveryStatus::Queued => ("running", "loader", "Under way"),
        DeliveryStatus::Delivered => ("success", "circle-check", "Delivered"),
        DeliveryStatus::Dead => ("failed", "circle-x", "Given up"),
        DeliveryStatus::Cancelled => ("neutral", "ban", "Cancelled"),
        DeliveryStatus::Skipped => ("neutral", "circle-slash", "Skipped"),
    };
    Badge { class, icon, word }
}

/// Who may publish, said where it is not this person.
fn may_publish(frame: &Frame) -> bool {
    frame.may(Permission::EventsPublish)
}

/// Whether whoever looks may change subscriptions.
fn may_subscribe(frame: &Frame) -> bool {
    frame.may(Permission::ScriptsDeploy) && frame.may(Permission::EventsRead)
}

/// The name of a script as a list has it.
fn name_of(names: &Names, script: Option<ScriptId>) -> Option<String> {
    script.map(|script| names.script(script).map_or_else(|| String::from("(deleted)"), ToString::to_string))
}

/// A filter's id, or why it is none.
fn id_of<T: std::str::FromStr>(field: &'static str, text: &str) -> Result<Option<T>, Invalid> {
    words::chosen(Some(text)).map_err(|_| Invalid::new(field, format!("{field} is an id")))
}

/// The scripts that run on events, by name.
fn event_scripts(app: &App, principal: &Principal) -> Result<Vec<(String, String)>, AppError> {
    if !principal.permissions.contains(Permission::ScriptsRead) {
        return Ok(Vec::new());
    }
    let kind = Some(domain::ScriptKind::Event);
    let query = app::ScriptQuery { kind, limit: 200, ..app::ScriptQuery::default() };
    let scripts = app.scripts().find(principal, &query)?;
    Ok(scripts.iter().map(|script| (script.id.to_string(), script.name.to_string())).collect())
}
