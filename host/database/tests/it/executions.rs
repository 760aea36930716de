//! How executions begin, are listed, and what becomes of those that a crash cut off.

use database::{Effects, ExecutionFilter, Lease, QueuedExecution, StartRow};
use domain::{Actor, ErrorKind, ExecutionId, ExecutionStatus, TokenId, Trigger, UnixMillis};

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
        let Some(last) = page.last() else { break };
        cursor = Some(last.cursor());
        seen.extend(page.iter().map(|execution| execution.id));
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn each_filter_of_the_list_holds() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let lease = stage.begin();
    revision_of(&database.commit_execution(ended(lease, Effects::default())).await.unwrap());
    let waiting =
        StartRow { trigger: Trigger::Cron, accepted_at: UnixMillis(5), started_at: UnixMillis(5), ..stage.start() };
    let waiting_id = waiting.execution;
    stage.accept(QueuedExecution { start: waiting, ..stage.queued() }).await;
    let list = |filter: ExecutionFilter| {
        let page = database.list_executions(tenant, &filter, None, 10).unwrap();
        page.into_iter().map(|execution| execution.id).collect::<Vec<_>>()
    };
    let none = ExecutionFilter::default();
    let (first, second) = (lease.execution, waiting_id);
    assert_eq!(list(none), [first, second]);
    assert_eq!(list(ExecutionFilter { script: Some(stage.home.script), ..none }), [first, second]);
    assert!(list(ExecutionFilter { script: Some(stage.other.script), ..none }).is_empty());
    assert_eq!(list(ExecutionFilter { status: Some(ExecutionStatus::Pending), ..none }), [second]);
    assert_eq!(list(ExecutionFilter { trigger: Some(Trigger::Api), ..none }), [first]);
    assert_eq!(list(ExecutionFilter { before: Some(UnixMillis(6)), ..none }), [second]);
    assert_eq!(list(ExecutionFilter { after: Some(UnixMillis(6)), ..none }), [first]);
    let all = ExecutionFilter {
        script: Some(stage.home.script),
        status: Some(ExecutionStatus::Pending),
        trigger: Some(Trigger::Cron),
        before: Some(UnixMillis(6)),
        after: Some(UnixMillis(5)),
    };
    assert_eq!(list(all), [second]);
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
