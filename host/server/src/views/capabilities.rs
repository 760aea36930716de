//! What a script may reach.

use app::InferredCapabilities;
use domain::Capabilities;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a script may reach. Storage and events are there unless they are narrowed; services, hosts and secrets are not
/// there until they are named.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Capabilities, example = json!({ "services": ["products.get"], "event_types": ["order.*"] }))]
pub(crate) struct CapabilitiesView {
    /// Prefixes of storage keys; null is every key, an empty list is no storage at all.
    storage_prefixes: Option<Vec<String>>,
    /// Patterns of event types; null is every type, an empty list is no publishing at all.
    event_types: Option<Vec<String>>,
    /// Methods of services, as `products.get` or `products.*`.
    services: Vec<String>,
    /// Hosts for outbound HTTP: an exact name, or `*.` and a name for its subdomains.
    hosts: Vec<String>,
    /// Names of secrets.
    secrets: Vec<String>,
}

/// Capabilities that would have been enough.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = InferredCapabilities)]
pub(crate) struct InferredCapabilitiesBody {
    capabilities: CapabilitiesView,
    /// From how many executions they are read.
    executions: u32,
    /// How many were left out: not recorded in full, or not for this token to inspect.
    left_out: u32,
}

impl From<InferredCapabilities> for InferredCapabilitiesBody {
    fn from(inferred: InferredCapabilities) -> Self {
        Self {
            capabilities: (&inferred.capabilities).into(),
            executions: inferred.executions,
            left_out: inferred.left_out,
        }
    }
}

impl From<&Capabilities> for CapabilitiesView {
    fn from(capabilities: &Capabilities) -> Self {
        let Capabilities { storage_prefixes, event_types, services, hosts, secrets } = capabilities.clone();
        Self { storage_prefixes, event_types, services, hosts, secrets }
    }
}

impl From<CapabilitiesView> for Capabilities {
    fn from(view: CapabilitiesView) -> Self {
        let CapabilitiesView { storage_prefixes, event_types, services, hosts, secrets } = view;
        Self { storage_prefixes, event_types, services, hosts, secrets }
    }
}
