//! Replay: a past execution again, from its journal alone.

use std::sync::Arc;

use database::{Database, Execution, ExecutionDetail};
use domain::{Actor, ErrorKind, ExecutionId, Limits, Permission, Principal, RecordMode};
use runtime::{
    CallError, Failure, Grants, HostCall, Interfaces, Invocation, Journal, LogLine, Mode, Outcome, Output, Ran,
    Started, SystemClock,
};
use tokio_util::sync::CancellationToken;

use crate::{
    App, AppError, ExecutionService, Inner,
    capabilities::is_outside,
    executions::{Sealed, Target},
    services::Services,
};

/// How long a replay may take: it waits for nobody, so that it is only slower than its original on a slower machine.
const WALL_TIME: std::time::Duration = std::time::Duration::from_secs(120);

/// Tenants that are looked through at once.
const TENANTS_PAGE: u32 = 100;

/// What a replay came to, beside the recorded execution.
#[derive(Debug)]
pub struct ReplayView {
    /// Whether everything that can be compared is equal.
    pub equal: bool,
    /// Whether it ended alike: the same result, or the same error.
    pub result_equal: bool,
    /// Whether the log is the same, to the letter.
    pub logs_equal: bool,
    /// Whether it took the same fuel, to the unit; `None` where another engine ran the original.
    pub fuel_equal: Option<bool>,
    /// What differs first, for a person.
    pub difference: Option<String>,
    /// The replayed run.
    pub outcome: Outcome,
}

/// What was recorded of an execution.
struct Recorded {
    execution: Execution,
    journal: Journal,
    logs: Vec<LogLine>,
    result: Result<Output, Failure>,
}

/// A world that is not there: a replay that asks it for anything is a fault of the gate.
struct Nowhere(Services);

impl Interfaces for Nowhere {
    fn is_outside(&self, call: &HostCall) -> bool {
        is_outside(&self.0, call)
    }

    fn start(&mut self, _call: HostCall, _clock_ms: u64) -> Started {
        Started::Ready(Err(CallError::Unavailable(String::from("a replay reaches nothing"))))
    }
}

impl ExecutionService {
    /// Run a past execution again, offline: no packet leaves the machine, nothing is read or changed.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `executions.inspect`; [`AppError::NotFound`] where no journal was kept.
    pub async fn replay(&self, principal: &Principal, execution: ExecutionId) -> Result<ReplayView, AppError> {
        principal.require(Permission::ExecutionsInspect)?;
        let inner = self.inner();
        let sealed = Sealed::of(inner, principal.tenant)?;
        let recorded = Recorded::of(&inner.database, &sealed, principal, execution)?;
        let row = &recorded.execution;
        let target = Target::of_version(inner, principal.tenant, row.script, row.version)?;
        let runnable = inner.runnable(principal.tenant, row.version, &target.script.name).await?;
        let detail = inner.database.get_execution(principal.tenant, execution)?;
        let input = sealed.open_input(execution, detail.input.as_deref())?;
        let invocation = Invocation {
            script: runnable.script,
            input,
            start: recorded.journal.start.clone(),
            limits: recorded.limits(),
            grants: Arc::new(Grants::default()),
            interfaces: Box::new(Nowhere(inner.services.clone())),
            clock: Arc::new(SystemClock),
            cancellation: CancellationToken::new(),
            record: RecordMode::Off,
            mode: Mode::Replay(Box::new(recorded.journal.clone())),
        };
        let outcome = admitted(inner, principal, invocation).await?;
        Ok(recorded.compare(inner.sandbox.build_id(), outcome))
    }
}

impl App {
    /// Replay as whoever is at this machine's command line, who may see all that is here: whichever tenant ran it.
    ///
    /// # Errors
    /// As [`ExecutionService::replay`].
    pub async fn replay_local(&self, execution: ExecutionId) -> Result<ReplayView, AppError> {
        let mut after = None;
        loop {
            let tenants = self.inner.database.list_tenants(after.as_ref(), TENANTS_PAGE)?;
            let Some(last) = tenants.last() else { return Err(AppError::NotFound { what: "execution" }) };
            after = Some(last.slug.clone());
            for tenant in &tenants {
                if self.inner.database.get_execution(tenant.id, execution).is_ok() {
                    let permissions = [Permission::ExecutionsInspect].into_iter().collect();
                    let principal = Principal { tenant: tenant.id, actor: Actor::Local, permissions };
                    return self.executions.replay(&principal, execution).await;
                }
            }
        }
    }
}

