//! The use cases over a real database in a directory of its own.

mod admission;
mod collections;
mod collections_model;
mod collections_refused;
mod edits;
mod egress;
mod embed;
pub(crate) mod outside;
mod own_service;
mod queue;
mod replays;
mod rights;
mod secrets;
mod service_tokens;
mod services;
mod stage;
mod thousand;
mod transactions;
mod upstream;
