//! Slots that come due: what is started, with which input and whose rights, and what is skipped.

use domain::{Concurrency, RunPolicy, WhenFull};
use serde_json::json;

use super::*;

const T0: &str = "2031-03-30T00:30:00Z";

#[tokio::test]
async fn a_slot_is_started_when_it_is_due_and_never_again() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let next = stage.read(id).next.unwrap();
    assert_eq!(next.slot, at("2031-03-30T01:00:00Z"));
    stage.schedules().tick(UnixMillis(next.due_at.0 - 1)).await;
    assert_eq!(stage.slots(id), []);
    let due_at = stage.tick_when_due(id).await;
    for moment in [due_at, later(due_at, 1), later(due_at, -DAY), due_at, later(due_at, 30 * MINUTE)] {
        stage.schedules().tick(moment).await;
    }
    assert_eq!(stage.slots(id), [started("2031-03-30T01:00:00+00:00")]);
    let executions = stage.executions(ExecutionStatus::Pending);
    assert_eq!(executions.len(), 1);
    let execution = &executions[0];
    assert_eq!((execution.trigger, execution.actor, execution.accepted_at), (Trigger::Cron, Actor::System, due_at));
    assert_eq!(execution.binding, stage.principal.user(), "its rights are those of who set the schedule");
    let slot = &stage.schedules().slots(&stage.principal, id, None, 10).unwrap()[0].slot;
    assert_eq!((slot.execution, slot.is_catch_up), (Some(execution.id), false));
}

#[tokio::test]
async fn a_script_is_given_its_time_the_run_before_it_and_the_zone() {
    let stage = Stage::set().await;
    let id = stage.schedule(input("30 1,2 * * *", "Europe/Berlin"), at("2031-03-29T23:00:00Z")).await;
    for _ in 0..3 {
        stage.tick_when_due(id).await;
    }
    let berlin = "Europe/Berlin";
    let expected = [
        json!({ "scheduledTime": "2031-03-30T01:30:00+01:00", "lastRun": null, "timezone": berlin }),
        json!({ "scheduledTime": "2031-03-30T03:00:00+02:00", "lastRun": "2031-03-30T01:30:00+01:00", "timezone": berlin }),
        json!({ "scheduledTime": "2031-03-31T01:30:00+02:00", "lastRun": "2031-03-30T03:00:00+02:00", "timezone": berlin }),
    ];
    assert_eq!(stage.inputs(), expected);
}

#[tokio::test]
async fn a_slot_is_skipped_while_the_run_before_it_goes_on() {
    let stage = Stage::set().await;
    let id = stage.schedule(ScheduleInput { overlap: Overlap::Skip, ..hourly() }, at(T0)).await;
    stage.tick_when_due(id).await;
    stage.tick_when_due(id).await;
    stage.end_all().await;
    stage.tick_when_due(id).await;
    let skipped = passed("2031-03-30T02:00:00+00:00", 1, SlotOutcome::SkippedOverlap, SlotReason::PreviousRun);
    let expected = [started("2031-03-30T01:00:00+00:00"), skipped, started("2031-03-30T03:00:00+00:00")];
    assert_eq!(stage.slots(id), expected);
    assert_eq!(stage.inputs()[0]["lastRun"], "2031-03-30T01:00:00+00:00");
}

#[tokio::test]
async fn overlapping_runs_go_side_by_side_in_a_row_or_in_place_of_each_other() {
    for (overlap, ready, pending) in
        [(Overlap::Parallel, 2, 2), (Overlap::Queue, 1, 2), (Overlap::CancelPrevious, 1, 1)]
    {
        let stage = Stage::set().await;
        let id = stage.schedule(ScheduleInput { overlap, ..hourly() }, at(T0)).await;
        stage.tick_when_due(id).await;
        let due_at = stage.tick_when_due(id).await;
        assert_eq!(stage.slots(id).len(), 2, "{overlap}");
        assert_eq!(stage.executions(ExecutionStatus::Pending).len(), pending, "{overlap}");
        assert_eq!(stage.executions(ExecutionStatus::Cancelled).len(), 2 - pending, "{overlap}");
        assert_eq!(claim_all(&stage, due_at).await, ready, "{overlap}");
    }
}

/// How many executions can be taken at once.
async fn claim_all(stage: &Stage, now: UnixMillis) -> usize {
    let database = &stage.app.inner.database;
    let claim = database::Claim {
        tenant: stage.principal.tenant,
        epoch: database.epoch(),
        now,
        lease_until: later(now, MINUTE),
        reserved_fuel: 0,
    };
    let mut claimed = 0;
    while matches!(database.claim_execution(claim).await.unwrap(), database::Taken::Execution(_)) {
        claimed += 1;
    }
    claimed
}

/// Let the script's runs go beside each other only as far as this.
async fn bound(stage: &Stage, concurrency: Concurrency) {
    let policy = Some(RunPolicy { concurrency: Some(concurrency), ..RunPolicy::default() });
    let settings = SettingsInput { policy: Some(policy), ..SettingsInput::default() };
    stage.app.scripts().update_settings(&stage.principal, &named("report"), settings).await.unwrap();
}

