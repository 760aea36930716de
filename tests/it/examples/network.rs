//! A network in memory: every name is there, and every host answers what it was sent.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    task::{Context, Poll},
};

use app::{Connection, Network};
use futures_util::{FutureExt, future::BoxFuture};
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};

/// An address that anybody may be reached at.
const PUBLIC: IpAddr = IpAddr::V4(Ipv4Addr::new(93, 184, 215, 14));

/// More than any example sends.
const PIPE_BYTES: usize = 64 * 1024;

/// The network.
#[derive(Debug)]
pub(super) struct Echoes;

/// A connection to a host of this network.
struct Wire {
    stream: DuplexStream,
    peer: SocketAddr,
}

impl Network for Echoes {
    fn resolve(&self, _host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        async { Ok(vec![PUBLIC]) }.boxed()
    }

    fn connect(&self, peer: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        let (stream, host) = tokio::io::duplex(PIPE_BYTES);
        tokio::spawn(answer(host));
        async move { Ok(Box::new(Wire { stream, peer }) as Box<dyn Connection>) }.boxed()
    }

    fn is_own(&self, _address: IpAddr) -> bool {
        false
    }
}

/// Read one request, and answer its method, its target, its content type and its body as JSON.
async fn answer(mut stream: DuplexStream) -> io::Result<()> {
    let mut bytes = Vec::new();
    let (head, body_start) = loop {
        if let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break (String::from_utf8_lossy(&bytes[..end]).into_owned(), end + 4);
        }
        if stream.read_buf(&mut bytes).await? == 0 {
            return Ok(());
        }
    };
    let header = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(": "));
        lines.into_iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length: usize = header("content-length").map_or(0, |length| length.parse().unwrap());
    while bytes.len() < body_start + length {
        stream.read_buf(&mut bytes).await?;
    }
    let mut words = head.split(' ');
    let (method, path) = (words.next(), words.next());
    let body = String::from_utf8_lossy(&bytes[body_start..]);
    let said = json!({ "method": method, "path": path, "type": header("content-type"), "body": body }).to_string();
    let length = said.len();
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{said}");
    stream.write_all(answer.as_bytes()).await
}

impl Connection for Wire {
    fn peer(&self) -> io::Result<SocketAddr> {
        Ok(self.peer)
    }
}

impl AsyncRead for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
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
