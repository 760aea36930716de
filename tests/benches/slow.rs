//! Clients that hold a server's connections and do next to nothing with them, by the thousand.

use std::{net::SocketAddr, time::Duration};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpSocket, TcpStream},
    task::JoinSet,
    time::sleep,
};

/// How long each waits between two bytes.
const TRICKLE: Duration = Duration::from_secs(1);

/// Clients of one address. A listener takes 256 connections of one.
const OF_AN_ADDRESS: usize = 200;

/// What a client is slow at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Slow {
    Headers,
    Body,
    Reading,
}

impl Slow {
    /// What it sends at once.
    fn begin(self, server: SocketAddr) -> String {
        match self {
            Self::Headers => format!("POST /acme/hello HTTP/1.1\r\nhost: {server}\r\n"),
            Self::Body => {
                format!("POST /acme/hello HTTP/1.1\r\nhost: {server}\r\ncontent-length: 4000000\r\n\r\n{{")
            }
            Self::Reading => {
                format!("POST /acme/large HTTP/1.1\r\nhost: {server}\r\ncontent-length: 2\r\n\r\n{{}}")
            }
        }
    }
}

/// So many clients of each kind, from as many addresses of this machine as they need, once all are there. They go on until
/// this is dropped.
pub(crate) async fn clients(server: SocketAddr, of_each: usize) -> JoinSet<()> {
    let mut clients = JoinSet::new();
    for slow in [Slow::Headers, Slow::Body, Slow::Reading] {
        for number in 0..of_each {
            let address = number / OF_AN_ADDRESS + slow as usize * 64 + 1;
            let from = SocketAddr::from(([127, 0, 1, u8::try_from(address).unwrap_or(255)], 0));
            clients.spawn(async move {
                loop {
                    // Whoever is thrown out comes again.
                    let _ = hold(slow, server, from).await;
                    sleep(TRICKLE).await;
                }
            });
            // They are slow, and no flood: whoever asks much at once is what other bounds are for.
            if number % 10 == 0 {
                sleep(Duration::from_millis(100)).await;
            }
        }
    }
    clients
}

/// Hold one connection for as long as the server lets it.
async fn hold(slow: Slow, server: SocketAddr, from: SocketAddr) -> std::io::Result<()> {
    let mut stream = connect(server, from).await?;
    stream.write_all(slow.begin(server).as_bytes()).await?;
    let mut byte = [0];
    loop {
        sleep(TRICKLE).await;
        match slow {
            Slow::Headers | Slow::Body => stream.write_all(b"x").await?,
            Slow::Reading => {
                if stream.read(&mut byte).await? == 0 {
                    return Ok(());
                }
            }
        }
    }
}

async fn connect(server: SocketAddr, from: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    socket.bind(from)?;
    socket.connect(server).await
}
