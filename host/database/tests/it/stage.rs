//! What most tests begin with: a database with two tenants, each with a member, a script and a deployed version.

use std::{collections::BTreeSet, time::Duration};

use database::{
    Activation, Artifact, Claim, Claimed, CommitResult, Database, DatabaseError, Deployment, DocumentChange,
    DocumentQuery, DocumentWrite, Effects, Ending, ExecutionCommit, ExecutionEnd, ExecutionRecord, Lease, Membership,
    MembershipStatus, NewScript, NewTenant, OutboxEvent, PartialCommit, Priority, QueueEntry, QueuedExecution,
    StartRow, StorageChange, StorageQuery, StorageWrite, Taken, Usage, User, Verdict,
};
use domain::{
    Actor, Capabilities, ExecutionId, ExecutionStatus, Language, OnInterrupt, Permissions, RecordMode, ScriptId,
    ScriptKind, ScriptName, TenantId, TenantSlug, Trigger, UnixMillis, UserId, VersionId,
};
use tempfile::TempDir;

/// The tests' clock.
pub(crate) const NOW: UnixMillis = UnixMillis(1_790_000_000_000);

/// Fuel that is set aside for every attempt.
pub(crate) const RESERVED_FUEL: u64 = 5_000;

/// A tenant with one of everything.
pub(crate) struct Household {
    pub(crate) tenant: TenantId,
    pub(crate) user: UserId,
    pub(crate) script: ScriptId,
    pub(crate) version: VersionId,
}

pub(crate) struct Stage {
    pub(crate) directory: TempDir,
    pub(crate) database: Database,
    pub(crate) home: Household,
    pub(crate) other: Household,
}

impl Stage {
    pub(crate) async fn set() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let database = Database::open(directory.path()).unwrap();
        let home = household(&database, "home").await;
        let other = household(&database, "other").await;
        Self { directory, database, home, other }
    }

    /// Close the database and open it again, as the next process would.
    pub(crate) fn restart(self) -> Self {
        let Self { directory, database, home, other } = self;
        drop(database);
        let database = Database::open(directory.path()).unwrap();
        Self { directory, database, home, other }
    }

    /// Change a row behind the database's back, as damage does: the one that the statement names by `key`.
    pub(crate) fn tamper(&self, statement: &str, key: &str) {
        let file = rusqlite::Connection::open(self.directory.path().join("skerry.db")).unwrap();
        assert_eq!(file.execute(statement, [key]).unwrap(), 1, "{statement}");
    }

    /// Announce an execution of the home tenant.
    pub(crate) fn begin(&self) -> Lease {
        let start = self.start();
        let lease = self.lease(start.execution);
        self.database.announce_execution(start);
        lease
    }

    pub(crate) fn start(&self) -> StartRow {
        StartRow {
            tenant: self.home.tenant,
            execution: ExecutionId::generate(),
            script: self.home.script,
            version: self.home.version,
            trigger: Trigger::Api,
            actor: Actor::System,
            binding: None,
            retry_of: None,
            attempt: 1,
            owner_epoch: self.database.epoch(),
            input: Some(b"input".to_vec()),
            accepted_at: NOW,
            started_at: NOW,
            reserved_fuel: 0,
        }
    }

    /// An execution that is accepted, and waits beside all others.
    pub(crate) fn queued(&self) -> QueuedExecution {
        let entry = QueueEntry {
            priority: Priority::Live,
            available_at: NOW,
            group: None,
            line: None,
            max_attempts: 3,
            on_interrupt: OnInterrupt::Retry,
            queue_limit: 100,
        };
        QueuedExecution { start: self.start(), lineage: None, entry }
    }

    /// Accept one.
    pub(crate) async fn accept(&self, queued: QueuedExecution) -> ExecutionId {
        let execution = queued.start.execution;
        self.database.enqueue_execution(queued).await.unwrap();
        execution
    }

    /// Take the tenant's next one, past those that are put off.
    pub(crate) async fn claim(&self, now: UnixMillis) -> Option<Claimed> {
        loop {
            match self.take(now).await {
                Taken::Execution(claimed) => return Some(claimed),
                Taken::PutOff => {}
                Taken::Nothing => return None,
            }
        }
    }

    /// Ask for the tenant's next one.
    pub(crate) async fn take(&self, now: UnixMillis) -> Taken {
        let claim = Claim {
            tenant: self.home.tenant,
            epoch: self.database.epoch(),
            now,
            lease_until: UnixMillis(now.0 + 30_000),
            reserved_fuel: RESERVED_FUEL,
        };
        self.database.claim_execution(claim).await.unwrap()
    }

    /// Pause a script, or let it run.
    pub(crate) async fn pause(&self, script: ScriptId, is_paused: bool) {
        self.database.set_active(self.home.tenant, script, !is_paused, (NOW, None)).await.unwrap();
    }

    pub(crate) fn lease_of(&self, claimed: &Claimed) -> Lease {
        let lease = self.lease(claimed.execution);
        Lease { attempt: claimed.attempt, fence: Some(claimed.fence), ..lease }
    }

    pub(crate) fn lease(&self, execution: ExecutionId) -> Lease {
        Lease { tenant: self.home.tenant, execution, attempt: 1, epoch: self.database.epoch(), fence: None }
    }

    /// Commit a successful execution with these effects.
    pub(crate) async fn commit(&self, effects: Effects) -> CommitResult {
        let lease = self.begin();
        self.database.commit_execution(ended(lease, effects)).await.unwrap()
    }

    pub(crate) async fn set_entry(&self, key: &str, value: &str) -> i64 {
        let result = self.commit(writes([set(key, value)])).await;
        revision_of(&result)
    }

    pub(crate) fn value(&self, key: &str) -> Option<String> {
        self.database.storage_get(self.home.tenant, key, NOW).unwrap().value
    }

    pub(crate) fn part(&self, lease: Lease, effects: Effects) -> PartialCommit {
        PartialCommit { lease, effects, now: NOW }
    }
}

