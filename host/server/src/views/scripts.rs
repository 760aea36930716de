//! Scripts and their drafts.

use app::{Attention, DeployedVersion, NewScriptInput, SavedScript, ScriptSummary};
use domain::{Language, Limits, RecordMode, ScriptName};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{
    capabilities::CapabilitiesView,
    diagnostics::DiagnosticView,
    endpoints::EndpointView,
    limits::LimitsView,
    policy::PolicyView,
    settings::Settings,
    words::{KindWord, LanguageWord, PermissionWord, RecordWord},
};
use crate::web::problem::Problem;

/// A script to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "name": "greet", "kind": "one_off", "source": "export default ({ name }) => `Hello, ${name}!`;"
}))]
pub(crate) struct NewScript {
    /// Lower-case letters, digits, `.`, `_` and `-`; unique in the tenant.
    name: String,
    /// What it is for.
    kind: KindWord,
    /// What the source is written in; JavaScript where nothing is said.
    language: Option<LanguageWord>,
    /// An ES module; at most 1 MiB.
    source: String,
    /// What it is for, in your words.
    #[serde(default)]
    description: String,
    /// What it may reach.
    #[serde(default)]
    capabilities: CapabilitiesView,
    /// Its own limits; null where the tenant's stand.
    limits: Option<LimitsView>,
    /// How much is recorded of its host calls; everything where nothing is said.
    record: Option<RecordWord>,
    /// Its rules for its executions.
    policy: Option<PolicyView>,
    /// Where it answers: for kind `endpoint`, and only for that.
    endpoint: Option<EndpointView>,
}

impl NewScript {
    /// The script for the application; limits that are not named are the `system`'s.
    pub(crate) fn input(self, system: &Limits) -> Result<NewScriptInput, Problem> {
        Ok(NewScriptInput {
            name: ScriptName::parse(&self.name)?,
            description: self.description,
            kind: self.kind.0,
            language: self.language.map_or(Language::JavaScript, |language| language.0),
            source: self.source,
            capabilities: self.capabilities.into(),
            limits: self.limits.map(|limits| limits.within(system)),
            record: self.record.map_or(RecordMode::Full, |record| record.0),
            policy: self.policy.map(Into::into),
            endpoint: self.endpoint.map(TryInto::try_into).transpose()?,
        })
    }
}

/// A script without its source.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScriptSummary)]
pub(crate) struct ScriptSummaryView {
    id: Uuid,
    name: String,
    description: String,
    kind: KindWord,
    language: LanguageWord,
    /// Whether it runs at all.
    is_active: bool,
    /// Counts the changes of the draft, from 1.
    draft_revision: i64,
    /// What runs; null before the first deployment.
    deployed: Option<DeployedVersionView>,
    capabilities: CapabilitiesView,
    /// Who set that last.
    capabilities_set_by: Option<Uuid>,
    limits: Option<LimitsView>,
    record: RecordWord,
    /// Its rules for its executions; null for what holds where a script says nothing.
    policy: Option<PolicyView>,
    #[schema(format = DateTime)]
    created_at: String,
    created_by: Option<Uuid>,
    #[schema(format = DateTime)]
    updated_at: String,
}

/// The version of a script that runs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeployedVersion)]
struct DeployedVersionView {
    id: Uuid,
    number: u32,
    /// Whose rights bound the script: whoever activated this version.
    deployed_by: Option<Uuid>,
    #[schema(format = DateTime)]
    deployed_at: String,
}

/// A script with what belongs to it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Script)]
pub(crate) struct ScriptView {
    #[serde(flatten)]
    summary: ScriptSummaryView,
    /// Where it answers; null where it is no endpoint.
    endpoint: Option<EndpointView>,
    /// Until when it rests, because it failed again and again; null where it does not.
    #[schema(format = DateTime)]
    resting_until: Option<String>,
    /// What is to be known of whoever deployed it, whose rights it has; null where nothing is wrong.
    attention: Option<AttentionView>,
    /// Findings about a source that was just saved, which do not keep it from running.
    warnings: Vec<DiagnosticView>,
}

