//! Replays: code that is to be run against a journal, and how it compares; and the calls that a journal holds.

use app::{AskedCall, CallDifference, CallView, EditedCode, ReplayView, ResultView};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    diagnostics::DiagnosticView,
    executions::{FailureView, LogLineView, result},
    words::LanguageWord,
};

/// What to run against the journal; the execution's own version where nothing is said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ReplayRequest, example = json!({ "source": "export default (order) => order.items?.length ?? 0;" }))]
pub(crate) struct ReplayRequestBody {
    /// Edited code, to be run against the recorded answers.
    source: Option<String>,
    /// What it is written in; the script's own language where nothing is said.
    language: Option<LanguageWord>,
}

/// What a replay came to, beside the recorded execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Replay)]
pub(crate) struct ReplayBody {
    /// Whether everything that can be compared is equal.
    equal: bool,
    /// Whether it ended alike: with the same result, or the same error.
    result_equal: bool,
    /// Whether its log is the same, to the letter.
    logs_equal: bool,
    /// Null where fuel is not comparable: for edited code, and where another build of the engine ran the execution.
    fuel_equal: Option<bool>,
    /// The first difference, in words.
    difference: Option<String>,
    /// The first host call that differs.
    first_different_call: Option<CallDifferenceView>,
    /// Fuel of the replay.
    fuel: u64,
    /// Fuel of the recorded run.
    recorded_fuel: Option<u64>,
    /// What the replay answered; null where it failed.
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    /// How the replay failed.
    error: Option<FailureView>,
    /// The log of the replay.
    logs: Vec<LogLineView>,
    /// What the compiler has to say of edited code.
    warnings: Vec<DiagnosticView>,
}

/// A host call that a replay asks otherwise than the recorded run.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CallDifference)]
pub(crate) struct CallDifferenceView {
    /// Its number, from 1.
    number: u32,
    /// What the recorded run asked there; null where it had ended.
    recorded: Option<AskedCallView>,
    /// What the replay asks there; null where it has ended.
    asked: Option<AskedCallView>,
}

/// What a host call asks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AskedCall, example = json!({ "name": "storage.get", "arguments": { "key": "orders/1" } }))]
pub(crate) struct AskedCallView {
    /// Interface and function.
    name: String,
    /// Values larger than 16 KiB are shown as `{ "bytes": … }`, credentials and the values of queries as `(hidden)`.
    arguments: serde_json::Value,
}

/// One host call of an execution.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HostCall)]
pub(crate) struct CallBody {
    /// From 1, in the order in which the calls were made.
    number: u32,
    /// Interface and function.
    #[schema(example = "storage.get")]
    name: String,
    /// Microseconds from the start of the run to the call.
    started_us: u64,
    /// Microseconds from the start of the run to the answer; null where there was none.
    answered_us: Option<u64>,
    /// Bytes that the script handed over.
    bytes_asked: u64,
    /// Bytes of the answer.
    bytes_answered: Option<u64>,
    /// The code of the error that it was answered with.
    error: Option<String>,
    /// What was asked; null where the token's permissions do not show it, or it was not kept.
    asked: Option<serde_json::Value>,
    /// What was answered.
    answered: Option<serde_json::Value>,
}

/// The host calls of an execution, in their order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HostCalls)]
pub(crate) struct CallsBody {
    items: Vec<CallBody>,
}

impl From<ReplayRequestBody> for Option<EditedCode> {
    fn from(body: ReplayRequestBody) -> Self {
        body.source.map(|text| EditedCode { language: body.language.map(|language| language.0), text })
    }
}

impl From<ReplayView> for ReplayBody {
    fn from(replay: ReplayView) -> Self {
        let outcome = replay.outcome;
        Self {
            equal: replay.equal,
            result_equal: replay.result_equal,
            logs_equal: replay.logs_equal,
            fuel_equal: replay.fuel_equal,
            difference: replay.difference,
            first_different_call: replay.first_different_call.map(CallDifferenceView::from),
            fuel: outcome.fuel,
            recorded_fuel: replay.recorded_fuel,
            result: outcome.result.as_ref().ok().and_then(|output| result(&ResultView::from(output.clone()))),
            error: outcome.result.as_ref().err().map(FailureView::from),
            logs: outcome.logs.into_iter().map(LogLineView::from).collect(),
            warnings: replay.warnings.iter().map(DiagnosticView::from).collect(),
        }
    }
}

impl From<CallDifference> for CallDifferenceView {
    fn from(difference: CallDifference) -> Self {
        Self {
            number: difference.number,
            recorded: difference.recorded.map(AskedCallView::from),
            asked: difference.asked.map(AskedCallView::from),
        }
    }
}

impl From<AskedCall> for AskedCallView {
    fn from(call: AskedCall) -> Self {
        Self { name: call.name, arguments: call.arguments }
    }
}

impl From<Vec<CallView>> for CallsBody {
    fn from(calls: Vec<CallView>) -> Self {
        Self { items: calls.into_iter().map(CallBody::from).collect() }
    }
}

impl From<CallView> for CallBody {
    fn from(call: CallView) -> Self {
        Self {
            number: call.number,
            name: call.name,
            started_us: call.started_us,
            answered_us: call.answered_us,
            bytes_asked: call.bytes_asked,
            bytes_answered: call.bytes_answered,
            error: call.error,
            asked: call.asked,
            answered: call.answered,
        }
    }
}
