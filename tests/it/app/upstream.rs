//! A service of an operator's on a loopback port, which does what a test wants and remembers what it was asked.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::mpsc,
};

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) target: String,
    headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What it does with a request.
#[derive(Clone, Debug)]
pub(crate) enum Reaction {
    /// Answer: the status, headers, the body.
    Answer(u16, Vec<(&'static str, String)>, String),
    /// Say nothing until the caller hangs up.
    Hang,
    /// Hang up.
    Close,
}

/// The service.
pub(crate) struct Upstream {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    /// A message for each caller that hung up while it waited.
    pub(crate) hung_up: mpsc::UnboundedReceiver<()>,
}

impl Asked {
    /// A header's value; empty where there is none.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The token that it carries.
    pub(crate) fn token(&self) -> &str {
        self.header("authorization").strip_prefix("Bearer ").unwrap()
    }
}

impl Reaction {
    /// An answer of JSON.
    pub(crate) fn json(status: u16, body: impl ToString) -> Self {
        Self::Answer(status, vec![("content-type", String::from("application/json"))], body.to_string())
    }
}

impl Upstream {
    /// Start one; `react` is given each request and how many came before it.
    pub(crate) async fn start(react: impl Fn(&Asked, usize) -> Reaction + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (sender, hung_up) = mpsc::unbounded_channel();
        let (react, all) = (Arc::new(react), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (react, all, sender) = (Arc::clone(&react), Arc::clone(&all), sender.clone());
                tokio::spawn(async move {
                    let (mut stream, request) = receive(stream).await?;
                    let before = {
                        let mut all: std::sync::MutexGuard<'_, Vec<Asked>> = all.lock().unwrap();
                        all.push(request.clone());
                        all.len() - 1
                    };
                    match react(&request, before) {
                        Reaction::Close => {}
                        Reaction::Hang => {
                            let _ = stream.read(&mut [0]).await;
                            let _ = sender.send(());
                        }
                        Reaction::Answer(status, headers, body) => {
                            let mut head = format!("HTTP/1.1 {status} Said\r\nconnection: close\r\n");
                            for (name, value) in headers {
                                head += &format!("{name}: {value}\r\n");
                            }
                            if status != 204 {
                                head += &format!("content-length: {}\r\n", body.len());
                            }
                            let _ = stream.write_all(format!("{head}\r\n{body}").as_bytes()).await;
                            let _ = stream.shutdown().await;
                        }
                    }
                    Some(())
                });
            }
        });
        Self { address, asked, hung_up }
    }

    /// Every request so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// The only request so far.
    pub(crate) fn only(&self) -> Asked {
        let asked = self.asked();
        assert_eq!(asked.len(), 1, "{asked:?}");
        asked.into_iter().next().unwrap()
    }
}

async fn receive(mut stream: TcpStream) -> Option<(TcpStream, Asked)> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let head = String::from_utf8(bytes[..head_end].to_vec()).ok()?;
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_lowercase(), value.trim().to_owned()));
    let headers: Vec<(String, String)> = lines.filter_map(header).collect();
    let length =
        headers.iter().find(|(name, _)| name == "content-length").map_or(0, |(_, value)| value.parse().unwrap());
    let mut body = bytes.split_off(head_end + 4);
    while body.len() < length {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    Some((stream, Asked { method, target, headers, body }))
}
