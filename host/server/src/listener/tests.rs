//! The listener against raw bytes.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, extract::Request, routing};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream},
    net::TcpStream,
    sync::{Notify, watch},
    task::JoinHandle,
};

use super::{connection::Serving, places::Places, *};
use crate::web::{body, problem::Problem};

/// Longer than any socket on this machine holds for a peer that does not read.
const LARGE: usize = 64 << 20;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

fn router() -> Router {
    Router::new()
        .route("/", routing::get(async || "hello"))
        .route("/large", routing::get(async || vec![b'a'; LARGE]))
        .route("/echo", routing::post(echo))
}

async fn echo(request: Request) -> Result<bytes::Bytes, Problem> {
    body::read(request.into_body(), 1 << 20).await
}

fn terms(limits: ConnectionLimits, closes_at: Phase) -> Terms {
    Terms { limits, proxies: TrustedProxies::default(), closes_at }
}

fn short() -> ConnectionLimits {
    let moment = Duration::from_millis(40);
    ConnectionLimits {
        headers_timeout: moment,
        idle_timeout: moment,
        answer_stall: moment,
        ..ConnectionLimits::default()
    }
}

async fn listen(router: Router, terms: Terms) -> (SocketAddr, watch::Sender<Phase>, JoinHandle<()>) {
    let listener = Listener::bind("127.0.0.1:0".parse().expect("an address")).await.expect("a port");
    let address = listener.address();
    let (sender, phase) = watch::channel(Phase::Serving);
    (address, sender, tokio::spawn(listener.serve(router, terms, phase)))
}

/// Everything that a server answers to `bytes` until it closes the connection.
async fn answer_to(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    let _ = stream.write_all(bytes).await;
    rest_of(&mut stream).await
}

/// What comes until the connection is closed, or reset.
async fn rest_of(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

/// One answer whose body is `hello`.
async fn hello_of(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"hello") {
        assert!(stream.read_buf(&mut answer).await.expect("an answer") > 0, "the connection was closed");
    }
    String::from_utf8_lossy(&answer).into_owned()
}

/// The other end of a connection that is served without a socket, and whether it still is.
fn serve_pipe(limits: ConnectionLimits) -> (DuplexStream, JoinHandle<()>) {
    let (client, server) = tokio::io::duplex(4096);
    let tick = limits.tick();
    let places = Places::new(limits);
    let place = places.enter(None).expect("a place");
    let (sender, phase) = watch::channel(Phase::Serving);
    let serving = Serving { router: router(), proxies: TrustedProxies::default(), phase };
    let served = async move {
        let mut ticks = tokio::time::interval(tick);
        let served = serving.serve(server, "192.0.2.1".parse().expect("an address"), place);
        tokio::pin!(served);
        loop {
            tokio::select! {
                () = &mut served => break,
                now = ticks.tick() => places.judge(now),
            }
        }
        drop(sender);
    };
    (client, tokio::spawn(served))
}

#[tokio::test]
async fn a_request_that_can_be_read_in_two_ways_is_answered_400_and_nothing_behind_it_is_read() {
    let (address, _phase, _served) = listen(router(), terms(ConnectionLimits::default(), Phase::Draining)).await;
    for head in [
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 0\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nContent-Length: 44\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n",
        "POST /echo HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\nContent-Length: 0\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nX: b\r\n Content-Length: 44\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length : 0\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551615\r\n",
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 18446744073709551616\r\n",
    ] {
        let answer =
            answer_to(address, format!("{head}\r\n0\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400"), "{head:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{head:?}: {answer}");
    }
}

