//! Schedules: which are due, and that each slot is decided once.

use database::{
    Backlog, BacklogPlace, CatchUpDecision, CatchUpRates, CatchUpStart, DatabaseError, Effects, NewBacklog,
    NewSchedule, NextSlot, Priority, QueueEntry, QueuedExecution, Schedule, ScheduleChange, ScheduleMade,
    ScheduleSetting, SlotDecision, SlotPlace, SlotRange, SlotStart, SlotStretch, SlotsPassed,
};
use domain::{CatchUp, Overlap, ScheduleId, SlotOutcome, SlotReason, UnixMillis};

use crate::stage::{NOW, Stage, ended, revision_of};

const HOUR: i64 = 3_600_000;

fn at(hours: i64) -> UnixMillis {
    UnixMillis(NOW.0 + hours * HOUR)
}

fn hour(hours: i64) -> Option<NextSlot> {
    Some(NextSlot { slot: at(hours), due_at: UnixMillis(at(hours).0 + 1_000) })
}

async fn schedule(stage: &Stage, overlap: Overlap) -> ScheduleId {
    let schedule = NewSchedule {
        id: ScheduleId::generate(),
        script: stage.home.script,
        setting: ScheduleSetting {
            expression: String::from("0 * * * *"),
            timezone: String::from("UTC"),
            overlap,
            catch_up: CatchUp::RunLatest,
        },
        set_by: Some(stage.home.user),
        set_at: NOW,
        next: hour(1),
    };
    let id = schedule.id;
    assert_eq!(stage.database.create_schedule(stage.home.tenant, schedule, 10).await.unwrap(), ScheduleMade::Made);
    id
}

fn read(stage: &Stage, id: ScheduleId) -> Schedule {
    stage.database.schedule(stage.home.tenant, id).unwrap()
}

fn place(stage: &Stage, id: ScheduleId, slot: UnixMillis) -> SlotPlace {
    SlotPlace { schedule: id, revision: read(stage, id).revision, slot }
}

fn start(stage: &Stage, id: ScheduleId, hours: i64) -> SlotStart {
    SlotStart { place: place(stage, id, at(hours)), next: hour(hours + 1), queued: stage.queued(), now: at(hours) }
}

async fn decide(stage: &Stage, start: SlotStart) -> SlotDecision {
    stage.database.start_slot(stage.home.tenant, start).await.unwrap()
}

fn outcomes(stage: &Stage, id: ScheduleId) -> Vec<(i64, u64, SlotOutcome)> {
    let slots = stage.database.list_schedule_slots(stage.home.tenant, id, None, 100).unwrap();
    slots.iter().rev().map(|slot| ((slot.slot.0 - NOW.0) / HOUR, slot.slots, slot.outcome)).collect()
}

const STARTED: SlotDecision = SlotDecision::Started { cancels: Vec::new() };

#[tokio::test]
async fn what_is_due_is_found_and_a_slot_moves_its_schedule_on() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::Parallel).await;
    assert!(stage.database.due_schedules(at(1), 10).unwrap().schedules.is_empty(), "its jitter has not passed");
    let due = stage.database.due_schedules(UnixMillis(at(1).0 + 1_000), 10).unwrap().schedules;
    assert_eq!(due.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), [id]);
    assert_eq!(decide(&stage, start(&stage, id, 1)).await, STARTED);
    let moved = read(&stage, id);
    assert_eq!((moved.next, moved.last_slot, moved.last_run), (hour(2), Some(at(1)), Some(at(1))));
    assert_eq!(outcomes(&stage, id), [(1, 1, SlotOutcome::Started)]);
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 1);
}

#[tokio::test]
async fn no_slot_is_started_twice() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::Parallel).await;
    let first = start(&stage, id, 1);
    assert_eq!(decide(&stage, first.clone()).await, STARTED);
    let again = SlotStart { queued: stage.queued(), ..first };
    assert_eq!(decide(&stage, again.clone()).await, SlotDecision::Moved);
    let stage = stage.restart();
    assert_eq!(decide(&stage, again.clone()).await, SlotDecision::Moved);
    // Also where somebody set the schedule back: the slot's own row stands.
    let schedule = read(&stage, id);
    let change = ScheduleChange {
        id,
        expected_revision: schedule.revision,
        expected_next: Some(at(2)),
        expected_backlog: None,
        setting: schedule.setting,
        is_paused: false,
        set_by: None,
        set_at: NOW,
        next: hour(1),
        given_up: Vec::new(),
        now: NOW,
    };
    assert!(stage.database.change_schedule(stage.home.tenant, change).await.unwrap().is_some());
    assert_eq!(decide(&stage, start(&stage, id, 1)).await, SlotDecision::Moved);
    assert_eq!(read(&stage, id).next, hour(2));
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 1);
}

