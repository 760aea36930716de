//! The JavaScript engine of this instance: built once, when the component is pre-initialised.

use std::cell::OnceCell;
use std::io;

use javy::quickjs::{Ctx, Module, WriteOptions};
use javy::{BytecodeStripping, Config, Runtime};

use crate::bindings::Failure;
use crate::{execution, failure, globals, rejections};

/// Cyclic garbage is collected once the heap has grown by this much: rarely enough to cost nothing, and often enough
/// that a script which makes cycles stays far below the default memory limit (128 MiB).
const GC_THRESHOLD_BYTES: usize = 8 << 20;

/// Parses, runs a job, reads the clock and formats a number, so that whatever QuickJS sets up at first use is in the
/// image. It draws no random number: a generator that is set up here would be the same in every execution.
const WARM_UP: &str = "
    JSON.parse(JSON.stringify({ a: [1, 'two', 3.5, null, true] }));
    (async () => { await null; await Promise.all([1, Promise.resolve(2)]); })();
    new Date().toISOString(); new Date(0).toString();
    /(?<word>\\w+)/u.exec('one'); [3, 1, 2].sort().map(String).join(); `${1.5}`.padStart(9);
    new Map([[1, 2]]); new Set([1]); new Uint8Array(4); Symbol('s'); new (class { #p = 1; get p() { return this.#p; } })().p;
    try { null.x; } catch (e) { e.stack; }";

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Build the runtime with every global.
///
/// # Panics
/// When any of it fails: it runs when the component is made, where a panic is a build error.
pub(crate) fn build() {
    let runtime = Runtime::new(config()).expect("a runtime");
    runtime.context().with(|cx| {
        globals::register(&cx).expect("the script API");
        cx.eval::<(), _>(WARM_UP).expect("the warm-up");
        execution::drain(&cx);
    });
    rejections::register(runtime.context().runtime());
    runtime.context().runtime().run_gc();
    RUNTIME.with(|cell| cell.set(runtime)).unwrap_or_else(|_| panic!("`init` is called once"));
    execution::rest();
}

/// Use the engine.
///
/// # Panics
/// When `init` has not run, which the component's pre-initialisation rules out.
pub(crate) fn with<T>(run: impl FnOnce(&Ctx<'_>) -> T) -> T {
    RUNTIME.with(|runtime| runtime.get().expect("a pre-initialised engine").context().with(|cx| run(&cx)))
}

/// Compile a module to bytecode. Names, lines and source text are kept: stacks and `toString` show them.
pub(crate) fn compile(cx: &Ctx<'_>, name: &str, code: &str) -> Result<Vec<u8>, Failure> {
    Module::declare(cx.clone(), name, code)
        .and_then(|module| module.write(WriteOptions::default()))
        .map_err(|raised| failure::syntax(cx, &raised))
}

/// javy's defaults are not ours, so that each is set by hand.
fn config() -> Config {
    let mut config = Config::default();
    config
        .date(true)
        .eval(true)
        .regexp_compiler(true)
        .regexp(true)
        .json(true)
        .proxy(true)
        .map_set(true)
        .promise(true)
        .operator_overloading(false)
        .bignum_extension(false)
        // Ours know more encodings (see `globals::encoding`).
        .text_encoding(false)
        .weak_ref(true)
        .performance(false)
        .javy_stream_io(false)
        .redirect_stdout_to_stderr(false)
        .gc_threshold(GC_THRESHOLD_BYTES)
        .memory_limit(usize::MAX)
        // The host's stack limits hold; QuickJS's own does nothing on this target.
        .max_stack_size(usize::MAX)
        .log_stream(Box::new(io::sink()))
        .err_stream(Box::new(io::sink()))
        .bytecode_stripping(BytecodeStripping::None);
    config
}
