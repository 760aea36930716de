//! The bounds of what is set beside a source. Each message says what is wrong and what is allowed.

use domain::{Capabilities, EventPattern, Invalid, Limits, RunPolicy, ScriptKind, SecretName};

use super::{NewScriptInput, SettingsInput, forms::as_id};
use crate::{EndpointInput, HostPattern};

const DESCRIPTION_CHARS_MAX: usize = 2_000;
const SUMMARY_CHARS_MAX: usize = 500;
/// The most entries of one capability: each is compared at every call.
const ENTRIES_MAX: usize = 100;
/// The most bytes of one entry.
const ENTRY_BYTES_MAX: usize = 200;

/// Check a script before it is made.
pub(super) fn new_script(input: &NewScriptInput, system: &Limits) -> Result<(), Invalid> {
    if as_id(input.name.as_str()).is_some() {
        return Err(Invalid::new("name", "a script's name does not have the form of an id: choose another name"));
    }
    description(&input.description)?;
    capabilities(&input.capabilities)?;
    input.limits.as_ref().map_or(Ok(()), |own| limits(own, system))?;
    input.policy.as_ref().map_or(Ok(()), policy)?;
    match (input.kind, &input.endpoint) {
        (ScriptKind::Endpoint, None) => {
            Err(Invalid::new("endpoint", "a script of the kind 'endpoint' says at which method and path it answers"))
        }
        (kind, Some(endpoint)) => {
            may_have_endpoint(kind)?;
            endpoint.check()
        }
        (_, None) => Ok(()),
    }
}

/// Check a change of settings.
pub(super) fn settings(input: &SettingsInput, system: &Limits) -> Result<(), Invalid> {
    input.description.as_deref().map_or(Ok(()), description)?;
    input.endpoint.as_ref().map_or(Ok(()), EndpointInput::check)?;
    input.capabilities.as_ref().map_or(Ok(()), capabilities)?;
    input.limits.flatten().map_or(Ok(()), |own| limits(&own, system))?;
    input.policy.as_ref().and_then(Option::as_ref).map_or(Ok(()), policy)
}

/// Let only scripts of the kind `endpoint` have one.
pub(super) fn may_have_endpoint(kind: ScriptKind) -> Result<(), Invalid> {
    if kind == ScriptKind::Endpoint {
        return Ok(());
    }
    Err(Invalid::new("endpoint", format!("a script of the kind '{kind}' has no endpoint: leave it out")))
}

/// Check what a deployer says of a version.
pub(super) fn change_summary(text: &str) -> Result<(), Invalid> {
    plain_text("change_summary", text, SUMMARY_CHARS_MAX)
}

fn description(text: &str) -> Result<(), Invalid> {
    plain_text("description", text, DESCRIPTION_CHARS_MAX)
}

fn plain_text(field: &'static str, text: &str, chars_max: usize) -> Result<(), Invalid> {
    let chars = text.chars().count();
    if chars > chars_max {
        return Err(Invalid::new(field, format!("{field} has at most {chars_max} characters, not {chars}")));
    }
    if text.chars().any(|c| c.is_control() && !matches!(c, '\n' | '\r' | '\t')) {
        return Err(Invalid::new(field, format!("{field} has no control characters but line breaks and tabs")));
    }
    Ok(())
}

/// Check a script's own limits: none lifts the system's, and each leaves room for a script to begin at all.
pub(crate) fn limits(own: &Limits, system: &Limits) -> Result<(), Invalid> {
    let ms = |limits: &Limits| u64::try_from(limits.wall_time.as_millis()).unwrap_or(u64::MAX);
    bound("limits.fuel", "units of fuel", own.fuel, 1_000_000, system.fuel)?;
    bound("limits.wall_time_ms", "milliseconds", ms(own), 10, ms(system))?;
    bound("limits.memory_bytes", "bytes", own.memory_bytes, Limits::MIN_MEMORY_BYTES, system.memory_bytes)?;
    bound("limits.host_calls", "host calls", own.host_calls.into(), 0, system.host_calls.into())?;
    bound("limits.outbound_requests", "requests", own.outbound_requests.into(), 0, system.outbound_requests.into())?;
    bound("limits.boundary_bytes", "bytes", own.boundary_bytes, 0, system.boundary_bytes)?;
    bound("limits.log_lines", "lines", own.log_lines.into(), 0, system.log_lines.into())?;
    bound("limits.log_bytes", "bytes", own.log_bytes, 0, system.log_bytes)?;
    // "null", the result of an entry that returns nothing, is the least that there is.
    bound("limits.result_bytes", "bytes", own.result_bytes, 4, system.result_bytes)
}

