//! `/executions`: what ran, what came of it, and ending what runs.

use std::time::Duration;

use app::{App, Chain, ExecutionFilter, ExecutionQuery, LogMark, LogText};
use axum::{
    Extension, Json,
    extract::State,
    response::{IntoResponse, Response},
};
use domain::{Invalid, UnixMillis};
use http::{HeaderMap, StatusCode, header};
use serde::Deserialize;
use utoipa::IntoParams;
use uuid::Uuid;

use super::runs::detail;
use crate::{
    views::{
        attempts::AttemptsBody,
        executions::{ExecutionDetailView, ExecutionsPage, LogsBody, RetriedVersion, RetryBody},
        pages, streams,
        words::{ErrorKindWord, Several, StatusWord, TriggerWord},
    },
    web::{
        body::JsonBodyOrNone,
        caller::Caller,
        cursor, events,
        extract::{ExecutionPath, Params},
        problem::{Problem, kinds},
        responses::{CancelProblems, ListProblems, ReadProblems, RetryProblems, StreamProblems, WatchProblems},
    },
};

/// Which executions to list; every part that is given must hold.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExecutionsQuery {
    /// Those of the script with this id.
    script: Option<Uuid>,
    /// Those of the version with this id.
    version: Option<Uuid>,
    /// Those with one of these statuses, with commas between them.
    #[param(value_type = Option<Vec<StatusWord>>, style = Form, explode = false, min_items = 1)]
    status: Option<Several<StatusWord>>,
    /// Those with this trigger.
    trigger: Option<TriggerWord>,
    /// Those that the person with this id started, by a token or signed in.
    user: Option<Uuid>,
    /// Those that ended with this kind of error.
    error_kind: Option<ErrorKindWord>,
    /// Those that began before this moment (RFC 3339).
    #[param(format = DateTime)]
    before: Option<String>,
    /// Those that began at this moment or after it (RFC 3339).
    #[param(format = DateTime)]
    after: Option<String>,
    /// Those that were accepted before this moment (RFC 3339).
    #[param(format = DateTime)]
    accepted_before: Option<String>,
    /// Those that were accepted at this moment or after it (RFC 3339).
    #[param(format = DateTime)]
    accepted_after: Option<String>,
    /// Those that ran at least so many milliseconds.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_u32)]
    duration_min_ms: Option<u32>,
    /// Those that ran at most so many milliseconds.
    #[param(value_type = Option<i64>, minimum = 0, maximum = 4_294_967_295_u32)]
    duration_max_ms: Option<u32>,
    /// Those with this text in a line of their log, whatever the case of its letters; of those alone that you may inspect.
    /// At most 200 characters.
    #[param(min_length = 1, max_length = 200)]
    logs: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

impl ExecutionsQuery {
    fn query(&self) -> Result<ExecutionQuery, Invalid> {
        let moment = |field, text: &Option<String>| text.as_deref().map(|text| moment(field, text)).transpose();
        let duration = |milliseconds: Option<u32>| milliseconds.map(|ms| Duration::from_millis(ms.into()));
        let filter = ExecutionFilter {
            script: self.script.map(Into::into),
            version: self.version.map(Into::into),
            statuses: self.status.iter().flat_map(|several| &several.0).map(|status| status.0).collect(),
            trigger: self.trigger.map(|trigger| trigger.0),
            user: self.user.map(Into::into),
            error_kind: self.error_kind.map(|kind| kind.0),
            before: moment("before", &self.before)?,
            after: moment("after", &self.after)?,
            accepted_before: moment("accepted_before", &self.accepted_before)?,
            accepted_after: moment("accepted_after", &self.accepted_after)?,
            duration_min: duration(self.duration_min_ms),
            duration_max: duration(self.duration_max_ms),
        };
        Ok(ExecutionQuery {
            filter,
            logs: self.logs.as_deref().map(LogText::parse).transpose()?,
            cursor: self.cursor.as_deref().map(cursor::decode).transpose()?,
            limit: pages::limit(self.limit)?,
        })
    }
}

