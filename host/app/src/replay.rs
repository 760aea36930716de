//! Replay: a past execution again, from its journal alone; or edited code in its place, to see what it would have done.

use std::sync::Arc;

use database::{Database, Execution, ExecutionDetail};
use domain::{
    Actor, AuditAction, ErrorKind, ExecutionId, Language, Limits, Permission, Permissions, Principal, RecordMode,
};
use runtime::{
    CallError, CompiledScript, Diagnostic, Divergence, Failure, Grants, HostCall, Interfaces, Invocation, Journal,
    LogLine, Mode, Outcome, Output, Ran, Source, Started, SystemClock,
};
use serde_json::Value;

use crate::{
    App, AppError, ExecutionService, Inner,
    capabilities::is_outside,
    egress::HostList,
    executions::{Sealed, Target, asked},
    inference::host_of,
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
    /// The first host call that differs, where one does.
    pub first_different_call: Option<CallDifference>,
    /// What the compiler has to say of edited code.
    pub warnings: Vec<Diagnostic>,
    /// Fuel of the recorded run.
    pub recorded_fuel: Option<u64>,
    /// The replayed run.
    pub outcome: Outcome,
}

/// Code to be run in the place of the code that was recorded.
#[derive(Clone, Debug)]
pub struct EditedCode {
    /// What it is written in; the script's own language where nothing is said.
    pub language: Option<Language>,
    /// The source.
    pub text: String,
}

/// A host call that a replay asks otherwise than the recorded run.
#[derive(Clone, Debug, PartialEq)]
pub struct CallDifference {
    /// Its number, from 1.
    pub number: u32,
    /// What the recorded run asked there; `None` where it had ended.
    pub recorded: Option<AskedCall>,
    /// What the replay asks there; `None` where it has ended.
    pub asked: Option<AskedCall>,
}

/// A host call, as a person reads it.
#[derive(Clone, Debug, PartialEq)]
pub struct AskedCall {
    /// Interface and function.
    pub name: String,
    /// The arguments.
    pub arguments: Value,
}

/// What is run, and from where it is answered.
struct Replayed {
    script: Arc<CompiledScript>,
    grants: Grants,
    mode: Mode,
    warnings: Vec<Diagnostic>,
}

/// What was recorded of an execution.
struct Recorded {
    execution: Execution,
    journal: Journal,
    logs: Vec<LogLine>,
    result: Result<Output, Failure>,
}

/// A world that is not there: a replay that asks it for anything is a fault of the gate.
struct Nowhere {
    services: Services,
    /// The hosts that the script's capabilities name.
    hosts: HostList,
}

impl Interfaces for Nowhere {
    fn is_outside(&self, call: &HostCall) -> bool {
        is_outside(&self.services, call)
    }

    /// A live run learns from the egress policy that a host is not named; here nobody asks it.
    fn permit_recorded(&self, call: &HostCall) -> Result<(), CallError> {
        match call {
            HostCall::HttpSend(request) if !host_of(&request.url).is_some_and(|host| self.hosts.allows(&host)) => {
                let message = String::from("http.send: the script's capabilities do not name the host");
                Err(CallError::EgressDenied(message))
            }
            _ => Ok(()),
        }
    }

    fn start(&mut self, _call: HostCall, _clock_ms: u64) -> Started {
        Started::Ready(Err(CallError::Unavailable(String::from("a replay reaches nothing"))))
    }
}

impl ExecutionService {
    /// Run a past execution again, offline: no packet leaves the machine, nothing is read or changed, no secret is used.
    /// With edited code, that runs against the recorded answers: a call is answered as the first recorded one that asked
    /// the same, if the script's capabilities and the principal's own rights allow it, and the run ends where it asks
    /// what nothing recorded answers.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] for whoever may not inspect the execution; [`AppError::NotRecorded`];
    /// [`AppError::Source`] where edited code does not compile.
    pub async fn replay(
        &self,
        principal: &Principal,
        execution: ExecutionId,
        edited: Option<EditedCode>,
    ) -> Result<ReplayView, AppError> {
        principal.require(Permission::ExecutionsRead)?;
        let inner = self.inner();
        let sealed = Sealed::of(inner, principal.tenant)?;
        let detail = inner.database.get_execution(principal.tenant, execution);
        let detail = detail.map_err(|_| AppError::NotFound { what: "execution" })?;
        sealed.require_inspect(principal, execution)?;
        let input = sealed.open_input(execution, detail.input.as_deref())?;
        let recorded = Recorded::of(&inner.database, &sealed, principal, execution)?;
        let is_edited = edited.is_some();
        let entry = inner.audit_entry(principal, AuditAction::ExecutionsReplay, execution);
        inner.database.append_audit(entry).await?;
        let Replayed { script, grants, mode, warnings } = match edited {
            Some(code) => replay_edited(inner, principal, &recorded, code).await?,
            None => replay_same(inner, principal, &recorded).await?,
        };
        // Known as running, so that a stop of the server waits for it, and ends it like any other.
        let running = inner.running.begin_replay(recorded.execution.script)?;
        let hosts = HostList::of(&grants.capabilities.hosts);
        let invocation = Invocation {
            script,
            input,
            start: recorded.journal.start.clone(),
            limits: recorded.limits(),
            grants: Arc::new(grants),
            interfaces: Box::new(Nowhere { services: inner.services.clone(), hosts }),
            clock: Arc::new(SystemClock),
            cancellation: running.cancellation(),
            record: RecordMode::Off,
            mode,
            tail: running.tail(),
        };
        let (outcome, difference) = admitted(inner, principal, invocation).await?;
        let may_compare_fuel = !is_edited && recorded.journal.engine_build == inner.sandbox.build_id();
        Ok(ReplayView { warnings, ..recorded.compare(outcome, difference, may_compare_fuel) })
    }
}

