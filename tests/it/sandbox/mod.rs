//! The sandbox with its real engine.

mod compile;
mod component;
mod conformance;
mod determinism;
mod globals;
mod hostile;
mod leaks;
mod limits;
mod nesting;
mod positions;
mod purity;
mod runs;
mod schemas;
