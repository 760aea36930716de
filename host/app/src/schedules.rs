//! Schedules: when scripts run by themselves, as tenants set it. What is due the [`scheduler`] starts, once a second.

mod catch_up;
mod due;
mod expression;
mod forms;
mod jitter;
mod known;
mod orders;
mod scheduler;
mod slots;
mod ticker;
mod upcoming;
mod zone;

use std::{fmt, sync::Arc, time::Duration};

use database::{
    Binding, Database, DatabaseError, DueSchedules, NewSchedule, NextSlot, Schedule, ScheduleChange, ScheduleMade,
    ScheduleSetting, ScheduleSlot, SlotRange,
};
use domain::{
    AuditAction, Invalid, Permission, Principal, ScheduleId, ScriptId, ScriptKind, TenantId, Trigger, UnixMillis,
};
use jiff::tz::TimeZone;

use self::{catch_up::CatchingUp, expression::Expression, known::KnownSlots, scheduler::Scheduler, slots::Slots};
use crate::{AppError, Chain, ExecutionService, ExecutionView, Inner, RunRequest, ScriptRef};

pub use expression::{ScheduleRules, SecondsField};
pub(crate) use forms::in_words;
pub use forms::{ScheduleInput, SchedulePatch, SchedulePreview, ScheduleView, SlotView};
pub(crate) use jitter::Jitter;
pub(crate) use ticker::start as start_ticker;
pub use upcoming::{UPCOMING_SCHEDULES_MAX, UpcomingRuns, UpcomingSchedule};

/// The most schedules or slots of one page.
const PAGE_MAX: u32 = 1_000;

/// How many runs a preview shows.
const PREVIEW_RUNS: usize = 10;

/// Slots that are removed in one transaction: it takes some milliseconds.
const PURGED_AT_ONCE: u32 = 500;

/// How often a change is tried anew because slots came due meanwhile.
const CHANGE_TRIES: usize = 5;

/// How often it is worth asking for a quota that only removing something frees.
const QUOTA_RETRY: Duration = Duration::from_secs(60 * 60);

/// What the operator decides of schedules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScheduleConfig {
    /// What expressions may say.
    pub rules: ScheduleRules,
    /// Missed slots that are caught up in a minute, of one tenant.
    pub catch_up_per_minute: u32,
    /// Missed slots that are caught up in a minute, of all tenants together.
    pub catch_up_per_minute_of_all: u32,
    /// How long is kept what became of a slot.
    pub slots_kept: Duration,
}

impl Default for ScheduleConfig {
    fn default() -> Self {
        Self {
            rules: ScheduleRules::default(),
            catch_up_per_minute: 60,
            catch_up_per_minute_of_all: 600,
            slots_kept: Duration::from_secs(30 * 24 * 60 * 60),
        }
    }
}

/// Schedules of tenants.
#[derive(Clone)]
pub struct ScheduleService {
    inner: Arc<Inner>,
    executions: ExecutionService,
    scheduler: Arc<Scheduler>,
    catching_up: Arc<CatchingUp>,
}

impl ScheduleService {
    /// The same for a request that an execution of this deployment sent: what it starts goes on with that one's chain.
    #[must_use]
    pub fn continuing(&self, chain: Option<&Chain>) -> Self {
        Self { executions: self.executions.continuing(chain), ..self.clone() }
    }
}

impl fmt::Debug for ScheduleService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScheduleService").finish_non_exhaustive()
    }
}

impl ScheduleService {
    pub(crate) fn new(inner: Arc<Inner>, executions: ExecutionService) -> Self {
        let known = KnownSlots::new();
        let scheduler = Arc::new(Scheduler::new(Arc::clone(&inner), executions.clone(), known.clone()));
        let catching_up = Arc::new(CatchingUp::new(Arc::clone(&inner), executions.clone(), known));
        Self { inner, executions, scheduler, catching_up }
    }

    /// Make a schedule for a script of the kind `cron`. Needs `scripts.deploy` and every right that the script's capabilities
    /// grant: its runs have the rights of who sets it, as far as the deployer has them too (RULES 13).
    ///
    /// # Errors
    /// [`AppError::Invalid`] says what is wrong with expression, zone or script; [`AppError::Quota`];
    /// [`AppError::NotFound`].
    pub async fn create(&self, principal: &Principal, input: ScheduleInput) -> Result<ScheduleView, AppError> {
        self.create_at(principal, input, UnixMillis::now()).await
    }

