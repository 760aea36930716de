//! `/subscriptions`: which events scripts run on, and what became of each.

use app::App;
use axum::{Json, extract::State, response::IntoResponse};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::events::EventsQuery;
use crate::{
    views::{
        pages::{self, Page},
        subscriptions::{DeliveryView, NewSubscription, SubscriptionChange, SubscriptionView},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        extract::{Params, SubscriptionPath},
        problem::Problem,
        responses::{ChangeProblems, ListProblems, ReadProblems, SubscriptionProblems},
    },
};

/// Which subscriptions to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SubscriptionsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<Uuid>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List subscriptions, the oldest first.
#[utoipa::path(
    get, path = "/api/v1/subscriptions", tag = "events", params(SubscriptionsQuery),
    responses((status = 200, description = "A page of subscriptions", body = Page<SubscriptionView>), ListProblems)
)]
pub(crate) async fn browse_subscriptions(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<SubscriptionsQuery>,
) -> Result<Json<Page<SubscriptionView>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let subscriptions = app.subscriptions().list(&principal, query.cursor.map(Into::into), limit)?;
    Ok(Json(Page::new(&subscriptions, limit, |last| last.id.to_string())))
}

/// Let a script run on events. Its runs have no right that you lack.
#[utoipa::path(
    post, path = "/api/v1/subscriptions", tag = "events", request_body = NewSubscription,
    responses(
        (status = 201, description = "The subscription", body = SubscriptionView,
            headers(("Location", description = "The subscription's address"))),
        SubscriptionProblems
    )
)]
pub(crate) async fn create_subscription(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<NewSubscription>,
) -> Result<impl IntoResponse, Problem> {
    let subscription = app.subscriptions().create(&principal, body.input()?).await?;
    let location = format!("/api/v1/subscriptions/{}", subscription.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(SubscriptionView::from(&subscription))))
}

/// Show a subscription.
#[utoipa::path(
    get, path = "/api/v1/subscriptions/{subscription}", tag = "events",
    params(("subscription" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The subscription", body = SubscriptionView), ReadProblems)
)]
pub(crate) async fn show_subscription(
    State(app): State<App>,
    Caller(principal): Caller,
    SubscriptionPath(subscription): SubscriptionPath,
) -> Result<Json<SubscriptionView>, Problem> {
    Ok(Json(SubscriptionView::from(&app.subscriptions().get(&principal, subscription)?)))
}

/// Change a subscription. Its runs have no right that you lack, from now on.
#[utoipa::path(
    patch, path = "/api/v1/subscriptions/{subscription}", tag = "events",
    params(("subscription" = Uuid, Path, description = "Its id")),
    request_body(content = SubscriptionChange, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "The subscription", body = SubscriptionView), SubscriptionProblems)
)]
pub(crate) async fn change_subscription(
    State(app): State<App>,
    Caller(principal): Caller,
    SubscriptionPath(subscription): SubscriptionPath,
    JsonBody(body): JsonBody<SubscriptionChange>,
) -> Result<Json<SubscriptionView>, Problem> {
    let subscription = app.subscriptions().change(&principal, subscription, body.patch()?).await?;
    Ok(Json(SubscriptionView::from(&subscription)))
}

/// Remove a subscription with the record of its deliveries. What waits is not delivered any more.
#[utoipa::path(
    delete, path = "/api/v1/subscriptions/{subscription}", tag = "events",
    params(("subscription" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"), ChangeProblems)
)]
pub(crate) async fn delete_subscription(
    State(app): State<App>,
    Caller(principal): Caller,
    SubscriptionPath(subscription): SubscriptionPath,
) -> Result<StatusCode, Problem> {
    app.subscriptions().delete(&principal, subscription).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// List a subscription's deliveries, the latest event first.
#[utoipa::path(
    get, path = "/api/v1/subscriptions/{subscription}/deliveries", tag = "events",
    params(("subscription" = Uuid, Path, description = "Its id"), EventsQuery),
    responses(
        (status = 200, description = "A page of deliveries", body = Page<DeliveryView>),
        ListProblems, ReadProblems
    )
)]
pub(crate) async fn browse_deliveries(
    State(app): State<App>,
    Caller(principal): Caller,
    SubscriptionPath(subscription): SubscriptionPath,
    Params(query): Params<EventsQuery>,
) -> Result<Json<Page<DeliveryView>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let deliveries = app.subscriptions().deliveries(&principal, subscription, query.before()?, limit)?;
    Ok(Json(Page::new(&deliveries, limit, |last| last.position.to_string())))
}
