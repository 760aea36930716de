//! `/schedules`: when scripts run by themselves, as a list and as a calendar; and `/schedules/{schedule}`: one of them with its
//! settings, its next runs, and what became of its slots.

use app::{App, AppError, NamesAsked, ScheduleView, ScriptQuery, ScriptRef, SlotView, UpcomingRuns};
use askama::Template;
use axum::extract::State;
use domain::{CatchUp, Overlap, Permission, Principal, ScheduleId, ScriptKind, SlotOutcome, SlotReason, UnixMillis};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    format::{self, Day, Moment},
    frame::Frame,
    people_of::person,
    visit::Visit,
    words::Badge,
};
use crate::web::extract::{Params, SchedulePath};

/// Schedules, or slots, of one page.
const PAGE: u32 = 50;

/// Scripts that a new schedule can be made for.
const SCRIPTS: u32 = 200;

/// Days of the calendar: two weeks.
const DAYS: usize = 14;

/// The next runs of a schedule that are shown.
const RUNS: usize = 10;

/// Which schedules, and how they are shown.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SchedulesFilter {
    /// Those of one script, by its id or its name.
    script: String,
    /// `calendar`, or the list.
    view: String,
    cursor: String,
}

/// A page of slots.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct SlotsFilter {
    cursor: String,
}

#[derive(Template)]
#[template(path = "schedules/list.html")]
struct SchedulesPage {
    frame: Frame,
    filter: SchedulesFilter,
    scripts: Vec<(String, String)>,
    rows: Vec<Row>,
    next: Option<String>,
    calendar: Option<Calendar>,
}

/// A schedule in the list.
struct Row {
    id: String,
    script: String,
    state: Badge,
    is_paused: bool,
    words: String,
    expression: String,
    timezone: String,
    next: Option<Moment>,
    last: Option<Moment>,
}

/// Two weeks, with what is to run on each day.
struct Calendar {
    weekdays: Vec<&'static str>,
    days: Vec<CalendarDay>,
    /// Whether there are more schedules than it has.
    is_cut: bool,
}

struct CalendarDay {
    label: String,
    is_today: bool,
    runs: Vec<CalendarRun>,
}

/// What one schedule has on one day.
struct CalendarRun {
    schedule: String,
    text: String,
    title: String,
    is_paused: bool,
}

#[derive(Template)]
#[template(path = "schedules/detail.html")]
struct SchedulePage {
    frame: Frame,
    row: Row,
    script_id: String,
    revision: i64,
    overlap: Overlap,
    catch_up: CatchUp,
    set_by: Option<String>,
    set_at: Moment,
    is_catching_up: bool,
    runs: Vec<Moment>,
    /// `None` where whoever looks may not see executions.
    slots: Option<Vec<Slot>>,
    next: Option<String>,
}

/// What became of a slot, or of a stretch of them.
struct Slot {
    at: Moment,
    last: Option<Moment>,
    count: String,
    outcome: Badge,
    reason: Option<&'static str>,
    execution: Option<String>,
    is_catch_up: bool,
}

/// The list of schedules, or the calendar.
pub(crate) async fn schedules_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<SchedulesFilter>,
) -> PageResult {
    let script = Some(filter.script.as_str()).filter(|script| !script.is_empty()).map(ScriptRef::parse).transpose()?;
    let after = cursor(&filter.cursor)?;
    let schedules = app.schedules().list(&principal, script.as_ref(), after, PAGE)?;
    let is_full = schedules.len() >= PAGE as usize;
    let next = schedules.last().filter(|_| is_full).map(|last| filter.page_from(last.schedule.id));
    let calendar = match filter.view.as_str() {
        "calendar" => Some(calendar(&app, &principal, &frame).await?),
        _ => None,
    };
    page(&SchedulesPage {
        scripts: cron_scripts(&app, &principal)?,
        rows: schedules.iter().map(|view| Row::of(view, &frame)).collect(),
        next,
        calendar,
        filter,
        frame,
    })
}

