//! The row of a schedule.

use domain::{ScriptName, UnixMillis};
use rusqlite::Row;

use super::{Backlog, NextSlot, Schedule, ScheduleSetting, SlotRange};
use crate::rows::{millis, optional_millis, optional_word, unreadable, word};

impl Schedule {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            tenant: word(row, "tenant_id")?,
            id: word(row, "id")?,
            script: word(row, "script_id")?,
            script_name: ScriptName::parse(row.get_ref("script_name")?.as_str()?).map_err(unreadable)?,
            setting: ScheduleSetting {
                expression: row.get("expression")?,
                timezone: row.get("timezone")?,
                overlap: word(row, "overlap")?,
                catch_up: word(row, "catch_up")?,
            },
            is_paused: row.get("is_paused")?,
            revision: row.get("revision")?,
            set_by: optional_word(row, "set_by")?,
            set_at: millis(row, "set_at")?,
            created_at: millis(row, "created_at")?,
            next: next(row)?,
            last_slot: optional_millis(row, "last_slot")?,
            last_run: optional_millis(row, "last_run")?,
            backlog: backlog(row)?,
        })
    }
}

fn next(row: &Row<'_>) -> rusqlite::Result<Option<NextSlot>> {
    let (slot, due_at) = (optional_millis(row, "next_slot")?, optional_millis(row, "due_at")?);
    Ok(slot.zip(due_at).map(|(slot, due_at)| NextSlot { slot, due_at }))
}

fn backlog(row: &Row<'_>) -> rusqlite::Result<Option<Backlog>> {
    let read = |column| -> rusqlite::Result<Option<UnixMillis>> { optional_millis(row, column) };
    let (from, to, due_at) = (read("backlog_from")?, read("backlog_to")?, read("backlog_due")?);
    Ok(match (from, to, due_at) {
        (Some(from), Some(to), Some(due_at)) => Some(Backlog { range: SlotRange { from, to }, due_at }),
        _ => None,
    })
}