/// Check a script's rules for its executions.
fn policy(policy: &RunPolicy) -> Result<(), Invalid> {
    const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
    let ms = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (initial, longest) = (ms(policy.backoff.initial), ms(policy.backoff.max));
    bound("policy.max_attempts", "attempts", policy.max_attempts.into(), 1, RunPolicy::ATTEMPTS_MAX.into())?;
    bound("policy.backoff_ms", "milliseconds", initial, 100, DAY_MS)?;
    bound("policy.backoff_max_ms", "milliseconds", longest, initial, DAY_MS)?;
    bound("policy.breaker_failures", "failures", policy.breaker_failures.unwrap_or(0).into(), 0, 1_000)?;
    let Some(concurrency) = &policy.concurrency else { return Ok(()) };
    bound("policy.concurrency.max", "executions", concurrency.max.into(), 1, 1_000)?;
    if concurrency.key.as_deref().is_none_or(is_pointer) {
        return Ok(());
    }
    let message = format!("the key is a JSON pointer of at most {ENTRY_BYTES_MAX} bytes, as '/customer_id'");
    Err(Invalid::new("policy.concurrency.key", message))
}

/// Whether a text is a JSON pointer (RFC 6901): `~` stands only before 0 and 1.
fn is_pointer(text: &str) -> bool {
    let escapes_are_whole = text.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    text.starts_with('/') && text.len() <= ENTRY_BYTES_MAX && !text.contains(char::is_control) && escapes_are_whole
}

fn bound(field: &'static str, unit: &str, value: u64, least: u64, most: u64) -> Result<(), Invalid> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Invalid::new(field, format!("{field} is {least} to {most} {unit} on this server, not {value}")))
}

pub(crate) fn capabilities(given: &Capabilities) -> Result<(), Invalid> {
    let Capabilities { storage_prefixes, event_types, services, hosts, secrets } = given;

    entries(
        "capabilities.storage_prefixes",
        storage_prefixes.as_deref().unwrap_or_default(),
        |entry| !entry.is_empty() && !entry.chars().any(char::is_control),
        "a prefix of storage keys, as 'orders/'; leave the list out for every key",
    )?;
    entries(
        "capabilities.event_types",
        event_types.as_deref().unwrap_or_default(),
        is_event_pattern,
        "a type of events, as 'order.created' or 'order.*'; leave the list out for every type",
    )?;
    entries(
        "capabilities.services",
        services,
        is_service_pattern,
        "a method of a service, as 'products.get' or 'products.*'",
    )?;
    entries(
        "capabilities.hosts",
        hosts,
        is_host_pattern,
        "a host name in lower case, as 'api.example.com', or '*.example.com' for what is below a domain of one owner",
    )?;
    entries("capabilities.secrets", secrets, is_secret_name, "the name of a secret: letters, digits, '.', '_' and '-'")
}

fn entries(field: &'static str, list: &[String], is_entry: fn(&str) -> bool, form: &str) -> Result<(), Invalid> {
    if list.len() > ENTRIES_MAX {
        return Err(Invalid::new(field, format!("{field} has at most {ENTRIES_MAX} entries, not {}", list.len())));
    }
    for entry in list {
        if entry.len() > ENTRY_BYTES_MAX {
            return Err(Invalid::new(field, format!("an entry of {field} has at most {ENTRY_BYTES_MAX} bytes")));
        }
        if !is_entry(entry) {
            return Err(Invalid::new(field, format!("'{}' is not {form}", entry.escape_debug())));
        }
    }
    Ok(())
}

/// A type, or all types below one. Every type is what no list at all says.
fn is_event_pattern(entry: &str) -> bool {
    entry != "*" && EventPattern::parse(entry).is_ok()
}

fn is_service_pattern(entry: &str) -> bool {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
    };
    entry.split_once('.').is_some_and(|(service, method)| is_name(service) && (method == "*" || is_name(method)))
}

/// A name, or `*.` and a name below which everything belongs to one owner.
fn is_host_pattern(entry: &str) -> bool {
    entry.parse::<HostPattern>().is_ok()
}

