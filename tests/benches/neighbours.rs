//! What a tenant notices of its neighbour: the latency of its endpoint while it is alone, and while another tenant has a
//! thousand scripts in endless loops and a hundred thousand executions in the queue: `./just soak neighbours`.
//!
//! `SCRIPTS` and `QUEUED` in the environment make it smaller, `ROUNDS` says how often it is measured beside them, and
//! `DIRECTORY` where the data is. Server and clients share this machine's cores.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on has failed; it prints")]

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use app::{App, EndpointInput, NewScriptInput, RunRequest, ScriptRef};
use domain::{
    Capabilities, EndpointRoute, Language, Principal, RecordMode, ScriptKind, ScriptName, TenantSlug, Trigger,
};
use server::{Config, Server};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::Semaphore,
    task::JoinSet,
};

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(10);

/// How long requests are sent before the first figure.
const WARM_UP: Duration = Duration::from_secs(3);

/// Between two requests of the tenant that is watched.
const PAUSE: Duration = Duration::from_millis(5);

#[tokio::main]
async fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    if is_test {
        return;
    }
    let (scripts, queued) = (number("SCRIPTS", 1_000), number("QUEUED", 100_000));
    let directory = std::env::var("DIRECTORY").unwrap_or_else(|_| String::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = TempDir::new_in(directory).unwrap();
    let text = "[listeners]\napi = '127.0.0.1:0'\nendpoints = '127.0.0.1:0'\n[quotas]\nqueued_executions = 1000000\n";
    let config = Config::parse(text, |config| config.data.directory = directory.path().join("data")).unwrap();
    let server = Server::start(&config, true).await.unwrap();
    let app = server.app().clone();
    let quiet = app.tokens().authenticate(&server.bootstrap().unwrap().token).unwrap();
    put(&app, &quiet, "hello", "export default () => 'hello'", true).await;
    let loud = TenantSlug::parse("loud").unwrap();
    let (_, token) = app.create_tenant(&loud, "Loud").await.unwrap();
    let loud = app.tokens().authenticate(&token.text).unwrap();

    // The first requests find everything cold.
    latencies(server.endpoints_address(), WARM_UP).await;
    let alone = latencies(server.endpoints_address(), MEASURED).await;
    println!("| | p50 | p90 | p99 | longest | p99 to that alone |\n|---|---|---|---|---|---|");
    row("alone", &alone, &alone);
    burden(&app, &loud, scripts, queued).await;
    for _ in 0..number("ROUNDS", 3) {
        let left = app.usage().show(&loud).unwrap().queued_executions;
        let beside = latencies(server.endpoints_address(), MEASURED).await;
        row(&format!("beside {scripts} scripts, {left} queued runs"), &beside, &alone);
    }
    server.stop(Duration::ZERO).await;
}

fn number(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Make scripts that never end, and queue runs of them.
async fn burden(app: &App, loud: &Principal, scripts: usize, queued: usize) {
    for at in 0..scripts {
        put(app, loud, &format!("loop-{at}"), "export default () => { for (;;); }", false).await;
    }
    let (mut accepted, places) = (JoinSet::new(), Arc::new(Semaphore::new(256)));
    for at in 0..queued {
        let place = Arc::clone(&places).acquire_owned().await.unwrap();
        let (app, loud) = (app.clone(), loud.clone());
        accepted.spawn(async move {
            let script = ScriptRef::parse(&format!("loop-{}", at % scripts)).unwrap();
            let request = RunRequest { script, input: String::from("null"), trigger: Trigger::Api };
            app.executions().accept(&loud, request).await.unwrap();
            drop(place);
        });
    }
    accepted.join_all().await;
}

async fn put(app: &App, principal: &Principal, name: &str, source: &str, is_endpoint: bool) {
    let endpoint = is_endpoint.then(|| {
        EndpointInput::new(EndpointRoute::parse("POST", "/hello").unwrap(), app::EndpointAuthentication::Public)
    });
    let input = NewScriptInput {
        name: ScriptName::parse(name).unwrap(),
        description: String::new(),
        kind: if is_endpoint { ScriptKind::Endpoint } else { ScriptKind::OneOff },
        language: Language::JavaScript,
        source: source.to_owned(),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint,
    };
    app.scripts().create(principal, input).await.unwrap();
    app.scripts().deploy(principal, &ScriptRef::parse(name).unwrap(), None, String::new()).await.unwrap();
}

/// Latencies of requests that come one after another with pauses, the shortest first.
async fn latencies(address: SocketAddr, measured: Duration) -> Vec<Duration> {
    let request = format!("POST /acme/hello HTTP/1.1\r\nhost: {address}\r\ncontent-length: 0\r\n\r\n");
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let (mut latencies, until) = (Vec::new(), Instant::now() + measured);
    let mut answer = vec![0; 64 << 10];
    while Instant::now() < until {
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        // The answer is small and comes in one piece.
        let length = stream.read(&mut answer).await.unwrap();
        assert!(answer[..length].starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&answer[..length]));
        latencies.push(began.elapsed());
        tokio::time::sleep(PAUSE).await;
    }
    latencies.sort();
    latencies
}

fn row(what: &str, latencies: &[Duration], alone: &[Duration]) {
    let at = |latencies: &[Duration], part: usize| latencies[(latencies.len() - 1) * part / 100];
    let [p50, p90, p99, longest] = [50, 90, 99, 100].map(|part| at(latencies, part));
    let ratio = p99.as_secs_f64() / at(alone, 99).as_secs_f64();
    println!("| {what} | {p50:.2?} | {p90:.2?} | {p99:.2?} | {longest:.2?} | {ratio:.2} |");
}
