//! A directory of scripts with a manifest, and what keeps it and a server alike: `init`, `pull`, `push`, `diff`, `deploy` and
//! `rollback`.

mod apply;
mod bindings;
pub(crate) mod bundle;
pub(crate) mod deploy;
pub(crate) mod diff;
pub(crate) mod folder;
pub(crate) mod init;
pub(crate) mod local;
pub(crate) mod manifest;
pub(crate) mod pull;
pub(crate) mod push;
mod remote_script;
mod report;
mod settings;
mod state;
