//! The outside network as a trait, so that tests own it, and the real one.

use std::{
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    sync::Arc,
    time::Duration,
};

use futures_util::{FutureExt, future::BoxFuture};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    sync::Semaphore,
    time::timeout,
};

/// How long a name may take to be resolved.
const RESOLVE_TIME_MAX: Duration = Duration::from_secs(5);

/// Names that are resolved at once: each holds a thread until the system's resolver gives up.
const RESOLVING_MAX: usize = 32;

/// An address of the block for documentation, which no machine has.
const NOBODYS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

/// The outside network. No proxy, and nothing that an environment variable says, is between it and the wire.
pub trait Network: fmt::Debug + Send + Sync {
    /// The addresses of a host name. An error and an empty list mean the same.
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>>;

    /// Connect to exactly this address.
    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>>;

    /// Whether `address` is one of this machine's own. Asks without sending anything.
    fn is_own(&self, address: IpAddr) -> bool;
}

/// An open connection. Dropping it closes it.
pub trait Connection: AsyncRead + AsyncWrite + Send + Unpin {
    /// Who is at its other end.
    ///
    /// # Errors
    /// What the operating system says.
    fn peer(&self) -> io::Result<SocketAddr>;
}

/// The machine's network, and its resolver.
#[derive(Debug)]
pub struct SystemNetwork {
    resolving: Arc<Semaphore>,
}

impl Default for SystemNetwork {
    fn default() -> Self {
        Self { resolving: Arc::new(Semaphore::new(RESOLVING_MAX)) }
    }
}

impl Network for SystemNetwork {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let resolving = Arc::clone(&self.resolving);
        let resolve = async move {
            let place = resolving.acquire_owned().await.map_err(io::Error::other)?;
            // A thread of its own, which keeps the place until the system's resolver is done with it.
            let found = tokio::task::spawn_blocking(move || {
                let _place = place;
                std::net::ToSocketAddrs::to_socket_addrs(&(host.as_str(), 0)).map(Vec::from_iter)
            });
            Ok(found.await.map_err(io::Error::other)??.into_iter().map(|address| address.ip()).collect())
        };
        async { timeout(RESOLVE_TIME_MAX, resolve).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into())) }
            .boxed()
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Connection>>> {
        async move {
            let stream = TcpStream::connect(address).await?;
            // A request is written whole; waiting for more to send would only delay it.
            stream.set_nodelay(true)?;
            Ok(Box::new(stream) as Box<dyn Connection>)
        }
        .boxed()
    }

    /// Only a machine's own address can be bound to. Where the system was told to allow more (`ip_nonlocal_bind`), the
    /// address from which it would send there decides: its own, if the other is its own.
    fn is_own(&self, address: IpAddr) -> bool {
        let binds = |address: IpAddr| UdpSocket::bind((address, 0)).is_ok();
        binds(address) && (!binds(IpAddr::V4(NOBODYS)) || sends_from_itself(address))
    }
}

/// A datagram socket that is connected has sent nothing, and knows from where it would.
fn sends_from_itself(address: IpAddr) -> bool {
    let any: IpAddr = match address {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let own = UdpSocket::bind((any, 0)).and_then(|socket| socket.connect((address, 9)).and(socket.local_addr()));
    own.is_ok_and(|own| own.ip() == address)
}

impl Connection for TcpStream {
    fn peer(&self) -> io::Result<SocketAddr> {
        self.peer_addr()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_knows_its_own_addresses() {
        let network = SystemNetwork::default();
        assert!(network.is_own(IpAddr::from([127, 0, 0, 1])));
        assert!(network.is_own(IpAddr::from([127, 1, 2, 3])), "all of 127/8 is this machine");
        assert!(!network.is_own(IpAddr::from([192, 0, 2, 7])), "the block for documentation is nobody's");
    }

    #[tokio::test]
    async fn localhost_resolves_to_loopback() {
        let found = SystemNetwork::default().resolve(String::from("localhost")).await.expect("it is in the hosts file");
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
    }
}
