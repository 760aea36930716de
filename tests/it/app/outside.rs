//! A server of the outside world, over real sockets on this machine, and the network that leads to it by name.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use app::{AppConfig, Connection, EgressConfig, Network, PrivateHost, SystemNetwork};
use domain::Capabilities;
use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The name under which the operator of a test opened the server to scripts.
pub(crate) const HOST: &str = "upstream.test";

/// A request as it came over the wire.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    /// The value of a header; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str())
    }
}

/// What a test's server answers: the bytes on the wire.
pub(crate) type Answer = BoxFuture<'static, Vec<u8>>;

/// A server on a port of its own.
pub(crate) struct Outside {
    pub(crate) address: SocketAddr,
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
    /// Connections that the other side closed before they were answered.
    pub(crate) cut: Arc<AtomicUsize>,
}

impl Outside {
    /// A server that answers each request as `answer` says. A connection that goes away while it is answered is counted.
    pub(crate) async fn start(answer: impl Fn(Asked) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let upstream = Self { address: listener.local_addr().unwrap(), asked: Arc::default(), cut: Arc::default() };
        let (asked, cut, answer) = (Arc::clone(&upstream.asked), Arc::clone(&upstream.cut), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (asked, cut, answer) = (Arc::clone(&asked), Arc::clone(&cut), Arc::clone(&answer));
                tokio::spawn(async move {
                    let (mut stream, request) = read_request(stream).await?;
                    asked.lock().unwrap().push(request.clone());
                    let mut byte = [0];
                    tokio::select! {
                        answer = answer(request) => drop(stream.write_all(&answer).await),
                        _ = stream.read(&mut byte) => drop(cut.fetch_add(1, Ordering::SeqCst)),
                    }
                    Some(())
                });
            }
        });
        upstream
    }

    /// A configuration whose operator opened this server by its name.
    pub(crate) fn configured(&self, config: AppConfig) -> AppConfig {
        let addresses = "127.0.0.0/8".parse().unwrap();
        let private = vec![PrivateHost { host: HOST.to_owned(), addresses, port: self.address.port() }];
        AppConfig {
            egress: EgressConfig { private, requests_per_minute: 10_000, ..config.egress },
            network: Arc::new(Loopback::default()),
            ..config
        }
    }

    /// The address of a path on it, as a script writes it.
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{HOST}:{}{path}", self.address.port())
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

/// The capabilities of a script that may reach it.
pub(crate) fn capabilities() -> Capabilities {
    Capabilities { hosts: vec![HOST.to_owned()], ..Capabilities::default() }
}

/// An answer with a body.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// An answer that is there already.
pub(crate) fn at_once(answer: Vec<u8>) -> Answer {
    async { answer }.boxed()
}

/// This machine, and one name more.
#[derive(Debug, Default)]
struct Loopback(SystemNetwork);

impl Network for Loopback {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        if host == HOST {
            return async { Ok(vec![IpAddr::V4(Ipv4Addr::LOCALHOST)]) }.boxed();
        }
        async { Err(io::ErrorKind::NotFound.into()) }.boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        self.0.connect(address)
    }

    fn is_own(&self, address: IpAddr) -> bool {
        self.0.is_own(address)
    }
}

/// One request, or nothing where the connection ends before it.
async fn read_request(mut stream: TcpStream) -> Option<(TcpStream, Asked)> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let mut asked = Asked { method, path, headers, body: Vec::new() };
    asked.body.resize(asked.header("content-length").parse().unwrap_or(0), 0);
    stream.read_exact(&mut asked.body).await.ok()?;
    Some((stream, asked))
}
