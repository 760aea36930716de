//! `/scripts/{script}`: writing, testing and deploying a script. The editor itself is `ui/src/editor`; this is what it begins
//! with, and the source to be read where it does not run.

use app::App;
use askama::Template;
use axum::extract::{Path, State};
use domain::{ExecutionId, Limits, Permission, ScriptKind, UnixMillis};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    answer::{PageResult, page},
    format,
    frame::Frame,
    script::{self, ScriptHead, Tab},
    visit::Visit,
};
use crate::{
    views::{
        limits::LimitsView,
        words::{KindWord, LanguageWord},
    },
    web::{error::internal, extract::Params},
};

/// What to show in the editor.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct EditorQuery {
    /// The execution whose journal the source is to be run against.
    replay: Option<Uuid>,
    /// Where to put the cursor.
    line: Option<u32>,
}

#[derive(Template)]
#[template(path = "scripts/editor.html")]
struct EditorPage {
    frame: Frame,
    head: ScriptHead,
    /// What the editor begins with, as JSON.
    state: String,
    replay: Option<ExecutionId>,
    limits: Limits,
}

/// What the editor begins with: `PageState` in `ui/src/editor/page.ts`.
#[derive(Debug, Serialize)]
struct EditorState<'a> {
    script: ScriptState<'a>,
    tenant: String,
    user: String,
    source: &'a str,
    revision: i64,
    deployed: Option<u32>,
    limits: LimitsView,
    may: Rights,
    example: String,
    replay: Option<Value>,
    line: Option<u32>,
}

#[derive(Debug, Serialize)]
struct ScriptState<'a> {
    id: String,
    name: &'a str,
    kind: KindWord,
    language: LanguageWord,
}

/// What the visitor may do here. The API decides each time again; this is for what the page offers.
#[derive(Debug, Serialize)]
struct Rights {
    write: bool,
    deploy: bool,
    inspect: bool,
    read_executions: bool,
}

/// The code's page.
pub(crate) async fn editor_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Path(script): Path<String>,
    Params(query): Params<EditorQuery>,
) -> PageResult {
    let head = ScriptHead::of(&app, &principal, &script, Tab::Code)?;
    let replay = query.replay.map(ExecutionId::from);
    let summary = head.summary();
    let limits = summary.limits.unwrap_or(*app.limits());
    let state = EditorState {
        script: ScriptState {
            id: summary.id.to_string(),
            name: summary.name.as_str(),
            kind: KindWord(summary.kind),
            language: LanguageWord(summary.language),
        },
        tenant: principal.tenant.to_string(),
        user: principal.user().map(|user| user.to_string()).unwrap_or_default(),
        source: &head.saved.script.draft_source,
        revision: summary.draft_revision,
        deployed: summary.deployed.as_ref().map(|version| version.number),
        limits: LimitsView::from(&limits),
        may: Rights {
            write: frame.may(Permission::ScriptsWrite),
            deploy: frame.may(Permission::ScriptsDeploy),
            inspect: frame.may(Permission::ExecutionsInspect),
            read_executions: frame.may(Permission::ExecutionsRead),
        },
        example: example(&head),
        replay: replay.map(|execution| json!({ "execution": execution.to_string() })),
        line: query.line.filter(|line| *line > 0),
    };
    let state = serde_json::to_string(&state).map_err(|error| internal(&error))?;
    page(&EditorPage { frame, head, state, replay, limits })
}

impl EditorPage {
    /// Why nothing can be tested; nothing where it can.
    fn no_test(&self) -> Option<&'static str> {
        match () {
            () if !self.frame.may(Permission::ScriptsWrite) => Some("Testing needs the permission scripts.write."),
            () if !self.frame.may(Permission::ExecutionsRun) => Some("Testing needs the permission executions.run."),
            () => None,
        }
    }

    /// Why nothing can be deployed.
    fn no_deploy(&self) -> Option<&'static str> {
        let may = self.frame.may(Permission::ScriptsDeploy);
        (!may).then_some("Deploying needs the permission scripts.deploy.")
    }

    /// What a run may use, in a few words.
    fn limits(&self) -> String {
        format!("{} and {} a run", format::duration(self.limits.wall_time), format::bytes(self.limits.memory_bytes))
    }
}

/// An input that fits the script's kind, as JSON for people.
pub(super) fn example(head: &ScriptHead) -> String {
    let now = UnixMillis::now().to_rfc3339();
    let input = match head.summary().kind {
        ScriptKind::Cron => json!({ "scheduledTime": now, "lastRun": null, "timezone": "UTC" }),
        ScriptKind::Endpoint => {
            let route = head.saved.endpoint.as_ref().map(|endpoint| &endpoint.route);
            let method = route.and_then(|route| route.methods().next()).unwrap_or("GET");
            let path = route.map_or("/", |route| route.path());
            let request = json!({ "method": method, "url": format!("http://localhost{path}"), "headers": {} });
            if matches!(method, "POST" | "PUT" | "PATCH") { with_body(request) } else { request }
        }
        ScriptKind::Event => json!({
            "id": "1", "type": "order.placed", "time": now, "source": "test", "subject": null, "data": {},
        }),
        ScriptKind::Embedded | ScriptKind::OneOff => json!({}),
    };
    format!("{input:#}")
}

/// The request with a body to be filled in.
fn with_body(mut request: Value) -> Value {
    if let Some(members) = request.as_object_mut() {
        members.insert(String::from("body"), json!({}));
    }
    request
}
