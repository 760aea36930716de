//! The audit log: who did what to what, and who was refused (RULES 39).
//!
//! Every use case that changes something writes through [`Inner::audited`]: the row of the log is in the transaction of
//! the change, so that the change fails where the row cannot be written. What of the request belongs in the row is known
//! by its [`RequestOrigin`], which the face that took the request sets for the time of its handling.

mod chain;
mod heads;
mod refusals;
mod retention;
mod service;
mod verification;

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]
mod tests;

use std::{fmt::Display, future::Future, net::IpAddr, path::PathBuf, sync::Arc, time::Duration};

use database::{AuditEntry, AuditWatch, Database, RequestMark};
use domain::{Actor, AuditAction, AuditOutcome, Operator, Principal, TenantId, UnixMillis};
use serde_json::Value;

use crate::Inner;

pub(crate) use chain::ChainKeys;
pub use service::{AuditExport, AuditService, AuditedRow, RefusedRequest};
pub use verification::{AuditBreak, AuditReport, BreakKind, HeadFileError};

use heads::Heads;
use refusals::RefusalCounters;

tokio::task_local! {
    static ORIGIN: RequestOrigin;
}

/// The request on whose behalf something is done.
#[derive(Clone, Debug, Default)]
pub struct RequestOrigin {
    /// Its id, as its answer carries it.
    pub id: String,
    /// Where it came from.
    pub address: Option<IpAddr>,
    /// By which key it is told again; what is done for it is marked as done in its own transaction.
    pub mark: Option<RequestMark>,
    /// What it saw of the tenant: what is done for it is done where nothing was changed since.
    pub watch: Option<AuditWatch>,
}

impl RequestOrigin {
    /// Await `handled`; whatever it writes to the audit log names this request.
    pub async fn scope<F: Future>(self, handled: F) -> F::Output {
        ORIGIN.scope(self, handled).await
    }

    /// The request that is being handled.
    pub fn current() -> Option<Self> {
        ORIGIN.try_with(Self::clone).ok()
    }
}

/// What the log needs beside the database.
pub(crate) struct AuditLog {
    keys: Arc<ChainKeys>,
    refusals: RefusalCounters,
    heads: Heads,
    /// For how long rows are kept; `None` for ever.
    kept: Option<Duration>,
}

impl AuditLog {
    /// The log whose links are made with `keys`.
    pub(crate) fn new(keys: ChainKeys, config: &AuditConfig) -> Self {
        let heads = Heads::new(config.head_file.clone());
        Self { keys: Arc::new(keys), refusals: RefusalCounters::default(), heads, kept: config.kept }
    }
}

/// What the operator decides of the audit log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditConfig {
    /// The file that the heads of the chains go to; the server's own log where there is none.
    pub head_file: Option<PathBuf>,
    /// For how long rows are kept; `None` for ever.
    pub kept: Option<Duration>,
}

/// Whose action it is, and in whose chain it is told.
#[derive(Clone, Copy, Debug)]
pub struct AuditSubject {
    /// `None` for the deployment itself.
    pub tenant: Option<TenantId>,
    /// Who acts.
    pub actor: Actor,
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
        self.effecting().audited(self.audit_entry(by, action, object))
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
        self.effecting().audited(AuditEntry { detail: Some(detail.to_string()), ..entry })
    }

    /// The database, by a handle whose every write marks the request on whose behalf it is done as done, and is made only
    /// where what the request saw is still so.
    pub(crate) fn effecting(&self) -> Database {
        let RequestOrigin { mark, watch, .. } = RequestOrigin::current().unwrap_or_default();
        let database = mark.map_or_else(|| self.database.clone(), |mark| self.database.marking(mark));
        watch.map_or_else(|| database.clone(), |watch| database.watching(watch))
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
            sealer: Arc::clone(&self.audit.keys) as _,
        }
    }
}
