//! Which `Host` a listener answers: its own names and no others, so that a page elsewhere cannot make a browser take a
//! name of its own for ours (DNS rebinding; RULES 28 and 41).

use std::{net::SocketAddr, sync::Arc};

use axum::{
    extract::{Request, State},
    middleware::Next,
    response::Response,
};
use http::{
    Uri, header,
    uri::{Authority, Scheme},
};

use super::problem::{Problem, kinds};

/// The names that always mean this machine.
const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// The names of one listener.
#[derive(Clone, Debug)]
pub(crate) struct OwnHosts(Arc<Vec<OwnHost>>);

#[derive(Debug)]
struct OwnHost {
    scheme: Scheme,
    name: String,
    port: u16,
    /// Whether the port goes without saying, as 443 does for `https`.
    is_default_port: bool,
}

/// The origin that a request calls this server by, as browsers write it: an extension of every request that got this far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OwnOrigin {
    text: String,
    is_secure: bool,
}

impl OwnOrigin {
    /// Whether a page of `origin` is a page of ours: scheme, name and port are the same (RULES 28).
    pub(crate) fn is(&self, origin: &str) -> bool {
        self.text.eq_ignore_ascii_case(origin)
    }

    /// Whether browsers reach it by TLS.
    pub(crate) fn is_secure(&self) -> bool {
        self.is_secure
    }

    /// The origin, as `https://skerry.example`.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// An origin for tests.
    #[cfg(test)]
    pub(crate) fn of_test(text: &str) -> Self {
        Self { text: text.to_owned(), is_secure: text.starts_with("https:") }
    }
}

impl OwnHosts {
    /// The names of the listener at `address`, which is the one that it got and not the one that it asked for; and the
    /// name under which a proxy shows it, from `public_url`.
    pub(crate) fn new(address: SocketAddr, public_url: Option<&Uri>) -> Self {
        let port = address.port();
        let own = |name: String| OwnHost { scheme: Scheme::HTTP, name, port, is_default_port: port == 80 };
        let mut hosts: Vec<OwnHost> = LOOPBACK_NAMES.map(String::from).map(own).into();
        if !address.ip().is_unspecified() {
            let name = SocketAddr::new(address.ip(), 0).to_string();
            hosts.push(own(name.trim_end_matches(":0").to_owned()));
        }
        hosts.extend(public_url.and_then(of_url));
        Self(Arc::new(hosts))
    }

    /// The origin of a request with this `Host`; `None` where it is not for this listener.
    pub(crate) fn origin(&self, host: &str) -> Option<OwnOrigin> {
        let authority = host.parse::<Authority>().ok().filter(|authority| !authority.as_str().contains('@'))?;
        // The one that a proxy shows comes last, and counts before our own of the same name.
        let own = self.0.iter().rev().find(|own| {
            let same_port = authority.port().map_or(own.is_default_port, |port| port.as_u16() == own.port);
            same_port && authority.host().eq_ignore_ascii_case(&own.name)
        })?;
        let OwnHost { scheme, name, port, is_default_port } = own;
        let text = if *is_default_port { format!("{scheme}://{name}") } else { format!("{scheme}://{name}:{port}") };
        Some(OwnOrigin { text, is_secure: *scheme == Scheme::HTTPS })
    }
}

fn of_url(url: &Uri) -> Option<OwnHost> {
    let scheme = url.scheme().cloned().unwrap_or(Scheme::HTTP);
    let default_port = if scheme == Scheme::HTTPS { 443 } else { 80 };
    let port = url.port_u16().unwrap_or(default_port);
    Some(OwnHost { scheme, name: url.host()?.to_owned(), port, is_default_port: port == default_port })
}

/// Let through what is for this listener; everything else is 421.
pub(crate) async fn require_own_host(
    State(hosts): State<OwnHosts>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let origins: Option<Vec<OwnOrigin>> =
        named_hosts(&request).and_then(|named| named.map(|host| hosts.origin(host)).collect());
    if let Some(origin) = origins.and_then(|mut origins| origins.pop()) {
        request.extensions_mut().insert(origin);
        return Ok(next.run(request).await);
    }
    let detail = "this server does not answer to that host name: use the address it prints when it starts, or name it as \
                  'public_url' or 'endpoints_url' in the configuration";
    Err(Problem::new(&kinds::MISDIRECTED, detail))
}

/// Every name by which the request calls this server: HTTP/2 has it in the address, HTTP/1.1 in exactly one `Host`
/// header, and in the address too where that is absolute. `None` where it calls it by none.
fn named_hosts(request: &Request) -> Option<impl Iterator<Item = &str>> {
    let in_address = request.uri().authority().map(Authority::as_str);
    let mut headers = request.headers().get_all(header::HOST).iter();
    let in_header = headers.next().map(|value| value.to_str().unwrap_or_default());
    let is_unambiguous = headers.next().is_none() && (in_address.is_some() || in_header.is_some());
    is_unambiguous.then(|| in_address.into_iter().chain(in_header))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(address: &str, url: Option<&'static str>) -> OwnHosts {
        OwnHosts::new(address.parse().expect("an address"), url.map(Uri::from_static).as_ref())
    }

    #[test]
    fn a_loopback_listener_answers_to_loopback_names_with_its_port() {
        let hosts = hosts("127.0.0.1:8080", None);
        for host in ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"] {
            assert!(hosts.origin(host).is_some(), "{host}");
        }
        for host in ["localhost", "localhost:8081", "evil.example:8080", "", "a@localhost:8080", "localhost.:8080"] {
            assert!(hosts.origin(host).is_none(), "{host}");
        }
    }

    #[test]
    fn a_configured_name_needs_no_port_where_its_scheme_says_it() {
        let hosts = hosts("0.0.0.0:8080", Some("https://skerry.example"));
        assert!(hosts.origin("skerry.example").is_some());
        assert!(hosts.origin("skerry.example:443").is_some());
        assert!(hosts.origin("skerry.example:8080").is_none());
        assert!(hosts.origin("0.0.0.0:8080").is_none());
    }

    #[test]
    fn a_request_has_the_origin_that_a_browser_would_write() {
        let origin = |hosts: &OwnHosts, host: &str| hosts.origin(host).map(|origin| (origin.text, origin.is_secure));
        let local = hosts("127.0.0.1:8080", None);
        assert_eq!(origin(&local, "LOCALHOST:8080"), Some((String::from("http://localhost:8080"), false)));
        let shown = hosts("0.0.0.0:8080", Some("https://skerry.example"));
        for host in ["skerry.example", "Skerry.Example:443"] {
            assert_eq!(origin(&shown, host), Some((String::from("https://skerry.example"), true)));
        }
        let same_port = hosts("127.0.0.1:443", Some("https://localhost"));
        assert_eq!(origin(&same_port, "localhost:443"), Some((String::from("https://localhost"), true)));
    }

    #[test]
    fn a_request_that_calls_the_server_by_two_names_must_be_right_in_both() {
        let request = |uri: &str, hosts: &[&str]| {
            let mut request = Request::builder().uri(uri);
            for host in hosts {
                request = request.header(header::HOST, *host);
            }
            request.body(axum::body::Body::empty()).expect("a request")
        };
        let named = |request: &Request| named_hosts(request).map(|hosts| hosts.map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(named(&request("/", &[])), None);
        assert_eq!(named(&request("/", &["a", "b"])), None);
        let both = Some(vec![String::from("a:1"), String::from("b")]);
        assert_eq!(named(&request("http://a:1/", &["b"])), both);
    }
}
