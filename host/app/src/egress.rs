//! Outbound HTTP: whatever leaves for a tenant leaves here, and is judged here (SPEC section 4.6, RULES 26, 33 to 36).
//!
//! A request is one connection: it is judged, its name is resolved, the very address that was judged is connected to,
//! and the socket is closed with the answer. Nothing is shared between requests, so nothing is between tenants
//! (decision 11). Whoever sends places secrets before and scrubs the answer after; this only knows that one is there.

mod addresses;
mod client;
mod config;
mod headers;
mod hosts;
mod network;
mod policy;
mod rate;
mod redirects;
#[cfg(test)]
mod tests;

use std::{sync::Arc, time::Duration};

use domain::TenantId;
use runtime::{Header, HttpRedirect};
use tokio::time::{Instant, timeout_at};

pub use config::{EgressConfig, EgressConfigError, PrivateHost};
pub use hosts::{HostPattern, HostPatternError};
pub use network::{Connection, Network, SystemNetwork};

use client::Client;
pub(crate) use headers::LINEAGE;
pub(crate) use hosts::HostList;
use policy::{Destination, Hop, Policy};
use rate::Rates;

/// The longest that a request takes, from its start to the last byte of its answer.
pub(crate) const TIME_MAX: Duration = Duration::from_secs(30);

/// The most bytes of a body, in both directions.
pub(crate) const BODY_BYTES_MAX: usize = 4 << 20;

/// The most redirects that are followed.
const REDIRECTS_MAX: usize = 5;

/// A request that is to leave.
#[derive(Clone)]
pub(crate) struct OutboundRequest {
    /// The method; `get` is sent as `GET`.
    pub(crate) method: String,
    /// An absolute `http` or `https` address.
    pub(crate) url: String,
    /// The headers, each character of a value one byte. None that frames the message or names its host.
    pub(crate) headers: Vec<Header>,
    /// The whole body.
    pub(crate) body: Vec<u8>,
    /// What becomes of a redirect.
    pub(crate) redirect: HttpRedirect,
    /// How long it may take; never longer than [`TIME_MAX`].
    pub(crate) timeout: Duration,
    /// Whether a secret, a service's token or another credential of the host is in it: it then follows no redirect, and
    /// asks for no part and no encoding that would hide the value in the answer (RULES 24, 26).
    pub(crate) carries_secret: bool,
    /// Sent as `Idempotency-Key`, unless the headers have one (RULES 37).
    pub(crate) idempotency_key: String,
    /// The chain of executions it belongs to, sealed (RULES 35).
    pub(crate) lineage: String,
}

/// An answer from outside. A status is never an error.
#[derive(Clone)]
pub(crate) struct OutboundResponse {
    /// The status.
    pub(crate) status: u16,
    /// The address that answered, after redirects, without its fragment.
    pub(crate) url: String,
    /// The headers, each byte of a value one character.
    pub(crate) headers: Vec<Header>,
    /// The whole body, as it came: nothing is decompressed.
    pub(crate) body: Vec<u8>,
    /// Whether a redirect was followed.
    pub(crate) redirected: bool,
    /// Every address that was asked, from the first to the one that answered.
    pub(crate) hops: Vec<String>,
}

/// On whose word a request may leave, and for where.
#[derive(Clone)]
pub(crate) enum Allowance {
    /// A script's: for hosts that the operator's list, the tenant's and the script's own all name. A private address
    /// only where the operator wrote host, range and port (RULES 33).
    Script {
        /// The tenant.
        tenant: TenantId,
        /// The hosts that the tenant's own list names; `None` where the operator's list stands.
        of_tenant: Option<HostList>,
        /// The hosts that the script's capabilities name.
        of_script: HostList,
    },
    /// The operator's own connection of a service: for one host and port that the operator wrote, never redirected.
    Service {
        /// The tenant whose call it is.
        tenant: TenantId,
        /// The host of the service's base URL, as a URL shows it.
        host: String,
        /// Its port.
        port: u16,
        /// The private addresses that the operator opened for this service; `None` for public ones only.
        private: Option<ipnet::IpNet>,
    },
    /// A webhook's: for https and hosts that the operator's list and the tenant's name. No exception is for it (RULES 33),
    /// it follows no redirect, and of the answer's body nothing is read.
    Webhook {
        /// The tenant.
        tenant: TenantId,
        /// The hosts that the tenant's own list names; `None` where the operator's list stands.
        of_tenant: Option<HostList>,
    },
    /// An identity provider's, whose address a tenant wrote: for https and hosts that the operator's list names. No
    /// exception is for it, and it follows no redirect (RULES 17, 33).
    Issuer {
        /// The tenant.
        tenant: TenantId,
    },
}

