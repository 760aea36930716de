//! How long a page of a list of executions takes, by filter: `./just lists`.
//!
//! `ROWS` executions of one tenant, a million where the environment says nothing, of ten scripts of very different
//! use; the newest of them are real runs with a line of log each, which the others have not. For each filter the list is paged from its beginning, at most a hundred pages; the median
//! and the slowest page are printed, and how many executions were found. A page is to take less than 50 ms.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on has failed; it prints")]

use std::{
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use app::{
    App, AppConfig, DataLocation, ExecutionFilter, ExecutionQuery, LogText, NewScriptInput, RunRequest, ScriptRef,
};
use database::{Database, Effects, ExecutionCommit, ExecutionEnd, ExecutionRecord, Lease, StartRow, Usage, Verdict};
use domain::{
    Actor, Capabilities, ErrorKind, ExecutionId, ExecutionStatus, Language, Principal, RecordMode, ScriptKind,
    ScriptName, Trigger, UnixMillis, UserId,
};
use tempfile::TempDir;
use tokio::task::JoinSet;

/// Writes at once: enough that commits are made in groups.
const AT_ONCE: usize = 256;

/// Scripts, of which the first has most of the executions.
const SCRIPTS: usize = 10;

/// Pages of one list that are measured.
const PAGES_MAX: usize = 100;

/// Real runs, whose logs are looked through.
const LOGGED: usize = 5_000;

/// Milliseconds between one execution and the next.
const PACE_MS: i64 = 60;

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let rows = std::env::var("ROWS").ok().and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let kept = std::env::var_os("LISTS_DATA").map(std::path::PathBuf::from);
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = kept.unwrap_or_else(|| directory.path().join("data"));
    let is_new = !data.join("skerry.db").exists();
    std::fs::create_dir_all(&data).unwrap();
    if is_new {
        let patterns = begin(&data).await;
        let began = Instant::now();
        fill(&data, patterns, rows).await;
        println!("{rows} executions made in {:.1?}", began.elapsed());
    }
    let app = opened(&data).await;
    let token = std::fs::read_to_string(data.join("token")).unwrap();
    let principal = app.tokens().authenticate(&token).unwrap();
    if is_new {
        run(&app, &principal, LOGGED).await;
    }
    println!("| filter | found | pages | median ms | slowest ms |\n|---|---|---|---|---|");
    for (name, query) in queries(&app, &principal) {
        measure(&app, &principal, name, query).await;
    }
}

/// The application on data that another one has just given back.
async fn opened(data: &Path) -> App {
    loop {
        if let Ok(app) = App::open(config(data)).await {
            return app;
        }
        tokio::task::yield_now().await;
    }
}

fn config(data: &Path) -> AppConfig {
    AppConfig { data: DataLocation::Directory(data.to_owned()), ..AppConfig::default() }
}

/// A data directory with scripts that have run once: answers the rows of these.
async fn begin(data: &Path) -> Vec<StartRow> {
    let app = App::open(config(data)).await.unwrap();
    let bootstrap = app.bootstrap(false).await.unwrap().unwrap();
    std::fs::write(data.join("token"), &bootstrap.token).unwrap();
    let principal = app.tokens().authenticate(&bootstrap.token).unwrap();
    let mut executions = Vec::new();
    for script in 0..SCRIPTS {
        let name = format!("script-{script}");
        deploy(&app, &principal, &name).await;
        let script = ScriptRef::parse(&name).unwrap();
        let request = RunRequest { script, input: String::from("{}"), trigger: Trigger::Api };
        executions.push(app.executions().run(&principal, request).await.unwrap().execution);
    }
    app.shutdown(Duration::ZERO).await;
    drop(app);
    let pattern = |row: app::Execution| StartRow {
        tenant: principal.tenant,
        execution: row.id,
        script: row.script,
        version: row.version,
        trigger: row.trigger,
        actor: row.actor,
        binding: None,
        retry_of: None,
        attempt: 1,
        owner_epoch: 0,
        input: Some(vec![0; 64]),
        accepted_at: row.accepted_at,
        started_at: row.accepted_at,
        reserved_fuel: 0,
    };
    executions.into_iter().map(pattern).collect()
}

