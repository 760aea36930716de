//! `/executions/{execution}/replay` and `…/calls`: what was recorded of an execution, and running it again from that.

use app::App;
use axum::{Json, extract::State};

use crate::{
    views::replays::{CallsBody, ReplayBody, ReplayRequestBody},
    web::{
        body::JsonBodyOrNone,
        caller::Caller,
        extract::ExecutionPath,
        problem::Problem,
        responses::{RecordProblems, ReplayProblems},
    },
};

/// Run an execution again from its journal and compare; or edited code against the journal's answers, up to the first
/// host call that nothing recorded answers. Nothing leaves the machine, nothing is written, no secret is used.
#[utoipa::path(
    post, path = "/api/v1/executions/{execution}/replay", tag = "executions",
    params(("execution" = uuid::Uuid, Path, description = "Its id")),
    request_body = ReplayRequestBody,
    responses((status = 200, description = "How the replay compares", body = ReplayBody), ReplayProblems)
)]
pub(crate) async fn replay_execution(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
    JsonBodyOrNone(body): JsonBodyOrNone<ReplayRequestBody>,
) -> Result<Json<ReplayBody>, Problem> {
    Ok(Json(app.executions().replay(&principal, execution, body.into()).await?.into()))
}

/// Show the host calls of an execution: when each was made, how large it was and how it ended. What was asked and answered
/// is there for those who may inspect the execution.
#[utoipa::path(
    get, path = "/api/v1/executions/{execution}/calls", tag = "executions",
    params(("execution" = uuid::Uuid, Path, description = "Its id")),
    responses((status = 200, description = "The calls", body = CallsBody), RecordProblems)
)]
pub(crate) async fn show_calls(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
) -> Result<Json<CallsBody>, Problem> {
    Ok(Json(app.executions().calls(&principal, execution)?.into()))
}
