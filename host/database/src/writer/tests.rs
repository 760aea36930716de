//! Faults of the disk and of statements, played to the writer; and that what waits is one transaction.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
    mpsc,
};

use domain::{
    Actor, Capabilities, ExecutionId, ExecutionStatus, Language, RecordMode, ScriptId, ScriptKind, ScriptName,
    TenantId, TenantSlug, Trigger, UnixMillis, VersionId,
};
use rusqlite::{Connection, ffi};

use super::{CommitStep, Writer, commit, shared};
use crate::{Database, DatabaseError, NewScript, NewTenant, StartRow, Usage, open, readers::Readers};

/// A database in memory whose transactions end with `commit`.
fn database(commit: CommitStep) -> Database {
    let opened = open::open_in_memory().unwrap();
    let connection = shared(opened.connection);
    let readers = Readers::Shared(Arc::clone(&connection));
    let writer = Writer::start(connection, opened.revision_ceiling, commit).unwrap();
    Database::of(readers, writer, (opened.epoch, None), None)
}

fn tenant(slug: &str) -> NewTenant {
    NewTenant {
        id: TenantId::generate(),
        slug: TenantSlug::parse(slug).unwrap(),
        name: String::new(),
        sealed_key: Vec::new(),
        limits: None,
        created_at: UnixMillis(1),
    }
}

fn is_there(database: &Database, slug: &str) -> bool {
    database.tenant_by_slug(&TenantSlug::parse(slug).unwrap()).unwrap().is_some()
}

fn failure(code: i32) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)
}

/// A write that the writer is busy with until the other end is used or dropped, and a sign that it has begun.
struct Barrier {
    begun: mpsc::Receiver<()>,
    release: mpsc::Sender<()>,
}

impl Barrier {
    fn raise(database: &Database) -> Self {
        let (begin, begun) = mpsc::channel();
        let (release, released) = mpsc::channel::<()>();
        database.writer().write_sometime(move |_| {
            begin.send(()).ok();
            released.recv().ok();
            Ok(())
        });
        Self { begun, release }
    }

    fn wait(&self) {
        self.begun.recv().unwrap();
    }

    fn release(self) {
        self.release.send(()).unwrap();
    }
}