/// Run the first script so many times.
async fn run(app: &App, principal: &Principal, times: usize) {
    let mut runs = JoinSet::new();
    for _ in 0..times {
        if runs.len() >= 32 {
            runs.join_next().await.unwrap().unwrap();
        }
        let (app, principal) = (app.clone(), principal.clone());
        let script = ScriptRef::parse("script-0").unwrap();
        let request = RunRequest { script, input: String::from("{}"), trigger: Trigger::Api };
        runs.spawn(async move { app.executions().run(&principal, request).await.unwrap() });
    }
    runs.join_all().await;
}

async fn deploy(app: &App, principal: &Principal, name: &str) {
    let source = "export default () => { console.log('an order came in', { total: 12.5 }); return 'hello'; }";
    let input = NewScriptInput {
        name: ScriptName::parse(name).unwrap(),
        description: String::new(),
        kind: ScriptKind::OneOff,
        language: Language::JavaScript,
        source: source.to_owned(),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: None,
    };
    app.scripts().create(principal, input).await.unwrap();
    app.scripts().deploy(principal, &ScriptRef::parse(name).unwrap(), None, String::new()).await.unwrap();
}

/// The database of an application that has stopped; its last task gives it back soon.
fn database(data: &Path) -> Database {
    loop {
        if let Ok(database) = Database::open(data) {
            return database;
        }
        std::thread::yield_now();
    }
}

