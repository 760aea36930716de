//! `/schedules`: when scripts run by themselves, and what became of each time.

use app::{App, Chain, SchedulePatch, ScheduleView, ScriptRef};
use axum::{Extension, Json, extract::State, response::IntoResponse};
use domain::{ScheduleId, UnixMillis};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;

use super::runs::detail;
use crate::{
    views::{
        executions::ExecutionDetailView,
        pages::{self, Page},
        schedules::{NewSchedule, PreviewBody, PreviewView, ScheduleChange, ScheduleRecord, SlotRecord},
    },
    web::{
        body::JsonBody,
        caller::Caller,
        etag::{self, IfMatch},
        extract::{Params, SchedulePath},
        problem::Problem,
        responses::{
            ListProblems, PreviewProblems, ReadProblems, RunProblems, ScheduleChangeProblems, ScheduleProblems,
            SecretRemovalProblems,
        },
    },
};

/// Which schedules to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SchedulesQuery {
    /// Those of one script, by its id or its name.
    #[param(max_length = 100, pattern = r"^[a-z0-9](\.?[a-z0-9_-])*\.?$")]
    script: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// Which slots to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SlotsQuery {
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// List schedules in the order in which they were made.
#[utoipa::path(
    get, path = "/api/v1/schedules", tag = "schedules", params(SchedulesQuery),
    responses((status = 200, description = "A page of schedules", body = Page<ScheduleRecord>), ListProblems)
)]
pub(crate) async fn browse_schedules(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<SchedulesQuery>,
) -> Result<Json<Page<ScheduleRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let script = query.script.as_deref().map(ScriptRef::parse).transpose()?;
    let after = query.cursor.as_deref().map(str::parse::<ScheduleId>).transpose();
    let after = after.map_err(|_| wrong_cursor())?;
    let schedules = app.schedules().list(&principal, script.as_ref(), after, limit)?;
    Ok(Json(Page::new(&schedules, limit, |view| view.schedule.id.to_string())))
}

/// Make a schedule for a script of the kind `cron`. Until the script is deployed, its slots are skipped.
#[utoipa::path(
    post, path = "/api/v1/schedules", tag = "schedules", request_body = NewSchedule,
    responses(
        (status = 201, description = "The schedule", body = ScheduleRecord,
            headers(("Location", description = "The schedule's address"), ("ETag", description = "Its revision"))),
        ScheduleProblems
    )
)]
pub(crate) async fn create_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<NewSchedule>,
) -> Result<impl IntoResponse, Problem> {
    let view = app.schedules().create(&principal, body.input()?).await?;
    let location = format!("/api/v1/schedules/{}", view.schedule.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], answer(&view)))
}

/// Look at the next ten runs of an expression before a schedule is made of it.
#[utoipa::path(
    post, path = "/api/v1/schedules/preview", tag = "schedules", request_body = PreviewBody,
    responses((status = 200, description = "The next runs", body = PreviewView), PreviewProblems)
)]
pub(crate) async fn preview_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    JsonBody(body): JsonBody<PreviewBody>,
) -> Result<Json<PreviewView>, Problem> {
    let preview = app.schedules().preview(&principal, &body.expression, body.timezone())?;
    Ok(Json(PreviewView::from(preview)))
}

/// Show a schedule.
#[utoipa::path(
    get, path = "/api/v1/schedules/{schedule}", tag = "schedules",
    params(("schedule" = String, Path, description = "Its id")),
    responses(
        (status = 200, description = "The schedule", body = ScheduleRecord,
            headers(("ETag", description = "Send it as If-Match to change what you saw"))),
        ReadProblems
    )
)]
pub(crate) async fn show_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.schedules().get(&principal, schedule)?))
}

/// Change a schedule. What was due before is decided under what was said before.
#[utoipa::path(
    patch, path = "/api/v1/schedules/{schedule}", tag = "schedules",
    params(
        ("schedule" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what you saw")
    ),
    request_body(content = ScheduleChange, content_type = "application/merge-patch+json"),
    responses(
        (status = 200, description = "The schedule", body = ScheduleRecord,
            headers(("ETag", description = "The new revision"))),
        ScheduleChangeProblems
    )
)]
pub(crate) async fn change_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
    IfMatch(expected): IfMatch,
    JsonBody(body): JsonBody<ScheduleChange>,
) -> Result<impl IntoResponse, Problem> {
    Ok(answer(&app.schedules().change(&principal, schedule, expected, body.patch()).await?))
}

