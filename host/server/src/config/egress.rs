//! `[egress]`: which hosts outside scripts can be allowed to reach.

use std::{net::IpAddr, path::PathBuf};

use app::{HostPattern, PrivateHost};
use http::Uri;
use ipnet::IpNet;
use serde::Deserialize;

use super::ListenersConfig;

/// Which hosts outside tenants may let their scripts reach by HTTP. Nobody sends anything until hosts are named here. A
/// script reaches those that this list, its tenant's own list and its capabilities all name; private addresses, those of
/// this machine and its public names are refused whatever a list says.
#[derive(Clone, Debug, confique::Config)]
pub struct EgressConfig {
    /// Host names in lower case, '*.example.com' for what is below one, or '*' for every public host.
    #[config(default = [])]
    pub hosts: Vec<String>,

    /// Ports beside 80 and 443.
    #[config(default = [])]
    pub ports: Vec<u16>,

    /// Names that may have private addresses, for services of your own: each with the exact 'host', the range of
    /// 'addresses' that it may resolve to, and the 'port', as
    /// [{ host = "stock.internal", addresses = "10.1.0.0/16", port = 8443 }]. They need no entry in 'hosts', and no
    /// redirect leads to them.
    #[config(default = [])]
    pub private: Vec<PrivateHostConfig>,

    /// The public addresses under which this deployment itself is reached, and their ranges, as
    /// ["198.51.100.7", "2001:db8:7::/64"]: those of a load balancer, a gateway or a proxy before it, which it cannot
    /// know by itself. No script reaches them under any name.
    #[config(default = [])]
    pub own_addresses: Vec<String>,

    /// A file with certificates (PEM) of authorities that are trusted beside the public ones.
    #[config(env = "SKERRY_EGRESS_CA_FILE")]
    pub ca_file: Option<PathBuf>,

    /// Requests of one tenant to the names of one owner (example.com and everything below it) within a minute.
    #[config(default = 600)]
    pub requests_per_minute: u32,

    /// Requests of one tenant under way at once; further ones wait.
    #[config(default = 64)]
    pub requests_at_once: u32,
}

/// An exception for one name.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivateHostConfig {
    /// The exact host name.
    pub host: String,
    /// The range of addresses, as `10.1.0.0/16`.
    pub addresses: String,
    /// The port.
    pub port: u16,
}

impl EgressConfig {
    /// What the application needs to know of it. Entries that [`check`] refuses are left out.
    pub(super) fn app(&self, listeners: &ListenersConfig) -> app::EgressConfig {
        let urls = [listeners.public_url(), listeners.endpoints_url()];
        app::EgressConfig {
            hosts: self.hosts.iter().filter_map(|host| pattern(host).ok()).collect(),
            ports: self.ports.clone(),
            private: self.private.iter().filter_map(|private| private_host(private).ok()).collect(),
            own_addresses: self.own_addresses.iter().filter_map(|range| range_of(range)).collect(),
            own_names: urls.iter().flatten().filter_map(Uri::host).map(str::to_ascii_lowercase).collect(),
            ca_file: self.ca_file.clone(),
            requests_per_minute: self.requests_per_minute,
            requests_at_once: self.requests_at_once,
        }
    }
}

/// Every rule that the section breaks.
pub(super) fn check(egress: &EgressConfig, mistakes: &mut Vec<String>) {
    for host in &egress.hosts {
        if let Err(reason) = pattern(host) {
            mistakes.push(format!("'egress.hosts' has '{host}': {reason}"));
        }
    }
    if egress.ports.contains(&0) {
        mistakes.push(String::from("'egress.ports' has 0: a port is from 1 to 65535"));
    }
    for address in egress.own_addresses.iter().filter(|address| range_of(address).is_none()) {
        mistakes.push(format!(
            "'egress.own_addresses' has '{address}': write an address as 198.51.100.7, or a range as 198.51.100.0/24"
        ));
    }
    for private in &egress.private {
        if let Err(reason) = private_host(private) {
            mistakes.push(format!("'egress.private' has the host '{}': {reason}", private.host));
        }
    }
}

