//! What a script reaches, for one execution of one tenant: the other side of the sandbox's gate.
//!
//! The tenant comes from here and never from the call. The gate has already checked the script's capabilities and the
//! rights it acts with, and bounded the arguments.

pub(crate) mod collections;
mod events;
pub(crate) mod http;
mod secrets;
mod services;
mod storage;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use database::{Lease, PublishBounds};
use domain::{Capabilities, Lineage, Permissions, ScriptId, UnixMillis, UserId};
use http::Ordinals;
use runtime::{CallError, HostCall, Interfaces, Started};

use crate::{
    Inner,
    executions::{LiveRights, sent::Sent},
    sealing::TenantKey,
    secrets::Placed,
    services::Services,
    transaction::Transaction,
};

/// What one attempt of one execution reaches.
pub(crate) struct Reach {
    pub(crate) inner: Arc<Inner>,
    pub(crate) key: Arc<TenantKey>,
    pub(crate) lease: Lease,
    pub(crate) transaction: Transaction,
    pub(crate) scope: Arc<Scope>,
    pub(crate) ordinals: Ordinals,
}

/// For whom and as what an execution reaches out: the same for all its attempts.
pub(crate) struct Scope {
    pub(crate) script: ScriptId,
    /// The script's name, also within the source of its events, as CloudEvents has it.
    pub(crate) script_name: String,
    /// The person who triggered it, where there is one.
    pub(crate) user: Option<UserId>,
    pub(crate) capabilities: Capabilities,
    /// The intersection of the rights of everybody it acts for (RULES 13).
    pub(crate) rights: Permissions,
    pub(crate) live_rights: LiveRights,
    pub(crate) deadline: Instant,
    /// Which chain of executions it belongs to (RULES 35).
    pub(crate) lineage: Lineage,
    /// Which secrets it has sent where.
    pub(crate) placed: Placed,
    /// What the tenant may hold.
    pub(crate) bounds: PublishBounds,
    /// What it sends, held against its earlier attempts.
    pub(crate) sent: Sent,
}

impl Scope {
    /// What is left of the execution's time.
    pub(crate) fn time_left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }
}

/// Whether a call leaves the database. Collections take part in the execution's transaction.
pub(crate) fn is_outside(services: &Services, call: &HostCall) -> bool {
    match call {
        HostCall::HttpSend(_) => true,
        HostCall::ServiceCall { service, .. } => services.get(service).is_some(),
        _ => false,
    }
}

impl Interfaces for Reach {
    fn is_outside(&self, call: &HostCall) -> bool {
        is_outside(&self.inner.services, call)
    }

    fn keeps_values(&self, call: &HostCall) -> bool {
        match call {
            HostCall::ServiceCall { service, method, .. } => {
                self.inner.services.get(service).is_none_or(|service| service.keeps_values(method))
            }
            _ => true,
        }
    }

    fn start(&mut self, call: HostCall, clock_ms: u64) -> Started {
        let now = UnixMillis(i64::try_from(clock_ms).unwrap_or(i64::MAX));
        Started::Ready(match call {
            HostCall::StorageGet { key } => self.storage_get(&key, now),
            HostCall::StorageGetMany { keys } => self.storage_get_many(&keys, now),
            HostCall::StorageSet { key, value, ttl_seconds } => self.storage_set(key, value, ttl_seconds, now),
            HostCall::StorageDelete { key } => self.storage_delete(key),
            HostCall::StorageList { prefix, cursor, limit } => self.storage_list(prefix, cursor, limit, now),
            HostCall::StorageIncrement { key, by } => self.storage_increment(key, by),
            HostCall::StorageCommit => return self.storage_commit(now),
            HostCall::ServiceCall { service, method, arguments } => {
                return self.service_call(&service, &method, &arguments, now);
            }
            HostCall::EventPublish(event) => self.publish(event, now),
            HostCall::HttpSend(request) => return self.http_send(request),
            HostCall::SecretCheck { name } => self.secret_check(&name),
            HostCall::SecretHmac { key, algorithm, data } => self.secret_hmac(&key, algorithm, &data),
            HostCall::SecretHmacVerify { key, algorithm, data, signature } => {
                self.secret_hmac_verify(&key, algorithm, &data, &signature)
            }
            // The gate keeps timers to itself.
            HostCall::Timer { .. } => Err(CallError::Unsupported(String::from(
                "a timer came past the gate, which keeps timers to itself: this is a fault of Skerry",
            ))),
        })
    }

    fn answered_from_record(&mut self, call: &HostCall) {
        match call {
            HostCall::HttpSend(request) => {
                self.ordinals.next(&request.method, &request.url);
            }
            HostCall::ServiceCall { service, method, arguments } => self.count_service_call(service, method, arguments),
            _ => {}
        }
    }
}

/// A read failed. The script is told that, the operator why.
fn failed(lease: Lease, error: &database::DatabaseError) -> CallError {
    match error {
        database::DatabaseError::TooLarge { .. } => return too_large("the list"),
        database::DatabaseError::TooSlow => {
            let message =
                "the list looks at too much: narrow it, by a longer prefix or by fields with few documents each";
            return CallError::HostcallLimit(String::from(message));
        }
        database::DatabaseError::Busy => {
            return CallError::Unavailable(String::from("too many lists are made at the moment: ask again"));
        }
        _ => {}
    }
    tracing::error!(tenant.id = %lease.tenant, execution.id = %lease.execution, %error, "a read failed");
    CallError::Unavailable(String::from("the storage cannot be read at the moment"))
}

/// More was found than one call carries.
fn too_large(what: &str) -> CallError {
    let limit = domain::limits::CALL_BYTES_MAX;
    CallError::HostcallLimit(format!("{what} would answer more than {limit} bytes: ask for fewer entries at once"))
}

/// Let through what is JSON. An honest guest sends nothing else.
fn require_json(what: &str, text: &str) -> Result<(), CallError> {
    match serde_json::from_str::<&serde_json::value::RawValue>(text) {
        Ok(_) => Ok(()),
        Err(_) => Err(CallError::InvalidArgument(format!("{what} must be JSON"))),
    }
}