#[tokio::test]
async fn a_script_that_wants_no_second_run_skips_a_slot_that_would_go_beside_the_first() {
    let stage = Stage::set().await;
    bound(&stage, Concurrency { max: 1, key: None, when_full: WhenFull::Skip }).await;
    let id = stage.schedule(ScheduleInput { overlap: Overlap::Parallel, ..hourly() }, at(T0)).await;
    stage.tick_when_due(id).await;
    stage.tick_when_due(id).await;
    let skipped = passed("2031-03-30T02:00:00+00:00", 1, SlotOutcome::SkippedOverlap, SlotReason::PreviousRun);
    assert_eq!(stage.slots(id), [started("2031-03-30T01:00:00+00:00"), skipped]);
}

#[tokio::test]
async fn overlapping_runs_wait_or_give_way_whatever_their_script_says_of_its_concurrency() {
    let by_time = || Some(String::from("/scheduledTime"));
    for (max, key, when_full) in [
        (1, None, WhenFull::Skip),
        (1, None, WhenFull::Queue),
        (1, by_time(), WhenFull::Skip),
        (1, by_time(), WhenFull::Queue),
        (3, None, WhenFull::Skip),
        (3, None, WhenFull::Queue),
    ] {
        for (overlap, pending) in [(Overlap::Queue, 2), (Overlap::CancelPrevious, 1)] {
            let (stage, what) = (Stage::set().await, format!("{overlap} with {max} by {key:?}, else {when_full}"));
            bound(&stage, Concurrency { max, key: key.clone(), when_full }).await;
            let id = stage.schedule(ScheduleInput { overlap, ..hourly() }, at(T0)).await;
            stage.tick_when_due(id).await;
            let due_at = stage.tick_when_due(id).await;
            let both = [started("2031-03-30T01:00:00+00:00"), started("2031-03-30T02:00:00+00:00")];
            assert_eq!(stage.slots(id), both, "{what}");
            assert_eq!(stage.executions(ExecutionStatus::Pending).len(), pending, "{what}");
            assert_eq!(claim_all(&stage, due_at).await, 1, "{what}");
        }
    }
}

#[tokio::test]
async fn schedules_that_queue_keep_to_their_scripts_bound_together() {
    let stage = Stage::set().await;
    bound(&stage, Concurrency { max: 2, key: None, when_full: WhenFull::Queue }).await;
    let mut due_at = at(T0);
    for _ in 0..3 {
        let id = stage.schedule(ScheduleInput { overlap: Overlap::Queue, ..hourly() }, at(T0)).await;
        due_at = stage.tick_when_due(id).await.max(due_at);
    }
    stage.schedules().tick(due_at).await;
    assert_eq!(stage.executions(ExecutionStatus::Pending).len(), 3);
    assert_eq!(claim_all(&stage, due_at).await, 2);
}

#[tokio::test]
async fn slots_of_a_paused_script_are_one_row_that_says_so() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    stage.set_active(Some(false)).await;
    for _ in 0..3 {
        stage.tick_when_due(id).await;
    }
    stage.set_active(Some(true)).await;
    stage.tick_when_due(id).await;
    let paused = passed("2031-03-30T01:00:00+00:00", 3, SlotOutcome::SkippedPaused, SlotReason::ScriptPaused);
    assert_eq!(stage.slots(id), [paused, started("2031-03-30T04:00:00+00:00")]);
}

#[tokio::test]
async fn slots_of_a_script_without_a_version_and_of_a_suspended_tenant_are_skipped() {
    let stage = Stage::set().await;
    stage.make("draft", ScriptKind::Cron).await;
    let undeployed = stage.schedule(ScheduleInput { script: named("draft"), ..hourly() }, at(T0)).await;
    let suspended = stage.schedule(hourly(), at(T0)).await;
    stage.tick_when_due(undeployed).await;
    let of = |reason| passed("2031-03-30T01:00:00+00:00", 1, SlotOutcome::SkippedPaused, reason);
    assert_eq!(stage.slots(undeployed), [of(SlotReason::NotDeployed)]);
    let tenant = stage.principal.tenant;
    let database = &stage.app.inner.database;
    stage.end_all().await;
    database.set_tenant_status(tenant, database::TenantStatus::Suspended).await.unwrap();
    let (seen, due_at) = (stage.slots(suspended).len(), stage.read(suspended).next.unwrap());
    stage.schedules().tick(due_at.due_at).await;
    let slots = stage.slots(suspended);
    assert_eq!(slots.last().unwrap().3, Some(SlotReason::TenantSuspended));
    assert_eq!(slots.len(), seen + 1);
}

