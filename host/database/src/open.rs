//! Opening: the directory, its lock, the check of the file, the schema.

use std::{
    fs::{self, DirBuilder, File, OpenOptions, TryLockError},
    io,
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    time::Duration,
};

use domain::UnixMillis;
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::{OpenError, StartCheck, audit, connection, error::is_full};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The name of the database's file in its directory.
const FILE_NAME: &str = "skerry.db";

/// The name of the file whose lock says that a process has the directory.
const LOCK_NAME: &str = "skerry.lock";

/// How long the check at the start may take. A million executions take several seconds, and a server that crashed is to be
/// there again within five.
const CHECK_MAX: Duration = Duration::from_secs(1);

/// "SKRY": what marks a file of SQLite as Skerry's.
const APPLICATION_ID: i32 = 0x534b_5259;

const BEGIN_EPOCH: &str = "
    UPDATE deployment
    SET epoch = epoch + 1, created_at = CASE WHEN created_at = 0 THEN $1 ELSE created_at END
    WHERE id = 1
    RETURNING epoch, revision_ceiling";
const MIGRATION_TABLE: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name = 'refinery_schema_history'";
const NEWEST_MIGRATION: &str = "SELECT MAX(version) FROM refinery_schema_history";
const TABLES: &str = "SELECT COUNT(*) FROM sqlite_schema";

/// The data directory, held by this process until the value is dropped.
pub(crate) struct Directory {
    pub(crate) file: PathBuf,
    _lock: File,
}

/// What a freshly opened database says of itself.
pub(crate) struct Opened {
    pub(crate) connection: Connection,
    pub(crate) epoch: i64,
    pub(crate) revision_ceiling: i64,
    pub(crate) check: Option<StartCheck>,
}

/// Make `directory` if it is not there, and take its lock.
pub(crate) fn take_directory(directory: &Path) -> Result<Directory, OpenError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| unusable(directory, directory, error))?;
    let lock = private_file(directory, LOCK_NAME)?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(OpenError::InUse { directory: directory.to_owned() }),
        Err(TryLockError::Error(error)) => return Err(unusable(directory, &directory.join(LOCK_NAME), error)),
    }
    private_file(directory, FILE_NAME)?;
    Ok(Directory { file: directory.join(FILE_NAME), _lock: lock })
}

/// Open the file of `directory` for writing, check it, and bring its schema up to date.
pub(crate) fn open_file(directory: &Path, file: &Path) -> Result<Opened, OpenError> {
    prepare(directory, file).map_err(|error| match error {
        OpenError::Sqlite(error) => of_sqlite(directory, file, error),
        OpenError::Migration(error) => of_migration(directory, error),
        other => other,
    })
}

fn prepare(directory: &Path, file: &Path) -> Result<Opened, OpenError> {
    let mut connection = connection::writer(file)?;
    claim(&connection, file)?;
    let check = checked(&connection, file)?;
    refuse_newer(&connection, directory)?;
    migrate(&mut connection)?;
    Ok(Opened { check: Some(check), ..begin_epoch(connection)? })
}

/// Let SQLite check the file. Of a large one it looks at as much as it can in [`CHECK_MAX`]: every start would otherwise
/// take the longer the more there is, and a page that it did not look at is checked when it is read.
fn checked(connection: &Connection, file: &Path) -> Result<StartCheck, OpenError> {
    let check = || connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    let is_whole = match connection::within(CHECK_MAX, check) {
        Ok(report) if report == "ok" => true,
        Ok(report) => return Err(OpenError::Corrupt { file: file.to_owned(), report }),
        Err(error) if error.sqlite_error_code() == Some(ErrorCode::OperationInterrupted) => false,
        Err(error) => return Err(error.into()),
    };
    Ok(StartCheck { at: UnixMillis::now(), is_whole })
}

/// A database in memory, with the schema.
pub(crate) fn open_in_memory() -> Result<Opened, OpenError> {
    let mut connection = connection::in_memory()?;
    migrate(&mut connection)?;
    Ok(begin_epoch(connection)?)
}

/// Open or make a file that only this user can read; tighten one that others can.
fn private_file(directory: &Path, name: &str) -> Result<File, OpenError> {
    let path = directory.join(name);
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&path)
        .map_err(|error| unusable(directory, &path, error))?;
    let permissions = file.metadata().map_err(|error| unusable(directory, &path, error))?.permissions();
    if permissions.mode() & 0o077 != 0 {
        let private = fs::Permissions::from_mode(0o600);
        file.set_permissions(private).map_err(|error| unusable(directory, &path, error))?;
    }
    Ok(file)
}

