//! `/executions/{execution}`: what happened in one execution, as far as whoever looks may see it (RULES 19).

mod as_test;
mod downloads;
mod error;
mod origin;
mod story;
mod usage;
mod waterfall;

use std::time::Duration;

use app::{App, AppError, AttemptView, CallView, Execution, ExecutionView, LogsView, Names, ScriptRef, ScriptSummary};
use askama::Template;
use axum::extract::{Path, State};
use domain::{Permission, Principal};
use serde::Deserialize;

pub(crate) use self::downloads::{input_file, log_file, result_file};
use self::{
    error::ErrorView,
    origin::Origin,
    story::Story,
    usage::Meter,
    waterfall::{CallDetail, Waterfall},
};
use super::{
    answer::{PageError, PageResult, page},
    executions::{names_of, who},
    format::{self, Moment},
    frame::Frame,
    people_of::person,
    values::{self, Body, Value},
    visit::Visit,
    words::{self, Badge},
};
use crate::web::extract::{ExecutionPath, Params};

/// Calls that are drawn at first: more of them are seldom what one looks for.
const CALLS: usize = 200;

/// How much of it is shown.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ExecutionQuery {
    /// `all` for every call.
    calls: String,
}

#[derive(Template)]
#[template(path = "executions/detail.html")]
struct ExecutionPage {
    frame: Frame,
    id: String,
    script: ScriptLine,
    story: Story,
    status: Badge,
    has_ended: bool,
    origin: Origin,
    times: Times,
    facts: Facts,
    meters: Vec<Meter>,
    may_inspect: bool,
    input: Value,
    result: Value,
    error: Option<ErrorView>,
    logs: Vec<LogLine>,
    logs_truncated: bool,
    waterfall: Option<Waterfall>,
    attempts: Vec<Attempt>,
    test: Option<String>,
}

/// The script that ran, and which version of it.
struct ScriptLine {
    id: String,
    name: String,
    is_there: bool,
    version: Option<u32>,
    /// The version that is deployed now, where it is another one.
    current: Option<u32>,
}

/// When what was.
struct Times {
    accepted: Moment,
    began: Option<Moment>,
    ended: Option<Moment>,
    /// How long it waited for its turn.
    waited: Option<String>,
    took: Option<String>,
}

/// What is known beside.
struct Facts {
    attempt: u32,
    who: String,
    binding: Option<String>,
    retry_of: Option<String>,
}

/// A line of the log.
struct LogLine {
    level: &'static str,
    at: String,
    message: String,
    arguments: Option<String>,
}

/// An attempt before the last one.
struct Attempt {
    number: u32,
    began: Moment,
    took: String,
    error: &'static str,
    message: Option<String>,
}

#[derive(Template)]
#[template(path = "executions/call.html")]
struct CallPart {
    call: CallDetail,
}

/// Everything that is read for the page.
struct Read {
    view: ExecutionView,
    logs: Option<LogsView>,
    calls: Option<Vec<CallView>>,
    attempts: Vec<AttemptView>,
    names: Names,
    script: Option<ScriptSummary>,
}

/// One execution.
pub(crate) async fn execution_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    ExecutionPath(id): ExecutionPath,
    Params(query): Params<ExecutionQuery>,
) -> PageResult {
    let read = Read::of(&app, &principal, id)?;
    let execution = &read.view.execution;
    let error = error::of(&app, &principal, &read)?;
    let limits = match app.executions().limits(&principal, execution.version) {
        Ok(limits) => Some(limits),
        Err(AppError::NotFound { .. }) => None,
        Err(other) => return Err(other.into()),
    };
    let most_calls = if query.calls == "all" { usize::MAX } else { CALLS };
    let may_inspect = read.logs.is_some();
    page(&ExecutionPage {
        id: execution.id.to_string(),
        script: ScriptLine::of(&read),
        story: Story::of(execution, error.as_ref(), &frame),
        status: words::status(&execution.status),
        has_ended: execution.status.is_terminal(),
        origin: origin::of(&app, &principal, &read)?,
        times: Times::of(execution, &frame),
        facts: Facts::of(&read, &principal),
        meters: limits.map_or_else(Vec::new, |limits| usage::meters(execution, &limits, frame.now)),
        may_inspect,
        input: values::input(&read.view),
        result: values::result(&read.view),
        error,
        logs: read.logs.as_ref().map_or_else(Vec::new, |logs| logs.lines.iter().map(LogLine::of).collect()),
        logs_truncated: execution.logs_truncated,
        waterfall: read.calls.as_deref().map(|calls| Waterfall::of(&read, calls, most_calls)),
        attempts: read.attempts.iter().map(|attempt| Attempt::of(attempt, &frame)).collect(),
        test: may_inspect.then(|| as_test::of(&read)).flatten(),
        frame,
    })
}

