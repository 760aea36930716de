//! One run: a fresh instance, its limits, its outcome.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use domain::{ErrorKind, Limits, Permissions, RecordMode, limits::CALL_BYTES_MAX};
use futures_util::FutureExt;
use serde::de::IgnoredAny;
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use wasmtime::{Engine, PoolConcurrencyLimitError, Store};

use crate::{
    calls::Interfaces,
    classify,
    clock::Clock,
    compile::{CompiledScript, Purity},
    contract::{GuestFailure, Input, Output, Start},
    gate::{Gate, GateStart, RecordedCalls},
    instance::{self, State},
    journal::{Journal, Record, StartRecord},
    outcome::{Failure, Outcome},
    permits::Grants,
    replay::{Code, Divergence, Replay},
    sandbox::{Sandbox, SandboxError},
    stop::Stop,
    tail::LogTail,
};

/// How long past its deadline a run may take to be ended by the ticker or the gate, before it is dropped where it waits.
const GRACE: Duration = Duration::from_millis(100);

/// The most header fields of a response, as most clients read.
const HEADER_FIELDS_MAX: u64 = 100;
/// The most bytes of a response's header fields.
const HEADER_BYTES_MAX: u64 = 64 << 10;

/// One run of one script.
#[expect(missing_debug_implementations, reason = "holds host interfaces, which have no form to show")]
pub struct Invocation {
    /// What is run.
    pub script: Arc<CompiledScript>,
    /// The entry's argument.
    pub input: Input,
    /// Clock, seeds and context.
    pub start: StartRecord,
    /// What it may use.
    pub limits: Limits,
    /// What it may reach.
    pub grants: Arc<Grants>,
    /// What it reaches.
    pub interfaces: Box<dyn Interfaces>,
    /// The host's clock.
    pub clock: Arc<dyn Clock>,
    /// Ends the run from outside, as `cancelled`.
    pub cancellation: CancellationToken,
    /// How much of its host calls is kept.
    pub record: RecordMode,
    /// Where its answers come from.
    pub mode: Mode,
    /// Where its log can be looked at while it goes on.
    pub tail: LogTail,
}

/// Where a run's answers come from.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// From the world.
    #[default]
    Live,
    /// From the world, except for the outside calls that an earlier attempt of this run made.
    Repeat(RecordedCalls),
    /// From the run's own journal alone: nothing leaves the process, and nothing is changed.
    Replay(Box<Journal>),
    /// From the journal of a run of other code, as far as this code asks the same things. Every call has to be allowed
    /// by the grants, as in a live run.
    Edited(Box<Journal>),
}

/// The seeds of one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seeds {
    /// Of `Math.random`.
    pub random: (u64, u64),
    /// Of `crypto` and `utils.uuid`.
    pub crypto: (u64, u64, u64, u64),
}

