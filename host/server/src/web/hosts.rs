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
    name: String,
    port: u16,
    /// Whether the port goes without saying, as 443 does for `https`.
    is_default_port: bool,
}

impl OwnHosts {
    /// The names of the listener at `address`, which is the one that it got and not the one that it asked for; and the
    /// name under which a proxy shows it, from `public_url`.
    pub(crate) fn new(address: SocketAddr, public_url: Option<&Uri>) -> Self {
        let port = address.port();
        let own = |name: String| OwnHost { name, port, is_default_port: port == 80 };
        let mut hosts: Vec<OwnHost> = LOOPBACK_NAMES.map(String::from).map(own).into();
        if !address.ip().is_unspecified() {
            let name = SocketAddr::new(address.ip(), 0).to_string();
            hosts.push(own(name.trim_end_matches(":0").to_owned()));
        }
        hosts.extend(public_url.and_then(of_url));
        Self(Arc::new(hosts))
    }

    /// Whether a request with this `Host` is for this listener.
    pub(crate) fn contains(&self, host: &str) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        if authority.as_str().contains('@') {
            return false;
        }
        self.0.iter().any(|own| {
            let same_port = authority.port().map_or(own.is_default_port, |port| port.as_u16() == own.port);
            same_port && authority.host().eq_ignore_ascii_case(&own.name)
        })
    }
}

fn of_url(url: &Uri) -> Option<OwnHost> {
    let default_port = if url.scheme() == Some(&Scheme::HTTPS) { 443 } else { 80 };
    let port = url.port_u16().unwrap_or(default_port);
    Some(OwnHost { name: url.host()?.to_owned(), port, is_default_port: port == default_port })
}

/// Let through what is for this listener; everything else is 421.
pub(crate) async fn require_own_host(
    State(hosts): State<OwnHosts>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if named_hosts(&request).is_some_and(|mut named| named.all(|host| hosts.contains(host))) {
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
            assert!(hosts.contains(host), "{host}");
        }
        for host in ["localhost", "localhost:8081", "evil.example:8080", "", "a@localhost:8080", "localhost.:8080"] {
            assert!(!hosts.contains(host), "{host}");
        }
    }

    #[test]
    fn a_configured_name_needs_no_port_where_its_scheme_says_it() {
        let hosts = hosts("0.0.0.0:8080", Some("https://skerry.example"));
        assert!(hosts.contains("skerry.example"));
        assert!(hosts.contains("skerry.example:443"));
        assert!(!hosts.contains("skerry.example:8080"));
        assert!(!hosts.contains("0.0.0.0:8080"));
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
