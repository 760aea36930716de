//! `/scripts/{script}/versions`: what was deployed, what differs between any two, and which one runs.

use app::{App, AppError, DiffSide, ScriptRef, VersionDiff, VersionSummary};
use askama::Template;
use axum::extract::{Path, State};
use domain::{Invalid, Permission, Principal};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    answer::{PageResult, page},
    frame::Frame,
    script::{self, ScriptHead, Tab},
    visit::Visit,
};
use crate::{
    views::diffs::{SettingDiffView, VersionDiffBody},
    web::extract::Params,
};

/// Versions of one page.
const PAGE: u32 = 50;

/// Which versions to list, and which two to compare.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct VersionsQuery {
    /// A version's number, or `draft`.
    #[serde(default)]
    from: String,
    #[serde(default)]
    to: String,
    /// List those below this number.
    before: Option<u32>,
}

#[derive(Template)]
#[template(path = "scripts/versions.html")]
struct VersionsPage {
    frame: Frame,
    head: ScriptHead,
    rows: Vec<Row>,
    /// The number that the next page begins below.
    next: Option<u32>,
    from: String,
    to: String,
    difference: Option<Difference>,
}

/// A version in the list.
struct Row {
    version: VersionSummary,
    author: String,
}

/// What differs between two versions.
struct Difference {
    from: String,
    to: String,
    /// The differences as text, for whoever has no editor.
    unified: String,
    settings: Vec<SettingDiffView>,
    /// Both sources with what they are called, as JSON for the editor.
    sides: String,
}

/// The versions' page.
pub(crate) async fn versions_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Path(script): Path<String>,
    Params(query): Params<VersionsQuery>,
) -> PageResult {
    let head = ScriptHead::of(&app, &principal, &script, Tab::Versions)?;
    let versions = app.scripts().versions(&principal, &head.reference(), query.before, PAGE)?;
    let is_full = versions.len() >= PAGE as usize;
    let next = versions.last().map(|version| version.number).filter(|number| is_full && *number > 1);
    let difference = match (query.from.as_str(), query.to.as_str()) {
        ("", _) | (_, "") => None,
        (from, to) => Some(difference(&app, &principal, &head, [side(from)?, side(to)?]).await?),
    };
    let row = |version: VersionSummary| Row { author: script::person(&app, &principal, version.author), version };
    let rows = versions.into_iter().map(row).collect();
    let VersionsQuery { from, to, .. } = query;
    page(&VersionsPage { frame, head, rows, next, from, to, difference })
}

impl VersionsPage {
    fn is_running(&self, version: &VersionSummary) -> bool {
        self.head.summary().deployed.as_ref().is_some_and(|deployed| deployed.id == version.id)
    }

    /// Whether a side is the one that is compared from: as chosen, else the version that runs.
    fn is_from(&self, side: &str) -> bool {
        let running = self.head.summary().deployed.as_ref().map(|deployed| deployed.number.to_string());
        if self.from.is_empty() { running.as_deref() == Some(side) } else { self.from == side }
    }

    /// Whether a side is the one that is compared to: as chosen, else the draft.
    fn is_to(&self, side: &str) -> bool {
        if self.to.is_empty() { side == "draft" } else { self.to == side }
    }
}

async fn difference(
    app: &App,
    principal: &Principal,
    head: &ScriptHead,
    sides: [DiffSide; 2],
) -> Result<Difference, AppError> {
    let script = head.reference();
    let diff = app.scripts().diff(principal, &script, sides).await?;
    let VersionDiff { from: (from, _), to: (to, _), .. } = &diff;
    let sides = json!([source(app, principal, head, (&script, *from))?, source(app, principal, head, (&script, *to))?]);
    let (from, to) = (label(*from), label(*to));
    let VersionDiffBody { unified, settings, .. } = diff.into();
    Ok(Difference { from, to, unified, settings, sides: sides.to_string() })
}

/// A source with what it is called: `Side` in `ui/src/editor/diffs.ts`.
fn source(
    app: &App,
    principal: &Principal,
    head: &ScriptHead,
    (script, side): (&ScriptRef, DiffSide),
) -> Result<Value, AppError> {
    let source = match side {
        DiffSide::Draft => head.saved.script.draft_source.clone(),
        DiffSide::Version(number) => app.scripts().version(principal, script, number)?.source,
    };
    Ok(json!({ "label": label(side), "source": source }))
}

fn label(side: DiffSide) -> String {
    match side {
        DiffSide::Draft => String::from("Draft"),
        DiffSide::Version(number) => format!("Version {number}"),
    }
}

/// A side as the form names it.
fn side(text: &str) -> Result<DiffSide, Invalid> {
    match text {
        "draft" => Ok(DiffSide::Draft),
        number => number
            .parse()
            .map(DiffSide::Version)
            .map_err(|_| Invalid::new("from", "what is compared is a version's number, or 'draft'")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_a_version_or_the_draft() {
        assert_eq!(side("draft"), Ok(DiffSide::Draft));
        assert_eq!(side("12"), Ok(DiffSide::Version(12)));
        for wrong in ["", "v1", "-1", "latest"] {
            assert!(side(wrong).is_err(), "{wrong}");
        }
    }
}
