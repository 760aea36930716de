//! Runs a component's `init` and keeps the memory that it leaves behind.

use std::time::Duration;

use wasmtime::{
    Engine, Store,
    component::{Component, Instance, Linker, types::ComponentItem},
};
use wasmtime_wasi::{
    HostMonotonicClock, HostWallClock, ResourceTable, WasiCtx, WasiCtxView, WasiView, random::Deterministic,
};
use wasmtime_wizer::Wizer;

use crate::Failure;

/// How the names of Skerry's own interfaces begin.
const OWN_IMPORTS: &str = "skerry:script/";

/// Call `component`'s export `init`, and answer the component with the memory and the globals as they are then.
///
/// There is no execution while it runs: every import of Skerry's own traps. WASI answers, because the C library and the
/// adapter read it once and keep what they read; all of its answers are constants, so that the image is the same each
/// time.
///
/// # Errors
/// When `init` traps, or the component cannot be instantiated.
pub(crate) async fn run(component: &[u8]) -> Result<Vec<u8>, Failure> {
    let mut store = Store::new(&Engine::default(), Constants::new());
    let mut wizer = Wizer::new();
    wizer.init_func("init").keep_init_func(true);
    let (initialised, _) = wizer.run_component(&mut store, component, instantiate).await?;
    Ok(initialised)
}

async fn instantiate(store: &mut Store<Constants>, component: &Component) -> wasmtime::Result<Instance> {
    let mut linker = Linker::new(store.engine());
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    trap_on_own_imports(&mut linker, component)?;
    linker.instantiate_async(store, component).await
}

/// By name, because `Linker::define_unknown_imports_as_traps` also gives the resource types that WASI's interfaces hand
/// on to each other a definition of its own, and they no longer agree.
fn trap_on_own_imports(linker: &mut Linker<Constants>, component: &Component) -> wasmtime::Result<()> {
    let engine = linker.engine().clone();
    for (interface, import) in component.component_type().imports(&engine) {
        let ComponentItem::ComponentInstance(instance) = import.ty else { continue };
        if !interface.starts_with(OWN_IMPORTS) {
            continue;
        }
        let mut own = linker.instance(interface)?;
        for (function, export) in instance.exports(&engine) {
            if matches!(export.ty, ComponentItem::ComponentFunc(_)) {
                let name = format!("{interface}#{function}");
                own.func_new(function, move |_, _, _, _| {
                    Err(wasmtime::format_err!("`init` calls {name}, and there is no execution yet"))
                })?;
            }
        }
    }
    Ok(())
}

/// A WASI without files, network, arguments and environment, whose clocks stand at zero and whose randomness is zeros.
struct Constants {
    wasi: WasiCtx,
    table: ResourceTable,
}

impl Constants {
    fn new() -> Self {
        let mut wasi = WasiCtx::builder();
        wasi.wall_clock(StoppedClock).monotonic_clock(StoppedClock);
        wasi.secure_random(zeros()).insecure_random(zeros()).insecure_random_seed(0);
        Self { wasi: wasi.build(), table: ResourceTable::new() }
    }
}

impl WasiView for Constants {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

fn zeros() -> Deterministic {
    Deterministic::new(vec![0])
}

/// A clock that always shows zero.
struct StoppedClock;

impl HostWallClock for StoppedClock {
    fn resolution(&self) -> Duration {
        Duration::from_millis(1)
    }

    fn now(&self) -> Duration {
        Duration::ZERO
    }
}

impl HostMonotonicClock for StoppedClock {
    fn resolution(&self) -> u64 {
        u64::try_from(Duration::from_millis(1).as_nanos()).unwrap_or(u64::MAX)
    }

    fn now(&self) -> u64 {
        0
    }
}
