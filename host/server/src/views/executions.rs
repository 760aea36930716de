//! Executions: what is asked for, and what became of it.

use app::{Execution, ExecutionView, ExecutionsFound, Failure, LogLevel, LogLine, LogsView, ResultView};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use domain::Actor;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{ErrorKindWord, StatusWord, TriggerWord};
use crate::web::{cursor, signed};

/// A run that is asked for.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RunRequest, example = json!({ "input": { "name": "world" } }))]
pub(crate) struct RunBody {
    /// What the script's entry is given; null where nothing is said.
    #[schema(value_type = Option<serde_json::Value>)]
    pub(crate) input: Option<Box<RawValue>>,
}

/// How an execution is run again.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = RetryRequest, example = json!({ "version": "current" }))]
pub(crate) struct RetryBody {
    /// Which version runs: `original`, the one that ran, where nothing is said.
    pub(crate) version: RetriedVersion,
}

/// Which version runs where an execution is run again.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetriedVersion {
    /// The one that ran.
    #[default]
    Original,
    /// The one that is deployed now.
    Current,
}

/// An execution, without what it was given and what it made.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExecutionSummary)]
pub(crate) struct ExecutionSummaryView {
    id: Uuid,
    script_id: Uuid,
    version_id: Uuid,
    trigger: TriggerWord,
    /// `token`, `local`, `public` or `system`.
    #[schema(example = "token")]
    actor: &'static str,
    /// Whose token it was, where one was presented.
    user_id: Option<Uuid>,
    /// Who set the schedule, the subscription or the endpoint that it came by.
    binding_user_id: Option<Uuid>,
    /// The execution that a person had run again as this one.
    retry_of: Option<Uuid>,
    status: StatusWord,
    /// From 1.
    attempt: u32,
    /// Why it ended without a result.
    error_kind: Option<ErrorKindWord>,
    /// Fuel of the guest and of its host calls.
    fuel: u64,
    peak_memory_bytes: u64,
    host_calls: u32,
    #[schema(format = DateTime)]
    accepted_at: String,
    #[schema(format = DateTime)]
    started_at: Option<String>,
    #[schema(format = DateTime)]
    completed_at: Option<String>,
    /// How long it ran, in microseconds.
    duration_us: Option<u64>,
}

/// A page of executions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExecutionsPage {
    /// The executions; may be fewer than asked for, or none, while there is a `next_cursor`.
    items: Vec<ExecutionSummaryView>,
    /// Send it as `cursor` for the next page; null on the last.
    next_cursor: Option<String>,
    /// Everything that began at this moment or after it was looked at, in this page and those before it; null where there
    /// is nothing more to look at.
    #[schema(format = DateTime)]
    searched_until: Option<String>,
}

/// An execution. Input, result, error and logs are null where the token's permissions do not show them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Execution)]
pub(crate) struct ExecutionDetailView {
    #[serde(flatten)]
    summary: ExecutionSummaryView,
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// What the script returned; of an endpoint's `{ status, headers, body }`, or `body_base64` where it is no text.
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    error: Option<FailureView>,
    logs: Option<Vec<LogLineView>>,
    /// Whether lines of log were dropped.
    logs_truncated: bool,
}

/// Why an execution has no result.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Failure)]
pub(crate) struct FailureView {
    kind: ErrorKindWord,
    /// The name of the JavaScript error, or of the kind.
    name: String,
    message: String,
    /// The frames, in the author's positions, one a line.
    stack: String,
}

/// One line of a log.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LogLine)]
pub(crate) struct LogLineView {
    #[schema(example = "info")]
    level: &'static str,
    message: String,
    /// What was passed, where it says more than the message.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<serde_json::Value>>)]
    arguments: Option<Box<RawValue>>,
    /// Milliseconds of the execution's clock since its start.
    offset_ms: u64,
}

/// The log of an execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Logs)]
pub(crate) struct LogsBody {
    lines: Vec<LogLineView>,
    /// Whether lines were dropped past the log's limits.
    truncated: bool,
}

