//! Watching a tenant's executions: which of them were accepted, began or ended just now, for lists that are kept up to date.
//!
//! Only what this process did is told, and nothing of before: whoever watches reads the list first, and again where it is
//! said that something was missed.

use std::{collections::BTreeSet, time::Duration};

use database::{DatabaseError, Execution};
use domain::{ExecutionId, Permission, Principal, TenantId};
use tokio::{
    sync::broadcast::{self, error::RecvError},
    time::{Instant, timeout_at},
};

use super::{ExecutionService, acting::actor_rights, follow::StreamPlace};
use crate::AppError;

/// News that wait for the slowest who watches. Beyond that he has missed some.
const NEWS_MAX: usize = 4_096;

/// What changes within this time is told at once: an execution that begins and ends is told of once. Long enough that a
/// start that was only announced is written by then.
const GATHER: Duration = Duration::from_millis(250);

/// Executions that are told of at once. More of them are a list that has to be read again.
const AT_ONCE: usize = 100;

/// How often rights are read again. A stream ends within a second of the loss of its rights (RULES 40).
const LOOK_EVERY: Duration = Duration::from_millis(400);

/// After this time without anything to tell a stream says that it is still there.
const QUIET_MAX: Duration = Duration::from_secs(15);

/// Where it is told that an execution is another than it was.
#[derive(Debug)]
pub(crate) struct Changes(broadcast::Sender<(TenantId, ExecutionId)>);

impl Default for Changes {
    fn default() -> Self {
        Self(broadcast::channel(NEWS_MAX).0)
    }
}

impl Changes {
    /// An execution was accepted, began or ended.
    pub(crate) fn tell(&self, tenant: TenantId, execution: ExecutionId) {
        // Nobody watches: then it is no news.
        let _ = self.0.send((tenant, execution));
    }
}

/// What there is to tell of a tenant's executions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionNews {
    /// These are now as they are here.
    Changed(Vec<Execution>),
    /// There was more than could be told: the list has to be read again.
    Missed,
    /// There is nothing new, and the stream is still there.
    Quiet,
    /// Whoever watches may not see more, and nothing follows.
    Forbidden,
    /// The server stops.
    Stopping,
}

impl ExecutionNews {
    /// Whether nothing follows.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Forbidden | Self::Stopping)
    }
}

/// Watches a tenant's executions.
#[derive(Debug)]
pub struct ExecutionWatcher {
    service: ExecutionService,
    principal: Principal,
    changes: broadcast::Receiver<(TenantId, ExecutionId)>,
    changed: BTreeSet<ExecutionId>,
    has_missed: bool,
    told_at: Instant,
    _place: StreamPlace,
}

impl ExecutionService {
    /// Watch the tenant's executions from now on. Needs `executions.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`]; [`AppError::Quota`] and [`AppError::Overloaded`] where there are too many streams.
    pub fn watch(&self, principal: &Principal) -> Result<ExecutionWatcher, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        Ok(ExecutionWatcher {
            service: self.clone(),
            principal: principal.clone(),
            changes: self.inner().changes.0.subscribe(),
            changed: BTreeSet::new(),
            has_missed: false,
            told_at: Instant::now(),
            _place: self.inner().streams.enter(principal.tenant)?,
        })
    }
}

impl ExecutionWatcher {
    /// What is to be told next; waits for it.
    ///
    /// # Errors
    /// Whatever the server fails with.
    pub async fn next(&mut self) -> Result<ExecutionNews, AppError> {
        loop {
            let is_news = self.gather().await;
            let inner = self.service.inner();
            let held = actor_rights(inner, self.principal.tenant, self.principal.actor)?;
            self.principal.permissions = self.principal.permissions.intersection(held);
            if !self.principal.permissions.contains(Permission::ExecutionsRead) {
                return Ok(ExecutionNews::Forbidden);
            }
            if inner.running.is_stopping() {
                return Ok(ExecutionNews::Stopping);
            }
            let is_quiet = self.told_at.elapsed() >= QUIET_MAX;
            if is_news || is_quiet {
                self.told_at = Instant::now();
                return if is_news { self.tell() } else { Ok(ExecutionNews::Quiet) };
            }
        }
    }

    /// Gather what changes; answers whether anything did.
    async fn gather(&mut self) -> bool {
        let mut until = Instant::now() + LOOK_EVERY;
        loop {
            match timeout_at(until, self.changes.recv()).await {
                Ok(Ok((tenant, execution))) if tenant == self.principal.tenant => {
                    if self.changed.is_empty() {
                        until = Instant::now() + GATHER;
                    }
                    self.changed.insert(execution);
                    self.has_missed |= self.changed.len() > AT_ONCE;
                }
                Ok(Ok(_)) => {}
                Ok(Err(RecvError::Lagged(_))) => self.has_missed = true,
                Ok(Err(RecvError::Closed)) | Err(_) => return self.has_missed || !self.changed.is_empty(),
            }
            if self.has_missed {
                return true;
            }
        }
    }

    fn tell(&mut self) -> Result<ExecutionNews, AppError> {
        let changed = std::mem::take(&mut self.changed);
        if std::mem::take(&mut self.has_missed) {
            return Ok(ExecutionNews::Missed);
        }
        let database = &self.service.inner().database;
        let mut executions = Vec::with_capacity(changed.len());
        for execution in changed {
            match database.get_execution(self.principal.tenant, execution) {
                Ok(detail) => executions.push(detail.execution),
                // Deleted with its script, or not written yet: then its end is told.
                Err(DatabaseError::NotFound) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(ExecutionNews::Changed(executions))
    }
}
