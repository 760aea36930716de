//! Finds the engine that `./just engine` made, and lets the crate embed it.

use std::{env, path::PathBuf};

/// What `./just engine` makes: two components, the native code of each for this machine's processor, and their name.
const FILES: [&str; 5] = ["engine.wasm", "engine.cwasm", "compiler.wasm", "compiler.cwasm", "engine.id"];

fn main() {
    let manifest = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let directory = manifest.join("../../target/engine");
    let complete = FILES.iter().all(|file| directory.join(file).is_file());
    println!("cargo::rustc-check-cfg=cfg(engine_embedded)");
    println!("cargo::rerun-if-changed=build.rs");
    for file in FILES {
        println!("cargo::rerun-if-changed={}", directory.join(file).display());
    }
    if complete {
        println!("cargo::rustc-cfg=engine_embedded");
        println!("cargo::rustc-env=SKERRY_ENGINE_DIRECTORY={}", directory.display());
    }
}