async fn replay_same(inner: &Arc<Inner>, principal: &Principal, recorded: &Recorded) -> Result<Replayed, AppError> {
    let row = &recorded.execution;
    let target = Target::of_version(inner, principal.tenant, row.script, row.version)?;
    let runnable = inner.runnable(principal.tenant, row.version, &target.script.name).await?;
    Ok(Replayed {
        script: runnable.script,
        grants: Grants::default(),
        mode: Mode::Replay(Box::new(recorded.journal.clone())),
        warnings: Vec::new(),
    })
}

async fn replay_edited(
    inner: &Arc<Inner>,
    principal: &Principal,
    recorded: &Recorded,
    code: EditedCode,
) -> Result<Replayed, AppError> {
    let script = inner.database.script(principal.tenant, recorded.execution.script)?.summary;
    let language = code.language.unwrap_or(script.language);
    let file_name = format!("{}{}", script.name, language.extension());
    let compiled = inner.compile(principal.tenant, Source { file_name, language, text: code.text }).await?;
    Ok(Replayed {
        script: Arc::new(compiled.script),
        grants: Grants { capabilities: script.capabilities, permissions: principal.permissions },
        mode: Mode::Edited(Box::new(recorded.journal.clone())),
        warnings: compiled.warnings,
    })
}

impl App {
    /// Replay as whoever is at this machine's command line, who may see all that is here: whichever tenant ran it.
    ///
    /// # Errors
    /// As [`ExecutionService::replay`].
    pub async fn replay_local(
        &self,
        execution: ExecutionId,
        edited: Option<EditedCode>,
    ) -> Result<ReplayView, AppError> {
        let mut after = None;
        loop {
            let tenants = self.inner.database.list_tenants(after.as_ref(), TENANTS_PAGE)?;
            let Some(last) = tenants.last() else { return Err(AppError::NotFound { what: "execution" }) };
            after = Some(last.slug.clone());
            for tenant in &tenants {
                if self.inner.database.get_execution(tenant.id, execution).is_ok() {
                    let permissions = Permissions::all();
                    let principal = Principal { tenant: tenant.id, actor: Actor::Local, permissions };
                    return self.executions.replay(&principal, execution, edited).await;
                }
            }
        }
    }
}

/// A replay takes a slot like any run of the tenant's (RULES 7).
async fn admitted(
    inner: &Arc<Inner>,
    principal: &Principal,
    invocation: Invocation,
) -> Result<(Outcome, Option<Divergence>), AppError> {
    let mut allowed = inner.allow_work(principal.tenant, invocation.limits.fuel).await?;
    let sandbox = inner.sandbox.clone();
    let Ran { outcome, overhead_fuel, difference, .. } =
        inner.guests.run(async move { sandbox.run(invocation).await }).await??;
    let fuel = outcome.fuel + overhead_fuel;
    inner.charge(principal.tenant, &mut allowed, fuel).await?;
    Ok((outcome, difference))
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
        let journal = sealed.open_journal(execution)?.ok_or(AppError::NotRecorded)?;
        let result = match (result, error) {
            (Some(result), _) => Ok(sealed.open_result(execution, &result)?),
            (None, Some(error)) => Err(sealed.open_error(execution, &error)?),
            (None, None) => return Err(AppError::NotRecorded),
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

    fn compare(self, mut outcome: Outcome, difference: Option<Divergence>, may_compare_fuel: bool) -> ReplayView {
        let recorded_fuel = self.journal.fuel();
        let result_equal = self.ended_alike(&outcome.result);
        let logs_equal = self.logs == outcome.logs;
        let fuel_equal = may_compare_fuel.then(|| recorded_fuel == Some(outcome.fuel));
        let equal = result_equal && logs_equal && difference.is_none() && fuel_equal != Some(false);
        let in_words = (!equal).then(|| match &difference {
            Some(difference) => difference.to_string(),
            None if !result_equal => String::from("it ended otherwise than the recorded execution"),
            None if !logs_equal => String::from("its log differs from the recorded one"),
            None => format!(
                "it took {} units of fuel, the recorded one {}",
                outcome.fuel,
                recorded_fuel.map_or_else(|| String::from("an unknown number"), |fuel| fuel.to_string())
            ),
        });
        // A replay ends at the cut by other means, which is nobody's news.
        if equal && self.was_cut() {
            outcome.result.clone_from(&self.result);
        }
        ReplayView {
            equal,
            result_equal,
            logs_equal,
            fuel_equal,
            difference: in_words,
            first_different_call: difference.map(CallDifference::from),
            warnings: Vec::new(),
            recorded_fuel,
            outcome,
        }
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

impl From<Divergence> for CallDifference {
    fn from(divergence: Divergence) -> Self {
        Self {
            number: divergence.call,
            recorded: divergence.recorded.as_ref().map(AskedCall::of),
            asked: divergence.asked.as_ref().map(AskedCall::of),
        }
    }
}

impl AskedCall {
    fn of(call: &HostCall) -> Self {
        Self { name: call.name().to_owned(), arguments: asked(call) }
    }
}
