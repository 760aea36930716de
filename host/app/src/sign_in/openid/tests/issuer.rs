//! An OpenID provider on a network on which every public name leads to it.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};

use futures_util::{FutureExt, future::BoxFuture};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, pki_types::PrivateKeyDer};
use serde_json::{Value, json};
use tempfile::NamedTempFile;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio_rustls::TlsAcceptor;

use super::ISSUER;
use crate::{Connection, Network, jwt::tests::Signer};

/// The provider, and the network that leads to it.
pub(super) struct Issuer {
    pub(super) signer: Signer,
    discovery: Mutex<Value>,
    token: Mutex<String>,
    exchanged: Mutex<Option<BTreeMap<String, String>>>,
    asked: AtomicUsize,
    acceptor: TlsAcceptor,
    authority: NamedTempFile,
    own: std::sync::Weak<Issuer>,
}

struct Near(DuplexStream, SocketAddr);

/// A request as it came.
struct Asked {
    path: String,
    authorization: String,
    body: Vec<u8>,
}

impl Issuer {
    pub(super) fn new() -> Arc<Self> {
        let mut authority = CertificateParams::new(Vec::<String>::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let names = ["login.test", "other.test", "evil.test"].map(String::from).to_vec();
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
        Arc::new_cyclic(|own| Self {
            signer: Signer::new(),
            discovery: Mutex::new(json!({
                "issuer": ISSUER,
                "authorization_endpoint": format!("{ISSUER}/authorize"),
                "token_endpoint": format!("{ISSUER}/token"),
                "jwks_uri": format!("{ISSUER}/keys"),
            })),
            token: Mutex::default(),
            exchanged: Mutex::default(),
            asked: AtomicUsize::new(0),
            acceptor: TlsAcceptor::from(Arc::new(config)),
            authority: file,
            own: own.clone(),
        })
    }

    /// The certificate of whoever signed its own.
    pub(super) fn authority(&self) -> &Path {
        self.authority.path()
    }

    /// What it says of itself from now on.
    pub(super) fn says(&self, member: &str, value: Value) {
        self.discovery.lock().unwrap()[member] = value;
    }

    /// The token that it gives for the next code, once.
    pub(super) fn gives(&self, token: String) {
        *self.token.lock().unwrap() = token;
    }

    /// What came with the last code.
    pub(super) fn exchanged(&self) -> Option<BTreeMap<String, String>> {
        self.exchanged.lock().unwrap().clone()
    }

    /// How many connections there were.
    pub(super) fn asked(&self) -> usize {
        self.asked.load(Ordering::Acquire)
    }

    fn answer(&self, asked: &Asked) -> (u16, Value) {
        match asked.path.as_str() {
            "/realm/.well-known/openid-configuration" => (200, self.discovery.lock().unwrap().clone()),
            "/realm/keys" => (200, self.signer.jwks()),
            "/realm/token" => {
                let mut form: BTreeMap<String, String> =
                    url::form_urlencoded::parse(&asked.body).into_owned().collect();
                form.insert(String::from("authorization"), asked.authorization.clone());
                *self.exchanged.lock().unwrap() = Some(form);
                let token = std::mem::take(&mut *self.token.lock().unwrap());
                if token.is_empty() {
                    return (400, json!({ "error": "invalid_grant" }));
                }
                (200, json!({ "access_token": "unused", "token_type": "Bearer", "id_token": token }))
            }
            _ => (404, json!({})),
        }
    }
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Issuer")
    }
}

impl Network for Issuer {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let address = if host == "private.test" { "10.0.0.1" } else { "93.184.216.34" };
        async move { Ok(vec![address.parse().unwrap()]) }.boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        self.asked.fetch_add(1, Ordering::AcqRel);
        let (near, far) = tokio::io::duplex(1 << 16);
        let (acceptor, own) = (self.acceptor.clone(), self.own.clone());
        tokio::spawn(async move {
            let mut stream = acceptor.accept(far).await.ok()?;
            let asked = read_request(&mut stream).await?;
            let (status, body) = own.upgrade()?.answer(&asked);
            let body = body.to_string();
            let head =
                format!("HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n", body.len());
            stream.write_all(format!("{head}\r\n{body}").as_bytes()).await.ok()?;
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
    let path = head.split(' ').nth(1)?.to_owned();
    let header = |name: &str| {
        let mut lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(own, _)| own.eq_ignore_ascii_case(name)).map_or_else(String::new, |(_, value)| value.to_owned())
    };
    let mut body = vec![0; header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).await.ok()?;
    Some(Asked { path, authorization: header("authorization"), body })
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
