//! What a configuration must hold beyond the form of each value.

use std::net::IpAddr;

use domain::Limits;
use http::{Uri, uri::Scheme};

use super::{Config, LimitsConfig, ListenersConfig, egress};
use crate::telemetry;

/// Every rule that `config` breaks, in a sentence that says what to do.
pub(crate) fn mistakes(config: &Config) -> Vec<String> {
    let mut mistakes = Vec::new();
    check_urls(&config.listeners, &mut mistakes);
    check_addresses(&config.listeners, &mut mistakes);
    check_origins(&config.listeners, &mut mistakes);
    check_scheme(&config.listeners, &mut mistakes);
    check_limits(&config.limits, &mut mistakes);
    egress::check(&config.egress, &mut mistakes);
    let share = config.sandbox.tenant_share.unwrap_or(1);
    let ranges = [
        ("listeners.max_connections", config.listeners.max_connections as u64, 1, 1 << 20),
        ("listeners.max_connections_per_address", config.listeners.max_connections_per_address as u64, 1, 1 << 20),
        ("listeners.max_requests", config.listeners.max_requests as u64, 4, 1 << 20),
        ("listeners.max_body_memory_mb", config.listeners.max_body_memory_mb as u64, 32, 1 << 20),
        ("listeners.headers_timeout_ms", config.listeners.headers_timeout_ms, 10, 10 * 60 * 1000),
        ("listeners.idle_timeout_ms", config.listeners.idle_timeout_ms, 10, 60 * 60 * 1000),
        ("listeners.answer_timeout_ms", config.listeners.answer_timeout_ms, 10, 60 * 60 * 1000),
        ("sandbox.slots", u64::from(config.sandbox.slots), 8, 4096),
        ("sandbox.tenant_share", u64::from(share), 1, u64::from(config.sandbox.slots.max(1))),
        ("egress.requests_per_minute", u64::from(config.egress.requests_per_minute), 1, 1 << 20),
        ("egress.requests_at_once", u64::from(config.egress.requests_at_once), 1, 4096),
        ("schedules.min_interval_s", u64::from(config.schedules.min_interval_s), 1, 3_600),
        ("schedules.catch_up_per_minute", u64::from(config.schedules.catch_up_per_minute), 1, 1 << 20),
        ("schedules.catch_up_per_minute_of_all", u64::from(config.schedules.catch_up_per_minute_of_all), 1, 1 << 20),
        ("schedules.slots_kept_days", u64::from(config.schedules.slots_kept_days), 1, 3_660),
        ("sign_in.idle_minutes", u64::from(config.sign_in.idle_minutes), 5, 24 * 60),
        ("sign_in.session_hours", u64::from(config.sign_in.session_hours), 1, 30 * 24),
        ("audit.retention_days", u64::from(config.audit.retention_days.unwrap_or(1)), 1, 36_600),
        ("data.storage_limit_mb", config.data.storage_limit_mb, 1, 1 << 24),
    ];
    check_ranges(&ranges, &mut mistakes);
    if let Err(error) = telemetry::check_level(&config.log.level) {
        let level = &config.log.level;
        mistakes.push(format!("'log.level' is '{level}': write error, warn, info, debug or trace ({error})"));
    }
    mistakes
}

fn check_limits(limits: &LimitsConfig, mistakes: &mut Vec<String>) {
    let memory = (Limits::MIN_MEMORY_BYTES >> 20, Limits::MAX_MEMORY_BYTES >> 20);
    let ranges = [
        ("limits.fuel", limits.fuel, 1_000_000, 1_000_000_000_000_000),
        ("limits.wall_time_ms", limits.wall_time_ms, 1, 24 * 60 * 60 * 1000),
        ("limits.memory_mb", limits.memory_mb, memory.0, memory.1),
        ("limits.boundary_mb", limits.boundary_mb, 1, 4 << 10),
        ("limits.log_kb", limits.log_kb, 0, 64 << 10),
        ("limits.result_kb", limits.result_kb, 1, 4 << 10),
    ];
    check_ranges(&ranges, mistakes);
}

fn check_ranges(ranges: &[(&str, u64, u64, u64)], mistakes: &mut Vec<String>) {
    for (key, value, least, most) in ranges {
        if value < least || value > most {
            mistakes.push(format!("'{key}' is {value}: it is from {least} to {most}"));
        }
    }
}

/// A URL names a host and nothing below it.
fn check_urls(listeners: &ListenersConfig, mistakes: &mut Vec<String>) {
    for (key, url) in [("public_url", &listeners.public_url), ("endpoints_url", &listeners.endpoints_url)] {
        let Some(url) = url else { continue };
        let is_origin = url.parse::<Uri>().is_ok_and(|parsed| {
            let has_scheme = parsed.scheme() == Some(&Scheme::HTTPS) || parsed.scheme() == Some(&Scheme::HTTP);
            has_scheme && parsed.path() == "/" && parsed.query().is_none() && !url.contains(['@', '#'])
        });
        if !is_origin {
            mistakes
                .push(format!("'listeners.{key}' is '{url}': write a scheme and a host, as https://skerry.example"));
        }
    }
}

/// Sessions need TLS wherever others can listen: their cookies go nowhere else.
fn check_scheme(listeners: &ListenersConfig, mistakes: &mut Vec<String>) {
    let Some(url) = listeners.public_url() else { return };
    let is_plain = url.scheme() == Some(&Scheme::HTTP) && !url.host().is_some_and(is_loopback);
    if is_plain {
        mistakes.push(format!(
            "'listeners.public_url' is '{url}': write https, because people sign in there and others must not listen"
        ));
    }
}

