//! Whose request it is, as an address: the peer of the connection, or whoever a configured proxy says it speaks for.
//!
//! What a request says of its own origin is believed only where the connection comes from a proxy that the configuration
//! names (RULES 32), and only in the one header that this proxy is said to write: the other one is the caller's own.

use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use http::{HeaderMap, HeaderName, header};
use ipnet::IpNet;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// The most addresses of a chain of proxies that are looked at. A longer list is not one of ours.
const HOPS_MAX: usize = 32;

/// The caller's address, an extension of every request of both listeners. An address of IPv4 is never written as one of
/// IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct PeerAddress(pub(crate) IpAddr);

/// What is counted as one caller: an address of IPv4, or the /64 of IPv6 that one subscriber commonly has to himself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Neighbourhood(IpAddr);

/// Where proxies write whom they speak for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ForwardedHeader {
    /// `X-Forwarded-For`, a list to which each proxy adds its own peer.
    #[default]
    XForwardedFor,
    /// `Forwarded` (RFC 7239), whose `for=` says the same.
    Forwarded,
}

/// The proxies whose word counts.
#[derive(Clone, Debug, Default)]
pub(crate) struct TrustedProxies {
    networks: Arc<[IpNet]>,
    header: ForwardedHeader,
}

impl From<IpAddr> for Neighbourhood {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(address) => Self(IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64))),
            address => Self(address),
        }
    }
}

impl TrustedProxies {
    /// The proxies of these networks, and the header that they write.
    pub(crate) fn new(networks: Vec<IpNet>, header: ForwardedHeader) -> Self {
        Self { networks: networks.into(), header }
    }

    /// Whether this is one of them.
    pub(crate) fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.networks.iter().any(|network| network.contains(&address))
    }

    /// Who sent a request with these headers on a connection from `connected`.
    ///
    /// The list is read from its end, where the proxy nearest to us wrote; the first address that is no trusted proxy is
    /// the caller's. What cannot be read ends the list: whoever wrote it is the last that is known.
    pub(crate) fn peer(&self, connected: IpAddr, headers: &HeaderMap) -> PeerAddress {
        let mut peer = connected.to_canonical();
        if !self.contains(peer) {
            return PeerAddress(peer);
        }
        for entry in self.entries(headers).into_iter().rev().take(HOPS_MAX) {
            let Some(address) = entry else { break };
            peer = address;
            if !self.contains(peer) {
                break;
            }
        }
        PeerAddress(peer)
    }

    fn entries(&self, headers: &HeaderMap) -> Vec<Option<IpAddr>> {
        let (name, address): (_, fn(&str) -> Option<IpAddr>) = match self.header {
            ForwardedHeader::XForwardedFor => (X_FORWARDED_FOR, address_of),
            ForwardedHeader::Forwarded => (header::FORWARDED, address_of_forwarded),
        };
        let values = headers.get_all(name);
        values
            .iter()
            .flat_map(|value| value.to_str().unwrap_or("?").split(','))
            .map(|entry| address(entry.trim()))
            .collect()
    }
}

/// An address with or without a port, and in brackets where it is one of IPv6 with a port.
fn address_of(text: &str) -> Option<IpAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().ok().or_else(|| text.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address: IpAddr| address.to_canonical())
}

/// The `for` of one element of `Forwarded`. Obfuscated identifiers and `unknown` name nobody.
fn address_of_forwarded(element: &str) -> Option<IpAddr> {
    let mut pairs = element.split(';').filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(name, _)| name.trim().eq_ignore_ascii_case("for"))?;
    let value = value.trim();
    address_of(value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).unwrap_or(value))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    const PROXY: &str = "10.0.0.1";

    fn peer_of(header: ForwardedHeader, connected: &str, lines: &[(HeaderName, &'static str)]) -> String {
        let proxies = TrustedProxies::new(vec!["10.0.0.0/8".parse().expect("a network")], header);
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(name.clone(), HeaderValue::from_static(value));
        }
        proxies.peer(connected.parse().expect("an address"), &map).0.to_string()
    }

    #[test]
    fn forwarded_headers_of_anybody_count_for_nothing() {
        for header in [ForwardedHeader::XForwardedFor, ForwardedHeader::Forwarded] {
            let lines = [(X_FORWARDED_FOR, "1.2.3.4"), (header::FORWARDED, "for=1.2.3.4")];
            assert_eq!(peer_of(header, "203.0.113.9", &lines), "203.0.113.9");
        }
    }

    #[test]
    fn a_trusted_proxy_says_who_connected_to_it_and_what_stands_before_is_the_callers_own_word() {
        let x = ForwardedHeader::XForwardedFor;
        assert_eq!(peer_of(x, PROXY, &[(X_FORWARDED_FOR, "6.6.6.6, 203.0.113.9")]), "203.0.113.9");
        assert_eq!(peer_of(x, PROXY, &[(X_FORWARDED_FOR, "203.0.113.9, 10.0.0.2")]), "203.0.113.9");
        let lines = [(X_FORWARDED_FOR, "6.6.6.6"), (X_FORWARDED_FOR, "[2001:db8::1]:443")];
        assert_eq!(peer_of(x, PROXY, &lines), "2001:db8::1");
        assert_eq!(peer_of(x, PROXY, &[(X_FORWARDED_FOR, "6.6.6.6, unknown")]), PROXY);
        assert_eq!(peer_of(x, PROXY, &[]), PROXY);
        assert_eq!(peer_of(x, "::ffff:10.0.0.1", &[(X_FORWARDED_FOR, "::ffff:203.0.113.9")]), "203.0.113.9");
    }

    #[test]
    fn only_the_header_that_the_proxy_writes_counts() {
        let forged = (X_FORWARDED_FOR, "6.6.6.6");
        let written = (header::FORWARDED, "for=6.6.6.7, proto=https;for=\"[2001:db8::2]:1\"");
        assert_eq!(peer_of(ForwardedHeader::Forwarded, PROXY, &[forged, written]), "2001:db8::2");
        assert_eq!(peer_of(ForwardedHeader::Forwarded, PROXY, &[(header::FORWARDED, "for=_hidden")]), PROXY);
    }

    #[test]
    fn addresses_of_ipv6_count_by_their_64_bits() {
        let of = |text: &str| Neighbourhood::from(text.parse::<IpAddr>().expect("an address"));
        assert_eq!(of("2001:db8:0:1::1"), of("2001:db8:0:1:ffff::2"));
        assert_ne!(of("2001:db8:0:1::1"), of("2001:db8:0:2::1"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    }
}
