//! Slots that came due while nobody was there, and clocks that jump.

use super::*;

const T0: &str = "2031-05-01T00:30:00Z";

async fn after_a_night(catch_up: CatchUp) -> (Stage, ScheduleId) {
    let stage = Stage::set().await;
    let id = stage.schedule(ScheduleInput { catch_up, ..hourly() }, at(T0)).await;
    stage.schedules().tick(at("2031-05-01T09:45:00Z")).await;
    (stage, id)
}

fn missed(time: &str, slots: u64, reason: SlotReason) -> (String, u64, SlotOutcome, Option<SlotReason>) {
    passed(time, slots, SlotOutcome::Missed, reason)
}

#[tokio::test]
async fn missed_slots_are_left_out_in_one_row() {
    let (stage, id) = after_a_night(CatchUp::Skip).await;
    assert_eq!(stage.slots(id), [missed("2031-05-01T01:00:00+00:00", 9, SlotReason::Late)]);
    assert!(stage.executions(ExecutionStatus::Pending).is_empty());
    assert_eq!(stage.read(id).next.unwrap().slot, at("2031-05-01T10:00:00Z"));
}

#[tokio::test]
async fn the_latest_missed_slot_runs_behind_live_work() {
    let (stage, id) = after_a_night(CatchUp::RunLatest).await;
    let expected = [missed("2031-05-01T01:00:00+00:00", 8, SlotReason::Late), started("2031-05-01T09:00:00+00:00")];
    assert_eq!(stage.slots(id), expected);
    let slot = &stage.schedules().slots(&stage.principal, id, None, 1).unwrap()[0].slot;
    assert!(slot.is_catch_up);
    // Something live that is accepted after it is taken before it.
    let live = stage.tick_when_due(id).await;
    let database = &stage.app.inner.database;
    let (tenant, epoch) = (stage.principal.tenant, database.epoch());
    let claim = database::Claim { tenant, epoch, now: live, lease_until: later(live, MINUTE), reserved_fuel: 0 };
    let database::Taken::Execution(first) = database.claim_execution(claim).await.unwrap() else { panic!("nothing") };
    let slots = stage.schedules().slots(&stage.principal, id, None, 1).unwrap();
    assert_eq!(slots[0].slot.execution, Some(first.execution));
}

#[tokio::test]
async fn the_latest_slot_is_no_missed_one_where_one_is_due_now() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    stage.schedules().tick(at("2031-05-01T05:00:31Z")).await;
    let expected = [missed("2031-05-01T01:00:00+00:00", 4, SlotReason::Late), started("2031-05-01T05:00:00+00:00")];
    assert_eq!(stage.slots(id), expected);
    assert!(!stage.schedules().slots(&stage.principal, id, None, 1).unwrap()[0].slot.is_catch_up);
}

#[tokio::test]
async fn all_missed_slots_run_one_after_another_with_the_oldest_first() {
    let stage = Stage::set().await;
    let catching = ScheduleInput { catch_up: CatchUp::RunAll, overlap: Overlap::Skip, ..hourly() };
    let id = stage.schedule(catching, at(T0)).await;
    let mut now = at("2031-05-01T04:30:00Z");
    stage.schedules().tick(now).await;
    assert_eq!(stage.slots(id), [started("2031-05-01T01:00:00+00:00")]);
    stage.schedules().tick(later(now, 1_000)).await;
    assert_eq!(stage.slots(id).len(), 1, "the first goes on");
    for _ in 0..3 {
        stage.end_all().await;
        now = later(now, 10_000);
        stage.schedules().tick(now).await;
    }
    let expected = ["01", "02", "03", "04"].map(|hour| started(&format!("2031-05-01T{hour}:00:00+00:00")));
    assert_eq!(stage.slots(id), expected);
    assert_eq!(stage.inputs()[0]["lastRun"], "2031-05-01T03:00:00+00:00");
    assert_eq!(stage.read(id).backlog, None);
}

#[tokio::test]
async fn no_more_than_a_hundred_are_caught_up_and_the_rest_is_counted() {
    let stage = Stage::set().await;
    let catching = ScheduleInput { catch_up: CatchUp::RunAll, ..input("* * * * *", "UTC") };
    let id = stage.schedule(catching, at(T0)).await;
    let mut now = at("2031-05-11T00:30:30Z");
    // A minute of its own is due too, and goes first.
    for _ in 0..200 {
        stage.schedules().tick(now).await;
        now = later(now, 1_000);
    }
    let slots = stage.slots(id);
    let ten_days = 10 * 24 * 60 - 1;
    assert_eq!(slots[0], missed("2031-05-01T00:31:00+00:00", ten_days - 100, SlotReason::CatchUpLimit));
    let views = stage.schedules().slots(&stage.principal, id, None, 1_000).unwrap();
    let caught_up: Vec<&SlotView> = views.iter().filter(|view| view.slot.is_catch_up).collect();
    assert_eq!(caught_up.len(), 100);
    assert_eq!(caught_up[0].scheduled_time, "2031-05-11T00:29:00+00:00");
}

