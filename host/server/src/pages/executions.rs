//! `/executions`: what ran, by any filter, with a timeline above that can be brushed.

mod filter;
mod timeline;

use std::collections::BTreeSet;

use app::{App, Execution, Names, NamesAsked, ScriptQuery};
use askama::Template;
use axum::extract::State;
use domain::{Actor, ErrorKind, Permission, Principal, ScriptId, Trigger};

pub(crate) use self::filter::ExecutionsFilter;
use self::{filter::Chip, timeline::TimelineView};
use super::{
    answer::{PageResult, page},
    format::{self, Moment},
    frame::Frame,
    people_of::person,
    visit::Visit,
    words::{self, Badge},
};
use crate::web::extract::Params;

/// Executions of one page: as many as are seen at once on a large screen.
const PAGE: u32 = 50;

/// Scripts that the filter offers by name.
const SCRIPTS: u32 = 200;

/// What is offered as a status: a value as the API takes it, and what it is called.
const STATUSES: [(&str, &str); 8] = [
    ("pending,running", "Waiting or running"),
    ("failed,timeout", "Failed or timed out"),
    ("success", "Success"),
    ("failed", "Failed"),
    ("timeout", "Timeout"),
    ("cancelled", "Cancelled"),
    ("running", "Running"),
    ("pending", "Pending"),
];

#[derive(Template)]
#[template(path = "executions/list.html")]
struct ExecutionsPage {
    frame: Frame,
    filter: ExecutionsFilter,
    chips: Vec<Chip>,
    scripts: Vec<(String, String)>,
    timeline: TimelineView,
    rows: Vec<Row>,
    next: Option<String>,
    /// How far was looked, where there may be more.
    searched_until: Option<Moment>,
    /// Whether what happens from now on belongs on this page.
    is_live: bool,
}

/// An execution in the list.
struct Row {
    id: String,
    status: Badge,
    script: String,
    version: Option<u32>,
    error: Option<&'static str>,
    trigger: Badge,
    who: String,
    attempt: u32,
    began: Moment,
    took: Option<String>,
    fuel: String,
}

impl Row {
    fn new(execution: &Execution, names: &Names, (principal, frame): (&Principal, &Frame)) -> Self {
        Self {
            id: execution.id.to_string(),
            status: words::status(&execution.status),
            script: names.script(execution.script).map_or_else(|| String::from("(deleted)"), ToString::to_string),
            version: names.version(execution.version),
            error: execution.error_kind.as_ref().map(words::error_kind),
            trigger: words::trigger(&execution.trigger),
            who: who(execution, names, principal),
            attempt: execution.attempt,
            began: frame.moment(&execution.started_at.unwrap_or(execution.accepted_at)),
            took: execution.duration.map(format::duration),
            fuel: format::fuel(execution.fuel),
        }
    }
}

/// Who started an execution, in a few words.
pub(super) fn who(execution: &Execution, names: &Names, principal: &Principal) -> String {
    match execution.actor {
        Actor::Session { user, .. } => person(names, principal, user),
        Actor::Token { user, .. } => format!("a token of {}", person(names, principal, user)),
        Actor::Local => String::from("the command line"),
        Actor::PublicCaller => String::from("somebody unknown"),
        Actor::System => String::from("Skerry"),
    }
}

/// The names that rows of executions need.
pub(super) fn names_of<'a>(executions: impl IntoIterator<Item = &'a Execution>) -> NamesAsked {
    let mut asked = NamesAsked::default();
    for execution in executions {
        asked.scripts.insert(execution.script);
        asked.versions.insert(execution.version);
        asked.people.extend(execution.actor.user());
        asked.people.extend(execution.binding);
    }
    asked
}

/// The list of executions.
pub(crate) async fn executions_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<ExecutionsFilter>,
) -> PageResult {
    let query = filter.query(frame.now, PAGE)?;
    let timeline = app.executions().timeline(&principal, &query.filter, filter.range(frame.now)?).await?;
    let found = app.executions().find(&principal, query).await?;
    let mut asked = names_of(&found.executions);
    asked.scripts.extend(filter.script_id());
    asked.people.extend(filter.user_id());
    let names = app.names().of(&principal, asked)?;
    let who_looks = (&principal, &frame);
    let rows: Vec<Row> = found.executions.iter().map(|execution| Row::new(execution, &names, who_looks)).collect();
    let is_short = rows.len() < PAGE as usize;
    page(&ExecutionsPage {
        chips: filter.chips(&names, &principal, &frame),
        scripts: script_choices(&app, &principal, &filter, &names)?,
        timeline: TimelineView::new(&timeline, &filter, &frame),
        next: found.next.as_ref().map(|next| filter.page_from(next)),
        searched_until: found.searched_until().filter(|_| is_short).map(|until| frame.moment(&until)),
        is_live: filter.is_open_ended(),
        rows,
        filter,
        frame,
    })
}

/// The scripts that can be chosen, by name; the chosen one is always there.
fn script_choices(
    app: &App,
    principal: &Principal,
    filter: &ExecutionsFilter,
    names: &Names,
) -> Result<Vec<(String, String)>, app::AppError> {
    if !principal.permissions.contains(Permission::ScriptsRead) {
        return Ok(Vec::new());
    }
    let query = ScriptQuery { limit: SCRIPTS, ..ScriptQuery::default() };
    let scripts = app.scripts().find(principal, &query)?;
    let listed: BTreeSet<ScriptId> = scripts.iter().map(|script| script.id).collect();
    let mut choices: Vec<(String, String)> =
        scripts.iter().map(|script| (script.id.to_string(), script.name.to_string())).collect();
    if let Some(chosen) = filter.script_id().filter(|chosen| !listed.contains(chosen)) {
        let name = names.script(chosen).map_or_else(|| String::from("(deleted)"), ToString::to_string);
        choices.push((chosen.to_string(), name));
    }
    Ok(choices)
}
