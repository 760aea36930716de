//! QuickJS with Skerry's script API, as a Wasm component: the exports of the world `script`, and nothing else.
//!
//! Not in here: how a run is driven (`execution`), what a thrown value becomes (`failure`), and the globals that a
//! script sees (`globals`, one file each).

#![deny(unsafe_code)]

mod answers;
mod clock;
mod engine;
mod entry;
mod execution;
mod failure;
mod globals;
mod memory;
mod output;
mod rejections;
mod system;
mod text;

#[expect(unsafe_code, reason = "generated: the canonical ABI is raw memory")]
mod bindings {
    //! What `wit-bindgen` makes of the contract. `dump` and `restore` are written by hand in `memory`.
    wit_bindgen::generate!({ world: "skerry:script/script", path: "../wit", skip: ["dump", "restore"] });
    export!(Script with_types_in self);
    use super::Script;
}

use bindings::{Failure, Input, Output, Start};

struct Script;

impl bindings::Guest for Script {
    fn init() {
        engine::build();
    }

    fn compile(name: String, code: String) -> Result<Vec<u8>, Failure> {
        engine::with(|cx| engine::compile(cx, &name, &code))
    }

    fn load(code: Vec<u8>, begin: Option<Start>) -> Result<(), Failure> {
        if let Some(start) = begin {
            execution::begin(start);
        }
        engine::with(|cx| entry::load(cx, &code))
    }

    fn call(begin: Option<Start>, input: Input) -> Result<Output, Failure> {
        if let Some(start) = begin {
            execution::begin(start);
        }
        engine::with(|cx| entry::call(cx, input))
    }
}
