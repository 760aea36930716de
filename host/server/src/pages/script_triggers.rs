//! `/scripts/{script}/triggers`: what makes a script run, by its kind; and running it now.

use app::{
    App, AppError, DeclaredHook, Endpoint, EndpointAuthentication, EndpointMode, EndpointSecretView, ScheduleView,
    Subscription, SubscriptionService,
};
use askama::Template;
use axum::{
    Extension,
    extract::{Path, State},
};
use domain::{CatchUp, Overlap, Permission, Principal, ScriptId, ScriptKind};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    endpoints::{EndpointsAt, curl},
    frame::Frame,
    script::{self, ScriptHead, Tab},
    visit::Visit,
};
use crate::web::extract::Params;

/// The most schedules of a script that are shown: more are in the list of all.
const SCHEDULES: u32 = 100;

/// The most subscriptions of a tenant among which a script's are looked for. A tenant has at most a hundred.
const SUBSCRIPTIONS: u32 = 1_000;

#[derive(Template)]
#[template(path = "scripts/triggers.html")]
struct TriggersPage {
    frame: Frame,
    head: ScriptHead,
    /// Where endpoints answer.
    at: String,
    /// The tenant's name in addresses.
    tenant: String,
    example: String,
    schedules: Vec<ScheduleView>,
    endpoint: Option<Endpoint>,
    secrets: Vec<EndpointSecretView>,
    subscriptions: Vec<Subscription>,
    points: Vec<Point>,
}

/// An extension point, and whether the script runs there.
struct Point {
    hook: DeclaredHook,
    /// Its place among the scripts there; nothing where it does not run there.
    position: Option<u32>,
}

/// The next runs of an expression, as a part of the page.
#[derive(Template)]
#[template(path = "scripts/next_runs.html")]
struct NextRuns {
    words: String,
    runs: Vec<String>,
    wrong: Option<String>,
}

/// An expression that somebody types.
#[derive(Debug, Deserialize)]
pub(crate) struct PreviewQuery {
    #[serde(default)]
    expression: String,
    #[serde(default)]
    timezone: String,
}

/// The triggers' page.
pub(crate) async fn triggers_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Path(script): Path<String>,
    at: Option<Extension<EndpointsAt>>,
) -> PageResult {
    let head = ScriptHead::of(&app, &principal, &script, Tab::Triggers)?;
    let id = head.summary().id;
    let (mut schedules, mut secrets, mut subscriptions, mut points) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    match head.summary().kind {
        ScriptKind::Cron => schedules = app.schedules().list(&principal, Some(&head.reference()), None, SCHEDULES)?,
        ScriptKind::Endpoint if is_signed(&head) && frame.may(Permission::ScriptsDeploy) => {
            secrets = app.endpoints().secrets(&principal, &head.reference())?;
        }
        ScriptKind::Event if frame.may(Permission::EventsRead) => {
            subscriptions = subscriptions_of(app.subscriptions(), &principal, id)?;
        }
        ScriptKind::Embedded => points = points_of(&app, &principal, id)?,
        ScriptKind::Endpoint | ScriptKind::Event | ScriptKind::OneOff => {}
    }
    let tenant = frame.tenant.as_ref().map(|tenant| tenant.slug.to_string()).unwrap_or_default();
    let example = super::editor::example(&head);
    let endpoint = head.saved.endpoint.clone();
    let at = at.map(|Extension(EndpointsAt(at))| at).unwrap_or_default();
    page(&TriggersPage { frame, head, at, tenant, example, schedules, endpoint, secrets, subscriptions, points })
}

/// The next runs of what is typed.
pub(crate) async fn next_runs_part(
    State(app): State<App>,
    Visit { principal, .. }: Visit,
    Params(query): Params<PreviewQuery>,
) -> PageResult {
    if query.expression.trim().is_empty() {
        return page(&NextRuns { words: String::new(), runs: Vec::new(), wrong: None });
    }
    match app.schedules().preview(&principal, &query.expression, &query.timezone) {
        Ok(preview) => page(&NextRuns { words: preview.words, runs: preview.runs, wrong: None }),
        Err(AppError::Invalid(invalid)) => {
            page(&NextRuns { words: String::new(), runs: Vec::new(), wrong: Some(invalid.message) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Whether requests to the script are signed, so that there are secrets for that.
fn is_signed(head: &ScriptHead) -> bool {
    head.saved.endpoint.as_ref().is_some_and(|endpoint| endpoint.authentication == EndpointAuthentication::Hmac)
}

fn subscriptions_of(
    service: &SubscriptionService,
    principal: &Principal,
    script: ScriptId,
) -> Result<Vec<Subscription>, AppError> {
    let all = service.list(principal, None, SUBSCRIPTIONS)?;
    Ok(all.into_iter().filter(|subscription| subscription.script == script).collect())
}

fn points_of(app: &App, principal: &Principal, script: ScriptId) -> Result<Vec<Point>, AppError> {
    let declared = app.hooks().points(principal)?;
    declared
        .into_iter()
        .map(|hook| {
            let bindings = app.hooks().bindings(principal, &hook.point)?;
            let position = bindings.iter().find(|binding| binding.script == script).map(|binding| binding.position);
            Ok(Point { hook, position })
        })
        .collect()
}

impl TriggersPage {
    /// Why nothing can be bound; nothing where it can.
    fn no_bind(&self) -> Option<&'static str> {
        let may = self.frame.may(Permission::ScriptsDeploy);
        (!may).then_some("Changing what starts it needs the permission scripts.deploy.")
    }

    /// Why it cannot be run now.
    fn no_run(&self) -> Option<&'static str> {
        match () {
            () if !self.frame.may(Permission::ExecutionsRun) => Some("Running it needs the permission executions.run."),
            () if self.head.summary().deployed.is_none() => Some("It has no deployed version to run."),
            () if !self.head.summary().is_active => Some("It is paused."),
            () => None,
        }
    }

    /// Where the endpoint answers.
    fn url(&self, endpoint: &Endpoint) -> String {
        format!("{}/{}{}", self.at, self.tenant, endpoint.route.path())
    }

    fn curl(&self, endpoint: &Endpoint) -> String {
        curl(endpoint, &self.url(endpoint))
    }

    fn patterns(&self, subscription: &Subscription) -> String {
        subscription.patterns.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    fn is_async(&self, endpoint: &Endpoint) -> bool {
        endpoint.options.mode == EndpointMode::Async
    }

    fn catch_up(&self, catch_up: &CatchUp) -> &'static str {
        match catch_up {
            CatchUp::Skip => "leaves missed runs out",
            CatchUp::RunLatest => "catches up the last missed run",
            CatchUp::RunAll => "catches up missed runs",
        }
    }

    fn overlap(&self, overlap: &Overlap) -> &'static str {
        match overlap {
            Overlap::Skip => "skips while an earlier run goes on",
            Overlap::Queue => "waits for earlier runs",
            Overlap::Parallel => "runs beside earlier ones",
            Overlap::CancelPrevious => "cancels earlier runs",
        }
    }

    fn authentication(&self, authentication: &EndpointAuthentication) -> &'static str {
        match authentication {
            EndpointAuthentication::Public => "Everybody",
            EndpointAuthentication::Token => "Whoever has a token",
            EndpointAuthentication::Hmac => "Whoever signs the request",
        }
    }
}
