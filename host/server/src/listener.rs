//! A listening socket: accepts connections, bounds what each may take, and drains them when the server stops.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use axum::Router;
use http::Request;
use hyper::service::Service;
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto::Builder, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
};

use crate::web::peer::TrustedProxies;

/// How long a request's headers may take, and how long an idle connection is kept: hyper counts both with one timer.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes that one HTTP/1 connection buffers, and so the most of a request's line and headers.
const BUFFER_BYTES_MAX: usize = 64 << 10;

/// Headers of one request.
const HEADERS_MAX: usize = 100;

/// Bytes of the headers of one HTTP/2 request.
const HTTP2_HEADERS_BYTES_MAX: u32 = 32 << 10;

/// Requests at once on one HTTP/2 connection.
const HTTP2_STREAMS_MAX: u32 = 100;

/// Streams that a peer may open and reset at once, and those that we reset: what rapid-reset floods live on.
const HTTP2_RESETS_MAX: usize = 20;

/// How often a silent HTTP/2 peer is asked whether it is still there.
const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);

/// How long accepting pauses when the process has no file descriptor left.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Bind `address`.
    ///
    /// # Errors
    /// What the operating system says.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        let socket = TcpListener::bind(address).await?;
        let address = socket.local_addr()?;
        Ok(Self { socket, address })
    }

    /// The address that it got; the port is one of the system's choice where 0 was asked for.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serve `router` on at most `max_connections` at once until `stop` says so; then take no more, and return when
    /// every connection has answered what it was asked.
    pub(crate) async fn serve(
        self,
        router: Router,
        max_connections: usize,
        proxies: TrustedProxies,
        mut stop: watch::Receiver<bool>,
    ) {
        let builder = builder();
        let graceful = GracefulShutdown::new();
        let places = Arc::new(Semaphore::new(max_connections));
        loop {
            let accepted = tokio::select! {
                accepted = self.accept(&places) => accepted,
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some((stream, place)) = accepted else { continue };
            let Ok(connected) = stream.peer_addr().map(|address| address.ip()) else { continue };
            let asked = Arc::new(AtomicBool::new(false));
            let service = TowerToHyperService::new(router.clone());
            let service = Noting { service, asked: Arc::clone(&asked), connected, proxies: proxies.clone() };
            let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
            let connection = graceful.watch(connection);
            tokio::spawn(async move {
                tokio::select! {
                    // A peer that goes away or breaks the protocol is no news.
                    ended = connection => if let Err(error) = ended {
                        tracing::debug!(error = %error, "a connection ended early");
                    },
                    () = silence(&asked) => tracing::debug!("a connection asked nothing and was closed"),
                }
                drop(place);
            });
        }
        drop(self.socket);
        graceful.shutdown().await;
    }

    async fn accept(&self, places: &Arc<Semaphore>) -> Option<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
        let place = Arc::clone(places).acquire_owned().await.ok()?;
        match self.socket.accept().await {
            Ok((stream, _)) => {
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                Some((stream, place))
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection cannot be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                None
            }
        }
    }
}

/// A service that notes that there was a request, and says whose it is.
#[derive(Clone)]
struct Noting<S> {
    service: S,
    asked: Arc<AtomicBool>,
    connected: IpAddr,
    proxies: TrustedProxies,
}

impl<B, S: Service<Request<B>>> Service<Request<B>> for Noting<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn call(&self, mut request: Request<B>) -> S::Future {
        self.asked.store(true, Ordering::Relaxed);
        let peer = self.proxies.peer(self.connected, request.headers());
        request.extensions_mut().insert(peer);
        self.service.call(request)
    }
}

/// Ends when a connection has not asked anything for as long as headers may take. Hyper's own timer begins once it knows
/// the protocol's version, which a peer that sends nothing, or half a preface, never lets it know.
async fn silence(asked: &AtomicBool) {
    tokio::time::sleep(HEADERS_TIMEOUT).await;
    if asked.load(Ordering::Relaxed) {
        std::future::pending().await
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        // Without a timer hyper's timeouts do nothing.
        .timer(TokioTimer::new())
        .header_read_timeout(HEADERS_TIMEOUT)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEADERS_BYTES_MAX)
        .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_RESETS_MAX)
        .keep_alive_interval(HTTP2_PING_INTERVAL);
    builder
}