#[tokio::test]
async fn catching_up_keeps_to_the_rates_of_the_tenant_and_of_all() {
    let stage = Stage::set_with(|mut config| {
        config.schedules.catch_up_per_minute = 3;
        config.schedules.catch_up_per_minute_of_all = 4;
        config
    })
    .await;
    let other = Stage { app: stage.app.clone(), principal: member_of_new_tenant(&stage.app, "other").await };
    other.deploy("report").await;
    for tenant in [&stage, &other] {
        for _ in 0..10 {
            tenant.schedule(hourly(), at(T0)).await;
        }
    }
    let caught_up = |tenant: &Stage| tenant.executions(ExecutionStatus::Pending).len();
    let start = at("2031-05-01T09:45:00Z");
    for second in 0..60 {
        stage.schedules().tick(later(start, second * 1_000)).await;
        assert!(caught_up(&stage) <= 3 && caught_up(&other) <= 3, "second {second}");
        assert!(caught_up(&stage) + caught_up(&other) <= 4, "second {second}");
    }
    assert_eq!(caught_up(&stage) + caught_up(&other), 4);
    for second in 60..600 {
        stage.schedules().tick(later(start, second * 1_000)).await;
    }
    assert_eq!((caught_up(&stage), caught_up(&other)), (10, 10), "in the end everything is caught up");
}

/// End what goes on, and let the next go, until nothing is left to be caught up.
async fn catch_up_all(stage: &Stage, id: ScheduleId, from: UnixMillis) -> UnixMillis {
    let mut now = from;
    while stage.read(id).backlog.is_some() {
        stage.end_all().await;
        now = later(now, 10_000);
        stage.schedules().tick(now).await;
    }
    now
}

#[tokio::test]
async fn slots_that_are_missed_while_others_are_caught_up_are_caught_up_behind_them() {
    let stage = Stage::set().await;
    let catching = ScheduleInput { catch_up: CatchUp::RunAll, overlap: Overlap::Skip, ..hourly() };
    let id = stage.schedule(catching, at(T0)).await;
    stage.schedules().tick(at("2031-05-01T03:30:00Z")).await;
    // The server is away before the other two are done; one slot is there in time, and then it is away once more.
    stage.schedules().tick(at("2031-05-01T05:30:00Z")).await;
    stage.tick_when_due(id).await;
    stage.schedules().tick(at("2031-05-01T08:30:00Z")).await;
    let backlog = stage.app.inner.backlog_of(&stage.read(id)).unwrap();
    let range = |from: &str, to: &str| SlotRange { from: at(from), to: at(to) };
    let touching = range("2031-05-01T02:00:00Z", "2031-05-01T05:00:00Z");
    assert_eq!(backlog, [touching, range("2031-05-01T07:00:00Z", "2031-05-01T08:00:00Z")]);
    catch_up_all(&stage, id, at("2031-05-01T08:30:00Z")).await;
    let expected =
        ["01", "02", "03", "04", "05", "06", "07", "08"].map(|hour| started(&format!("2031-05-01T{hour}:00:00+00:00")));
    assert_eq!(stage.slots(id), expected);
    let views = stage.schedules().slots(&stage.principal, id, None, 100).unwrap();
    assert_eq!(views.iter().filter(|view| !view.slot.is_catch_up).count(), 1);
}

#[tokio::test]
async fn of_slots_that_were_missed_at_several_times_the_last_hundred_are_caught_up() {
    let stage = Stage::set().await;
    let catching = ScheduleInput { catch_up: CatchUp::RunAll, overlap: Overlap::Skip, ..hourly() };
    let id = stage.schedule(catching, at(T0)).await;
    let mut now = later(at(T0), 80 * HOUR);
    stage.schedules().tick(now).await;
    stage.tick_when_due(id).await;
    now = later(now, 51 * HOUR);
    stage.schedules().tick(now).await;
    now = catch_up_all(&stage, id, now).await;
    let slots = stage.slots(id);
    // 80, of which one was started at once, and 50 behind the one that was in time.
    let limit = missed("2031-05-01T02:00:00+00:00", 29, SlotReason::CatchUpLimit);
    assert_eq!(slots[..2], [started("2031-05-01T01:00:00+00:00"), limit]);
    assert!(slots[2..].iter().all(|slot| slot.2 == SlotOutcome::Started));
    assert_eq!(slots.len() as u64, 131 - 28);
    stage.end_all().await;
    stage.schedules().tick(later(now, 10_000)).await;
    assert_eq!(stage.slots(id), slots);
}