#[tokio::test]
async fn a_slot_is_skipped_while_an_earlier_run_goes_on_and_started_after_it() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::Skip).await;
    assert_eq!(decide(&stage, start(&stage, id, 1)).await, STARTED);
    assert_eq!(decide(&stage, start(&stage, id, 2)).await, SlotDecision::Skipped);
    let claimed = stage.claim(at(3)).await.unwrap();
    assert_eq!(decide(&stage, start(&stage, id, 3)).await, SlotDecision::Skipped, "it is running");
    let commit = ended(stage.lease_of(&claimed), Effects::default());
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    assert_eq!(decide(&stage, start(&stage, id, 4)).await, STARTED);
    use SlotOutcome::{SkippedOverlap, Started};
    assert_eq!(
        outcomes(&stage, id),
        [(1, 1, Started), (2, 1, SkippedOverlap), (3, 1, SkippedOverlap), (4, 1, Started)]
    );
}

#[tokio::test]
async fn a_slot_that_cancels_those_before_it_names_them() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::CancelPrevious).await;
    let first = start(&stage, id, 1);
    let execution = first.queued.start.execution;
    decide(&stage, first).await;
    assert_eq!(decide(&stage, start(&stage, id, 2)).await, SlotDecision::Started { cancels: vec![execution] });
}

#[tokio::test]
async fn a_full_queue_leaves_the_slot_as_it_was() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::Skip).await;
    let full = start(&stage, id, 1);
    let entry = QueueEntry { queue_limit: 0, ..full.queued.entry.clone() };
    let full = SlotStart { queued: QueuedExecution { entry, ..full.queued }, ..full };
    let refused = stage.database.start_slot(stage.home.tenant, full).await;
    assert!(matches!(refused, Err(DatabaseError::QueueFull { limit: 0 })), "{refused:?}");
    assert_eq!(read(&stage, id).next, hour(1));
    assert_eq!(outcomes(&stage, id), []);
    stage.database.postpone_slot(stage.home.tenant, place(&stage, id, at(1)), at(2)).await.unwrap();
    assert_eq!(read(&stage, id).next, Some(NextSlot { slot: at(1), due_at: at(2) }));
}

fn passed(stage: &Stage, id: ScheduleId, (from, to): (i64, i64), reason: SlotReason) -> SlotsPassed {
    let outcome = match reason {
        SlotReason::Late => SlotOutcome::Missed,
        _ => SlotOutcome::SkippedPaused,
    };
    let slots = (to - from + 1) as u64;
    SlotsPassed {
        place: place(stage, id, at(from)),
        last: at(to),
        next: hour(to + 1),
        stretches: vec![SlotStretch {
            from: at(from),
            to: at(to),
            slots,
            outcome,
            reason,
            follows: Some(at(from - 1)),
        }],
        backlog: None,
        now: at(to),
    }
}

#[tokio::test]
async fn paused_and_missed_slots_are_one_row_until_something_else_becomes_of_one() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::Skip).await;
    let pass = async |from_to, reason| {
        let passed = passed(&stage, id, from_to, reason);
        assert!(stage.database.pass_slots(stage.home.tenant, passed.clone()).await.unwrap());
        assert!(!stage.database.pass_slots(stage.home.tenant, passed).await.unwrap(), "they are decided");
    };
    pass((1, 1), SlotReason::SchedulePaused).await;
    pass((2, 3), SlotReason::SchedulePaused).await;
    pass((4, 4), SlotReason::ScriptPaused).await;
    pass((5, 7), SlotReason::ScriptPaused).await;
    decide(&stage, start(&stage, id, 8)).await;
    pass((9, 9), SlotReason::ScriptPaused).await;
    pass((10, 12), SlotReason::Late).await;
    pass((13, 13), SlotReason::Late).await;
    use SlotOutcome::{Missed, SkippedPaused, Started};
    let expected =
        [(1, 3, SkippedPaused), (4, 4, SkippedPaused), (8, 1, Started), (9, 1, SkippedPaused), (10, 4, Missed)];
    assert_eq!(outcomes(&stage, id), expected);
}