#[derive(Serialize)]
struct ResponseResult<'a> {
    status: u16,
    headers: Vec<[&'a str; 2]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl From<&Execution> for ExecutionSummaryView {
    fn from(execution: &Execution) -> Self {
        let (actor, user_id) = match execution.actor {
            Actor::Token { user, .. } => ("token", Some(user.uuid())),
            Actor::Session { user, .. } => ("session", Some(user.uuid())),
            Actor::Local => ("local", None),
            Actor::PublicCaller => ("public", None),
            Actor::System => ("system", None),
        };
        Self {
            id: execution.id.uuid(),
            script_id: execution.script.uuid(),
            version_id: execution.version.uuid(),
            trigger: TriggerWord(execution.trigger),
            actor,
            user_id,
            binding_user_id: execution.binding.map(|user| user.uuid()),
            retry_of: execution.retry_of.map(|execution| execution.uuid()),
            status: StatusWord(execution.status),
            attempt: execution.attempt,
            error_kind: execution.error_kind.map(ErrorKindWord),
            fuel: execution.fuel,
            peak_memory_bytes: execution.peak_memory_bytes,
            host_calls: execution.host_calls,
            accepted_at: execution.accepted_at.to_rfc3339(),
            started_at: execution.started_at.map(|moment| moment.to_rfc3339()),
            completed_at: execution.completed_at.map(|moment| moment.to_rfc3339()),
            duration_us: execution.duration.and_then(|duration| u64::try_from(duration.as_micros()).ok()),
        }
    }
}

impl From<&ExecutionsFound> for ExecutionsPage {
    fn from(found: &ExecutionsFound) -> Self {
        Self {
            items: found.executions.iter().map(ExecutionSummaryView::from).collect(),
            next_cursor: found.next.as_ref().map(cursor::encode).map(signed::cursor),
            searched_until: found.searched_until().map(|moment| moment.to_rfc3339()),
        }
    }
}

impl ExecutionDetailView {
    pub(crate) fn new(view: ExecutionView, logs: Option<LogsView>) -> Self {
        Self {
            summary: (&view.execution).into(),
            input: view.input.and_then(raw),
            result: view.result.as_ref().and_then(result),
            error: view.error.as_ref().map(FailureView::from),
            logs_truncated: view.execution.logs_truncated,
            logs: logs.map(|logs| LogsBody::from(logs).lines),
        }
    }
}

impl From<&Failure> for FailureView {
    fn from(failure: &Failure) -> Self {
        Self {
            kind: ErrorKindWord(failure.kind),
            name: failure.name.clone(),
            message: failure.message.clone(),
            stack: failure.stack.clone(),
        }
    }
}

impl From<LogLine> for LogLineView {
    fn from(line: LogLine) -> Self {
        Self {
            level: level_word(line.level),
            message: line.message,
            arguments: line.arguments.and_then(raw),
            offset_ms: line.offset_ms,
        }
    }
}

impl From<LogsView> for LogsBody {
    fn from(logs: LogsView) -> Self {
        Self { lines: logs.lines.into_iter().map(LogLineView::from).collect(), truncated: logs.truncated }
    }
}

/// The word of a log level.
pub(crate) fn level_word(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Debug => "debug",
        LogLevel::Info => "info",
        LogLevel::Warn => "warn",
        LogLevel::Error => "error",
    }
}

/// The result as JSON. What the guest made as JSON goes out as it is, to the last digit.
pub(crate) fn result(result: &ResultView) -> Option<Box<RawValue>> {
    match result {
        ResultView::Json(json) => raw(json.clone()),
        ResultView::Response { status, headers, body } => {
            let text = std::str::from_utf8(body).ok();
            let response = ResponseResult {
                status: *status,
                headers: headers.iter().map(|(name, value)| [name.as_str(), value.as_str()]).collect(),
                body: text,
                body_base64: text.is_none().then(|| STANDARD.encode(body)),
            };
            serde_json::value::to_raw_value(&response).ok()
        }
    }
}

/// Text that is JSON already; text that is not is nothing rather than a broken answer.
pub(crate) fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}
