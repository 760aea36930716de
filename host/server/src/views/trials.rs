//! Test runs as JSON: what is to be tested, and what came of it.

use app::{ResultView, ScriptRef, TestEffects, TestRequest, TestRun};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;

use super::{
    capabilities::CapabilitiesView,
    diagnostics::DiagnosticView,
    executions::{FailureView, LogLineView, result},
    replays::CallBody,
    words::LanguageWord,
};

/// What is to be tested; the script's draft where no source is said.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = TestRequest, example = json!({ "input": { "id": 7 }, "with_effects": false }))]
pub(crate) struct TestBody {
    /// A source in place of the draft; at most 1 MiB.
    source: Option<String>,
    /// What that source is written in; the draft's language where nothing is said.
    language: Option<LanguageWord>,
    /// Capabilities in place of the script's, whole.
    capabilities: Option<CapabilitiesView>,
    /// The entry's argument; null where nothing is said.
    #[schema(value_type = Option<serde_json::Value>)]
    input: Option<Box<RawValue>>,
    /// Whether requests that change something outside are sent. Needs `scripts.deploy`.
    #[serde(default)]
    with_effects: bool,
}

/// What a test run came to. Nothing of it is kept.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TestRun)]
pub(crate) struct TestRunBody {
    /// Always true: this is no execution.
    test: bool,
    /// `success`, or how its failure would be told: `failed`, `timeout` or `cancelled`.
    #[schema(example = "success")]
    status: &'static str,
    /// What the script returned; of an endpoint's `{ status, headers, body }`, or `body_base64` where it is no text.
    #[schema(value_type = Option<serde_json::Value>)]
    result: Option<Box<RawValue>>,
    error: Option<FailureView>,
    logs: Vec<LogLineView>,
    /// The host calls, in their order.
    calls: Vec<CallBody>,
    /// What the compiler has to say of the source.
    warnings: Vec<DiagnosticView>,
    /// The least capabilities with which everything that it asked for would be allowed.
    capabilities_needed: Option<CapabilitiesView>,
    fuel: u64,
    peak_memory_bytes: u64,
    host_calls: u32,
    duration_us: u64,
}

impl TestBody {
    pub(crate) fn request(self, script: ScriptRef) -> TestRequest {
        TestRequest {
            script,
            source: self.source,
            language: self.language.map(|language| language.0),
            capabilities: self.capabilities.map(Into::into),
            input: self.input.map_or_else(|| String::from("null"), |input| input.get().to_owned()),
            effects: if self.with_effects { TestEffects::Sent } else { TestEffects::Withheld },
        }
    }
}

impl From<TestRun> for TestRunBody {
    fn from(run: TestRun) -> Self {
        let outcome = run.outcome;
        let failed = outcome.result.as_ref().err();
        Self {
            test: true,
            status: failed.map_or("success", |failure| failure.kind.status().as_str()),
            result: outcome.result.as_ref().ok().and_then(|output| result(&ResultView::from(output.clone()))),
            error: failed.map(FailureView::from),
            logs: outcome.logs.into_iter().map(LogLineView::from).collect(),
            calls: run.calls.into_iter().map(CallBody::from).collect(),
            warnings: run.warnings.iter().map(DiagnosticView::from).collect(),
            capabilities_needed: run.needed.as_ref().map(CapabilitiesView::from),
            fuel: outcome.fuel,
            peak_memory_bytes: outcome.peak_memory_bytes,
            host_calls: outcome.host_calls,
            duration_us: u64::try_from(outcome.duration.as_micros()).unwrap_or(u64::MAX),
        }
    }
}
