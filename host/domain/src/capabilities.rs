//! What a script may reach. What is not named is not there.

use crate::events::matches_dotted;

/// The capabilities of one script.
///
/// `storage`, `events`, `console` and `utils` are there unless the record narrows them; services, hosts and secrets are
/// not there until it names them (SPEC section 2.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Prefixes of storage keys; `None` is every key, an empty list is no storage at all.
    pub storage_prefixes: Option<Vec<String>>,
    /// Patterns of event types (`order.*`); `None` is every type, an empty list is no publishing at all.
    pub event_types: Option<Vec<String>>,
    /// Methods of services, as `products.get` or `products.*`.
    pub services: Vec<String>,
    /// Hosts for outbound HTTP: an exact name, or `*.` and a name for its subdomains.
    pub hosts: Vec<String>,
    /// Names of secrets.
    pub secrets: Vec<String>,
}

impl Capabilities {
    /// Whether storage entries under `key` may be read and written.
    pub fn allows_key(&self, key: &str) -> bool {
        self.storage_prefixes.as_ref().is_none_or(|prefixes| prefixes.iter().any(|prefix| key.starts_with(prefix)))
    }

    /// Whether events of `event_type` may be published.
    pub fn allows_event(&self, event_type: &str) -> bool {
        self.event_types
            .as_ref()
            .is_none_or(|patterns| patterns.iter().any(|pattern| matches_dotted(pattern, event_type)))
    }

    /// Whether `service.method` may be called.
    pub fn allows_service(&self, service: &str, method: &str) -> bool {
        self.services.iter().any(|pattern| match pattern.split_once('.') {
            Some((name, "*")) => name == service,
            Some((name, only)) => name == service && only == method,
            None => false,
        })
    }

    /// Whether the secret `name` may be used.
    pub fn allows_secret(&self, name: &str) -> bool {
        self.secrets.iter().any(|secret| secret == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_that_is_not_named_is_not_there() {
        let capabilities = Capabilities { services: vec![String::from("products.get")], ..Capabilities::default() };
        assert!(capabilities.allows_service("products", "get"));
        assert!(!capabilities.allows_service("products", "list"));
        assert!(!capabilities.allows_service("product", "s.get"));
    }

    #[test]
    fn storage_is_there_unless_narrowed() {
        assert!(Capabilities::default().allows_key("anything"));
        let narrowed =
            Capabilities { storage_prefixes: Some(vec![String::from("orders/")]), ..Capabilities::default() };
        assert!(narrowed.allows_key("orders/1"));
        assert!(!narrowed.allows_key("users/1"));
    }
}
