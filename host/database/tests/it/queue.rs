//! The queue: leases and their fences, attempts, rescue, groups, breakers, fuel that is reserved.

use database::{
    Cancelled, Claimed, CommitResult, DatabaseError, Effects, ExecutionCommit, FuelWanted, Priority, QueueEntry,
    QueueGroup, QueuedExecution, Rescue, Rescued, Retry, RetryCause, StartRow, Taken, Verdict,
};
use domain::{ErrorKind, ExecutionId, ExecutionStatus, OnInterrupt, UnixMillis, WhenFull};

use crate::stage::{NOW, RESERVED_FUEL, Stage, end_left_running, ended, revision_of, set, writes};

fn later(ms: i64) -> UnixMillis {
    UnixMillis(NOW.0 + ms)
}

fn with(stage: &Stage, entry: impl FnOnce(QueueEntry) -> QueueEntry) -> QueuedExecution {
    let queued = stage.queued();
    QueuedExecution { entry: entry(queued.entry.clone()), ..queued }
}

fn grouped(stage: &Stage, max: u32, when_full: WhenFull) -> QueuedExecution {
    with(stage, |entry| QueueEntry { group: Some(QueueGroup { key: String::from("g"), max, when_full }), ..entry })
}

fn failed(commit: ExecutionCommit, retry: Option<Retry>) -> ExecutionCommit {
    let mut commit = ExecutionCommit { retry, verdict: Verdict::Failed { opens_at: Some(2) }, ..commit };
    commit.end.status = ExecutionStatus::Failed;
    commit.end.error_kind = Some(ErrorKind::UserError);
    commit.end.result = None;
    commit
}

#[tokio::test]
async fn an_accepted_execution_survives_a_restart_and_is_taken_once() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    let stage = stage.restart();
    let tenant = stage.home.tenant;
    assert_eq!(stage.database.tenants_with_ready_work(NOW).unwrap(), [tenant]);
    let claimed = stage.claim(NOW).await.unwrap();
    assert_eq!((claimed.execution, claimed.attempt), (id, 1));
    assert_eq!(stage.claim(NOW).await, None);
    assert!(stage.database.tenants_with_ready_work(NOW).unwrap().is_empty());
    let row = stage.database.get_execution(tenant, id).unwrap().execution;
    assert_eq!((row.status, row.started_at), (ExecutionStatus::Running, Some(NOW)));
    assert_eq!(stage.database.queued_executions(tenant).unwrap(), 1);
    revision_of(&stage.database.commit_execution(ended(stage.lease_of(&claimed), Effects::default())).await.unwrap());
    assert_eq!(stage.database.queued_executions(tenant).unwrap(), 0);
}

#[tokio::test]
async fn an_execution_of_an_unknown_script_is_not_accepted_and_takes_no_place() {
    let stage = Stage::set().await;
    let queued = stage.queued();
    let start = StartRow { script: stage.other.script, ..queued.start };
    let result = stage.database.enqueue_execution(QueuedExecution { start, ..queued }).await;
    assert!(matches!(result, Err(DatabaseError::NotFound)), "{result:?}");
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 0);
}

#[tokio::test]
async fn a_full_queue_refuses_and_keeps_what_it_has() {
    let stage = Stage::set().await;
    let small = || with(&stage, |entry| QueueEntry { queue_limit: 2, ..entry });
    stage.accept(small()).await;
    stage.accept(small()).await;
    let refused = small();
    let id = refused.start.execution;
    let result = stage.database.enqueue_execution(refused).await;
    assert!(matches!(result, Err(DatabaseError::QueueFull { limit: 2 })), "{result:?}");
    assert!(stage.database.get_execution(stage.home.tenant, id).is_err());
    assert!(stage.claim(NOW).await.is_some());
}

