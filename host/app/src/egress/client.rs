//! One request over one connection of its own: TCP to a judged address, TLS, HTTP/1.1, the whole answer.
//!
//! Everything happens in the caller's future, so that dropping it closes the socket.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Response, header};
use http_body_util::{BodyExt, Full};
use hyper::{
    body::{Body as _, Incoming},
    client::conn::http1,
};
use hyper_util::rt::TokioIo;
use runtime::HttpRedirect;
use rustls::{
    ClientConfig, RootCertStore,
    client::Resumption,
    crypto::ring,
    pki_types::{CertificateDer, ServerName, pem::PemObject},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_rustls::TlsConnector;

use super::{
    BODY_BYTES_MAX, Connection, EgressConfig, EgressConfigError, EgressError, Network, OutboundRequest,
    OutboundResponse, headers, policy::Destination,
};

/// How long connecting may take, over all addresses of a name; TLS has as long again.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(10);

/// Addresses of a name that are tried.
const ADDRESSES_MAX: usize = 4;

/// Headers of an answer.
const HEADERS_MAX: usize = 100;

/// Bytes that a connection buffers, and so the most of an answer's headers.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// How long an answer may say nothing.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// The least that an answer brings a second, once it has had [`SILENCE_MAX`] to begin.
const BYTES_PER_SECOND_MIN: u64 = 1 << 10;

/// Opens connections and speaks HTTP/1.1 on them.
#[derive(Clone)]
pub(super) struct Client {
    network: Arc<dyn Network>,
    tls: TlsConnector,
}

/// A request whose method and headers are checked.
pub(super) struct Prepared {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) redirect: HttpRedirect,
    pub(super) carries_secret: bool,
    /// Whether anybody wants the answer's body.
    pub(super) reads_body: bool,
}

/// What a connection is to the HTTP library, with TLS or without.
trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

impl Prepared {
    /// # Errors
    /// [`EgressError::Invalid`] and [`EgressError::TooLarge`].
    pub(super) fn new(request: OutboundRequest) -> Result<Self, EgressError> {
        let method = headers::method(&request.method)?;
        if !request.body.is_empty() && (method == Method::GET || method == Method::HEAD) {
            return Err(EgressError::Invalid(format!("a {method} has no body")));
        }
        Ok(Self {
            method,
            headers: headers::outgoing(&request)?,
            url: request.url,
            body: Bytes::from(request.body),
            redirect: request.redirect,
            carries_secret: request.carries_secret,
            reads_body: true,
        })
    }
}

impl Client {
    /// # Errors
    /// [`EgressConfigError`].
    pub(super) fn new(config: &EgressConfig, network: Arc<dyn Network>) -> Result<Self, EgressConfigError> {
        let mut tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(EgressConfigError::Tls)?
            .with_root_certificates(roots(config)?)
            .with_no_client_auth();
        tls.alpn_protocols = vec![b"http/1.1".to_vec()];
        // A ticket of one tenant's session is nothing for another's (RULES 36).
        tls.resumption = Resumption::disabled();
        Ok(Self { network, tls: TlsConnector::from(Arc::new(tls)) })
    }

    /// Send `request` to the first of `addresses` that takes a connection.
    ///
    /// # Errors
    /// [`EgressError::Denied`] where none does; after that, [`EgressError::Unavailable`] or [`EgressError::TooLarge`].
    pub(super) async fn exchange(
        &self,
        request: &Prepared,
        destination: &Destination,
        addresses: &[SocketAddr],
    ) -> Result<OutboundResponse, EgressError> {
        let stream = self.connect(destination, addresses).await?;
        let stream: Box<dyn Wire> = if destination.is_https() {
            let name = ServerName::try_from(destination.host().to_owned()).map_err(|_| no_tls(destination))?;
            let handshake = timeout(CONNECT_TIME_MAX, self.tls.connect(name, stream));
            Box::new(handshake.await.map_err(|_| no_tls(destination))?.map_err(|error| {
                tracing::debug!(host = destination.host(), %error, "a TLS handshake failed");
                no_tls(destination)
            })?)
        } else {
            Box::new(stream)
        };
        let (mut sender, connection) = http1::Builder::new()
            .max_buf_size(BUFFER_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(broken)?;
        let exchange = async {
            let response = sender.send_request(as_http(request, destination)?).await.map_err(broken)?;
            received(response, request, destination).await
        };
        let connection = pin!(connection);
        // The connection's own end says nothing that the exchange does not learn.
        let driven = async {
            let _ = connection.await;
            std::future::pending().await
        };
        tokio::select! {
            answer = exchange => answer,
            never = driven => never,
        }
    }

    async fn connect(
        &self,
        destination: &Destination,
        addresses: &[SocketAddr],
    ) -> Result<Box<dyn Connection>, EgressError> {
        let tried = &addresses[..addresses.len().min(ADDRESSES_MAX)];
        let time_each = CONNECT_TIME_MAX / u32::try_from(tried.len().max(1)).unwrap_or(1);
        for address in tried {
            let Ok(Ok(stream)) = timeout(time_each, self.network.connect(*address)).await else { continue };
            if stream.peer().is_ok_and(|peer| peer == *address) {
                return Ok(stream);
            }
        }
        tracing::info!(host = destination.host(), "an outbound request found nobody: no address took the connection");
        Err(EgressError::Denied)
    }
}

/// The public authorities, and the operator's own.
fn roots(config: &EgressConfig) -> Result<RootCertStore, EgressConfigError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let Some(file) = &config.ca_file else { return Ok(roots) };
    let unusable = |reason: String| EgressConfigError::Certificates { file: file.clone(), reason };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    let mut found = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        roots.add(certificate).map_err(|error| unusable(error.to_string()))?;
        found += 1;
    }
    if found == 0 { Err(unusable(String::from("it holds no certificate"))) } else { Ok(roots) }
}

