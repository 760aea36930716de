//! Extension points: what is declared, which scripts run, and what became of a call.

use app::{DeclaredHook, HookBinding, HookEnd, HookNotRun, HookOutcome, HookReport, HookResult, OnFailure};
use axum::Json;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{executions::raw, words::ErrorKindWord};
use crate::web::{
    error::internal,
    problem::{Problem, kinds},
};

/// An extension point of the host application.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Hook)]
pub(crate) struct HookView {
    #[schema(example = "order.validate")]
    point: String,
    /// What it is for.
    description: String,
    /// What the input has to hold; null where that is anything.
    #[schema(value_type = Option<serde_json::Value>)]
    input_schema: Option<serde_json::Value>,
    /// What the result of each script has to hold; null where that is anything.
    #[schema(value_type = Option<serde_json::Value>)]
    output_schema: Option<serde_json::Value>,
    /// Milliseconds that all its scripts together have.
    deadline_ms: u64,
    /// `closed` or `open`: whether the host application may go on where a script fails.
    #[schema(example = "closed")]
    on_failure: &'static str,
    /// Whether it may also go on where a quota or too much work keeps scripts from running.
    open_under_overload: bool,
}

/// A call of an extension point.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "input": { "id": "o-1", "items": [] } }))]
pub(crate) struct HookCall {
    /// What the scripts are given; null where nothing is said.
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// The token's own tenant, by id or slug, for whoever wants to be sure of it.
    pub(crate) tenant: Option<String>,
}

/// What became of a call.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HookReport)]
pub(crate) struct HookReportView {
    /// `passed`: every active script answered. `failed_open`: one did not, and the host application may go on. Problems
    /// have `failed_closed` and `refused`.
    #[schema(example = "passed")]
    outcome: &'static str,
    /// The scripts that ran, in the order in which they did.
    results: Vec<HookResultView>,
    /// The bound scripts that did not, in their order.
    not_run: Vec<HookNotRunView>,
}

/// A script that ran at an extension point.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HookResult)]
pub(crate) struct HookResultView {
    /// Its name.
    script: String,
    script_id: Uuid,
    execution_id: Uuid,
    /// `success`, `failed`, `timeout` or `cancelled`; `running` for one that had not ended at the deadline.
    #[schema(example = "success")]
    status: &'static str,
    /// What it answered; absent where it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<serde_json::Value>)]
    output: Option<Box<RawValue>>,
    /// Why it did not answer; absent where it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<HookErrorView>,
}

/// Why a script did not answer at an extension point.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HookError)]
pub(crate) struct HookErrorView {
    kind: ErrorKindWord,
    /// The name of the JavaScript error, or of the kind; `OutputMismatch` where the result is not what the point asks.
    name: String,
    message: String,
}

/// A bound script that did not run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HookNotRun)]
pub(crate) struct HookNotRunView {
    /// Its name.
    script: String,
    script_id: Uuid,
    /// `paused`, `not_deployed`, `deadline`, `quota`, `overloaded`, `resting` for one that failed again and again, or
    /// `stopped` where a script before it failed or could not be run.
    #[schema(example = "paused")]
    reason: &'static str,
}

/// Which place a script is to have at an extension point.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HookBindingChange {
    /// Scripts run by position, and the older one first where two have the same. Where it is not named, a script keeps
    /// its place, and a new one comes last.
    #[schema(example = 0)]
    pub(crate) position: Option<u32>,
}

/// A script that runs at an extension point.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HookBinding)]
pub(crate) struct HookBindingView {
    /// Its name.
    script: String,
    script_id: Uuid,
    position: u32,
    /// False for a script that is paused: it is left out.
    is_active: bool,
    /// False for a script without a deployed version: it is left out.
    is_deployed: bool,
    /// Who set it last: what runs there has no right that this member lacks.
    set_by: Option<Uuid>,
    #[schema(format = DateTime)]
    set_at: String,
}

impl HookCall {
    /// The input as JSON text.
    pub(crate) fn input(&self) -> String {
        self.input.as_ref().map_or_else(|| String::from("null"), |input| input.get().to_owned())
    }
}

impl From<&DeclaredHook> for HookView {
    fn from(hook: &DeclaredHook) -> Self {
        let config = &hook.config;
        let schema = |schema: &Option<app::Schema>| schema.as_ref().map(|schema| schema.as_value().clone());
        Self {
            point: hook.point.to_string(),
            description: config.description.clone(),
            input_schema: schema(&config.input),
            output_schema: schema(&config.output),
            deadline_ms: u64::try_from(config.deadline.as_millis()).unwrap_or(u64::MAX),
            on_failure: if config.on_failure == OnFailure::Closed { "closed" } else { "open" },
            open_under_overload: config.on_failure == OnFailure::OpenUnderOverload,
        }
    }
}

impl From<&HookBinding> for HookBindingView {
    fn from(binding: &HookBinding) -> Self {
        Self {
            script: binding.script_name.to_string(),
            script_id: binding.script.uuid(),
            position: binding.position,
            is_active: binding.is_active,
            is_deployed: binding.is_deployed,
            set_by: binding.set_by.map(|user| user.uuid()),
            set_at: binding.set_at.to_rfc3339(),
        }
    }
}

impl From<HookResult> for HookResultView {
    fn from(result: HookResult) -> Self {
        let (status, output, error) = match result.end {
            HookEnd::Output(json) => ("success", raw(json), None),
            HookEnd::Failed(failure) => {
                let (kind, status) = (ErrorKindWord(failure.kind), failure.kind.status().as_str());
                (status, None, Some(HookErrorView { kind, name: failure.name, message: failure.message }))
            }
            HookEnd::Unfinished => {
                let message = String::from("it had not ended at the deadline; its execution tells how it does");
                let kind = ErrorKindWord(domain::ErrorKind::Timeout);
                ("running", None, Some(HookErrorView { kind, name: String::from("Unfinished"), message }))
            }
        };
        Self {
            script: result.script.name.to_string(),
            script_id: result.script.id.uuid(),
            execution_id: result.execution.uuid(),
            status,
            output,
            error,
        }
    }
}

impl From<HookNotRun> for HookNotRunView {
    fn from(not_run: HookNotRun) -> Self {
        Self {
            script: not_run.script.name.to_string(),
            script_id: not_run.script.id.uuid(),
            reason: not_run.reason.as_str(),
        }
    }
}

/// The answer to a call: the report, or the problem for whoever must not go on, with the report in it.
///
/// # Errors
/// That problem.
pub(crate) fn answer(report: HookReport) -> Result<Json<HookReportView>, Problem> {
    let HookReport { outcome, results, not_run } = report;
    let view = HookReportView {
        outcome: outcome.as_str(),
        results: results.into_iter().map(HookResultView::from).collect(),
        not_run: not_run.into_iter().map(HookNotRunView::from).collect(),
    };
    let problem = match outcome {
        HookOutcome::Passed | HookOutcome::FailedOpen => return Ok(Json(view)),
        HookOutcome::FailedClosed => {
            let detail = "a script at this extension point failed, and the operator declares that nothing goes on then";
            Problem::new(&kinds::HOOK_FAILED, detail)
        }
        HookOutcome::Refused(error) => error.into(),
    };
    let member = |value: Result<serde_json::Value, serde_json::Error>| value.map_err(|error| internal(&error));
    Err(problem
        .with("outcome", view.outcome)
        .with("results", member(serde_json::to_value(&view.results))?)
        .with("not_run", member(serde_json::to_value(&view.not_run))?))
}
