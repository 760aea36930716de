//! Schedules: what is said of them, what is shown, and what became of their slots.

use app::{ScheduleInput, SchedulePatch, SchedulePreview, ScheduleView, ScriptRef, SlotView};
use domain::{CatchUp, Overlap};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{CatchUpWord, OverlapWord, SlotOutcomeWord, SlotReasonWord};
use crate::web::problem::Problem;

/// The zone of schedules that name none.
const UTC: &str = "UTC";

/// A schedule to be made.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "script": "daily-report", "expression": "30 6 * * MON-FRI", "timezone": "Europe/Berlin"
}))]
pub(crate) struct NewSchedule {
    /// The script that it runs, by name or id. Its kind is `cron`.
    script: String,
    /// Minute, hour, day of the month, month, day of the week; before them the second where the server takes seconds.
    expression: String,
    /// The IANA name of the time zone that the expression is read in; UTC where nothing is said.
    timezone: Option<String>,
    /// What happens with a run that is due while an earlier one goes on: `skip` where nothing is said.
    overlap: Option<OverlapWord>,
    /// What happens with runs that were missed: `run_latest` where nothing is said.
    catch_up: Option<CatchUpWord>,
}

/// What to change of a schedule. What is not named stays.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SchedulePatch, example = json!({ "expression": "0 7 * * *" }))]
pub(crate) struct ScheduleChange {
    /// Another expression.
    expression: Option<String>,
    /// Another time zone.
    timezone: Option<String>,
    /// What happens with a run that is due while an earlier one goes on.
    overlap: Option<OverlapWord>,
    /// What happens with runs that were missed.
    catch_up: Option<CatchUpWord>,
}

/// An expression to be looked at.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({ "expression": "30 2 * * *", "timezone": "Europe/Berlin" }))]
pub(crate) struct PreviewBody {
    /// The cron expression.
    pub(crate) expression: String,
    /// The IANA name of the time zone; UTC where nothing is said.
    timezone: Option<String>,
}

/// The next runs of an expression.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SchedulePreview)]
pub(crate) struct PreviewView {
    timezone: String,
    /// The times as a person says them, without the zone.
    #[schema(example = "At 09:00, on Monday")]
    words: String,
    /// The next ten, with the zone's offset at each.
    runs: Vec<String>,
}

/// A schedule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
pub(crate) struct ScheduleRecord {
    id: Uuid,
    /// The name of the script that it runs.
    script: String,
    script_id: Uuid,
    expression: String,
    timezone: String,
    overlap: OverlapWord,
    catch_up: CatchUpWord,
    /// Whether its slots are skipped for now.
    is_paused: bool,
    /// The next slot, also while it is paused.
    next_run_at: Option<String>,
    /// The last slot that was started.
    last_run_at: Option<String>,
    /// Whether missed slots are still to be caught up.
    is_catching_up: bool,
    /// Whose rights its runs have, as far as who deployed the script has them too.
    set_by: Option<Uuid>,
    set_at: String,
    created_at: String,
}

/// What became of a slot, or of a stretch of slots.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleSlot)]
pub(crate) struct SlotRecord {
    /// The time that it is for, of a stretch the first.
    scheduled_time: String,
    /// The last one of a stretch; else the same.
    last_scheduled_time: String,
    /// How many slots there are.
    slots: u64,
    outcome: SlotOutcomeWord,
    /// Why it was not started.
    reason: Option<SlotReasonWord>,
    /// The execution that was accepted for it. It may be gone by now.
    execution_id: Option<Uuid>,
    /// Whether it had been missed, and was caught up.
    is_catch_up: bool,
    decided_at: String,
}

impl NewSchedule {
    /// The schedule for the application.
    ///
    /// # Errors
    /// The script is neither a name nor an id.
    pub(crate) fn input(self) -> Result<ScheduleInput, Problem> {
        let script = ScriptRef::parse(&self.script)
            .map_err(|_| Problem::field("script", "the script is named by its name or its id"))?;
        Ok(ScheduleInput {
            script,
            expression: self.expression,
            timezone: self.timezone.unwrap_or_else(|| String::from(UTC)),
            overlap: self.overlap.map_or(Overlap::Skip, |word| word.0),
            catch_up: self.catch_up.map_or(CatchUp::RunLatest, |word| word.0),
        })
    }
}

impl ScheduleChange {
    /// The change for the application.
    pub(crate) fn patch(self) -> SchedulePatch {
        SchedulePatch {
            expression: self.expression,
            timezone: self.timezone,
            overlap: self.overlap.map(|word| word.0),
            catch_up: self.catch_up.map(|word| word.0),
            is_paused: None,
        }
    }
}

impl PreviewBody {
    /// The zone that it names.
    pub(crate) fn timezone(&self) -> &str {
        self.timezone.as_deref().unwrap_or(UTC)
    }
}

impl From<SchedulePreview> for PreviewView {
    fn from(preview: SchedulePreview) -> Self {
        Self { timezone: preview.timezone, words: preview.words, runs: preview.runs }
    }
}

impl From<&ScheduleView> for ScheduleRecord {
    fn from(view: &ScheduleView) -> Self {
        let schedule = &view.schedule;
        Self {
            id: schedule.id.uuid(),
            script: schedule.script_name.to_string(),
            script_id: schedule.script.uuid(),
            expression: schedule.setting.expression.clone(),
            timezone: schedule.setting.timezone.clone(),
            overlap: OverlapWord(schedule.setting.overlap),
            catch_up: CatchUpWord(schedule.setting.catch_up),
            is_paused: schedule.is_paused,
            next_run_at: view.next_run.clone(),
            last_run_at: view.last_run.clone(),
            is_catching_up: schedule.backlog.is_some(),
            set_by: schedule.set_by.map(domain::UserId::uuid),
            set_at: schedule.set_at.to_rfc3339(),
            created_at: schedule.created_at.to_rfc3339(),
        }
    }
}

impl From<&SlotView> for SlotRecord {
    fn from(view: &SlotView) -> Self {
        let slot = &view.slot;
        Self {
            scheduled_time: view.scheduled_time.clone(),
            last_scheduled_time: view.last_scheduled_time.clone(),
            slots: slot.slots,
            outcome: SlotOutcomeWord(slot.outcome),
            reason: slot.reason.map(SlotReasonWord),
            execution_id: slot.execution.map(domain::ExecutionId::uuid),
            is_catch_up: slot.is_catch_up,
            decided_at: slot.decided_at.to_rfc3339(),
        }
    }
}
