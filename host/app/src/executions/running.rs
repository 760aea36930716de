//! What runs and waits in this process: to cancel it, to bound it, and to end it when the process stops.
//!
//! Nothing in here decides what is durable: the rows do.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{ExecutionId, ScriptId, TenantId};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::AppError;

/// Accepted executions of one tenant that may wait at once.
const QUEUED_PER_TENANT_MAX: u32 = 10_000;

/// How long cut executions may take to commit their end.
const CUT_GRACE: Duration = Duration::from_secs(3);

/// The executions of this process. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Shared>);

#[derive(Default)]
struct Shared {
    executions: Mutex<HashMap<ExecutionId, (ScriptId, CancellationToken)>>,
    queued: Mutex<HashMap<TenantId, u32>>,
    stopping: AtomicBool,
    ended: Notify,
}

/// An execution that runs, until this is dropped.
pub(crate) struct Guard {
    running: Running,
    execution: ExecutionId,
    cancellation: CancellationToken,
}

/// A place among the accepted executions of a tenant, until this is dropped.
pub(crate) struct Place {
    running: Running,
    tenant: TenantId,
}

impl Running {
    /// Begin an execution.
    ///
    /// # Errors
    /// [`AppError::Overloaded`] when the process is stopping.
    pub(crate) fn begin(&self, execution: ExecutionId, script: ScriptId) -> Result<Guard, AppError> {
        let mut executions = lock(&self.0.executions);
        // Under the lock, as the flag is set: what begins is waited for, or does not begin.
        if self.is_stopping() {
            return Err(AppError::Overloaded { retry_after: Duration::from_secs(5) });
        }
        let cancellation = CancellationToken::new();
        executions.insert(execution, (script, cancellation.clone()));
        drop(executions);
        Ok(Guard { running: self.clone(), execution, cancellation })
    }

    /// Take a place in the tenant's queue.
    ///
    /// # Errors
    /// [`AppError::Quota`] when there is none left.
    pub(crate) fn queue(&self, tenant: TenantId) -> Result<Place, AppError> {
        let mut queued = lock(&self.0.queued);
        let count = queued.entry(tenant).or_default();
        if *count >= QUEUED_PER_TENANT_MAX {
            let limit = u64::from(QUEUED_PER_TENANT_MAX);
            return Err(AppError::Quota { quota: "queued_executions", limit, retry_after: Duration::from_secs(5) });
        }
        *count += 1;
        Ok(Place { running: self.clone(), tenant })
    }

    /// End an execution that runs here.
    pub(crate) fn cancel(&self, execution: ExecutionId) {
        if let Some((_, cancellation)) = lock(&self.0.executions).get(&execution) {
            cancellation.cancel();
        }
    }

    /// End everything of a script that runs here.
    pub(crate) fn cancel_script(&self, script: ScriptId) {
        for (_, cancellation) in lock(&self.0.executions).values().filter(|(of, _)| *of == script) {
            cancellation.cancel();
        }
    }

    /// Whether the process takes no new work.
    pub(crate) fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::Acquire)
    }

    /// Take no new work, wait at most `grace` for what runs, then cut it.
    pub(crate) async fn stop(&self, grace: Duration) {
        {
            let _executions = lock(&self.0.executions);
            self.0.stopping.store(true, Ordering::Release);
        }
        if tokio::time::timeout(grace, self.until_idle()).await.is_err() {
            for (_, cancellation) in lock(&self.0.executions).values() {
                cancellation.cancel();
            }
            // Those that do not make it are ended as interrupted by the next start.
            let _ = tokio::time::timeout(CUT_GRACE, self.until_idle()).await;
        }
    }

    async fn until_idle(&self) {
        loop {
            let ended = self.0.ended.notified();
            if lock(&self.0.executions).is_empty() {
                return;
            }
            ended.await;
        }
    }
}

impl Guard {
    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.cancellation.clone()
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        lock(&self.running.0.executions).remove(&self.execution);
        self.running.0.ended.notify_waiters();
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut queued = lock(&self.running.0.queued);
        if let Some(count) = queued.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                queued.remove(&self.tenant);
            }
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
