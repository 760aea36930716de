//! Connections to SQLite, configured so that neither a damaged file nor a mistaken statement does more than fail.

use std::{
    cell::Cell,
    path::Path,
    time::{Duration, Instant},
};

use rusqlite::{Connection, OpenFlags, config::DbConfig, limits::Limit};

/// Only the lock file's owner writes, so that waiting is needed only while another program looks at the file.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// The largest row: a journal holds at most the bytes that cross the boundary (16 MiB by default, and an operator may
/// raise it), its input and its result.
const ROW_BYTES_MAX: i32 = 128 << 20;

/// The longest statement: the first migration is the longest there is.
const SQL_BYTES_MAX: i32 = 64 << 10;

/// More statements than the crate has, so that none is prepared twice.
const STATEMENTS_KEPT: usize = 512;

/// Instructions of SQLite's machine between two looks at the clock: a fraction of a millisecond.
pub(crate) const OPERATIONS_BETWEEN_LOOKS: i32 = 10_000;

thread_local! {
    /// When the statements of this thread on a writing connection are cut; `None` for never.
    static CUT_AT: Cell<Option<Instant>> = const { Cell::new(None) };
}

const WRITER_PRAGMAS: &str = "
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = FULL;
    PRAGMA wal_autocheckpoint = 0;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA temp_store = MEMORY;
";

const READER_PRAGMAS: &str = "
    PRAGMA query_only = ON;
    PRAGMA temp_store = MEMORY;
    PRAGMA mmap_size = 268435456;
";

/// The connection that writes to `file`, which exists.
pub(crate) fn writer(file: &Path) -> rusqlite::Result<Connection> {
    let mut connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    harden(&connection)?;
    connection.execute_batch(WRITER_PRAGMAS)?;
    heed_cuts(&mut connection)?;
    Ok(connection)
}

/// Run `read` on a writing connection, and cut its statements once it took `most`: they fail as
/// [`crate::DatabaseError::TooSlow`], and the transaction stands, as long as they only read.
pub(crate) fn within<T>(most: Duration, read: impl FnOnce() -> T) -> T {
    /// Also a read that panics must not leave the thread's next statements to be cut.
    struct Uncut;
    impl Drop for Uncut {
        fn drop(&mut self) {
            CUT_AT.set(None);
        }
    }
    CUT_AT.set(Some(Instant::now() + most));
    let _uncut = Uncut;
    read()
}

/// The thread's own deadline and not the connection's, because a transaction has the connection for itself only as a
/// shared reference.
fn heed_cuts(connection: &mut Connection) -> rusqlite::Result<()> {
    let is_over = || CUT_AT.get().is_some_and(|at| Instant::now() >= at);
    connection.progress_handler(OPERATIONS_BETWEEN_LOOKS, Some(is_over))
}

/// A connection that only reads `file`.
pub(crate) fn reader(file: &Path) -> rusqlite::Result<Connection> {
    let connection =
        Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    harden(&connection)?;
    connection.execute_batch(READER_PRAGMAS)?;
    Ok(connection)
}

/// A database of its own, in memory, gone with its connection.
pub(crate) fn in_memory() -> rusqlite::Result<Connection> {
    let mut connection = Connection::open_in_memory()?;
    harden(&connection)?;
    heed_cuts(&mut connection)?;
    Ok(connection)
}

fn harden(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_FKEY, true)?;
    // A name in double quotes that is no column would be taken for text, and PostgreSQL would refuse it.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DML, false)?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DQS_DDL, false)?;
    // One plan for a statement whatever is bound to it. Without it SQLite prepares joins anew at each execution (40 µs
    // where the read itself takes a few), and a tenant's values would choose the plan.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_limit(Limit::SQLITE_LIMIT_LENGTH, ROW_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_SQL_LENGTH, SQL_BYTES_MAX)?;
    connection.set_limit(Limit::SQLITE_LIMIT_EXPR_DEPTH, 100)?;
    connection.set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.execute_batch("PRAGMA cell_size_check = ON")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_read_that_panics_leaves_no_cut_behind() {
        let outcome = std::panic::catch_unwind(|| within(Duration::ZERO, || panic!("a read that fails")));
        assert!(outcome.is_err());
        assert_eq!(CUT_AT.get(), None);
    }
}
