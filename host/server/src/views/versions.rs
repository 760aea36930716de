//! Versions of scripts.

use app::{DeployedScript, Purity, Version, VersionSummary};
use serde::{Deserialize, Serialize};
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
    warnings: Vec<DiagnosticView>,
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
        Self { summary: (&version.summary).into(), source: version.source }
    }
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
            warnings: deployed.warnings.iter().map(DiagnosticView::from).collect(),
        }
    }
}