fn range(from: i64, to: i64) -> SlotRange {
    SlotRange { from: at(from), to: at(to) }
}

/// Miss the slots until before the first of `ranges`, and have these to catch up. The one after the last is next.
fn backlog(stage: &Stage, id: ScheduleId, ranges: &[SlotRange]) -> SlotsPassed {
    let (first, last) = (ranges[0].from, ranges[ranges.len() - 1].to);
    let hours = (first.0 - NOW.0) / HOUR;
    let new = NewBacklog { expected_from: None, ranges: ranges.to_vec(), due_at: at(5) };
    let missed = passed(stage, id, (1, hours - 1), SlotReason::Late);
    SlotsPassed { last, next: hour((last.0 - NOW.0) / HOUR + 1), backlog: Some(new), ..missed }
}

const RATES: CatchUpRates = CatchUpRates { since: NOW, of_tenant: 9, of_all: 9 };

/// Catch up the slot of this hour, of a backlog whose first stretch goes to `to`.
fn catch_up(stage: &Stage, id: ScheduleId, (hours, to): (i64, i64), rates: CatchUpRates) -> CatchUpStart {
    let revision = read(stage, id).revision;
    CatchUpStart {
        place: BacklogPlace { schedule: id, revision, range: range(hours, to) },
        next: Some(at(hours + 1)).filter(|next| *next <= at(to)),
        queued: stage.queued(),
        rates,
        now: at(5),
    }
}

#[tokio::test]
async fn a_backlog_is_caught_up_one_run_after_another_and_within_the_rates() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Skip).await);
    assert!(stage.database.pass_slots(tenant, backlog(&stage, id, &[range(2, 4)])).await.unwrap());
    assert!(stage.database.schedules_to_catch_up(at(4), 10).unwrap().schedules.is_empty());
    let due = Some(Backlog { range: range(2, 4), due_at: at(5) });
    assert_eq!(stage.database.schedules_to_catch_up(at(5), 10).unwrap().schedules[0].backlog, due);
    let rates = CatchUpRates { since: at(4), of_tenant: 2, of_all: 10 };
    let catch_up = async |hours: i64, rates: CatchUpRates| {
        stage.database.start_catch_up(tenant, catch_up(&stage, id, (hours, 4), rates)).await.unwrap()
    };
    assert_eq!(catch_up(3, rates).await, CatchUpDecision::Moved, "the second is not the first");
    assert_eq!(catch_up(2, rates).await, CatchUpDecision::Started);
    assert_eq!(catch_up(2, rates).await, CatchUpDecision::Moved);
    assert_eq!(catch_up(3, rates).await, CatchUpDecision::PreviousRun);
    end_one(&stage).await;
    let none_left = CatchUpRates { of_all: 1, ..rates };
    assert_eq!(catch_up(3, none_left).await, CatchUpDecision::Rate);
    assert_eq!(catch_up(3, rates).await, CatchUpDecision::Started);
    end_one(&stage).await;
    assert_eq!(catch_up(4, rates).await, CatchUpDecision::TenantRate);
    let an_hour_later = CatchUpRates { since: at(5), ..rates };
    assert_eq!(catch_up(4, an_hour_later).await, CatchUpDecision::Started);
    assert_eq!(read(&stage, id).backlog, None);
    use SlotOutcome::{Missed, Started};
    assert_eq!(outcomes(&stage, id), [(1, 1, Missed), (2, 1, Started), (3, 1, Started), (4, 1, Started)]);
    assert_eq!(stage.database.last_started_slot(tenant, id, at(4)).unwrap(), Some(at(3)));
}

#[tokio::test]
async fn the_stretches_of_a_backlog_move_up_one_after_another() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Parallel).await);
    let ranges = [range(2, 3), range(6, 6), range(8, 9)];
    assert!(stage.database.pass_slots(tenant, backlog(&stage, id, &ranges)).await.unwrap());
    assert_eq!(stage.database.backlog_behind(tenant, id).unwrap(), ranges[1..]);
    for place in [(2, 3), (3, 3), (6, 6)] {
        let decision = stage.database.start_catch_up(tenant, catch_up(&stage, id, place, RATES)).await.unwrap();
        assert_eq!(decision, CatchUpDecision::Started, "{place:?}");
    }
    let schedule = read(&stage, id);
    assert_eq!(schedule.backlog.map(|backlog| backlog.range), Some(ranges[2]));
    let place = BacklogPlace { schedule: id, revision: schedule.revision, range: ranges[2] };
    let given_up = SlotStretch {
        from: at(8),
        to: at(9),
        slots: 2,
        outcome: SlotOutcome::SkippedPaused,
        reason: SlotReason::ScriptPaused,
        follows: Some(at(7)),
    };
    assert!(stage.database.give_up_backlog(tenant, place, given_up, at(9)).await.unwrap());
    assert!(!stage.database.give_up_backlog(tenant, place, given_up, at(9)).await.unwrap());
    assert_eq!(read(&stage, id).backlog, None);
    assert_eq!(outcomes(&stage, id).last(), Some(&(8, 2, SlotOutcome::SkippedPaused)));
}

