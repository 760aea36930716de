//! The faces of Skerry: the REST API, the tenants' endpoints, and the command line.
//!
//! Only this crate knows status codes, JSON shapes and configuration files. What anything means is the application's.

pub mod cli;
mod commands;
pub mod config;
mod controllers;
mod endpoints;
mod listener;
mod pages;
mod permissions;
mod remote;
mod router;
pub mod server;
mod source_map;
mod telemetry;
mod terminal;
mod views;
mod web;
mod welcome;

pub use config::Config;
pub(crate) use permissions::permissions;
pub use router::openapi;
pub use server::{Server, StartError};
pub use web::access;