impl Seeds {
    /// Seeds from 48 bytes that nobody else has seen.
    pub fn from_entropy(bytes: &[u8; 48]) -> Self {
        let mut words = bytes.chunks_exact(8).map(|word| word.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
        let mut word = || words.next().unwrap_or_default();
        Self { random: (word(), word()), crypto: (word(), word(), word(), word()) }
    }
}

/// An outcome, and what only whoever repeats or bills the run needs.
#[derive(Debug)]
pub struct Ran {
    /// What the script's author and callers see.
    pub outcome: Outcome,
    /// The outside calls it made, for a repeat.
    pub outside: RecordedCalls,
    /// Fuel that was spent around the run (mapping a stack), which the tenant is charged and the run is not.
    pub overhead_fuel: u64,
    /// The rights that its calls took, as far as they were let through.
    pub rights_used: Permissions,
    /// Where a replay first asked otherwise than the recorded run.
    pub difference: Option<Divergence>,
}

impl Sandbox {
    /// Run a script in a fresh instance.
    ///
    /// # Errors
    /// Only when the host failed; whatever the script does is an outcome.
    pub async fn run(&self, invocation: Invocation) -> Result<Ran, SandboxError> {
        let began = Instant::now();
        let deadline = began + invocation.limits.wall_time;
        let (replay, repeat_of) = match invocation.mode {
            Mode::Live => (None, RecordedCalls::default()),
            Mode::Repeat(calls) => (None, calls),
            Mode::Replay(journal) => (Some(Replay::of(*journal, Code::Same)?), RecordedCalls::default()),
            Mode::Edited(journal) => (Some(Replay::of(*journal, Code::Edited)?), RecordedCalls::default()),
        };
        let gate = Gate::new(GateStart {
            interfaces: invocation.interfaces,
            replay,
            repeat_of,
            grants: invocation.grants,
            limits: invocation.limits,
            clock: invocation.clock,
            clock_ms: invocation.start.clock_ms,
            deadline,
            cancellation: invocation.cancellation.clone(),
            tail: invocation.tail,
            record: Record::begin(invocation.record, &self.inner.build_id, &invocation.start, &invocation.limits),
        });
        let cancellation = invocation.cancellation;
        let may_go_on = move || match () {
            () if cancellation.is_cancelled() => Err(Stop::Cancelled),
            () if Instant::now() >= deadline => Err(Stop::Deadline),
            () => Ok(()),
        };
        let mut store = instance::store(&self.inner.engine, &invocation.limits, Some(gate), may_go_on)
            .map_err(|error| SandboxError::Instantiate(format!("{error:#}")))?;
        let call = self.call(&mut store, &invocation.script, &invocation.start, &invocation.input);
        let ended = within(deadline + GRACE, call).await?;
        let duration = began.elapsed();
        self.finish(store, ended, &invocation.script, &invocation.limits, duration).await
    }

    /// Load and call, in the order that the script's purity asks for.
    async fn call(
        &self,
        store: &mut Store<State>,
        script: &CompiledScript,
        start: &StartRecord,
        input: &Input,
    ) -> wasmtime::Result<Result<Output, GuestFailure>> {
        let begin = Start {
            clock_ms: start.clock_ms,
            random_seed: start.random_seed,
            crypto_seed: start.crypto_seed,
            context: start.context.clone(),
        };
        let (at_load, at_call) = match script.purity {
            Purity::Pure { .. } => (None, Some(&begin)),
            Purity::Impure { .. } => (Some(&begin), None),
        };
        let instance = self.inner.script.instantiate_async(&mut *store).await?;
        if let Err(failure) = instance.call_load(&mut *store, &script.bytecode, at_load).await? {
            return Ok(Err(failure));
        }
        let called = instance.call_call(store, at_call, input).await?;
        if matches!((input, &called), (Input::Json(_), Ok(Output::Response(_)))) {
            return Err(Stop::Contract("it answers a response where nothing was requested").into());
        }
        Ok(called)
    }

