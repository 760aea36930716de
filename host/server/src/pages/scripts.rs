//! `/scripts`: the list, and making a new one.

use app::{App, ScriptCursor, ScriptOrder, ScriptOverview, ScriptQuery, ScriptSummary};
use askama::Template;
use axum::extract::State;
use domain::{Permission, ScriptKind};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    format,
    frame::Frame,
    script,
    visit::Visit,
    words::{self, chosen},
};
use crate::{controllers::scripts as api, web::extract::Params};

/// Scripts of one page: as many as are seen at once on a large screen, and read in some milliseconds.
const PAGE: u32 = 50;

/// The filters of the list, as its form sends them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ScriptsFilter {
    #[serde(default)]
    text: String,
    #[serde(default)]
    kind: String,
    /// `active`, `paused`, `draft` for what was never deployed; empty for all.
    #[serde(default)]
    state: String,
    /// `changed`, or empty for by name.
    #[serde(default)]
    sort: String,
    cursor: Option<String>,
}

#[derive(Template)]
#[template(path = "scripts/list.html")]
struct ScriptsPage {
    frame: Frame,
    filter: ScriptsFilter,
    rows: Vec<Row>,
    next: Option<String>,
    kinds: &'static [ScriptKind],
}

/// A script in the list.
struct Row {
    script: ScriptSummary,
    overview: ScriptOverview,
}

#[derive(Template)]
#[template(path = "scripts/new.html")]
struct NewScriptPage {
    frame: Frame,
    templates: &'static [SourceTemplate],
    chosen: ScriptKind,
}

/// A source to begin with.
#[derive(Debug)]
pub(crate) struct SourceTemplate {
    pub(crate) id: &'static str,
    pub(crate) title: &'static str,
    pub(crate) description: &'static str,
    pub(crate) kind: ScriptKind,
    pub(crate) source: &'static str,
}

impl ScriptsFilter {
    fn is_empty(&self) -> bool {
        self.text.is_empty() && self.kind.is_empty() && self.state.is_empty()
    }

    fn query(&self) -> Result<ScriptQuery, domain::Invalid> {
        let (is_active, is_deployed) = match self.state.as_str() {
            "active" => (Some(true), Some(true)),
            "paused" => (Some(false), None),
            "draft" => (None, Some(false)),
            _ => (None, None),
        };
        Ok(ScriptQuery {
            kind: chosen(Some(&self.kind))?,
            is_active,
            is_deployed,
            text: Some(self.text.clone()).filter(|text| !text.is_empty()),
            order: if self.sort == "changed" { ScriptOrder::Changed } else { ScriptOrder::Name },
            after: self.cursor.as_deref().map(api::read_cursor).transpose()?,
            limit: PAGE,
        })
    }

    /// The address of the same list from a cursor on.
    fn page_from(&self, cursor: &ScriptCursor) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/scripts?"));
        for (name, value) in [("text", &self.text), ("kind", &self.kind), ("state", &self.state), ("sort", &self.sort)]
        {
            if !value.is_empty() {
                query.append_pair(name, value);
            }
        }
        query.append_pair("cursor", &api::written_cursor(cursor));
        query.finish()
    }
}

impl Row {
    /// Whether it runs, and why not.
    fn state(&self) -> words::Badge {
        script::state(&self.script)
    }

    /// What makes it run, in words.
    fn triggers(&self) -> Vec<String> {
        self.overview.started_by.iter().map(script::trigger).collect()
    }

    fn p95(&self) -> Option<String> {
        self.overview.p95.map(format::duration)
    }
}

/// The list of scripts.
pub(crate) async fn scripts_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<ScriptsFilter>,
) -> PageResult {
    let query = filter.query()?;
    let scripts = app.scripts().find(&principal, &query)?;
    let overviews = app.scripts().overviews(&principal, &scripts)?;
    let is_full = scripts.len() >= PAGE as usize;
    let next = scripts.last().filter(|_| is_full).map(|last| filter.page_from(&last.cursor()));
    let rows = scripts.into_iter().zip(overviews).map(|(script, overview)| Row { script, overview }).collect();
    page(&ScriptsPage { frame, filter, rows, next, kinds: ScriptKind::ALL })
}

/// Which kind is offered first.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct NewScriptQuery {
    #[serde(default)]
    kind: String,
}

/// Making a script.
pub(crate) async fn new_script_page(
    Visit { principal, frame }: Visit,
    Params(query): Params<NewScriptQuery>,
) -> PageResult {
    principal.require(Permission::ScriptsWrite).map_err(app::AppError::from)?;
    let chosen = chosen(Some(&query.kind))?.unwrap_or(ScriptKind::OneOff);
    page(&NewScriptPage { frame, templates: TEMPLATES, chosen })
}

/// What a new script may begin with, at least one for each kind.
pub(crate) const TEMPLATES: &[SourceTemplate] = &[
    SourceTemplate {
        id: "one-off",
        title: "Run on request",
        description: "Takes an input and answers; started by a person or through the API.",
        kind: ScriptKind::OneOff,
        source: "/** Say hello.\n * @param {{ name?: string }} input\n */\nexport default async function ({ name = \"world\" } = {}) {\n  console.log(\"greeting\", name);\n  return { greeting: `Hello, ${name}!` };\n}\n",
    },
    SourceTemplate {
        id: "endpoint",
        title: "Answer HTTP requests",
        description: "A webhook receiver or a small API of your own.",
        kind: ScriptKind::Endpoint,
        source: "export default async function (request) {\n  if (request.method === \"GET\") {\n    return Response.json({ ok: true });\n  }\n  const order = await request.json();\n  console.log(\"received\", order);\n  return Response.json({ received: true }, { status: 202 });\n}\n",
    },
    SourceTemplate {
        id: "cron",
        title: "Run on a schedule",
        description: "Reports, clean-ups and everything else that comes again.",
        kind: ScriptKind::Cron,
        source: "export default async function ({ scheduledTime, lastRun }) {\n  const runs = ((await storage.get(\"runs\")) ?? 0) + 1;\n  await storage.set(\"runs\", runs);\n  console.log(`run ${runs}, due ${scheduledTime}, last ${lastRun ?? \"never\"}`);\n  return { runs };\n}\n",
    },
    SourceTemplate {
        id: "event",
        title: "React to events",
        description: "Runs for each event of the types that it subscribes to.",
        kind: ScriptKind::Event,
        source: "export default async function ({ type, subject, data }) {\n  console.log(`${type} of ${subject}`, data);\n}\n",
    },
    SourceTemplate {
        id: "embedded",
        title: "Decide at a hook",
        description: "Runs inside the host application, which waits for its answer.",
        kind: ScriptKind::Embedded,
        source: "export default function (input) {\n  return { ...input, checked: true };\n}\n",
    },
];
