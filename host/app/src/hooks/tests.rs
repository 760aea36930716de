//! Calls of extension points, with real guests.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use database::{Membership, MembershipStatus, NewTenant};
use domain::{
    Capabilities, Concurrency, HookPoint, Language, Permission, Permissions, Principal, RecordMode, RunPolicy,
    ScriptKind, ScriptName, TenantId, TenantSlug, TokenId, Trigger, UnixMillis, WhenFull,
};
use runtime::Input;
use serde_json::{Value, json};

use super::{HookConfig, HookEnd, HookOutcome, HookReport, NotRunReason, OnFailure};
use crate::{
    App, AppConfig, AppError, DataLocation, NewScriptInput, Schema, ScriptRef, SettingsInput,
    admission::Lane,
    executions::{Asker, Order, Target},
};

/// Long enough for any script here that ends by itself, on any machine.
const LONG: Duration = Duration::from_secs(60);

struct Stage {
    app: App,
    principal: Principal,
}

fn point(name: &str) -> HookPoint {
    HookPoint::parse(name).unwrap()
}

fn schema(value: Value) -> Option<Schema> {
    Some(Schema::of(value).unwrap())
}

/// `open`, `closed` and `busy`, and `brief`, which is over soon.
fn hooks() -> BTreeMap<HookPoint, HookConfig> {
    let input = schema(json!({ "type": "object", "properties": { "total": { "type": "number", "minimum": 0 } } }));
    let output = schema(json!({ "type": "object", "required": ["valid"] }));
    let hook = |on_failure, deadline| HookConfig {
        input: input.clone(),
        output: output.clone(),
        deadline,
        on_failure,
        ..HookConfig::default()
    };
    BTreeMap::from([
        (point("open"), hook(OnFailure::Open, LONG)),
        (point("closed"), hook(OnFailure::Closed, LONG)),
        (point("brief"), hook(OnFailure::Open, Duration::from_secs(1))),
        (point("busy"), hook(OnFailure::OpenUnderOverload, Duration::from_millis(300))),
        (point("busy.refused"), hook(OnFailure::Open, Duration::from_millis(300))),
    ])
}

impl Stage {
    async fn set() -> Self {
        Self::with(AppConfig::in_memory()).await
    }

    async fn with(config: AppConfig) -> Self {
        let config = AppConfig { hooks: hooks(), slots: 8, tenant_share: 4, ..config };
        let app = App::open(config).await.unwrap();
        let token = app.bootstrap(false).await.unwrap().unwrap().token;
        let principal = app.tokens().authenticate(&token).unwrap();
        Self { app, principal }
    }

    async fn draft(&self, name: &str, kind: ScriptKind, source: &str) {
        let input = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, input).await.unwrap();
    }

    /// Deploy an embedded script and bind it to `point`, behind those that are there.
    async fn bind(&self, at: &str, name: &str, source: &str) {
        self.draft(name, ScriptKind::Embedded, source).await;
        let script = ScriptRef::parse(name).unwrap();
        self.app.scripts().deploy(&self.principal, &script, None, String::new()).await.unwrap();
        assert!(self.app.hooks().bind(&self.principal, &point(at), &script, None).await.unwrap());
    }

    async fn run(&self, at: &str) -> HookReport {
        self.app.hooks().run(&self.principal, &point(at), String::from(r#"{"total":1}"#)).await.unwrap()
    }

    fn stored(&self, key: &str) -> Option<String> {
        self.app.inner.database.storage_get(self.principal.tenant, key, UnixMillis::now()).unwrap().value
    }

    /// Another tenant with a member who holds every right.
    async fn neighbour(&self) -> Principal {
        let (inner, tenant, created_at) = (&self.app.inner, TenantId::generate(), UnixMillis::now());
        let sealed_key = inner.keyring.wrap_new(tenant).unwrap();
        let (slug, name) = (TenantSlug::parse("neighbour").unwrap(), String::from("Neighbour"));
        let row = NewTenant { id: tenant, slug, name, sealed_key, limits: None, created_at };
        inner.database.create_tenant(row).await.unwrap();
        let user = self.principal.user().unwrap();
        let (permissions, status) = (Permissions::all(), MembershipStatus::Active);
        inner.database.put_membership(tenant, Membership { user, permissions, status, created_at }).await.unwrap();
        let token = TokenId::generate();
        let issued = self.app.tokens.issue(token, tenant, user, String::from("n"), permissions, None).await.unwrap();
        self.app.tokens().authenticate(&issued.text).unwrap()
    }
}

/// The scripts that ran, with what they answered or the word of their failure.
fn ends(report: &HookReport) -> Vec<(String, Value)> {
    let end = |end: &HookEnd| match end {
        HookEnd::Output(json) => serde_json::from_str(json).unwrap(),
        HookEnd::Failed(failure) => json!(format!("{} {}", failure.kind, failure.name)),
        HookEnd::Unfinished => json!("unfinished"),
    };
    report.results.iter().map(|result| (result.script.name.to_string(), end(&result.end))).collect()
}

fn not_run(report: &HookReport) -> Vec<(&str, NotRunReason)> {
    report.not_run.iter().map(|not_run| (not_run.script.name.as_str(), not_run.reason)).collect()
}

const VALID: &str = "export default () => ({ valid: true })";
const THROWS: &str = "export default async () => { await storage.set('thrown', 1); throw new TypeError('no') }";
const WRONG: &str = "export default async () => { await storage.set('wrong', 1); return { ok: true } }";
const SLEEPS: &str = "export default () => utils.sleep(600000)";

/// A script that notes its name behind the others'.
fn notes(name: &str) -> String {
    format!(
        "export default async (order) => {{
            await storage.set('order', [...(await storage.get('order') ?? []), '{name}']);
            return {{ valid: true, by: '{name}', total: order.total }};
        }}"
    )
}