    async fn finish(
        &self,
        store: Store<State>,
        ended: Ended<Result<Output, GuestFailure>>,
        script: &CompiledScript,
        limits: &Limits,
        duration: Duration,
    ) -> Result<Ran, SandboxError> {
        let fuel = limits.fuel - store.get_fuel().unwrap_or(0);
        let peak_memory_bytes = store.data().peak_memory_bytes();
        let result = match ended {
            Ended::Returned(Ok(output)) => bounded(output, limits.result_bytes),
            Ended::Returned(Err(failure)) => Err(classify::failed(failure, store.data().gate_ref())),
            Ended::Trapped(error) => {
                let failure = classify::ended(&error);
                if failure.kind == ErrorKind::EngineFault {
                    tracing::warn!(error = format!("{error:?}"), "a guest broke");
                }
                Err(failure)
            }
        };
        // The instance goes before a stack is mapped, which takes a slot of its own.
        let mut gate = store.into_data().into_gate().ok_or(SandboxError::Panicked)?.into_end();
        let (result, overhead_fuel) = match result {
            Ok(output) => (Ok(output), 0),
            Err(failure) => {
                let (failure, fuel) = self.map_stack(&script.source, failure).await?;
                (Err(failure), fuel)
            }
        };
        // A run that a limit ended has not said what it would have asked next.
        let is_cut = result.as_ref().is_err_and(|failure| failure.kind != ErrorKind::UserError);
        let difference = gate.replay.take().and_then(|replay| replay.into_difference(is_cut));
        gate.record.end(fuel, result.as_ref().err().map(|failure| failure.kind));
        let outcome = Outcome {
            result,
            logs: gate.logs,
            logs_truncated: gate.logs_truncated,
            fuel,
            peak_memory_bytes,
            duration,
            host_calls: gate.host_calls,
            boundary_bytes: gate.boundary_bytes,
            record: gate.record,
        };
        Ok(Ran { outcome, outside: gate.outside, overhead_fuel, rights_used: gate.rights_used, difference })
    }
}

/// How an instance's last call ended.
pub(crate) enum Ended<T> {
    Returned(T),
    Trapped(wasmtime::Error),
}

/// Run something in a fresh instance without an execution, and add the fuel it took to `fuel`.
pub(crate) async fn bare<T>(
    engine: &Engine,
    limits: &Limits,
    fuel: &mut u64,
    work: impl AsyncFnOnce(&mut Store<State>) -> wasmtime::Result<T>,
) -> Result<Ended<T>, SandboxError> {
    let deadline = Instant::now() + limits.wall_time;
    let may_go_on = move || if Instant::now() >= deadline { Err(Stop::Deadline) } else { Ok(()) };
    let mut store = instance::store(engine, limits, None, may_go_on)
        .map_err(|error| SandboxError::Instantiate(format!("{error:#}")))?;
    let ended = within(deadline + GRACE, work(&mut store)).await?;
    *fuel += limits.fuel - store.get_fuel().unwrap_or(0);
    Ok(ended)
}

/// Wait for a guest, at most until `at`; a panic in a host function stays in here.
async fn within<T>(at: Instant, call: impl Future<Output = wasmtime::Result<T>>) -> Result<Ended<T>, SandboxError> {
    match timeout_at(at, AssertUnwindSafe(call).catch_unwind()).await {
        Ok(Ok(Ok(value))) => Ok(Ended::Returned(value)),
        Ok(Ok(Err(error))) if error.is::<PoolConcurrencyLimitError>() => Err(SandboxError::NoSlot),
        Ok(Ok(Err(error))) => Ok(Ended::Trapped(error)),
        Ok(Err(_panic)) => Err(SandboxError::Panicked),
        Err(_elapsed) => Ok(Ended::Trapped(Stop::Deadline.into())),
    }
}

/// The result, if it is within its limits: the script's for a value, what one call may carry for a response's body, and
/// what clients read for its header fields. All of it is guest-controlled.
fn bounded(output: Output, limit_bytes: u64) -> Result<Output, Failure> {
    match &output {
        Output::Json(json) => within_limit("result", json.len(), "bytes", limit_bytes)?,
        Output::Response(response) => {
            let header_bytes = response.headers.iter().map(|header| header.name.len() + header.value.len()).sum();
            within_limit("response's header", response.headers.len(), "fields", HEADER_FIELDS_MAX)?;
            within_limit("response's header", header_bytes, "bytes", HEADER_BYTES_MAX)?;
            if !(200..=599).contains(&response.status) {
                let stop = Stop::Contract("it answered with a status outside 200 to 599");
                return Err(Failure::new(ErrorKind::EngineFault, "EngineFault", stop.to_string()));
            }
            within_limit("response's body", response.body.len(), "bytes", CALL_BYTES_MAX)?;
        }
    }
    // Whoever answers with the result passes it on as it is, so that a broken guest must not choose its words.
    if let Output::Json(json) = &output
        && serde_json::from_str::<IgnoredAny>(json).is_err()
    {
        return Err(classify::ended(&Stop::Contract("its result is no JSON").into()));
    }
    Ok(output)
}

fn within_limit(what: &str, size: usize, unit: &str, limit: u64) -> Result<(), Failure> {
    if size as u64 <= limit {
        return Ok(());
    }
    let message = format!("the {what} has {size} {unit}; at most {limit} are allowed");
    Err(Failure::new(ErrorKind::OutputLimit, "OutputLimit", message))
}
