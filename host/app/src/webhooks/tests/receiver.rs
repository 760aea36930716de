//! A receiver that proves its name by TLS, on a network on which every public name leads to it.

use std::{
    collections::VecDeque,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_rustls::TlsAcceptor;

use crate::{Connection, Network};

const TAKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Asked {
    /// The value of a header; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(own, _)| own == name).map_or("", |(_, value)| value.as_str())
    }
}

/// The receiver, and the network that leads to it.
pub(super) struct Receiver {
    asked: Arc<Mutex<Vec<Asked>>>,
    answers: Arc<Mutex<VecDeque<String>>>,
    acceptor: TlsAcceptor,
    authority: NamedTempFile,
}

struct Near(DuplexStream, SocketAddr);

impl Receiver {
    pub(super) fn new() -> Arc<Self> {
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names = ["hooks.test", "private.test", "other.test"].map(String::from).to_vec();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &authority).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::try_from(key.serialize_der()).unwrap())
            .unwrap();
        let mut file = NamedTempFile::new().unwrap();
        file.write_all(authority.pem().as_bytes()).unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Arc::new(Self { asked: Arc::default(), answers: Arc::default(), acceptor, authority: file })
    }

    /// The certificate of whoever signed its own.
    pub(super) fn authority(&self) -> &Path {
        self.authority.path()
    }

    /// Answer the next requests with these bytes, so many times; then every one with 200.
    pub(super) fn answers(&self, bytes: &str, times: usize) {
        self.answers.lock().unwrap().extend(std::iter::repeat_n(bytes.to_owned(), times));
    }

    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The name that each request was for.
    pub(super) fn hosts(&self) -> Vec<String> {
        self.asked().iter().map(|asked| asked.header("host").to_owned()).collect()
    }
}

impl std::fmt::Debug for Receiver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Receiver")
    }
}

impl Network for Receiver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let address = if host == "private.test" { "10.0.0.1" } else { "93.184.216.34" };
        async move { Ok(vec![address.parse().unwrap()]) }.boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        let (near, far) = tokio::io::duplex(1 << 16);
        let (asked, acceptor) = (Arc::clone(&self.asked), self.acceptor.clone());
        let answers = Arc::clone(&self.answers);
        tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await.ok()?;
            let request = read_request(&mut stream).await?;
            asked.lock().unwrap().push(request);
            let answer = answers.lock().unwrap().pop_front().unwrap_or_else(|| TAKEN.to_owned());
            stream.write_all(answer.as_bytes()).await.ok()?;
            stream.shutdown().await.ok()
        });
        async move { Ok(Box::new(Near(near, address)) as Box<dyn Connection>) }.boxed()
    }

    fn is_own(&self, _address: IpAddr) -> bool {
        false
    }
}

async fn read_request(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let mut first = lines.next()?.split(' ');
    let (method, path) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned()));
    let headers = lines.filter_map(header).collect();
    let mut asked = Asked { method, path, headers, body: Vec::new() };
    asked.body.resize(asked.header("content-length").parse().unwrap_or(0), 0);
    stream.read_exact(&mut asked.body).await.ok()?;
    Some(asked)
}

impl Connection for Near {
    fn peer(&self) -> io::Result<SocketAddr> {
        Ok(self.1)
    }
}

impl AsyncRead for Near {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl AsyncWrite for Near {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
