//! An outside that repeats what it is sent: every name resolves to one public address, and every connection ends at an
//! HTTPS server in this process, whose certificate authority the operator trusts.

use std::{
    fmt, io,
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex},
    task::{Context, Poll},
};

use app::{Connection, Network};
use futures_util::{FutureExt, future::BoxFuture};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf},
    sync::Notify,
};
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring,
        pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
    },
};

/// A public address, of no machine that these tests speak to.
const ADDRESS: [u8; 4] = [93, 184, 216, 34];

/// What a server answers: status, headers, body.
pub(super) type Reply = (u16, Vec<(String, String)>, Vec<u8>);

/// A request as the server saw it.
#[derive(Clone, Debug, Default)]
pub(super) struct Heard {
    pub(super) target: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Heard {
    /// A header's value; empty where there is none.
    pub(super) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }
}

/// The outside.
#[derive(Clone)]
pub(super) struct Outside {
    acceptor: TlsAcceptor,
    answer: Arc<dyn Fn(&Heard) -> Reply + Send + Sync>,
    heard: Arc<Mutex<Vec<Heard>>>,
    /// A request to `/hold` came in; it is answered once the other is told.
    pub(super) held: Arc<Notify>,
    pub(super) release: Arc<Notify>,
}

impl Outside {
    /// An outside whose servers have these names and answer so. The certificate authority's file is written to `ca_file`.
    pub(super) fn new(
        ca_file: &Path,
        names: &[&str],
        answer: impl Fn(&Heard) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let ca_key = KeyPair::generate().unwrap();
        let mut ca = CertificateParams::new(Vec::<String>::new()).unwrap();
        ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        std::fs::write(ca_file, ca.self_signed(&ca_key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(ca, ca_key);
        let names: Vec<String> = names.iter().map(|&name| name.to_owned()).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(names).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        Self {
            acceptor: TlsAcceptor::from(Arc::new(config)),
            answer: Arc::new(answer),
            heard: Arc::default(),
            held: Arc::default(),
            release: Arc::default(),
        }
    }

    /// Every request that came, in order; they are forgotten.
    pub(super) fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    async fn serve(self, stream: DuplexStream, port: u16) {
        if port == 80 {
            self.exchange(stream).await;
        } else if let Ok(stream) = self.acceptor.clone().accept(stream).await {
            self.exchange(stream).await;
        }
    }

    async fn exchange(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) {
        let Some(heard) = read(&mut stream).await else { return };
        self.heard.lock().unwrap().push(heard.clone());
        if heard.target == "/hold" {
            self.held.notify_one();
            self.release.notified().await;
        }
        let (status, headers, body) = (self.answer)(&heard);
        let mut head = format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
        for (name, value) in headers {
            head += &format!("{name}: {value}\r\n");
        }
        head += "\r\n";
        // Whoever asked may be gone.
        let _ = stream.write_all(&[head.as_bytes(), &body].concat()).await;
        let _ = stream.shutdown().await;
    }
}

/// One request, whole; none where the other side leaves before.
async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Heard> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
    let mut lines = head.split("\r\n");
    let mut request = lines.next()?.split(' ').map(str::to_owned);
    let target = request.nth(1)?;
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut heard = Heard { target, headers, body: String::new() };
    let length: usize = heard.header("content-length").parse().unwrap_or(0);
    while bytes.len() < end + 4 + length {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
    heard.body = String::from_utf8_lossy(&bytes[end + 4..]).into_owned();
    Some(heard)
}

impl Network for Outside {
    fn resolve(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async { Ok(vec![IpAddr::from(ADDRESS)]) }.boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        let outside = self.clone();
        async move {
            let (near, far) = tokio::io::duplex(64 << 10);
            tokio::spawn(outside.serve(far, address.port()));
            Ok(Box::new(Wire { stream: near, address }) as Box<dyn Connection>)
        }
        .boxed()
    }

    fn is_own(&self, _address: IpAddr) -> bool {
        false
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside")
    }
}

/// A connection that stays in this process.
struct Wire {
    stream: DuplexStream,
    address: SocketAddr,
}

impl Connection for Wire {
    fn peer(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
