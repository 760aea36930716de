//! An execution is a transaction: what was read is checked, and everything is written, or nothing.

use database::{
    CommitResult, DatabaseError, DocumentRangeRead, DocumentRead, Effects, EntryRead, EventPosition, ReadSet,
    StorageRangeRead,
};
use domain::{ErrorKind, ExecutionId, ExecutionStatus, UnixMillis};

use crate::stage::{
    NOW, Stage, all_of, delete, ended, event, increment, put, revision_of, set, set_until, under, writes,
};

fn entry(key: &str, revision: Option<i64>) -> ReadSet {
    ReadSet { entries: vec![EntryRead { key: key.to_owned(), revision }], ..ReadSet::default() }
}

fn range(prefix: &str, digest: [u8; 32]) -> ReadSet {
    ReadSet { ranges: vec![StorageRangeRead { query: under(prefix), digest }], ..ReadSet::default() }
}

fn checked(checks: ReadSet) -> Effects {
    Effects { checks, writes: vec![set("written", "true")], ..Effects::default() }
}

#[tokio::test]
async fn everything_of_an_execution_is_there_once_it_is_committed() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    let effects = Effects { events: vec![event("a"), event("b")], ..writes([set("key", "{\"n\":1}")]) };
    let result = stage.database.commit_execution(ended(lease, effects)).await.unwrap();

    let (tenant, id) = (lease.tenant, lease.execution);
    assert_eq!(stage.value("key").as_deref(), Some("{\"n\":1}"));
    let detail = stage.database.get_execution(tenant, id).unwrap();
    assert_eq!(detail.execution.status, ExecutionStatus::Success);
    assert_eq!(detail.input.as_deref(), Some(&b"input"[..]));
    assert_eq!(detail.result.as_deref(), Some(&b"result"[..]));
    let record = stage.database.get_execution_record(tenant, id).unwrap().unwrap();
    assert_eq!(record.journal, b"journal");
    let events = stage.database.list_events(tenant, EventPosition::default(), 10).unwrap();
    let ids: Vec<&str> = events.iter().map(|stored| stored.event.id.as_str()).collect();
    assert_eq!(ids, ["a", "b"]);
    assert_eq!(events[0].position.revision, revision_of(&result));
    assert_eq!(events[0].execution, Some(id));
    let usage = stage.database.usage_of_day(tenant, NOW.utc_day()).unwrap();
    assert_eq!((usage.executions, usage.fuel, usage.bytes), (1, 1_000, 64));
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    let effects = writes([set("key", "1")]);
    stage.database.commit_execution(ended(lease, effects)).await.unwrap();
    let stage = stage.restart();
    assert_eq!(stage.value("key").as_deref(), Some("1"));
    let detail = stage.database.get_execution(lease.tenant, lease.execution).unwrap();
    assert_eq!(detail.execution.status, ExecutionStatus::Success);
}

#[tokio::test]
async fn a_key_that_changed_since_it_was_read_is_a_conflict_that_writes_nothing() {
    let stage = Stage::set().await;
    let seen = stage.set_entry("stock", "5").await;
    stage.set_entry("stock", "4").await;

    let lease = stage.begin();
    let effects = Effects { events: vec![event("late")], ..checked(entry("stock", Some(seen))) };
    let result = stage.database.commit_execution(ended(lease, effects)).await.unwrap();
    assert!(matches!(&result, CommitResult::Conflict { what } if what.contains("'stock'")), "{result:?}");
    assert_eq!(stage.value("written"), None);
    assert!(stage.database.list_events(lease.tenant, EventPosition::default(), 10).unwrap().is_empty());
    assert_eq!(stage.database.usage_of_day(lease.tenant, NOW.utc_day()).unwrap().executions, 2);

    let current = stage.database.storage_get(lease.tenant, "stock", NOW).unwrap().revision;
    let repeat = ended(lease, checked(entry("stock", current)));
    revision_of(&stage.database.commit_execution(repeat).await.unwrap());
    assert_eq!(stage.value("written").as_deref(), Some("true"));
}