    pub(crate) async fn create_at(
        &self,
        principal: &Principal,
        input: ScheduleInput,
        now: UnixMillis,
    ) -> Result<ScheduleView, AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        let tenant = principal.tenant;
        let script = self.cron_script(tenant, &input.script)?;
        let id = ScheduleId::generate();
        self.inner.require_binding(principal, script, &Binding::Schedule(id))?;
        let (setting, slots) = self.setting(input, now)?;
        let schedule = NewSchedule {
            id,
            script,
            next: slots.next(self.inner.keyring.schedule_jitter(id), now),
            setting,
            set_by: principal.user(),
            set_at: now,
        };
        let limit = self.inner.quotas(&self.database().tenant(tenant)?).schedules;
        let audited = self.inner.audited(principal, AuditAction::SchedulesCreate, id);
        match audited.create_schedule(tenant, schedule, limit).await.map_err(of_schedule)? {
            ScheduleMade::Made => self.view(tenant, id),
            ScheduleMade::QuotaUsed => Err(AppError::Quota { quota: "schedules", limit, retry_after: QUOTA_RETRY }),
        }
    }

    /// One schedule. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, id: ScheduleId) -> Result<ScheduleView, AppError> {
        principal.require(Permission::ScriptsRead)?;
        self.view(principal.tenant, id)
    }

    /// A page of schedules in the order in which they were made, behind `after`; those of one script where `script` names
    /// it. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::NotFound`] where there is no such script.
    pub fn list(
        &self,
        principal: &Principal,
        script: Option<&ScriptRef>,
        after: Option<ScheduleId>,
        limit: u32,
    ) -> Result<Vec<ScheduleView>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let tenant = principal.tenant;
        let script = script.map(|script| script.find(self.database(), tenant)).transpose()?;
        let script = script.map(|script| script.summary.id);
        let schedules = self.database().list_schedules(tenant, script, after, limit.min(PAGE_MAX))?;
        Ok(schedules.into_iter().map(ScheduleView::new).collect())
    }

    /// What became of a schedule's slots, the latest first, before `before`. Needs `scripts.read` and `executions.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn slots(
        &self,
        principal: &Principal,
        id: ScheduleId,
        before: Option<UnixMillis>,
        limit: u32,
    ) -> Result<Vec<SlotView>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        principal.require(Permission::ExecutionsRead)?;
        let schedule = self.find(principal.tenant, id)?;
        let slots = self.database().list_schedule_slots(principal.tenant, id, before, limit.min(PAGE_MAX))?;
        let zone = zone_of(&schedule);
        Ok(slots.into_iter().map(|slot: ScheduleSlot| SlotView::new(slot, &zone)).collect())
    }

    /// The next runs of an expression in a time zone, before anything is saved. Needs `scripts.read`.
    ///
    /// # Errors
    /// [`AppError::Invalid`], as [`Self::create`].
    pub fn preview(
        &self,
        principal: &Principal,
        expression: &str,
        timezone: &str,
    ) -> Result<SchedulePreview, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let now = UnixMillis::now();
        let (timezone, slots) = self.read(expression, timezone, now)?;
        let first = slots.next_after(now);
        let runs = std::iter::successors(first, |at| slots.next_after(*at)).take(PREVIEW_RUNS);
        let runs = runs.filter_map(|at| slots.shown_at(at)).map(|at| forms::shown(&at)).collect();
        Ok(SchedulePreview { timezone, runs, words: in_words(expression) })
    }

    /// Change a schedule; what `patch` leaves out stays. Needs what [`Self::create`] does, and to pause or resume it
    /// `scripts.deploy` alone; its runs have the rights of who changed it last. Slots that came due before are decided under what was said before.
    ///
    /// # Errors
    /// [`AppError::Invalid`], [`AppError::NotFound`]; [`AppError::Stale`] where `expected_revision` is not the one there
    /// is.
    pub async fn change(
        &self,
        principal: &Principal,
        id: ScheduleId,
        expected_revision: Option<i64>,
        patch: SchedulePatch,
    ) -> Result<ScheduleView, AppError> {
        self.change_at(principal, id, SeenPatch { expected_revision, patch }, UnixMillis::now()).await
    }

    pub(crate) async fn change_at(
        &self,
        principal: &Principal,
        id: ScheduleId,
        SeenPatch { expected_revision, patch }: SeenPatch,
        now: UnixMillis,
    ) -> Result<ScheduleView, AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        if patch.is_setting() {
            let script = self.find(principal.tenant, id)?.script;
            self.inner.require_binding(principal, script, &Binding::Schedule(id))?;
        }
        for _ in 0..CHANGE_TRIES {
            let schedule = self.settled(principal.tenant, id, now).await?;
            expect_revision(&schedule, expected_revision)?;
            let change = self.changed(principal, &schedule, &patch, now)?;
            let audited = self.inner.audited(principal, patch.audit_action(), id);
            match audited.change_schedule(principal.tenant, change).await.map_err(of_schedule)? {
                Some(_) => return self.view(principal.tenant, id),
                // A slot came due, or one was caught up, between reading and writing.
                None => tokio::task::yield_now().await,
            }
        }
        Err(AppError::Overloaded { retry_after: Duration::from_secs(1) })
    }

    /// Remove a schedule with what is known of its slots. Runs that it started go on. Needs `scripts.deploy`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`], [`AppError::Stale`].
    pub async fn delete(
        &self,
        principal: &Principal,
        id: ScheduleId,
        expected_revision: Option<i64>,
    ) -> Result<(), AppError> {
        principal.require(Permission::ScriptsDeploy)?;
        let audited = self.inner.audited(principal, AuditAction::SchedulesDelete, id);
        audited.delete_schedule(principal.tenant, id, expected_revision).await.map_err(of_schedule)
    }

    /// Run the schedule's script now, as the person who asks, with the input that a slot of this second would have. No slot
    /// is used up. Needs `executions.run`.
    ///
    /// # Errors
    /// As [`ExecutionService::accept`].
    pub async fn run_now(&self, principal: &Principal, id: ScheduleId) -> Result<ExecutionView, AppError> {
        principal.require(Permission::ExecutionsRun)?;
        let schedule = self.find(principal.tenant, id)?;
        let input = forms::input(&schedule, UnixMillis::now(), schedule.last_run);
        let request = RunRequest { script: ScriptRef::Id(schedule.script), input, trigger: Trigger::Manual };
        self.executions.accept(principal, request).await
    }

    /// Start what is due at `now`, and then what is to be caught up.
    #[cfg(test)]
    pub(crate) async fn tick(&self, now: UnixMillis) {
        self.scheduler.tick(now).await;
        self.catching_up.round(now).await;
    }

    /// The schedule, once everything that was due of it is decided.
    async fn settled(&self, tenant: TenantId, id: ScheduleId, now: UnixMillis) -> Result<Schedule, AppError> {
        let schedule = self.find(tenant, id)?;
        // A slot that is past and waits for its jitter is decided too: a change would take it away without a row.
        let past = schedule.next.filter(|next| next.slot <= now);
        let until = past.map_or(now, |next| next.due_at.max(now));
        match self.scheduler.settle(&schedule, until).await {
            // The slot stays for the next tick; a change that leaves it behind says so.
            Ok(()) | Err(AppError::Quota { .. }) => self.find(tenant, id),
            Err(error) => Err(error),
        }
    }

    fn changed(
        &self,
        principal: &Principal,
        schedule: &Schedule,
        patch: &SchedulePatch,
        now: UnixMillis,
    ) -> Result<ScheduleChange, AppError> {
        let (mut setting, mut next, mut given_up) = (schedule.setting.clone(), schedule.next, Vec::new());
        setting.overlap = patch.overlap.unwrap_or(setting.overlap);
        setting.catch_up = patch.catch_up.unwrap_or(setting.catch_up);
        if patch.expression.is_some() || patch.timezone.is_some() {
            let expression = patch.expression.as_deref().unwrap_or(&setting.expression);
            let (timezone, slots) =
                self.read(expression, patch.timezone.as_deref().unwrap_or(&setting.timezone), now)?;
            setting.expression = expression.trim().to_owned();
            setting.timezone = timezone;
            if (&setting.expression, &setting.timezone) != (&schedule.setting.expression, &schedule.setting.timezone) {
                // Nothing that was decided is decided again, also where the clock went back meanwhile.
                let decided = schedule.last_slot.map_or(now, |last| last.max(now));
                next = slots.next(self.inner.keyring.schedule_jitter(schedule.id), decided);
            }
        }
        if setting != schedule.setting {
            let mut left = self.inner.backlog_of(schedule)?;
            if next != schedule.next {
                left.extend(due::waiting(schedule, now));
            }
            given_up = due::superseded(schedule, &left);
        }
        Ok(ScheduleChange {
            id: schedule.id,
            expected_revision: schedule.revision,
            expected_next: schedule.next.map(|next| next.slot),
            expected_backlog: schedule.backlog.map(|backlog| backlog.range.from),
            // Pausing takes nothing over: the runs stay those of who set the schedule.
            set_by: if patch.is_setting() { principal.user() } else { schedule.set_by },
            set_at: if patch.is_setting() { now } else { schedule.set_at },
            is_paused: patch.is_paused.unwrap_or(schedule.is_paused),
            setting,
            next,
            given_up,
            now,
        })
    }

    fn setting(&self, input: ScheduleInput, now: UnixMillis) -> Result<(ScheduleSetting, Slots), AppError> {
        let (timezone, slots) = self.read(&input.expression, &input.timezone, now)?;
        let setting = ScheduleSetting {
            expression: input.expression.trim().to_owned(),
            timezone,
            overlap: input.overlap,
            catch_up: input.catch_up,
        };
        Ok((setting, slots))
    }

    fn read(&self, expression: &str, timezone: &str, now: UnixMillis) -> Result<(String, Slots), Invalid> {
        let (zone, name) = zone::find(timezone)?;
        let shown = jiff::Timestamp::from_millisecond(now.0).unwrap_or_default().to_zoned(zone.clone());
        let expression = Expression::parse(expression, &self.inner.config.schedules.rules, shown.datetime())?;
        Ok((name, Slots::new(expression, zone)))
    }

    fn cron_script(&self, tenant: TenantId, script: &ScriptRef) -> Result<ScriptId, AppError> {
        let script = match script.find(self.database(), tenant) {
            Err(AppError::NotFound { .. }) => {
                return Err(Invalid::new("script", "there is no such script in this tenant").into());
            }
            script => script?.summary,
        };
        if script.kind != ScriptKind::Cron {
            let message = format!(
                "'{}' is of the kind '{}': a schedule runs scripts of the kind 'cron'",
                script.name, script.kind
            );
            return Err(Invalid::new("script", message).into());
        }
        Ok(script.id)
    }

    fn view(&self, tenant: TenantId, id: ScheduleId) -> Result<ScheduleView, AppError> {
        self.find(tenant, id).map(ScheduleView::new)
    }

    fn find(&self, tenant: TenantId, id: ScheduleId) -> Result<Schedule, AppError> {
        self.database().schedule(tenant, id).map_err(of_schedule)
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }
}