#[tokio::test]
async fn the_latest_missed_slot_stands_for_those_that_were_to_be_caught_up_before_it() {
    let stage = Stage::set().await;
    let id = stage.schedule(ScheduleInput { overlap: Overlap::Skip, ..hourly() }, at(T0)).await;
    stage.tick_when_due(id).await;
    stage.schedules().tick(at("2031-05-01T04:30:00Z")).await;
    stage.schedules().tick(at("2031-05-01T06:30:00Z")).await;
    catch_up_all(&stage, id, at("2031-05-01T06:30:00Z")).await;
    let expected = [
        started("2031-05-01T01:00:00+00:00"),
        missed("2031-05-01T02:00:00+00:00", 2, SlotReason::Late),
        missed("2031-05-01T04:00:00+00:00", 1, SlotReason::Superseded),
        missed("2031-05-01T05:00:00+00:00", 1, SlotReason::Late),
        started("2031-05-01T06:00:00+00:00"),
    ];
    assert_eq!(stage.slots(id), expected);
}

#[tokio::test]
async fn missed_slots_that_follow_one_another_are_one_row_however_often_the_server_was_away() {
    let (stage, id) = after_a_night(CatchUp::Skip).await;
    stage.schedules().tick(at("2031-05-01T12:45:00Z")).await;
    stage.schedules().tick(at("2031-05-03T00:45:00Z")).await;
    assert_eq!(stage.slots(id), [missed("2031-05-01T01:00:00+00:00", 48, SlotReason::Late)]);
}

#[tokio::test]
async fn a_waiting_run_that_catches_up_lets_live_slots_of_its_line_pass() {
    let stage = Stage::set().await;
    let id = stage.schedule(ScheduleInput { overlap: Overlap::Queue, ..hourly() }, at(T0)).await;
    stage.schedules().tick(at("2031-05-01T04:30:00Z")).await;
    assert_eq!(stage.slots(id).last(), Some(&started("2031-05-01T04:00:00+00:00")));
    let now = stage.tick_when_due(id).await;
    let slots = stage.schedules().slots(&stage.principal, id, None, 2).unwrap();
    assert_eq!((slots[0].slot.is_catch_up, slots[1].slot.is_catch_up), (false, true));
    let database = &stage.app.inner.database;
    let claim = database::Claim {
        tenant: stage.principal.tenant,
        epoch: database.epoch(),
        now,
        lease_until: later(now, MINUTE),
        reserved_fuel: 0,
    };
    let database::Taken::Execution(first) = database.claim_execution(claim).await.unwrap() else { panic!("nothing") };
    assert_eq!(slots[0].slot.execution, Some(first.execution));
    assert_eq!(database.claim_execution(claim).await.unwrap(), database::Taken::Nothing, "one after another");
}

#[tokio::test]
async fn a_full_queue_is_asked_once_for_all_that_its_tenant_has_to_catch_up() {
    let stage = Stage::set_with(|mut config| {
        config.quotas.queued_executions = 1;
        config
    })
    .await;
    for _ in 0..20 {
        stage.schedule(hourly(), at(T0)).await;
    }
    let (now, database) = (at("2031-05-01T09:45:00Z"), &stage.app.inner.database);
    stage.schedules().tick(now).await;
    assert_eq!(stage.executions(ExecutionStatus::Pending).len(), 1, "there is room for one");
    assert!(database.schedules_to_catch_up(later(now, 4_999), 100).unwrap().schedules.is_empty());
    assert_eq!(database.schedules_to_catch_up(later(now, 5_000), 100).unwrap().schedules.len(), 19);
}

#[tokio::test]
async fn a_backlog_of_a_paused_script_is_skipped() {
    let stage = Stage::set().await;
    let catching = ScheduleInput { catch_up: CatchUp::RunAll, overlap: Overlap::Skip, ..hourly() };
    let id = stage.schedule(catching, at(T0)).await;
    stage.schedules().tick(at("2031-05-01T04:30:00Z")).await;
    stage.set_active(Some(false)).await;
    stage.schedules().tick(at("2031-05-01T04:31:00Z")).await;
    let paused = passed("2031-05-01T02:00:00+00:00", 3, SlotOutcome::SkippedPaused, SlotReason::ScriptPaused);
    assert_eq!(stage.slots(id), [started("2031-05-01T01:00:00+00:00"), paused]);
    assert_eq!(stage.read(id).backlog, None);
}

#[tokio::test]
async fn a_clock_that_jumps_forward_and_back_starts_nothing_twice() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    stage.tick_when_due(id).await;
    stage.schedules().tick(at("2032-05-01T00:30:00Z")).await;
    let after_the_jump = stage.slots(id);
    let year = 366 * 24;
    let expected = [
        started("2031-05-01T01:00:00+00:00"),
        missed("2031-05-01T02:00:00+00:00", year - 2, SlotReason::Late),
        started("2032-05-01T00:00:00+00:00"),
    ];
    assert_eq!(after_the_jump, expected);
    for day in 0..30 {
        stage.schedules().tick(later(at(T0), day * DAY)).await;
    }
    assert_eq!(stage.slots(id), after_the_jump);
    // Another expression does not go behind what was decided either.
    let patch = SchedulePatch { expression: Some(String::from("30 * * * *")), ..SchedulePatch::default() };
    let view = stage.patch(id, patch, at("2031-06-01T00:00:00Z")).await;
    assert_eq!(view.next_run.as_deref(), Some("2032-05-01T00:30:00+00:00"));
}