#[tokio::test]
async fn a_key_that_was_absent_and_is_there_now_is_a_conflict() {
    let stage = Stage::set().await;
    stage.set_entry("lock", "1").await;
    let result = stage.commit(checked(entry("lock", None))).await;
    assert!(matches!(result, CommitResult::Conflict { .. }), "{result:?}");
    revision_of(&stage.commit(checked(entry("never", None))).await);
}

#[tokio::test]
async fn a_key_that_was_deleted_and_written_again_is_a_conflict() {
    let stage = Stage::set().await;
    let seen = stage.set_entry("key", "1").await;
    stage.commit(writes([delete("key")])).await;
    let again = stage.set_entry("key", "1").await;
    assert!(again > seen);
    let result = stage.commit(checked(entry("key", Some(seen)))).await;
    assert!(matches!(result, CommitResult::Conflict { .. }), "{result:?}");
}

#[tokio::test]
async fn revisions_never_go_back_over_a_restart() {
    let stage = Stage::set().await;
    let before = stage.set_entry("key", "1").await;
    stage.commit(writes([delete("key")])).await;
    let stage = stage.restart();
    assert!(stage.set_entry("key", "1").await > before);
}

#[tokio::test]
async fn a_range_that_changed_since_it_was_read_is_a_conflict() {
    let stage = Stage::set().await;
    stage.set_entry("orders/1", "1").await;
    stage.set_entry("users/1", "1").await;
    for change in [set("orders/2", "1"), set("orders/1", "2"), delete("orders/1")] {
        let seen = stage.database.storage_list(stage.home.tenant, &under("orders/")).unwrap();
        stage.set_entry("users/1", "2").await;
        revision_of(&stage.commit(checked(range("orders/", seen.digest))).await);
        revision_of(&stage.commit(writes([change.clone()])).await);
        let result = stage.commit(checked(range("orders/", seen.digest))).await;
        assert!(matches!(result, CommitResult::Conflict { .. }), "{change:?}: {result:?}");
    }
}

#[tokio::test]
async fn an_entry_beyond_a_full_page_is_part_of_what_was_read() {
    let stage = Stage::set().await;
    stage.set_entry("a", "1").await;
    let query = database::StorageQuery { limit: 1, ..under("") };
    let seen = stage.database.storage_list(stage.home.tenant, &query).unwrap();
    assert!(!seen.more);
    stage.set_entry("b", "1").await;
    let checks = ReadSet { ranges: vec![StorageRangeRead { query, digest: seen.digest }], ..ReadSet::default() };
    let result = stage.commit(checked(checks)).await;
    assert!(matches!(result, CommitResult::Conflict { .. }), "{result:?}");
}

#[tokio::test]
async fn documents_and_lists_of_them_are_checked() {
    let stage = Stage::set().await;
    let (database, tenant) = (&stage.database, stage.home.tenant);
    let put =
        async |id: &str, body: &str| database.write_document(tenant, put("products", id, body), NOW).await.unwrap();
    database.put_collection(tenant, String::from("products"), String::from("{}"), NOW).await.unwrap();
    let seen = put("1", "{}").await;
    let document = DocumentRead { collection: String::from("products"), id: String::from("1"), revision: Some(seen) };
    let revision = database.collection(tenant, "products").unwrap().unwrap().revision;
    let list = database.document_list(tenant, &all_of("products"), |_| false).unwrap();
    let list = DocumentRangeRead { query: all_of("products"), revision, digest: list.digest };
    let one = ReadSet { documents: vec![document], ..ReadSet::default() };
    let all = ReadSet { document_ranges: vec![list], ..ReadSet::default() };
    revision_of(&stage.commit(checked(one.clone())).await);
    revision_of(&stage.commit(checked(all.clone())).await);

    put("2", "{}").await;
    revision_of(&stage.commit(checked(one.clone())).await);
    assert!(matches!(stage.commit(checked(all)).await, CommitResult::Conflict { .. }));
    put("1", "{\"price\":1}").await;
    assert!(matches!(stage.commit(checked(one)).await, CommitResult::Conflict { .. }));
}

