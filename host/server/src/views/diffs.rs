//! What differs between versions of a script.

use app::{DiffHunk, DiffLine, DiffSettings, LineChange, VersionDiff};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::{capabilities::CapabilitiesView, limits::LimitsView, words::LanguageWord};

/// The differences between two versions, or between a version and the draft.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VersionDiff)]
pub(crate) struct VersionDiffBody {
    /// The older one: a version's number.
    #[schema(example = "1")]
    from: String,
    /// The newer one: a version's number, or `draft`.
    #[schema(example = "draft")]
    to: String,
    /// The differences of the sources as a unified diff; empty where there are none.
    pub(crate) unified: String,
    /// The same in parts.
    hunks: Vec<DiffHunkView>,
    /// Settings that differ.
    pub(crate) settings: Vec<SettingDiffView>,
}

/// Changed lines that are near each other, with unchanged ones around them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiffHunk)]
pub(crate) struct DiffHunkView {
    lines: Vec<DiffLineView>,
}

/// One line of a hunk.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DiffLine)]
pub(crate) struct DiffLineView {
    /// `same`, `added` or `removed`.
    change: &'static str,
    /// Its number in the older source, from 1.
    old_line: Option<usize>,
    /// Its number in the newer source, from 1.
    new_line: Option<usize>,
    /// The line, without its end.
    text: String,
}

/// A setting that differs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SettingDiff)]
pub(crate) struct SettingDiffView {
    /// Its path.
    #[schema(example = "capabilities.services")]
    pub(crate) setting: String,
    /// What it was.
    #[schema(value_type = serde_json::Value)]
    pub(crate) from: Value,
    /// What it became.
    #[schema(value_type = serde_json::Value)]
    pub(crate) to: Value,
}

impl From<VersionDiff> for VersionDiffBody {
    fn from(diff: VersionDiff) -> Self {
        let (old, new) = (flat(&diff.from.1), flat(&diff.to.1));
        // Both have the same paths: those of what a setting can be.
        let settings = old.into_iter().filter_map(|(setting, from)| {
            let to = new.get(&setting).cloned().unwrap_or(Value::Null);
            (from != to).then_some(SettingDiffView { setting, from, to })
        });
        Self {
            from: diff.from.0.to_string(),
            to: diff.to.0.to_string(),
            unified: diff.unified,
            hunks: diff.hunks.into_iter().map(DiffHunkView::from).collect(),
            settings: settings.collect(),
        }
    }
}

impl From<DiffHunk> for DiffHunkView {
    fn from(hunk: DiffHunk) -> Self {
        Self { lines: hunk.lines.into_iter().map(DiffLineView::from).collect() }
    }
}

impl From<DiffLine> for DiffLineView {
    fn from(line: DiffLine) -> Self {
        let change = match line.change {
            LineChange::Same => "same",
            LineChange::Added => "added",
            LineChange::Removed => "removed",
        };
        Self { change, old_line: line.old_line, new_line: line.new_line, text: line.text }
    }
}

/// Each setting by its path, in the form that the API shows it in.
fn flat(settings: &DiffSettings) -> Map<String, Value> {
    let limits = settings.limits.as_ref().map(LimitsView::from).unwrap_or_default();
    let groups = [
        ("capabilities", serde_json::to_value(CapabilitiesView::from(&settings.capabilities))),
        ("limits", serde_json::to_value(limits)),
    ];
    let mut flat = Map::new();
    flat.insert(String::from("language"), LanguageWord(settings.language).0.as_str().into());
    for (group, members) in groups {
        let Ok(Value::Object(members)) = members else { continue };
        flat.extend(members.into_iter().map(|(name, value)| (format!("{group}.{name}"), value)));
    }
    flat
}

#[cfg(test)]
mod tests {
    use app::DiffSide;
    use domain::{Capabilities, Language};

    use super::*;

    #[test]
    fn settings_that_differ_are_told_by_their_paths_alone() {
        let settings = |services: &[&str], language| {
            let services = services.iter().map(|name| (*name).to_owned()).collect();
            DiffSettings { language, limits: None, capabilities: Capabilities { services, ..Capabilities::default() } }
        };
        let body = VersionDiffBody::from(VersionDiff {
            from: (DiffSide::Version(1), settings(&["products.get"], Language::JavaScript)),
            to: (DiffSide::Draft, settings(&["products.*"], Language::JavaScript)),
            unified: String::new(),
            hunks: Vec::new(),
        });
        let told: Vec<&str> = body.settings.iter().map(|setting| setting.setting.as_str()).collect();
        assert_eq!((body.from.as_str(), body.to.as_str(), told), ("1", "draft", vec!["capabilities.services"]));
    }
}
