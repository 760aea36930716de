//! `/palette`: what the command palette finds beside the page's own links and actions.

use app::{App, ScriptOrder, ScriptQuery, ScriptSummary};
use askama::Template;
use axum::extract::State;
use domain::{ExecutionId, Permission};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    frame::Frame,
    visit::Visit,
};
use crate::web::extract::Params;

/// The most scripts that are offered.
const SCRIPTS: u32 = 8;

/// What is looked for.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct PaletteQuery {
    #[serde(default)]
    q: String,
}

#[derive(Template)]
#[template(path = "palette.html")]
struct Found {
    frame: Frame,
    scripts: Vec<ScriptSummary>,
    execution: Option<ExecutionId>,
}

/// What is found by a text: scripts by their names, an execution by its id.
pub(crate) async fn palette(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(query): Params<PaletteQuery>,
) -> PageResult {
    let text = query.q.trim();
    let scripts = match frame.may(Permission::ScriptsRead) && !text.is_empty() {
        true => app.scripts().find(&principal, &named(text))?,
        false => Vec::new(),
    };
    let execution = text.parse::<ExecutionId>().ok().filter(|_| frame.may(Permission::ExecutionsRead));
    page(&Found { frame, scripts, execution })
}

fn named(text: &str) -> ScriptQuery {
    ScriptQuery {
        kind: None,
        is_active: None,
        is_deployed: None,
        text: Some(text.chars().take(100).collect()),
        order: ScriptOrder::Name,
        after: None,
        limit: SCRIPTS,
    }
}
