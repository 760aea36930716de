//! The sandbox: one Wasm instance for each execution, its limits, and the one gate that every host call passes.
//!
//! The crate knows nothing of databases, tenants' rows or HTTP. What a script reaches beyond its own memory goes through
//! [`Interfaces`], which whoever runs a script implements; so the implementation can sit in another process.
//!
//! The way of a run: [`Sandbox::run`] → a fresh instance → the guest's host calls → the gate (count, charge, capability,
//! bounds, deadline, journal, span) → [`Interfaces`] → the gate again, which hands over answers one at a time → an
//! [`Outcome`]. A failing script is data; [`SandboxError`] means that the host failed.

mod bounds;
mod calls;
mod classify;
mod clock;
mod compile;
mod config;
mod contract;
mod gate;
mod image;
mod instance;
mod journal;
mod linker;
mod outcome;
mod permits;
mod replay;
mod run;
mod sandbox;
mod stop;
mod tail;
pub mod tariff;

pub use bounds::check as check_bounds;
pub use calls::{HostCall, Interfaces, Started, answer_bytes};
pub use clock::{Clock, SystemClock};
pub use compile::{CompileError, Compiled, CompiledScript, MAPPING_FUEL, Purity, Source};
pub use config::{SandboxConfig, engine_config};
pub use contract::{
    Answer, CallError, Delivery, Diagnostic, Entry as PageEntry, Event, Header, HmacAlgorithm, HttpBody, HttpField,
    HttpFieldValue, HttpRedirect, HttpRequest, HttpResponse, Input, LogLevel, Output, Page, Request, Response, Secret,
    SecretHeader, Severity,
};
pub use gate::RecordedCalls;
pub use journal::{Entry as JournalEntry, Journal, JournalError, Record, StartRecord};
pub use outcome::{Failure, LogLine, Outcome};
pub use permits::Grants;
pub use replay::Divergence;
pub use run::{Invocation, Mode, Ran, Seeds};
pub use sandbox::{Sandbox, SandboxError};
pub use tail::{LogTail, TailView};
