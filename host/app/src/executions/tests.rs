//! Following and finding executions, with real guests; and what becomes of one that cannot begin.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use database::ExecutionFilter;
use domain::{
    Capabilities, ErrorKind, ExecutionId, ExecutionStatus, Language, Permission, Permissions, Principal, RecordMode,
    RunPolicy, ScriptKind, ScriptName, Trigger, UnixMillis,
};

use super::{ExecutionNews, ExecutionQuery, LogFollower, LogMark, LogNews, LogText, QueueTerms, RunRequest};
use crate::{App, AppConfig, AppError, NewScriptInput, ScriptRef, admission::Lane};

/// Long enough for everything here, on any machine.
const LONG: Duration = Duration::from_secs(60);

struct Stage {
    app: App,
    principal: Principal,
}

impl Stage {
    async fn open() -> Self {
        let app = App::open(AppConfig::in_memory()).await.unwrap();
        let bootstrap = app.bootstrap(false).await.unwrap().unwrap();
        let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
        Self { app, principal }
    }

    async fn deploy(&self, name: &str, policy: Option<RunPolicy>, source: &str) {
        let script = NewScriptInput {
            name: ScriptName::parse(name).unwrap(),
            description: String::new(),
            kind: ScriptKind::OneOff,
            language: Language::JavaScript,
            source: source.to_owned(),
            capabilities: Capabilities::default(),
            limits: None,
            record: RecordMode::Full,
            policy,
            endpoint: None,
        };
        self.app.scripts().create(&self.principal, script).await.unwrap();
        self.app.scripts().deploy(&self.principal, &named(name), None, String::new()).await.unwrap();
    }

    async fn accept(&self, name: &str) -> ExecutionId {
        let request = RunRequest { script: named(name), input: String::from("null"), trigger: Trigger::Api };
        self.app.executions().accept(&self.principal, request).await.unwrap().execution.id
    }

    async fn run(&self, name: &str) -> ExecutionId {
        let request = RunRequest { script: named(name), input: String::from("null"), trigger: Trigger::Api };
        self.app.executions().run(&self.principal, request).await.unwrap().execution.id
    }

    fn follow(&self, execution: ExecutionId, from: Option<LogMark>) -> LogFollower {
        self.app.executions().follow(&self.principal, execution, from).unwrap()
    }

    fn kept(&self, execution: ExecutionId) -> Vec<String> {
        let logs = self.app.executions().logs(&self.principal, execution).unwrap();
        logs.lines.into_iter().map(|line| line.message).collect()
    }

    /// The principal with these rights alone.
    fn with(&self, permissions: &[Permission]) -> Principal {
        Principal { permissions: permissions.iter().copied().collect(), ..self.principal.clone() }
    }

    async fn find(&self, principal: &Principal, text: &str) -> Vec<ExecutionId> {
        let (mut found, mut cursor) = (Vec::new(), None);
        loop {
            let logs = Some(LogText::parse(text).unwrap());
            let query = ExecutionQuery { logs, cursor, limit: 1, filter: ExecutionFilter::default() };
            let page = self.app.executions().find(principal, query).await.unwrap();
            found.extend(page.executions.iter().map(|execution| execution.id));
            cursor = page.next;
            if cursor.is_none() {
                return found;
            }
        }
    }
}

/// What a reader has who does as the stream says: the lines, and the places that they were told with.
#[derive(Default)]
struct Reader {
    lines: Vec<String>,
    marks: Vec<LogMark>,
    began_anew: u32,
}

impl Reader {
    /// Read on until there is news of which `is_enough` says so, which is answered.
    async fn until(&mut self, follower: &mut LogFollower, is_enough: impl Fn(&LogNews) -> bool) -> LogNews {
        let read = async {
            loop {
                let news = follower.next().await.unwrap();
                match &news {
                    LogNews::Lines(lines) => {
                        self.lines.extend(lines.iter().map(|(_, line)| line.message.clone()));
                        self.marks.extend(lines.iter().map(|(mark, _)| *mark));
                    }
                    LogNews::Anew => {
                        (self.lines, self.marks) = Default::default();
                        self.began_anew += 1;
                    }
                    _ => {}
                }
                if is_enough(&news) {
                    return news;
                }
            }
        };
        tokio::time::timeout(LONG, read).await.unwrap()
    }
}