#[tokio::test]
async fn the_scripts_of_a_point_run_in_their_order_and_each_is_given_the_input() {
    let stage = Stage::set().await;
    for name in ["b", "c", "a"] {
        stage.bind("closed", name, &notes(name)).await;
    }
    let last = ScriptRef::parse("b").unwrap();
    assert!(!stage.app.hooks().bind(&stage.principal, &point("closed"), &last, Some(9)).await.unwrap());
    let report = stage.run("closed").await;
    assert!(matches!(report.outcome, HookOutcome::Passed), "{report:?}");
    let expected = ["c", "a", "b"].map(|name| (name.to_owned(), json!({ "valid": true, "by": name, "total": 1 })));
    assert_eq!(ends(&report), expected);
    assert_eq!(stage.stored("order").as_deref(), Some(r#"["c","a","b"]"#));
}

#[tokio::test]
async fn an_input_outside_the_points_schema_is_refused_and_nothing_runs() {
    let stage = Stage::set().await;
    stage.bind("open", "notes", &notes("notes")).await;
    for input in ["7", r#"{"total":-1}"#, r#"{"total":"#, ""] {
        let refused = stage.app.hooks().run(&stage.principal, &point("open"), input.to_owned()).await;
        assert!(
            matches!(&refused, Err(AppError::Invalid(invalid)) if invalid.field == "input"),
            "{input}: {refused:?}"
        );
    }
    assert_eq!(stage.stored("order"), None);
}

#[tokio::test]
async fn an_output_outside_the_points_schema_is_the_scripts_failure_and_leaves_nothing() {
    let stage = Stage::set().await;
    stage.bind("open", "wrong", WRONG).await;
    stage.bind("open", "valid", VALID).await;
    let report = stage.run("open").await;
    assert!(matches!(report.outcome, HookOutcome::FailedOpen), "{report:?}");
    let expected = [("wrong", json!("user_error OutputMismatch")), ("valid", json!({ "valid": true }))];
    assert_eq!(ends(&report), expected.map(|(name, end)| (name.to_owned(), end)));
    let HookEnd::Failed(failure) = &report.results[0].end else { panic!("{report:?}") };
    assert!(failure.message.contains("valid"), "{failure:?}");
    assert_eq!(stage.stored("wrong"), None, "a failed execution leaves nothing");
    let execution = stage.app.executions().get(&stage.principal, report.results[0].execution).unwrap();
    assert_eq!(execution.execution.error_kind, Some(domain::ErrorKind::UserError));
}

#[tokio::test]
async fn a_closed_point_stops_at_the_first_failure_and_names_what_it_did_not_run() {
    let stage = Stage::set().await;
    for (name, source) in [("first", VALID), ("throws", THROWS), ("last", VALID)] {
        stage.bind("closed", name, source).await;
    }
    let report = stage.run("closed").await;
    assert!(matches!(report.outcome, HookOutcome::FailedClosed), "{report:?}");
    let expected = [("first", json!({ "valid": true })), ("throws", json!("user_error TypeError"))];
    assert_eq!(ends(&report), expected.map(|(name, end)| (name.to_owned(), end)));
    assert_eq!(not_run(&report), [("last", NotRunReason::Stopped)]);
    assert_eq!(stage.stored("thrown"), None);
}

#[tokio::test]
async fn an_open_point_runs_on_after_a_failure() {
    let stage = Stage::set().await;
    for (name, source) in [("throws", THROWS), ("last", VALID)] {
        stage.bind("open", name, source).await;
    }
    let report = stage.run("open").await;
    assert!(matches!(report.outcome, HookOutcome::FailedOpen), "{report:?}");
    let expected = [("throws", json!("user_error TypeError")), ("last", json!({ "valid": true }))];
    assert_eq!(ends(&report), expected.map(|(name, end)| (name.to_owned(), end)));
    assert_eq!(not_run(&report), []);
}

#[tokio::test]
async fn a_script_is_ended_by_the_points_deadline_and_those_behind_it_are_named() {
    let stage = Stage::set().await;
    for (name, source) in [("sleeps", SLEEPS), ("late", VALID)] {
        stage.bind("brief", name, source).await;
    }
    let report = stage.run("brief").await;
    assert!(matches!(report.outcome, HookOutcome::FailedOpen), "{report:?}");
    let kinds: Vec<_> = report.results.iter().map(|result| result.end.error_kind()).collect();
    assert_eq!(kinds, [Some(domain::ErrorKind::Timeout)], "{report:?}");
    assert_eq!(not_run(&report), [("late", NotRunReason::Deadline)]);
}

#[tokio::test]
async fn a_paused_script_and_one_without_a_version_are_left_out_and_named() {
    let stage = Stage::set().await;
    for name in ["paused", "active"] {
        stage.bind("closed", name, VALID).await;
    }
    stage.draft("draft", ScriptKind::Embedded, VALID).await;
    let draft = ScriptRef::parse("draft").unwrap();
    stage.app.hooks().bind(&stage.principal, &point("closed"), &draft, None).await.unwrap();
    let pause = SettingsInput { is_active: Some(false), ..SettingsInput::default() };
    let paused = ScriptRef::parse("paused").unwrap();
    stage.app.scripts().update_settings(&stage.principal, &paused, pause).await.unwrap();
    let report = stage.run("closed").await;
    assert!(matches!(report.outcome, HookOutcome::Passed), "{report:?}");
    assert_eq!(ends(&report), [(String::from("active"), json!({ "valid": true }))]);
    assert_eq!(not_run(&report), [("paused", NotRunReason::Paused), ("draft", NotRunReason::NotDeployed)]);
}

#[tokio::test]
async fn too_much_work_is_covered_only_where_the_point_says_so() {
    let stage = Stage::set().await;
    let names = [("busy", "a"), ("busy", "b"), ("busy.refused", "c"), ("busy.refused", "d")];
    for (at, name) in names {
        stage.bind(at, name, VALID).await;
    }
    let mut held = Vec::new();
    while held.len() < 4 {
        held.push(stage.app.inner.admission.admit(stage.principal.tenant, Lane::Hook, 4).await.unwrap());
    }
    let report = stage.run("busy").await;
    assert!(matches!(report.outcome, HookOutcome::FailedOpen), "{report:?}");
    assert_eq!(not_run(&report), [("a", NotRunReason::Overloaded), ("b", NotRunReason::Overloaded)]);
    let report = stage.run("busy.refused").await;
    assert!(matches!(report.outcome, HookOutcome::Refused(AppError::Overloaded { .. })), "{report:?}");
    assert_eq!(not_run(&report), [("c", NotRunReason::Overloaded), ("d", NotRunReason::Stopped)]);
    drop(held);
}

#[tokio::test]
async fn a_script_that_waits_for_others_of_its_own_is_not_said_to_have_taken_too_long() {
    let stage = Stage::set().await;
    for (at, name) in [("busy", "alone"), ("brief", "free")] {
        stage.bind(at, name, VALID).await;
    }
    let alone = ScriptRef::parse("alone").unwrap();
    let concurrency = Some(Concurrency { max: 1, key: None, when_full: WhenFull::Queue });
    let policy = Some(Some(RunPolicy { concurrency, ..RunPolicy::DEFAULT }));
    let settings = SettingsInput { policy, ..SettingsInput::default() };
    stage.app.scripts().update_settings(&stage.principal, &alone, settings).await.unwrap();
    let target = Target::of_script(&stage.app.inner, stage.principal.tenant, &alone).unwrap();
    let acting = target.acting(&stage.app.inner, Asker::Actor(stage.principal.actor)).unwrap();
    let of = (Trigger::Embedded, stage.principal.actor);
    let order = Order::new(target, of, (acting, Permissions::all()), Input::Json(String::from("{}")));
    let place = stage.app.inner.groups.enter(&order).await.unwrap();
    assert!(place.is_some());
    let report = stage.run("busy").await;
    assert_eq!(not_run(&report), [("alone", NotRunReason::Overloaded)]);
    assert!(report.results.is_empty(), "{report:?}");
    drop(place);
}

#[test]
fn a_script_waits_for_its_turn_for_half_of_the_time_that_is_left() {
    let config = HookConfig::default();
    let (now, left) = (Instant::now(), Duration::from_millis(400));
    let principal =
        Principal { tenant: TenantId::generate(), actor: domain::Actor::System, permissions: Permissions::NONE };
    let (deadline, scripts_end_by) = (now + left, now + left);
    let call =
        super::runs::Call { principal: &principal, config: &config, input: String::new(), deadline, scripts_end_by };
    assert_eq!(call.begins_by(now), now + left / 2);
    assert_eq!(call.begins_by(now + 2 * left), now + 2 * left, "what comes too late does not wait");
}

#[tokio::test]
async fn scripts_of_a_point_that_is_declared_no_more_do_not_run_and_are_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let data = || DataLocation::Directory(directory.path().to_owned());
    let stage = Stage::with(AppConfig { data: data(), ..AppConfig::in_memory() }).await;
    stage.bind("open", "kept", &notes("kept")).await;
    stage.bind("busy", "lost", &notes("lost")).await;
    assert!(stage.app.hooks().undeclared().unwrap().is_empty());
    let Stage { app, principal } = stage;
    drop(app);
    let mut declared = hooks();
    declared.remove(&point("busy"));
    let config = || AppConfig { hooks: declared.clone(), data: data(), ..AppConfig::in_memory() };
    // What the application before it has of the data, its last task gives back soon.
    let app = loop {
        match App::open(config()).await {
            Ok(app) => break app,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(app.hooks().undeclared().unwrap(), [(point("busy"), 1)]);
    let refused = app.hooks().run(&principal, &point("busy"), String::from("{}")).await;
    assert!(matches!(refused, Err(AppError::NotFound { what: "extension point" })), "{refused:?}");
    let stage = Stage { app, principal };
    assert_eq!(ends(&stage.run("open").await).len(), 1);
    assert_eq!(stage.stored("order").as_deref(), Some(r#"["kept"]"#));
}

#[tokio::test]
async fn the_types_for_editors_say_what_each_point_gives_and_takes() {
    let stage = Stage::set().await;
    let text = stage.app.types().of_tenant(&stage.principal).unwrap().text;
    let hooks = text.split("interface Hooks {").nth(1).unwrap();
    for part in ["  \"busy.refused\": { input: ", "  open: { input: ", "total?: number"] {
        assert!(hooks.contains(part), "{part} is not in {hooks}");
    }
}

#[tokio::test]
async fn a_full_storage_is_covered_only_where_the_point_says_so() {
    let stage = Stage::with(AppConfig { storage_limit_bytes: 1_000, ..AppConfig::in_memory() }).await;
    let fills = "export default async () => {
        await storage.set('much', 'a'.repeat(5000));
        return { valid: true };
    }";
    for (at, name) in [("busy", "a"), ("open", "b")] {
        stage.bind(at, name, fills).await;
    }
    let report = stage.run("open").await;
    let kinds: Vec<_> = report.results.iter().map(|result| result.end.error_kind()).collect();
    assert_eq!(kinds, [Some(domain::ErrorKind::Quota)], "{report:?}");
    assert!(matches!(report.outcome, HookOutcome::Refused(AppError::Quota { .. })), "{report:?}");
    let report = stage.run("busy").await;
    assert!(matches!(report.outcome, HookOutcome::FailedOpen), "{report:?}");
}

#[tokio::test]
async fn each_point_and_each_tenant_has_scripts_of_its_own() {
    let stage = Stage::set().await;
    stage.bind("open", "valid", VALID).await;
    let hooks = stage.app.hooks();
    assert!(ends(&stage.run("closed").await).is_empty());
    let neighbour = stage.neighbour().await;
    let report = hooks.run(&neighbour, &point("open"), String::from("{}")).await.unwrap();
    assert!(matches!(report.outcome, HookOutcome::Passed) && report.results.is_empty(), "{report:?}");
    let own = stage.app.scripts().get(&stage.principal, &ScriptRef::parse("valid").unwrap()).unwrap();
    let foreign = hooks.bind(&neighbour, &point("open"), &ScriptRef::Id(own.script.summary.id), None).await;
    assert!(matches!(foreign, Err(AppError::NotFound { what: "script" })), "{foreign:?}");
    let (id, slug) = (stage.principal.tenant.to_string(), "main");
    for tenant in [id.as_str(), slug] {
        hooks.require_tenant(&stage.principal, tenant).unwrap();
        let refused = hooks.require_tenant(&neighbour, tenant).unwrap_err().to_string();
        assert_eq!(refused, hooks.require_tenant(&neighbour, "nobody").unwrap_err().to_string());
    }
}

#[tokio::test]
async fn what_is_not_declared_or_not_embedded_is_refused() {
    let stage = Stage::set().await;
    let (hooks, principal) = (stage.app.hooks(), &stage.principal);
    let unknown = hooks.run(principal, &point("nowhere"), String::from("{}")).await;
    assert!(matches!(unknown, Err(AppError::NotFound { what: "extension point" })), "{unknown:?}");
    stage.draft("job", ScriptKind::OneOff, VALID).await;
    let job = ScriptRef::parse("job").unwrap();
    let unbound = hooks.unbind(principal, &point("open"), &job).await;
    assert!(matches!(unbound, Err(AppError::NotFound { what: "binding" })), "{unbound:?}");
    let refused = hooks.bind(principal, &point("open"), &job, None).await;
    assert!(matches!(&refused, Err(AppError::Invalid(invalid)) if invalid.message.contains("one_off")), "{refused:?}");
}

#[tokio::test]
async fn a_script_at_a_point_has_no_right_that_the_caller_or_whoever_bound_it_lacks() {
    let stage = Stage::set().await;
    stage.bind("open", "notes", &notes("notes")).await;
    let only_run: Permissions = [Permission::ExecutionsRun].into_iter().collect();
    let caller = Principal { permissions: only_run, ..stage.principal.clone() };
    let run = |principal: Principal| {
        let hooks = stage.app.hooks().clone();
        async move { hooks.run(&principal, &point("open"), String::from("{}")).await }
    };
    let report = run(caller).await.unwrap();
    assert_eq!(report.results[0].end.error_kind(), Some(domain::ErrorKind::CapabilityDenied), "{report:?}");
    let nothing = Principal { permissions: Permissions::NONE, ..stage.principal.clone() };
    assert!(matches!(run(nothing).await, Err(AppError::Forbidden(_))));
    // Whoever bound and deployed it loses the right to storage.
    let (user, created_at) = (stage.principal.user().unwrap(), UnixMillis::now());
    let permissions = Permissions::all().without([Permission::StorageRead].into_iter().collect());
    let membership = Membership { user, permissions, status: MembershipStatus::Active, created_at };
    stage.app.inner.database.put_membership(stage.principal.tenant, membership).await.unwrap();
    let report = run(stage.principal.clone()).await.unwrap();
    assert_eq!(report.results[0].end.error_kind(), Some(domain::ErrorKind::CapabilityDenied), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_side_by_side_each_run_every_script_once() {
    let stage = Stage::set().await;
    for name in ["a", "b"] {
        let source = "export default async () => { await storage.increment('calls'); return { valid: true } }";
        stage.bind("closed", name, source).await;
    }
    let calls = futures_util::future::join_all((0..16).map(|_| stage.run("closed"))).await;
    assert!(calls.iter().all(|report| matches!(report.outcome, HookOutcome::Passed)), "{calls:?}");
    assert_eq!(stage.stored("calls").as_deref(), Some("32"));
}
