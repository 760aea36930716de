//! `/scripts/{script}/runs`: a script's executions, the latest first.

use std::collections::HashMap;

use app::{App, Execution, ExecutionFilter, ScriptRef};
use askama::Template;
use axum::extract::{Path, State};
use domain::{ExecutionStatus, Permission, Principal, VersionId};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    format,
    frame::Frame,
    script::{self, ScriptHead, Tab},
    visit::Visit,
    words::{self, chosen},
};
use crate::web::{cursor, extract::Params};

/// Executions of one page.
const PAGE: u32 = 50;

/// The versions whose numbers are looked up: those of the latest runs are among the latest.
const VERSIONS: u32 = 200;

/// Which executions to list.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct RunsQuery {
    #[serde(default)]
    status: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "scripts/runs.html")]
struct RunsPage {
    frame: Frame,
    head: ScriptHead,
    status: String,
    statuses: &'static [ExecutionStatus],
    runs: Vec<Execution>,
    numbers: HashMap<VersionId, u32>,
    next: Option<String>,
}

/// The runs' page.
pub(crate) async fn runs_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Path(script): Path<String>,
    Params(query): Params<RunsQuery>,
) -> PageResult {
    let head = ScriptHead::of(&app, &principal, &script, Tab::Runs)?;
    let statuses: Option<ExecutionStatus> = chosen(Some(&query.status))?;
    let filter = ExecutionFilter {
        script: Some(head.summary().id),
        statuses: statuses.into_iter().collect(),
        ..ExecutionFilter::default()
    };
    let after = query.cursor.as_deref().map(cursor::decode).transpose()?;
    let found = app.executions().list(&principal, &filter, after, PAGE)?;
    let numbers = numbers(&app, &principal, &head.reference())?;
    let next = found.next.as_ref().map(cursor::encode);
    let (status, runs) = (query.status, found.executions);
    page(&RunsPage { frame, head, status, statuses: ExecutionStatus::ALL, runs, numbers, next })
}

fn numbers(app: &App, principal: &Principal, script: &ScriptRef) -> Result<HashMap<VersionId, u32>, app::AppError> {
    let versions = app.scripts().versions(principal, script, None, VERSIONS)?;
    Ok(versions.into_iter().map(|version| (version.id, version.number)).collect())
}

impl RunsPage {
    /// What ran, by its number.
    fn version(&self, run: &Execution) -> String {
        self.numbers.get(&run.version).map_or_else(|| String::from("older"), |number| format!("v{number}"))
    }

    fn duration(&self, run: &Execution) -> String {
        run.duration.map_or_else(|| String::from("–"), format::duration)
    }

    /// The address of the page behind this one.
    fn next_page(&self, cursor: &str) -> String {
        let status = if self.status.is_empty() { String::new() } else { format!("&status={}", self.status) };
        format!("{}?cursor={cursor}{status}", self.head.address(Tab::Runs))
    }
}
