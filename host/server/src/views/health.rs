//! How it stands with the deployment.

use app::{DeploymentHealth, SlotCounts};
use serde::Serialize;
use utoipa::ToSchema;

/// How it stands with the deployment.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DeploymentHealth)]
pub(crate) struct DeploymentHealthBody {
    /// Whether the server takes work.
    ready: bool,
    /// Whether the database takes writes.
    writable: bool,
    /// What is wrong; empty where nothing is.
    detail: String,
    /// Of the server.
    #[schema(example = "0.5.0")]
    version: &'static str,
    /// The engine in the binary.
    engine: String,
    /// How long this process has had the data.
    uptime_s: u64,
    /// The processes that have had the data so far, this one included.
    starts: u64,
    database: DatabaseBody,
    /// Bytes that are free where the data is; null where the system does not say.
    disk_free_bytes: Option<u64>,
    queues: QueuesBody,
    workers: WorkersBody,
}

/// The database's files.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DatabaseHealth)]
struct DatabaseBody {
    file_bytes: u64,
    /// Of the write-ahead log.
    log_bytes: u64,
    /// Within the file, taken up by what comes next.
    unused_bytes: u64,
    /// The number of the last migration.
    schema_version: u64,
    /// The last check of the file, which each start makes; null where there is no file.
    integrity_check: Option<CheckBody>,
}

/// A check of the database's file. One that finds damage keeps the server from starting.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IntegrityCheck)]
struct CheckBody {
    #[schema(format = DateTime)]
    at: String,
    /// Whether all of the file was looked at: of a large one it is as much as fits into a second.
    is_whole: bool,
}

/// What waits, of all tenants together.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QueueLengths)]
struct QueuesBody {
    /// Executions that were accepted and have not ended.
    executions: u64,
    /// Events that nobody has looked for subscriptions of yet.
    events: u64,
    /// Deliveries to webhooks that are to be sent.
    webhooks: u64,
}

/// Who works in this process.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Workers)]
struct WorkersBody {
    /// Executions that go on.
    running_executions: u64,
    /// Slots of the sandbox.
    slots: u32,
    /// Those that nobody holds.
    free_slots: u32,
    /// Whoever waits for a slot.
    waiting: u64,
}

impl From<&DeploymentHealth> for DeploymentHealthBody {
    fn from(found: &DeploymentHealth) -> Self {
        let (files, backlogs) = (&found.files, found.backlogs);
        let SlotCounts { total, free, waiting } = found.slots;
        let check = files.check.map(|check| CheckBody { at: check.at.to_rfc3339(), is_whole: check.is_whole });
        Self {
            ready: found.health.ready,
            writable: found.health.writable,
            detail: found.health.detail.clone(),
            version: env!("CARGO_PKG_VERSION"),
            engine: found.engine_build.clone(),
            uptime_s: found.uptime.as_secs(),
            starts: found.starts,
            database: DatabaseBody {
                file_bytes: files.file_bytes,
                log_bytes: files.log_bytes,
                unused_bytes: files.unused_bytes,
                schema_version: files.schema_version,
                integrity_check: check,
            },
            disk_free_bytes: found.disk_free_bytes,
            queues: QueuesBody {
                executions: backlogs.executions,
                events: backlogs.events,
                webhooks: backlogs.webhooks,
            },
            workers: WorkersBody {
                running_executions: found.running_executions,
                slots: total,
                free_slots: free,
                waiting,
            },
        }
    }
}
