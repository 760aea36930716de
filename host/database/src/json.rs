//! Capabilities and limits as the JSON that their columns hold. The domain knows no JSON, so the forms are written here.

use std::time::Duration;

use domain::{Capabilities, Limits};
use serde::{Deserialize, Serialize};

use crate::rows::unreadable;

#[derive(Serialize, Deserialize)]
#[serde(default)]
#[derive(Default)]
struct StoredCapabilities {
    storage_prefixes: Option<Vec<String>>,
    event_types: Option<Vec<String>>,
    services: Vec<String>,
    hosts: Vec<String>,
    secrets: Vec<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredLimits {
    fuel: u64,
    wall_time_ms: u64,
    memory_bytes: u64,
    host_calls: u32,
    outbound_requests: u32,
    boundary_bytes: u64,
    log_lines: u32,
    log_bytes: u64,
    result_bytes: u64,
}

pub(crate) fn capabilities_to_json(capabilities: &Capabilities) -> rusqlite::Result<String> {
    let Capabilities { storage_prefixes, event_types, services, hosts, secrets } = capabilities.clone();
    let stored = StoredCapabilities { storage_prefixes, event_types, services, hosts, secrets };
    serde_json::to_string(&stored).map_err(unreadable)
}

pub(crate) fn capabilities_from_json(json: &str) -> rusqlite::Result<Capabilities> {
    let stored: StoredCapabilities = serde_json::from_str(json).map_err(unreadable)?;
    let StoredCapabilities { storage_prefixes, event_types, services, hosts, secrets } = stored;
    Ok(Capabilities { storage_prefixes, event_types, services, hosts, secrets })
}

pub(crate) fn limits_to_json(limits: Option<&Limits>) -> rusqlite::Result<Option<String>> {
    let stored = limits.map(|limits| StoredLimits {
        fuel: limits.fuel,
        wall_time_ms: u64::try_from(limits.wall_time.as_millis()).unwrap_or(u64::MAX),
        memory_bytes: limits.memory_bytes,
        host_calls: limits.host_calls,
        outbound_requests: limits.outbound_requests,
        boundary_bytes: limits.boundary_bytes,
        log_lines: limits.log_lines,
        log_bytes: limits.log_bytes,
        result_bytes: limits.result_bytes,
    });
    stored.map(|stored| serde_json::to_string(&stored).map_err(unreadable)).transpose()
}

pub(crate) fn limits_from_json(json: Option<&str>) -> rusqlite::Result<Option<Limits>> {
    let stored: Option<StoredLimits> = json.map(serde_json::from_str).transpose().map_err(unreadable)?;
    Ok(stored.map(|stored| Limits {
        fuel: stored.fuel,
        wall_time: Duration::from_millis(stored.wall_time_ms),
        memory_bytes: stored.memory_bytes,
        host_calls: stored.host_calls,
        outbound_requests: stored.outbound_requests,
        boundary_bytes: stored.boundary_bytes,
        log_lines: stored.log_lines,
        log_bytes: stored.log_bytes,
        result_bytes: stored.result_bytes,
    }))
}
