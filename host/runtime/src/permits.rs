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
        let lacking = call.permissions().without(self.permissions);
        if lacking == Permissions::NONE {
            return Ok(());
        }
        Err(CallError::CapabilityDenied(format!(
            "{}: those the script acts for lack the permission '{}'",
            call.name(),
            lacking.to_list()
        )))
    }
}

/// What a call reaches for and the script's capabilities do not name.
fn not_named(capabilities: &Capabilities, call: &HostCall) -> Option<String> {
    let key = |key: &String| (!capabilities.allows_key(key)).then(|| format!("the key '{key}'"));
    if let Some(name) = call.secrets().find(|name| !capabilities.allows_secret(name)) {
        return Some(format!("the secret '{name}'"));
    }
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
        // Which hosts are allowed is the egress policy's to say, for each request and each of its redirects.
        HostCall::HttpSend(_)
        | HostCall::SecretCheck { .. }
        | HostCall::SecretHmac { .. }
        | HostCall::SecretHmacVerify { .. }
        | HostCall::StorageCommit
        | HostCall::Timer { .. } => None,
    }
}
