//! Whether the process can do its work, and how it stands with the deployment.

use std::time::Duration;

use database::{Backlogs, DatabaseFiles};
use domain::Operator;

pub use crate::admission::SlotCounts;
use crate::{App, AppError, DataLocation, Inner, OperatorService};

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

/// How it stands with the deployment, for its operator: what is there now, and nothing that is only believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeploymentHealth {
    /// Whether the process can do its work.
    pub health: Health,
    /// The name of the engine in this binary.
    pub engine_build: String,
    /// How long this process has had the data.
    pub uptime: Duration,
    /// The processes that have had the data so far, this one included.
    pub starts: u64,
    /// The database's files.
    pub files: DatabaseFiles,
    /// Bytes that are free where the data is; `None` where it is in memory, or the system does not say.
    pub disk_free_bytes: Option<u64>,
    /// What waits.
    pub backlogs: Backlogs,
    /// Executions that go on in this process.
    pub running_executions: u64,
    /// The slots of the sandbox.
    pub slots: SlotCounts,
}

impl OperatorService {
    /// How it stands with the deployment.
    ///
    /// # Errors
    /// Only what a read can always fail by.
    pub fn health(&self, _operator: &Operator) -> Result<DeploymentHealth, AppError> {
        let inner = self.inner();
        Ok(DeploymentHealth {
            health: inner.health(),
            engine_build: inner.sandbox.build_id().to_owned(),
            uptime: inner.database.opened_at().elapsed(),
            starts: u64::try_from(inner.database.epoch()).unwrap_or(0),
            files: inner.database.files()?,
            disk_free_bytes: disk_free_bytes(&inner.config.data),
            backlogs: inner.database.backlogs()?,
            running_executions: inner.running.count() as u64,
            slots: inner.admission.counts(),
        })
    }
}

/// Bytes that this user may still write where the data is.
fn disk_free_bytes(data: &DataLocation) -> Option<u64> {
    match data {
        DataLocation::Memory => None,
        DataLocation::Directory(directory) => {
            let about = rustix::fs::statvfs(directory).ok()?;
            Some(about.f_bavail.saturating_mul(about.f_frsize))
        }
    }
}

impl App {
    /// Whether the process can do its work.
    pub fn health(&self) -> Health {
        self.inner.health()
    }
}

impl Inner {
    fn health(&self) -> Health {
        let writable = self.database.is_writable();
        let stopping = self.running.is_stopping();
        let detail = match (writable, stopping) {
            (false, _) => "the database does not accept writes: see the log, then start the server again",
            (true, true) => "the server is stopping",
            (true, false) => "",
        };
        Health { ready: writable && !stopping, writable, detail: detail.to_owned() }
    }
}
