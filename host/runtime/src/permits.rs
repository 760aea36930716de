//! Whether a run may make a host call at all.

use domain::{Capabilities, Permissions};

use crate::{calls::HostCall, contract::CallError};

/// What a script may reach: its own capabilities, within the rights of those it acts for.
#[derive(Clone, Debug, Default)]
pub struct Grants {
    /// What the script's record names.
    pub capabilities: Capabilities,
    /// The intersection of the rights of who deployed it, who bound its trigger and who triggered it (RULES 13).
    pub permissions: Permissions,
}

impl Grants {
    /// Whether the script may make the call at all. Its capabilities and the rights it acts with both have to allow it.
    ///
    /// # Errors
    /// `capability-denied`, with what is missing.
    pub(crate) fn permit(&self, call: &HostCall) -> Result<(), CallError> {
        if let Some(what) = not_named(&self.capabilities, call) {
            let message = format!("{}: the script's capabilities do not name {what}", call.name());
            return Err(CallError::CapabilityDenied(message));
        }
        match call.permission().filter(|permission| !self.permissions.contains(*permission)) {
            None => Ok(()),
            Some(permission) => Err(CallError::CapabilityDenied(format!(
                "{}: those the script acts for lack the permission '{permission}'",
                call.name()
            ))),
        }
    }
}

/// What a call reaches for and the script's capabilities do not name.
fn not_named(capabilities: &Capabilities, call: &HostCall) -> Option<String> {
    let key = |key: &String| (!capabilities.allows_key(key)).then(|| format!("the key '{key}'"));
    let secret = |name: &String| (!capabilities.allows_secret(name)).then(|| format!("the secret '{name}'"));
    match call {
        HostCall::StorageGetMany { keys } => keys.iter().find_map(key),
        HostCall::StorageList { prefix, .. } => key(prefix),
        HostCall::StorageGet { key: name }
        | HostCall::StorageSet { key: name, .. }
        | HostCall::StorageDelete { key: name }
        | HostCall::StorageIncrement { key: name, .. } => key(name),
        HostCall::ServiceCall { service, method, .. } => {
            (!capabilities.allows_service(service, method)).then(|| format!("the service method '{service}.{method}'"))
        }
        HostCall::EventPublish(event) => {
            (!capabilities.allows_event(&event.type_)).then(|| format!("the event type '{}'", event.type_))
        }
        HostCall::SecretCheck { name } => secret(name),
        HostCall::SecretHmac { key, .. } | HostCall::SecretHmacVerify { key, .. } => secret(&key.name),
        // Which hosts and which of a request's secrets are allowed is the egress policy's to say, for each request.
        HostCall::HttpSend(_) | HostCall::StorageCommit | HostCall::Timer { .. } => None,
    }
}
