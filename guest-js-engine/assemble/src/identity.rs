//! The name of an engine build.

/// Wasmtime tells its version to nobody, so it is read where it is pinned.
const LOCK: &str = include_str!("../../../Cargo.lock");

/// The digest of everything that decides what a script does: both components, and the Wasmtime that runs them.
///
/// Bytecode, journals and snapshots carry it, and are not used under another one. It is over the components and not
/// over the native code: two kinds of processor run the same engine.
///
/// # Errors
/// When the lock file names no Wasmtime.
pub(crate) fn of(engine: &[u8], compiler: &[u8]) -> Result<String, &'static str> {
    let wasmtime = wasmtime_version(LOCK).ok_or("Cargo.lock names no version of wasmtime")?;
    let mut digest = blake3::Hasher::new_derive_key("skerry engine identity, version 1");
    for part in [engine, compiler, wasmtime.as_bytes()] {
        digest.update(&(part.len() as u64).to_le_bytes());
        digest.update(part);
    }
    Ok(digest.finalize().to_hex().to_string())
}

fn wasmtime_version(lock: &str) -> Option<&str> {
    let (_, after) = lock.split_once("name = \"wasmtime\"\nversion = \"")?;
    after.split('"').next()
}
