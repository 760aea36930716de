//! The sandbox with its real engine.

mod runs;
