//! The nouns of Skerry and the rules they obey: scripts, versions, executions, limits, capabilities, principals.
//!
//! Nothing here does I/O, knows a database, a sandbox or a protocol. A value that exists is valid: what comes from
//! outside goes through a `parse` that names what is wrong.

pub mod audit;
pub mod capabilities;
pub mod events;
pub mod executions;
pub mod hooks;
pub mod ids;
pub mod limits;
pub mod lineage;
pub mod names;
pub mod policy;
pub mod principals;
pub mod quotas;
pub mod roles;
pub mod routes;
pub mod schedules;
pub mod scripts;
pub mod secrets;
pub mod time;

pub use audit::{AuditAction, AuditOutcome};
pub use capabilities::Capabilities;
pub use events::{EventPattern, EventType};
pub use executions::{ErrorKind, ExecutionStatus, RecordMode, Trigger};
pub use hooks::HookPoint;
pub use ids::{
    DeadLetterId, EventId, ExecutionId, IdentityProviderId, InvitationId, PasswordResetId, ScheduleId, ScriptId,
    SessionId, SubscriptionId, TenantId, TokenId, UserId, VersionId, WebhookDeliveryId, WebhookId,
};
pub use limits::Limits;
pub use lineage::Lineage;
pub use names::{DisplayName, EmailAddress};
pub use policy::{Backoff, Concurrency, OnInterrupt, RunPolicy, WhenFull};
pub use principals::{Actor, Operator, Permission, Permissions, Principal};
pub use quotas::{PlanQuotas, Quotas};
pub use roles::{BuiltInRole, RoleName};
pub use routes::EndpointRoute;
pub use schedules::{CatchUp, Overlap, SlotOutcome, SlotReason};
pub use scripts::{Language, ScriptKind, ScriptName, TenantSlug};
pub use secrets::{HmacHash, SecretName, SecretPlacement};
pub use time::UnixMillis;

/// A value from outside that breaks a rule of the domain.
///
/// The message is a sentence for the person who wrote the value: what is wrong and what is allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The field or noun that was given, in snake case (`name`, `endpoint.path`).
    pub field: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
}

impl Invalid {
    /// A broken rule of `field`.
    pub fn new(field: &'static str, message: impl Into<String>) -> Self {
        Self { field, message: message.into() }
    }
}
