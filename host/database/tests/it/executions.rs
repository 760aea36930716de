//! How executions begin, are listed, and what becomes of those that a crash cut off.

use std::time::Duration;

use database::{Effects, ExecutionFilter, Lease, QueueEntry, QueuedExecution, StartRow, TimeRange};
use domain::{Actor, ErrorKind, ExecutionId, ExecutionStatus, TokenId, Trigger, UnixMillis, UserId, VersionId};
use tokio::task::JoinSet;

use crate::stage::{NOW, Stage, end_left_running, ended, revision_of};

#[tokio::test]
async fn an_execution_that_ends_at_once_was_never_a_running_row() {
    let stage = Stage::set().await;
    let start = StartRow {
        actor: Actor::Token { token: TokenId::generate(), user: stage.home.user },
        trigger: Trigger::Endpoint,
        ..stage.start()
    };
    let lease = stage.lease(start.execution);
    stage.database.announce_execution(start.clone());
    revision_of(&stage.database.commit_execution(ended(lease, Effects::default())).await.unwrap());
    let execution = stage.database.get_execution(lease.tenant, lease.execution).unwrap().execution;
    assert_eq!((execution.script, execution.version), (start.script, start.version));
    assert_eq!((execution.actor, execution.trigger), (start.actor, Trigger::Endpoint));
    assert_eq!(execution.started_at, Some(NOW));
    assert_eq!(execution.duration.map(|duration| duration.as_micros()), Some(31));
}

#[tokio::test]
async fn an_execution_that_is_still_running_when_the_database_closes_is_interrupted_at_the_next_start() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    let ended_before = stage.begin();
    revision_of(&stage.database.commit_execution(ended(ended_before, Effects::default())).await.unwrap());
    let stage = stage.restart();
    let running = stage.database.get_execution(lease.tenant, lease.execution).unwrap();
    assert_eq!(running.execution.status, ExecutionStatus::Running);

    let later = UnixMillis(NOW.0 + 5);
    assert_eq!(end_left_running(&stage.database, later).await, 1);
    let cut = stage.database.get_execution(lease.tenant, lease.execution).unwrap().execution;
    assert_eq!((cut.status, cut.error_kind), (ExecutionStatus::Failed, Some(ErrorKind::Interrupted)));
    assert_eq!(cut.completed_at, Some(later));
    let used = stage.database.usage_of_day(lease.tenant, later.utc_day()).unwrap();
    assert_eq!((used.executions, cut_error(&stage, lease)), (2, Some(b"sealed".to_vec())));
    assert_eq!(end_left_running(&stage.database, later).await, 0);
}

fn cut_error(stage: &Stage, lease: Lease) -> Option<Vec<u8>> {
    stage.database.get_execution(lease.tenant, lease.execution).unwrap().error
}

#[tokio::test]
async fn an_execution_that_this_process_runs_is_not_interrupted() {
    let stage = Stage::set().await;
    stage.accept(stage.queued()).await;
    stage.claim(NOW).await.unwrap();
    assert_eq!(end_left_running(&stage.database, NOW).await, 0);
}

