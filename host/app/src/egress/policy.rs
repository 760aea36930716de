//! Who may send where: names by lists before anything is resolved, then every address that a name has.

use std::{
    net::{IpAddr, SocketAddr},
    sync::Arc,
};

use ipnet::IpNet;
use url::{Host, Position, Url};

use super::{
    Allowance, EgressConfig, EgressConfigError, EgressError, HostPattern, Network, PrivateHost, addresses::Addresses,
    hosts::HostList,
};

/// The most bytes of an address. Servers take 8 KiB and less.
const URL_BYTES_MAX: usize = 16 << 10;

/// The ports that need no word of the operator's.
const PORTS: [u16; 2] = [80, 443];

/// Whether the address is the request's own, or one that an answer led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hop {
    First,
    Redirect,
}

/// Where a request goes, taken apart once.
pub(super) struct Destination {
    url: Url,
    host: String,
    literal: Option<IpAddr>,
    port: u16,
}

/// The operator's part of the policy.
pub(super) struct Policy {
    hosts: HostList,
    ports: Vec<u16>,
    private: Vec<PrivateHost>,
    own_names: Vec<String>,
    own_addresses: Vec<IpNet>,
    addresses: Addresses,
    network: Arc<dyn Network>,
}

impl Destination {
    /// Take an address apart, as every browser does.
    ///
    /// # Errors
    /// [`EgressError::Invalid`] for what is no absolute `http` or `https` address, and for one with user information.
    pub(super) fn parse(text: &str) -> Result<Self, EgressError> {
        if text.len() > URL_BYTES_MAX {
            return Err(invalid(format!("an address has at most {URL_BYTES_MAX} bytes")));
        }
        let mut url = Url::parse(text).map_err(|error| invalid(format!("the address is no URL: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(invalid(String::from("the address must begin with http:// or https://")));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(invalid(String::from("the address must hold no user and no password: use a header")));
        }
        url.set_fragment(None);
        let (host, literal) = match url.host() {
            Some(Host::Domain(name)) if !name.is_empty() => (name.to_owned(), None),
            Some(Host::Ipv4(address)) => (address.to_string(), Some(IpAddr::V4(address))),
            Some(Host::Ipv6(address)) => (address.to_string(), Some(IpAddr::V6(address))),
            _ => return Err(invalid(String::from("the address names no host"))),
        };
        if host.ends_with('.') {
            return Err(invalid(String::from("the address's host ends in a dot: write it without")));
        }
        let port = url.port_or_known_default().unwrap_or_default();
        Ok(Self { url, host, literal, port })
    }

    /// The host name or the address without brackets: what TLS asks the server to prove.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn is_https(&self) -> bool {
        self.url.scheme() == "https"
    }

    pub(super) fn url(&self) -> &Url {
        &self.url
    }

    /// The value of the `Host` header.
    pub(super) fn authority(&self) -> &str {
        &self.url[Position::BeforeHost..Position::AfterPort]
    }

    /// Path and query, as they are asked for.
    pub(super) fn path(&self) -> &str {
        &self.url[Position::BeforePath..Position::AfterQuery]
    }

    fn is_this_machine(&self) -> bool {
        self.host == "localhost" || self.host.ends_with(".localhost")
    }
}

impl Policy {
    /// # Errors
    /// [`EgressConfigError::PrivateHost`].
    pub(super) fn new(config: &EgressConfig, network: Arc<dyn Network>) -> Result<Self, EgressConfigError> {
        for private in &config.private {
            let is_exact = !private.host.contains('*') && private.host.parse::<HostPattern>().is_ok();
            if !is_exact {
                return Err(EgressConfigError::PrivateHost { host: private.host.clone() });
            }
        }
        Ok(Self {
            hosts: HostList::new(&config.hosts),
            ports: config.ports.clone(),
            private: config.private.clone(),
            own_names: config.own_names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            own_addresses: config.own_addresses.clone(),
            addresses: Addresses::new(),
            network,
        })
    }

    /// Judge what the address says by itself. Nothing is resolved for what is refused here, so that a script learns no
    /// name that it may not reach.
    ///
    /// # Errors
    /// [`EgressError::Denied`].
    pub(super) fn check_name(
        &self,
        destination: &Destination,
        allowance: &Allowance,
        hop: Hop,
    ) -> Result<(), EgressError> {
        self.check_lists(destination, allowance, !self.opened(destination, allowance, hop).is_empty())
    }

