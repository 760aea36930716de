//! Whether the process can do its work.

use crate::App;

/// Whether the process can do its work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// Whether it takes work.
    pub ready: bool,
    /// Whether what it takes can be kept.
    pub writable: bool,
    /// What is wrong, for the operator; empty where nothing is.
    pub detail: String,
}

impl App {
    /// Whether the process can do its work.
    pub fn health(&self) -> Health {
        let writable = self.inner.database.is_writable();
        let stopping = self.inner.running.is_stopping();
        let detail = match (writable, stopping) {
            (false, _) => "the database does not accept writes: see the log, then start the server again",
            (true, true) => "the server is stopping",
            (true, false) => "",
        };
        Health { ready: writable && !stopping, writable, detail: detail.to_owned() }
    }
}