impl Slots {
    /// The slots of a schedule as it was saved.
    ///
    /// # Errors
    /// The database of time zones does not know its zone any more.
    pub(crate) fn of(schedule: &Schedule) -> Result<Self, Invalid> {
        let (zone, _) = zone::find(&schedule.setting.timezone)?;
        Ok(Self::new(Expression::stored(&schedule.setting.expression)?, zone))
    }

    /// The first slot after `after`, and when it is to be started.
    fn next(&self, jitter: Jitter, after: UnixMillis) -> Option<NextSlot> {
        let slot = self.next_after(after)?;
        Some(NextSlot { slot, due_at: jitter.due(slot, self.next_after(slot)) })
    }
}

/// A patch of a schedule that somebody saw.
pub(crate) struct SeenPatch {
    /// The revision that they saw; `None` where any will do.
    expected_revision: Option<i64>,
    /// What is to change.
    patch: SchedulePatch,
}

impl Inner {
    /// The stretches of a schedule's slots that are still to be caught up. They are as they were when it was read only
    /// where its first one is still the same.
    fn backlog_of(&self, schedule: &Schedule) -> Result<Vec<SlotRange>, AppError> {
        let Some(first) = schedule.backlog else { return Ok(Vec::new()) };
        let mut backlog = vec![first.range];
        backlog.extend(self.database.backlog_behind(schedule.tenant, schedule.id)?);
        Ok(backlog)
    }