#[tokio::test]
async fn work_goes_by_priority_then_by_when_it_was_accepted() {
    let stage = Stage::set().await;
    let catch_up = stage.accept(with(&stage, |entry| QueueEntry { priority: Priority::CatchUp, ..entry })).await;
    let delayed = stage.accept(with(&stage, |entry| QueueEntry { available_at: later(50), ..entry })).await;
    let first = stage.accept(stage.queued()).await;
    let second = stage.accept(stage.queued()).await;
    let mut order = Vec::new();
    while let Some(claimed) = stage.claim(NOW).await {
        order.push(claimed.execution);
    }
    assert_eq!(order, [first, second, catch_up]);
    assert_eq!(stage.claim(later(50)).await.map(|claimed| claimed.execution), Some(delayed));
}

#[tokio::test]
async fn an_old_lease_commits_nothing() {
    let stage = Stage::set().await;
    stage.accept(stage.queued()).await;
    let lost = stage.claim(NOW).await.unwrap();
    let rescue = Rescue { epoch: stage.database.epoch(), now: later(60_000), at_work: Vec::new(), endings: Vec::new() };
    let rescued = stage.database.rescue_executions(rescue).await.unwrap();
    assert_eq!(rescued, Rescued { returned: 1, ..Rescued::default() });
    let again = stage.claim(later(60_000)).await.unwrap();
    assert_eq!((again.execution, again.attempt, again.rescues), (lost.execution, 2, 1));
    for stale in [stage.lease_of(&lost), database::Lease { attempt: 2, ..stage.lease_of(&lost) }] {
        let commit = ended(stale, writes([set("stale", "1")]));
        assert_eq!(stage.database.commit_execution(commit).await.unwrap(), CommitResult::AlreadyEnded);
    }
    assert_eq!(stage.value("stale"), None);
    let commit = ended(stage.lease_of(&again), writes([set("fresh", "1")]));
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    assert_eq!(stage.value("fresh").as_deref(), Some("1"));
}

#[tokio::test]
async fn a_renewed_lease_is_not_rescued() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    stage.claim(NOW).await.unwrap();
    let (database, tenant) = (&stage.database, stage.home.tenant);
    database.renew_leases(database.epoch(), vec![(tenant, id)], later(90_000)).await.unwrap();
    let rescue = Rescue { epoch: database.epoch(), now: later(60_000), at_work: Vec::new(), endings: Vec::new() };
    assert_eq!(database.rescue_executions(rescue).await.unwrap(), Rescued::default());
}

#[tokio::test]
async fn an_execution_that_was_rescued_three_times_is_a_dead_letter() {
    let mut stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    for rescue in 1..=4 {
        stage.claim(later(rescue * 60_000)).await.unwrap();
        stage = stage.restart();
        let rescued = stage
            .database
            .rescue_executions(Rescue {
                epoch: stage.database.epoch(),
                now: later(rescue * 60_000),
                at_work: Vec::new(),
                endings: Vec::new(),
            })
            .await
            .unwrap();
        let expected = if rescue < 4 {
            Rescued { returned: 1, ..Rescued::default() }
        } else {
            Rescued { given_up: 1, ..Rescued::default() }
        };
        assert_eq!(rescued, expected);
    }
    let row = stage.database.get_execution(stage.home.tenant, id).unwrap().execution;
    assert_eq!((row.status, row.error_kind), (ExecutionStatus::Failed, Some(ErrorKind::Interrupted)));
    assert_eq!(stage.database.execution_attempts(stage.home.tenant, id).unwrap().len(), 3);
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 0);
}

#[tokio::test]
async fn a_script_can_want_its_interrupted_executions_to_fail() {
    let stage = Stage::set().await;
    let id = stage.accept(with(&stage, |entry| QueueEntry { on_interrupt: OnInterrupt::Fail, ..entry })).await;
    stage.claim(NOW).await.unwrap();
    let stage = stage.restart();
    let rescued = stage
        .database
        .rescue_executions(Rescue { epoch: stage.database.epoch(), now: NOW, at_work: Vec::new(), endings: Vec::new() })
        .await
        .unwrap();
    assert_eq!(rescued, Rescued { failed: 1, ..Rescued::default() });
    let row = stage.database.get_execution(stage.home.tenant, id).unwrap().execution;
    assert_eq!((row.status, row.attempt), (ExecutionStatus::Failed, 1));
}

