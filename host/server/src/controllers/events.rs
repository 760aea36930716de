//! `/events`: publish, and see what was published.

use app::{App, Chain};
use axum::{Extension, Json, extract::State, response::IntoResponse};
use domain::Invalid;
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        events::{EventDetailView, EventSummaryView, NewEvent, PublishedEventView},
        pages::{self, Page},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        extract::{EventPath, Params},
        problem::Problem,
        responses::{ListProblems, PublishProblems, ReadProblems},
    },
};

/// Which events, or deliveries of events, to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct EventsQuery {
    /// The `next_cursor` of the page before.
    pub(super) cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    pub(super) limit: Option<u32>,
}

impl EventsQuery {
    /// The position before which the page begins.
    pub(super) fn before(&self) -> Result<Option<app::EventPosition>, Invalid> {
        let position = self.cursor.as_deref().map(str::parse::<app::EventPosition>).transpose();
        position.map_err(|_| Invalid::new("cursor", "a cursor is the 'next_cursor' of the page before, unchanged"))
    }
}

/// List events, the latest first.
#[utoipa::path(
    get, path = "/api/v1/events", tag = "events", params(EventsQuery),
    responses((status = 200, description = "A page of events", body = Page<EventSummaryView>), ListProblems)
)]
pub(crate) async fn browse_events(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<EventsQuery>,
) -> Result<Json<Page<EventSummaryView>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let events = app.events().list(&principal, query.before()?, limit)?;
    Ok(Json(Page::new(&events, limit, |last| last.position.to_string())))
}

/// Publish an event. It is durable when this answers, and delivered at least once to every subscription that matches.
#[utoipa::path(
    post, path = "/api/v1/events", tag = "events", request_body = NewEvent,
    responses(
        (status = 200, description = "You have published this id before: nothing is published", body = PublishedEventView),
        (status = 202, description = "It is published", body = PublishedEventView,
            headers(("Location", description = "The event's address"))),
        PublishProblems
    )
)]
pub(crate) async fn publish_event(
    State(app): State<App>,
    Caller(principal): Caller,
    chain: Option<Extension<Chain>>,
    JsonBody(body): JsonBody<NewEvent>,
) -> Result<impl IntoResponse, Problem> {
    let published = app.events().continuing(chain.as_deref()).publish(&principal, body.input()).await?;
    let status = if published.is_new { StatusCode::ACCEPTED } else { StatusCode::OK };
    let location = format!("/api/v1/events/{}", published.position);
    Ok((status, [(header::LOCATION, location)], Json(PublishedEventView::from(published))))
}

/// Show an event.
#[utoipa::path(
    get, path = "/api/v1/events/{event}", tag = "events",
    params(("event" = String, Path, description = "Its position", example = "12-0")),
    responses((status = 200, description = "The event", body = EventDetailView), ReadProblems)
)]
pub(crate) async fn show_event(
    State(app): State<App>,
    Caller(principal): Caller,
    EventPath(event): EventPath,
) -> Result<Json<EventDetailView>, Problem> {
    Ok(Json(EventDetailView::new(app.events().get(&principal, event)?)?))
}
