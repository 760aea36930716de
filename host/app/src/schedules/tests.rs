//! Schedules with a real database and a clock of the tests' own: years from now, so that no run begins by itself.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod catching_up;
mod changing;
mod running;
mod setting;
mod simulation;

use database::{Execution, ExecutionFilter};
use domain::{
    Actor, Capabilities, CatchUp, ExecutionStatus, Language, Overlap, Permissions, RecordMode, ScriptName, SlotOutcome,
    SlotReason, TenantSlug, TokenId,
};

use super::*;
use crate::{App, AppConfig, NewScriptInput, SettingsInput};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

/// A moment of the tests' clock.
fn at(text: &str) -> UnixMillis {
    UnixMillis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn later(at: UnixMillis, ms: i64) -> UnixMillis {
    UnixMillis(at.0 + ms)
}

struct Stage {
    app: App,
    principal: Principal,
}

impl Stage {
    /// An application that starts nothing by itself, with a tenant, a member and a script `report` that runs by the clock.
    async fn set() -> Self {
        Self::set_with(|config| config).await
    }

    async fn set_with(change: impl FnOnce(AppConfig) -> AppConfig) -> Self {
        let app = App::open_offline(change(AppConfig::in_memory())).unwrap();
        let principal = member_of_new_tenant(&app, "home").await;
        let stage = Self { app, principal };
        stage.deploy("report").await;
        stage
    }

    async fn make(&self, name: &str, kind: ScriptKind) {
        let script = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind,
            language: Language::JavaScript,
            source: String::from("export default (input) => input"),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy: None,
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, script).await.unwrap();
    }

    async fn deploy(&self, name: &str) {
        self.make(name, ScriptKind::Cron).await;
        self.app.scripts().deploy(&self.principal, &named(name), None, String::new()).await.unwrap();
    }

    async fn set_active(&self, is_active: Option<bool>) {
        let settings = SettingsInput { is_active, ..SettingsInput::default() };
        self.app.scripts().update_settings(&self.principal, &named("report"), settings).await.unwrap();
    }

    fn schedules(&self) -> &ScheduleService {
        self.app.schedules()
    }

    async fn schedule(&self, input: ScheduleInput, now: UnixMillis) -> ScheduleId {
        self.schedules().create_at(&self.principal, input, now).await.unwrap().schedule.id
    }

    fn read(&self, id: ScheduleId) -> Schedule {
        self.schedules().get(&self.principal, id).unwrap().schedule
    }

    /// Go to when the schedule's next slot is due, and tick. Answers when that was.
    async fn tick_when_due(&self, id: ScheduleId) -> UnixMillis {
        let due_at = self.read(id).next.unwrap().due_at;
        self.schedules().tick(due_at).await;
        due_at
    }

    async fn patch(&self, id: ScheduleId, patch: SchedulePatch, now: UnixMillis) -> ScheduleView {
        self.schedules().change_at(&self.principal, id, unseen(patch), now).await.unwrap()
    }

    async fn pause(&self, id: ScheduleId, is_paused: bool, now: UnixMillis) {
        self.patch(id, SchedulePatch { is_paused: Some(is_paused), ..SchedulePatch::default() }, now).await;
    }

    /// What became of the slots, the oldest first: the nominal time, how many, what, why.
    fn slots(&self, id: ScheduleId) -> Vec<(String, u64, SlotOutcome, Option<SlotReason>)> {
        let slots = self.schedules().slots(&self.principal, id, None, 1_000).unwrap();
        let shown =
            |view: &SlotView| (view.scheduled_time.clone(), view.slot.slots, view.slot.outcome, view.slot.reason);
        slots.iter().rev().map(shown).collect()
    }

    fn executions(&self, status: ExecutionStatus) -> Vec<Execution> {
        let filter = ExecutionFilter { statuses: vec![status], ..ExecutionFilter::default() };
        let mut executions = self.app.executions().list(&self.principal, &filter, None, 1_000).unwrap().executions;
        executions.reverse();
        executions
    }

    /// The inputs of what waits, the oldest first.
    fn inputs(&self) -> Vec<serde_json::Value> {
        let input = |execution: &Execution| {
            let view = self.app.executions().get(&self.principal, execution.id).unwrap();
            serde_json::from_str(&view.input.unwrap()).unwrap()
        };
        self.executions(ExecutionStatus::Pending).iter().map(input).collect()
    }

    /// End what waits.
    async fn end_all(&self) {
        let waiting = self.executions(ExecutionStatus::Pending);
        let ended = waiting.iter().map(|execution| self.app.executions().cancel(&self.principal, execution.id));
        for ended in futures_util::future::join_all(ended).await {
            // One that was let go with its script runs by the machine's own clock, and may have ended by itself.
            assert!(matches!(ended, Ok(_) | Err(AppError::Ended { .. })), "{ended:?}");
        }
    }

    /// The member without this right.
    fn without(&self, missing: Permission) -> Principal {
        let permissions: Permissions = Permissions::all().iter().filter(|permission| *permission != missing).collect();
        Principal { permissions, ..self.principal.clone() }
    }
}

async fn member_of_new_tenant(app: &App, slug: &str) -> Principal {
    let user = app.operator().await.unwrap();
    let slug = TenantSlug::parse(slug).unwrap();
    let tenant = app.tenant_with_member(&slug, slug.as_str(), user).await.unwrap();
    let actor = Actor::Token { token: TokenId::generate(), user };
    Principal { tenant, actor, permissions: Permissions::all() }
}

fn named(name: &str) -> ScriptRef {
    ScriptRef::parse(name).unwrap()
}

fn input(expression: &str, timezone: &str) -> ScheduleInput {
    ScheduleInput {
        script: named("report"),
        expression: expression.to_owned(),
        timezone: timezone.to_owned(),
        overlap: Overlap::Parallel,
        catch_up: CatchUp::RunLatest,
    }
}

/// A patch of whatever there is.
fn unseen(patch: SchedulePatch) -> SeenPatch {
    SeenPatch { expected_revision: None, patch }
}

fn hourly() -> ScheduleInput {
    input("0 * * * *", "UTC")
}

fn started(time: &str) -> (String, u64, SlotOutcome, Option<SlotReason>) {
    (time.to_owned(), 1, SlotOutcome::Started, None)
}

fn passed(
    time: &str,
    slots: u64,
    outcome: SlotOutcome,
    reason: SlotReason,
) -> (String, u64, SlotOutcome, Option<SlotReason>) {
    (time.to_owned(), slots, outcome, Some(reason))
}