/// One host call, with what was asked and answered.
pub(crate) async fn call_part(
    State(app): State<App>,
    Visit { principal, .. }: Visit,
    Path((execution, number)): Path<(String, String)>,
) -> PageResult {
    let execution = execution.parse().map_err(|_| PageError::not_found("execution"))?;
    let calls = app.executions().calls(&principal, execution)?;
    let number = number.parse::<usize>().ok().and_then(|number| number.checked_sub(1));
    let call = number.and_then(|at| calls.into_iter().nth(at));
    page(&CallPart { call: CallDetail::of(call.ok_or_else(|| PageError::not_found("call"))?) })
}

impl Read {
    fn of(app: &App, principal: &Principal, id: domain::ExecutionId) -> Result<Self, AppError> {
        let executions = app.executions();
        let view = executions.get(principal, id)?;
        let execution = &view.execution;
        let logs = match executions.logs(principal, id) {
            Ok(logs) => Some(logs),
            Err(AppError::Forbidden(_)) => None,
            Err(error) => return Err(error),
        };
        let calls = match executions.calls(principal, id) {
            Ok(calls) => Some(calls),
            Err(AppError::NotRecorded) => None,
            Err(error) => return Err(error),
        };
        let names = app.names().of(principal, names_of([execution]))?;
        let script = match app.scripts().get(principal, &ScriptRef::Id(execution.script)) {
            Ok(saved) => Some(saved.script.summary),
            Err(AppError::NotFound { .. } | AppError::Forbidden(_)) => None,
            Err(error) => return Err(error),
        };
        let attempts = executions.attempts(principal, id)?;
        Ok(Self { logs, calls, attempts, names, script, view })
    }

    /// The name of the script.
    fn script_name(&self) -> String {
        let known = self.names.script(self.view.execution.script).map(ToString::to_string);
        known.unwrap_or_else(|| String::from("(deleted)"))
    }
}

impl ScriptLine {
    fn of(read: &Read) -> Self {
        let execution = &read.view.execution;
        let deployed = read.script.as_ref().and_then(|script| script.deployed);
        Self {
            id: execution.script.to_string(),
            name: read.script_name(),
            is_there: read.script.is_some(),
            version: read.names.version(execution.version),
            current: deployed.filter(|deployed| deployed.id != execution.version).map(|deployed| deployed.number),
        }
    }
}

impl Times {
    fn of(execution: &Execution, frame: &Frame) -> Self {
        let waited = execution.started_at.map(|began| began.0.saturating_sub(execution.accepted_at.0));
        let waited = waited.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms > 0);
        Self {
            accepted: frame.moment(&execution.accepted_at),
            began: execution.started_at.map(|at| frame.moment(&at)),
            ended: execution.completed_at.map(|at| frame.moment(&at)),
            waited: waited.map(|ms| format::duration(Duration::from_millis(ms))),
            took: execution.duration.map(format::duration),
        }
    }
}

impl Facts {
    fn of(read: &Read, principal: &Principal) -> Self {
        let execution = &read.view.execution;
        Self {
            attempt: execution.attempt,
            who: who(execution, &read.names, principal),
            binding: execution.binding.map(|user| person(&read.names, principal, user)),
            retry_of: execution.retry_of.map(|first| first.to_string()),
        }
    }
}

impl LogLine {
    fn of(line: &app::LogLine) -> Self {
        Self {
            level: crate::views::executions::level_word(line.level),
            at: format!("{} ms", line.offset_ms),
            message: format::shown(&line.message),
            arguments: line.arguments.as_deref().map(format::shown),
        }
    }
}

impl Attempt {
    fn of(view: &AttemptView, frame: &Frame) -> Self {
        let attempt = &view.attempt;
        Self {
            number: attempt.attempt,
            began: frame.moment(&attempt.started_at),
            took: format::duration(attempt.duration),
            error: words::error_kind(&attempt.error_kind),
            message: view
                .error
                .as_ref()
                .map(|failure| format::shown(&format!("{}: {}", failure.name, failure.message))),
        }
    }
}