    /// As [`Self::check_name`]; `is_opened` where an exception of the operator's stands for the operator's list and ports.
    fn check_lists(
        &self,
        destination: &Destination,
        allowance: &Allowance,
        is_opened: bool,
    ) -> Result<(), EgressError> {
        let host = destination.host.as_str();
        match allowance {
            Allowance::Service { host: only, port, .. } => {
                if host != only || destination.port != *port {
                    return Err(denied(destination, allowance, "it is not the service's own address"));
                }
                return Ok(());
            }
            Allowance::Webhook { .. } if !destination.is_https() => {
                return Err(denied(destination, allowance, "a webhook is sent by https alone"));
            }
            Allowance::Issuer { .. } if !destination.is_https() => {
                return Err(denied(destination, allowance, "an identity provider is asked by https alone"));
            }
            Allowance::Issuer { .. } if !self.hosts.allows(host) => {
                return Err(denied(destination, allowance, "the operator's list does not name the host"));
            }
            Allowance::Issuer { .. } => {}
            Allowance::Script { of_tenant, .. } | Allowance::Webhook { of_tenant, .. } => {
                let of_script = match allowance {
                    Allowance::Script { of_script, .. } => Some(of_script),
                    _ => None,
                };
                let lists = [
                    (is_opened || self.hosts.allows(host), "the operator's list does not name the host"),
                    (
                        of_tenant.as_ref().is_none_or(|list| list.allows(host)),
                        "the tenant's list does not name the host",
                    ),
                    (of_script.is_none_or(|list| list.allows(host)), "the script's capabilities do not name the host"),
                ];
                if let Some((_, reason)) = lists.into_iter().find(|(is_allowed, _)| !is_allowed) {
                    return Err(denied(destination, allowance, reason));
                }
            }
        }
        if is_opened {
            return Ok(());
        }
        if !PORTS.contains(&destination.port) && !self.ports.contains(&destination.port) {
            return Err(denied(destination, allowance, "the port is not allowed"));
        }
        if destination.is_this_machine() || self.own_names.iter().any(|own| own == host) {
            return Err(denied(destination, allowance, "the name is this deployment's own"));
        }
        Ok(())
    }

    /// The addresses to connect to, each of them judged. One that is not public refuses them all: a name that has a
    /// private address beside a public one is not to be trusted with either.
    ///
    /// # Errors
    /// [`EgressError::Denied`].
    pub(super) async fn resolve(
        &self,
        destination: &Destination,
        allowance: &Allowance,
        hop: Hop,
    ) -> Result<Vec<SocketAddr>, EgressError> {
        let addresses = match destination.literal {
            Some(address) => vec![address],
            None => match self.network.resolve(destination.host.clone()).await {
                Ok(addresses) => addresses,
                Err(_) => return Err(denied(destination, allowance, "the name cannot be resolved")),
            },
        };
        if addresses.is_empty() {
            return Err(denied(destination, allowance, "the name has no address"));
        }
        let opened = self.opened(destination, allowance, hop);
        let is_opened = |address: &IpAddr| opened.iter().any(|range| range.contains(address));
        if opened.is_empty() || !addresses.iter().all(is_opened) {
            // The exception is for its range: elsewhere the name is one like any other, and has to be allowed as one.
            self.check_lists(destination, allowance, false)?;
            if !addresses.iter().all(|address| self.addresses.is_public(*address)) {
                return Err(denied(destination, allowance, "the name has an address that is not public"));
            }
            let is_own = |address: &IpAddr| {
                self.own_addresses.iter().any(|range| range.contains(address)) || self.network.is_own(*address)
            };
            if addresses.iter().any(is_own) {
                return Err(denied(destination, allowance, "the name has an address of this deployment"));
            }
        }
        Ok(addresses.into_iter().map(|address| SocketAddr::new(address, destination.port)).collect())
    }

    /// The ranges that the operator opened for this very name and port. Never for what a redirect named.
    fn opened(&self, destination: &Destination, allowance: &Allowance, hop: Hop) -> Vec<IpNet> {
        match allowance {
            _ if hop == Hop::Redirect => Vec::new(),
            Allowance::Webhook { .. } | Allowance::Issuer { .. } => Vec::new(),
            Allowance::Service { private, .. } => private.iter().copied().collect(),
            Allowance::Script { .. } => self
                .private
                .iter()
                .filter(|private| private.host == destination.host && private.port == destination.port)
                .map(|private| private.addresses)
                .collect(),
        }
    }
}

/// Refuse, and say why to the operator alone.
pub(super) fn denied(destination: &Destination, allowance: &Allowance, reason: &str) -> EgressError {
    let (host, port) = (destination.host.as_str(), destination.port);
    tracing::info!(tenant.id = %allowance.tenant(), host, port, reason, "an outbound request was refused");
    EgressError::Denied
}

fn invalid(message: String) -> EgressError {
    EgressError::Invalid(message)
}
