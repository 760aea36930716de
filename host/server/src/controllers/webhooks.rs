//! `/webhooks`: where events are sent, and what became of each.

use app::{App, WebhookView};
use axum::{Json, extract::State, response::IntoResponse};
use domain::{UnixMillis, WebhookDeliveryId, WebhookId};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    views::{
        pages::{self, Page},
        webhooks::{DeliveryDetail, DeliveryRecord, NewWebhook, WebhookChange, WebhookMade, WebhookRecord},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{self, IfMatch},
        extract::{Params, WebhookDeliveryPath, WebhookPath},
        problem::Problem,
        responses::{ChangeProblems, ListProblems, ReadProblems, WebhookProblems},
    },
};

/// Which page to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WebhooksQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List webhooks in the order in which they were made.
#[utoipa::path(
    get, path = "/api/v1/webhooks", tag = "webhooks", params(WebhooksQuery),
    responses((status = 200, description = "A page of webhooks", body = Page<WebhookRecord>), ListProblems)
)]
pub(crate) async fn browse_webhooks(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<WebhooksQuery>,
) -> Result<Json<Page<WebhookRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(str::parse::<WebhookId>).transpose();
    let webhooks = app.webhooks().list(&principal, after.map_err(|_| wrong_cursor())?, limit)?;
    Ok(Json(Page::new(&webhooks, limit, |view| view.webhook.id.to_string())))
}

/// Make a webhook. Its secret is in this answer alone.
#[utoipa::path(
    post, path = "/api/v1/webhooks", tag = "webhooks", request_body = NewWebhook,
    responses(
        (status = 201, description = "The webhook, with its secret", body = WebhookMade,
            headers(("Location", description = "The webhook's address"), ("ETag", description = "Its revision"))),
        WebhookProblems
    )
)]
pub(crate) async fn create_webhook(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<NewWebhook>,
) -> Result<impl IntoResponse, Problem> {
    let issued = app.webhooks().create(&principal, body.input()).await?;
    let location = format!("/api/v1/webhooks/{}", issued.view.webhook.id);
    let tag = etag::of_revision(issued.view.webhook.revision);
    let headers = [(header::LOCATION, location), (header::ETAG, tag)];
    Ok((StatusCode::CREATED, headers, Json(WebhookMade::from(issued))))
}

/// Show a webhook.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}", tag = "webhooks",
    params(("webhook" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The webhook", body = WebhookRecord,
            headers(("ETag", description = "Send it as If-Match to change what you saw"))),
        ReadProblems
    )
)]
pub(crate) async fn show_webhook(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookPath(webhook): WebhookPath,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.webhooks().get(&principal, webhook)?))
}

/// Change a webhook. While it is not active nothing new is sent to it, and what waits for it goes on waiting.
#[utoipa::path(
    patch, path = "/api/v1/webhooks/{webhook}", tag = "webhooks",
    params(
        ("webhook" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what you saw")
    ),
    request_body(content = WebhookChange, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The webhook", body = WebhookRecord,
            headers(("ETag", description = "The new revision"))),
        WebhookProblems
    )
)]
pub(crate) async fn change_webhook(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookPath(webhook): WebhookPath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<WebhookChange>,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.webhooks().change(&principal, webhook, expected, body.patch()).await?))
}

/// Remove a webhook with its deliveries.
#[utoipa::path(
    delete, path = "/api/v1/webhooks/{webhook}", tag = "webhooks",
    params(("webhook" = String, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"), ChangeProblems)
)]
pub(crate) async fn delete_webhook(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookPath(webhook): WebhookPath,
) -> Result<StatusCode, Problem> {
    app.webhooks().delete(&principal, webhook).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a new secret, which is in this answer alone. For a day everything is signed with the one before too.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/rotate", tag = "webhooks",
    params(("webhook" = String, Path, description = "Its id")),
    responses((status = 200, description = "The webhook, with its new secret", body = WebhookMade), WebhookProblems)
)]
pub(crate) async fn rotate_webhook(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookPath(webhook): WebhookPath,
) -> Result<Json<WebhookMade>, Problem> {
    Ok(Json(app.webhooks().rotate(&principal, webhook).await?.into()))
}