async fn household(database: &Database, slug: &str) -> Household {
    let tenant = TenantId::generate();
    let user = UserId::generate();
    database.create_tenant(new_tenant(tenant, slug)).await.unwrap();
    database.create_user(new_user(user, slug)).await.unwrap();
    database.put_membership(tenant, member(user)).await.unwrap();
    let script = new_script("orders", user);
    let id = script.id;
    database.create_script(tenant, script).await.unwrap();
    let version = deploy(database, tenant, id, 1).await.unwrap();
    Household { tenant, user, script: id, version }
}

pub(crate) fn new_tenant(id: TenantId, slug: &str) -> NewTenant {
    NewTenant {
        id,
        slug: TenantSlug::parse(slug).unwrap(),
        name: format!("The {slug} tenant"),
        sealed_key: vec![7; 48],
        limits: None,
        created_at: NOW,
    }
}

pub(crate) fn new_user(id: UserId, name: &str) -> User {
    let email = format!("{name}@example.org");
    User { id, email, name: name.to_owned(), is_operator: false, created_at: NOW }
}

pub(crate) fn member(user: UserId) -> Membership {
    Membership { user, permissions: Permissions::all(), status: MembershipStatus::Active, created_at: NOW }
}

pub(crate) fn new_script(name: &str, user: UserId) -> NewScript {
    NewScript {
        id: ScriptId::generate(),
        name: ScriptName::parse(name).unwrap(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        draft_source: String::from("export default () => 1"),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        created_by: Some(user),
        created_at: NOW,
        endpoint: None,
        told: None,
    }
}

pub(crate) async fn deploy(
    database: &Database,
    tenant: TenantId,
    script: ScriptId,
    draft: i64,
) -> Result<VersionId, DatabaseError> {
    let version = VersionId::generate();
    let deployment = Deployment {
        script,
        expected_draft_revision: draft,
        version,
        deployed_by: None,
        change_summary: String::from("first"),
        deployed_at: NOW,
        input_schema: None,
        artifact: artifact(),
        told: None,
    };
    database.deploy(tenant, deployment).await.map(|_| version)
}

pub(crate) fn activation(number: u32, deployed_by: Option<UserId>) -> Activation {
    Activation { number, deployed_by, deployed_at: NOW, told: None }
}

pub(crate) fn artifact() -> Artifact {
    Artifact {
        engine_build: String::from("build-1"),
        load_fuel: 12_345,
        impure_reason: None,
        mac: vec![1; 32],
        source_map: None,
        bytecode: vec![2; 100],
    }
}

pub(crate) fn ended(lease: Lease, effects: Effects) -> ExecutionCommit {
    ExecutionCommit {
        lease,
        end: ExecutionEnd {
            status: ExecutionStatus::Success,
            error_kind: None,
            result: Some(b"result".to_vec()),
            error: None,
            fuel: 1_000,
            peak_memory_bytes: 2 << 20,
            host_calls: 3,
            logs_truncated: false,
            completed_at: NOW,
            duration: Duration::from_micros(31),
        },
        record: Some(ExecutionRecord { logs: b"logs".to_vec(), journal: b"journal".to_vec() }),
        effects,
        usage: Usage { executions: 1, fuel: 1_000, host_calls: 3, bytes: 64 },
        day: NOW.utc_day(),
        verdict: Verdict::Sound,
        retry: None,
        on_open: None,
    }
}

pub(crate) fn writes(writes: impl IntoIterator<Item = StorageWrite>) -> Effects {
    Effects { writes: writes.into_iter().collect(), ..Effects::default() }
}

pub(crate) fn set(key: &str, value: &str) -> StorageWrite {
    StorageWrite { key: key.to_owned(), change: StorageChange::Set { value: value.to_owned(), expires_at: None } }
}

pub(crate) fn set_until(key: &str, value: &str, expires_at: i64) -> StorageWrite {
    let expires_at = Some(UnixMillis(expires_at));
    StorageWrite { key: key.to_owned(), change: StorageChange::Set { value: value.to_owned(), expires_at } }
}

pub(crate) fn delete(key: &str) -> StorageWrite {
    StorageWrite { key: key.to_owned(), change: StorageChange::Delete }
}

pub(crate) fn increment(key: &str, by: f64) -> StorageWrite {
    StorageWrite { key: key.to_owned(), change: StorageChange::Increment { by } }
}

pub(crate) fn event(id: &str) -> OutboxEvent {
    OutboxEvent {
        id: id.to_owned(),
        event_type: String::from("order.placed"),
        source: String::from("/scripts/orders"),
        subject: None,
        data: b"data".to_vec(),
        time: NOW,
        hop: 0,
        root: String::from("root"),
        root_tenant: None,
        published_by: None,
    }
}

pub(crate) fn under(prefix: &str) -> StorageQuery {
    StorageQuery { prefix: prefix.to_owned(), after: None, limit: 100, now: NOW }
}

pub(crate) fn all_of(collection: &str) -> DocumentQuery {
    DocumentQuery::by_id(collection, None, 100)
}

/// A document without fields.
pub(crate) fn put(collection: &str, id: &str, body: &str) -> DocumentWrite {
    let change = DocumentChange::Put { body: body.to_owned(), fields: BTreeSet::new() };
    DocumentWrite { collection: collection.to_owned(), id: id.to_owned(), change }
}

pub(crate) fn revision_of(result: &CommitResult) -> i64 {
    match result {
        CommitResult::Committed { revision } => *revision,
        other => panic!("not committed: {other:?}"),
    }
}

/// End what a process before this one left running, and count it.
pub(crate) async fn end_left_running(database: &Database, now: UnixMillis) -> usize {
    let left = database.left_running(database.epoch()).unwrap();
    let count = left.len();
    let ending = |doomed| Ending { doomed, error: Some(b"sealed".to_vec()), told: None };
    database.end_doomed(left.into_iter().map(ending).collect(), now).await.unwrap();
    count
}
