//! Reading: a few read-only connections beside the writer, each read bounded in time.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use rusqlite::Connection;

use crate::{
    DatabaseError,
    connection::{self, OPERATIONS_BETWEEN_LOOKS},
};

/// Connections that read at the same time. A read takes microseconds, so a few serve many cores.
const READERS: usize = 4;

/// After this time a read is cut, so that no filter that a caller chose holds a connection for long.
const READ_TIME_MAX: Duration = Duration::from_secs(1);

/// Where reads go.
pub(crate) enum Readers {
    /// Connections of their own, each with its snapshot of the last commit.
    Pool(Pool),
    /// The writer's connection: an in-memory database has no other. Reads wait for the transaction under way.
    Shared(Arc<Mutex<Connection>>),
}

pub(crate) struct Pool {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Readers {
    /// Open the connections of a pool on `file`.
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        let idle = (0..READERS).map(|_| connection::reader(file)).collect::<rusqlite::Result<Vec<Connection>>>()?;
        Ok(Self::Pool(Pool { idle: Mutex::new(idle), returned: Condvar::new() }))
    }

    /// Run `query` on a connection that nobody else uses meanwhile.
    ///
    /// # Errors
    /// [`DatabaseError::TooSlow`] after a second; whatever `query` fails with.
    pub(crate) fn read<T>(
        &self,
        query: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        match self {
            Self::Shared(connection) => query(&lock(connection)),
            Self::Pool(pool) => {
                let mut lease = pool.lease();
                let deadline = Instant::now() + READ_TIME_MAX;
                let connection = lease.connection()?;
                connection.progress_handler(OPERATIONS_BETWEEN_LOOKS, Some(move || Instant::now() >= deadline))?;
                query(connection)
            }
        }
    }
}

impl Pool {
    fn lease(&self) -> Lease<'_> {
        let mut idle = lock(&self.idle);
        loop {
            if let Some(connection) = idle.pop() {
                return Lease { pool: self, connection: Some(connection) };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// A connection out of the pool; it goes back also when a query panics.
struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
}

impl Lease<'_> {
    fn connection(&mut self) -> Result<&mut Connection, DatabaseError> {
        self.connection.as_mut().ok_or(DatabaseError::Unavailable)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        lock(&self.pool.idle).extend(self.connection.take());
        self.pool.returned.notify_one();
    }
}

/// Lock `mutex`. A panic elsewhere leaves these values whole, so that poisoning says nothing here.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

    use super::*;

    #[test]
    fn a_read_that_takes_too_long_is_cut_and_the_connection_serves_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("any.db");
        drop(Connection::open(&file).unwrap());
        let readers = Readers::open(&file).unwrap();
        const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
        const ONE: &str = "SELECT 1";
        let ask =
            |statement: &str| readers.read(|connection| Ok(connection.query_row(statement, [], |row| row.get(0))?));
        for _ in 0..=READERS {
            assert_eq!(ask(ONE).unwrap(), 1);
        }
        let cut: Result<i64, DatabaseError> = ask(ENDLESS);
        assert!(matches!(cut, Err(DatabaseError::TooSlow)), "{cut:?}");
        for _ in 0..=READERS {
            assert_eq!(ask(ONE).unwrap(), 1);
        }
    }

    #[test]
    fn a_reader_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("any.db");
        Connection::open(&file).unwrap().execute_batch("CREATE TABLE t (i INTEGER)").unwrap();
        let readers = Readers::open(&file).unwrap();
        let written = readers.read(|connection| Ok(connection.execute("INSERT INTO t (i) VALUES (1)", [])?));
        assert!(written.is_err(), "{written:?}");
        let attached = readers.read(|connection| Ok(connection.execute("ATTACH ':memory:' AS other", [])?));
        assert!(attached.is_err(), "{attached:?}");
    }
}
