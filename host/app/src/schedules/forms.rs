//! What a schedule is made of, how it is shown, and what its script is given.

use database::{Schedule, ScheduleSlot};
use domain::{AuditAction, CatchUp, Overlap, UnixMillis};
use jiff::{Timestamp, Zoned, tz::TimeZone};

use super::{expression::Expression, zone_of};
use crate::ScriptRef;

/// A schedule to be made.
#[derive(Clone, Debug)]
pub struct ScheduleInput {
    /// The script that it runs.
    pub script: ScriptRef,
    /// The cron expression.
    pub expression: String,
    /// The IANA name of the time zone that it is read in.
    pub timezone: String,
    /// What happens with a slot while an earlier run goes on.
    pub overlap: Overlap,
    /// What happens with slots that were missed.
    pub catch_up: CatchUp,
}

/// What is to change of a schedule; `None` stays as it is.
#[derive(Clone, Debug, Default)]
pub struct SchedulePatch {
    /// The cron expression.
    pub expression: Option<String>,
    /// The IANA name of the time zone that it is read in.
    pub timezone: Option<String>,
    /// What happens with a slot while an earlier run goes on.
    pub overlap: Option<Overlap>,
    /// What happens with slots that were missed.
    pub catch_up: Option<CatchUp>,
    /// Whether its slots are skipped.
    pub is_paused: Option<bool>,
}

impl SchedulePatch {
    /// Whether it says anything beyond pausing.
    pub(super) fn is_setting(&self) -> bool {
        self.expression.is_some() || self.timezone.is_some() || self.overlap.is_some() || self.catch_up.is_some()
    }

    /// What the audit log calls the change.
    pub(super) fn audit_action(&self) -> AuditAction {
        match self.is_paused {
            Some(true) if !self.is_setting() => AuditAction::SchedulesPause,
            Some(false) if !self.is_setting() => AuditAction::SchedulesResume,
            _ => AuditAction::SchedulesUpdate,
        }
    }
}

/// A schedule as it is shown.
#[derive(Clone, Debug)]
pub struct ScheduleView {
    /// The schedule.
    pub schedule: Schedule,
    /// Its next slot, as the clocks of its zone show it.
    pub next_run: Option<String>,
    /// Its last slot that was started.
    pub last_run: Option<String>,
    /// Its times as a person says them, without the zone.
    pub words: String,
}

impl ScheduleView {
    pub(super) fn new(schedule: Schedule) -> Self {
        let zone = zone_of(&schedule);
        Self {
            next_run: schedule.next.map(|next| shown_in(&zone, next.slot)),
            last_run: schedule.last_run.map(|last| shown_in(&zone, last)),
            words: in_words(&schedule.setting.expression),
            schedule,
        }
    }
}

/// A slot as it is shown.
#[derive(Clone, Debug)]
pub struct SlotView {
    /// What became of it.
    pub slot: ScheduleSlot,
    /// Its nominal time, as the clocks of the schedule's zone show it.
    pub scheduled_time: String,
    /// The last nominal time, of a stretch of slots.
    pub last_scheduled_time: String,
}

impl SlotView {
    pub(super) fn new(slot: ScheduleSlot, zone: &TimeZone) -> Self {
        Self { scheduled_time: shown_in(zone, slot.slot), last_scheduled_time: shown_in(zone, slot.last_slot), slot }
    }
}

/// The next runs of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchedulePreview {
    /// The zone, as the database of time zones writes it.
    pub timezone: String,
    /// The runs, as the clocks of the zone show them.
    pub runs: Vec<String>,
    /// The times as a person says them, without the zone.
    pub words: String,
}

/// What the script is given for the slot at `at`: the argument of cron scripts (SPEC section 2).
pub(super) fn input(schedule: &Schedule, at: UnixMillis, last_run: Option<UnixMillis>) -> String {
    let zone = zone_of(schedule);
    let input = serde_json::json!({
        "scheduledTime": shown_in(&zone, at),
        "lastRun": last_run.map(|last| shown_in(&zone, last)),
        "timezone": schedule.setting.timezone,
    });
    input.to_string()
}

/// An expression that was saved, as a person says it; itself where it cannot be read any more.
pub(crate) fn in_words(expression: &str) -> String {
    Expression::stored(expression).map_or_else(|_| expression.to_owned(), |expression| expression.in_words())
}

/// A moment as RFC 3339, in whole seconds and with the zone's offset.
pub(super) fn shown(at: &Zoned) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
}

fn shown_in(zone: &TimeZone, at: UnixMillis) -> String {
    match Timestamp::from_millisecond(at.0) {
        Ok(timestamp) => shown(&timestamp.to_zoned(zone.clone())),
        Err(_) => at.to_rfc3339(),
    }
}
