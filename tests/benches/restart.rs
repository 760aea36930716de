//! How soon a server is ready again that was killed over a long history and a full queue: `./just soak restart`.
//!
//! `ROWS` executions that ended and `QUEUED` that wait or run, a million and ten thousand where the environment says
//! nothing. The history is written by the database itself; what is accepted is accepted by a server of its own process,
//! which is killed while it works at it.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on has failed; it prints")]

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use app::{App, NewScriptInput, RunRequest, ScriptRef};
use database::{
    Database, Effects, ExecutionCommit, ExecutionEnd, ExecutionFilter, ExecutionRecord, Lease, StartRow, Usage, Verdict,
};
use domain::{
    Capabilities, ExecutionId, ExecutionStatus, Language, Principal, RecordMode, ScriptKind, ScriptName, Trigger,
    UnixMillis,
};
use server::{Config, Server};
use tempfile::TempDir;
use tokio::{sync::Semaphore, task::JoinSet};

/// Where the server that is killed has its data. Set in its process alone.
const KILLED: &str = "RESTART_DATA";

/// Writes at once: enough that commits are made in groups.
const AT_ONCE: usize = 256;

/// What that process says once it may be killed.
const WORKS: &str = "works";

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    if let Some(data) = std::env::var_os(KILLED) {
        return work(PathBuf::from(data)).await;
    }
    let (rows, queued) = (number("ROWS", 1_000_000), number("QUEUED", 10_000));
    let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let data = directory.path().join("data");
    let pattern = begin(&data).await;
    fill(&data, pattern, rows).await;
    let mut killed = Command::new(std::env::current_exe().unwrap())
        .env(KILLED, &data)
        .env("QUEUED", queued.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_work(&mut killed);
    killed.kill().unwrap();
    killed.wait().unwrap();
    let bytes = std::fs::metadata(data.join("skerry.db")).unwrap().len();
    let began = Instant::now();
    let server = Server::start(&config(&data), true).await.unwrap();
    let address = server.api_address();
    let ready = tokio::task::spawn_blocking(move || wait_until_ready(address)).await;
    ready.unwrap();
    let took = began.elapsed();
    println!("| executions | in the queue | MiB | ready after |\n|---|---|---|---|");
    println!("| {rows} | {queued} | {} | {took:.2?} |", bytes >> 20);
    server.stop(Duration::ZERO).await;
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

fn config(data: &Path) -> Config {
    let text = "[listeners]\napi = '127.0.0.1:0'\nendpoints = '127.0.0.1:0'\n[quotas]\nqueued_executions = 1000000\n";
    Config::parse(text, |config| config.data.directory = data.to_owned()).unwrap()
}

/// A data directory with a script that has run once: answers the row of that, after which all others are made.
async fn begin(data: &Path) -> StartRow {
    let server = Server::start(&config(data), true).await.unwrap();
    let token = server.bootstrap().unwrap().token.clone();
    std::fs::write(data.join("token"), &token).unwrap();
    let app = server.app().clone();
    let principal = app.tokens().authenticate(&token).unwrap();
    deploy(&app, &principal, "hello", "export default () => 'hello'").await;
    deploy(&app, &principal, "endless", "export default () => { for (;;); }").await;
    let script = ScriptRef::parse("hello").unwrap();
    let request = RunRequest { script, input: String::from("{}"), trigger: Trigger::Api };
    app.executions().run(&principal, request).await.unwrap();
    let row = app.executions().list(&principal, &ExecutionFilter::default(), None, 1).unwrap().executions.remove(0);
    drop(app);
    server.stop(Duration::ZERO).await;
    StartRow {
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
    }
}

async fn deploy(app: &App, principal: &Principal, name: &str, source: &str) {
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

/// Write so many executions that ended.
async fn fill(data: &Path, pattern: StartRow, rows: usize) {
    let database = Arc::new(opened(data));
    let pattern = Arc::new(StartRow { owner_epoch: database.epoch(), ..pattern });
    let mut writers = JoinSet::new();
    for writer in 0..AT_ONCE {
        let (database, pattern) = (Arc::clone(&database), Arc::clone(&pattern));
        writers.spawn(async move {
            for _ in (writer..rows).step_by(AT_ONCE) {
                let start = StartRow { execution: ExecutionId::generate(), ..(*pattern).clone() };
                let commit = ended(&start);
                database.announce_execution(start);
                database.commit_execution(commit).await.unwrap();
            }
        });
    }
    writers.join_all().await;
}

/// The database of a server that has stopped; its last task gives it back soon.
fn opened(data: &Path) -> Database {
    loop {
        if let Ok(database) = Database::open(data) {
            return database;
        }
        std::thread::yield_now();
    }
}

fn ended(start: &StartRow) -> ExecutionCommit {
    let StartRow { tenant, execution, attempt, owner_epoch: epoch, .. } = *start;
    ExecutionCommit {
        lease: Lease { tenant, execution, attempt, epoch, fence: None },
        end: ExecutionEnd {
            status: ExecutionStatus::Success,
            error_kind: None,
            result: Some(vec![0; 64]),
            error: None,
            fuel: 1_000,
            peak_memory_bytes: 2 << 20,
            host_calls: 0,
            logs_truncated: false,
            completed_at: UnixMillis::now(),
            duration: Duration::from_millis(1),
        },
        record: Some(ExecutionRecord { logs: vec![0; 32], journal: vec![0; 256] }),
        effects: Effects::default(),
        usage: Usage { executions: 1, fuel: 1_000, host_calls: 0, bytes: 0 },
        day: UnixMillis::now().utc_day(),
        verdict: Verdict::Sound,
        retry: None,
        on_open: None,
    }
}

/// What the process does that is killed: accept, and work at it until the end.
async fn work(data: PathBuf) {
    let server = Server::start(&config(&data), true).await.unwrap();
    let token = std::fs::read_to_string(data.join("token")).unwrap();
    let principal = server.app().tokens().authenticate(&token).unwrap();
    let (places, mut tasks) = (Arc::new(Semaphore::new(AT_ONCE)), JoinSet::new());
    for _ in 0..number("QUEUED", 0) {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let (app, principal) = (server.app().clone(), principal.clone());
        tasks.spawn(async move {
            let _place = place;
            let script = ScriptRef::parse("endless").unwrap();
            let request = RunRequest { script, input: String::from("{}"), trigger: Trigger::Api };
            app.executions().accept(&principal, request).await.unwrap();
        });
    }
    tasks.join_all().await;
    println!("{WORKS}");
    std::future::pending().await
}

fn wait_for_work(process: &mut Child) {
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == WORKS), "the server ended by itself");
}

/// Ask until it says that it is ready.
fn wait_until_ready(address: std::net::SocketAddr) {
    loop {
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /readyz HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        if answer.starts_with("HTTP/1.1 200") {
            return;
        }
    }
}