#[tokio::test]
async fn increments_of_one_key_never_conflict_and_none_is_lost() {
    let stage = Stage::set().await;
    let leases: Vec<_> = (0..50).map(|_| stage.begin()).collect();
    let commits = leases.into_iter().map(|lease| {
        let database = stage.database.clone();
        tokio::spawn(async move { database.commit_execution(ended(lease, writes([increment("n", 0.5)]))).await })
    });
    for commit in commits.collect::<Vec<_>>() {
        revision_of(&commit.await.unwrap().unwrap());
    }
    assert_eq!(stage.value("n").as_deref(), Some("25"));
}

#[tokio::test]
async fn an_increment_of_what_is_no_number_undoes_its_execution_alone() {
    let stage = Stage::set().await;
    stage.set_entry("name", "\"Ada\"").await;
    let (bad, good) = (stage.begin(), stage.begin());
    let (bad, good) = tokio::join!(
        stage.database.commit_execution(ended(bad, writes([set("half", "1"), increment("name", 1.0)]))),
        stage.database.commit_execution(ended(good, writes([set("whole", "1")]))),
    );
    assert_eq!(bad.unwrap(), CommitResult::NotANumber { key: String::from("name") });
    revision_of(&good.unwrap());
    assert_eq!(stage.value("half"), None);
    assert_eq!(stage.value("whole").as_deref(), Some("1"));
}

#[tokio::test]
async fn an_increment_keeps_the_time_to_live_and_begins_anew_after_it() {
    let stage = Stage::set().await;
    stage.commit(writes([set_until("n", "5", NOW.0 + 1)])).await;
    stage.commit(writes([increment("n", 1.0)])).await;
    assert_eq!(stage.value("n").as_deref(), Some("6"));
    let later = UnixMillis(NOW.0 + 1);
    assert_eq!(stage.database.storage_get(stage.home.tenant, "n", later).unwrap().value, None);

    let lease = stage.begin();
    let mut commit = ended(lease, writes([increment("n", 2.0)]));
    commit.end.completed_at = later;
    stage.database.commit_execution(commit).await.unwrap();
    assert_eq!(stage.database.storage_get(stage.home.tenant, "n", later).unwrap().value.as_deref(), Some("2"));
}

#[tokio::test]
async fn storage_does_not_grow_beyond_its_limit_and_may_always_shrink() {
    let stage = Stage::set().await;
    let limited = |effects: Effects| Effects { storage_limit_bytes: Some(10), ..effects };
    revision_of(&stage.commit(limited(writes([set("abc", "1234567")]))).await);
    assert_eq!(stage.database.storage_bytes(stage.home.tenant).unwrap(), 10);
    let result = stage.commit(limited(writes([set("d", "1")]))).await;
    assert_eq!(result, CommitResult::StorageFull { limit_bytes: 10 });
    revision_of(&stage.commit(limited(writes([set("abc", "ä")]))).await);
    assert_eq!(stage.database.storage_bytes(stage.home.tenant).unwrap(), 5);
    revision_of(&stage.commit(limited(writes([delete("abc"), set("x", "1")]))).await);
    assert_eq!(stage.database.storage_bytes(stage.home.tenant).unwrap(), 2);
}

#[tokio::test]
async fn an_execution_that_failed_leaves_its_row_and_nothing_else() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    let mut commit = ended(lease, Effects::default());
    commit.end.status = ExecutionStatus::Failed;
    commit.end.error_kind = Some(ErrorKind::UserError);
    commit.end.result = None;
    commit.end.error = Some(b"Error: no".to_vec());
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    let detail = stage.database.get_execution(lease.tenant, lease.execution).unwrap();
    assert_eq!(detail.execution.error_kind, Some(ErrorKind::UserError));
    assert_eq!(detail.error.as_deref(), Some(&b"Error: no"[..]));
}

