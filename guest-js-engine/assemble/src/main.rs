//! Makes the components that the host embeds out of the guest's core modules.
//!
//! It runs at build time only: `./just engine` builds the core modules, calls this, and `host/runtime` embeds what it
//! wrote. The same inputs give the same bytes, on every machine with the same kind of processor.
//!
//! It writes into the folder named by `--out`:
//!
//! | file | what |
//! |---|---|
//! | `engine.wasm` | the JavaScript engine as a component, pre-initialised: its `init` has run |
//! | `engine.cwasm` | the same as native code for this processor |
//! | `compiler.wasm` | the compiler as a component that imports nothing; it keeps nothing, and so is not pre-initialised |
//! | `compiler.cwasm` | the same as native code for this processor |
//! | `engine.id` | what bytecode, journals and snapshots name the engine by: a BLAKE3 digest in hexadecimal |

mod component;
mod identity;
mod preinitialise;

use std::{
    error::Error,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Parser;
use wasmtime::Engine;

use crate::component::System;

/// A failed build step. It is only ever printed, so that its text is all that counts.
type Failure = Box<dyn Error + Send + Sync>;

/// Make the components that the host embeds out of the guest's core modules.
#[derive(Debug, Parser)]
struct Arguments {
    /// The core module of the JavaScript engine.
    #[arg(long, value_name = "CORE.wasm")]
    engine: PathBuf,
    /// The core module of the compiler.
    #[arg(long, value_name = "CORE.wasm")]
    compiler: PathBuf,
    /// The folder to write to; made when it is not there.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match assemble(&Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            report(failure.as_ref());
            ExitCode::FAILURE
        }
    }
}

async fn assemble(arguments: &Arguments) -> Result<(), Failure> {
    let engine = component::encode(&read(&arguments.engine)?, System::Wasi)?;
    let engine = preinitialise::run(&engine).await?;
    let compiler = component::encode(&read(&arguments.compiler)?, System::Sealed)?;

    let native = Engine::new(&runtime::engine_config())?;
    let out = &arguments.out;
    fs::create_dir_all(out).map_err(|e| format!("cannot make the folder {}: {e}", out.display()))?;
    write(out, "engine.cwasm", &native.precompile_component(&engine)?)?;
    write(out, "compiler.cwasm", &native.precompile_component(&compiler)?)?;
    write(out, "engine.id", identity::of(&engine, &compiler)?.as_bytes())?;
    write(out, "engine.wasm", &engine)?;
    write(out, "compiler.wasm", &compiler)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    Ok(fs::read(path).map_err(|e| format!("cannot read {}: {e}", path.display()))?)
}

/// Write a file whole or not at all: a build that is interrupted here must not leave half a file for the next one to
/// embed. A file that says the same already is left alone, so that what embeds it is not compiled again.
fn write(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(name);
    if fs::read(&path).is_ok_and(|there| there == bytes) {
        return Ok(());
    }
    let unfinished = folder.join(format!(".{name}.unfinished"));
    fs::write(&unfinished, bytes)
        .and_then(|()| fs::rename(&unfinished, &path))
        .map_err(|e| format!("cannot write {}: {e}", path.display()).into())
}

#[expect(clippy::print_stderr, reason = "a build tool talks to the person who builds")]
fn report(failure: &(dyn Error + 'static)) {
    eprintln!("assemble: {failure}");
    let mut cause = failure.source();
    while let Some(error) = cause {
        eprintln!("  because: {error}");
        cause = error.source();
    }
}
