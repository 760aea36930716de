//! What an execution may use. Each limit is the lowest of the system's, the tenant's plan's and the script's.

use std::time::Duration;

/// The limits of one execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Fuel of the guest's instructions and of the host calls' tariff. About 10 to 20 units a nanosecond of one core.
    pub fuel: u64,
    /// Wall time from the first instruction to the result, host calls included.
    pub wall_time: Duration,
    /// Linear memory of the guest.
    pub memory_bytes: u64,
    /// Host calls that are started.
    pub host_calls: u32,
    /// Host calls that leave the machine.
    pub outbound_requests: u32,
    /// Bytes of arguments and answers of all host calls together.
    pub boundary_bytes: u64,
    /// Lines of log.
    pub log_lines: u32,
    /// Bytes of log messages and arguments.
    pub log_bytes: u64,
    /// Bytes of the result.
    pub result_bytes: u64,
}

impl Limits {
    /// The limits of the system, which nothing raises but the operator's configuration (SPEC section 3).
    pub const DEFAULT: Self = Self {
        fuel: 20_000_000_000,
        wall_time: Duration::from_secs(30),
        memory_bytes: 128 << 20,
        host_calls: 1_000,
        outbound_requests: 50,
        boundary_bytes: 16 << 20,
        log_lines: 1_000,
        log_bytes: 256 << 10,
        result_bytes: 1 << 20,
    };

    /// The least memory that a limit may name: the runtime itself takes about 2 MiB before a script begins.
    pub const MIN_MEMORY_BYTES: u64 = 4 << 20;

    /// The most memory that any configuration may name; the sandbox reserves address space for it.
    pub const MAX_MEMORY_BYTES: u64 = 512 << 20;

    /// Of each limit the lower one.
    #[must_use]
    pub fn lowest(self, other: &Self) -> Self {
        Self {
            fuel: self.fuel.min(other.fuel),
            wall_time: self.wall_time.min(other.wall_time),
            memory_bytes: self.memory_bytes.min(other.memory_bytes),
            host_calls: self.host_calls.min(other.host_calls),
            outbound_requests: self.outbound_requests.min(other.outbound_requests),
            boundary_bytes: self.boundary_bytes.min(other.boundary_bytes),
            log_lines: self.log_lines.min(other.log_lines),
            log_bytes: self.log_bytes.min(other.log_bytes),
            result_bytes: self.result_bytes.min(other.result_bytes),
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The most bytes of source that a script may have.
pub const SOURCE_BYTES_MAX: usize = 1 << 20;

/// The most bytes that one host call carries, in either direction.
pub const CALL_BYTES_MAX: u64 = 4 << 20;

/// The most host calls of one execution under way at once; a later one waits its turn.
pub const CALLS_IN_FLIGHT_MAX: usize = 16;