#[tokio::test]
async fn an_execution_that_has_ended_commits_no_second_time() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    revision_of(&stage.database.commit_execution(ended(lease, Effects::default())).await.unwrap());
    let again = stage.database.commit_execution(ended(lease, writes([set("twice", "1")]))).await.unwrap();
    assert_eq!(again, CommitResult::AlreadyEnded);
    let part = stage.part(lease, writes([set("twice", "1")]));
    assert_eq!(stage.database.commit_storage(part).await.unwrap(), CommitResult::AlreadyEnded);
    assert_eq!(stage.value("twice"), None);
}

#[tokio::test]
async fn another_attempt_and_another_process_are_fenced_off() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    let other_attempt = database::Lease { attempt: 2, ..lease };
    let other_process = database::Lease { epoch: lease.epoch - 1, ..lease };
    for stale in [other_attempt, other_process] {
        let result = stage.database.commit_execution(ended(stale, Effects::default())).await.unwrap();
        assert_eq!(result, CommitResult::AlreadyEnded);
    }
    stage.database.commit_storage(stage.part(lease, writes([set("written", "1")]))).await.unwrap();
    for stale in [other_attempt, other_process] {
        let result = stage.database.commit_execution(ended(stale, Effects::default())).await.unwrap();
        assert_eq!(result, CommitResult::AlreadyEnded);
    }
    revision_of(&stage.database.commit_execution(ended(lease, Effects::default())).await.unwrap());
}

#[tokio::test]
async fn an_execution_that_nobody_announced_cannot_commit() {
    let stage = Stage::set().await;
    let lease = stage.lease(ExecutionId::generate());
    let result = stage.database.commit_execution(ended(lease, Effects::default())).await;
    assert!(matches!(result, Err(DatabaseError::NotFound)), "{result:?}");
}

#[tokio::test]
async fn an_execution_cannot_commit_for_another_tenant() {
    let stage = Stage::set().await;
    let lease = database::Lease { tenant: stage.other.tenant, ..stage.begin() };
    let result = stage.database.commit_execution(ended(lease, writes([set("key", "1")]))).await;
    assert!(matches!(result, Err(DatabaseError::NotFound)), "{result:?}");
    assert_eq!(stage.database.storage_get(stage.other.tenant, "key", NOW).unwrap().value, None);
}

#[tokio::test]
async fn a_part_that_was_committed_stays_when_the_execution_fails() {
    let stage = Stage::set().await;
    let lease = stage.begin();
    let effects = Effects { events: vec![event("progress")], ..writes([set("progress", "1")]) };
    revision_of(&stage.database.commit_storage(stage.part(lease, effects)).await.unwrap());
    let running = stage.database.get_execution(lease.tenant, lease.execution).unwrap();
    assert_eq!(running.execution.status, ExecutionStatus::Running);

    let mut commit = ended(lease, Effects::default());
    commit.end.status = ExecutionStatus::Timeout;
    commit.end.error_kind = Some(ErrorKind::Timeout);
    revision_of(&stage.database.commit_execution(commit).await.unwrap());
    assert_eq!(stage.value("progress").as_deref(), Some("1"));
    assert_eq!(stage.database.list_events(lease.tenant, EventPosition::default(), 10).unwrap().len(), 1);
}

#[tokio::test]
async fn an_event_is_published_once_per_source_and_id() {
    let stage = Stage::set().await;
    let mut elsewhere = event("same");
    elsewhere.source = String::from("/scripts/other");
    let events = vec![event("same"), event("same"), elsewhere];
    revision_of(&stage.commit(Effects { events: events.clone(), ..Effects::default() }).await);
    revision_of(&stage.commit(Effects { events, ..Effects::default() }).await);
    let stored = stage.database.list_events(stage.home.tenant, EventPosition::default(), 10).unwrap();
    assert_eq!(stored.len(), 2);
    let rest = stage.database.list_events(stage.home.tenant, stored[0].position, 10).unwrap();
    assert_eq!(rest, stored[1..]);
}