#[tokio::test]
async fn a_failed_attempt_goes_back_with_its_wait_and_keeps_its_record() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    let first = stage.claim(NOW).await.unwrap();
    let retry = Some(Retry { available_at: later(5_000), cause: RetryCause::Failed, sent: Some(b"sent".to_vec()) });
    let commit = failed(ended(stage.lease_of(&first), Effects::default()), retry);
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    let row = stage.database.get_execution(stage.home.tenant, id).unwrap().execution;
    assert_eq!((row.status, row.attempt, row.error_kind), (ExecutionStatus::Pending, 2, None));
    assert_eq!(stage.claim(later(4_999)).await, None);
    let second = stage.claim(later(5_000)).await.unwrap();
    assert_eq!((second.attempt, second.failures), (2, 1));
    let attempts = stage.database.execution_attempts(stage.home.tenant, id).unwrap();
    assert_eq!((attempts.len(), attempts[0].error_kind), (1, ErrorKind::UserError));
    assert_eq!(attempts[0].sent.as_deref(), Some(&b"sent"[..]));
    revision_of(&stage.database.commit_execution(ended(stage.lease_of(&second), Effects::default())).await.unwrap());
}

#[tokio::test]
async fn one_that_waits_can_be_cancelled_and_does_not_begin_then() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let cancelled = database.cancel_waiting(tenant, id, b"why".to_vec(), NOW).await.unwrap();
    assert_eq!(cancelled, Cancelled::Ended);
    assert_eq!(stage.claim(NOW).await, None);
    assert_eq!(database.queued_executions(tenant).unwrap(), 0);
    let again = database.cancel_waiting(tenant, id, Vec::new(), NOW).await.unwrap();
    assert_eq!(again, Cancelled::NotWaiting);
}

#[tokio::test]
async fn one_that_runs_can_be_ended_in_its_place_and_what_it_used_is_noted_once() {
    let stage = Stage::set().await;
    let id = stage.accept(grouped(&stage, 1, WhenFull::Queue)).await;
    let next = stage.accept(grouped(&stage, 1, WhenFull::Queue)).await;
    let claimed = stage.claim(NOW).await.unwrap();
    let (database, tenant) = (&stage.database, stage.home.tenant);
    assert!(database.cancel_running(tenant, id, b"why".to_vec(), later(40)).await.unwrap());
    assert!(!database.cancel_running(tenant, id, Vec::new(), later(50)).await.unwrap());
    let row = database.get_execution(tenant, id).unwrap();
    assert_eq!((row.execution.status, row.error), (ExecutionStatus::Cancelled, Some(b"why".to_vec())));
    assert_eq!(stage.claim(NOW).await.map(|claimed| claimed.execution), Some(next), "the next of its group goes on");
    let used = database.usage_of_day(tenant, NOW.utc_day()).unwrap();
    for _ in 0..2 {
        let late = ended(stage.lease_of(&claimed), writes([set("late", "1")]));
        assert_eq!(database.commit_execution(late).await.unwrap(), CommitResult::AlreadyEnded);
    }
    assert_eq!(stage.value("late"), None);
    let row = database.get_execution(tenant, id).unwrap().execution;
    assert_eq!((row.status, row.fuel, row.host_calls), (ExecutionStatus::Cancelled, 1_000, 3));
    assert!(database.get_execution_record(tenant, id).unwrap().is_some());
    assert_eq!(database.usage_of_day(tenant, NOW.utc_day()).unwrap().fuel, used.fuel + 1_000);
}

