//! The sandbox with its real engine.

mod component;
mod conformance;
mod determinism;
mod globals;
mod hostile;
mod leaks;
mod limits;
mod nesting;
mod purity;
mod runs;
