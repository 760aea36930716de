//! Reads what a script's author wrote: a Wasm component of its own, beside the engine.
//!
//! A parser of hostile text overflows stacks and takes time without bound, so that none runs on the host (RULES 1).
//! Here a thousand nested parentheses are a trap that ends one request.
//!
//! This component parses, finds the entry, turns TypeScript into JavaScript, and maps positions back. It does not make
//! bytecode: the engine does, from what this one hands out.

mod entry;
mod findings;
mod globals;
mod marks;
mod modules;
mod positions;
mod schema;
mod script;
mod source;
mod stacks;
mod typescript;
mod warnings;

/// The contract, as `wit/` has it.
mod contract {
    wit_bindgen::generate!({ world: "compiler", path: "../../wit" });
}

use contract::{
    Guest,
    skerry::script::source::{Diagnostic, Failed, Language, Module, ScriptText},
};

struct Compiler;

impl Guest for Compiler {
    fn compile(language: Language, file_name: String, text: String) -> Result<Module, Vec<Diagnostic>> {
        script::compile(language, &file_name, &text)
    }

    fn map_stack(script: ScriptText, failure: Failed) -> String {
        script::map_stack(&script, &failure)
    }
}

contract::export!(Compiler with_types_in contract);