#[tokio::test]
async fn of_a_group_only_so_many_go_on_in_the_order_in_which_they_came() {
    let stage = Stage::set().await;
    let mut accepted = Vec::new();
    for _ in 0..5 {
        accepted.push(stage.accept(grouped(&stage, 2, WhenFull::Queue)).await);
    }
    let mut done = Vec::new();
    let mut going = Vec::new();
    while done.len() < 5 {
        while let Some(claimed) = stage.claim(NOW).await {
            going.push(claimed);
        }
        assert!(going.len() <= 2);
        let claimed = going.remove(0);
        let commit = ended(stage.lease_of(&claimed), Effects::default());
        revision_of(&stage.database.commit_execution(commit).await.unwrap());
        done.push(claimed.execution);
    }
    assert_eq!(done, accepted);
}

#[tokio::test]
async fn one_that_is_cancelled_while_its_group_is_full_lets_no_other_pass() {
    let stage = Stage::set().await;
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(stage.accept(grouped(&stage, 1, WhenFull::Queue)).await);
    }
    assert_eq!(stage.claim(NOW).await.map(|claimed| claimed.execution), Some(accepted[0]));
    stage.database.cancel_waiting(stage.home.tenant, accepted[1], Vec::new(), NOW).await.unwrap();
    assert_eq!(stage.claim(NOW).await, None);
}

#[tokio::test]
async fn a_full_group_that_does_not_wait_refuses() {
    let stage = Stage::set().await;
    stage.accept(grouped(&stage, 1, WhenFull::Skip)).await;
    let result = stage.database.enqueue_execution(grouped(&stage, 1, WhenFull::Skip)).await;
    assert!(matches!(result, Err(DatabaseError::GroupFull { max: 1 })), "{result:?}");
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 1);
}

#[tokio::test]
async fn a_script_that_fails_again_and_again_rests_and_is_tried_with_one() {
    let stage = Stage::set().await;
    for _ in 0..5 {
        stage.accept(stage.queued()).await;
    }
    let (tenant, script) = (stage.home.tenant, stage.home.script);
    for _ in 0..2 {
        let claimed = stage.claim(NOW).await.unwrap();
        let commit = failed(ended(stage.lease_of(&claimed), Effects::default()), None);
        revision_of(&stage.database.commit_execution(commit).await.unwrap());
    }
    assert_eq!(stage.claim(NOW).await, None, "it rests");
    assert_eq!(stage.database.breaker(tenant, script).unwrap().unwrap().openings, 1);
    let retry_at = stage.database.breaker(tenant, script).unwrap().unwrap().retry_at.unwrap();
    let trial = stage.claim(retry_at).await.expect("one tries it");
    assert_eq!(stage.claim(retry_at).await, None, "the others wait for it");
    revision_of(&stage.database.commit_execution(ended(stage.lease_of(&trial), Effects::default())).await.unwrap());
    assert_eq!(stage.database.breaker(tenant, script).unwrap(), None);
}

#[tokio::test]
async fn what_was_under_way_when_a_breaker_opened_does_not_make_its_rest_longer() {
    let stage = Stage::set().await;
    let mut under_way = Vec::new();
    for _ in 0..6 {
        stage.accept(stage.queued()).await;
        under_way.push(stage.claim(NOW).await.unwrap());
    }
    for (at, claimed) in (1..).zip(&under_way) {
        let mut commit = failed(ended(stage.lease_of(claimed), Effects::default()), None);
        commit.end.completed_at = later(at);
        revision_of(&stage.database.commit_execution(commit).await.unwrap());
    }
    let breaker = stage.database.breaker(stage.home.tenant, stage.home.script).unwrap().unwrap();
    assert_eq!((breaker.openings, breaker.failures), (1, 2));
    stage.database.close_breaker(stage.home.tenant, stage.home.script, later(10)).await.unwrap();
    assert_eq!(stage.database.breaker(stage.home.tenant, stage.home.script).unwrap(), None);
}

#[tokio::test]
async fn what_waits_for_a_paused_script_keeps_no_other_script_waiting() {
    let stage = Stage::set().await;
    let (tenant, script) = (stage.home.tenant, stage.home.script);
    for _ in 0..5 {
        stage.accept(stage.queued()).await;
    }
    stage.pause(script, true).await;
    assert_eq!(stage.take(NOW).await, Taken::PutOff);
    assert_eq!(stage.take(NOW).await, Taken::Nothing, "all of it was put off at once");
    stage.pause(script, false).await;
    assert_eq!(stage.database.wake_executions(tenant, script, NOW).await.unwrap(), 5);
    assert!(stage.claim(NOW).await.is_some());
}