fn pattern(text: &str) -> Result<HostPattern, String> {
    if text == "*" { Ok(HostPattern::ANY) } else { text.parse().map_err(|error| format!("{error}")) }
}

/// An address is a range of one.
pub(super) fn range_of(text: &str) -> Option<IpNet> {
    text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from))
}

fn private_host(config: &PrivateHostConfig) -> Result<PrivateHost, String> {
    let PrivateHostConfig { host, addresses, port } = config;
    if host.contains('*') {
        return Err(String::from("a private address is opened for one exact name"));
    }
    host.parse::<HostPattern>().map_err(|error| error.to_string())?;
    let no_range = |_| format!("'{addresses}' is no range of addresses: write one as 10.1.0.0/16");
    let addresses: IpNet = addresses.parse().map_err(no_range)?;
    if *port == 0 {
        return Err(String::from("its port is from 1 to 65535"));
    }
    Ok(PrivateHost { host: host.clone(), addresses, port: *port })
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn mistakes(text: &str) -> Vec<String> {
        Config::parse(text, |_| ()).map_or_else(|mistakes| mistakes, |_| Vec::new())
    }

    #[test]
    fn as_it_stands_nobody_sends_anything() {
        let config = Config::parse("", |_| ()).expect("the defaults hold").app().egress;
        assert!(config.hosts.is_empty() && config.private.is_empty() && config.ports.is_empty());
    }

    #[test]
    fn hosts_ports_and_exceptions_are_taken_over_with_the_deployments_own_names() {
        let text = "[listeners]\npublic_url = 'https://Skerry.example'\nendpoints_url = 'https://hooks.example:444'\n\
                    [egress]\nhosts = ['api.example.com', '*.example.org']\nports = [8443]\n\
                    own_addresses = ['198.51.100.7', '2001:db8:7::/64']\n[[egress.private]]\nhost = 'stock.internal'\naddresses = '10.1.0.0/16'\nport = 9000\n";
        let config = Config::parse(text, |_| ()).expect("it holds").app().egress;
        let hosts: Vec<String> = config.hosts.iter().map(ToString::to_string).collect();
        assert_eq!(hosts, ["api.example.com", "*.example.org"]);
        assert_eq!(config.ports, [8443]);
        assert_eq!(config.private[0].addresses.to_string(), "10.1.0.0/16");
        let own: Vec<String> = config.own_addresses.iter().map(ToString::to_string).collect();
        assert_eq!(own, ["198.51.100.7/32", "2001:db8:7::/64"]);
        assert_eq!(config.own_names, ["skerry.example", "hooks.example"]);
        let every = Config::parse("[egress]\nhosts = ['*']\n", |_| ()).expect("it holds").app().egress.hosts;
        assert_eq!(every, [app::HostPattern::ANY]);
    }

    #[test]
    fn each_wrong_entry_is_named() {
        let found =
            mistakes("[egress]\nhosts = ['*.co.uk', '10.0.0.1', 'A.example']\nports = [0]\nown_addresses = ['me']\n");
        for entry in ["'me'", "'*.co.uk'", "'10.0.0.1'", "'A.example'", "'egress.ports'"] {
            assert!(found.iter().any(|mistake| mistake.contains(entry)), "{entry} in {found:#?}");
        }
    }

    #[test]
    fn an_exception_is_for_one_name_one_range_and_one_port() {
        let with = |host: &str, addresses: &str, port: u16| {
            mistakes(&format!("[[egress.private]]\nhost = '{host}'\naddresses = '{addresses}'\nport = {port}\n"))
        };
        assert!(with("a.internal", "10.0.0.0/8", 80).is_empty());
        for (host, addresses, port) in [
            ("*.internal.example", "10.0.0.0/8", 80),
            ("10.0.0.1", "10.0.0.0/8", 80),
            ("a.internal", "10.0.0.1", 80),
            ("a.internal", "ten", 80),
            ("a.internal", "10.0.0.0/8", 0),
        ] {
            assert_eq!(with(host, addresses, port).len(), 1, "{host} {addresses} {port}");
        }
    }
}
