//! The sandbox: the engine with its pool, and the two components ready to be instantiated.

use std::{fmt, sync::Arc, thread, time::Duration};

use wasmtime::{
    Enabled, Engine,
    component::{Component, InstancePre},
};

use crate::{
    config::{SandboxConfig, pooled_config},
    contract::{compiler::CompilerPre, script::ScriptPre},
    image::IMAGE,
    instance::State,
    linker,
};

/// How often running guests look up: it bounds how late a deadline is noticed and how long one guest holds a thread.
const TICK: Duration = Duration::from_millis(1);

/// The host failed; the script is not to blame.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The engine cannot be set up on this machine.
    #[error("the sandbox cannot be set up: {0}")]
    Setup(String),
    /// Every slot of the pool is taken. Whoever admits runs has to hold back before this.
    #[error("every slot of the sandbox is taken")]
    NoSlot,
    /// A guest could not be instantiated.
    #[error("the guest cannot be instantiated: {0}")]
    Instantiate(String),
    /// The journal that a run was to be replayed from cannot be read.
    #[error(transparent)]
    Journal(#[from] crate::journal::JournalError),
    /// A host function panicked. The instance is gone; the host goes on.
    #[error("the host panicked during a run")]
    Panicked,
}

/// Runs scripts, each in an instance of its own. Cheap to clone.
#[derive(Clone)]
pub struct Sandbox {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) engine: Engine,
    pub(crate) script: ScriptPre<State>,
    pub(crate) compiler: Option<CompilerPre<State>>,
    pub(crate) build_id: Arc<str>,
    pub(crate) slots: u32,
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sandbox").field("build_id", &self.inner.build_id).field("slots", &self.inner.slots).finish()
    }
}

impl Sandbox {
    /// Set up the embedded engine.
    ///
    /// # Errors
    /// [`SandboxError::Setup`], when the machine lacks what the engine needs.
    pub fn new(config: &SandboxConfig) -> Result<Self, SandboxError> {
        let engine = engine(config)?;
        let script = IMAGE.engine(&engine).and_then(|component| linker::link_script(&engine, &component));
        let compiler = IMAGE.compiler(&engine).and_then(|component| linker::link_compiler(&engine, &component));
        Self::assemble(engine, script, Some(compiler), IMAGE.build_id.trim(), config.slots)
    }

    /// Set up a sandbox around another component of the world `script`, as the tests with hostile components do. It
    /// compiles no source.
    ///
    /// # Errors
    /// [`SandboxError::Setup`], when the bytes are no such component.
    pub fn with_component(config: &SandboxConfig, component: &[u8]) -> Result<Self, SandboxError> {
        let engine = engine(config)?;
        let script = Component::new(&engine, component).and_then(|component| linker::link_script(&engine, &component));
        Self::assemble(engine, script, None, "foreign", config.slots)
    }

    /// Names the engine: bytecode, snapshots and fuel of one build mean nothing to another.
    pub fn build_id(&self) -> &str {
        &self.inner.build_id
    }

    /// How many instances there are at most at once.
    pub fn slots(&self) -> u32 {
        self.inner.slots
    }

    fn assemble(
        engine: Engine,
        script: wasmtime::Result<InstancePre<State>>,
        compiler: Option<wasmtime::Result<InstancePre<State>>>,
        build_id: &str,
        slots: u32,
    ) -> Result<Self, SandboxError> {
        let setup = |error: wasmtime::Error| SandboxError::Setup(format!("{error:#}"));
        let script = script.and_then(ScriptPre::new).map_err(setup)?;
        let compiler = compiler.map(|compiler| compiler.and_then(CompilerPre::new)).transpose().map_err(setup)?;
        start_ticker(&engine)?;
        Ok(Self { inner: Arc::new(Inner { engine, script, compiler, build_id: build_id.into(), slots }) })
    }
}

fn engine(config: &SandboxConfig) -> Result<Engine, SandboxError> {
    // Asking the kernel which pages were written makes the reset of an instance several times cheaper; older kernels
    // cannot say.
    Engine::new(&pooled_config(config, Enabled::Yes))
        .or_else(|_| Engine::new(&pooled_config(config, Enabled::No)))
        .map_err(|error| SandboxError::Setup(format!("{error:#}")))
}

fn start_ticker(engine: &Engine) -> Result<(), SandboxError> {
    let engine = engine.weak();
    let tick = move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    };
    let thread = thread::Builder::new().name(String::from("skerry-epoch")).spawn(tick);
    thread.map(drop).map_err(|error| SandboxError::Setup(format!("no thread for the epoch: {error}")))
}