/// Write so many executions that ended.
async fn fill(data: &Path, patterns: Vec<StartRow>, rows: usize) {
    let database = Arc::new(database(data));
    let patterns = Arc::new(patterns);
    let first_at = UnixMillis::now().0 - i64::try_from(rows).unwrap() * PACE_MS;
    let mut writers = JoinSet::new();
    for writer in 0..AT_ONCE {
        let (database, patterns) = (Arc::clone(&database), Arc::clone(&patterns));
        writers.spawn(async move {
            for row in (writer..rows).step_by(AT_ONCE) {
                let (start, commit) = made(&database, &patterns, row, first_at);
                database.announce_execution(start);
                database.commit_execution(commit).await.unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// The execution with this number. The same each time but for its id.
fn made(database: &Database, patterns: &[StartRow], row: usize, first_at: i64) -> (StartRow, ExecutionCommit) {
    // Spread without a pattern that an index could follow.
    let spread = row.wrapping_mul(2_654_435_761) >> 7;
    // Each script has a third of the executions of the one before it.
    let script =
        (0..patterns.len()).find(|script| !spread.is_multiple_of(3_usize.pow(*script as u32 + 1))).unwrap_or(0);
    let pattern = &patterns[script];
    let (status, error_kind) = match spread % 1_000 {
        0..=19 => (ExecutionStatus::Failed, Some(ErrorKind::UserError)),
        20..=24 => (ExecutionStatus::Timeout, Some(ErrorKind::Timeout)),
        25 => (ExecutionStatus::Failed, Some(ErrorKind::CpuLimit)),
        _ => (ExecutionStatus::Success, None),
    };
    let trigger = match spread % 10_007 {
        0 => Trigger::Manual,
        of if of % 2 == 0 => Trigger::Endpoint,
        _ => Trigger::Event,
    };
    let actor = if trigger == Trigger::Manual { pattern.actor } else { Actor::System };
    let at = UnixMillis(first_at + i64::try_from(row).unwrap() * PACE_MS);
    let start = StartRow {
        execution: ExecutionId::generate(),
        trigger,
        actor,
        owner_epoch: database.epoch(),
        accepted_at: at,
        started_at: at,
        ..pattern.clone()
    };
    let duration =
        Duration::from_micros(500 + (spread % 50_000) as u64 * if spread.is_multiple_of(997) { 1_000 } else { 1 });
    let StartRow { tenant, execution, attempt, owner_epoch: epoch, .. } = start;
    let commit = ExecutionCommit {
        lease: Lease { tenant, execution, attempt, epoch, fence: None },
        end: ExecutionEnd {
            status,
            error_kind,
            result: Some(vec![0; 64]),
            error: error_kind.map(|_| vec![0; 120]),
            fuel: 1_000,
            peak_memory_bytes: 2 << 20,
            host_calls: 0,
            logs_truncated: false,
            completed_at: at,
            duration,
        },
        record: Some(ExecutionRecord { logs: Vec::new(), journal: vec![0; 256] }),
        effects: Effects::default(),
        usage: Usage { executions: 1, ..Usage::default() },
        day: 0,
        verdict: Verdict::Nothing,
        retry: None,
        on_open: None,
    };
    (start, commit)
}

/// The lists that are measured: each filter alone, several together, and those that find little or nothing.
fn queries(app: &App, principal: &Principal) -> Vec<(&'static str, ExecutionQuery)> {
    let newest = app.executions().list(principal, &ExecutionFilter::default(), None, 200).unwrap().executions;
    let often = newest[0].clone();
    let scripts = app.scripts().list(principal, None, None, 100).unwrap();
    let script = |name: &str| scripts.iter().find(|script| script.name.as_str() == name).map(|script| script.id);
    let none = ExecutionFilter::default;
    let failed = vec![ExecutionStatus::Failed, ExecutionStatus::Timeout];
    // Half of a million lie before it.
    let middle = UnixMillis(UnixMillis::now().0 - 500_000 * PACE_MS);
    let rare = ExecutionFilter { trigger: Some(Trigger::Manual), ..none() };
    let filters = vec![
        ("none", none()),
        ("script, often", ExecutionFilter { script: Some(often.script), ..none() }),
        ("script, seldom", ExecutionFilter { script: script("script-9"), ..none() }),
        ("version", ExecutionFilter { version: Some(often.version), ..none() }),
        ("status success", ExecutionFilter { statuses: vec![ExecutionStatus::Success], ..none() }),
        ("status failed", ExecutionFilter { statuses: vec![ExecutionStatus::Failed], ..none() }),
        ("status running", ExecutionFilter { statuses: vec![ExecutionStatus::Running], ..none() }),
        ("status failed or timeout", ExecutionFilter { statuses: failed.clone(), ..none() }),
        ("trigger, often", ExecutionFilter { trigger: Some(Trigger::Event), ..none() }),
        ("trigger, seldom", rare.clone()),
        ("trigger, never", ExecutionFilter { trigger: Some(Trigger::Replay), ..none() }),
        ("user", ExecutionFilter { user: principal.user(), ..none() }),
        ("user, never", ExecutionFilter { user: Some(UserId::generate()), ..none() }),
        ("error kind", ExecutionFilter { error_kind: Some(ErrorKind::CpuLimit), ..none() }),
        ("error kind, never", ExecutionFilter { error_kind: Some(ErrorKind::EngineFault), ..none() }),
        ("before", ExecutionFilter { before: Some(middle), ..none() }),
        ("accepted", ExecutionFilter { accepted_before: Some(middle), ..none() }),
        ("duration, seldom", ExecutionFilter { duration_min: Some(Duration::from_secs(40)), ..none() }),
        ("duration, never", ExecutionFilter { duration_min: Some(Duration::from_secs(4_000)), ..none() }),
        ("script and failed", ExecutionFilter { script: Some(often.script), statuses: failed, ..none() }),
        ("script and seldom", ExecutionFilter { script: Some(often.script), ..rare.clone() }),
        (
            "everything",
            ExecutionFilter {
                script: Some(often.script),
                version: Some(often.version),
                statuses: vec![ExecutionStatus::Success],
                duration_max: Some(Duration::from_secs(1)),
                user: principal.user(),
                before: Some(middle),
                ..rare
            },
        ),
    ];
    let plain = |(name, filter)| (name, ExecutionQuery { filter, limit: 50, ..ExecutionQuery::default() });
    let mut queries: Vec<(&'static str, ExecutionQuery)> = filters.into_iter().map(plain).collect();
    for (name, text) in [("logs, of each", "an order"), ("logs, never", "no such text")] {
        let logs = Some(LogText::parse(text).unwrap());
        queries.push((name, ExecutionQuery { logs, limit: 50, ..ExecutionQuery::default() }));
    }
    queries
}

async fn measure(app: &App, principal: &Principal, name: &str, query: ExecutionQuery) {
    let (mut took, mut found, mut query) = (Vec::new(), 0, query);
    while took.len() < PAGES_MAX {
        let began = Instant::now();
        let page = app.executions().find(principal, query.clone()).await.unwrap();
        took.push(began.elapsed());
        found += page.executions.len();
        query.cursor = page.next;
        if query.cursor.is_none() {
            break;
        }
    }
    took.sort();
    let ms = |duration: Duration| duration.as_secs_f64() * 1_000.0;
    let (median, slowest) = (ms(took[took.len() / 2]), ms(took[took.len() - 1]));
    println!("| {name} | {found} | {} | {median:.1} | {slowest:.1} |", took.len());
}
