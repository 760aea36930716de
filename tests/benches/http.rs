//! Load over HTTP: requests to endpoint scripts, each answered after its commit: `./just load`.
//!
//! Server and clients share this machine's cores and this process; the figures are a floor for what a server with cores
//! of its own does. Beside them stands what the disk needs for one synchronous write; `DIRECTORY` in the environment says
//! where the data is.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark that cannot go on has failed; it prints")]

mod slow;

use std::{
    fs::File,
    io::Write,
    net::SocketAddr,
    path::Path,
    time::{Duration, Instant},
};

use app::EndpointInput;
use domain::{Capabilities, EndpointRoute, Language, RecordMode, ScriptKind, ScriptName};
use server::{Config, Server};
use tempfile::TempDir;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    task::JoinSet,
};

/// How long each figure is measured.
const MEASURED: Duration = Duration::from_secs(5);

/// Clients that are slow in each of three ways, beside those that are measured.
const SLOW_CLIENTS: usize = 1_000;

/// More than a socket holds for a client that does not read.
const LARGE: &str = "export default () => new Response('a'.repeat(900_000))";

/// Between two requests of a client beside slow ones. Without pauses the clients use up this machine, and anything more
/// that is done on it shows.
const PAUSE: Duration = Duration::from_millis(10);

/// How often both are measured, in turn.
const ROUNDS: usize = 3;

const ORDER: &str = r#"{"id":"load","items":[{"product_id":"p-100","quantity":1}]}"#;

#[tokio::main]
async fn main() {
    if std::env::args().any(|argument| argument == "--test") {
        return;
    }
    let directory = std::env::var("DIRECTORY").unwrap_or_else(|_| String::from(env!("CARGO_TARGET_TMPDIR")));
    let directory = TempDir::new_in(directory).unwrap();
    let text = "[listeners]\napi = '127.0.0.1:0'\nendpoints = '127.0.0.1:0'\n[sandbox]\ntenant_share = 128\n";
    let config = Config::parse(text, |config| config.data.directory = directory.path().join("data")).unwrap();
    let server = Server::start(&config, true).await.unwrap();
    deploy(&server, "hello", include_str!("workloads/hello.js")).await;
    deploy(&server, "large", LARGE).await;
    println!("fdatasync of 4 KiB, p50: {:.0} µs\n", fdatasync_p50(directory.path()).as_secs_f64() * 1e6);
    println!("| script | connections | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|");
    for (name, path, body) in [("hello", "/acme/hello", "{}"), ("order-received", "/acme/orders", ORDER)] {
        for connections in [1, 32] {
            let asked = Load { path, body, connections, pause: Duration::ZERO };
            let mut latencies = load(server.endpoints_address(), asked).await;
            latencies.sort();
            let rate = latencies.len() as f64 / MEASURED.as_secs_f64();
            let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize].as_secs_f64() * 1e3;
            println!("| {name} | {connections} | {rate:.0} | {:.2} | {:.2} |", at(0.5), at(0.99));
        }
    }
    beside_slow_clients(server.endpoints_address()).await;
    server.stop(Duration::from_secs(5)).await;
}

/// What thousands of slow clients do to the others: nothing, if the last column is near 1.
async fn beside_slow_clients(address: SocketAddr) {
    println!("\n| beside | p50 ms | p99 ms | p99 to quiet |\n|---|---|---|---|");
    for _ in 0..ROUNDS {
        let mut quiet = None;
        for of_each in [0, SLOW_CLIENTS] {
            let slow = slow::clients(address, of_each).await;
            let asked = Load { path: "/acme/hello", body: "{}", connections: 2, pause: PAUSE };
            let mut latencies = load(address, asked).await;
            drop(slow);
            latencies.sort();
            let at = |part: f64| latencies[(latencies.len() as f64 * part) as usize].as_secs_f64() * 1e3;
            let ratio = at(0.99) / *quiet.get_or_insert(at(0.99));
            let what = format!("{of_each} each of slow headers, bodies, readers");
            println!("| {what} | {:.2} | {:.2} | {ratio:.2} |", at(0.5), at(0.99));
        }
    }
}

async fn deploy(server: &Server, name: &str, source: &str) {
    let app = server.app();
    let principal = app.tokens().authenticate(&server.bootstrap().unwrap().token).unwrap();
    let input = app::NewScriptInput {
        name: ScriptName::parse(name).unwrap(),
        description: String::new(),
        kind: ScriptKind::Endpoint,
        language: Language::JavaScript,
        source: source.to_owned(),
        capabilities: Capabilities::default(),
        limits: None,
        record: RecordMode::Full,
        policy: None,
        endpoint: Some(EndpointInput::new(
            EndpointRoute::parse("POST", &format!("/{name}")).unwrap(),
            app::EndpointAuthentication::Public,
        )),
    };
    app.scripts().create(&principal, input).await.unwrap();
    let script = app::ScriptRef::parse(name).unwrap();
    app.scripts().deploy(&principal, &script, None, String::new()).await.unwrap();
}

/// What is asked, over and over.
#[derive(Clone, Copy, Debug)]
struct Load {
    path: &'static str,
    body: &'static str,
    connections: usize,
    /// Between an answer and the next request.
    pause: Duration,
}

/// Ask over and over; answers how long each request took.
async fn load(address: SocketAddr, asked: Load) -> Vec<Duration> {
    let Load { path, body, connections, pause } = asked;
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let until = Instant::now() + MEASURED;
    let mut clients = JoinSet::new();
    for _ in 0..connections {
        clients.spawn(client(address, request.clone(), (until, pause)));
    }
    clients.join_all().await.concat()
}

async fn client(address: SocketAddr, request: String, (until, pause): (Instant, Duration)) -> Vec<Duration> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    let mut latencies = Vec::new();
    let mut answer = Vec::new();
    while Instant::now() < until {
        let began = Instant::now();
        stream.write_all(request.as_bytes()).await.unwrap();
        answer.clear();
        while !is_whole(&answer) {
            assert!(stream.read_buf(&mut answer).await.unwrap() > 0, "the server hung up");
        }
        assert!(answer.starts_with(b"HTTP/1.1 20"), "{}", String::from_utf8_lossy(&answer));
        latencies.push(began.elapsed());
        if !pause.is_zero() {
            tokio::time::sleep(pause).await;
        }
    }
    latencies
}

fn is_whole(answer: &[u8]) -> bool {
    let Some(end) = answer.windows(4).position(|window| window == b"\r\n\r\n") else { return false };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    length.is_some_and(|length| answer.len() >= end + 4 + length)
}

fn fdatasync_p50(directory: &Path) -> Duration {
    let mut file = File::create(directory.join("probe")).unwrap();
    let mut times: Vec<Duration> = (0..200)
        .map(|_| {
            file.write_all(&[0; 4096]).unwrap();
            let began = Instant::now();
            file.sync_data().unwrap();
            began.elapsed()
        })
        .collect();
    times.sort();
    times[times.len() / 2]
}
