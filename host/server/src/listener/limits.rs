//! What connections may take: how many there are, how slow they may be, how large their parts.

use std::time::Duration;

/// Bytes that one HTTP/1 connection buffers, and so the most of a request's line and headers.
pub(super) const BUFFER_BYTES_MAX: usize = 64 << 10;

/// Headers of one request.
pub(super) const HEADERS_MAX: usize = 100;

/// Bytes of the headers of one HTTP/2 request.
pub(super) const HTTP2_HEADERS_BYTES_MAX: u32 = 32 << 10;

/// Requests at once on one HTTP/2 connection.
pub(super) const HTTP2_STREAMS_MAX: u32 = 100;

/// Streams that a peer may open and reset at once, and those that we reset: what rapid-reset floods live on.
pub(super) const HTTP2_RESETS_MAX: usize = 20;

/// How often a silent HTTP/2 peer is asked whether it is still there.
pub(super) const HTTP2_PING_INTERVAL: Duration = Duration::from_secs(20);

/// Bytes of answers that wait in one HTTP/2 stream. Little, so that a peer that does not read holds little.
pub(super) const HTTP2_SEND_BYTES_MAX: usize = 64 << 10;

/// Bytes of an answer that are handed on at once. What is left of it waits until its peer has taken these, so that a slow
/// reader is seen.
pub(super) const ANSWER_PIECE_BYTES: usize = 16 << 10;

/// How long an idle connection that was asked to end may take to do it.
pub(super) const FINISH_GRACE: Duration = Duration::from_secs(5);

/// How long a connection that was asked to end may take to bring the first request, which may be on its way.
pub(super) const FIRST_REQUEST_GRACE: Duration = Duration::from_millis(250);

/// Refused connections that are told why at the same time. Further ones are closed without a word.
pub(super) const REFUSALS_AT_ONCE: usize = 64;

/// How long a refused connection may take to hear it.
pub(super) const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);

/// How long accepting pauses when the process has no file descriptor left.
pub(super) const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The bounds of one listener's connections.
#[derive(Clone, Debug)]
pub(crate) struct ConnectionLimits {
    /// Connections at once.
    pub(crate) connections: usize,
    /// Connections at once of one address, or of one /64 of IPv6. Trusted proxies are not counted.
    pub(crate) connections_per_address: usize,
    /// How long the line and the headers of a request may take, and how long a new connection may be silent.
    pub(crate) headers_timeout: Duration,
    /// How long a connection is kept that asks nothing.
    pub(crate) idle_timeout: Duration,
    /// How long a peer may take none of its answer.
    pub(crate) answer_stall: Duration,
    /// From when on an answer has to keep its rate, counting only the time that it waits for its peer.
    pub(crate) answer_grace: Duration,
    /// The least rate of an answer after that.
    pub(crate) answer_bytes_per_second: u64,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: 4096,
            connections_per_address: 256,
            headers_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(60),
            answer_stall: Duration::from_secs(30),
            answer_grace: Duration::from_secs(10),
            answer_bytes_per_second: 1024,
        }
    }
}

impl ConnectionLimits {
    /// How often connections are looked at: often enough that none lives an eighth longer than it may.
    pub(super) fn tick(&self) -> Duration {
        let shortest = self.headers_timeout.min(self.idle_timeout).min(self.answer_stall);
        (shortest / 8).clamp(Duration::from_millis(5), Duration::from_secs(1))
    }
}
