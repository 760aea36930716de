//! One connection, from its first byte to its last answer.

use std::{convert::Infallible, future::Future, net::IpAddr, pin::Pin, pin::pin, sync::Arc};

use axum::Router;
use http::{HeaderValue, Request, Response, Version, header};
use hyper::{body::Incoming, service::Service};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto::Builder,
};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt},
    net::TcpStream,
    sync::watch,
    time::Instant,
};
use tower::Service as _;

use super::{
    Phase,
    activity::Verdict,
    answer::{AnswerBody, InProgress},
    limits::{
        BUFFER_BYTES_MAX, FIRST_REQUEST_GRACE, HEADERS_MAX, HTTP2_HEADERS_BYTES_MAX, HTTP2_PING_INTERVAL,
        HTTP2_RESETS_MAX, HTTP2_SEND_BYTES_MAX, HTTP2_STREAMS_MAX, REFUSAL_TIMEOUT,
    },
    places::{Connection, Place},
    stream::Guarded,
};
use crate::web::{overload::Held, peer::TrustedProxies};

/// What a connection hears for which there is no place. The least that every client understands.
const REFUSAL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";

/// What all connections of a listener share.
#[derive(Clone, Debug)]
pub(super) struct Serving {
    pub(super) router: Router,
    pub(super) proxies: TrustedProxies,
    pub(super) phase: watch::Receiver<Phase>,
}

/// The service of one connection.
struct OfConnection {
    serving: Serving,
    connected: IpAddr,
    connection: Arc<Connection>,
}

impl Serving {
    /// Serve a connection from `connected` until it ends, or has to.
    pub(super) async fn serve<S>(self, stream: S, connected: IpAddr, place: Place)
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let connection = Arc::clone(place.connection());
        let stream = TokioIo::new(Guarded::new(stream, Arc::clone(&connection)));
        let service = OfConnection { serving: self, connected, connection: Arc::clone(&connection) };
        let builder = builder();
        let mut served = pin!(builder.serve_connection(stream, service));
        let mut order = Verdict::Keep;
        let mut finishes_at = None;
        loop {
            tokio::select! {
                // A peer that goes away or breaks the protocol is no news.
                ended = served.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error = %error, "a connection ended early");
                    }
                    break;
                }
                () = at(finishes_at) => {
                    finishes_at = None;
                    served.as_mut().graceful_shutdown();
                }
                next = connection.next_order(order) => {
                    order = next;
                    match order {
                        Verdict::Keep => {}
                        // hyper drops a connection unread that it has read nothing of: what comes in is answered.
                        Verdict::Finish if !connection.activity().has_asked() => {
                            finishes_at = Some(Instant::now() + FIRST_REQUEST_GRACE);
                        }
                        Verdict::Finish => served.as_mut().graceful_shutdown(),
                        Verdict::Cut(reason) => {
                            tracing::debug!(reason, "a connection was cut");
                            break;
                        }
                    }
                }
            }
        }
        drop(place);
    }
}

impl Service<Request<Incoming>> for OfConnection {
    type Response = Response<AnswerBody>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn call(&self, mut request: Request<Incoming>) -> Self::Future {
        let in_progress = InProgress::new(&self.connection);
        let peer = self.serving.proxies.peer(self.connected, request.headers());
        request.extensions_mut().insert(peer);
        let is_http1 = request.version() < Version::HTTP_2;
        let (mut router, phase) = (self.serving.router.clone(), self.serving.phase.clone());
        Box::pin(async move {
            let mut response = router.call(request).await?;
            if is_http1 && *phase.borrow() > Phase::Serving {
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            let held = response.extensions_mut().remove::<Held>();
            Ok(response.map(|body| in_progress.answer(body, held)))
        })
    }
}

/// Ends at `moment`; never where there is none.
async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

/// Say that there is no place, and wait a moment for the peer to hear it: closing while something of its request is not
/// read would take the answer away from it.
pub(super) async fn refuse(mut stream: TcpStream) {
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        let mut rest = [0; 1024];
        while stream.read(&mut rest).await? > 0 {}
        Ok::<_, std::io::Error>(())
    };
    // Whether it heard it is its own affair.
    let _ = tokio::time::timeout(REFUSAL_TIMEOUT, told).await;
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        // Heads and idle connections are timed by the listener, which tells the two apart.
        .header_read_timeout(None)
        .max_buf_size(BUFFER_BYTES_MAX)
        .max_headers(HEADERS_MAX);
    builder
        .http2()
        // Without a timer the pings are not sent.
        .timer(TokioTimer::new())
        .max_concurrent_streams(HTTP2_STREAMS_MAX)
        .max_header_list_size(HTTP2_HEADERS_BYTES_MAX)
        .max_pending_accept_reset_streams(HTTP2_RESETS_MAX)
        .max_local_error_reset_streams(HTTP2_RESETS_MAX)
        .max_send_buf_size(HTTP2_SEND_BYTES_MAX)
        .keep_alive_interval(HTTP2_PING_INTERVAL);
    builder
}
