//! `/webhooks`: where events are sent outside; and `/webhooks/{webhook}`: one of them, and what was sent to it.

use std::time::Duration;

use app::{App, NamesAsked, WebhookAttempt, WebhookDelivery, WebhookDeliveryStatus, WebhookDisabled, WebhookView};
use askama::Template;
use axum::extract::State;
use domain::{EventPattern, Invalid, Permission, UnixMillis, WebhookDeliveryId, WebhookId};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    format::{self, Moment},
    frame::Frame,
    people_of::person,
    visit::Visit,
    words::Badge,
};
use crate::web::extract::{Params, WebhookDeliveryPath, WebhookPath};

/// Webhooks, or deliveries, of one page.
const PAGE: u32 = 50;

/// A page of webhooks, or of deliveries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebhooksFilter {
    cursor: String,
}

#[derive(Template)]
#[template(path = "webhooks/list.html")]
struct WebhooksPage {
    frame: Frame,
    rows: Vec<Row>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "webhooks/detail.html")]
struct WebhookPage {
    frame: Frame,
    row: Row,
    revision: i64,
    set_by: Option<String>,
    updated: Moment,
    previous_secret_until: Option<Moment>,
    deliveries: Vec<DeliveryRow>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "webhooks/attempts.html")]
struct AttemptsPart {
    attempts: Vec<AttemptRow>,
}

/// A webhook.
struct Row {
    id: String,
    url: String,
    description: String,
    types: Vec<String>,
    source: Option<String>,
    state: Badge,
    is_active: bool,
    /// Why Skerry stopped it.
    stopped: Option<&'static str>,
    failing_since: Option<Moment>,
}

/// What was sent, or is to be.
struct DeliveryRow {
    id: String,
    event_type: String,
    event_id: String,
    source: String,
    status: Badge,
    attempts: u32,
    created: Moment,
    next: Option<Moment>,
}

/// One time that it was sent.
struct AttemptRow {
    number: u32,
    at: Moment,
    took: String,
    status: Option<u16>,
    error: Option<String>,
}

/// The list of webhooks.
pub(crate) async fn webhooks_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<WebhooksFilter>,
) -> PageResult {
    let after = given(&filter.cursor).map(str::parse::<WebhookId>).transpose().map_err(|_| wrong_cursor())?;
    let webhooks = app.webhooks().list(&principal, after, PAGE)?;
    let last = webhooks.last().filter(|_| webhooks.len() >= PAGE as usize);
    page(&WebhooksPage {
        next: last.map(|last| format!("/webhooks?cursor={}", last.webhook.id)),
        rows: webhooks.iter().map(|view| Row::of(view, &frame)).collect(),
        frame,
    })
}

/// One webhook with its deliveries.
pub(crate) async fn webhook_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    WebhookPath(id): WebhookPath,
    Params(filter): Params<WebhooksFilter>,
) -> PageResult {
    let view = app.webhooks().get(&principal, id)?;
    let after = given(&filter.cursor).map(|text| place(text).ok_or_else(wrong_cursor)).transpose()?;
    let deliveries = app.webhooks().deliveries(&principal, id, after, PAGE)?;
    let people = NamesAsked { people: view.webhook.set_by.into_iter().collect(), ..NamesAsked::default() };
    let names = app.names().of(&principal, people)?;
    let last = deliveries.last().filter(|_| deliveries.len() >= PAGE as usize);
    page(&WebhookPage {
        row: Row::of(&view, &frame),
        revision: view.webhook.revision,
        set_by: view.webhook.set_by.map(|user| person(&names, &principal, user)),
        updated: frame.moment(&view.webhook.updated_at),
        previous_secret_until: view.previous_secret_until.map(|at| frame.moment(&at)),
        next: last.map(|last| format!("/webhooks/{id}?cursor={}.{}", last.created_at.0, last.id)),
        deliveries: deliveries.iter().map(|delivery| DeliveryRow::of(delivery, &frame)).collect(),
        frame,
    })
}

