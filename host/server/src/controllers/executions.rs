//! `/executions`: what ran, what came of it, and ending what runs.

use app::{App, Chain, ExecutionFilter};
use axum::{Extension, Json, extract::State, response::IntoResponse};
use domain::{Invalid, UnixMillis};
use http::{StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::runs::detail;
use crate::{
    views::{
        attempts::AttemptsBody,
        executions::{ExecutionDetailView, ExecutionSummaryView, LogsBody},
        pages::{self, Page},
        words::{StatusWord, TriggerWord},
    },
    web::{
        caller::Caller,
        cursor,
        extract::{ExecutionPath, Params},
        problem::Problem,
        responses::{CancelProblems, ListProblems, ReadProblems, RetryProblems},
    },
};

/// Which executions to list; every part that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExecutionsQuery {
    /// Those of the script with this id.
    script: Option<Uuid>,
    /// Those with this status.
    status: Option<StatusWord>,
    /// Those with this trigger.
    trigger: Option<TriggerWord>,
    /// Those that began before this moment (RFC 3339).
    #[param(format = DateTime)]
    before: Option<String>,
    /// Those that began at this moment or after it (RFC 3339).
    #[param(format = DateTime)]
    after: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

impl ExecutionsQuery {
    fn filter(&self) -> Result<ExecutionFilter, Invalid> {
        Ok(ExecutionFilter {
            script: self.script.map(Into::into),
            status: self.status.map(|status| status.0),
            trigger: self.trigger.map(|trigger| trigger.0),
            before: self.before.as_deref().map(|text| moment("before", text)).transpose()?,
            after: self.after.as_deref().map(|text| moment("after", text)).transpose()?,
        })
    }
}

/// List executions, the latest first.
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", params(ExecutionsQuery),
    responses((status = 200, description = "A page of executions", body = Page<ExecutionSummaryView>), ListProblems)
)]
pub(crate) async fn browse_executions(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<ExecutionsQuery>,
) -> Result<Json<Page<ExecutionSummaryView>>, Problem> {
    let limit = pages::limit(query.limit)?;
    let cursor = query.cursor.as_deref().map(cursor::decode).transpose()?;
    let executions = app.executions().list(&principal, query.filter()?, cursor, limit)?;
    Ok(Json(Page::new(&executions, limit, |last| cursor::encode(&last.cursor()))))
}

/// Show an execution.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution}", tag = "executions",
    params(("execution" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The execution", body = ExecutionDetailView), ReadProblems)
)]
pub(crate) async fn show_execution(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
) -> Result<Json<ExecutionDetailView>, Problem> {
    let view = app.executions().get(&principal, execution)?;
    detail(&app, &principal, view)
}

/// Show the log of an execution.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution}/logs", tag = "executions",
    params(("execution" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The log", body = LogsBody), ReadProblems)
)]
pub(crate) async fn show_logs(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
) -> Result<Json<LogsBody>, Problem> {
    Ok(Json(app.executions().logs(&principal, execution)?.into()))
}

/// List the attempts of an execution before its last one, which the execution itself tells of.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution}/attempts", tag = "executions",
    params(("execution" = Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The attempts, in order", body = AttemptsBody), ReadProblems)
)]
pub(crate) async fn show_attempts(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
) -> Result<Json<AttemptsBody>, Problem> {
    Ok(Json(app.executions().attempts(&principal, execution)?.into()))
}

/// Run an execution again that has ended: the same version with the same input, as a new execution.
#[utoipa::path(
    post, path = "/api/v1/executions/{execution}/retry", tag = "executions",
    params(("execution" = Uuid, Path, description = "Its id")),
    responses(
        (status = 202, description = "The new execution", body = ExecutionDetailView,
            headers(("Location", description = "The new execution's address"))),
        RetryProblems
    )
)]
pub(crate) async fn retry_execution(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
    chain: Option<Extension<Chain>>,
) -> Result<impl IntoResponse, Problem> {
    let view = app.executions().continuing(chain.as_deref()).retry(&principal, execution).await?;
    let location = format!("/api/v1/executions/{}", view.execution.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], detail(&app, &principal, view)?))
}

/// End an execution that waits or runs, within 250 ms. One that has ended stays as it is: 409 says how it ended.
#[utoipa::path(
    post, path = "/api/v1/executions/{execution}/cancel", tag = "executions",
    params(("execution" = Uuid, Path, description = "Its id")),
    responses((status = 202, description = "It ends"), CancelProblems)
)]
pub(crate) async fn cancel_execution(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
) -> Result<StatusCode, Problem> {
    app.executions().cancel(&principal, execution).await?;
    Ok(StatusCode::ACCEPTED)
}

fn moment(field: &'static str, text: &str) -> Result<UnixMillis, Invalid> {
    let invalid = |_| Invalid::new(field, format!("{field} is a moment, as 2026-01-31T12:00:00Z"));
    let timestamp: jiff::Timestamp = text.parse().map_err(invalid)?;
    Ok(UnixMillis(timestamp.as_millisecond()))
}