    /// Those of due schedules that can be read. The others are paused: they keep nobody else's from being looked at.
    async fn readable(&self, due: DueSchedules) -> Result<Vec<Schedule>, AppError> {
        if !due.unreadable.is_empty() {
            for [tenant, schedule] in &due.unreadable {
                tracing::error!(tenant.id = tenant, schedule.id = schedule, "a schedule cannot be read and is paused");
            }
            self.database.pause_unreadable_schedules(due.unreadable).await?;
        }
        Ok(due.schedules)
    }

    /// Remove what became of a tenant's slots where that is too long ago.
    pub(crate) async fn purge_schedule_slots(&self, tenant: TenantId, now: UnixMillis) -> Result<(), AppError> {
        let kept_ms = i64::try_from(self.config.schedules.slots_kept.as_millis()).unwrap_or(i64::MAX);
        let before = UnixMillis(now.0.saturating_sub(kept_ms));
        while self.database.purge_schedule_slots(tenant, before, PURGED_AT_ONCE).await? == PURGED_AT_ONCE as usize {
            tokio::task::yield_now().await;
        }
        Ok(())
    }
}

/// The zone that a schedule's times are shown in; UTC where its own is not known any more.
fn zone_of(schedule: &Schedule) -> TimeZone {
    zone::find(&schedule.setting.timezone).map_or(TimeZone::UTC, |(zone, _)| zone)
}

/// `at`, and `ms` after it.
fn later(at: UnixMillis, ms: i64) -> UnixMillis {
    UnixMillis(at.0.saturating_add(ms))
}

fn expect_revision(schedule: &Schedule, expected: Option<i64>) -> Result<(), AppError> {
    match expected {
        Some(expected) if expected != schedule.revision => Err(AppError::Stale { current_revision: schedule.revision }),
        _ => Ok(()),
    }
}

fn of_schedule(error: DatabaseError) -> AppError {
    match error {
        DatabaseError::NotFound => AppError::NotFound { what: "schedule" },
        error => error.into(),
    }
}

#[cfg(test)]
mod tests;
