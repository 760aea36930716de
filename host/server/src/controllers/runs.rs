//! `/scripts/{script}/executions` and `…/invoke`: running a script.

use app::{App, Chain, ExecutionView, RunRequest, ScriptRef};
use axum::{Extension, Json, extract::State, response::IntoResponse, response::Response};
use domain::{Permission, Principal, Trigger};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};

use crate::{
    views::executions::{ExecutionDetailView, RunBody},
    web::{body::JsonBodyOrNone, caller::Caller, extract::ScriptPath, problem::Problem, responses::RunProblems},
};

const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");

/// Run a script. With `Prefer: wait` the answer comes after the end and is the execution; without, the execution is
/// durable when this answers, and runs afterwards. A failing script is no problem: its execution says so.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/executions", tag = "executions",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("Prefer" = Option<String>, Header, description = "`wait` to be answered after the end", example = "wait")
    ),
    request_body = RunBody,
    responses(
        (status = 200, description = "The execution has ended", body = ExecutionDetailView),
        (status = 202, description = "The execution is accepted", body = ExecutionDetailView,
            headers(("Location", description = "The execution's address"))),
        RunProblems
    )
)]
pub(crate) async fn start_execution(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    chain: Option<Extension<Chain>>,
    headers: HeaderMap,
    JsonBodyOrNone(body): JsonBodyOrNone<RunBody>,
) -> Result<Response, Problem> {
    if prefers_to_wait(&headers) {
        let ended = run(&app, &principal, chain, request(script, body)).await?;
        return Ok(([(PREFERENCE_APPLIED, "wait")], ended).into_response());
    }
    let executions = app.executions().continuing(chain.as_deref());
    let accepted = executions.accept(&principal, request(script, body)).await?;
    let location = format!("/api/v1/executions/{}", accepted.execution.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], detail(&app, &principal, accepted)?).into_response())
}

/// Run a script and wait for its end: the short form of an execution with `Prefer: wait`.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/invoke", tag = "executions",
    params(("script" = String, Path, description = "Its id or its name")),
    request_body = RunBody,
    responses((status = 200, description = "The execution has ended", body = ExecutionDetailView), RunProblems)
)]
pub(crate) async fn invoke_script(
    State(app): State<App>,
    Caller(principal): Caller,
    ScriptPath(script): ScriptPath,
    chain: Option<Extension<Chain>>,
    JsonBodyOrNone(body): JsonBodyOrNone<RunBody>,
) -> Result<Json<ExecutionDetailView>, Problem> {
    run(&app, &principal, chain, request(script, body)).await
}

async fn run(
    app: &App,
    principal: &Principal,
    chain: Option<Extension<Chain>>,
    request: RunRequest,
) -> Result<Json<ExecutionDetailView>, Problem> {
    let ended = app.executions().continuing(chain.as_deref()).run(principal, request).await?;
    detail(app, principal, ended)
}

fn request(script: ScriptRef, body: RunBody) -> RunRequest {
    let input = body.input.map_or_else(|| String::from("null"), |input| input.get().to_owned());
    RunRequest { script, input, trigger: Trigger::Api }
}

/// An execution with its log, for whoever may see that.
pub(crate) fn detail(
    app: &App,
    principal: &Principal,
    view: ExecutionView,
) -> Result<Json<ExecutionDetailView>, Problem> {
    let may_inspect = principal.permissions.contains(Permission::ExecutionsInspect);
    let logs = may_inspect.then(|| app.executions().logs(principal, view.execution.id)).transpose()?;
    Ok(Json(ExecutionDetailView::new(view, logs)))
}

/// Whether one of the preferences (RFC 7240) is `wait`. How long it would like to wait is the script's limit.
fn prefers_to_wait(headers: &HeaderMap) -> bool {
    let values = headers.get_all(PREFER).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut preferences = values.flat_map(|value| value.split([',', ';']));
    preferences
        .any(|preference| preference.split('=').next().is_some_and(|name| name.trim().eq_ignore_ascii_case("wait")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_to_wait_is_seen_among_others() {
        let waits = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(value));
            prefers_to_wait(&headers)
        };
        assert!(waits("wait"));
        assert!(waits("handling=lenient, Wait=10"));
        assert!(!waits("respond-async"));
        assert!(!waits("waiting"));
    }
}