fn named(name: &str) -> ScriptRef {
    ScriptRef::parse(name).unwrap()
}

const ENDLESS: &str = "export default async () => {
    console.log('one'); console.log('two');
    for (;;) await utils.sleep(1000);
}";

#[tokio::test]
async fn a_log_is_followed_from_a_run_to_what_is_kept_of_it() {
    let stage = Stage::open().await;
    stage.deploy("endless", None, ENDLESS).await;
    let execution = stage.accept("endless").await;
    let mut follower = stage.follow(execution, None);
    let mut reader = Reader::default();
    while reader.lines.len() < 2 {
        reader.until(&mut follower, |news| matches!(news, LogNews::Lines(_))).await;
    }
    assert_eq!(reader.lines, ["one", "two"], "while it goes on");
    stage.app.executions().cancel(&stage.principal, execution).await.unwrap();
    let end = reader.until(&mut follower, LogNews::is_last).await;
    let expected =
        LogNews::Ended { status: ExecutionStatus::Cancelled, error_kind: Some(ErrorKind::Cancelled), truncated: false };
    assert_eq!((end, &reader.lines, reader.began_anew), (expected, &stage.kept(execution), 0));

    let mut rest = Reader::default();
    let mut follower = stage.follow(execution, reader.marks.first().copied());
    rest.until(&mut follower, LogNews::is_last).await;
    assert_eq!((rest.lines, rest.began_anew), (vec![String::from("two")], 0), "from where it was left");
    let mut again = Reader::default();
    let mut follower = stage.follow(execution, Some(LogMark::parse("2-00000000000000ff")));
    again.until(&mut follower, LogNews::is_last).await;
    assert_eq!((again.lines, again.began_anew), (reader.lines, 1), "from a place of another log");
}

#[tokio::test]
async fn the_log_of_another_attempt_is_said_to_begin_anew() {
    let stage = Stage::open().await;
    let policy = RunPolicy { max_attempts: 2, ..RunPolicy::default() };
    let source = "export default async () => {
        console.log('attempt', context.execution.attempt);
        await utils.sleep(1);
        if (context.execution.attempt < 2) throw new Error('once');
        console.log('done');
    }";
    stage.deploy("shaky", Some(policy), source).await;
    let execution = stage.accept("shaky").await;
    let mut follower = stage.follow(execution, None);
    let mut reader = Reader::default();
    let end = reader.until(&mut follower, LogNews::is_last).await;
    assert!(matches!(end, LogNews::Ended { status: ExecutionStatus::Success, .. }), "{end:?}");
    assert_eq!(reader.lines, ["attempt 2", "done"]);
    assert_eq!(reader.lines, stage.kept(execution));
}

#[tokio::test]
async fn a_stream_ends_when_its_token_is_revoked() {
    let stage = Stage::open().await;
    stage.deploy("endless", None, ENDLESS).await;
    let execution = stage.accept("endless").await;
    let rights: Permissions = [Permission::ExecutionsRead, Permission::ExecutionsInspect].into_iter().collect();
    let tokens = stage.app.tokens();
    let token = tokens.create(&stage.principal, String::from("reader"), rights, None).await.unwrap();
    let principal = tokens.authenticate(&token.text).unwrap();
    let mut follower = stage.app.executions().follow(&principal, execution, None).unwrap();
    let mut reader = Reader::default();
    reader.until(&mut follower, |news| matches!(news, LogNews::Lines(_))).await;
    tokens.revoke(&stage.principal, token.id).await.unwrap();
    assert_eq!(reader.until(&mut follower, LogNews::is_last).await, LogNews::Forbidden);
    stage.app.executions().cancel(&stage.principal, execution).await.unwrap();
}

