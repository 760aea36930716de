//! The integration tests: one binary, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod examples;
mod routes;
mod samples;
mod sandbox;
mod script_api;
mod support;
mod tidy;