/// Why there is no answer. No message tells a private address from one that is not there (RULES 36).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EgressError {
    /// The policy refuses it, or nothing is there. The operator's log has the reason.
    #[error("the request was not sent: its host is not allowed, or there is nobody at it")]
    Denied,
    /// The request is malformed.
    #[error("{0}")]
    Invalid(String),
    /// A body or the headers are larger than what one request carries.
    #[error("{0}")]
    TooLarge(String),
    /// The tenant asks this destination too often.
    #[error("{0}")]
    Quota(String),
    /// Somebody is there, and did not answer as HTTP, or not in time.
    #[error("{0}")]
    Unavailable(String),
}

/// The one way out. Clones are the same one.
#[derive(Clone)]
pub(crate) struct Egress {
    policy: Arc<Policy>,
    client: Client,
    rates: Arc<Rates>,
}

impl Allowance {
    fn tenant(&self) -> TenantId {
        match self {
            Self::Script { tenant, .. }
            | Self::Service { tenant, .. }
            | Self::Webhook { tenant, .. }
            | Self::Issuer { tenant } => *tenant,
        }
    }

    /// A service's address is the operator's word, and a redirect is not (RULES 34).
    fn follows_redirects(&self) -> bool {
        matches!(self, Self::Script { .. })
    }

    /// Whoever only takes note has nothing to say.
    fn reads_bodies(&self) -> bool {
        !matches!(self, Self::Webhook { .. })
    }
}

impl Egress {
    /// Set up what leaves through `network` under `config`.
    ///
    /// # Errors
    /// [`EgressConfigError`] says what to do about each.
    pub(crate) fn new(config: &EgressConfig, network: Arc<dyn Network>) -> Result<Self, EgressConfigError> {
        Ok(Self {
            policy: Arc::new(Policy::new(config, Arc::clone(&network))?),
            client: Client::new(config, network)?,
            rates: Arc::new(Rates::new(config)),
        })
    }

    /// Send a request and wait for its whole answer. Dropping the future closes the socket.
    ///
    /// # Errors
    /// [`EgressError`]. A status is none.
    pub(crate) async fn send(
        &self,
        request: OutboundRequest,
        allowance: &Allowance,
    ) -> Result<OutboundResponse, EgressError> {
        let time = request.timeout.min(TIME_MAX);
        let late = || EgressError::Unavailable(format!("there was no whole answer within {} ms", time.as_millis()));
        timeout_at(Instant::now() + time, self.send_and_follow(request, allowance)).await.map_err(|_| late())?
    }

    /// See whether a request to `url` could leave, by what the address says itself. Nothing is resolved.
    ///
    /// # Errors
    /// [`EgressError::Denied`], [`EgressError::Invalid`].
    pub(crate) fn check(&self, url: &str, allowance: &Allowance) -> Result<(), EgressError> {
        self.policy.check_name(&Destination::parse(url)?, allowance, Hop::First)
    }

    async fn send_and_follow(
        &self,
        request: OutboundRequest,
        allowance: &Allowance,
    ) -> Result<OutboundResponse, EgressError> {
        if request.body.len() > BODY_BYTES_MAX {
            return Err(EgressError::TooLarge(format!("a request's body has at most {BODY_BYTES_MAX} bytes")));
        }
        let mut request = client::Prepared::new(request)?;
        request.reads_body = allowance.reads_bodies();
        let _place = self.rates.place(allowance.tenant()).await?;
        let (mut hop, mut hops) = (Hop::First, Vec::new());
        for followed in 0..=REDIRECTS_MAX {
            let destination = Destination::parse(&request.url)?;
            let addresses = self.judge(&destination, allowance, hop).await?;
            let mut response = self.client.exchange(&request, &destination, &addresses).await?;
            response.redirected = followed > 0;
            hops.push(response.url.clone());
            response.hops.clone_from(&hops);
            let Some(location) = redirects::location(&response) else { return Ok(response) };
            match request.redirect {
                HttpRedirect::Manual => return Ok(response),
                HttpRedirect::Error => {
                    return Err(EgressError::Unavailable(String::from(
                        "the answer is a redirect, which the request does not accept",
                    )));
                }
                HttpRedirect::Follow if request.carries_secret || !allowance.follows_redirects() => {
                    return Ok(response);
                }
                HttpRedirect::Follow => redirects::follow(&mut request, &destination, response.status, location)?,
            }
            hop = Hop::Redirect;
        }
        Err(EgressError::Unavailable(format!("there were more than {REDIRECTS_MAX} redirects")))
    }

    async fn judge(
        &self,
        destination: &Destination,
        allowance: &Allowance,
        hop: Hop,
    ) -> Result<Vec<std::net::SocketAddr>, EgressError> {
        self.policy.check_name(destination, allowance, hop)?;
        self.rates.count(allowance.tenant(), destination)?;
        self.policy.resolve(destination, allowance, hop).await
    }
}