/// A replay takes a slot like any run of the tenant's (RULES 7).
async fn admitted(inner: &Arc<Inner>, principal: &Principal, invocation: Invocation) -> Result<Outcome, AppError> {
    let _permit = inner.admission.admit(principal.tenant).await?;
    let sandbox = inner.sandbox.clone();
    let Ran { outcome, overhead_fuel, .. } = inner.guests.run(async move { sandbox.run(invocation).await }).await??;
    let fuel = outcome.fuel + overhead_fuel;
    inner.charge(principal.tenant, database::Usage { fuel, ..database::Usage::default() });
    Ok(outcome)
}

impl Recorded {
    fn of(
        database: &Database,
        sealed: &Sealed,
        principal: &Principal,
        execution: ExecutionId,
    ) -> Result<Self, AppError> {
        let ExecutionDetail { execution: row, result, error, .. } = database
            .get_execution(principal.tenant, execution)
            .map_err(|_| AppError::NotFound { what: "execution" })?;
        let journal = sealed.open_journal(execution)?.ok_or(AppError::NotFound { what: "journal" })?;
        let result = match (result, error) {
            (Some(result), _) => Ok(sealed.open_result(execution, &result)?),
            (None, Some(error)) => Err(sealed.open_error(execution, &error)?),
            (None, None) => return Err(AppError::NotFound { what: "recorded end" }),
        };
        Ok(Self { execution: row, journal, logs: sealed.logs_of(execution)?, result })
    }

    /// Whether the run was cut from outside, so that only what came before the cut can be compared.
    fn was_cut(&self) -> bool {
        let cuts = [ErrorKind::Timeout, ErrorKind::Cancelled, ErrorKind::Interrupted];
        self.journal.error_kind().is_some_and(|kind| cuts.contains(&kind))
    }

    /// A run that was cut is replayed with the fuel at the cut as its limit.
    fn limits(&self) -> Limits {
        let limits = self.journal.limits;
        let fuel = if self.was_cut() { self.journal.fuel().unwrap_or(limits.fuel) } else { limits.fuel };
        Limits { fuel: fuel.max(1), wall_time: WALL_TIME, ..limits }
    }

    fn compare(self, engine_build: &str, outcome: Outcome) -> ReplayView {
        let same_engine = self.journal.engine_build == engine_build;
        let result_equal = self.ended_alike(&outcome.result);
        let logs_equal = self.logs == outcome.logs;
        let fuel_equal = same_engine.then(|| self.journal.fuel() == Some(outcome.fuel));
        let equal = result_equal && logs_equal && fuel_equal != Some(false);
        let difference = (!equal).then(|| match &outcome.result {
            Err(failure) if failure.name == "Diverged" => failure.message.clone(),
            _ if !result_equal => String::from("it ended otherwise than the recorded execution"),
            _ if !logs_equal => String::from("its log differs from the recorded one"),
            _ => format!("it took {} units of fuel, the recorded one {:?}", outcome.fuel, self.journal.fuel()),
        });
        ReplayView { equal, result_equal, logs_equal, fuel_equal, difference, outcome }
    }

    fn ended_alike(&self, replayed: &Result<Output, Failure>) -> bool {
        if self.was_cut() {
            let cuts = [ErrorKind::CpuLimit, ErrorKind::Interrupted];
            return replayed.as_ref().is_err_and(|failure| cuts.contains(&failure.kind) && failure.name != "Diverged");
        }
        // A run that ended well and could not be committed failed after what its journal tells.
        let failed_at_commit = self.journal.error_kind().is_none() && self.result.is_err();
        if failed_at_commit { replayed.is_ok() } else { &self.result == replayed }
    }
}
