//! Core module to component.

use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME as ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER,
};
use wit_component::ComponentEncoder;

use crate::Failure;

/// Wrap a core module, built for WASI preview 1 with `wit-bindgen`'s description of its world inside, into a component.
///
/// The component imports of WASI what the module reaches through the adapter, and no more.
///
/// # Errors
/// When the module is no Wasm module, describes no world, or lacks a function that its world exports.
pub(crate) fn encode(module: &[u8]) -> Result<Vec<u8>, Failure> {
    let component =
        ComponentEncoder::default().validate(true).module(module)?.adapter(ADAPTER_NAME, ADAPTER)?.encode()?;
    Ok(component)
}
