//! What the operator decides about outbound HTTP.

use std::path::PathBuf;

use ipnet::IpNet;

use super::HostPattern;

/// What the operator decides about outbound HTTP. As it stands, nobody sends anything.
#[derive(Clone, Debug)]
pub struct EgressConfig {
    /// The hosts that tenants may be allowed to reach.
    pub hosts: Vec<HostPattern>,
    /// Ports beside 80 and 443.
    pub ports: Vec<u16>,
    /// Hosts with private addresses. Each counts as named in `hosts`.
    pub private: Vec<PrivateHost>,
    /// The host names under which this deployment itself is reached.
    pub own_names: Vec<String>,
    /// The public addresses under which it is reached and which the machine does not have itself, as those of a proxy
    /// before it.
    pub own_addresses: Vec<IpNet>,
    /// A file with certificates (PEM) that are trusted beside the public ones.
    pub ca_file: Option<PathBuf>,
    /// Requests of one tenant to one destination within a minute.
    pub requests_per_minute: u32,
    /// Requests of one tenant under way at once.
    pub requests_at_once: u32,
}

/// An exception for one name: the only way to a private address (RULES 33).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrivateHost {
    /// The exact host name.
    pub host: String,
    /// The addresses that it may resolve to.
    pub addresses: IpNet,
    /// The port.
    pub port: u16,
}

/// Why outbound HTTP cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum EgressConfigError {
    /// The certificates cannot be read.
    #[error("the file of certificates {} cannot be read ({reason}): it is PEM, as a certificate authority gives it", file.display())]
    Certificates {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The library for TLS cannot be set up.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[source] rustls::Error),
    /// An exception's host is no exact name.
    #[error("'{host}' is no exact host name: a private address is opened for one name")]
    PrivateHost {
        /// The host.
        host: String,
    },
}

impl Default for EgressConfig {
    fn default() -> Self {
        Self {
            hosts: Vec::new(),
            ports: Vec::new(),
            private: Vec::new(),
            own_names: Vec::new(),
            own_addresses: Vec::new(),
            ca_file: None,
            requests_per_minute: 600,
            requests_at_once: 64,
        }
    }
}