/// Send a webhook an event of the type `skerry.webhook.test`, which goes nowhere else.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/test", tag = "webhooks",
    params(("webhook" = String, Path, description = "Its id")),
    responses((status = 202, description = "It is on its way", body = DeliveryRecord), WebhookProblems)
)]
pub(crate) async fn test_webhook(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookPath(webhook): WebhookPath,
) -> Result<(StatusCode, Json<DeliveryRecord>), Problem> {
    let delivery = app.webhooks().test(&principal, webhook).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryRecord::from(&delivery))))
}

/// List what was sent to a webhook, the latest first. What has ended is kept for 30 days.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}/deliveries", tag = "webhooks",
    params(("webhook" = String, Path, description = "Its id"), WebhooksQuery),
    responses((status = 200, description = "A page of deliveries", body = Page<DeliveryRecord>), ListProblems)
)]
pub(crate) async fn browse_webhook_deliveries(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookPath(webhook): WebhookPath,
    Params(query): Params<WebhooksQuery>,
) -> Result<Json<Page<DeliveryRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(|text| cursor(text).ok_or_else(wrong_cursor)).transpose()?;
    let deliveries = app.webhooks().deliveries(&principal, webhook, after, limit)?;
    Ok(Json(Page::new(&deliveries, limit, |delivery| format!("{}.{}", delivery.created_at.0, delivery.id))))
}

/// Show a delivery, with every time that it was sent.
#[utoipa::path(
    get, path = "/api/v1/webhooks/{webhook}/deliveries/{delivery}", tag = "webhooks",
    params(
        ("webhook" = String, Path, description = "The webhook's id"),
        ("delivery" = String, Path, description = "Its id")
    ),
    responses((status = 200, description = "The delivery", body = DeliveryDetail), ReadProblems)
)]
pub(crate) async fn show_webhook_delivery(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookDeliveryPath(webhook, id): WebhookDeliveryPath,
) -> Result<Json<DeliveryDetail>, Problem> {
    let delivery = app.webhooks().delivery(&principal, webhook, id)?;
    let attempts = app.webhooks().attempts(&principal, webhook, id)?;
    Ok(Json(DeliveryDetail::new(&delivery, &attempts)))
}

/// Send a delivery again now, under the id that its receiver knows.
#[utoipa::path(
    post, path = "/api/v1/webhooks/{webhook}/deliveries/{delivery}/resend", tag = "webhooks",
    params(
        ("webhook" = String, Path, description = "The webhook's id"),
        ("delivery" = String, Path, description = "Its id")
    ),
    responses((status = 202, description = "It is on its way", body = DeliveryRecord), ChangeProblems)
)]
pub(crate) async fn resend_webhook_delivery(
    State(app): State<App>,
    Caller(principal): Caller,
    WebhookDeliveryPath(webhook, id): WebhookDeliveryPath,
) -> Result<(StatusCode, Json<DeliveryRecord>), Problem> {
    let delivery = app.webhooks().resend(&principal, webhook, id).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryRecord::from(&delivery))))
}

fn cursor(text: &str) -> Option<(UnixMillis, WebhookDeliveryId)> {
    let (time, id) = text.split_once('.')?;
    Some((UnixMillis(time.parse().ok()?), id.parse().ok()?))
}

fn wrong_cursor() -> Problem {
    Problem::field("cursor", "the cursor is the 'next_cursor' of a page")
}

fn answer(view: &WebhookView) -> impl IntoResponse + use<> {
    ([(header::ETAG, etag::of_revision(view.webhook.revision))], Json(WebhookRecord::from(view)))
}