/// Every time that a delivery was sent.
pub(crate) async fn attempts_part(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    WebhookDeliveryPath(webhook, delivery): WebhookDeliveryPath,
) -> PageResult {
    let attempts = app.webhooks().attempts(&principal, webhook, delivery)?;
    page(&AttemptsPart { attempts: attempts.iter().map(|attempt| AttemptRow::of(attempt, &frame)).collect() })
}

fn given(text: &str) -> Option<&str> {
    Some(text).filter(|text| !text.is_empty())
}

fn place(text: &str) -> Option<(UnixMillis, WebhookDeliveryId)> {
    let (time, id) = text.split_once('.')?;
    Some((UnixMillis(time.parse().ok()?), id.parse().ok()?))
}

fn wrong_cursor() -> Invalid {
    Invalid::new("cursor", "a cursor is one that a page's link has")
}

/// Whether whoever looks may say where events go.
fn may_set(frame: &Frame) -> bool {
    [Permission::WebhooksManage, Permission::EventsRead, Permission::EgressUse]
        .iter()
        .all(|permission| frame.may(*permission))
}

impl Row {
    fn of(view: &WebhookView, frame: &Frame) -> Self {
        let webhook = &view.webhook;
        let (class, icon, word) = match (webhook.is_active, webhook.disabled.is_some(), webhook.failing_since.is_some())
        {
            (_, true, _) => ("failed", "circle-x", "Stopped"),
            (false, false, _) => ("neutral", "circle-pause", "Paused"),
            (true, false, true) => ("limit", "triangle-alert", "Failing"),
            (true, false, false) => ("success", "circle-check", "Active"),
        };
        Self {
            id: webhook.id.to_string(),
            url: format::shown(&view.url),
            description: format::shown(&webhook.description),
            types: webhook.patterns.iter().map(EventPattern::to_string).collect(),
            source: webhook.source.as_deref().map(format::shown),
            state: Badge { class, icon, word },
            is_active: webhook.is_active,
            stopped: webhook.disabled.map(stopped_word),
            failing_since: webhook.failing_since.map(|at| frame.moment(&at)),
        }
    }
}

/// Why Skerry stopped a webhook, and what to do.
fn stopped_word(disabled: WebhookDisabled) -> &'static str {
    match disabled {
        WebhookDisabled::Gone => {
            "Its address answered that it is gone for good (410). Change the address, or remove it."
        }
        WebhookDisabled::Failing => "It took nothing for three days. See that its receiver works, then let it go on.",
        WebhookDisabled::Rights => {
            "Whoever set it last may not do so any more. Somebody who may lets it go on; what waited is sent then."
        }
    }
}

impl DeliveryRow {
    fn of(delivery: &WebhookDelivery, frame: &Frame) -> Self {
        let (class, icon, word) = match delivery.status {
            WebhookDeliveryStatus::Pending => ("running", "clock", "Pending"),
            WebhookDeliveryStatus::Delivered => ("success", "circle-check", "Delivered"),
            WebhookDeliveryStatus::Failed => ("failed", "circle-x", "Given up"),
        };
        Self {
            id: delivery.id.to_string(),
            event_type: delivery.event_type.clone(),
            event_id: format::shown(&delivery.event),
            source: format::shown(&delivery.source),
            status: Badge { class, icon, word },
            attempts: delivery.attempts,
            created: frame.moment(&delivery.created_at),
            next: delivery.completed_at.is_none().then(|| frame.moment(&delivery.next_at)),
        }
    }
}

impl AttemptRow {
    fn of(attempt: &WebhookAttempt, frame: &Frame) -> Self {
        Self {
            number: attempt.attempt,
            at: frame.moment(&attempt.sent_at),
            took: format::duration(Duration::from_millis(attempt.duration_ms)),
            status: attempt.status,
            error: attempt.error.as_deref().map(format::shown),
        }
    }
}
