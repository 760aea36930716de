//! One execution from its start to its commit, repeated where what it read was changed meanwhile (SPEC 2.2).

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use database::{CommitResult, Effects, ExecutionCommit, ExecutionEnd, ExecutionRecord, Lease, Retry, Usage, Verdict};
use domain::{ErrorKind, ExecutionId, ExecutionStatus, Limits, Permissions, UnixMillis};
use runtime::{
    Failure, Grants, Invocation, LogLine, Mode, Outcome, Output, Ran, RecordedCalls, StartRecord, SystemClock,
};

use super::{
    acting::{LiveRights, lost_message},
    ends,
    order::Order,
    running::Guard,
    sent::Sent,
    start,
    views::Sealed,
};
use crate::{
    AppError, Inner,
    artifacts::Runnable,
    capabilities::{Reach, Scope, http::Ordinals},
    lanes::EXCLUSIVE_MAX,
    secrets::Placed,
    transaction::{Transaction, events_full, lease, storage_full},
};

/// How often a run is repeated. The last repeat has the tenant's write lane for itself, so there is nobody left to lose
/// against but other processes.
const REPEATS_MAX: u32 = 3;

/// An execution that has ended, durably.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) result: Result<Output, Failure>,
}

/// All that the attempts of one execution share.
pub(crate) struct Attempts<'a> {
    inner: &'a Arc<Inner>,
    order: &'a Order,
    runnable: &'a Runnable,
    sealed: Sealed,
    lease: Lease,
    start: StartRecord,
    limits: Limits,
    grants: Arc<Grants>,
    scope: Arc<Scope>,
    /// The day to which its fuel counts.
    day: i64,
    /// Whether another attempt would do what must not be done twice.
    is_last_attempt: AtomicBool,
}

/// What became of a commit, as far as the run goes on from there.
enum Committed {
    Ended(Finished),
    Stale(String),
}

impl<'a> Attempts<'a> {
    pub(crate) fn new(
        inner: &'a Arc<Inner>,
        order: &'a Order,
        runnable: &'a Runnable,
        (started_at, day): (UnixMillis, i64),
    ) -> Result<Self, AppError> {
        let tenant = order.target.tenant.id;
        let limits = start::limits(inner, order, runnable);
        let context = start::context(inner, order, runnable, started_at, &limits)?;
        let scope = Scope {
            script: order.target.script.id,
            script_name: order.target.script.name.to_string(),
            user: order.actor.user(),
            capabilities: runnable.version.capabilities.clone(),
            rights: order.rights,
            live_rights: LiveRights::new(order.acting, order.rights),
            deadline: Instant::now() + limits.wall_time,
            lineage: order.lineage,
            placed: Placed::default(),
            bounds: inner.bounds_of(&order.target.tenant),
            sent: Sent::after(order.sent_before.clone()),
        };
        Ok(Self {
            inner,
            order,
            runnable,
            scope: Arc::new(scope),
            sealed: Sealed::of(inner, tenant)?,
            lease: Lease {
                fence: order.held.map(|held| held.fence),
                ..lease(tenant, order.execution, order.attempt, inner.database.epoch())
            },
            start: start::record(context, started_at)?,
            limits,
            day,
            is_last_attempt: AtomicBool::new(false),
            grants: Arc::new(Grants { capabilities: runnable.version.capabilities.clone(), permissions: order.rights }),
        })
    }