/// List executions, the latest first. A page takes a bounded time: where the filters find little among much, `items` may
/// be fewer than asked for, or none, while `next_cursor` is there; go on with it.
#[utoipa::path(
    get, path = "/api/v1/executions", tag = "executions", params(ExecutionsQuery),
    responses((status = 200, description = "A page of executions", body = ExecutionsPage), ListProblems)
)]
pub(crate) async fn browse_executions(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<ExecutionsQuery>,
) -> Result<Json<ExecutionsPage>, Problem> {
    let found = app.executions().find(&principal, query.query()?).await?;
    Ok(Json((&found).into()))
}

/// Follow the tenant's executions, as server-sent events: `execution` with what has changed of one, as in the list, when it
/// was accepted, began or ended; `missed` where there was more than could be told, so that the list is to be read again;
/// and at last `forbidden` for whoever lost the right to see them, or `stopping` where the server stops. Nothing of before is
/// told: read the list once the stream is there. Needs `Accept: text/event-stream`.
#[utoipa::path(
    get, path = "/api/v1/executions/stream", tag = "executions",
    responses(
        (status = 200, description = "The changes", body = String, content_type = "text/event-stream"),
        WatchProblems
    )
)]
pub(crate) async fn watch_executions(
    State(app): State<App>,
    Caller(principal): Caller,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let watcher = app.executions().watch(&principal)?;
    // An answer without an end is only for whoever expects one.
    if !events::is_asked_for(&headers) {
        let detail = "this is a stream: ask for it with 'Accept: text/event-stream'";
        return Err(Problem::new(&kinds::NOT_ACCEPTABLE, detail));
    }
    Ok(streams::of_executions(watcher))
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

/// Show the log of an execution. Ask for `text/event-stream` to follow it: each `line` as it comes, with the id of its
/// place, by which a client goes on that sends it as `Last-Event-ID`; `anew` where what was sent before is not what the log
/// begins with (another attempt, a run that was repeated), so that the lines begin once more; and at last `end` with the
/// status, `forbidden` for whoever lost the right to see it, or `stopping` where the server stops.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution}/logs", tag = "executions",
    params(
        ("execution" = Uuid, Path, description = "Its id"),
        ("Last-Event-ID" = Option<String>, Header, description = "The id of the last line that was received; for a stream")
    ),
    responses(
        (status = 200, description = "The log", content(
            (LogsBody = "application/json"),
            (String = "text/event-stream", example = json!(
                "event: line\nid: 1-4f0c2b9a1d3e5f60\ndata: {\"level\":\"info\",\"message\":\"hello\",\"offset_ms\":0}\n\n"
            ))
        )),
        StreamProblems
    )
)]
pub(crate) async fn show_logs(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !events::is_asked_for(&headers) {
        return Ok(Json(LogsBody::from(app.executions().logs(&principal, execution)?)).into_response());
    }
    let from = headers.get("last-event-id").map(|id| LogMark::parse(id.to_str().unwrap_or_default()));
    Ok(streams::of_log(app.executions().follow(&principal, execution, from)?))
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

/// Run an execution again that has ended, as a new execution with the same input: by the version that ran, or by the one that
/// is deployed now.
#[utoipa::path(
    post, path = "/api/v1/executions/{execution}/retry", tag = "executions",
    params(("execution" = Uuid, Path, description = "Its id")),
    request_body = RetryBody,
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
    JsonBodyOrNone(body): JsonBodyOrNone<RetryBody>,
) -> Result<impl IntoResponse, Problem> {
    let executions = app.executions().continuing(chain.as_deref());
    let view = match body.version {
        RetriedVersion::Original => executions.retry(&principal, execution).await?,
        RetriedVersion::Current => executions.retry_current(&principal, execution).await?,
    };
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
