//! What can go wrong: while the database is opened, and while it is used.

use std::{io, path::PathBuf, sync::Arc};

use domain::{Permissions, SubscriptionId};
use rusqlite::{ErrorCode, ffi};

/// Why a database was not opened. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error("the data directory {} is in use by another process: stop that one, or choose another directory", directory.display())]
    InUse {
        /// The data directory.
        directory: PathBuf,
    },
    /// A newer version of Skerry has written it.
    #[error(
        "the database in {} has schema {found}, and this version of Skerry knows {known}: start the newer version, or \
         restore a backup from before it", directory.display()
    )]
    Newer {
        /// The data directory.
        directory: PathBuf,
        /// The schema of the database.
        found: i64,
        /// The newest schema that this version knows.
        known: i64,
    },
    /// The file holds something else.
    #[error("{} is not a database of Skerry: move it away, or choose another data directory", file.display())]
    NotADatabase {
        /// The file.
        file: PathBuf,
    },
    /// SQLite's own check found damage.
    #[error("the database {} is damaged ({report}): restore a backup; nothing was changed", file.display())]
    Corrupt {
        /// The file.
        file: PathBuf,
        /// The first line that the check wrote.
        report: String,
    },
    /// There is no room.
    #[error("the disk of the data directory {} is full: make room and start again", directory.display())]
    Full {
        /// The data directory.
        directory: PathBuf,
    },
    /// The directory cannot be made or written to.
    #[error("the data directory {} cannot be written to ({source}): give this user the right to, or choose another one", directory.display())]
    NotWritable {
        /// The data directory.
        directory: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A file in the directory cannot be read.
    #[error("{} cannot be read ({source}): give this user the right to, or choose another data directory", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A migration failed, or one that is in the database differs from the one of that number here.
    #[error("the schema of the database could not be brought up to date: {0}")]
    Migration(Box<refinery::Error>),
    /// Anything else.
    #[error("the database could not be opened: {0}")]
    Sqlite(#[from] rusqlite::Error),
}

/// What is not to be with people, tenants and plans, whoever asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A tenant keeps an admin.
    #[error("the tenant's last admin stays: make somebody else an admin first")]
    LastAdmin,
    /// A deployment keeps an operator.
    #[error("the last operator stays: make somebody else an operator first")]
    LastOperator,
    /// Somebody has the role, or is invited in it.
    #[error("somebody has this role, or is invited in it: give them another one first")]
    RoleInUse,
    /// Whoever sets a role would have their rights by that role.
    #[error("a role gives what whoever set it holds, so that person does not hold it by that role")]
    OwnRole,
    /// Tenants are on the plan.
    #[error("tenants are on this plan: put them on another one first")]
    PlanInUse,
    /// Whoever is to become a member is one.
    #[error("this person is a member already")]
    AlreadyMember,
    /// The tenant is gone.
    #[error("the tenant was deleted, and stays so")]
    Deleted,
    /// There are as many as there may be.
    #[error("there are {limit} already, and there are no more than that")]
    TooMany {
        /// How many there may be.
        limit: u64,
    },
}