    /// Run it to its end. What it uses is in `used` also where the server fails at it.
    pub(crate) async fn run(self, running: &Guard, used: &mut Usage) -> Result<Finished, AppError> {
        let mut recorded = RecordedCalls::default();
        let mut usage = Usage { executions: 1, ..Usage::default() };
        let mut spent = 0;
        let began = Instant::now();
        for repeat in 0..=REPEATS_MAX {
            let is_last = repeat == REPEATS_MAX;
            let lane = if is_last { Some(self.exclusive_lane().await) } else { None };
            let transaction = Transaction::new();
            // A repeat's fuel and time count against the run's limits (RULES 7).
            let limits = Limits {
                fuel: self.limits.fuel.saturating_sub(spent).max(1),
                wall_time: self.limits.wall_time.saturating_sub(began.elapsed()),
                ..self.limits
            };
            let invocation = self.invocation(&transaction, limits, std::mem::take(&mut recorded), running);
            let Ran { mut outcome, outside, overhead_fuel, rights_used, .. } =
                self.inner.sandbox.run(invocation).await?;
            outcome.result = self.order.terms.judge(outcome.result);
            spent += outcome.fuel + overhead_fuel;
            usage.fuel += outcome.fuel + overhead_fuel;
            // Whether it can be repeated depends on the commits that it began.
            transaction.settled().await;
            usage.host_calls += u64::from(outcome.host_calls);
            usage.bytes += outcome.boundary_bytes;
            *used = usage;
            if running.was_only_stopped()
                && let Err(failure) = &mut outcome.result
                && failure.kind == ErrorKind::Cancelled
            {
                *failure = interrupted();
            }
            let shared = if lane.is_none() { Some(self.inner.lanes.shared(self.lease.tenant).await) } else { None };
            let lost = self.scope.live_rights.lost(self.inner, rights_used)?;
            if lost != Permissions::NONE && outcome.result.is_ok() {
                let failure = Failure::new(ErrorKind::CapabilityDenied, "CapabilityDenied", lost_message(lost));
                return self.refuse(outcome, failure, usage).await;
            }
            let is_cut = outcome.result.as_ref().is_err_and(|failure| !depends_on_reads(failure.kind));
            if let (Some(failure), false) = (self.scope.sent.failure(), is_cut) {
                self.is_last_attempt.store(true, Ordering::Relaxed);
                return self.refuse(outcome, failure, usage).await;
            }
            match self.commit(outcome, &transaction, usage, is_last).await? {
                Committed::Ended(finished) => return Ok(finished),
                Committed::Stale(what) => {
                    tracing::debug!(execution.id = %self.order.execution, repeat, what, "a run is repeated");
                    recorded = outside;
                }
            }
            drop((lane, shared));
        }
        Err(AppError::internal("an execution was repeated more often than it can be"))
    }

    fn invocation(
        &self,
        transaction: &Transaction,
        limits: Limits,
        recorded: RecordedCalls,
        running: &Guard,
    ) -> Invocation {
        Invocation {
            script: Arc::clone(&self.runnable.script),
            input: self.order.input.clone(),
            start: self.start.clone(),
            limits,
            grants: Arc::clone(&self.grants),
            interfaces: Box::new(Reach {
                inner: Arc::clone(self.inner),
                key: self.sealed.key(),
                lease: self.lease,
                transaction: transaction.clone(),
                scope: Arc::clone(&self.scope),
                ordinals: Ordinals::default(),
            }),
            clock: Arc::new(SystemClock),
            cancellation: running.cancellation(),
            record: self.order.target.script.record,
            mode: if recorded.is_empty() { Mode::Live } else { Mode::Repeat(recorded) },
            tail: running.tail(),
        }
    }

