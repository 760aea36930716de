//! What one instance carries: its gate, its memory's bound, and nothing of any other.

use domain::Limits;
use wasmtime::{Engine, ResourceLimiter, Store, StoreContextMut, UpdateDeadline, error::Context as _};

use crate::{gate::Gate, stop::Stop};

/// The most bytes that one lift from the guest may copy: four times what a call may carry, so that a call that is too
/// large is refused with its name, and one that is far too large ends the run.
const LIFT_BYTES_MAX: usize = 16 << 20;

/// The most component handles. The contract has no resources; WASI's stubs hand out none.
const HANDLES_MAX: usize = 64;

/// The data of a store.
pub(crate) struct State {
    /// Absent while source is compiled and while a top level is run without an execution: then every import ends it.
    gate: Option<Box<Gate>>,
    memory: Memory,
}

struct Memory {
    limit_bytes: u64,
    peak_bytes: u64,
}

impl State {
    /// The gate, if there is an execution.
    pub(crate) fn gate(&mut self, what: &'static str) -> Result<&mut Gate, Stop> {
        self.gate.as_deref_mut().ok_or(Stop::Impure(what))
    }

    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        self.memory.peak_bytes
    }

    pub(crate) fn into_gate(self) -> Option<Gate> {
        self.gate.map(|gate| *gate)
    }

    pub(crate) fn gate_ref(&self) -> Option<&Gate> {
        self.gate.as_deref()
    }
}

impl ResourceLimiter for Memory {
    fn memory_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let desired_bytes = desired as u64;
        if desired_bytes > self.limit_bytes {
            // A growth that answers -1 can be caught by the script, and sends QuickJS down its least tested paths.
            return Err(Stop::Memory { desired_bytes, limit_bytes: self.limit_bytes }.into());
        }
        self.peak_bytes = self.peak_bytes.max(desired_bytes);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(error).context("the memory could not grow")
    }

    fn table_growing(&mut self, _current: usize, _desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(true)
    }
}

/// A fresh store with all its limits. `check` is asked at each tick of the epoch whether the guest may go on.
pub(crate) fn store(
    engine: &Engine,
    limits: &Limits,
    gate: Option<Gate>,
    check: impl Fn() -> Result<(), Stop> + Send + Sync + 'static,
) -> wasmtime::Result<Store<State>> {
    let memory = Memory { limit_bytes: limits.memory_bytes, peak_bytes: 0 };
    let mut store = Store::new(engine, State { gate: gate.map(Box::new), memory });
    store.limiter(|state| &mut state.memory);
    store.set_fuel(limits.fuel)?;
    store.set_epoch_deadline(1);
    store.epoch_deadline_callback(move |_| {
        check()?;
        Ok(UpdateDeadline::Yield(1))
    });
    store.set_hostcall_fuel(LIFT_BYTES_MAX);
    store.set_max_component_handles(HANDLES_MAX);
    Ok(store)
}

/// Take the price of a host call from the guest's fuel.
pub(crate) fn charge(store: &mut StoreContextMut<'_, State>, price: u64) -> wasmtime::Result<()> {
    let left = store.get_fuel()?;
    let Some(rest) = left.checked_sub(price) else {
        store.set_fuel(0)?;
        return Err(Stop::Fuel.into());
    };
    store.set_fuel(rest)
}
