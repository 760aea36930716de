//! What the use cases of scripts take, and what they answer.

use database::{Script, VersionSummary};
use domain::{
    Capabilities, Invalid, Language, Limits, RecordMode, RunPolicy, ScriptId, ScriptKind, ScriptName, UnixMillis,
};
use runtime::{Diagnostic, Purity};

use super::Attention;
use crate::{Endpoint, EndpointInput};

/// A script, by its id or its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ScriptRef {
    /// By its id.
    Id(ScriptId),
    /// By its name, within the tenant.
    Name(ScriptName),
}

impl ScriptRef {
    /// Take `text` for an id where it has the form of one (a UUID with its hyphens), else for a name. No script has a
    /// name of that form.
    ///
    /// # Errors
    /// What is wrong with the name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match as_id(text) {
            Some(id) => Ok(Self::Id(id)),
            None => ScriptName::parse(text).map(Self::Name),
        }
    }
}

/// The id that `text` is the usual form of.
pub(super) fn as_id(text: &str) -> Option<ScriptId> {
    const HYPHENATED_LENGTH: usize = 36;
    if text.len() == HYPHENATED_LENGTH { text.parse().ok() } else { None }
}

/// A script to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewScriptInput {
    /// Its name, unique in the tenant.
    pub name: ScriptName,
    /// What it is for, in the author's words: at most 2 000 characters.
    pub description: String,
    /// What it is for.
    pub kind: ScriptKind,
    /// What its source is written in.
    pub language: Language,
    /// The draft.
    pub source: String,
    /// What it may reach; where nothing is said, storage, events, console and utilities.
    pub capabilities: Capabilities,
    /// Its own limits, each within the system's; `None` where the tenant's stand.
    pub limits: Option<Limits>,
    /// How much is recorded of its executions.
    pub record: RecordMode,
    /// Its rules for its executions; `None` where the defaults are to stand.
    pub policy: Option<RunPolicy>,
    /// Where it answers: always for the kind `endpoint`, and only there.
    pub endpoint: Option<EndpointInput>,
}

/// What is to be changed beside the source; `None` leaves a setting as it is.
///
/// Description and limits are the author's and need `scripts.write`; the limits take effect with the next version. The
/// others take effect at once and need `scripts.deploy`; capabilities and endpoint also need every right that they
/// grant (RULES 13, 18).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SettingsInput {
    /// What it is for, in the author's words: at most 2 000 characters.
    pub description: Option<String>,
    /// What it may reach, whole.
    pub capabilities: Option<Capabilities>,
    /// Its own limits, each within the system's; `Some(None)` where the tenant's are to stand.
    pub limits: Option<Option<Limits>>,
    /// How much is recorded of its executions.
    pub record: Option<RecordMode>,
    /// Its rules for its executions; `Some(None)` where the defaults are to stand.
    pub policy: Option<Option<RunPolicy>>,
    /// Where it answers.
    pub endpoint: Option<EndpointInput>,
    /// Whether it runs at all.
    pub is_active: Option<bool>,
}

impl SettingsInput {
    /// The names of what is set beside the endpoint and whether the script runs.
    pub(super) fn set_fields(&self) -> Vec<&'static str> {
        let fields = [
            ("description", self.description.is_some()),
            ("capabilities", self.capabilities.is_some()),
            ("limits", self.limits.is_some()),
            ("record", self.record.is_some()),
            ("policy", self.policy.is_some()),
        ];
        fields.into_iter().filter(|(_, is_set)| *is_set).map(|(name, _)| name).collect()
    }
}

/// A script as it stands.
#[derive(Clone, Debug)]
pub struct SavedScript {
    /// The script with its draft.
    pub script: Script,
    /// Where it answers; `None` where it is no endpoint.
    pub endpoint: Option<Endpoint>,
    /// Until when it rests after failures; `None` where it does not.
    pub resting_until: Option<UnixMillis>,
    /// What is to be known of whoever deployed it; `None` where nothing is wrong.
    pub attention: Option<Attention>,
    /// What compiling the draft found that does not keep it from running; empty where nothing was compiled.
    pub warnings: Vec<Diagnostic>,
}

/// A version that was made.
#[derive(Clone, Debug)]
pub struct DeployedScript {
    /// The version.
    pub version: VersionSummary,
    /// Whether its top level touches nothing that only an execution has.
    pub purity: Purity,
    /// The JSON Schema of its argument, where the source says what that is.
    pub input_schema: Option<String>,
    /// What compiling found that does not keep it from running.
    pub warnings: Vec<Diagnostic>,
}

/// A source that was compiled, and not kept.
#[derive(Clone, Debug)]
pub struct CheckedSource {
    /// Whether its top level touches nothing that only an execution has; `None` where it does not compile.
    pub purity: Option<Purity>,
    /// The JSON Schema of its argument, where the source says what that is.
    pub input_schema: Option<String>,
    /// What is wrong with it, or, where it compiles, what is probably not meant.
    pub findings: Vec<Diagnostic>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_the_form_of_an_id_is_one() {
        let id = ScriptId::generate();
        assert_eq!(ScriptRef::parse(&id.to_string()), Ok(ScriptRef::Id(id)));
        let hexadecimal = id.uuid().simple().to_string();
        assert!(matches!(ScriptRef::parse(&hexadecimal), Ok(ScriptRef::Name(_))), "a name may be 32 digits");
        assert!(ScriptRef::parse("../etc").is_err());
    }
}