#[tokio::test]
async fn a_body_whose_chunks_can_be_read_in_two_ways_ends_its_connection() {
    let (address, _phase, _served) = listen(router(), terms(ConnectionLimits::default(), Phase::Draining)).await;
    for chunks in ["5\nhello\r\n0\r\n\r\n", "5 \r\nhello\r\n0\r\n\r\n", "5\r\nhello\n0\r\n\r\n", "0\r\nx: y\n\r\n"] {
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = answer_to(address, format!("{head}{chunks}GET / HTTP/1.1\r\nHost: a\r\n\r\n").as_bytes()).await;
        assert!(!answer.contains("HTTP/1.1 200"), "{chunks:?}: {answer}");
    }
}

#[tokio::test]
async fn ordinary_requests_one_after_the_other_are_answered_one_after_the_other() {
    let (address, _phase, _served) = listen(router(), terms(ConnectionLimits::default(), Phase::Draining)).await;
    let bytes = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n2;x=y\r\ntw\r\n0\r\n\r\n\
                 POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nthreePOST /echo HTTP/1.1\r\nHost: a\r\n\
                 Connection: close\r\nContent-Length: 4\r\n\r\nfour";
    let answer = answer_to(address, bytes.as_bytes()).await;
    assert_eq!(answer.matches("HTTP/1.1 200").count(), 3, "{answer}");
    assert!(answer.contains("onetw") && answer.contains("three") && answer.ends_with("four"), "{answer}");
}

#[tokio::test]
async fn nobody_is_upgraded_to_http_2() {
    let (address, _phase, _served) = listen(router(), terms(ConnectionLimits::default(), Phase::Draining)).await;
    let bytes = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\n\
                  HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA\r\n\r\n";
    let answer = answer_to(address, bytes).await;
    assert!(answer.starts_with("HTTP/1.1 200") && answer.ends_with("hello"), "{answer}");
}

#[tokio::test]
async fn a_head_beyond_the_bounds_is_refused() {
    let (address, _phase, _served) = listen(router(), terms(ConnectionLimits::default(), Phase::Draining)).await;
    let many: String = (0..200).map(|n| format!("x-{n}: a\r\n")).collect();
    let large = format!("x: {}\r\n", "a".repeat(100 << 10));
    for fields in [many, large] {
        let answer = answer_to(address, format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n").as_bytes()).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }
}

#[tokio::test]
async fn whoever_says_nothing_or_trickles_a_head_or_stays_idle_is_closed() {
    for bytes in [&b""[..], b"GET / HT", b"PRI * HTTP/2.0\r\n\r\nSM", PREFACE, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let (mut client, served) = serve_pipe(short());
        client.write_all(bytes).await.expect("it is read");
        served.await.expect("it ends");
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).await.expect("it is closed");
        let is_whole = bytes.ends_with(b"\r\n\r\n") && bytes.starts_with(b"GET");
        assert_eq!(answer.ends_with(b"hello"), is_whole, "{}", String::from_utf8_lossy(bytes));
    }
}

#[tokio::test]
async fn whoever_does_not_read_his_answer_is_cut() {
    let (mut client, served) = serve_pipe(short());
    client.write_all(b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("it is read");
    served.await.expect("it ends");
    let mut answer = Vec::new();
    client.read_to_end(&mut answer).await.expect("it is closed");
    assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() < LARGE);
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
    [&[0, 0, payload.len() as u8, kind, flags, 0, 0, 0, stream], payload].concat()
}

/// The headers of `GET /large`, in HPACK.
fn get_large() -> Vec<u8> {
    let fields = [&[0x82, 0x86, 0x04, 6][..], b"/large", &[0x01, 1], b"a"].concat();
    frame(1, 5, 1, &fields)
}

#[tokio::test]
async fn whoever_opens_no_window_for_his_answer_in_http_2_is_cut() {
    let (mut client, served) = serve_pipe(short());
    let no_window = frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]);
    client.write_all(&[PREFACE, &no_window, &get_large()].concat()).await.expect("it is read");
    let reading = tokio::spawn(async move {
        let mut answer = Vec::new();
        let _ = client.read_to_end(&mut answer).await;
        answer.len()
    });
    served.await.expect("it ends");
    assert!(reading.await.expect("an end") < LARGE);
}

