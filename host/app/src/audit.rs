//! The audit log: who did what to what, and who was refused (RULES 39).
//!
//! Every use case that changes something writes through [`Inner::audited`]: the row of the log is in the transaction of
//! the change, so that the change fails where the row cannot be written. What of the request belongs in the row is known
//! by its [`RequestOrigin`], which the face that took the request sets for the time of its handling.

mod chain;

use std::{fmt::Display, future::Future, net::IpAddr, sync::Arc};

use database::{AuditEntry, Database};
use domain::{Actor, AuditAction, AuditOutcome, Operator, Principal, TenantId, UnixMillis};
use serde_json::Value;

use crate::Inner;

pub(crate) use chain::ChainKeys;

tokio::task_local! {
    static ORIGIN: RequestOrigin;
}

/// The request on whose behalf something is done.
#[derive(Clone, Debug)]
pub struct RequestOrigin {
    /// Its id, as its answer carries it.
    pub id: String,
    /// Where it came from.
    pub address: Option<IpAddr>,
}

impl RequestOrigin {
    /// Await `handled`; whatever it writes to the audit log names this request.
    pub async fn scope<F: Future>(self, handled: F) -> F::Output {
        ORIGIN.scope(self, handled).await
    }

    fn current() -> Option<Self> {
        ORIGIN.try_with(Self::clone).ok()
    }
}

/// Whose action it is, and in whose chain it is told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AuditSubject {
    /// `None` for the deployment itself.
    pub(crate) tenant: Option<TenantId>,
    /// Who acts.
    pub(crate) actor: Actor,
}

impl From<&Principal> for AuditSubject {
    fn from(principal: &Principal) -> Self {
        Self { tenant: Some(principal.tenant), actor: principal.actor }
    }
}

impl From<&Operator> for AuditSubject {
    fn from(operator: &Operator) -> Self {
        Self { tenant: None, actor: operator.actor }
    }
}

impl Inner {
    /// The database, by a handle whose every write says in the audit log that `by` did `action` to `object`: in the
    /// write's own transaction. `object` is an id, or a name where that is the address of the thing.
    pub(crate) fn audited(&self, by: impl Into<AuditSubject>, action: AuditAction, object: impl Display) -> Database {
        self.database.audited(self.audit_entry(by, action, object))
    }

    /// As [`Self::audited`], with what else there is to know: never a secret, never a source, and short.
    pub(crate) fn audited_with(
        &self,
        by: impl Into<AuditSubject>,
        action: AuditAction,
        object: impl Display,
        detail: &Value,
    ) -> Database {
        let entry = self.audit_entry(by, action, object);
        self.database.audited(AuditEntry { detail: Some(detail.to_string()), ..entry })
    }

    /// What [`Self::audited`] writes, for what is done outside a write, or was refused.
    pub(crate) fn audit_entry(
        &self,
        by: impl Into<AuditSubject>,
        action: AuditAction,
        object: impl Display,
    ) -> AuditEntry {
        let AuditSubject { tenant, actor } = by.into();
        let origin = RequestOrigin::current();
        AuditEntry {
            tenant: tenant.unwrap_or_else(AuditEntry::deployment),
            at: UnixMillis::now(),
            action,
            outcome: AuditOutcome::Done,
            actor,
            object: object.to_string(),
            detail: None,
            address: origin.as_ref().and_then(|origin| origin.address).map(|address| address.to_string()),
            request_id: origin.map(|origin| origin.id),
            sealer: Arc::clone(&self.audit_keys) as _,
        }
    }
}