#[tokio::test]
async fn what_was_taken_and_not_begun_is_put_back_as_it_was() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    let claimed = stage.claim(NOW).await.unwrap();
    stage.database.put_back(stage.lease_of(&claimed), later(10)).await.unwrap();
    assert_eq!(stage.claim(NOW).await, None);
    let again = stage.claim(later(10)).await.unwrap();
    assert_eq!((again.execution, again.attempt, again.rescues, again.failures), (id, 1, 0, 0));
    stage.database.put_back(stage.lease_of(&claimed), later(20)).await.unwrap();
    let commit = ended(stage.lease_of(&again), Effects::default());
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
}

#[tokio::test]
async fn one_that_was_cancelled_while_it_ran_has_no_other_attempt() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let claimed = stage.claim(NOW).await.unwrap();
    let cancelled = database.cancel_waiting(tenant, id, Vec::new(), NOW).await.unwrap();
    assert_eq!((cancelled, database.is_cancelled(tenant, id).unwrap()), (Cancelled::NotWaiting, true));
    let retry = Some(Retry { available_at: NOW, cause: RetryCause::GivenBack, sent: None });
    let commit = failed(ended(stage.lease_of(&claimed), Effects::default()), retry);
    revision_of(&database.commit_execution(commit).await.unwrap());
    assert_eq!(database.get_execution(tenant, id).unwrap().execution.status, ExecutionStatus::Failed);
    assert_eq!(stage.claim(NOW).await, None);
}

#[tokio::test]
async fn what_this_process_works_at_is_not_rescued_though_its_clock_jumps() {
    let stage = Stage::set().await;
    let id = stage.accept(stage.queued()).await;
    stage.claim(NOW).await.unwrap();
    let rescue = Rescue { epoch: stage.database.epoch(), now: later(90_000), at_work: vec![id], endings: Vec::new() };
    assert_eq!(stage.database.rescue_executions(rescue).await.unwrap(), Rescued::default());
}

#[tokio::test]
async fn more_places_in_a_group_are_for_those_that_wait_longer() {
    let stage = Stage::set().await;
    let mut accepted = Vec::new();
    for max in [1, 1, 1, 3] {
        accepted.push(stage.accept(grouped(&stage, max, WhenFull::Queue)).await);
    }
    let mut taken = Vec::new();
    while let Some(claimed) = stage.claim(NOW).await {
        taken.push(claimed.execution);
    }
    assert_eq!(taken, accepted[..3]);
}

fn in_line(stage: &Stage, priority: Priority) -> QueuedExecution {
    with(stage, |entry| QueueEntry { line: Some(String::from("l")), priority, ..entry })
}

async fn end(stage: &Stage, claimed: &Claimed) {
    let commit = ended(stage.lease_of(claimed), Effects::default());
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
}

/// What can be taken at once.
async fn claim_all(stage: &Stage) -> Vec<Claimed> {
    let mut taken = Vec::new();
    while let Some(claimed) = stage.claim(NOW).await {
        taken.push(claimed);
    }
    taken
}

#[tokio::test]
async fn those_of_one_line_go_one_after_another_whatever_their_groups() {
    let stage = Stage::set().await;
    let mut accepted = Vec::new();
    for group in ["a", "a", "b", "c"] {
        let group = QueueGroup { key: String::from(group), max: 2, when_full: WhenFull::Queue };
        let mut queued = in_line(&stage, Priority::Live);
        queued.entry.group = Some(group);
        accepted.push(stage.accept(queued).await);
    }
    let mut done = Vec::new();
    while done.len() < 4 {
        let taken = claim_all(&stage).await;
        assert_eq!(taken.len(), 1);
        end(&stage, &taken[0]).await;
        done.push(taken[0].execution);
    }
    assert_eq!(done, accepted);
}