#[tokio::test]
async fn one_address_has_only_its_share_of_the_connections_and_hears_why() {
    let limits = ConnectionLimits { connections_per_address: 2, ..ConnectionLimits::default() };
    let (address, _phase, _served) = listen(router(), terms(limits, Phase::Draining)).await;
    let mut kept = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        hello_of(&mut stream).await;
        kept.push(stream);
    }
    let refused = answer_to(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(refused.starts_with("HTTP/1.1 503") && refused.contains("retry-after: 1"), "{refused}");
}

#[tokio::test]
async fn when_every_place_is_taken_by_silence_a_new_client_is_served() {
    let limits = ConnectionLimits { connections: 8, ..ConnectionLimits::default() };
    let (address, _phase, _served) = listen(router(), terms(limits, Phase::Draining)).await;
    let mut slow = Vec::new();
    for _ in 0..50 {
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        stream.write_all(b"GET / HTTP/1.1\r\nX-").await.expect("sent");
        slow.push(stream);
    }
    let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn draining_answers_what_was_asked_and_closes_what_is_idle() {
    let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let waits = {
        let (begun, go_on) = (Arc::clone(&begun), Arc::clone(&go_on));
        async move || {
            begun.notify_one();
            go_on.notified().await;
            "hello"
        }
    };
    let router = router().route("/wait", routing::get(waits));
    let (address, phase, served) = listen(router, terms(ConnectionLimits::default(), Phase::Draining)).await;
    let mut idle = TcpStream::connect(address).await.expect("a connection");
    idle.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    hello_of(&mut idle).await;
    let mut http2 = TcpStream::connect(address).await.expect("a connection");
    http2.write_all(&[PREFACE, &frame(4, 0, 0, &[])].concat()).await.expect("sent");
    let mut busy = TcpStream::connect(address).await.expect("a connection");
    busy.write_all(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
    begun.notified().await;

    phase.send_replace(Phase::Draining);
    assert_eq!(rest_of(&mut idle).await, "");
    let mut frames = Vec::new();
    http2.read_to_end(&mut frames).await.expect("it is closed");
    assert!(has_goaway(&frames), "{frames:?}");
    go_on.notify_one();
    let answer = rest_of(&mut busy).await;
    assert!(answer.to_ascii_lowercase().contains("connection: close") && answer.ends_with("hello"), "{answer}");
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
    phase.send_replace(Phase::Ending);
    served.await.expect("it ends");
}

#[tokio::test]
async fn a_listener_that_closes_last_answers_while_the_rest_drains() {
    let (address, phase, served) = listen(router(), terms(ConnectionLimits::default(), Phase::Ending)).await;
    phase.send_replace(Phase::Draining);
    let answer = answer_to(address, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert!(answer.to_ascii_lowercase().contains("connection: close") && answer.ends_with("hello"), "{answer}");
    phase.send_replace(Phase::Ending);
    served.await.expect("it ends");
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn a_first_request_that_comes_in_with_the_order_to_end_is_answered() {
    for _ in 0..20 {
        let (address, phase, served) = listen(router(), terms(ConnectionLimits::default(), Phase::Ending)).await;
        let mut stream = TcpStream::connect(address).await.expect("a connection");
        // Until it was accepted and nothing of it read.
        tokio::task::yield_now().await;
        phase.send_replace(Phase::Draining);
        stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").await.expect("sent");
        let answer = rest_of(&mut stream).await;
        assert!(answer.ends_with("hello"), "{answer}");
        phase.send_replace(Phase::Ending);
        served.await.expect("it ends");
    }
}

/// Whether a frame of these is GOAWAY.
fn has_goaway(mut frames: &[u8]) -> bool {
    while let [a, b, c, kind, rest @ ..] = frames {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        if *kind == 7 {
            return true;
        }
        frames = rest.get(5 + length..).unwrap_or_default();
    }
    false
}