/// Another address than loopback needs the word that a proxy speaks TLS, and the name under which it shows the server.
fn check_addresses(listeners: &ListenersConfig, mistakes: &mut Vec<String>) {
    let both = [
        ("api", listeners.api, "public_url", &listeners.public_url),
        ("endpoints", listeners.endpoints, "endpoints_url", &listeners.endpoints_url),
    ];
    for (key, address, url_key, url) in both {
        if address.ip().is_loopback() {
            continue;
        }
        if !listeners.tls_terminated_by_proxy {
            mistakes.push(format!(
                "'listeners.{key}' is {address}, which others can reach, and Skerry speaks no TLS: use 127.0.0.1, or put \
                 a proxy that does in front and set 'listeners.tls_terminated_by_proxy = true'"
            ));
        }
        if url.is_none() {
            mistakes.push(format!(
                "'listeners.{key}' is {address}, so set 'listeners.{url_key}' to the URL under which the proxy shows it: \
                 requests for other host names are refused"
            ));
        }
    }
    for proxy in listeners.trusted_proxies.iter().filter(|proxy| egress::range_of(proxy).is_none()) {
        mistakes.push(format!(
            "'listeners.trusted_proxies' has '{proxy}': write an address as 10.0.0.7, or a network as 10.0.0.0/24"
        ));
    }
    if listeners.api == listeners.endpoints && listeners.api.port() != 0 {
        mistakes.push(format!("'listeners.api' and 'listeners.endpoints' are both {}: use two ports", listeners.api));
    }
}

/// Cookies do not know ports, so what scripts answer must not share a host name with the API (RULES 28). On a machine's
/// own loopback names there is nobody to protect from.
fn check_origins(listeners: &ListenersConfig, mistakes: &mut Vec<String>) {
    let host = |url: Option<Uri>| url.as_ref().and_then(Uri::host).map(str::to_ascii_lowercase);
    let (Some(api), Some(endpoints)) = (host(listeners.public_url()), host(listeners.endpoints_url())) else { return };
    if api == endpoints && !is_loopback(&api) {
        mistakes.push(format!(
            "'listeners.public_url' and 'listeners.endpoints_url' both have the host name '{api}': give the endpoints a \
             name of their own, because cookies do not know ports"
        ));
    }
}

fn is_loopback(host: &str) -> bool {
    let ip = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
    host == "localhost" || ip.is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::super::Config;

    fn mistakes(text: &str) -> Vec<String> {
        Config::parse(text, |_| ()).map_or_else(|mistakes| mistakes, |_| Vec::new())
    }

    const PUBLIC: &str = "[listeners]\napi = '0.0.0.0:8080'\nendpoints = '0.0.0.0:8081'\n";

    #[test]
    fn a_public_address_needs_the_word_that_a_proxy_speaks_tls() {
        let found = mistakes("[listeners]\napi = '0.0.0.0:8080'\npublic_url = 'https://a.example'\n");
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(found[0].contains("tls_terminated_by_proxy"), "{found:#?}");
    }

    #[test]
    fn public_listeners_need_two_host_names() {
        let urls = |api: &str, endpoints: &str| {
            format!("{PUBLIC}tls_terminated_by_proxy = true\npublic_url = '{api}'\nendpoints_url = '{endpoints}'\n")
        };
        assert_eq!(mistakes(&urls("https://a.example", "https://b.example")), Vec::<String>::new());
        let found = mistakes(&urls("https://a.example", "https://A.example:444"));
        assert!(found[0].contains("cookies"), "{found:#?}");
    }

    #[test]
    fn a_public_address_needs_its_url() {
        assert_eq!(mistakes(&format!("{PUBLIC}tls_terminated_by_proxy = true\n")).len(), 2);
    }

    #[test]
    fn a_url_is_an_origin_and_nothing_more() {
        for url in ["skerry.example", "https://a.example/path", "ftp://a.example", "https://u@a.example", ""] {
            assert_eq!(mistakes(&format!("[listeners]\npublic_url = '{url}'\n")).len(), 1, "{url}");
        }
    }

    #[test]
    fn where_others_can_listen_people_sign_in_by_tls() {
        assert_eq!(mistakes("[listeners]\npublic_url = 'http://skerry.example'\n").len(), 1);
        for url in ["https://skerry.example", "http://localhost:9000", "http://127.0.0.1:9000"] {
            assert_eq!(mistakes(&format!("[listeners]\npublic_url = '{url}'\n")), Vec::<String>::new(), "{url}");
        }
    }

    #[test]
    fn limits_that_the_sandbox_cannot_hold_are_refused_by_name() {
        let found = mistakes("[limits]\nmemory_mb = 4096\nwall_time_ms = 0\n[sandbox]\nslots = 0\n");
        for key in ["limits.memory_mb", "limits.wall_time_ms", "sandbox.slots"] {
            assert!(found.iter().any(|mistake| mistake.contains(key)), "{key} in {found:#?}");
        }
    }

    #[test]
    fn two_listeners_on_one_port_are_refused() {
        assert_eq!(mistakes("[listeners]\nendpoints = '127.0.0.1:8080'\n").len(), 1);
    }
}
