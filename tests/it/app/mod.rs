//! The use cases over a real database in a directory of its own.

mod admission;
mod edits;
mod replays;
mod rights;
mod stage;
mod transactions;
