//! The database's tests, against real SQLite in temporary directories.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod audit;
mod commits;
mod documents;
mod egress;
mod endpoints;
mod events;
mod executions;
mod hooks;
mod opening;
mod people;
mod postgres;
mod queue;
mod schedules;
mod schema;
mod scripts;
mod stage;
mod storage;
mod tenancy;
mod tokens;
mod webhooks;