/// One schedule.
pub(crate) async fn schedule_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    SchedulePath(id): SchedulePath,
    Params(filter): Params<SlotsFilter>,
) -> PageResult {
    let view = app.schedules().get(&principal, id)?;
    let schedule = &view.schedule;
    let before = Some(filter.cursor.as_str()).filter(|cursor| !cursor.is_empty()).map(str::parse).transpose();
    let before = before.map_err(|_| wrong_cursor())?.map(UnixMillis);
    let slots = match app.schedules().slots(&principal, id, before, PAGE) {
        Ok(slots) => Some(slots),
        Err(AppError::Forbidden(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let last = slots.as_ref().filter(|slots| slots.len() >= PAGE as usize).and_then(|slots| slots.last());
    let people = NamesAsked { people: schedule.set_by.into_iter().collect(), ..NamesAsked::default() };
    let names = app.names().of(&principal, people)?;
    let runs = app.schedules().next_runs(&principal, id, RUNS)?;
    page(&SchedulePage {
        row: Row::of(&view, &frame),
        script_id: schedule.script.to_string(),
        revision: schedule.revision,
        overlap: schedule.setting.overlap,
        catch_up: schedule.setting.catch_up,
        set_by: schedule.set_by.map(|user| person(&names, &principal, user)),
        set_at: frame.moment(&schedule.set_at),
        is_catching_up: schedule.backlog.is_some(),
        runs: runs.into_iter().map(|at| frame.moment(&at)).collect(),
        next: last.map(|last| format!("/schedules/{id}?cursor={}", last.slot.slot.0)),
        slots: slots.map(|slots| slots.iter().map(|slot| Slot::of(slot, &frame)).collect()),
        frame,
    })
}

async fn calendar(app: &App, principal: &Principal, frame: &Frame) -> Result<Calendar, AppError> {
    let days = frame.days(DAYS);
    let ranges: Vec<app::TimeRange> = days.iter().map(|day| day.range).collect();
    // Counting the slots of a hundred schedules takes a while in which a thread of the server's serves nobody else.
    let (schedules, asked, whose) = (app.schedules().clone(), ranges, principal.clone());
    let upcoming = tokio::task::spawn_blocking(move || schedules.upcoming(&whose, &asked));
    let upcoming = upcoming.await.map_err(|error| AppError::Internal(error.into()))??;
    let of_day = |(at, day): (usize, &Day)| CalendarDay {
        label: day.label.clone(),
        is_today: at == 0,
        runs: upcoming.iter().filter_map(|of| CalendarRun::of(&of.view, of.runs[at]?, frame)).collect(),
    };
    Ok(Calendar {
        weekdays: days.iter().take(7).map(|day| day.weekday).collect(),
        days: days.iter().enumerate().map(of_day).collect(),
        is_cut: upcoming.len() >= app::UPCOMING_SCHEDULES_MAX as usize,
    })
}

/// The scripts that schedules can run, by name.
fn cron_scripts(app: &App, principal: &Principal) -> Result<Vec<(String, String)>, AppError> {
    let query = ScriptQuery { kind: Some(ScriptKind::Cron), limit: SCRIPTS, ..ScriptQuery::default() };
    let scripts = app.scripts().find(principal, &query)?;
    Ok(scripts.iter().map(|script| (script.id.to_string(), script.name.to_string())).collect())
}

fn cursor(text: &str) -> Result<Option<ScheduleId>, domain::Invalid> {
    let cursor = Some(text).filter(|text| !text.is_empty()).map(str::parse).transpose();
    cursor.map_err(|_| wrong_cursor())
}

fn wrong_cursor() -> domain::Invalid {
    domain::Invalid::new("cursor", "a cursor is one that a page's link has")
}

impl SchedulesFilter {
    fn is_calendar(&self) -> bool {
        self.view == "calendar"
    }

    fn page_from(&self, last: ScheduleId) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::from("/schedules?"));
        if !self.script.is_empty() {
            query.append_pair("script", &self.script);
        }
        query.append_pair("cursor", &last.to_string());
        query.finish()
    }
}

impl Row {
    fn of(view: &ScheduleView, frame: &Frame) -> Self {
        let schedule = &view.schedule;
        let (class, icon, word) = match (schedule.is_paused, &schedule.backlog) {
            (true, _) => ("neutral", "circle-pause", "Paused"),
            (false, Some(_)) => ("running", "loader", "Catching up"),
            (false, None) => ("success", "circle-check", "Active"),
        };
        Self {
            id: schedule.id.to_string(),
            script: schedule.script_name.to_string(),
            state: Badge { class, icon, word },
            is_paused: schedule.is_paused,
            words: view.words.clone(),
            expression: schedule.setting.expression.clone(),
            timezone: schedule.setting.timezone.clone(),
            next: schedule.next.map(|next| frame.moment(&next.slot)),
            last: schedule.last_run.map(|last| frame.moment(&last)),
        }
    }
}

impl CalendarRun {
    fn of(view: &ScheduleView, runs: UpcomingRuns, frame: &Frame) -> Option<Self> {
        let schedule = &view.schedule;
        let first = frame.clock(runs.first);
        let when = match runs.count {
            1 => first,
            count => format!("{} × from {first}", format::count(count)),
        };
        Some(Self {
            schedule: schedule.id.to_string(),
            text: format!("{when} {}", schedule.script_name),
            title: format!(
                "{}: {}, {}; {when} to {}",
                schedule.script_name,
                view.words,
                schedule.setting.timezone,
                frame.clock(runs.last)
            ),
            is_paused: schedule.is_paused,
        })
    }
}

impl Slot {
    fn of(view: &SlotView, frame: &Frame) -> Self {
        let slot = &view.slot;
        Self {
            at: frame.moment(&slot.slot),
            last: (slot.last_slot != slot.slot).then(|| frame.moment(&slot.last_slot)),
            count: format::count(slot.slots),
            outcome: outcome(slot.outcome),
            reason: slot.reason.map(reason),
            execution: slot.execution.map(|execution| execution.to_string()),
            is_catch_up: slot.is_catch_up,
        }
    }
}

fn outcome(outcome: SlotOutcome) -> Badge {
    let (class, icon, word) = match outcome {
        SlotOutcome::Started => ("success", "circle-check", "Started"),
        SlotOutcome::SkippedOverlap => ("neutral", "circle-slash", "Skipped"),
        SlotOutcome::SkippedPaused => ("neutral", "circle-pause", "Paused"),
        SlotOutcome::Missed => ("limit", "circle-alert", "Missed"),
    };
    Badge { class, icon, word }
}

/// Why a slot was not started, in a sentence.
fn reason(reason: SlotReason) -> &'static str {
    match reason {
        SlotReason::PreviousRun => "The run before it had not ended.",
        SlotReason::SchedulePaused => "The schedule was paused.",
        SlotReason::ScriptPaused => "The script was paused.",
        SlotReason::NotDeployed => "The script had no deployed version.",
        SlotReason::TenantSuspended => "The tenant was suspended.",
        SlotReason::Late => "The server was not there, or the queue was full for more than a minute.",
        SlotReason::CatchUpLimit => "More than a hundred slots had been missed, and it was not among the last.",
        SlotReason::Superseded => "A later slot was missed before it was caught up, or the schedule was changed.",
    }
}

/// What happens with a slot while the run before it goes on.
fn overlap_word(overlap: &Overlap) -> &'static str {
    match overlap {
        Overlap::Skip => "The slot is skipped",
        Overlap::Queue => "Its run waits",
        Overlap::Parallel => "Its run goes beside it",
        Overlap::CancelPrevious => "The run before is cancelled",
    }
}

/// What happens with slots that were missed.
fn catch_up_word(catch_up: &CatchUp) -> &'static str {
    match catch_up {
        CatchUp::Skip => "None of them runs",
        CatchUp::RunLatest => "The last one runs",
        CatchUp::RunAll => "The last hundred run",
    }
}
