//! A listening socket: accepts connections, bounds what each may take, and drains them when the server stops.
//!
//! Bytes are judged before the HTTP library sees them ([`framing`]), each connection's doings are noted ([`activity`]),
//! and once a moment all of them are looked at ([`places`]). What requests may take of memory is bounded behind this, in
//! `web/overload.rs`.

mod activity;
mod answer;
mod connection;
mod framing;
mod limits;
mod places;
mod stream;
#[cfg(test)]
mod tests;

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use axum::Router;
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{Semaphore, watch},
    time::MissedTickBehavior,
};

use connection::Serving;
pub(crate) use limits::ConnectionLimits;
use limits::{ACCEPT_PAUSE, REFUSALS_AT_ONCE};
use places::{NoPlace, Places};

use crate::web::peer::{Neighbourhood, TrustedProxies};

/// How far the server is from its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// It serves.
    Serving,
    /// It answers what it was asked and takes no new work; what runs ends.
    Draining,
    /// Nothing runs any more; the last answers go out.
    Ending,
}

/// A bound socket.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

/// How a listener serves.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// The bounds of its connections.
    pub(crate) limits: ConnectionLimits,
    /// The proxies in front of it.
    pub(crate) proxies: TrustedProxies,
    /// From when on it accepts no connection.
    pub(crate) closes_at: Phase,
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

    /// Serve `router` until `phase` says that it closes; then take no more, and return when every connection has
    /// answered what it was asked.
    pub(crate) async fn serve(self, router: Router, terms: Terms, mut phase: watch::Receiver<Phase>) {
        let mut ticks = tokio::time::interval(terms.limits.tick());
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let door = Door {
            places: Places::new(terms.limits),
            refusals: Arc::new(Semaphore::new(REFUSALS_AT_ONCE)),
            serving: Serving { router, proxies: terms.proxies, phase: phase.clone() },
        };
        let mut socket = Some(self.socket);
        let mut known = Phase::Serving;
        loop {
            tokio::select! {
                accepted = accept(socket.as_ref()) => door.take(accepted).await,
                now = ticks.tick() => door.places.judge(now),
                changed = phase.changed(), if known < Phase::Ending => {
                    // Whoever drops the sender wants the end too.
                    known = if changed.is_ok() { *phase.borrow_and_update() } else { Phase::Ending };
                    door.places.finish();
                }
                () = door.places.until_empty(), if known == Phase::Ending => return,
            }
            if known >= terms.closes_at {
                socket = None;
            }
        }
    }
}

/// The next connection; none ever where the socket is closed.
async fn accept(socket: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match socket {
        Some(socket) => socket.accept().await,
        None => std::future::pending().await,
    }
}

/// Where connections come in.
struct Door {
    places: Arc<Places>,
    refusals: Arc<Semaphore>,
    serving: Serving,
}

impl Door {
    async fn take(&self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, from)) => {
                // Answers are written whole; waiting for more to send would only delay them.
                let _ = stream.set_nodelay(true);
                self.admit(stream, from.ip());
            }
            Err(error) => {
                tracing::warn!(error = %error, "a connection cannot be accepted");
                self.places.clear();
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }

    fn admit(&self, stream: TcpStream, from: IpAddr) {
        let neighbourhood = (!self.serving.proxies.contains(from)).then(|| Neighbourhood::from(from));
        match self.places.enter(neighbourhood) {
            Ok(place) => drop(tokio::spawn(self.serving.clone().serve(stream, from, place))),
            Err(bound) => self.refuse(stream, bound),
        }
    }

    fn refuse(&self, stream: TcpStream, bound: NoPlace) {
        tracing::debug!(bound = ?bound, "a connection was refused: there is no place for it");
        let Ok(permit) = Arc::clone(&self.refusals).try_acquire_owned() else { return };
        tokio::spawn(async move {
            connection::refuse(stream).await;
            drop(permit);
        });
    }
}