#[tokio::test]
async fn a_slot_waits_for_a_full_queue_and_says_so_when_it_was_too_late() {
    let stage = Stage::set_with(|mut config| {
        config.quotas.queued_executions = 1;
        config
    })
    .await;
    let daily = ScheduleInput { catch_up: CatchUp::Skip, ..input("0 12 * * *", "UTC") };
    let (one, other) = (stage.schedule(daily.clone(), at(T0)).await, stage.schedule(daily, at(T0)).await);
    let noon = at("2031-03-30T12:00:30Z");
    stage.schedules().tick(noon).await;
    let begun = |id| stage.slots(id).len();
    assert_eq!(begun(one) + begun(other), 1, "there is room for one");
    stage.end_all().await;
    stage.schedules().tick(noon).await;
    assert_eq!(begun(one) + begun(other), 1, "it is not asked for all the time");
    stage.schedules().tick(later(noon, 5_000)).await;
    assert_eq!((begun(one), begun(other)), (1, 1));
    // The next day there is no room for longer than a slot may be late.
    let next = at("2031-03-31T12:00:30Z");
    for seconds in 0..20 {
        stage.schedules().tick(later(next, seconds * 5_000)).await;
    }
    let missed = passed("2031-03-31T12:00:00+00:00", 1, SlotOutcome::Missed, SlotReason::Late);
    assert_eq!((stage.slots(one).last(), stage.slots(other).last()), (Some(&missed), Some(&missed)));
}

#[tokio::test]
async fn a_full_queue_is_asked_once_for_all_slots_of_its_tenant() {
    let stage = Stage::set_with(|mut config| {
        config.quotas.queued_executions = 1;
        config
    })
    .await;
    for _ in 0..40 {
        stage.schedule(input("0 12 * * *", "UTC"), at(T0)).await;
    }
    let (noon, database) = (at("2031-03-30T12:00:30Z"), &stage.app.inner.database);
    stage.schedules().tick(noon).await;
    assert_eq!(stage.executions(ExecutionStatus::Pending).len(), 1, "there is room for one");
    // Each write has a revision of its own, and an event says which is the last.
    let writes = async || {
        let event =
            crate::EventInput { event_type: String::from("mark"), data: String::from("1"), subject: None, id: None };
        stage.app.events().publish(&stage.principal, event).await.unwrap().position.revision
    };
    let before = writes().await;
    let next = later(noon, 5_000);
    stage.schedules().tick(next).await;
    assert!(writes().await - before <= 3, "39 slots are put off in one write");
    assert!(database.due_schedules(later(next, 4_999), 100).unwrap().schedules.is_empty());
    assert_eq!(database.due_schedules(later(next, 5_000), 100).unwrap().schedules.len(), 39);
}

#[tokio::test]
async fn every_second_has_its_slot_where_the_operator_allows_it() {
    let stage = Stage::set_with(|mut config| {
        config.schedules.rules = ScheduleRules { min_interval: Duration::from_secs(1), seconds: SecondsField::Allowed };
        config
    })
    .await;
    let id = stage.schedule(input("* * * * * *", "UTC"), at(T0)).await;
    // The ticker was held up for 40 seconds.
    stage.schedules().tick(later(at(T0), 40_500)).await;
    let slots = stage.slots(id);
    assert_eq!(slots.len(), 40);
    assert!(slots.iter().all(|slot| slot.2 == SlotOutcome::Started));
}

#[tokio::test]
async fn a_run_by_hand_is_a_persons_and_uses_no_slot_up() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    stage.tick_when_due(id).await;
    let before = (stage.read(id), stage.slots(id));
    stage.pause(id, true, stage.read(id).set_at).await;
    let run = stage.schedules().run_now(&stage.principal, id).await.unwrap();
    assert_eq!((run.execution.trigger, run.execution.actor), (Trigger::Manual, stage.principal.actor));
    let given: serde_json::Value = serde_json::from_str(&run.input.unwrap()).unwrap();
    assert_eq!((&given["lastRun"], &given["timezone"]), (&json!("2031-03-30T01:00:00+00:00"), &json!("UTC")));
    let after = stage.read(id);
    assert_eq!((after.next, after.last_run, stage.slots(id)), (before.0.next, before.0.last_run, before.1));
    stage.set_active(Some(false)).await;
    let refused = stage.schedules().run_now(&stage.principal, id).await;
    assert!(matches!(refused, Err(AppError::Paused)), "{refused:?}");
}

#[tokio::test]
async fn what_is_known_of_slots_goes_after_its_time() {
    let stage = Stage::set().await;
    let id = stage.schedule(hourly(), at(T0)).await;
    let first = stage.tick_when_due(id).await;
    stage.end_all().await;
    stage.tick_when_due(id).await;
    let kept = 30 * DAY;
    stage.app.inner.purge_expired(later(first, kept)).await.unwrap();
    assert_eq!(stage.slots(id).len(), 2);
    stage.app.inner.purge_expired(later(first, kept + 1)).await.unwrap();
    assert_eq!(stage.slots(id), [started("2031-03-30T02:00:00+00:00")]);
    assert_eq!(stage.read(id).last_run, Some(at("2031-03-30T02:00:00Z")));
}