#[tokio::test]
async fn a_log_is_followed_by_those_alone_who_may_inspect_what_the_run_did() {
    let stage = Stage::open().await;
    let source = "export default async () => {
        await storage.get('a');
        console.log('read');
        for (;;) await utils.sleep(1000);
    }";
    stage.deploy("reads", None, source).await;
    let execution = stage.accept("reads").await;
    let mut follower = stage.follow(execution, None);
    Reader::default().until(&mut follower, |news| matches!(news, LogNews::Lines(_))).await;
    let executions = stage.app.executions();
    let follow = |permissions: &[Permission]| executions.follow(&stage.with(permissions), execution, None);
    assert!(matches!(follow(&[Permission::ExecutionsRead]), Err(AppError::Forbidden(_))));
    assert!(matches!(follow(&[Permission::ExecutionsInspect]), Err(AppError::Forbidden(_))));
    assert!(follow(&[Permission::ExecutionsRead, Permission::StorageRead]).is_ok());
    assert!(follow(&[Permission::ExecutionsRead, Permission::ExecutionsInspect]).is_ok());
    let unknown = executions.follow(&stage.principal, ExecutionId::generate(), None);
    assert!(matches!(unknown, Err(AppError::NotFound { what: "execution" })));
    executions.cancel(&stage.principal, execution).await.unwrap();
}

#[tokio::test]
async fn a_text_in_logs_is_found_by_those_alone_who_may_inspect_the_execution() {
    let stage = Stage::open().await;
    stage.deploy("plain", None, "export default () => { console.log('a needle', { in: 'hay' }); }").await;
    stage.deploy("reads", None, "export default async () => { console.log('Needle'); await storage.get('a'); }").await;
    stage.deploy("other", None, "export default () => { console.log('hay'); }").await;
    let plain = stage.run("plain").await;
    let reads = stage.run("reads").await;
    let other = stage.run("other").await;
    assert_eq!(stage.find(&stage.principal, "NEEDLE").await, [reads, plain]);
    assert_eq!(stage.find(&stage.principal, "hay").await, [other, plain]);
    assert!(stage.find(&stage.principal, "nothing").await.is_empty());
    let reader = stage.with(&[Permission::ExecutionsRead]);
    assert_eq!(stage.find(&reader, "needle").await, [plain]);
    let query = ExecutionQuery { limit: 1, ..ExecutionQuery::default() };
    let refused = stage.app.executions().find(&stage.with(&[Permission::ScriptsRead]), query).await;
    assert!(matches!(refused, Err(AppError::Forbidden(_))));
}

#[tokio::test]
async fn whoever_watches_is_told_of_the_tenants_executions_alone() {
    let stage = Stage::open().await;
    stage.deploy("plain", None, "export default () => 1").await;
    let mut watcher = stage.app.executions().watch(&stage.principal).unwrap();
    stage.app.inner.changes.tell(domain::TenantId::generate(), ExecutionId::generate());
    let execution = stage.accept("plain").await;
    let watch = async {
        loop {
            if let ExecutionNews::Changed(executions) = watcher.next().await.unwrap() {
                assert!(executions.iter().all(|told| told.id == execution), "{executions:?}");
                if executions.iter().any(|told| told.status == ExecutionStatus::Success) {
                    return;
                }
            }
        }
    };
    tokio::time::timeout(LONG, watch).await.unwrap();
    let refused = stage.app.executions().watch(&stage.with(&[Permission::ScriptsRead]));
    assert!(matches!(refused, Err(AppError::Forbidden(_))));
}

#[tokio::test]
async fn whoever_does_not_keep_up_is_told_to_read_the_list_again() {
    let stage = Stage::open().await;
    let mut watcher = stage.app.executions().watch(&stage.principal).unwrap();
    for _ in 0..10_000 {
        stage.app.inner.changes.tell(stage.principal.tenant, ExecutionId::generate());
    }
    assert_eq!(watcher.next().await.unwrap(), ExecutionNews::Missed);
}

/// An application in which nothing that waits begins by itself.
async fn offline() -> Stage {
    let app = App::open_offline(AppConfig::in_memory()).unwrap();
    let bootstrap = app.bootstrap(false).await.unwrap().unwrap();
    let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
    Stage { app, principal }
}

impl Stage {
    async fn claim(&self, now: UnixMillis) -> Option<database::Claimed> {
        let database = &self.app.inner.database;
        let claim = database::Claim {
            tenant: self.principal.tenant,
            epoch: database.epoch(),
            now,
            lease_until: UnixMillis(now.0 + 60_000),
            reserved_fuel: 0,
        };
        match database.claim_execution(claim).await.unwrap() {
            database::Taken::Execution(claimed) => Some(claimed),
            _ => None,
        }
    }
}