/// Why a script does not do all that it could.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attention)]
struct AttentionView {
    /// `deployer_left`: it pauses until somebody adopts it. `deployer_lacks_rights`: it runs with those that are left.
    #[schema(example = "deployer_left")]
    reason: &'static str,
    /// Whose rights it has.
    deployer: Uuid,
    /// What its capabilities name and its deployer does not hold.
    missing: Vec<PermissionWord>,
}

/// The draft of a script.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Draft)]
pub(crate) struct DraftView {
    /// Counts the changes, from 1; the `ETag` in quotes.
    revision: i64,
    language: LanguageWord,
    source: String,
    /// Findings about a source that was just saved, which do not keep it from running.
    warnings: Vec<DiagnosticView>,
}

/// A draft as it shall be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "source": "export default () => 42;" }))]
pub(crate) struct DraftEdit {
    /// As before where nothing is said.
    pub(crate) language: Option<LanguageWord>,
    /// An ES module; at most 1 MiB.
    pub(crate) source: String,
    /// Settings to be changed with it, as a merge patch: both are saved, or neither. `is_active` is set by itself.
    #[schema(value_type = Option<Settings>)]
    pub(crate) settings: Option<Map<String, Value>>,
    /// The ETag of the script, as `GET /api/v1/scripts/{script}` answered it: refuses to save where its settings were changed
    /// since.
    #[schema(example = "\"5f0c2e4b7d1a9c3e5f0c2e4b7d1a9c3e\"")]
    pub(crate) settings_tag: Option<String>,
}

impl From<&ScriptSummary> for ScriptSummaryView {
    fn from(script: &ScriptSummary) -> Self {
        Self {
            id: script.id.uuid(),
            name: script.name.to_string(),
            description: script.description.clone(),
            kind: KindWord(script.kind),
            language: LanguageWord(script.language),
            is_active: script.is_active,
            draft_revision: script.draft_revision,
            deployed: script.deployed.as_ref().map(DeployedVersionView::from),
            capabilities: (&script.capabilities).into(),
            capabilities_set_by: script.capabilities_set_by.map(|user| user.uuid()),
            limits: script.limits.as_ref().map(LimitsView::from),
            record: RecordWord(script.record),
            policy: script.policy.as_ref().map(PolicyView::from),
            created_at: script.created_at.to_rfc3339(),
            created_by: script.created_by.map(|user| user.uuid()),
            updated_at: script.updated_at.to_rfc3339(),
        }
    }
}

impl From<&DeployedVersion> for DeployedVersionView {
    fn from(version: &DeployedVersion) -> Self {
        Self {
            id: version.id.uuid(),
            number: version.number,
            deployed_by: version.deployed_by.map(|user| user.uuid()),
            deployed_at: version.deployed_at.to_rfc3339(),
        }
    }
}

impl From<&SavedScript> for ScriptView {
    fn from(saved: &SavedScript) -> Self {
        Self {
            summary: (&saved.script.summary).into(),
            endpoint: saved.endpoint.as_ref().map(EndpointView::from),
            resting_until: saved.resting_until.map(|until| until.to_rfc3339()),
            attention: saved.attention.as_ref().map(AttentionView::from),
            warnings: saved.warnings.iter().map(DiagnosticView::from).collect(),
        }
    }
}

impl From<&Attention> for AttentionView {
    fn from(attention: &Attention) -> Self {
        Self {
            reason: attention.reason.as_str(),
            deployer: attention.deployer.uuid(),
            missing: attention.missing.iter().map(PermissionWord).collect(),
        }
    }
}

impl From<&SavedScript> for DraftView {
    fn from(saved: &SavedScript) -> Self {
        Self {
            revision: saved.script.summary.draft_revision,
            language: LanguageWord(saved.script.summary.language),
            source: saved.script.draft_source.clone(),
            warnings: saved.warnings.iter().map(DiagnosticView::from).collect(),
        }
    }
}
