//! What runs in this process: to cancel it, and to end it when the process stops.
//!
//! Nothing in here decides what is durable: the rows do.

use std::{
    collections::{HashMap, HashSet},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use domain::{ExecutionId, ScriptId, TenantId};
use runtime::LogTail;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Order;
use crate::AppError;

/// How long cut executions may take to commit their end.
const CUT_GRACE: Duration = Duration::from_secs(3);

/// The executions of this process. Clones are the same one.
#[derive(Clone, Default)]
pub(crate) struct Running(Arc<Shared>);

#[derive(Default)]
struct Shared {
    executions: Mutex<HashMap<ExecutionId, Entry>>,
    /// What somebody waits for to tell a request's answer by, from before it begins until that is noted.
    claimed: Mutex<HashSet<ExecutionId>>,
    stopping: AtomicBool,
    ended: Notify,
}

struct Entry {
    script: ScriptId,
    cancellation: CancellationToken,
    /// Whose it is; nobody's while it is being taken from the queue, and of a replay.
    tenant: Option<TenantId>,
    /// Whether the queue gave it to this process.
    is_taken: bool,
    /// Whether a person wants its end, and not the process.
    is_unwanted: Arc<AtomicBool>,
    /// Whether it is cut because its tenant may not go on.
    is_cut: Arc<AtomicBool>,
    /// What it has logged so far.
    tail: LogTail,
}

/// An execution whose answer is to be told again, until this is dropped.
pub(crate) struct Claimed {
    running: Running,
    execution: ExecutionId,
}

/// An execution that runs, until this is dropped.
pub(crate) struct Guard {
    running: Running,
    execution: ExecutionId,
    cancellation: CancellationToken,
    is_unwanted: Arc<AtomicBool>,
    is_cut: Arc<AtomicBool>,
    tail: LogTail,
}

impl Running {
    /// Begin an execution.
    ///
    /// # Errors
    /// [`AppError::Overloaded`] when the process is stopping.
    pub(crate) fn begin(&self, order: &Order) -> Result<Guard, AppError> {
        self.note(order.execution, order.target.script.id, Some(order.target.tenant.id))
    }

    /// Begin something of a script that is no execution of its own: a replay.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(crate) fn begin_replay(&self, script: ScriptId) -> Result<Guard, AppError> {
        self.note(ExecutionId::generate(), script, None)
    }

    /// Begin a test of a script.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(crate) fn begin_test(&self, tenant: TenantId, script: ScriptId) -> Result<Guard, AppError> {
        self.note(ExecutionId::generate(), script, Some(tenant))
    }

    /// Begin to take something from the queue, which [`Guard::take_on`] names once it is known.
    ///
    /// # Errors
    /// As [`Self::begin`].
    pub(crate) fn begin_taking(&self) -> Result<Guard, AppError> {
        self.note(ExecutionId::generate(), ScriptId::generate(), None)
    }

    /// Note that an execution is about to begin whose answer is to be told again.
    pub(crate) fn claim(&self, execution: ExecutionId) -> Claimed {
        lock(&self.0.claimed).insert(execution);
        Claimed { running: self.clone(), execution }
    }

    /// Whether the answer of an execution is still to come from this process.
    pub(crate) fn knows(&self, execution: ExecutionId) -> bool {
        lock(&self.0.claimed).contains(&execution)
    }

    fn note(&self, execution: ExecutionId, script: ScriptId, tenant: Option<TenantId>) -> Result<Guard, AppError> {
        let mut executions = lock(&self.0.executions);
        // Under the lock, as the flag is set: what begins is waited for, or does not begin.
        if self.is_stopping() {
            return Err(AppError::Overloaded { retry_after: Duration::from_secs(5) });
        }
        let cancellation = CancellationToken::new();
        let guard = Guard {
            running: self.clone(),
            execution,
            cancellation,
            is_unwanted: Arc::default(),
            is_cut: Arc::default(),
            tail: LogTail::default(),
        };
        executions.insert(execution, guard.entry(script, tenant));
        drop(executions);
        Ok(guard)
    }

    /// End an execution that runs here, because a person wants it.
    pub(crate) fn cancel(&self, execution: ExecutionId) {
        if let Some(entry) = lock(&self.0.executions).get(&execution) {
            entry.is_unwanted.store(true, Ordering::Release);
            entry.cancellation.cancel();
        }
    }

    /// Wait until an execution does not run here, or not any more, at most for `grace`; answers whether that came.
    pub(crate) async fn has_left(&self, execution: ExecutionId, grace: Duration) -> bool {
        let left = self.until(|executions| !executions.contains_key(&execution));
        tokio::time::timeout(grace, left).await.is_ok()
    }

    /// The log of an execution that runs here.
    pub(crate) fn tail(&self, execution: ExecutionId) -> Option<LogTail> {
        lock(&self.0.executions).get(&execution).map(|entry| entry.tail.clone())
    }

    /// What the queue gave to this process.
    pub(crate) fn taken(&self) -> Vec<(TenantId, ExecutionId)> {
        let executions = lock(&self.0.executions);
        let taken = executions.iter().filter(|(_, entry)| entry.is_taken);
        taken.filter_map(|(execution, entry)| Some((entry.tenant?, *execution))).collect()
    }

    /// How many executions of tenants run here, tests among them.
    pub(crate) fn count(&self) -> usize {
        lock(&self.0.executions).values().filter(|entry| entry.tenant.is_some()).count()
    }

    /// End everything of a script that runs here.
    pub(crate) fn cancel_script(&self, script: ScriptId) {
        for entry in lock(&self.0.executions).values().filter(|entry| entry.script == script) {
            entry.cancellation.cancel();
        }
    }

    /// Cut everything of a tenant that runs here: it may not go on, and nobody asked for the end of anything.
    pub(crate) fn cut_tenant(&self, tenant: TenantId) {
        for entry in lock(&self.0.executions).values().filter(|entry| entry.tenant == Some(tenant)) {
            entry.is_cut.store(true, Ordering::Release);
            entry.cancellation.cancel();
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
            for entry in lock(&self.0.executions).values() {
                entry.cancellation.cancel();
            }
            // Those that do not make it are ended as interrupted by the next start.
            let _ = tokio::time::timeout(CUT_GRACE, self.until_idle()).await;
        }
    }

    async fn until_idle(&self) {
        self.until(HashMap::is_empty).await;
    }

    async fn until(&self, is_so: impl Fn(&HashMap<ExecutionId, Entry>) -> bool) {
        loop {
            let ended = self.0.ended.notified();
            if is_so(&lock(&self.0.executions)) {
                return;
            }
            ended.await;
        }
    }
}

