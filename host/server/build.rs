//! Lets the crate be built again when `./just ui` made other files for browsers than those that it embeds.

use std::{env, fs, path::PathBuf};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default()).join("../../target/ui");
    // Without it nothing can be embedded, and pages say that `./just ui` makes what they need.
    if let Err(error) = fs::create_dir_all(&root) {
        println!("cargo::warning=target/ui cannot be made: {error}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={}", root.join("manifest.json").display());
}