#[tokio::test]
async fn a_step_that_saw_another_backlog_changes_nothing() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Parallel).await);
    assert!(stage.database.pass_slots(tenant, backlog(&stage, id, &[range(2, 4)])).await.unwrap());
    let seen = read(&stage, id);
    let caught_up = stage.database.start_catch_up(tenant, catch_up(&stage, id, (2, 4), RATES)).await.unwrap();
    assert_eq!(caught_up, CatchUpDecision::Started);
    let before = (read(&stage, id), outcomes(&stage, id));
    use SlotOutcome::{Missed, Started};
    // Somebody changes it who saw what was to be caught up before that.
    let given_up = SlotStretch {
        from: at(2),
        to: at(4),
        slots: 3,
        outcome: Missed,
        reason: SlotReason::Superseded,
        follows: Some(at(1)),
    };
    let change = ScheduleChange {
        id,
        expected_revision: seen.revision,
        expected_next: seen.next.map(|next| next.slot),
        expected_backlog: Some(at(2)),
        setting: seen.setting.clone(),
        is_paused: false,
        set_by: None,
        set_at: at(5),
        next: hour(7),
        given_up: vec![given_up],
        now: at(5),
    };
    assert_eq!(stage.database.change_schedule(tenant, change.clone()).await.unwrap(), None);
    // And the scheduler, and whoever catches up.
    let late = passed(&stage, id, (5, 5), SlotReason::Late);
    let joined = NewBacklog { expected_from: Some(at(2)), ranges: vec![range(2, 5)], due_at: at(6) };
    let late = SlotsPassed { stretches: Vec::new(), backlog: Some(joined), ..late };
    assert!(!stage.database.pass_slots(tenant, late).await.unwrap());
    let place = BacklogPlace { schedule: id, revision: seen.revision, range: range(2, 4) };
    assert!(!stage.database.give_up_backlog(tenant, place, given_up, at(6)).await.unwrap());
    assert_eq!((read(&stage, id), outcomes(&stage, id)), before);
    // As it is, it can be changed.
    let rest = SlotStretch { from: at(3), slots: 2, follows: Some(at(2)), ..given_up };
    let change = ScheduleChange { expected_backlog: Some(at(3)), given_up: vec![rest], ..change };
    assert!(stage.database.change_schedule(tenant, change).await.unwrap().is_some());
    assert_eq!(outcomes(&stage, id), [(1, 1, Missed), (2, 1, Started), (3, 2, Missed)]);
    assert_eq!(read(&stage, id).backlog, None);
}

#[tokio::test]
async fn no_slot_is_decided_again_not_even_as_one_of_a_stretch() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Parallel).await);
    assert!(stage.database.pass_slots(tenant, passed(&stage, id, (1, 3), SlotReason::Late)).await.unwrap());
    // Somebody sets the schedule back into what was decided.
    let seen = read(&stage, id);
    let change = ScheduleChange {
        id,
        expected_revision: seen.revision,
        expected_next: Some(at(4)),
        expected_backlog: None,
        setting: seen.setting,
        is_paused: false,
        set_by: None,
        set_at: NOW,
        next: hour(2),
        given_up: Vec::new(),
        now: NOW,
    };
    assert!(stage.database.change_schedule(tenant, change).await.unwrap().is_some());
    let again = stage.database.pass_slots(tenant, passed(&stage, id, (2, 5), SlotReason::Late)).await;
    assert!(matches!(again, Err(DatabaseError::Corrupt { .. })), "{again:?}");
    assert_eq!(read(&stage, id).next, hour(2), "nothing was written");
    assert_eq!(decide(&stage, start(&stage, id, 2)).await, SlotDecision::Moved);
    assert_eq!(outcomes(&stage, id), [(1, 3, SlotOutcome::Missed)]);
}

