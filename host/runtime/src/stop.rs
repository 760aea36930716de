//! Why the host ends an instance: what a script cannot catch.

use crate::replay::Divergence;

/// The reason for which a host function, the limiter or the ticker ended the guest. Travels through Wasmtime as the
/// error of a trap and is taken out again by `classify`.
#[derive(Clone, Debug, thiserror::Error)]
pub(crate) enum Stop {
    /// A host call cost more fuel than was left.
    #[error("a host call cost more fuel than was left")]
    Fuel,
    /// The wall time ran out.
    #[error("the wall time ran out")]
    Deadline,
    /// The guest asked for more memory than it may have.
    #[error("the guest asked for {desired_bytes} bytes of memory, {limit_bytes} are allowed")]
    Memory { desired_bytes: u64, limit_bytes: u64 },
    /// Too many host calls, outbound requests, or bytes in them.
    #[error("{0}")]
    Hostcalls(String),
    /// Somebody cancelled the run.
    #[error("cancelled")]
    Cancelled,
    /// What the run relies on was changed meanwhile.
    #[error("{0}")]
    Conflict(String),
    /// A guest did what the contract forbids.
    #[error("the guest broke the contract: {0}")]
    Contract(&'static str),
    /// A top level that is run without an execution touched something that only an execution has.
    #[error("the top level uses {0}")]
    Impure(&'static str),
    /// A replayed run asked for something else than the recorded one.
    #[error("{0}")]
    Diverged(Box<Divergence>),
    /// A replayed run waits for an answer that the recorded one was never given.
    #[error("the journal ends here")]
    JournalEnd,
}
