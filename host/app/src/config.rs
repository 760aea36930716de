//! What the operator decides, as the application takes it.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc};

use database::Database;
use domain::{HookPoint, Limits, Quotas};

use crate::{
    audit::AuditConfig,
    egress::{EgressConfig, Network, SystemNetwork},
    error::AppOpenError,
    hooks::HookConfig,
    schedules::ScheduleConfig,
    sealing::Keyring,
    services::{OpenApiConfig, ServiceTokenConfig, Services},
    sign_in::SignInConfig,
};

/// What the operator decides.
#[derive(Clone, Debug)]
pub struct AppConfig {
    /// Where the data is.
    pub data: DataLocation,
    /// The file with the key that wraps every tenant's key; beside the database where nothing is said.
    pub key_file: Option<PathBuf>,
    /// Where the heads of the audit log go, and for how long its rows are kept.
    pub audit: AuditConfig,
    /// Requests to the API that each token or person may send in a minute; without a bound where nothing is said.
    pub requests_per_minute: Option<u64>,
    /// Instances at once, of all tenants together.
    pub slots: u32,
    /// Instances at once of one tenant.
    pub tenant_share: u32,
    /// The system's limits of one execution.
    pub limits: Limits,
    /// Bytes of storage that a tenant may have.
    pub storage_limit_bytes: u64,
    /// Events of a tenant that may wait for their subscriptions to be looked for. Past it nobody publishes: what waits this
    /// long is behind a full queue.
    pub pending_events: u64,
    /// What else a tenant may have and use; executions at once and storage are said above.
    pub quotas: Quotas,
    /// What expressions of schedules may say, and how fast missed slots are caught up.
    pub schedules: ScheduleConfig,
    /// The services of the host application that scripts can be given: those that are written in Rust.
    pub services: Services,
    /// The operator's HTTP services, by name.
    pub openapi: BTreeMap<String, OpenApiConfig>,
    /// The JSON Schemas of the collections that each tenant has, by name.
    pub collections: BTreeMap<String, String>,
    /// The extension points of the host application.
    pub hooks: BTreeMap<HookPoint, HookConfig>,
    /// How calls of the operator's HTTP services are signed.
    pub service_tokens: ServiceTokenConfig,
    /// How people sign in.
    pub sign_in: SignInConfig,
    /// Which hosts outside scripts can be allowed to reach.
    pub egress: EgressConfig,
    /// The network that they are reached through.
    pub network: Arc<dyn Network>,
}

/// Where the data is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataLocation {
    /// In this directory.
    Directory(PathBuf),
    /// Nowhere: it ends with the process.
    Memory,
}

/// Slots that are kept for reading what a failed run's stack says: a run that failed holds its own while it asks.
const SLOTS_FOR_STACKS: u32 = 4;

impl AppConfig {
    /// The configuration without any data: for one run of one file.
    pub fn in_memory() -> Self {
        Self { data: DataLocation::Memory, slots: 8, tenant_share: 4, ..Self::default() }
    }

    pub(crate) fn open_data(&self) -> Result<(Database, Keyring), AppOpenError> {
        match &self.data {
            DataLocation::Memory => Ok((Database::in_memory()?, Keyring::ephemeral()?)),
            DataLocation::Directory(directory) => {
                let database = Database::open(directory)?;
                let key_file = self.key_file.clone().unwrap_or_else(|| directory.join("skerry.key"));
                let keyring = Keyring::open(&key_file, &database)?;
                Ok((database, keyring))
            }
        }
    }

    /// The quotas of a tenant whose plan says nothing.
    pub(crate) fn quotas(&self) -> Quotas {
        let (concurrent_executions, storage_bytes) = (self.tenant_share, self.storage_limit_bytes);
        let requests_per_minute = self.requests_per_minute;
        Quotas { concurrent_executions, storage_bytes, requests_per_minute, ..self.quotas }
    }

    /// Slots that admission gives out.
    pub(crate) fn run_slots(&self) -> u32 {
        self.slots.saturating_sub(SLOTS_FOR_STACKS).max(1)
    }
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            data: DataLocation::Directory(PathBuf::from("data")),
            key_file: None,
            audit: AuditConfig::default(),
            requests_per_minute: None,
            slots: 128,
            tenant_share: 32,
            limits: Limits::DEFAULT,
            storage_limit_bytes: 1 << 30,
            pending_events: 100_000,
            quotas: Quotas::default(),
            schedules: ScheduleConfig::default(),
            services: Services::default(),
            openapi: BTreeMap::new(),
            collections: BTreeMap::new(),
            hooks: BTreeMap::new(),
            service_tokens: ServiceTokenConfig::default(),
            sign_in: SignInConfig::default(),
            egress: EgressConfig::default(),
            network: Arc::new(SystemNetwork::default()),
        }
    }
}
