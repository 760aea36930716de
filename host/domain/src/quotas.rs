//! What a tenant may have and use, beside the limits of each execution.

/// The quotas of a tenant: those of its plan, and the deployment's where the plan says nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quotas {
    /// Executions at once.
    pub concurrent_executions: u32,
    /// Executions that were accepted and have not ended.
    pub queued_executions: u64,
    /// Executions that begin in a minute; `None` for no bound.
    pub executions_per_minute: Option<u64>,
    /// Fuel of a day in UTC, of executions, compiling and replays; `None` for no bound.
    pub fuel_per_day: Option<u64>,
    /// Bytes of storage entries and documents.
    pub storage_bytes: u64,
    /// Scripts.
    pub scripts: u64,
    /// Schedules.
    pub schedules: u64,
    /// Requests to the API that each token or person may send in a minute; `None` for no bound.
    pub requests_per_minute: Option<u64>,
}

/// What a plan says of each quota; `None` where the deployment's stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PlanQuotas {
    /// Executions at once.
    pub concurrent_executions: Option<u32>,
    /// Executions that were accepted and have not ended.
    pub queued_executions: Option<u64>,
    /// Executions that begin in a minute.
    pub executions_per_minute: Option<u64>,
    /// Fuel of a day in UTC.
    pub fuel_per_day: Option<u64>,
    /// Bytes of storage entries and documents.
    pub storage_bytes: Option<u64>,
    /// Scripts.
    pub scripts: Option<u64>,
    /// Schedules.
    pub schedules: Option<u64>,
    /// Requests to the API that each token or person may send in a minute.
    pub requests_per_minute: Option<u64>,
}

impl Quotas {
    /// These, with what a plan says in their place.
    #[must_use]
    pub fn with(self, plan: &PlanQuotas) -> Self {
        Self {
            concurrent_executions: plan.concurrent_executions.unwrap_or(self.concurrent_executions),
            queued_executions: plan.queued_executions.unwrap_or(self.queued_executions),
            executions_per_minute: plan.executions_per_minute.or(self.executions_per_minute),
            fuel_per_day: plan.fuel_per_day.or(self.fuel_per_day),
            storage_bytes: plan.storage_bytes.unwrap_or(self.storage_bytes),
            scripts: plan.scripts.unwrap_or(self.scripts),
            schedules: plan.schedules.unwrap_or(self.schedules),
            requests_per_minute: plan.requests_per_minute.or(self.requests_per_minute),
        }
    }
}

impl PlanQuotas {
    /// These, with what `other` says where they say nothing.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            concurrent_executions: self.concurrent_executions.or(other.concurrent_executions),
            queued_executions: self.queued_executions.or(other.queued_executions),
            executions_per_minute: self.executions_per_minute.or(other.executions_per_minute),
            fuel_per_day: self.fuel_per_day.or(other.fuel_per_day),
            storage_bytes: self.storage_bytes.or(other.storage_bytes),
            scripts: self.scripts.or(other.scripts),
            schedules: self.schedules.or(other.schedules),
            requests_per_minute: self.requests_per_minute.or(other.requests_per_minute),
        }
    }
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            concurrent_executions: 32,
            queued_executions: 100_000,
            executions_per_minute: None,
            fuel_per_day: None,
            storage_bytes: 1 << 30,
            scripts: 10_000,
            schedules: 10_000,
            requests_per_minute: None,
        }
    }
}