#[tokio::test]
async fn one_of_a_line_takes_a_place_of_its_group_once_it_is_its_turn_and_no_sooner() {
    let stage = Stage::set().await;
    let both = |stage: &Stage| {
        let mut queued = grouped(stage, 2, WhenFull::Queue);
        queued.entry.line = Some(String::from("l"));
        queued
    };
    let (first, second) = (stage.accept(both(&stage)).await, stage.accept(both(&stage)).await);
    let beside = stage.accept(grouped(&stage, 2, WhenFull::Queue)).await;
    let behind = stage.accept(grouped(&stage, 2, WhenFull::Queue)).await;
    let taken = claim_all(&stage).await;
    let ids: Vec<ExecutionId> = taken.iter().map(|claimed| claimed.execution).collect();
    assert_eq!(ids, [first, beside], "the second waits in its line, and in nobody's way");
    end(&stage, &taken[0]).await;
    let next = claim_all(&stage).await;
    assert_eq!(next.iter().map(|claimed| claimed.execution).collect::<Vec<_>>(), [second], "it came before the last");
    end(&stage, &taken[1]).await;
    let last = claim_all(&stage).await;
    assert_eq!(last.iter().map(|claimed| claimed.execution).collect::<Vec<_>>(), [behind]);
}

#[tokio::test]
async fn a_line_goes_on_where_one_of_it_is_cancelled() {
    let stage = Stage::set().await;
    let mut accepted = Vec::new();
    for _ in 0..3 {
        accepted.push(stage.accept(in_line(&stage, Priority::Live)).await);
    }
    for cancelled in [accepted[1], accepted[0]] {
        stage.database.cancel_waiting(stage.home.tenant, cancelled, Vec::new(), NOW).await.unwrap();
    }
    assert_eq!(stage.claim(NOW).await.map(|claimed| claimed.execution), Some(accepted[2]));
}

#[tokio::test]
async fn what_catches_up_makes_way_in_its_line_and_in_its_group_until_somebody_has_taken_it() {
    for of_line in [true, false] {
        let stage = Stage::set().await;
        let queued = |priority: Priority| {
            let mut queued = if of_line { in_line(&stage, priority) } else { grouped(&stage, 1, WhenFull::Queue) };
            queued.entry.priority = priority;
            queued
        };
        let behind = stage.accept(queued(Priority::CatchUp)).await;
        let live = [stage.accept(queued(Priority::Live)).await, stage.accept(queued(Priority::Live)).await];
        for expected in live {
            let taken = claim_all(&stage).await;
            assert_eq!(taken.iter().map(|claimed| claimed.execution).collect::<Vec<_>>(), [expected]);
            end(&stage, &taken[0]).await;
        }
        let begun = claim_all(&stage).await;
        assert_eq!(begun.iter().map(|claimed| claimed.execution).collect::<Vec<_>>(), [behind]);
        let last = stage.accept(queued(Priority::Live)).await;
        assert!(claim_all(&stage).await.is_empty(), "it has begun");
        end(&stage, &begun[0]).await;
        assert_eq!(stage.claim(NOW).await.map(|claimed| claimed.execution), Some(last));
    }
}

#[tokio::test]
async fn what_waits_to_catch_up_fills_no_group_that_does_not_wait() {
    let stage = Stage::set().await;
    let mut behind = grouped(&stage, 1, WhenFull::Skip);
    behind.entry.priority = Priority::CatchUp;
    let behind = stage.accept(behind).await;
    let live = stage.accept(grouped(&stage, 1, WhenFull::Skip)).await;
    let taken = claim_all(&stage).await;
    assert_eq!(taken.iter().map(|claimed| claimed.execution).collect::<Vec<_>>(), [live]);
    end(&stage, &taken[0]).await;
    assert_eq!(stage.claim(NOW).await.map(|claimed| claimed.execution), Some(behind));
}