#[tokio::test]
async fn executions_are_listed_page_by_page_with_the_latest_first() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let mut expected: Vec<ExecutionId> = Vec::new();
    for at in [1, 2, 2, 2, 3] {
        let start = StartRow { started_at: UnixMillis(at), accepted_at: UnixMillis(at), ..stage.start() };
        expected.insert(0, start.execution);
        stage.accept(QueuedExecution { start, ..stage.queued() }).await;
    }
    let mut seen = Vec::new();
    let mut cursor = None;
    loop {
        let page = database.list_executions(tenant, &ExecutionFilter::default(), cursor, 2).unwrap();
        seen.extend(page.executions.iter().map(|execution| execution.id));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn each_filter_of_the_list_holds() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let lease = stage.begin();
    revision_of(&database.commit_execution(ended(lease, Effects::default())).await.unwrap());
    let actor = Actor::Token { token: TokenId::generate(), user: stage.home.user };
    let (trigger, at) = (Trigger::Cron, UnixMillis(5));
    let waiting = StartRow { trigger, actor, accepted_at: at, started_at: at, ..stage.start() };
    let waiting_id = waiting.execution;
    stage.accept(QueuedExecution { start: waiting, ..stage.queued() }).await;
    let list = |filter: ExecutionFilter| {
        let page = database.list_executions(tenant, &filter, None, 10).unwrap();
        assert_eq!(page.next, None);
        page.executions.into_iter().map(|execution| execution.id).collect::<Vec<_>>()
    };
    let none = ExecutionFilter::default;
    let (first, second) = (lease.execution, waiting_id);
    assert_eq!(list(none()), [first, second]);
    let version = stage.home.version;
    let some = |at: i64| Some(UnixMillis(at));
    let pending = vec![ExecutionStatus::Pending];
    let either = vec![ExecutionStatus::Pending, ExecutionStatus::Success];
    let (long, short) = (Some(Duration::from_secs(3_600)), Some(Duration::ZERO));
    let other = UserId::generate();
    let cases: [(ExecutionFilter, &[ExecutionId]); 19] = [
        (ExecutionFilter { script: Some(stage.home.script), ..none() }, &[first, second]),
        (ExecutionFilter { script: Some(stage.other.script), ..none() }, &[]),
        (ExecutionFilter { version: Some(version), ..none() }, &[first, second]),
        (ExecutionFilter { version: Some(VersionId::generate()), ..none() }, &[]),
        (ExecutionFilter { statuses: pending.clone(), ..none() }, &[second]),
        (ExecutionFilter { statuses: either, ..none() }, &[first, second]),
        (ExecutionFilter { trigger: Some(Trigger::Api), ..none() }, &[first]),
        (ExecutionFilter { user: Some(stage.home.user), ..none() }, &[second]),
        (ExecutionFilter { user: Some(other), ..none() }, &[]),
        (ExecutionFilter { error_kind: Some(ErrorKind::Timeout), ..none() }, &[]),
        (ExecutionFilter { before: some(6), ..none() }, &[second]),
        (ExecutionFilter { after: some(6), ..none() }, &[first]),
        (ExecutionFilter { accepted_before: some(6), ..none() }, &[second]),
        (ExecutionFilter { accepted_after: some(6), ..none() }, &[first]),
        (ExecutionFilter { duration_min: short, ..none() }, &[first]),
        (ExecutionFilter { duration_min: long, ..none() }, &[]),
        (ExecutionFilter { duration_max: long, ..none() }, &[first]),
        (ExecutionFilter { duration_max: short, duration_min: long, ..none() }, &[]),
        (
            ExecutionFilter {
                script: Some(stage.home.script),
                version: Some(version),
                statuses: pending,
                trigger: Some(Trigger::Cron),
                user: Some(stage.home.user),
                before: some(6),
                after: some(5),
                accepted_before: some(6),
                accepted_after: some(5),
                ..none()
            },
            &[second],
        ),
    ];
    for (filter, expected) in cases {
        assert_eq!(list(filter.clone()), expected, "{filter:?}");
    }
}

#[tokio::test]
async fn pages_join_without_a_gap_however_few_of_many_a_filter_finds() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let mut wanted = Vec::new();
    let mut accepted = JoinSet::new();
    for at in 0..5_000 {
        let is_wanted = matches!(at, 0 | 871 | 872 | 873 | 3_999 | 4_871 | 4_872 | 4_999);
        let trigger = if is_wanted { Trigger::Manual } else { Trigger::Cron };
        // Several at the same moment, which only their ids keep in order.
        let moment = UnixMillis(at / 10);
        let start = StartRow { trigger, started_at: moment, accepted_at: moment, ..stage.start() };
        wanted.extend(is_wanted.then_some((moment, start.execution)));
        let queued = stage.queued();
        let entry = QueueEntry { queue_limit: 10_000, ..queued.entry };
        let (database, queued) = (database.clone(), QueuedExecution { start, entry, ..queued });
        // No more at once than the writer takes.
        if accepted.len() >= 200 {
            accepted.join_next().await;
        }
        accepted.spawn(async move { database.enqueue_execution(queued).await.unwrap() });
    }
    accepted.join_all().await;
    wanted.sort();
    wanted.reverse();
    for limit in [1, 2, 100] {
        let filter = ExecutionFilter { trigger: Some(Trigger::Manual), ..ExecutionFilter::default() };
        let (mut seen, mut cursor) = (Vec::new(), None);
        loop {
            let page = database.list_executions(tenant, &filter, cursor, limit).unwrap();
            assert!(page.executions.len() <= limit as usize);
            seen.extend(page.executions.iter().map(|execution| (execution.accepted_at, execution.id)));
            cursor = page.next;
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(seen, wanted, "{limit} a page");
    }
}

