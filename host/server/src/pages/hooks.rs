//! `/hooks`: the points at which the host application asks scripts, and which of them run there.

use app::{App, AppError, HookBinding, NamesAsked, OnFailure, ScriptQuery};
use askama::Template;
use axum::extract::State;
use domain::{Permission, Principal, ScriptKind, UserId};

use super::{
    answer::{PageResult, page},
    format::{self, Moment},
    frame::Frame,
    people_of::person,
    visit::Visit,
    words::Badge,
};

/// Scripts that can be let run at a point.
const SCRIPTS: u32 = 200;

#[derive(Template)]
#[template(path = "hooks/list.html")]
struct HooksPage {
    frame: Frame,
    points: Vec<Point>,
    scripts: Vec<(String, String)>,
    may_bind: bool,
}

/// A point.
struct Point {
    /// Its place on the page, for ids.
    number: usize,
    name: String,
    description: String,
    deadline: String,
    on_failure: &'static str,
    input_schema: Option<String>,
    output_schema: Option<String>,
    bindings: Vec<Binding>,
}

/// A script that runs at a point.
struct Binding {
    script_id: String,
    script: String,
    position: u32,
    state: Badge,
    set_by: String,
    set_at: Moment,
}

/// The points that the operator declares, with the tenant's scripts at each.
pub(crate) async fn hooks_page(State(app): State<App>, Visit { principal, frame }: Visit) -> PageResult {
    let declared = app.hooks().points(&principal)?;
    let bound = declared.iter().map(|hook| app.hooks().bindings(&principal, &hook.point));
    let bound = bound.collect::<Result<Vec<Vec<HookBinding>>, AppError>>()?;
    let people = bound.iter().flatten().filter_map(|binding| binding.set_by).collect();
    let names = app.names().of(&principal, NamesAsked { people, ..NamesAsked::default() })?;
    let name = |user: UserId| person(&names, &principal, user);
    let points = declared.into_iter().zip(&bound).enumerate().map(|(number, (hook, bindings))| Point {
        number,
        name: hook.point.to_string(),
        description: format::shown(&hook.config.description),
        deadline: format::duration(hook.config.deadline),
        on_failure: on_failure_word(hook.config.on_failure),
        input_schema: hook.config.input.as_ref().map(|schema| schema.as_value().to_string()),
        output_schema: hook.config.output.as_ref().map(|schema| schema.as_value().to_string()),
        bindings: bindings.iter().map(|binding| Binding::of(binding, &name, &frame)).collect(),
    });
    page(&HooksPage {
        points: points.collect(),
        scripts: embedded_scripts(&app, &principal)?,
        may_bind: frame.may(Permission::ScriptsDeploy) && frame.may(Permission::ExecutionsRun),
        frame,
    })
}

/// The scripts that can run at a point, by name.
fn embedded_scripts(app: &App, principal: &Principal) -> Result<Vec<(String, String)>, AppError> {
    let query = ScriptQuery { kind: Some(ScriptKind::Embedded), limit: SCRIPTS, ..ScriptQuery::default() };
    let scripts = app.scripts().find(principal, &query)?;
    Ok(scripts.iter().map(|script| (script.id.to_string(), script.name.to_string())).collect())
}

impl Binding {
    fn of(binding: &HookBinding, name: &impl Fn(UserId) -> String, frame: &Frame) -> Self {
        let (class, icon, word) = match (binding.is_active, binding.is_deployed) {
            (false, _) => ("neutral", "circle-pause", "Paused"),
            (true, false) => ("neutral", "pencil", "Not deployed"),
            (true, true) => ("success", "circle-check", "Runs"),
        };
        Self {
            script_id: binding.script.to_string(),
            script: binding.script_name.to_string(),
            position: binding.position,
            state: Badge { class, icon, word },
            set_by: binding.set_by.map_or_else(|| String::from("nobody any more"), name),
            set_at: frame.moment(&binding.set_at),
        }
    }
}

fn on_failure_word(on_failure: OnFailure) -> &'static str {
    match on_failure {
        OnFailure::Closed => "The application must not go on",
        OnFailure::Open => "The application may go on, but not under a quota or overload",
        OnFailure::OpenUnderOverload => "The application may go on, also under a quota or overload",
    }
}
