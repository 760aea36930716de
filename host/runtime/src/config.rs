//! The engine's configuration: which Wasm there is, and what an instance costs.

use std::num::NonZeroUsize;

use domain::Limits;
use wasmtime::{
    Config, Enabled, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, Strategy, WasmFeatures,
};

/// Wasm's own stack, in bytes. Deep recursion in JavaScript ends here as `stack_overflow`.
const WASM_STACK_BYTES: usize = 4 << 20;

/// The fiber that a run waits on: Wasm's stack and a mebibyte for the host functions called on top of it.
const FIBER_STACK_BYTES: usize = WASM_STACK_BYTES + (1 << 20);

/// How much memory a slot keeps between two instances. It is zeroed by hand, which is far cheaper than giving the pages
/// back and faulting them in again; the sample scripts dirty less than 2 MiB.
const MEMORY_KEPT_BYTES: usize = 4 << 20;

/// Core instances in one component: engine, adapter and the shims between them are four; the rest is room.
const CORE_INSTANCES_PER_COMPONENT: u32 = 8;

/// What the operator decides about the sandbox.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// How many instances there are at most at once. Each reserves 4 GiB of address space and uses what it touches.
    pub slots: u32,
}

impl Default for SandboxConfig {
    fn default() -> Self {
        Self { slots: 128 }
    }
}

/// The configuration of every engine: of the one that compiles the components when Skerry is built, and of the one that
/// runs them. Whatever differs between the two makes the embedded code unusable, so it is one function.
pub fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .strategy(Strategy::Cranelift)
        .cranelift_opt_level(OptLevel::Speed)
        .consume_fuel(true)
        .epoch_interruption(true)
        .concurrency_support(false)
        .max_wasm_stack(WASM_STACK_BYTES)
        .async_stack_size(FIBER_STACK_BYTES)
        // What one tenant's run left on a fiber's stack is not there for the next one.
        .async_stack_zeroing(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(8));
    // The guest uses none of these, so a hostile one cannot either.
    config.wasm_features(
        WasmFeatures::THREADS
            | WasmFeatures::SHARED_EVERYTHING_THREADS
            | WasmFeatures::MEMORY64
            | WasmFeatures::MULTI_MEMORY
            | WasmFeatures::TAIL_CALL
            | WasmFeatures::RELAXED_SIMD
            | WasmFeatures::GC
            | WasmFeatures::FUNCTION_REFERENCES
            | WasmFeatures::EXCEPTIONS
            | WasmFeatures::LEGACY_EXCEPTIONS
            | WasmFeatures::STACK_SWITCHING
            | WasmFeatures::CM_ASYNC,
        false,
    );
    config
}

/// [`engine_config`] with a pool of `slots`. The pool is no part of what compiled code depends on.
pub(crate) fn pooled_config(config: &SandboxConfig, pagemap_scan: Enabled) -> Config {
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(config.slots)
        .total_core_instances(config.slots.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_core_instances_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_memories(config.slots)
        .max_memories_per_component(1)
        .total_tables(config.slots.saturating_mul(CORE_INSTANCES_PER_COMPONENT))
        .max_tables_per_component(CORE_INSTANCES_PER_COMPONENT)
        .total_stacks(config.slots)
        .max_memory_size(Limits::MAX_MEMORY_BYTES as usize)
        .linear_memory_keep_resident(MEMORY_KEPT_BYTES)
        .table_keep_resident(1 << 16)
        .pagemap_scan(pagemap_scan);
    let mut engine = engine_config();
    engine.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    engine
}