#[tokio::test]
async fn a_deleted_script_gives_its_places_back() {
    let stage = Stage::set().await;
    stage.accept(stage.queued()).await;
    stage.database.delete_script(stage.home.tenant, stage.home.script, None).await.unwrap();
    assert_eq!(stage.database.queued_executions(stage.home.tenant).unwrap(), 0);
    assert_eq!(stage.claim(NOW).await, None);
}

#[tokio::test]
async fn fuel_is_reserved_within_the_quota_and_what_was_used_counts_once() {
    let stage = Stage::set().await;
    let (database, tenant, day) = (&stage.database, stage.home.tenant, NOW.utc_day());
    let want = |wanted: u64, least: u64| FuelWanted { quota: 10_000, wanted, least };
    assert_eq!(database.reserve_fuel(tenant, day, want(6_000, 1_000)).await.unwrap(), 6_000);
    assert_eq!(database.reserve_fuel(tenant, day, want(6_000, 1_000)).await.unwrap(), 4_000);
    assert_eq!(database.reserve_fuel(tenant, day, want(6_000, 1)).await.unwrap(), 0);
    // A run that used a thousand, as `ended` says: what is used and what is reserved stay the same sum.
    let claimed = {
        stage.accept(stage.queued()).await;
        stage.claim(NOW).await.unwrap()
    };
    revision_of(&database.commit_execution(ended(stage.lease_of(&claimed), Effects::default())).await.unwrap());
    assert_eq!(database.reserve_fuel(tenant, day, want(1, 1)).await.unwrap(), 0);
    database.release_fuel(tenant, day, 9_000).await.unwrap();
    assert_eq!(database.usage_of_day(tenant, day).unwrap().fuel, 1_000);
    assert_eq!(database.reserve_fuel(tenant, day, want(20_000, 1)).await.unwrap(), 9_000);
}

/// What was left by whoever had the database before.
fn rescue(stage: &Stage) -> Rescue {
    Rescue { epoch: stage.database.epoch(), now: later(100_000), at_work: Vec::new(), endings: Vec::new() }
}

#[tokio::test]
async fn an_attempt_that_a_crash_cut_counts_as_all_that_was_set_aside_for_it() {
    let stage = Stage::set().await;
    let execution = stage.accept(stage.queued()).await;
    let used = |stage: &Stage| {
        let usage = stage.database.usage_of_day(stage.home.tenant, NOW.utc_day()).unwrap();
        (usage.executions, usage.fuel)
    };
    stage.claim(NOW).await.unwrap();
    let mut stage = stage.restart();
    for crash in 1..=3 {
        stage.database.rescue_executions(rescue(&stage)).await.unwrap();
        assert_eq!(used(&stage), (0, crash * RESERVED_FUEL), "the execution has not ended");
        stage.claim(later(200_000)).await.unwrap();
        stage = stage.restart();
    }
    stage.database.rescue_executions(rescue(&stage)).await.unwrap();
    assert_eq!(used(&stage), (1, 4 * RESERVED_FUEL));
    let tenant = stage.home.tenant;
    let attempts = stage.database.execution_attempts(tenant, execution).unwrap();
    assert!(attempts.iter().all(|attempt| attempt.fuel == RESERVED_FUEL), "{attempts:?}");
    assert_eq!(stage.database.get_execution(tenant, execution).unwrap().execution.fuel, RESERVED_FUEL);
}

#[tokio::test]
async fn what_somebody_waited_for_counts_as_all_that_was_set_aside_when_a_crash_cut_it() {
    let stage = Stage::set().await;
    let start = StartRow { reserved_fuel: 7_000, ..stage.start() };
    let lease = stage.lease(start.execution);
    stage.database.announce_execution(start);
    let part = stage.part(lease, writes([set("key", "1")]));
    revision_of(&stage.database.commit_storage(part).await.unwrap());
    let stage = stage.restart();
    assert_eq!(end_left_running(&stage.database, NOW).await, 1);
    let usage = stage.database.usage_of_day(stage.home.tenant, NOW.utc_day()).unwrap();
    assert_eq!((usage.executions, usage.fuel), (1, 7_000));
}
