//! `/executions/{execution}/replay`: running an execution again from what was recorded of it.

use app::App;
use axum::{Json, extract::State};

use crate::{
    views::executions::ReplayBody,
    web::{caller::Caller, extract::ExecutionPath, problem::Problem, responses::ReplayProblems},
};

/// Run an execution again from its journal and compare. Nothing leaves the machine and nothing is written.
#[utoipa::path(
    post, path = "/api/v1/executions/{execution}/replay", tag = "executions",
    params(("execution" = uuid::Uuid, Path, description = "Its id")),
    responses((status = 200, description = "How the replay compares", body = ReplayBody), ReplayProblems)
)]
pub(crate) async fn replay_execution(
    State(app): State<App>,
    Caller(principal): Caller,
    ExecutionPath(execution): ExecutionPath,
) -> Result<Json<ReplayBody>, Problem> {
    let replay = app.executions().replay(&principal, execution).await?;
    Ok(Json((&replay).into()))
}