fn is_secret_name(entry: &str) -> bool {
    SecretName::parse(entry).is_ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const NONE: Capabilities =
        Capabilities { storage_prefixes: None, event_types: None, services: vec![], hosts: vec![], secrets: vec![] };

    fn list(entries: &[&str]) -> Vec<String> {
        entries.iter().map(|entry| (*entry).to_owned()).collect()
    }

    #[test]
    fn each_capability_has_its_own_form() {
        let good = Capabilities {
            storage_prefixes: Some(list(&["orders/", "min_order_value", "ä"])),
            event_types: Some(list(&["order.*", "order.created", "order.line-item.added_late"])),
            services: list(&["products.get", "products.*", "price_list.findAll"]),
            hosts: list(&["api.example.com", "*.example.com", "localhost"]),
            secrets: list(&["stripe.key", "A_1-b"]),
        };
        assert_eq!(capabilities(&good), Ok(()));
        let bad = |given: Capabilities, field| match capabilities(&given) {
            Err(invalid) => assert_eq!(invalid.field, field, "{given:?}"),
            Ok(()) => panic!("{given:?}"),
        };
        for prefix in ["", "a\nb", "a\u{0}"] {
            bad(Capabilities { storage_prefixes: Some(list(&[prefix])), ..NONE }, "capabilities.storage_prefixes");
        }
        for event_type in ["", "*", "order*", "*.order", "Order.created", "order..created", "order.*.x", ".*"] {
            bad(Capabilities { event_types: Some(list(&[event_type])), ..NONE }, "capabilities.event_types");
        }
        for service in ["", "*", "*.*", "products", "products.", ".get", "products.get.all", "products.g*", "a b.c"] {
            bad(Capabilities { services: list(&[service]), ..NONE }, "capabilities.services");
        }
        for host in ["", "*", "*.com", "https://a.com", "a.com:443", "A.com", "a..com", "10.0.0.1", "-a.com", "[::1]"] {
            bad(Capabilities { hosts: list(&[host]), ..NONE }, "capabilities.hosts");
        }
        for secret in ["", "a b", "a/b", "ä"] {
            bad(Capabilities { secrets: list(&[secret]), ..NONE }, "capabilities.secrets");
        }
    }

    #[test]
    fn capabilities_are_neither_long_nor_many() {
        let many = Capabilities { services: vec![String::from("a.b"); ENTRIES_MAX + 1], ..NONE };
        assert!(capabilities(&many).is_err());
        let long = Capabilities { secrets: vec!["a".repeat(ENTRY_BYTES_MAX + 1)], ..NONE };
        assert!(capabilities(&long).is_err());
    }

    #[test]
    fn no_limit_lifts_the_systems_or_keeps_a_script_from_beginning() {
        let system = Limits::DEFAULT;
        assert_eq!(limits(&system, &system), Ok(()));
        let refused = [
            (Limits { fuel: system.fuel + 1, ..system }, "limits.fuel"),
            (Limits { fuel: 0, ..system }, "limits.fuel"),
            (Limits { wall_time: system.wall_time + Duration::from_millis(1), ..system }, "limits.wall_time_ms"),
            (Limits { wall_time: Duration::ZERO, ..system }, "limits.wall_time_ms"),
            (Limits { memory_bytes: u64::MAX, ..system }, "limits.memory_bytes"),
            (Limits { memory_bytes: Limits::MIN_MEMORY_BYTES - 1, ..system }, "limits.memory_bytes"),
            (Limits { host_calls: system.host_calls + 1, ..system }, "limits.host_calls"),
            (Limits { outbound_requests: system.outbound_requests + 1, ..system }, "limits.outbound_requests"),
            (Limits { boundary_bytes: system.boundary_bytes + 1, ..system }, "limits.boundary_bytes"),
            (Limits { log_lines: system.log_lines + 1, ..system }, "limits.log_lines"),
            (Limits { log_bytes: system.log_bytes + 1, ..system }, "limits.log_bytes"),
            (Limits { result_bytes: system.result_bytes + 1, ..system }, "limits.result_bytes"),
            (Limits { result_bytes: 3, ..system }, "limits.result_bytes"),
        ];
        for (own, field) in refused {
            assert_eq!(limits(&own, &system).map_err(|invalid| invalid.field), Err(field));
        }
    }

    #[test]
    fn texts_are_counted_in_characters() {
        assert_eq!(change_summary(&"ä".repeat(SUMMARY_CHARS_MAX)), Ok(()));
        assert!(change_summary(&"a".repeat(SUMMARY_CHARS_MAX + 1)).is_err());
        assert_eq!(description("first line\n\tsecond line"), Ok(()));
        assert!(description("a\u{1b}[31m").is_err());
    }
}
