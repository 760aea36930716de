//! What an execution of a script may use.

use std::time::Duration;

use domain::Limits;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A script's own limits. What is not named is the system's; none can be higher than that.
#[derive(Clone, Debug, Default, Deserialize, Serialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
#[schema(as = Limits, example = json!({ "wall_time_ms": 5000, "memory_bytes": 67108864 }))]
pub(crate) struct LimitsView {
    /// Units of fuel.
    fuel: Option<u64>,
    /// Milliseconds from the start to the result.
    wall_time_ms: Option<u64>,
    /// Bytes of memory.
    memory_bytes: Option<u64>,
    /// Host calls.
    host_calls: Option<u32>,
    /// Host calls that leave the machine.
    outbound_requests: Option<u32>,
    /// Bytes of arguments and answers of all host calls together.
    boundary_bytes: Option<u64>,
    /// Lines of log.
    log_lines: Option<u32>,
    /// Bytes of log.
    log_bytes: Option<u64>,
    /// Bytes of the result.
    result_bytes: Option<u64>,
}

impl LimitsView {
    /// The limits, with the `system`'s in place of those that are not named.
    pub(crate) fn within(self, system: &Limits) -> Limits {
        Limits {
            fuel: self.fuel.unwrap_or(system.fuel),
            wall_time: self.wall_time_ms.map_or(system.wall_time, Duration::from_millis),
            memory_bytes: self.memory_bytes.unwrap_or(system.memory_bytes),
            host_calls: self.host_calls.unwrap_or(system.host_calls),
            outbound_requests: self.outbound_requests.unwrap_or(system.outbound_requests),
            boundary_bytes: self.boundary_bytes.unwrap_or(system.boundary_bytes),
            log_lines: self.log_lines.unwrap_or(system.log_lines),
            log_bytes: self.log_bytes.unwrap_or(system.log_bytes),
            result_bytes: self.result_bytes.unwrap_or(system.result_bytes),
        }
    }
}

impl From<&Limits> for LimitsView {
    fn from(limits: &Limits) -> Self {
        Self {
            fuel: Some(limits.fuel),
            wall_time_ms: u64::try_from(limits.wall_time.as_millis()).ok(),
            memory_bytes: Some(limits.memory_bytes),
            host_calls: Some(limits.host_calls),
            outbound_requests: Some(limits.outbound_requests),
            boundary_bytes: Some(limits.boundary_bytes),
            log_lines: Some(limits.log_lines),
            log_bytes: Some(limits.log_bytes),
            result_bytes: Some(limits.result_bytes),
        }
    }
}