    /// Commit a run's end with its effects; ask for a repeat where it read what has changed.
    async fn commit(
        &self,
        outcome: Outcome,
        transaction: &Transaction,
        usage: Usage,
        is_last: bool,
    ) -> Result<Committed, AppError> {
        let (effects, may_repeat, stale) = {
            let mut buffer = transaction.lock();
            let effects = match &outcome.result {
                Ok(_) => buffer.take_effects(self.scope.bounds),
                Err(failure) if depends_on_reads(failure.kind) => buffer.take_checks(),
                Err(_) => Effects::default(),
            };
            (effects, !buffer.has_committed && !is_last, buffer.stale.take())
        };
        if let Some(what) = stale {
            return self.stale(outcome, what, usage, may_repeat).await;
        }
        match self.end(&outcome, &outcome.result, effects, usage).await? {
            CommitResult::Committed { .. } | CommitResult::AlreadyEnded => {
                Ok(Committed::Ended(Finished { result: outcome.result }))
            }
            CommitResult::Conflict { what } => self.stale(outcome, what, usage, may_repeat).await,
            CommitResult::NotANumber { key } => {
                let message = format!("storage.increment: the value of '{key}' is no number to add to");
                self.refused(outcome, Failure::new(ErrorKind::UserError, "TypeError", message), usage).await
            }
            CommitResult::StorageFull { limit_bytes } => {
                self.refused(outcome, Failure::new(ErrorKind::Quota, "Quota", storage_full(limit_bytes)), usage).await
            }
            CommitResult::EventsFull { limit } => {
                self.refused(outcome, Failure::new(ErrorKind::Quota, "Quota", events_full(limit)), usage).await
            }
        }
    }

    async fn stale(
        &self,
        outcome: Outcome,
        what: String,
        usage: Usage,
        may_repeat: bool,
    ) -> Result<Committed, AppError> {
        let is_cut = outcome.result.as_ref().is_err_and(|failure| !depends_on_reads(failure.kind));
        if may_repeat && !is_cut {
            return Ok(Committed::Stale(what));
        }
        // What it committed so far it would commit again.
        self.is_last_attempt.store(true, Ordering::Relaxed);
        let message = format!(
            "{what} was changed by another execution, and this one cannot be repeated any more; what it committed with \
             storage.commit() stays"
        );
        self.refused(outcome, Failure::new(ErrorKind::Conflict, "Conflict", message), usage).await
    }

    /// End the execution as failed, because its effects cannot be committed.
    async fn refuse(&self, outcome: Outcome, failure: Failure, usage: Usage) -> Result<Finished, AppError> {
        let result = Err(failure);
        self.end(&outcome, &result, Effects::default(), usage).await?;
        Ok(Finished { result })
    }

    async fn refused(&self, outcome: Outcome, failure: Failure, usage: Usage) -> Result<Committed, AppError> {
        Ok(Committed::Ended(self.refuse(outcome, failure, usage).await?))
    }

    async fn end(
        &self,
        outcome: &Outcome,
        result: &Result<Output, Failure>,
        mut effects: Effects,
        usage: Usage,
    ) -> Result<CommitResult, AppError> {
        let execution = self.order.execution;
        let kind = result.as_ref().err().map(|failure| failure.kind);
        let (verdict, retry) = (ends::verdict(self.order, kind), self.retry(kind)?);
        if let (Some(kind), None) = (kind, &retry) {
            effects.events.extend(self.inner.told_of_failure(self.order, kind)?);
        }
        let on_open = match (kind, verdict) {
            (Some(kind), Verdict::Failed { .. }) => self.inner.told_of_breaker(self.order, kind)?,
            _ => None,
        };
        let commit = ExecutionCommit {
            lease: self.lease,
            end: ExecutionEnd {
                status: kind.map_or(ExecutionStatus::Success, ErrorKind::status),
                error_kind: kind,
                result: result.as_ref().ok().map(|output| self.sealed.result(execution, output)).transpose()?,
                error: result.as_ref().err().map(|failure| self.sealed.error(execution, failure)).transpose()?,
                fuel: outcome.fuel,
                peak_memory_bytes: outcome.peak_memory_bytes,
                host_calls: outcome.host_calls,
                logs_truncated: outcome.logs_truncated,
                completed_at: UnixMillis::now(),
                duration: outcome.duration,
            },
            record: Some(self.record(execution, &outcome.logs, outcome)?),
            effects,
            usage,
            day: self.day,
            verdict,
            retry,
            on_open,
        };
        self.commit_and_wake(commit).await
    }

    async fn commit_and_wake(&self, commit: ExecutionCommit) -> Result<CommitResult, AppError> {
        // The next event of a subject may go on, or there are new ones.
        let is_news = !self.order.is_waited_for() || !commit.effects.events.is_empty();
        let committed = self.inner.database.commit_execution(commit).await?;
        if is_news {
            self.inner.events.wake();
        }
        Ok(committed)
    }