#[tokio::test]
async fn a_run_that_catches_up_keeps_no_slot_from_running_until_it_has_begun() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Skip).await);
    assert!(stage.database.pass_slots(tenant, backlog(&stage, id, &[range(2, 2)])).await.unwrap());
    let mut caught_up = catch_up(&stage, id, (2, 2), RATES);
    caught_up.queued.entry.priority = Priority::CatchUp;
    let execution = caught_up.queued.start.execution;
    assert_eq!(stage.database.start_catch_up(tenant, caught_up).await.unwrap(), CatchUpDecision::Started);
    assert_eq!(decide(&stage, start(&stage, id, 3)).await, STARTED, "it waits behind live work");
    assert_eq!(decide(&stage, start(&stage, id, 4)).await, SlotDecision::Skipped, "a live run waits");
    end_one(&stage).await;
    let begun = stage.claim(at(6)).await.unwrap();
    assert_eq!(begun.execution, execution);
    assert_eq!(decide(&stage, start(&stage, id, 5)).await, SlotDecision::Skipped, "it has begun");
    let commit = ended(stage.lease_of(&begun), Effects::default());
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    assert_eq!(decide(&stage, start(&stage, id, 6)).await, STARTED);
}

async fn end_one(stage: &Stage) {
    let claimed = stage.claim(at(6)).await.unwrap();
    let commit = ended(stage.lease_of(&claimed), Effects::default());
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
}

#[tokio::test]
async fn a_tenant_has_as_many_schedules_as_it_may_have_and_no_more() {
    let stage = Stage::set().await;
    let id = schedule(&stage, Overlap::Skip).await;
    let first = read(&stage, id);
    let another = |script| NewSchedule {
        id: ScheduleId::generate(),
        script,
        setting: first.setting.clone(),
        set_by: None,
        set_at: NOW,
        next: None,
    };
    let made = stage.database.create_schedule(stage.home.tenant, another(stage.home.script), 1).await.unwrap();
    assert_eq!(made, ScheduleMade::QuotaUsed);
    let unknown = stage.database.create_schedule(stage.home.tenant, another(stage.other.script), 2).await;
    assert!(matches!(unknown, Err(DatabaseError::NotFound)), "{unknown:?}");
    assert_eq!(stage.database.list_schedules(stage.home.tenant, None, None, 10).unwrap(), [first]);
}

#[tokio::test]
async fn schedules_of_another_tenant_are_not_found() {
    let stage = Stage::set().await;
    let (stranger, id) = (stage.other.tenant, schedule(&stage, Overlap::Skip).await);
    let not_found =
        |result: Result<(), DatabaseError>| assert!(matches!(result, Err(DatabaseError::NotFound)), "{result:?}");
    not_found(stage.database.schedule(stranger, id).map(drop));
    not_found(stage.database.delete_schedule(stranger, id, None).await);
    assert!(stage.database.list_schedules(stranger, None, None, 10).unwrap().is_empty());
    assert!(stage.database.list_schedules(stranger, Some(stage.home.script), None, 10).unwrap().is_empty());
    assert_eq!(stage.database.start_slot(stranger, start(&stage, id, 1)).await.unwrap(), SlotDecision::Moved);
    let of_stranger = passed(&stage, id, (1, 1), SlotReason::Late);
    assert!(!stage.database.pass_slots(stranger, of_stranger).await.unwrap());
    decide(&stage, start(&stage, id, 1)).await;
    assert!(stage.database.list_schedule_slots(stranger, id, None, 10).unwrap().is_empty());
    assert_eq!(stage.database.purge_schedule_slots(stranger, at(100), 10).await.unwrap(), 0);
    assert_eq!(read(&stage, id).next, hour(2));
}

#[tokio::test]
async fn slots_of_long_ago_go_in_steps_and_those_that_run_stay() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Skip).await);
    for (hours, reason) in
        [SlotReason::Late, SlotReason::Superseded, SlotReason::Late, SlotReason::Superseded].into_iter().enumerate()
    {
        let hours = hours as i64 + 1;
        stage.database.pass_slots(tenant, passed(&stage, id, (hours, hours), reason)).await.unwrap();
    }
    decide(&stage, start(&stage, id, 5)).await;
    assert_eq!(stage.database.purge_schedule_slots(tenant, at(4), 2).await.unwrap(), 2);
    assert_eq!(stage.database.purge_schedule_slots(tenant, at(4), 2).await.unwrap(), 1);
    assert_eq!(stage.database.purge_schedule_slots(tenant, at(4), 2).await.unwrap(), 0);
    assert_eq!(stage.database.purge_schedule_slots(tenant, at(100), 10).await.unwrap(), 1);
    assert_eq!(outcomes(&stage, id), [(5, 1, SlotOutcome::Started)]);
}

