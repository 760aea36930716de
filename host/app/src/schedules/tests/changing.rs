//! Changing, pausing and removing a schedule while its slots come due.

use super::*;

const T0: &str = "2031-07-01T00:30:00Z";

#[tokio::test]
async fn a_paused_schedule_skips_its_slots_until_it_is_resumed() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    stage.tick_when_due(id).await;
    stage.pause(id, true, at("2031-07-01T01:30:00Z")).await;
    assert!(stage.read(id).is_paused);
    stage.tick_when_due(id).await;
    stage.tick_when_due(id).await;
    // Two more come due with nobody to see it: resuming decides of them first.
    stage.pause(id, false, at("2031-07-01T05:30:00Z")).await;
    stage.tick_when_due(id).await;
    let paused = passed("2031-07-01T02:00:00+00:00", 4, SlotOutcome::SkippedPaused, SlotReason::SchedulePaused);
    let expected = [started("2031-07-01T01:00:00+00:00"), paused, started("2031-07-01T06:00:00+00:00")];
    assert_eq!(stage.slots(id), expected);
}

#[tokio::test]
async fn what_was_due_before_a_change_is_decided_under_what_was_said_before() {
    let stage = Stage::set().await;
    let id = stage.schedule(ScheduleInput { catch_up: CatchUp::Skip, ..hourly() }, at(T0)).await;
    let patch = SchedulePatch { expression: Some(String::from("15 * * * *")), ..SchedulePatch::default() };
    let view = stage.patch(id, patch, at("2031-07-01T03:30:00Z")).await;
    assert_eq!(view.next_run.as_deref(), Some("2031-07-01T04:15:00+00:00"));
    stage.tick_when_due(id).await;
    let missed = passed("2031-07-01T01:00:00+00:00", 3, SlotOutcome::Missed, SlotReason::Late);
    assert_eq!(stage.slots(id), [missed, started("2031-07-01T04:15:00+00:00")]);
}

#[tokio::test]
async fn a_change_gives_up_what_was_still_to_be_caught_up() {
    let stage = Stage::set().await;
    let catching = ScheduleInput { catch_up: CatchUp::RunAll, overlap: Overlap::Skip, ..hourly() };
    let id = stage.schedule(catching, at(T0)).await;
    stage.schedules().tick(at("2031-07-01T04:30:00Z")).await;
    let patch = SchedulePatch { timezone: Some(String::from("Asia/Tokyo")), ..SchedulePatch::default() };
    stage.patch(id, patch, at("2031-07-01T04:30:10Z")).await;
    let superseded = passed("2031-07-01T11:00:00+09:00", 3, SlotOutcome::Missed, SlotReason::Superseded);
    assert_eq!(stage.slots(id), [started("2031-07-01T10:00:00+09:00"), superseded]);
    assert_eq!(stage.read(id).backlog, None);
}

#[tokio::test]
async fn whoever_changes_a_schedule_has_set_it_and_whoever_pauses_it_has_not() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let somebody = Principal { actor: Actor::Local, ..stage.principal.clone() };
    let schedules = stage.schedules();
    let paused = SchedulePatch { is_paused: Some(true), ..SchedulePatch::default() };
    schedules.change_at(&somebody, id, unseen(paused), at(T0)).await.unwrap();
    assert_eq!(stage.read(id).set_by, stage.principal.user());
    let overlap = SchedulePatch { overlap: Some(Overlap::Queue), ..SchedulePatch::default() };
    schedules.change_at(&somebody, id, unseen(overlap), later(at(T0), 1)).await.unwrap();
    let changed = stage.read(id);
    assert_eq!((changed.set_by, changed.set_at, changed.is_paused), (None, later(at(T0), 1), true));
}

#[tokio::test]
async fn a_change_of_what_somebody_else_changed_is_refused() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let seen = stage.read(id).revision;
    stage.pause(id, true, at(T0)).await;
    let patch = SchedulePatch { overlap: Some(Overlap::Queue), ..SchedulePatch::default() };
    let stale = stage.schedules().change(&stage.principal, id, Some(seen), patch).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })), "{stale:?}");
    let stale = stage.schedules().delete(&stage.principal, id, Some(seen)).await;
    assert!(matches!(stale, Err(AppError::Stale { .. })), "{stale:?}");
}

#[tokio::test]
async fn a_wrong_change_changes_nothing() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let before = stage.read(id);
    for patch in [
        SchedulePatch { expression: Some(String::from("0 0 30 2 *")), ..SchedulePatch::default() },
        SchedulePatch { timezone: Some(String::from("Mars/Olympus")), ..SchedulePatch::default() },
    ] {
        let refused = stage.schedules().change_at(&stage.principal, id, unseen(patch), at(T0)).await;
        assert!(matches!(refused, Err(AppError::Invalid(_))), "{refused:?}");
    }
    assert_eq!(stage.read(id), before);
}

#[tokio::test]
async fn a_removed_schedule_is_not_due_and_one_of_a_removed_script_is_gone() {
    let stage = Stage::set().await;
    let removed = stage.schedule(hourly(), at(T0)).await;
    let orphan = stage.schedule(hourly(), at(T0)).await;
    stage.schedules().delete(&stage.principal, removed, None).await.unwrap();
    stage.app.scripts().delete(&stage.principal, &named("report")).await.unwrap();
    stage.schedules().tick(at("2031-07-01T02:00:00Z")).await;
    for id in [removed, orphan] {
        assert!(matches!(stage.schedules().get(&stage.principal, id), Err(AppError::NotFound { what: "schedule" })));
    }
}

#[tokio::test]
async fn a_change_while_a_slot_waits_for_a_full_queue_leaves_no_slot_without_a_row() {
    let stage = Stage::set_with(|mut config| {
        config.quotas.queued_executions = 1;
        config
    })
    .await;
    let (first, id) = (stage.schedule(hourly(), at(T0)).await, stage.schedule(hourly(), at(T0)).await);
    let now = at("2031-07-01T01:00:30Z");
    stage.schedules().tick(now).await;
    let waits = [first, id].into_iter().find(|id| stage.slots(*id).is_empty()).unwrap();
    let patch = SchedulePatch { expression: Some(String::from("15 * * * *")), ..SchedulePatch::default() };
    stage.patch(waits, patch, now).await;
    let superseded = passed("2031-07-01T01:00:00+00:00", 1, SlotOutcome::Missed, SlotReason::Superseded);
    assert_eq!(stage.slots(waits), [superseded]);
    assert_eq!(stage.read(waits).next.unwrap().slot, at("2031-07-01T01:15:00Z"));
    // Pausing never waits for a queue either.
    let other = stage.schedule(hourly(), at("2031-07-01T01:59:00Z")).await;
    stage.pause(other, true, at("2031-07-01T02:00:30Z")).await;
    assert!(stage.read(other).is_paused);
    stage.schedules().tick(at("2031-07-01T02:00:40Z")).await;
    let paused = passed("2031-07-01T02:00:00+00:00", 1, SlotOutcome::SkippedPaused, SlotReason::SchedulePaused);
    assert_eq!(stage.slots(other), [paused]);
}
