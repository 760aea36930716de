//! How often an endpoint is called: by everybody together, and by each address (RULES 31).
//!
//! Kept in memory: a restart forgets it, which lets callers send one minute's requests again and nothing more. What a
//! tenant may use in all is counted elsewhere, and durably.

use std::{
    hash::Hash,
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use database::EndpointAuthentication;
use domain::ScriptId;
use moka::sync::Cache;

use super::options::Endpoint;
use crate::{
    AppError,
    rates::{Bucket, MINUTE, neighbourhood},
};

/// How many endpoints' rates are remembered, and how many addresses'. Whose is forgotten may send a minute's requests again.
const BUCKETS_MAX: u64 = 100_000;

/// Requests a minute from one address where an endpoint sets none and does not know its callers beforehand: more than a
/// person or a sender of webhooks comes to, and too few to be worth an attack from one place.
const PER_ADDRESS_DEFAULT: u32 = 1_200;

/// Buckets by what is counted together.
type Buckets<K> = Cache<K, Arc<Mutex<Bucket>>>;

/// The rates of every endpoint. Apart from each other, so that no flood of addresses has a rate of an endpoint's forgotten.
pub(crate) struct EndpointRates {
    of_all: Buckets<ScriptId>,
    by_address: Buckets<(ScriptId, IpAddr)>,
}

impl EndpointRates {
    pub(crate) fn new() -> Self {
        Self { of_all: buckets(), by_address: buckets() }
    }

    /// Count a request by its address, before anybody knows who sends it.
    ///
    /// # Errors
    /// [`AppError::Quota`].
    pub(super) fn count_address(&self, endpoint: &Endpoint, address: IpAddr) -> Result<(), AppError> {
        let Some(limit) = address_limit(endpoint, address) else { return Ok(()) };
        let counted = (endpoint.script, neighbourhood(address));
        count(&self.by_address, counted, limit, Instant::now())
            .map_err(|retry_after| refused("requests_per_address", limit, retry_after))
    }

    /// Count a request whose sender is known, or need not be.
    ///
    /// # Errors
    /// [`AppError::Quota`].
    pub(super) fn count_all(&self, endpoint: &Endpoint) -> Result<(), AppError> {
        let Some(limit) = endpoint.options.rate.per_minute else { return Ok(()) };
        count(&self.of_all, endpoint.script, limit, Instant::now())
            .map_err(|retry_after| refused("requests_per_endpoint", limit, retry_after))
    }
}

fn buckets<K: Hash + Eq + Send + Sync + 'static>() -> Buckets<K> {
    Cache::builder().max_capacity(BUCKETS_MAX).time_to_idle(2 * MINUTE).build()
}

fn count<K: Hash + Eq + Send + Sync + 'static>(
    buckets: &Buckets<K>,
    counted: K,
    per_minute: u32,
    now: Instant,
) -> Result<(), Duration> {
    let bucket = buckets.get_with(counted, || Arc::new(Mutex::new(Bucket::full(per_minute, now))));
    bucket.lock().unwrap_or_else(PoisonError::into_inner).take(per_minute, now)
}

fn refused(quota: &'static str, limit: u32, retry_after: Duration) -> AppError {
    AppError::Quota { quota, limit: limit.into(), retry_after }
}

/// The requests a minute that an address may send. Without a limit of the endpoint's own this machine's addresses have
/// none: a proxy on it that nobody configured would be one caller for everybody behind it.
fn address_limit(endpoint: &Endpoint, address: IpAddr) -> Option<u32> {
    let is_known_beforehand = endpoint.authentication == EndpointAuthentication::Token;
    let usual = (!is_known_beforehand && !address.is_loopback()).then_some(PER_ADDRESS_DEFAULT);
    endpoint.options.rate.per_address_per_minute.or(usual)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use domain::{EndpointRoute, UnixMillis};

    use super::*;
    use crate::{EndpointOptions, endpoints::options::EndpointRate};

    fn endpoint(authentication: EndpointAuthentication, rate: EndpointRate) -> Endpoint {
        Endpoint {
            script: ScriptId::generate(),
            script_name: String::new(),
            route: EndpointRoute::parse("GET", "/a").unwrap(),
            authentication,
            options: EndpointOptions { rate, ..EndpointOptions::default() },
            set_by: None,
            set_at: UnixMillis(0),
            is_active: true,
            version: None,
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn each_address_has_its_own_rate_and_the_refusal_says_which_quota_and_when() {
        let rates = EndpointRates::new();
        let rate = EndpointRate { per_minute: None, per_address_per_minute: Some(2) };
        let endpoint = endpoint(EndpointAuthentication::Public, rate);
        let count = |text| rates.count_address(&endpoint, address(text));
        assert!(count("192.0.2.1").is_ok() && count("192.0.2.1").is_ok());
        let Err(AppError::Quota { quota, limit, retry_after }) = count("192.0.2.1") else { panic!("it is refused") };
        assert_eq!((quota, limit), ("requests_per_address", 2));
        assert!(retry_after > Duration::ZERO && retry_after <= Duration::from_secs(30));
        assert!(count("192.0.2.2").is_ok());
        assert!(count("2001:db8::1").is_ok() && count("2001:db8::2").is_ok());
        assert!(count("2001:db8::3").is_err(), "one subscriber has all of a /64");
        assert!(count("2001:db8:0:1::1").is_ok());
    }

    #[test]
    fn an_endpoint_has_a_rate_of_its_own_whoever_calls() {
        let rates = EndpointRates::new();
        let rate = EndpointRate { per_minute: Some(1), per_address_per_minute: None };
        let (one, other) =
            (endpoint(EndpointAuthentication::Token, rate), endpoint(EndpointAuthentication::Token, rate));
        assert!(rates.count_all(&one).is_ok());
        assert!(matches!(rates.count_all(&one), Err(AppError::Quota { quota: "requests_per_endpoint", .. })));
        assert!(rates.count_all(&other).is_ok());
    }

    #[test]
    fn an_endpoint_without_a_rate_still_bounds_strangers() {
        let of = |authentication| endpoint(authentication, EndpointRate::default());
        let limit = |authentication, text| address_limit(&of(authentication), address(text));
        assert_eq!(limit(EndpointAuthentication::Public, "192.0.2.1"), Some(PER_ADDRESS_DEFAULT));
        assert_eq!(limit(EndpointAuthentication::Hmac, "192.0.2.1"), Some(PER_ADDRESS_DEFAULT));
        assert_eq!(limit(EndpointAuthentication::Token, "192.0.2.1"), None);
        assert_eq!(limit(EndpointAuthentication::Public, "127.0.0.1"), None);
    }
}
