//! Versions of scripts.

use app::{CheckedSource, DeployedScript, Purity, Severity, Version, VersionSummary};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::ToSchema;
use uuid::Uuid;

use super::{capabilities::CapabilitiesView, diagnostics::DiagnosticView, limits::LimitsView, words::LanguageWord};

/// A draft to be deployed.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Deployment, example = json!({ "change_summary": "Greets by name" }))]
pub(crate) struct DeploymentBody {
    /// What changed, in your words.
    pub(crate) change_summary: String,
}

/// An immutable version, without its source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VersionSummary)]
pub(crate) struct VersionSummaryView {
    id: Uuid,
    script_id: Uuid,
    /// From 1.
    number: u32,
    language: LanguageWord,
    /// What the script was allowed to reach.
    capabilities: CapabilitiesView,
    limits: Option<LimitsView>,
    /// Who deployed it first.
    author: Option<Uuid>,
    change_summary: String,
    #[schema(format = DateTime)]
    created_at: String,
}

/// An immutable version.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Version)]
pub(crate) struct VersionView {
    #[serde(flatten)]
    summary: VersionSummaryView,
    source: String,
    /// The JSON Schema (2020-12) of the entry's argument, read from its types or JSDoc; null where they say nothing.
    /// Nothing is checked against it.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Box<RawValue>>,
}

/// A version that was just deployed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeployedScript)]
pub(crate) struct DeployedScriptView {
    version: VersionSummaryView,
    /// Whether the module's top level touches nothing that only an execution has, so that it can be run ahead.
    is_pure: bool,
    /// What it touches; null where it is pure.
    impure_reason: Option<String>,
    /// The JSON Schema of the entry's argument, as the version has it.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Box<RawValue>>,
    warnings: Vec<DiagnosticView>,
}

/// A source to be checked.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "language": "typescript", "source": "export default (order: { id: string }) => order.id;" }))]
pub(crate) struct SourceToCheck {
    /// What it is written in; JavaScript where nothing is said.
    pub(crate) language: Option<LanguageWord>,
    /// An ES module; at most 1 MiB.
    pub(crate) source: String,
}

/// What a check found.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CheckedSource)]
pub(crate) struct CheckedSourceView {
    /// Whether it compiles, and so could be saved.
    compiles: bool,
    /// Errors, or, where it compiles, warnings.
    diagnostics: Vec<DiagnosticView>,
    /// Whether the top level can be run ahead of executions; null where the source does not compile.
    is_pure: Option<bool>,
    /// The JSON Schema (2020-12) of the entry's argument, read from its types or JSDoc; null where they say nothing.
    #[schema(value_type = Option<Object>)]
    input_schema: Option<Box<RawValue>>,
}

impl From<&VersionSummary> for VersionSummaryView {
    fn from(version: &VersionSummary) -> Self {
        Self {
            id: version.id.uuid(),
            script_id: version.script.uuid(),
            number: version.number,
            language: LanguageWord(version.language),
            capabilities: (&version.capabilities).into(),
            limits: version.limits.as_ref().map(LimitsView::from),
            author: version.author.map(|user| user.uuid()),
            change_summary: version.change_summary.clone(),
            created_at: version.created_at.to_rfc3339(),
        }
    }
}

impl From<Version> for VersionView {
    fn from(version: Version) -> Self {
        let input_schema = version.input_schema.and_then(raw);
        Self { summary: (&version.summary).into(), source: version.source, input_schema }
    }
}

impl From<CheckedSource> for CheckedSourceView {
    fn from(checked: CheckedSource) -> Self {
        Self {
            compiles: !checked.findings.iter().any(|finding| finding.severity == Severity::Error),
            diagnostics: checked.findings.iter().map(DiagnosticView::from).collect(),
            is_pure: checked.purity.map(|purity| matches!(purity, Purity::Pure { .. })),
            input_schema: checked.input_schema.and_then(raw),
        }
    }
}

/// A text that is JSON, as it is.
fn raw(json: String) -> Option<Box<RawValue>> {
    RawValue::from_string(json).ok()
}

impl From<&DeployedScript> for DeployedScriptView {
    fn from(deployed: &DeployedScript) -> Self {
        let impure_reason = match &deployed.purity {
            Purity::Pure { .. } => None,
            Purity::Impure { reason } => Some(reason.clone()),
        };
        Self {
            version: (&deployed.version).into(),
            is_pure: impure_reason.is_none(),
            impure_reason,
            input_schema: deployed.input_schema.clone().and_then(raw),
            warnings: deployed.warnings.iter().map(DiagnosticView::from).collect(),
        }
    }
}
