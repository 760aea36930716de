//! The integration tests: one binary, so that it links once.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod app;
mod examples;
mod routes;
mod samples;
mod sandbox;
mod support;
mod tidy;
