//! `/events/subscriptions`: which scripts run on which events, and what became of each delivery to one.

use app::{App, NamesAsked, Subscription};
use askama::Template;
use axum::extract::State;
use domain::{EventPattern, Permission};
use serde::Deserialize;

use super::{
    super::{
        answer::{PageResult, page},
        format::{self, Moment},
        frame::Frame,
        people_of::person,
        visit::Visit,
    },
    DeliveryRow, PAGE, SUBSCRIPTIONS, cursor, event_scripts, name_of,
};
use crate::web::extract::{Params, SubscriptionPath};

/// A page of deliveries.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeliveriesFilter {
    cursor: String,
}

#[derive(Template)]
#[template(path = "events/subscriptions.html")]
struct SubscriptionsPage {
    frame: Frame,
    scripts: Vec<(String, String)>,
    rows: Vec<Row>,
}

#[derive(Template)]
#[template(path = "events/subscription.html")]
struct SubscriptionPage {
    frame: Frame,
    row: Row,
    set_by: Option<String>,
    set_at: Moment,
    deliveries: Vec<DeliveryRow>,
    next: Option<String>,
}

/// A subscription.
struct Row {
    id: String,
    script_id: String,
    script: String,
    types: Vec<String>,
    source: Option<String>,
    is_active: bool,
    max_attempts: u32,
}

/// The list of subscriptions. A tenant has at most a hundred, so that there is one page.
pub(crate) async fn subscriptions_page(State(app): State<App>, Visit { principal, frame }: Visit) -> PageResult {
    let subscriptions = app.subscriptions().list(&principal, None, SUBSCRIPTIONS)?;
    let scripts = subscriptions.iter().map(|subscription| subscription.script).collect();
    let names = app.names().of(&principal, NamesAsked { scripts, ..NamesAsked::default() })?;
    let row = |subscription: &Subscription| Row::of(subscription, name_of(&names, Some(subscription.script)));
    page(&SubscriptionsPage {
        scripts: event_scripts(&app, &principal)?,
        rows: subscriptions.iter().map(row).collect(),
        frame,
    })
}

/// One subscription with its deliveries.
pub(crate) async fn subscription_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    SubscriptionPath(id): SubscriptionPath,
    Params(filter): Params<DeliveriesFilter>,
) -> PageResult {
    let subscription = app.subscriptions().get(&principal, id)?;
    let deliveries = app.subscriptions().deliveries(&principal, id, cursor(&filter.cursor)?, PAGE)?;
    let asked = NamesAsked {
        scripts: [subscription.script].into(),
        people: subscription.set_by.into_iter().collect(),
        ..NamesAsked::default()
    };
    let names = app.names().of(&principal, asked)?;
    let last = deliveries.last().filter(|_| deliveries.len() >= PAGE as usize);
    let row = Row::of(&subscription, name_of(&names, Some(subscription.script)));
    page(&SubscriptionPage {
        next: last.map(|last| format!("/events/subscriptions/{id}?cursor={}", last.position)),
        deliveries: deliveries.iter().map(|delivery| DeliveryRow::of(delivery, &row.script, &frame)).collect(),
        set_by: subscription.set_by.map(|user| person(&names, &principal, user)),
        set_at: frame.moment(&subscription.set_at),
        row,
        frame,
    })
}

impl Row {
    fn of(subscription: &Subscription, script: Option<String>) -> Self {
        Self {
            id: subscription.id.to_string(),
            script_id: subscription.script.to_string(),
            script: script.unwrap_or_default(),
            types: subscription.patterns.iter().map(EventPattern::to_string).collect(),
            source: subscription.source.as_deref().map(format::shown),
            is_active: subscription.is_active,
            max_attempts: subscription.max_attempts,
        }
    }
}
