//! What differs between two versions of a script, or between a version and the draft.

use std::time::Duration;

use domain::{Capabilities, Language, Limits, Permission, Principal};
use similar::{ChangeTag, TextDiff};

use super::{ScriptRef, ScriptService};
use crate::AppError;

/// Unchanged lines around changed ones, as everybody's tools show them.
const CONTEXT_LINES: usize = 3;

/// After this time the rest is told as changed as a whole. What two hostile texts have in common can take hours to find
/// (RULES 11).
const DIFF_TIME: Duration = Duration::from_millis(200);

/// One of two things that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DiffSide {
    /// The version with this number.
    Version(u32),
    /// The draft, which comes after every version.
    Draft,
}

/// What is compared of a side beside its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffSettings {
    /// What the source is written in.
    pub language: Language,
    /// What the script may reach.
    pub capabilities: Capabilities,
    /// The script's own limits.
    pub limits: Option<Limits>,
}

/// The differences between two sides.
#[derive(Clone, Debug)]
pub struct VersionDiff {
    /// The older side and its settings.
    pub from: (DiffSide, DiffSettings),
    /// The newer side and its settings.
    pub to: (DiffSide, DiffSettings),
    /// The differences of the sources as a unified diff; empty where there are none.
    pub unified: String,
    /// The same in parts.
    pub hunks: Vec<DiffHunk>,
}

/// Changed lines that are near each other, with unchanged ones around them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffHunk {
    /// The lines.
    pub lines: Vec<DiffLine>,
}

/// One line of a hunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffLine {
    /// What became of it.
    pub change: LineChange,
    /// Its number in the older source, from 1.
    pub old_line: Option<usize>,
    /// Its number in the newer source, from 1.
    pub new_line: Option<usize>,
    /// The line, without its end.
    pub text: String,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineChange {
    /// It is in both.
    Same,
    /// Only the newer source has it.
    Added,
    /// Only the older source has it.
    Removed,
}

impl DiffSide {
    /// Versions by their numbers, then the draft.
    fn order(self) -> u64 {
        match self {
            Self::Version(number) => number.into(),
            Self::Draft => u64::MAX,
        }
    }
}

impl std::fmt::Display for DiffSide {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Version(number) => number.fmt(f),
            Self::Draft => f.write_str("draft"),
        }
    }
}

impl ScriptService {
    /// What differs between two sides; whichever is named first, the older one is what the differences begin from. Needs
    /// `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub async fn diff(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        sides: [DiffSide; 2],
    ) -> Result<VersionDiff, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let [from, to] = if sides[0].order() <= sides[1].order() { sides } else { [sides[1], sides[0]] };
        let (old_settings, old) = self.diff_side(principal, script, from)?;
        let (new_settings, new) = self.diff_side(principal, script, to)?;
        let labels = (from.to_string(), to.to_string());
        // It takes a while, in which a thread of the server's serves nobody else.
        let compared = tokio::task::spawn_blocking(move || compare(&old, &new, &labels));
        let (unified, hunks) = compared.await.map_err(AppError::internal)?;
        Ok(VersionDiff { from: (from, old_settings), to: (to, new_settings), unified, hunks })
    }

    fn diff_side(
        &self,
        principal: &Principal,
        script: &ScriptRef,
        side: DiffSide,
    ) -> Result<(DiffSettings, String), AppError> {
        match side {
            DiffSide::Version(number) => {
                let version = self.version(principal, script, number)?;
                let summary = version.summary;
                let (language, limits) = (summary.language, summary.limits);
                Ok((DiffSettings { language, limits, capabilities: summary.capabilities }, version.source))
            }
            DiffSide::Draft => {
                let script = self.get(principal, script)?.script;
                let summary = script.summary;
                let (language, limits) = (summary.language, summary.limits);
                Ok((DiffSettings { language, limits, capabilities: summary.capabilities }, script.draft_source))
            }
        }
    }
}

fn compare(old: &str, new: &str, labels: &(String, String)) -> (String, Vec<DiffHunk>) {
    let diff = TextDiff::configure().timeout(DIFF_TIME).diff_lines(old, new);
    let mut unified = diff.unified_diff();
    unified.context_radius(CONTEXT_LINES).header(&labels.0, &labels.1);
    let hunks = diff.grouped_ops(CONTEXT_LINES).into_iter().map(|group| {
        let lines = group.iter().flat_map(|op| diff.iter_changes(op)).map(|change| DiffLine {
            change: match change.tag() {
                ChangeTag::Equal => LineChange::Same,
                ChangeTag::Insert => LineChange::Added,
                ChangeTag::Delete => LineChange::Removed,
            },
            old_line: change.old_index().map(|index| index + 1),
            new_line: change.new_index().map(|index| index + 1),
            text: change.value().trim_end_matches(['\n', '\r']).to_owned(),
        });
        DiffHunk { lines: lines.collect() }
    });
    (unified.to_string(), hunks.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels() -> (String, String) {
        (String::from("1"), String::from("draft"))
    }

    #[test]
    fn a_diff_is_told_as_text_and_in_parts() {
        let (unified, hunks) = compare("a\nb\nc\n", "a\nx\nc\n", &labels());
        assert_eq!(unified, "--- 1\n+++ draft\n@@ -1,3 +1,3 @@\n a\n-b\n+x\n c\n");
        let [hunk] = hunks.as_slice() else { panic!("{hunks:?}") };
        let told: Vec<(LineChange, Option<usize>, Option<usize>, &str)> =
            hunk.lines.iter().map(|line| (line.change, line.old_line, line.new_line, line.text.as_str())).collect();
        let expected = [
            (LineChange::Same, Some(1), Some(1), "a"),
            (LineChange::Removed, Some(2), None, "b"),
            (LineChange::Added, None, Some(2), "x"),
            (LineChange::Same, Some(3), Some(3), "c"),
        ];
        assert_eq!(told, expected);
    }

    #[test]
    fn equal_sources_differ_in_nothing() {
        let (unified, hunks) = compare("a\n", "a\n", &labels());
        assert!(unified.is_empty() && hunks.is_empty());
    }

    #[test]
    fn texts_without_anything_in_common_are_compared_all_the_same() {
        let text = |seed: u32| (0..20_000_u32).map(|n| format!("{}\n", (n * 7 + seed) % 9973)).collect::<String>();
        let (_, hunks) = compare(&text(0), &text(3), &labels());
        assert!(!hunks.is_empty());
    }
}