#[tokio::test]
async fn an_execution_whose_input_cannot_be_read_is_tried_some_times_and_then_ends() {
    let stage = offline().await;
    stage.deploy("hello", None, "export default () => 1").await;
    let (service, inner, tenant) = (stage.app.executions(), &stage.app.inner, stage.principal.tenant);
    let request = RunRequest { script: named("hello"), input: String::from("null"), trigger: Trigger::Api };
    let order = service.order(&stage.principal, request).unwrap();
    let mut queued = service.queued(&order, QueueTerms::LIVE).unwrap();
    queued.start.input = Some(b"nothing that was sealed".to_vec());
    inner.database.enqueue_execution(queued).await.unwrap();
    let mut now = UnixMillis::now();
    while let Some(claimed) = stage.claim(now).await {
        let row = inner.database.tenant(tenant).unwrap();
        let allowed = inner.allow(&row, Lane::Background, 1_000).await.unwrap();
        let taking = inner.running.begin_taking().unwrap();
        service.run_claimed(tenant, claimed, taking, (now, allowed)).await;
        now = UnixMillis(now.0 + 3_600_000);
    }
    let ended = inner.database.get_execution(tenant, order.execution).unwrap().execution;
    assert_eq!((ended.status, ended.error_kind), (ExecutionStatus::Failed, Some(ErrorKind::Internal)));
    assert_eq!(ended.attempt, 4, "the first and three more");
    assert_eq!(inner.database.queued_executions(tenant).unwrap(), 0, "it keeps no place");
}

#[tokio::test]
async fn what_is_cancelled_while_it_goes_back_to_wait_ends_all_the_same() {
    let stage = offline().await;
    stage.deploy("hello", None, "export default () => 1").await;
    let (service, inner, tenant) = (stage.app.executions(), &stage.app.inner, stage.principal.tenant);
    // Written and not accepted: nobody is told of it who could take it first.
    let request = RunRequest { script: named("hello"), input: String::from("null"), trigger: Trigger::Api };
    let order = service.order(&stage.principal, request).unwrap();
    let execution = order.execution;
    inner.database.enqueue_execution(service.queued(&order, QueueTerms::LIVE).unwrap()).await.unwrap();
    // A hand takes it, and finds that it cannot begin yet.
    let now = UnixMillis::now();
    let claimed = stage.claim(now).await.unwrap();
    let order = service.order_of(tenant, execution).unwrap();
    let running = inner.running.begin(&order).unwrap();
    service.cancel(&stage.principal, execution).await.unwrap();
    let lease = database::Lease {
        tenant,
        execution,
        attempt: claimed.attempt,
        epoch: inner.database.epoch(),
        fence: Some(claimed.fence),
    };
    inner.database.put_back(lease, UnixMillis(now.0 + 3_600_000)).await.unwrap();
    drop(running);
    let ended = async {
        while !inner.database.get_execution(tenant, execution).unwrap().execution.status.is_terminal() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(LONG, ended).await.expect("it waits for an hour");
    let row = inner.database.get_execution(tenant, execution).unwrap().execution;
    assert_eq!((row.status, row.error_kind), (ExecutionStatus::Cancelled, Some(ErrorKind::Cancelled)));
}

#[tokio::test]
async fn what_does_not_compile_any_more_is_hopeless_and_a_wait_for_room_is_not() {
    let kind = |error: &AppError| super::lost::hopeless(error).map(|failure| failure.kind);
    assert_eq!(kind(&AppError::Source { diagnostics: Vec::new() }), Some(ErrorKind::Syntax));
    assert_eq!(kind(&AppError::internal("damaged")), Some(ErrorKind::Internal));
    assert_eq!(kind(&AppError::internal(database::DatabaseError::TooSlow)), None);
    let overloaded = AppError::Overloaded { retry_after: Duration::from_secs(1) };
    for passing in [overloaded, AppError::Unavailable, AppError::StorageFull, AppError::ConcurrencyFull { max: 1 }] {
        assert_eq!(kind(&passing), None, "{passing}");
    }
}