#[tokio::test]
async fn what_waits_is_written_in_one_transaction() {
    static COMMITS: AtomicUsize = AtomicUsize::new(0);
    let database = database(|connection| {
        COMMITS.fetch_add(1, Ordering::Relaxed);
        commit(connection)
    });
    let barrier = Barrier::raise(&database);
    barrier.wait();
    let (a, b, c, ()) = tokio::join!(
        database.create_tenant(tenant("a")),
        database.create_tenant(tenant("b")),
        database.create_tenant(tenant("c")),
        async { barrier.release() },
    );
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(COMMITS.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn a_write_that_fails_leaves_the_others_of_its_transaction() {
    let database = database(commit);
    database.create_tenant(tenant("taken")).await.unwrap();
    let barrier = Barrier::raise(&database);
    barrier.wait();
    let half_done = database.write(|work| -> Result<(), DatabaseError> {
        work.connection.execute("UPDATE tenants SET slug = 'renamed' WHERE slug = 'taken'", [])?;
        Err(DatabaseError::NotFound)
    });
    let (a, taken, half_done, b, ()) = tokio::join!(
        database.create_tenant(tenant("a")),
        database.create_tenant(tenant("taken")),
        half_done,
        database.create_tenant(tenant("b")),
        async { barrier.release() },
    );
    assert!(a.is_ok() && b.is_ok());
    assert!(matches!(taken, Err(DatabaseError::NameTaken)), "{taken:?}");
    assert!(matches!(half_done, Err(DatabaseError::NotFound)), "{half_done:?}");
    assert!(["a", "b", "taken"].iter().all(|slug| is_there(&database, slug)));
}

#[tokio::test]
async fn when_the_transaction_is_lost_every_write_in_it_fails() {
    let database = database(commit);
    let barrier = Barrier::raise(&database);
    barrier.wait();
    let losing = database.write(|work| -> Result<(), DatabaseError> {
        work.connection.execute_batch("ROLLBACK")?;
        Err(DatabaseError::Full)
    });
    let (before, lost, after, ()) = tokio::join!(
        database.create_tenant(tenant("before")),
        losing,
        database.create_tenant(tenant("after")),
        async { barrier.release() },
    );
    for result in [before, lost, after] {
        assert!(matches!(result, Err(DatabaseError::Full)), "{result:?}");
    }
    assert!(!is_there(&database, "before") && !is_there(&database, "after"));
    database.create_tenant(tenant("later")).await.unwrap();
}

#[tokio::test]
async fn a_full_disk_is_never_answered_with_success_and_writing_goes_on_once_there_is_room() {
    let directory = tempfile::tempdir().unwrap();
    let database = Database::open(directory.path()).unwrap();
    let home = tenant("home");
    let id = home.id;
    database.create_tenant(home).await.unwrap();
    let limit_pages = |pages: i64| {
        database.write(move |work| {
            let set: i64 =
                work.connection.query_row(&format!("PRAGMA max_page_count = {pages}"), [], |row| row.get(0))?;
            Ok(set)
        })
    };
    let pages = limit_pages(1).await.unwrap();
    let barrier = Barrier::raise(&database);
    barrier.wait();
    let big = |slug: &str| NewTenant { sealed_key: vec![1; 1 << 20], ..tenant(slug) };
    let day = database.add_usage(id, 1, Usage { executions: 1, ..Usage::default() });
    let (big, day, ()) = tokio::join!(database.create_tenant(big("big")), day, async { barrier.release() });
    assert!(matches!(big, Err(DatabaseError::Full)), "{big:?}");
    assert!(!is_there(&database, "big"));
    assert_eq!(database.usage_of_day(id, 1).unwrap().executions, u64::from(day.is_ok()));
    assert!(database.is_writable());

    limit_pages(pages + 10_000).await.unwrap();
    database.create_tenant(tenant("big")).await.unwrap();
    assert!(is_there(&database, "big"));
}

#[tokio::test]
async fn a_disk_that_is_full_at_the_commit_fails_every_write_and_may_recover() {
    static FULL: AtomicBool = AtomicBool::new(true);
    let database =
        database(
            |connection| {
                if FULL.load(Ordering::Relaxed) { Err(failure(ffi::SQLITE_FULL)) } else { commit(connection) }
            },
        );
    let result = database.create_tenant(tenant("a")).await;
    assert!(matches!(result, Err(DatabaseError::Full)), "{result:?}");
    assert!(!is_there(&database, "a"));
    assert!(database.is_writable());
    FULL.store(false, Ordering::Relaxed);
    database.create_tenant(tenant("a")).await.unwrap();
    assert!(is_there(&database, "a"));
}

#[tokio::test]
async fn a_disk_that_fails_at_the_commit_ends_writing_for_good() {
    static COMMITS: AtomicUsize = AtomicUsize::new(0);
    let database = database(|_| {
        COMMITS.fetch_add(1, Ordering::Relaxed);
        Err(failure(ffi::SQLITE_IOERR_FSYNC))
    });
    for slug in ["a", "b"] {
        let result = database.create_tenant(tenant(slug)).await;
        assert!(matches!(result, Err(DatabaseError::Unavailable)), "{result:?}");
        assert!(!is_there(&database, slug));
        assert!(!database.is_writable());
    }
    assert_eq!(COMMITS.load(Ordering::Relaxed), 1, "an fsync that failed is never tried again");
}

#[tokio::test]
async fn a_write_that_panics_is_answered_and_so_is_every_later_one() {
    let database = database(commit);
    let result = database.write(|_| -> Result<(), DatabaseError> { panic!("a broken statement") }).await;
    assert!(matches!(result, Err(DatabaseError::Unavailable)), "{result:?}");
    let result = database.create_tenant(tenant("a")).await;
    assert!(matches!(result, Err(DatabaseError::Unavailable)), "{result:?}");
    assert!(!database.is_writable());
}

#[tokio::test]
async fn a_full_queue_refuses_and_drains() {
    let database = database(commit);
    let barrier = Barrier::raise(&database);
    barrier.wait();
    for _ in 0..4_096 {
        database.writer().write_sometime(|_| Ok(()));
    }
    let result = database.create_tenant(tenant("a")).await;
    assert!(matches!(result, Err(DatabaseError::Busy)), "{result:?}");
    barrier.release();
    while matches!(database.create_tenant(tenant("b")).await, Err(DatabaseError::Busy)) {
        tokio::task::yield_now().await;
    }
    assert!(is_there(&database, "b"));
}

#[tokio::test]
async fn every_write_has_a_revision_of_its_own_and_they_only_rise() {
    let database = database(commit);
    let mut last = 0;
    for _ in 0..1_000 {
        let revision = database.write(|work| Ok(work.revision)).await.unwrap();
        assert!(revision > last);
        last = revision;
    }
    let ceiling = database.read(|connection: &Connection| {
        Ok(connection.query_row("SELECT revision_ceiling FROM deployment", [], |row| row.get::<_, i64>(0))?)
    });
    assert!(ceiling.unwrap() > last);
}

#[tokio::test]
async fn an_execution_that_goes_on_becomes_a_running_row() {
    let database = database(commit);
    let home = tenant("home");
    let start = start(&database, &home).await;
    let (tenant, execution) = (start.tenant, start.execution);
    database.announce_execution(start);
    let found = loop {
        match database.get_execution(tenant, execution) {
            Ok(found) => break found.execution,
            Err(_) => tokio::task::yield_now().await,
        }
    };
    assert_eq!(found.status, ExecutionStatus::Running);
}

#[tokio::test]
async fn a_start_row_waits_in_memory_and_outlives_a_full_disk() {
    static FULL: AtomicBool = AtomicBool::new(false);
    let database =
        database(
            |connection| {
                if FULL.load(Ordering::Relaxed) { Err(failure(ffi::SQLITE_FULL)) } else { commit(connection) }
            },
        );
    let home = tenant("home");
    let start = start(&database, &home).await;
    let lease = crate::Lease {
        tenant: start.tenant,
        execution: start.execution,
        attempt: 1,
        epoch: start.owner_epoch,
        fence: None,
    };
    FULL.store(true, Ordering::Relaxed);
    database.announce_execution(start);
    let part = crate::PartialCommit { lease, effects: crate::Effects::default(), now: UnixMillis(1) };
    let result = database.commit_storage(part.clone()).await;
    assert!(matches!(result, Err(DatabaseError::Full)), "{result:?}");
    FULL.store(false, Ordering::Relaxed);
    let result = database.commit_storage(part).await;
    assert!(matches!(result, Ok(crate::CommitResult::Committed { .. })), "{result:?}");
}

/// The start row of an execution of a script that is there.
async fn start(database: &Database, home: &NewTenant) -> StartRow {
    database.create_tenant(home.clone()).await.unwrap();
    let script = NewScript {
        id: ScriptId::generate(),
        name: ScriptName::parse("script").unwrap(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        draft_source: String::new(),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        created_by: None,
        created_at: UnixMillis(1),
        endpoint: None,
        told: None,
    };
    let id = script.id;
    database.create_script(home.id, script).await.unwrap();
    StartRow {
        tenant: home.id,
        execution: ExecutionId::generate(),
        script: id,
        version: VersionId::generate(),
        trigger: Trigger::Api,
        actor: Actor::System,
        binding: None,
        retry_of: None,
        attempt: 1,
        owner_epoch: database.epoch(),
        input: None,
        accepted_at: UnixMillis(1),
        started_at: UnixMillis(1),
        reserved_fuel: 0,
    }
}