#[tokio::test]
async fn a_change_of_something_else_than_was_seen_changes_nothing() {
    let stage = Stage::set().await;
    let (tenant, id) = (stage.home.tenant, schedule(&stage, Overlap::Skip).await);
    let seen = read(&stage, id);
    let change = ScheduleChange {
        id,
        expected_revision: seen.revision,
        expected_next: Some(at(1)),
        expected_backlog: None,
        setting: ScheduleSetting { overlap: Overlap::Queue, ..seen.setting.clone() },
        is_paused: true,
        set_by: None,
        set_at: at(1),
        next: hour(7),
        given_up: Vec::new(),
        now: at(1),
    };
    decide(&stage, start(&stage, id, 1)).await;
    assert_eq!(stage.database.change_schedule(tenant, change.clone()).await.unwrap(), None);
    let change = ScheduleChange { expected_next: Some(at(2)), ..change };
    let revision = stage.database.change_schedule(tenant, change.clone()).await.unwrap().unwrap();
    let changed = read(&stage, id);
    assert_eq!((changed.revision, changed.next, changed.is_paused), (revision, hour(7), true));
    let stale = stage.database.change_schedule(tenant, change).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { current }) if current == revision), "{stale:?}");
    let old = SlotPlace { schedule: id, revision: seen.revision, slot: at(7) };
    let unseen = SlotStart { place: old, ..start(&stage, id, 7) };
    assert_eq!(decide(&stage, unseen).await, SlotDecision::Moved, "what is started is what was said last");
    let stale = stage.database.delete_schedule(tenant, id, Some(seen.revision)).await;
    assert!(matches!(stale, Err(DatabaseError::Stale { .. })), "{stale:?}");
    stage.database.delete_schedule(tenant, id, Some(revision)).await.unwrap();
    assert!(stage.database.list_schedule_slots(tenant, id, None, 10).unwrap().is_empty());
}

#[tokio::test]
async fn a_schedule_whose_row_cannot_be_read_is_paused_and_keeps_nobody_elses_waiting() {
    let stage = Stage::set().await;
    let (broken, whole) = (schedule(&stage, Overlap::Parallel).await, schedule(&stage, Overlap::Parallel).await);
    stage.tamper("UPDATE schedules SET created_at = 'never', due_at = 0 WHERE id = ?1", &broken.to_string());
    let now = UnixMillis(at(1).0 + 1_000);
    let due = || stage.database.due_schedules(now, 10).unwrap();
    assert_eq!(due().schedules.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), [whole]);
    let unreadable = due().unreadable;
    assert_eq!(unreadable, [[stage.home.tenant.to_string(), broken.to_string()]]);
    stage.database.pause_unreadable_schedules(unreadable).await.unwrap();
    assert_eq!((due().schedules.len(), due().unreadable.len()), (1, 0));
    let listed = stage.database.list_schedules(stage.home.tenant, None, None, 10).unwrap();
    assert_eq!(listed.iter().map(|schedule| schedule.id).collect::<Vec<_>>(), [whole]);
    stage.database.delete_schedule(stage.home.tenant, broken, None).await.unwrap();
}

#[tokio::test]
async fn what_is_due_of_a_tenant_is_put_off_together_and_of_nobody_else() {
    let stage = Stage::set().await;
    for _ in 0..3 {
        schedule(&stage, Overlap::Parallel).await;
    }
    let now = UnixMillis(at(1).0 + 1_000);
    stage.database.postpone_slots(stage.other.tenant, now, at(2)).await.unwrap();
    assert_eq!(stage.database.due_schedules(now, 10).unwrap().schedules.len(), 3);
    stage.database.postpone_slots(stage.home.tenant, now, at(2)).await.unwrap();
    assert!(stage.database.due_schedules(now, 10).unwrap().schedules.is_empty());
    let due = stage.database.due_schedules(at(2), 10).unwrap().schedules;
    assert!(due.iter().all(|schedule| schedule.next.is_some_and(|next| next.slot == at(1))), "the slots are the same");
    assert_eq!(due.len(), 3);
}
