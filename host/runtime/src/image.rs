//! The embedded engine: two components with native code for this processor (RULES 10).

use wasmtime::{Engine, component::Component};

/// The components that `./just engine` made, as they are in the binary.
pub(crate) struct Image {
    engine: Embedded,
    compiler: Embedded,
    /// Names the engine build: equal for equal components under an equal Wasmtime.
    pub(crate) build_id: &'static str,
}

struct Embedded {
    component: &'static [u8],
    /// Native code of `component`, made by this project's build with `engine_config`.
    native: &'static [u8],
}

#[cfg(engine_embedded)]
pub(crate) const IMAGE: Image = Image {
    engine: Embedded {
        component: include_bytes!(concat!(env!("SKERRY_ENGINE_DIRECTORY"), "/engine.wasm")),
        native: include_bytes!(concat!(env!("SKERRY_ENGINE_DIRECTORY"), "/engine.cwasm")),
    },
    compiler: Embedded {
        component: include_bytes!(concat!(env!("SKERRY_ENGINE_DIRECTORY"), "/compiler.wasm")),
        native: include_bytes!(concat!(env!("SKERRY_ENGINE_DIRECTORY"), "/compiler.cwasm")),
    },
    build_id: include_str!(concat!(env!("SKERRY_ENGINE_DIRECTORY"), "/engine.id")),
};

/// Without an engine the crate still compiles, so that the program that makes the engine can use its configuration.
#[cfg(not(engine_embedded))]
pub(crate) const IMAGE: Image = Image {
    engine: Embedded { component: &[], native: &[] },
    compiler: Embedded { component: &[], native: &[] },
    build_id: "none",
};

impl Image {
    /// The component that runs scripts.
    pub(crate) fn engine(&self, engine: &Engine) -> wasmtime::Result<Component> {
        self.engine.load(engine)
    }

    /// The component that reads source.
    pub(crate) fn compiler(&self, engine: &Engine) -> wasmtime::Result<Component> {
        self.compiler.load(engine)
    }
}

impl Embedded {
    /// The native code where it fits this processor, else the component compiled now, in memory: nothing native is ever
    /// read from a file that could have been written to.
    fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        if self.component.is_empty() {
            return Err(wasmtime::format_err!(
                "this binary was built without its engine: run `./just engine`, then build again"
            ));
        }
        match self.deserialize(engine) {
            Ok(component) => Ok(component),
            Err(error) => {
                tracing::info!(%error, "the embedded code does not fit this processor; compiling it now");
                Component::new(engine, self.component)
            }
        }
    }

    #[expect(unsafe_code, reason = "native code can only be loaded so")]
    fn deserialize(&self, engine: &Engine) -> wasmtime::Result<Component> {
        // SAFETY: the bytes were made by `Engine::precompile_component` in this project's build and are a constant of
        // this binary, so nobody who cannot already change this binary's code can choose them. Wasmtime itself checks
        // version, configuration and processor features.
        unsafe { Component::deserialize(engine, self.native) }
    }
}
