//! `/scripts/{script}/executions` and `…/invoke`: running a script.

use std::time::Duration;

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

/// The longest that a request waits for an end that may come later: proxies commonly give up after a minute.
const WAIT_SECONDS_MAX: u64 = 60;

/// Run a script. With `Prefer: wait` the answer comes after the end and is the execution; without, the execution is
/// durable when this answers, and runs afterwards. With `Prefer: wait=10` it is durable too, and the answer comes after the
/// end or after ten seconds, whichever is first. A failing script is no problem: its execution says so.
#[utoipa::path(
    post, path = "/api/v1/scripts/{script}/executions", tag = "executions",
    params(
        ("script" = String, Path, description = "Its id or its name"),
        ("Prefer" = Option<String>, Header, description = "`wait`: answer after the end; `wait=10`: after ten seconds at most", example = "wait")
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
    let executions = app.executions().continuing(chain.as_deref());
    let (view, applied) = match preference(&headers) {
        Some(Wait::ToTheEnd) => {
            let ended = run(&app, &principal, chain, request(script, body)).await?;
            return Ok(([(PREFERENCE_APPLIED, "wait")], ended).into_response());
        }
        Some(Wait::Seconds(seconds)) => {
            let patience = Duration::from_secs(seconds);
            let view = executions.accept_and_wait(&principal, request(script, body), patience).await?;
            (view, Some(format!("wait={seconds}")))
        }
        None => (executions.accept(&principal, request(script, body)).await?, None),
    };
    let location = format!("/api/v1/executions/{}", view.execution.id);
    let has_ended = applied.is_some() && view.execution.status.is_terminal();
    let status = if has_ended { StatusCode::OK } else { StatusCode::ACCEPTED };
    let mut response = (status, [(header::LOCATION, location)], detail(&app, &principal, view)?).into_response();
    if let Some(Ok(applied)) = applied.map(HeaderValue::try_from) {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
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

/// How long a caller would like to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wait {
    ToTheEnd,
    Seconds(u64),
}

/// The preference `wait` (RFC 7240) among the others. A number that is none is as good as none.
fn preference(headers: &HeaderMap) -> Option<Wait> {
    let values = headers.get_all(PREFER).iter().filter_map(|value: &HeaderValue| value.to_str().ok());
    let mut preferences = values
        .flat_map(|value| value.split([',', ';']))
        .map(|text| text.trim().split_once('=').unwrap_or((text.trim(), "")));
    let (_, value) = preferences.find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))?;
    let seconds = value.trim().trim_matches('"').parse::<u64>().ok();
    Some(seconds.map_or(Wait::ToTheEnd, |seconds| Wait::Seconds(seconds.min(WAIT_SECONDS_MAX))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_to_wait_is_seen_among_others() {
        let waits = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(PREFER, HeaderValue::from_static(value));
            preference(&headers)
        };
        assert_eq!(waits("wait"), Some(Wait::ToTheEnd));
        assert_eq!(waits("handling=lenient, Wait=10"), Some(Wait::Seconds(10)));
        assert_eq!(waits("wait = \"7\""), Some(Wait::Seconds(7)));
        assert_eq!(waits("wait=100000"), Some(Wait::Seconds(WAIT_SECONDS_MAX)));
        assert_eq!(waits("wait=soon"), Some(Wait::ToTheEnd));
        assert_eq!(waits("respond-async"), None);
        assert_eq!(waits("waiting"), None);
    }
}
