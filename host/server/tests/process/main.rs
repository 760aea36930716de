//! The binary as a process: what it survives, and what it says on the command line.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that cannot go on has failed")]

mod audit;
mod books;
mod command_line;
mod crash;
mod faults;
mod kills;
mod load;
mod markers;
mod project;
mod remote;
mod sign_in_markers;
mod stage;
mod stopping;
