//! One connection to a server: TCP, TLS where the address says so, HTTP/1.1.

use std::{path::Path, sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use rustls::{
    ClientConfig, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{CallError, ServerAddress};

/// How long connecting may take, and TLS as long again.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// The environment's file with authorities of its own, for servers inside a company.
const CA_FILE: &str = "SKERRY_CA_FILE";

/// Opens connections to one server.
#[derive(Debug)]
pub(super) struct Connector {
    server: ServerAddress,
    tls: Option<Arc<ClientConfig>>,
}

/// A connection that takes one request after the other.
pub(super) type Connection = SendRequest<Full<Bytes>>;

trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Connector {
    /// # Errors
    /// The file of [`CA_FILE`] cannot be used.
    pub(super) fn new(server: ServerAddress) -> Result<Self, CallError> {
        let tls = if server.is_https() { Some(Arc::new(tls_config()?)) } else { None };
        Ok(Self { server, tls })
    }

    /// # Errors
    /// Nobody answers there, or not with a certificate that proves the name.
    pub(super) async fn connect(&self) -> Result<Connection, CallError> {
        let unreachable = |why: String| CallError::Unreachable { server: self.server.to_string(), why };
        let connecting = TcpStream::connect((self.server.host(), self.server.port()));
        let stream = match timeout(CONNECT_TIME_MAX, connecting).await {
            Ok(connected) => connected.map_err(|error| unreachable(error.to_string()))?,
            Err(_) => return Err(unreachable(String::from("nobody answers"))),
        };
        let _ = stream.set_nodelay(true);
        let stream: Box<dyn Wire> = match &self.tls {
            None => Box::new(stream),
            Some(config) => {
                let name = ServerName::try_from(self.server.host().to_owned())
                    .map_err(|_| unreachable(String::from("no certificate can be for this name")))?;
                let handshake = timeout(CONNECT_TIME_MAX, TlsConnector::from(Arc::clone(config)).connect(name, stream));
                let secured = handshake.await.map_err(|_| unreachable(String::from("the TLS handshake hangs")))?;
                Box::new(secured.map_err(|error| unreachable(format!("no secure connection: {error}")))?)
            }
        };
        let (sender, connection) =
            http1::handshake(TokioIo::new(stream)).await.map_err(|error| unreachable(error.to_string()))?;
        // Its own end says nothing that the requests on it do not learn.
        tokio::spawn(connection);
        Ok(sender)
    }
}

fn tls_config() -> Result<ClientConfig, CallError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    if let Some(file) = std::env::var_os(CA_FILE) {
        add_authorities(&mut roots, Path::new(&file)).map_err(|why| {
            CallError::Setup(format!("{CA_FILE} names {}, which cannot be used: {why}", Path::new(&file).display()))
        })?;
    }
    let mut config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| CallError::Setup(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn add_authorities(roots: &mut RootCertStore, file: &Path) -> Result<(), String> {
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| error.to_string())? {
        let certificate = certificate.map_err(|error| error.to_string())?;
        roots.add(certificate).map_err(|error| error.to_string())?;
    }
    Ok(())
}
