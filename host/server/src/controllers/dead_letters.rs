//! `/dead-letters`: what was given up, to be looked at, sent again, or removed.

use app::{App, Chain, DeadLetterFilter};
use axum::{Extension, Json, extract::State};
use domain::DeadLetterId;
use http::StatusCode;
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use crate::{
    views::{
        dead_letters::{DeadLetterDetailView, DeadLetterSummaryView, RedriveBody, Redriven},
        pages::{self, Page},
        words::DeadReasonWord,
    },
    web::{
        body::JsonBodyOrNone,
        caller::Caller,
        cursor,
        extract::{DeadLetterPath, Params},
        problem::Problem,
        responses::{ChangeProblems, ListProblems, ReadProblems, RedriveProblems},
    },
};

/// Which dead letters to list; every part that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct DeadLettersQuery {
    /// Those given up for this reason.
    reason: Option<DeadReasonWord>,
    /// Those on their way to the subscription, or the webhook, with this id.
    subscription: Option<Uuid>,
    /// Those of the script with this id.
    script: Option<Uuid>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

impl DeadLettersQuery {
    fn filter(&self) -> DeadLetterFilter {
        DeadLetterFilter {
            reason: self.reason.map(|reason| reason.0),
            subscription: self.subscription.map(Into::into),
            script: self.script.map(Into::into),
        }
    }
}

/// List dead letters, the latest first.
#[utoipa::path(
    get, path = "/api/v1/dead-letters", tag = "events", params(DeadLettersQuery),
    responses((status = 200, description = "A page of dead letters", body = Page<DeadLetterSummaryView>), ListProblems)
)]
pub(crate) async fn browse_dead_letters(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<DeadLettersQuery>,
) -> Result<Json<Page<DeadLetterSummaryView>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let after = query.cursor.as_deref().map(cursor::decode_moment).transpose()?;
    let after = after.map(|(at, id)| (at, DeadLetterId::from(id)));
    let letters = app.dead_letters().list(&principal, query.filter(), after, limit)?;
    Ok(Json(Page::new(&letters, limit, |last| cursor::encode_moment(last.created_at, last.id.uuid()))))
}

/// Show a dead letter with its event, the execution that failed, and the chain of events that led to it.
#[utoipa::path(
    get, path = "/api/v1/dead-letters/{dead_letter}", tag = "events",
    params(("dead_letter" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The dead letter", body = DeadLetterDetailView), ReadProblems)
)]
pub(crate) async fn show_dead_letter(
    State(app): State<App>,
    Caller(principal): Caller,
    DeadLetterPath(dead_letter): DeadLetterPath,
) -> Result<Json<DeadLetterDetailView>, Problem> {
    let view = app.dead_letters().get(&principal, dead_letter)?;
    Ok(Json(DeadLetterDetailView::new(&app, &principal, view)?))
}

/// Send a dead letter again: as it was, or with a body that has other data as a new event in its place.
#[utoipa::path(
    post, path = "/api/v1/dead-letters/{dead_letter}/redrive", tag = "events",
    params(("dead_letter" = Uuid, Path, description = "Its id")),
    request_body = RedriveBody,
    responses((status = 202, description = "It is sent again", body = Redriven), RedriveProblems)
)]
pub(crate) async fn redrive_dead_letter(
    State(app): State<App>,
    Caller(principal): Caller,
    DeadLetterPath(dead_letter): DeadLetterPath,
    chain: Option<Extension<Chain>>,
    JsonBodyOrNone(body): JsonBodyOrNone<RedriveBody>,
) -> Result<(StatusCode, Json<Redriven>), Problem> {
    let letters = app.dead_letters().continuing(chain.as_deref());
    let event_id = match body.edit() {
        Some(edit) => Some(letters.redrive_edited(&principal, dead_letter, edit).await?),
        None => {
            letters.redrive(&principal, dead_letter).await?;
            None
        }
    };
    Ok((StatusCode::ACCEPTED, Json(Redriven { event_id })))
}

/// Remove a dead letter. Nobody can send it again.
#[utoipa::path(
    delete, path = "/api/v1/dead-letters/{dead_letter}", tag = "events",
    params(("dead_letter" = Uuid, Path, description = "Its id")),
    responses((status = 204, description = "It is gone"), ChangeProblems)
)]
pub(crate) async fn delete_dead_letter(
    State(app): State<App>,
    Caller(principal): Caller,
    DeadLetterPath(dead_letter): DeadLetterPath,
) -> Result<StatusCode, Problem> {
    app.dead_letters().delete(&principal, dead_letter).await?;
    Ok(StatusCode::NO_CONTENT)
}