    /// How the execution goes on after it failed so; `None` where it has ended.
    fn retry(&self, kind: Option<ErrorKind>) -> Result<Option<Retry>, AppError> {
        if self.is_last_attempt.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let Some(retry) = kind.and_then(|kind| ends::retry(self.order, kind)) else { return Ok(None) };
        let sent = self.scope.sent.taken();
        let sealed = if sent.is_empty() { None } else { Some(self.sealed.sent(self.order.execution, &sent)?) };
        Ok(Some(Retry { sent: sealed, ..retry }))
    }

    fn record(&self, execution: ExecutionId, logs: &[LogLine], outcome: &Outcome) -> Result<ExecutionRecord, AppError> {
        let journal = outcome.record.as_bytes();
        Ok(ExecutionRecord {
            logs: self.sealed.logs(execution, logs)?,
            journal: if journal.is_empty() { Vec::new() } else { self.sealed.journal(execution, journal) },
        })
    }

    /// The tenant's write lane, given back after five seconds even where the run goes on.
    async fn exclusive_lane(&self) -> Lane {
        let guard = self.inner.lanes.exclusive(self.lease.tenant).await;
        let lane = Arc::new(Mutex::new(Some(guard)));
        let held = Arc::downgrade(&lane);
        let give_back = tokio::spawn(async move {
            tokio::time::sleep(EXCLUSIVE_MAX).await;
            if let Some(lane) = held.upgrade() {
                lane.lock().unwrap_or_else(PoisonError::into_inner).take();
            }
        });
        Lane { _guard: lane, give_back }
    }
}

fn interrupted() -> Failure {
    Failure::new(ErrorKind::Interrupted, "Interrupted", "the server stopped while the script ran")
}

/// A tenant's write lane, held until this is dropped or its time is over.
struct Lane {
    _guard: Arc<Mutex<Option<tokio::sync::OwnedRwLockWriteGuard<()>>>>,
    give_back: tokio::task::JoinHandle<()>,
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.give_back.abort();
    }
}

/// Whether fresh reads could have made the run end otherwise. A run that was cut by a limit, by a person or by a fault
/// is not run again.
fn depends_on_reads(kind: ErrorKind) -> bool {
    !matches!(
        kind,
        ErrorKind::Timeout
            | ErrorKind::CpuLimit
            | ErrorKind::MemoryLimit
            | ErrorKind::Cancelled
            | ErrorKind::Interrupted
            | ErrorKind::EngineFault
            | ErrorKind::Internal
    )
}

/// End an execution that never ran to an end of its own.
pub(crate) async fn end_without_run(inner: &Inner, order: &Order, failure: &Failure) -> Result<(), AppError> {
    let (tenant, execution) = (order.target.tenant.id, order.execution);
    let now = UnixMillis::now();
    let told = inner.told_of_failure(order, failure.kind)?;
    let commit = ExecutionCommit {
        lease: Lease {
            fence: order.held.map(|held| held.fence),
            ..lease(tenant, execution, order.attempt, inner.database.epoch())
        },
        end: ExecutionEnd {
            status: failure.kind.status(),
            error_kind: Some(failure.kind),
            result: None,
            error: Some(Sealed::of(inner, tenant)?.error(execution, failure)?),
            fuel: 0,
            peak_memory_bytes: 0,
            host_calls: 0,
            logs_truncated: false,
            completed_at: now,
            duration: Duration::ZERO,
        },
        record: None,
        effects: Effects { events: told.into_iter().collect(), ..Effects::default() },
        usage: Usage::default(),
        day: now.utc_day(),
        verdict: Verdict::Nothing,
        retry: ends::retry(order, failure.kind),
        on_open: None,
    };
    inner.database.commit_execution(commit).await?;
    inner.events.wake();
    Ok(())
}
