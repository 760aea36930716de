//! `/scripts/{script}/test`: trying a draft before it is deployed.

use app::{App, Chain};
use axum::{Extension, Json, extract::State};

use crate::{
    views::trials::{TestBody, TestRunBody},
    web::{body::JsonBodyOrNone, caller::Caller, extract::ScriptPath, problem::Problem, responses::TestProblems},
};

/// Run the draft, or another source, as yourself. What it writes and publishes goes nowhere, and only GET and HEAD leave
/// unless you say `with_effects`. It is charged, and is no execution.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/test", tag = "drafts",
    params(("script" = String, Path, description = "Its id or its name")),
    request_body = TestBody,
    responses((status = 200, description = "What it came to", body = TestRunBody), TestProblems)
)]
pub(crate) async fn test_script(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    chain: Option<Extension<Chain>>,
    JsonBodyOrNone(body): JsonBodyOrNone<TestBody>,
) -> Result<Json<TestRunBody>, Problem> {
    let executions = app.executions().continuing(chain.as_deref());
    Ok(Json(executions.test(&principal, body.request(script)).await?.into()))
}