impl Guard {
    /// What was taken from the queue. It is cut where this was cut meanwhile.
    pub(crate) fn take_on(self, order: &Order) -> Self {
        // The other one's log is closed with it.
        let tail = LogTail::default();
        let entry = self.entry(order.target.script.id, Some(order.target.tenant.id));
        let entry = Entry { is_taken: true, tail: tail.clone(), ..entry };
        lock(&self.running.0.executions).insert(order.execution, entry);
        let (running, cancellation) = (self.running.clone(), self.cancellation.clone());
        let (is_unwanted, is_cut) = (Arc::clone(&self.is_unwanted), Arc::clone(&self.is_cut));
        Self { running, execution: order.execution, cancellation, is_unwanted, is_cut, tail }
    }

    pub(crate) fn cancellation(&self) -> CancellationToken {
        self.cancellation.clone()
    }

    /// Where its log can be looked at while it goes on.
    pub(crate) fn tail(&self) -> LogTail {
        self.tail.clone()
    }

    /// Whether only the process wants its end, or its tenant may not go on, and no person asked for it.
    pub(crate) fn was_only_stopped(&self) -> bool {
        let is_cut = self.running.is_stopping() || self.is_cut.load(Ordering::Acquire);
        is_cut && !self.is_unwanted.load(Ordering::Acquire)
    }

    fn entry(&self, script: ScriptId, tenant: Option<TenantId>) -> Entry {
        Entry {
            script,
            cancellation: self.cancellation.clone(),
            tenant,
            is_taken: false,
            is_unwanted: Arc::clone(&self.is_unwanted),
            is_cut: Arc::clone(&self.is_cut),
            tail: self.tail.clone(),
        }
    }
}

impl Drop for Claimed {
    fn drop(&mut self) {
        lock(&self.running.0.claimed).remove(&self.execution);
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        let mut executions = lock(&self.running.0.executions);
        // Another attempt may have taken its place.
        if executions.get(&self.execution).is_some_and(|entry| Arc::ptr_eq(&entry.is_unwanted, &self.is_unwanted)) {
            executions.remove(&self.execution);
        }
        drop(executions);
        // What became of it is in its row by now.
        self.tail.close();
        self.running.0.ended.notify_waiters();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