/// Remove a schedule with what is known of its slots. Runs that it started go on.
#[utoipa::path(
    delete, path = "/api/v1/schedules/{schedule}", tag = "schedules",
    params(
        ("schedule" = String, Path, description = "Its id"),
        ("If-Match" = Option<String>, Header, description = "The ETag of what you saw")
    ),
    responses((status = 204, description = "It is gone"), SecretRemovalProblems)
)]
pub(crate) async fn delete_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
    IfMatch(expected): IfMatch,
) -> Result<StatusCode, Problem> {
    app.schedules().delete(&principal, schedule, expected).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Pause a schedule: its slots are skipped until it is resumed.
#[utoipa::path(
    post, path = "/api/v1/schedules/{schedule}/pause", tag = "schedules",
    params(("schedule" = String, Path, description = "Its id")),
    responses((status = 200, description = "The schedule", body = ScheduleRecord), ScheduleChangeProblems)
)]
pub(crate) async fn pause_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
) -> Result<impl IntoResponse, Problem> {
    let patch = SchedulePatch { is_paused: Some(true), ..SchedulePatch::default() };
    Ok(answer(&app.schedules().change(&principal, schedule, None, patch).await?))
}

/// Resume a schedule. What was due meanwhile stays skipped.
#[utoipa::path(
    post, path = "/api/v1/schedules/{schedule}/resume", tag = "schedules",
    params(("schedule" = String, Path, description = "Its id")),
    responses((status = 200, description = "The schedule", body = ScheduleRecord), ScheduleChangeProblems)
)]
pub(crate) async fn resume_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
) -> Result<impl IntoResponse, Problem> {
    let patch = SchedulePatch { is_paused: Some(false), ..SchedulePatch::default() };
    Ok(answer(&app.schedules().change(&principal, schedule, None, patch).await?))
}

/// Run the schedule's script now, with the input that a slot would have. It runs with the rights of who asks, and uses no
/// slot up.
#[utoipa::path(
    post, path = "/api/v1/schedules/{schedule}/run", tag = "schedules",
    params(("schedule" = String, Path, description = "Its id")),
    responses(
        (status = 202, description = "The execution is accepted", body = ExecutionDetailView,
            headers(("Location", description = "The execution's address"))),
        RunProblems
    )
)]
pub(crate) async fn run_schedule(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
    chain: Option<Extension<Chain>>,
) -> Result<impl IntoResponse, Problem> {
    let accepted = app.schedules().continuing(chain.as_deref()).run_now(&principal, schedule).await?;
    let location = format!("/api/v1/executions/{}", accepted.execution.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], detail(&app, &principal, accepted)?))
}

/// List what became of a schedule's slots, the latest first.
#[utoipa::path(
    get, path = "/api/v1/schedules/{schedule}/slots", tag = "schedules",
    params(("schedule" = String, Path, description = "Its id"), SlotsQuery),
    responses((status = 200, description = "A page of slots", body = Page<SlotRecord>), ListProblems)
)]
pub(crate) async fn browse_slots(
    State(app): State<App>,
    Caller(principal): Caller,
    SchedulePath(schedule): SchedulePath,
    Params(query): Params<SlotsQuery>,
) -> Result<Json<Page<SlotRecord>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let before = query.cursor.as_deref().map(str::parse).transpose();
    let before = before.map_err(|_| wrong_cursor())?.map(UnixMillis);
    let slots = app.schedules().slots(&principal, schedule, before, limit)?;
    Ok(Json(Page::new(&slots, limit, |view| view.slot.slot.0.to_string())))
}

fn wrong_cursor() -> Problem {
    Problem::field("cursor", "the cursor is the 'next_cursor' of a page")
}

fn answer(view: &ScheduleView) -> impl IntoResponse + use<> {
    ([(header::ETAG, etag::of_revision(view.schedule.revision))], Json(ScheduleRecord::from(view)))
}
