//! Core module to component.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as REACTOR,
};
use wit_component::ComponentEncoder;

use crate::Failure;

/// How a component reaches the system that its C library expects below it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum System {
    /// It imports of WASI what it reaches, and the host decides what answers.
    Wasi,
    /// It imports nothing.
    Sealed,
}

/// Wrap a core module, built for WASI preview 1 with `wit-bindgen`'s description of its world inside, into a component.
///
/// # Errors
/// When the module is no Wasm module, describes no world, lacks a function that its world exports, or is to be sealed
/// and asks for more of the system than `sealed.wat` has.
pub(crate) fn encode(module: &[u8], system: System) -> Result<Vec<u8>, Failure> {
    let sealed;
    let adapter = match system {
        System::Wasi => REACTOR,
        System::Sealed => {
            sealed = wat::parse_str(include_str!("sealed.wat"))?;
            &sealed
        }
    };
    let encoder = ComponentEncoder::default().validate(true).module(module)?;
    Ok(encoder.adapter(ADAPTER_NAME, adapter)?.encode()?)
}
