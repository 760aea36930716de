//! A connection's bytes: what comes in is judged by [`Framing`] first, and when a head began is noted.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    time::Instant,
};

use super::{
    framing::{Framing, Phase, Refused},
    places::Connection,
};

/// What stands in the place of bytes that are refused within a head. A zero byte is allowed nowhere in one, so that the
/// library answers 400 and closes the connection; it does so once it sees an end.
const POISON: &[u8] = b"\0\r\n\r\n";

/// A stream whose requests nobody can read in two ways.
#[derive(Debug)]
pub(super) struct Guarded<S> {
    stream: S,
    framing: Framing,
    connection: Arc<Connection>,
    verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Sane,
    /// The head was poisoned. This is left of the poison, and nothing follows.
    Poisoned(&'static [u8]),
    /// The next read fails.
    Broken,
}

impl<S> Guarded<S> {
    pub(super) fn new(stream: S, connection: Arc<Connection>) -> Self {
        Self { stream, framing: Framing::new(), connection, verdict: Verdict::Sane }
    }

    /// Follow what was read behind `before`, and take away what nobody may see.
    fn judge(&mut self, buf: &mut ReadBuf<'_>, before: usize) -> io::Result<()> {
        let read = buf.filled().get(before..).unwrap_or_default();
        if read.is_empty() {
            return Ok(());
        }
        let followed = self.framing.follow(read);
        self.connection.note_head((self.framing.phase() == Phase::Head).then(Instant::now));
        let Err(Refused { sane, in_head }) = followed else { return Ok(()) };
        tracing::debug!("a request that can be read in two ways was refused");
        buf.set_filled(before + sane);
        if in_head {
            self.verdict = poison(POISON, buf);
            return Ok(());
        }
        self.verdict = Verdict::Broken;
        if sane > 0 { Ok(()) } else { Err(broken()) }
    }
}

/// Give as much of `left` as there is room for.
fn poison(left: &'static [u8], buf: &mut ReadBuf<'_>) -> Verdict {
    let (now, later) = left.split_at(left.len().min(buf.remaining()));
    buf.put_slice(now);
    Verdict::Poisoned(later)
}

fn broken() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "chunks that can be read in two ways")
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        match this.verdict {
            Verdict::Sane => {}
            Verdict::Poisoned(left) => {
                this.verdict = poison(left, buf);
                return Poll::Ready(Ok(()));
            }
            Verdict::Broken => return Poll::Ready(Err(broken())),
        }
        let before = buf.filled().len();
        ready!(Pin::new(&mut this.stream).poll_read(cx, buf))?;
        Poll::Ready(this.judge(buf, before))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(cx, buf)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}
