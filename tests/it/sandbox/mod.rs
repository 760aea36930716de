//! The sandbox with its real engine.

mod hostile;
mod runs;
