//! What can go wrong in a use case, as facts. Which status each is, only the server knows.

use std::{error::Error, time::Duration};

use database::{DatabaseError, OpenError, Refusal};
use domain::{ExecutionStatus, Invalid, SubscriptionId, principals::Forbidden};
use runtime::{Diagnostic, JournalError, SandboxError};

use crate::{egress::EgressConfigError, schemas::SchemaError, sealing::KeyError};

/// The quota of executions that were accepted and have not ended.
pub(crate) const QUEUED_EXECUTIONS: &str = "queued_executions";

/// Why the application cannot start.
#[derive(Debug, thiserror::Error)]
pub enum AppOpenError {
    /// The data directory or the database in it.
    #[error(transparent)]
    Data(#[from] OpenError),
    /// The key file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The sandbox.
    #[error(transparent)]
    Sandbox(#[from] SandboxError),
    /// Outbound HTTP.
    #[error(transparent)]
    Egress(#[from] EgressConfigError),
    /// Two services have one name, or one has none.
    #[error("{0}")]
    Services(String),
    /// The key that signs calls of services.
    #[error("the key that signs calls of services cannot be made")]
    ServiceKey,
    /// The threads that scripts run on.
    #[error("the threads that scripts run on cannot be started: {0}")]
    Threads(#[source] std::io::Error),
    /// What a crash left cannot be put in order.
    #[error("what the last run left cannot be put in order: {0}")]
    Recovery(#[from] DatabaseError),
    /// What a crash left in the queue cannot be taken back.
    #[error("what the last run left in the queue cannot be put in order: {0}")]
    Queue(#[source] AppError),
    /// There is nothing that says when a second has passed.
    #[error("the ticker that schedules need cannot be started: {0}")]
    Ticker(#[from] tokio_cron_scheduler::JobSchedulerError),
    /// A collection's schema is not taken.
    #[error("the schema of the collection '{name}' is not taken: {source}")]
    CollectionSchema {
        /// The collection.
        name: String,
        /// Why.
        source: SchemaError,
    },
    /// A tenant cannot be given the collections that are configured.
    #[error("the collections cannot be set up: {0}")]
    Collections(#[source] AppError),
}

impl AppOpenError {
    /// Whether the data itself is damaged, so that starting again does not help.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Data(OpenError::Corrupt { .. }))
    }
}

/// Why a use case was refused or failed.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// Nobody known acts.
    #[error("no valid token was presented")]
    Unauthenticated,
    /// Nobody is signed in: an unknown address and a wrong password are the same.
    #[error("the e-mail address or the password is wrong")]
    SignInFailed,
    /// An identity provider did not do its part.
    #[error("the identity provider could not be asked, or did not answer as it has to")]
    ProviderFailed,
    /// Too much was guessed.
    #[error("too many attempts failed: try again in {} s", retry_after.as_secs().max(1))]
    TooManyAttempts {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The principal may not do this.
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    /// Only whoever runs the deployment may do this.
    #[error("this is for operators alone")]
    NotOperator,
    /// The password is to be changed before anything else.
    #[error("change your password first")]
    PasswordChangeRequired,
    /// The session acts in no tenant.
    #[error("choose a tenant that you belong to, and that is active")]
    NoTenant,
    /// An operator suspended the tenant.
    #[error("the tenant is suspended: {reason}")]
    TenantSuspended {
        /// Why, in the operator's words.
        reason: String,
    },
    /// It is not to be, whoever asks.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// There is no such thing, or it belongs to another tenant.
    #[error("there is no such {what}")]
    NotFound {
        /// The noun.
        what: &'static str,
    },
    /// A value breaks a rule.
    #[error(transparent)]
    Invalid(#[from] Invalid),
    /// A source does not compile.
    #[error("the source does not compile")]
    Source {
        /// Why, in the author's positions.
        diagnostics: Vec<Diagnostic>,
    },
    /// The name belongs to something else.
    #[error("the name '{name}' is taken")]
    NameTaken {
        /// The name.
        name: String,
    },
    /// Another endpoint answers the same requests.
    #[error("{method} {path} is taken by another endpoint of this tenant")]
    RouteTaken {
        /// The method.
        method: String,
        /// The path.
        path: String,
    },
    /// What was to be changed was changed meanwhile.
    #[error("it was changed meanwhile: its revision is {current_revision}")]
    Stale {
        /// The revision it has now.
        current_revision: i64,
    },
    /// A secret's origins are to change, and its value was not given with them.
    #[error("changing where a secret is sent needs its value again")]
    ValueRequired,
    /// The script has no version that could run.
    #[error("the script has no deployed version: deploy it first")]
    NotDeployed,
    /// Nothing, or too little, was recorded of an execution.
    #[error(
        "nothing that could be replayed was recorded of this execution: it has not ended, was interrupted, or its script's \
         'record' is not 'full'"
    )]
    NotRecorded,
    /// The script is switched off.
    #[error("the script is paused: activate it first")]
    Paused,
    /// Whoever deployed the script, and whose rights it has, is no member any more.
    #[error("whoever deployed the script is no member any more: adopt it first")]
    Orphaned,
    /// As many executions of the script go on as it allows at once.
    #[error("{max} executions of the script go on, and it allows no more at once")]
    ConcurrencyFull {
        /// How many that is.
        max: u32,
    },
    /// The script's executions failed one after another, so that it rests for a while.
    #[error("the script failed again and again and rests: try again in {} s", retry_after.as_secs().max(1))]
    BreakerOpen {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The execution has ended, so that there is nothing to cancel.
    #[error("the execution has ended as '{}': there is nothing to cancel", status.as_str())]
    Ended {
        /// How.
        status: ExecutionStatus,
    },
    /// The execution has not ended.
    #[error("the execution has not ended: wait for its end, or cancel it")]
    NotEnded,
    /// A quota of the tenant is used up.
    #[error("the quota '{quota}' of {limit} is used up")]
    Quota {
        /// Its name.
        quota: &'static str,
        /// Its size.
        limit: u64,
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// Another subscription of the script asks for the same events.
    #[error("the script's subscription {first} asks for the same events")]
    SubscriptionExists {
        /// That one.
        first: SubscriptionId,
    },
    /// The dead letter was sent again before.
    #[error("the dead letter was sent again already")]
    AlreadyRedriven,
    /// Executions led to one another over the network without end.
    #[error(
        "a chain of executions that call this server is too long: the script that began it calls itself, or others that do"
    )]
    ChainTooLong,
    /// Too much is going on.
    #[error("the server is busy: try again in {} s", retry_after.as_secs().max(1))]
    Overloaded {
        /// When it is worth trying again.
        retry_after: Duration,
    },
    /// The disk is full.
    #[error("the server's disk is full: nothing was changed")]
    StorageFull,
    /// The database takes no writes any more.
    #[error("the server cannot keep anything at the moment: nothing was changed")]
    Unavailable,
    /// The server failed.
    #[error("the server failed")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl AppError {
    /// The server failed, for this reason.
    pub(crate) fn internal(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Internal(error.into())
    }

    /// A row is not there, and this is what it would have been; or whatever else the database said.
    pub(crate) fn missing(what: &'static str, error: DatabaseError) -> Self {
        match error {
            DatabaseError::NotFound => Self::NotFound { what },
            error => error.into(),
        }
    }
}

impl From<DatabaseError> for AppError {
    fn from(error: DatabaseError) -> Self {
        match error {
            DatabaseError::NotFound => Self::NotFound { what: "resource" },
            DatabaseError::NameTaken => Self::NameTaken { name: String::new() },
            DatabaseError::RouteTaken { method, path } => Self::RouteTaken { method, path },
            DatabaseError::Stale { current } => Self::Stale { current_revision: current },
            DatabaseError::QueueFull { limit } => {
                Self::Quota { quota: QUEUED_EXECUTIONS, limit, retry_after: Duration::from_secs(5) }
            }
            DatabaseError::QuotaFull { quota, limit } => Self::Quota { quota, limit, retry_after: retry_after(quota) },
            DatabaseError::SubscriptionExists { first } => Self::SubscriptionExists { first },
            DatabaseError::GroupFull { max } => Self::ConcurrencyFull { max },
            DatabaseError::StorageLimit { limit_bytes } => {
                let retry_after = Duration::from_secs(60);
                Self::Quota { quota: "storage_bytes", limit: limit_bytes, retry_after }
            }
            DatabaseError::AlreadyRedriven => Self::AlreadyRedriven,
            DatabaseError::Beyond { lacking } => match lacking.iter().next() {
                Some(permission) => Self::Forbidden(Forbidden { permission }),
                None => Self::internal(DatabaseError::Beyond { lacking }),
            },
            DatabaseError::Refused(refusal) => Self::Refused(refusal),
            DatabaseError::Busy => Self::Overloaded { retry_after: Duration::from_secs(1) },
            DatabaseError::Full => Self::StorageFull,
            DatabaseError::Unavailable => Self::Unavailable,
            DatabaseError::TooLarge { .. }
            | DatabaseError::NotANumber
            | DatabaseError::TooSlow
            | DatabaseError::Corrupt { .. }
            | DatabaseError::Sqlite(_) => Self::internal(error),
        }
    }
}

/// When it is worth trying again: what is pending passes by itself, what is stored goes as somebody removes it.
fn retry_after(quota: &str) -> Duration {
    if quota == "pending_events" { Duration::from_secs(10) } else { Duration::from_secs(60 * 60) }
}

impl From<SandboxError> for AppError {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::NoSlot => Self::Overloaded { retry_after: Duration::from_secs(1) },
            SandboxError::Journal(JournalError::OutlineOnly) => Self::NotRecorded,
            other => Self::internal(other),
        }
    }
}