/// The request as it stands on the wire: the address's path in its first line, the address's name in `Host`.
fn as_http(request: &Prepared, destination: &Destination) -> Result<Request<Full<Bytes>>, EgressError> {
    let no_request = |_| EgressError::Invalid(String::from("the address cannot be asked for"));
    let mut built = Request::builder()
        .method(request.method.clone())
        .uri(destination.path())
        .body(Full::new(request.body.clone()))
        .map_err(no_request)?;
    *built.headers_mut() = request.headers.clone();
    let host = HeaderValue::from_str(destination.authority());
    built.headers_mut().insert(header::HOST, host.map_err(|_| EgressError::Invalid(String::from("no such host")))?);
    // There is no second request, and the other side need not wait for one.
    built.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    Ok(built)
}

async fn received(
    response: Response<Incoming>,
    request: &Prepared,
    destination: &Destination,
) -> Result<OutboundResponse, EgressError> {
    let (head, body) = response.into_parts();
    if head.status.is_informational() {
        return Err(EgressError::Unavailable(String::from("the answer changes to a protocol that was not asked for")));
    }
    // What answers a HEAD may say how long another body would be.
    let is_body_there = request.method != Method::HEAD && request.reads_body;
    if is_body_there && body.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(too_large());
    }
    Ok(OutboundResponse {
        status: head.status.as_u16(),
        url: destination.url().as_str().to_owned(),
        headers: headers::incoming(&head.headers),
        body: if request.reads_body { whole(body).await? } else { Vec::new() },
        redirected: false,
        hops: Vec::new(),
    })
}

async fn whole(mut body: Incoming) -> Result<Vec<u8>, EgressError> {
    let began = Instant::now();
    let mut bytes = Vec::new();
    loop {
        let Ok(frame) = timeout(SILENCE_MAX, body.frame()).await else { return Err(too_slow()) };
        let Some(frame) = frame else { return Ok(bytes) };
        let Ok(data) = frame.map_err(broken)?.into_data() else { continue };
        if bytes.len() + data.len() > BODY_BYTES_MAX {
            return Err(too_large());
        }
        bytes.extend_from_slice(&data);
        if is_too_slow(bytes.len() as u64, began.elapsed()) {
            return Err(too_slow());
        }
    }
}

fn is_too_slow(bytes: u64, elapsed: Duration) -> bool {
    elapsed > SILENCE_MAX && bytes < elapsed.as_secs() * BYTES_PER_SECOND_MIN
}

fn too_large() -> EgressError {
    EgressError::TooLarge(format!("the answer's body has more than {BODY_BYTES_MAX} bytes"))
}

fn too_slow() -> EgressError {
    EgressError::Unavailable(String::from("the answer came too slowly"))
}

fn no_tls(destination: &Destination) -> EgressError {
    EgressError::Unavailable(format!("'{}' does not prove by TLS that it is itself", destination.host()))
}

fn broken(error: hyper::Error) -> EgressError {
    tracing::debug!(%error, "an outbound connection broke");
    let what = if error.is_parse_too_large() {
        "the answer's headers are too large"
    } else if error.is_parse() {
        "the answer is no HTTP/1.1"
    } else {
        "the connection broke before the answer was whole"
    };
    EgressError::Unavailable(String::from(what))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_ten_seconds_before_its_rate_counts() {
        assert!(!is_too_slow(0, Duration::from_secs(10)));
        assert!(is_too_slow(0, Duration::from_secs(11)));
        assert!(!is_too_slow(20 << 10, Duration::from_secs(20)));
        assert!(is_too_slow((20 << 10) - 1, Duration::from_secs(20)));
    }
}