#[tokio::test]
async fn every_status_trigger_and_error_kind_can_be_stored() {
    let stage = Stage::set().await;
    for trigger in Trigger::ALL {
        let start = StartRow { trigger: *trigger, ..stage.start() };
        stage.accept(QueuedExecution { start, ..stage.queued() }).await;
    }
    for kind in ErrorKind::ALL {
        let mut commit = ended(stage.begin(), Effects::default());
        commit.end.status = kind.status();
        commit.end.error_kind = Some(*kind);
        revision_of(&stage.database.commit_execution(commit).await.unwrap());
    }
}

#[tokio::test]
async fn executions_are_counted_by_what_became_of_them_within_a_stretch() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    for at in [10, 11, 25] {
        let start = StartRow { started_at: UnixMillis(at), accepted_at: UnixMillis(at), ..stage.start() };
        stage.accept(QueuedExecution { start, ..stage.queued() }).await;
    }
    let lease = stage.begin();
    revision_of(&stage.database.commit_execution(ended(lease, Effects::default())).await.unwrap());
    let range = |from, until| TimeRange { from: UnixMillis(from), until: UnixMillis(until) };
    let all = ExecutionFilter::default();
    let counts = database.count_executions(tenant, &all, range(10, 20)).unwrap();
    assert_eq!((counts.of(ExecutionStatus::Pending), counts.total(), counts.is_estimate), (2, 2, false));
    assert_eq!(database.count_executions(tenant, &all, range(20, 30)).unwrap().total(), 1);
    assert_eq!(database.count_executions(tenant, &all, range(30, 40)).unwrap().total(), 0);
    let now = database.count_executions(tenant, &all, range(NOW.0, NOW.0 + 1)).unwrap();
    assert_eq!((now.of(ExecutionStatus::Success), now.total()), (1, 1));
    let of_others = database.count_executions(stage.other.tenant, &all, range(0, NOW.0 + 1)).unwrap();
    assert_eq!(of_others.total(), 0);
    let waiting = ExecutionFilter { statuses: vec![ExecutionStatus::Pending], ..ExecutionFilter::default() };
    assert_eq!(database.count_executions(tenant, &waiting, range(0, NOW.0 + 1)).unwrap().total(), 3);
    let of_script = ExecutionFilter { script: Some(stage.home.script), after: Some(UnixMillis(11)), ..all };
    assert_eq!(database.count_executions(tenant, &of_script, range(0, 20)).unwrap().total(), 1);
}

#[tokio::test]
async fn what_is_too_much_to_count_is_estimated_by_its_density() {
    let stage = Stage::set().await;
    // One a millisecond: of a filter by script, 150 rows are counted.
    let mut accepted = JoinSet::new();
    for at in 0..600 {
        let start = StartRow { started_at: UnixMillis(at), accepted_at: UnixMillis(at), ..stage.start() };
        let entry = QueueEntry { queue_limit: 10_000, ..stage.queued().entry };
        let (database, queued) = (stage.database.clone(), QueuedExecution { start, lineage: None, entry });
        accepted.spawn(async move { database.enqueue_execution(queued).await.unwrap() });
    }
    accepted.join_all().await;
    let filter = ExecutionFilter { script: Some(stage.home.script), ..ExecutionFilter::default() };
    let range = TimeRange { from: UnixMillis(0), until: UnixMillis(600) };
    let counts = stage.database.count_executions(stage.home.tenant, &filter, range).unwrap();
    assert!(counts.is_estimate && (590..=610).contains(&counts.total()), "{counts:?}");
}

#[tokio::test]
async fn names_are_those_of_the_own_tenant() {
    let stage = Stage::set().await;
    let (database, home, other) = (&stage.database, &stage.home, &stage.other);
    let names = database.script_names(home.tenant, [home.script, other.script]).unwrap();
    assert_eq!(names.keys().collect::<Vec<_>>(), [&home.script]);
    let numbers = database.version_numbers(home.tenant, [home.version, other.version]).unwrap();
    assert_eq!(numbers.into_iter().collect::<Vec<_>>(), [(home.version, 1)]);
    let people = database.person_names(home.tenant, [home.user, other.user]).unwrap();
    assert_eq!(people.keys().collect::<Vec<_>>(), [&home.user]);
}