/// See that the file is empty or Skerry's own, and mark it.
fn claim(connection: &Connection, file: &Path) -> Result<(), OpenError> {
    let id: i32 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row(TABLES, [], |row| row.get(0))?;
    match (id, tables) {
        (APPLICATION_ID, _) => Ok(()),
        (0, 0) => Ok(connection.pragma_update(None, "application_id", APPLICATION_ID)?),
        _ => Err(OpenError::NotADatabase { file: file.to_owned() }),
    }
}

fn refuse_newer(connection: &Connection, directory: &Path) -> Result<(), OpenError> {
    let migrated = connection.query_row(MIGRATION_TABLE, [], |_| Ok(())).optional()?.is_some();
    if !migrated {
        return Ok(());
    }
    let found: Option<i64> = connection.query_row(NEWEST_MIGRATION, [], |row| row.get(0))?;
    let known = embedded::migrations::runner().get_migrations().iter().map(|m| i64::from(m.version())).max();
    match (found, known) {
        (Some(found), Some(known)) if found > known => {
            Err(OpenError::Newer { directory: directory.to_owned(), found, known })
        }
        _ => Ok(()),
    }
}

fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    embedded::migrations::runner().run(connection).map_err(|error| OpenError::Migration(Box::new(error)))?;
    connection.execute_batch(audit::TRIGGERS)?;
    Ok(())
}

fn begin_epoch(connection: Connection) -> rusqlite::Result<Opened> {
    let (epoch, revision_ceiling) =
        connection.query_row(BEGIN_EPOCH, [UnixMillis::now().0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(Opened { connection, epoch, revision_ceiling, check: None })
}

/// What the operating system's refusal of `path` means.
fn unusable(directory: &Path, path: &Path, error: io::Error) -> OpenError {
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            OpenError::Full { directory: directory.to_owned() }
        }
        io::ErrorKind::PermissionDenied if path.exists() && path.is_file() => {
            OpenError::Unreadable { file: path.to_owned(), source: error }
        }
        _ => OpenError::NotWritable { directory: directory.to_owned(), source: error },
    }
}

/// What SQLite's refusal of the file means.
pub(crate) fn of_sqlite(directory: &Path, file: &Path, error: rusqlite::Error) -> OpenError {
    let refused = |kind: io::ErrorKind| io::Error::new(kind, error.to_string());
    match error.sqlite_error_code() {
        Some(ErrorCode::NotADatabase) => OpenError::NotADatabase { file: file.to_owned() },
        Some(ErrorCode::DatabaseCorrupt) => OpenError::Corrupt { file: file.to_owned(), report: error.to_string() },
        _ if is_full(&error) => OpenError::Full { directory: directory.to_owned() },
        Some(ErrorCode::ReadOnly) => {
            OpenError::NotWritable { directory: directory.to_owned(), source: refused(io::ErrorKind::PermissionDenied) }
        }
        Some(ErrorCode::CannotOpen | ErrorCode::SystemIoFailure | ErrorCode::PermissionDenied) => {
            OpenError::Unreadable { file: file.to_owned(), source: refused(io::ErrorKind::Other) }
        }
        _ => OpenError::Sqlite(error),
    }
}

/// A migration that failed because of the disk is the disk's failure.
fn of_migration(directory: &Path, error: Box<refinery::Error>) -> OpenError {
    let cause = std::error::Error::source(error.kind()).and_then(|cause| cause.downcast_ref::<rusqlite::Error>());
    match cause {
        Some(cause) if is_full(cause) => OpenError::Full { directory: directory.to_owned() },
        _ => OpenError::Migration(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_and_a_refusal_are_told_apart() {
        let directory = Path::new("/data");
        let full = unusable(directory, directory, io::Error::from(io::ErrorKind::StorageFull));
        assert!(matches!(full, OpenError::Full { .. }), "{full}");
        let refused = unusable(directory, directory, io::Error::from(io::ErrorKind::ReadOnlyFilesystem));
        assert!(matches!(refused, OpenError::NotWritable { .. }), "{refused}");
        for code in [rusqlite::ffi::SQLITE_FULL, rusqlite::ffi::SQLITE_IOERR_SHMSIZE] {
            let failure = rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(code), None);
            let full = of_sqlite(directory, directory, failure);
            assert!(matches!(full, OpenError::Full { .. }), "{full}");
        }
    }
}