/// Why a read or a write failed.
///
/// It can be cloned because one failed transaction is the failure of every write that took part in it.
#[derive(Clone, Debug, thiserror::Error)]
pub enum DatabaseError {
    /// There is no such row, or it belongs to another tenant, or a row that it refers to is not there.
    #[error("there is no such row")]
    NotFound,
    /// The name, slug, email or id is taken.
    #[error("the name is taken")]
    NameTaken,
    /// Another endpoint of the tenant answers the same requests.
    #[error("{method} {path} is taken by another endpoint")]
    RouteTaken {
        /// The method that was asked for.
        method: String,
        /// The path that was asked for.
        path: String,
    },
    /// The row was changed since it was read.
    #[error("the row was changed meanwhile: its revision is {current}")]
    Stale {
        /// The revision that the row has now.
        current: i64,
    },
    /// The tenant's queue is full; nothing was written.
    #[error("{limit} executions are waiting already")]
    QueueFull {
        /// How many it may hold.
        limit: u64,
    },
    /// A quota of the tenant would be exceeded; nothing was written.
    #[error("the quota '{quota}' of {limit} is used up")]
    QuotaFull {
        /// Its name.
        quota: &'static str,
        /// Its size.
        limit: u64,
    },
    /// Another subscription of the script asks for the same; nothing was written.
    #[error("the script's subscription {first} asks for the same events")]
    SubscriptionExists {
        /// That one.
        first: SubscriptionId,
    },
    /// As many executions of the group go on as may, and the next is not to wait; nothing was written.
    #[error("{max} executions of the group go on already")]
    GroupFull {
        /// How many may go on.
        max: u32,
    },
    /// The tenant's storage would hold more than it may; nothing was written.
    #[error("the tenant's storage may hold {limit_bytes} bytes")]
    StorageLimit {
        /// How much it may hold.
        limit_bytes: u64,
    },
    /// Something was to be added to a value that is no number; nothing was written.
    #[error("the value is no number to add to")]
    NotANumber,
    /// The dead letter was sent again before.
    #[error("the dead letter was sent again before")]
    AlreadyRedriven,
    /// It would grant, or take from somebody, more than whoever asks holds; nothing was written.
    #[error("whoever asks lacks '{}'", lacking.to_list())]
    Beyond {
        /// What is lacking.
        lacking: Permissions,
    },
    /// It is not to be, whoever asks; nothing was written.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Too many writes or lists are waiting; nothing was written, and later it may be.
    #[error("too many writes or lists are waiting")]
    Busy,
    /// The disk is full; nothing was written, and once there is room it will be.
    #[error("the disk is full")]
    Full,
    /// A page would hold more bytes than anybody may ask for at once.
    #[error("the page would have more than {limit_bytes} bytes")]
    TooLarge {
        /// The most that it may have.
        limit_bytes: usize,
    },
    /// A read was too much work and was cut: after a second, a script's list after some 50 ms.
    #[error("the read took too long")]
    TooSlow,
    /// The disk failed. Where it did so while a transaction was made durable, nothing is written until the process starts
    /// again: [`crate::Database::is_writable`].
    #[error("the database's disk failed")]
    Unavailable,
    /// What is stored cannot be understood.
    #[error("the database is damaged: {what}")]
    Corrupt {
        /// What was found.
        what: String,
    },
    /// Anything else that SQLite said.
    #[error("the database failed: {0}")]
    Sqlite(#[source] Arc<rusqlite::Error>),
}

impl DatabaseError {
    /// Whether it says of a row that it cannot be understood, and nothing of the database.
    pub(crate) fn is_unreadable(&self) -> bool {
        matches!(self, Self::Corrupt { .. })
    }
}

impl From<rusqlite::Error> for DatabaseError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error;
        match &error {
            Error::QueryReturnedNoRows => Self::NotFound,
            Error::SqliteFailure(failure, message) => {
                of_failure(failure, message.as_deref()).unwrap_or_else(|| Self::Sqlite(Arc::new(error)))
            }
            Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::InvalidColumnType(..) => {
                Self::Corrupt { what: error.to_string() }
            }
            _ => Self::Sqlite(Arc::new(error)),
        }
    }
}

fn of_failure(failure: &ffi::Error, message: Option<&str>) -> Option<DatabaseError> {
    if failure_is_full(failure) {
        return Some(DatabaseError::Full);
    }
    Some(match failure.code {
        ErrorCode::SystemIoFailure => DatabaseError::Unavailable,
        ErrorCode::OperationInterrupted => DatabaseError::TooSlow,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => DatabaseError::Busy,
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            DatabaseError::Corrupt { what: message.unwrap_or("SQLite found damage").to_owned() }
        }
        ErrorCode::ConstraintViolation => match failure.extended_code {
            ffi::SQLITE_CONSTRAINT_FOREIGNKEY => DatabaseError::NotFound,
            ffi::SQLITE_CONSTRAINT_UNIQUE | ffi::SQLITE_CONSTRAINT_PRIMARYKEY => DatabaseError::NameTaken,
            _ => return None,
        },
        _ => return None,
    })
}

/// Whether `error` says that the disk failed, after which nobody knows what of a transaction is durable.
pub(crate) fn is_io_failure(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::SystemIoFailure) && !is_full(error)
}

/// Whether `error` says that the disk is full.
pub(crate) fn is_full(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(failure, _) if failure_is_full(failure))
}

/// A full disk has two codes: the index of the write-ahead log is a file too, and fails with one of its own.
fn failure_is_full(failure: &ffi::Error) -> bool {
    failure.code == ErrorCode::DiskFull || failure.extended_code == ffi::SQLITE_IOERR_SHMSIZE
}
