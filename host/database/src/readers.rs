//! Reading: a few read-only connections beside the writer, each read bounded in time.

use std::{
    path::Path,
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use domain::TenantId;
use rusqlite::Connection;

use crate::{
    DatabaseError,
    connection::{self, OPERATIONS_BETWEEN_LOOKS},
};

/// Connections that read at the same time. A read takes microseconds, so a few serve many cores.
const READERS: usize = 4;

/// After this time a read is cut, so that no filter that a caller chose holds a connection for long.
const READ_TIME_MAX: Duration = Duration::from_secs(1);

/// Lists of scripts at the same time: half of the connections, so that the API and reads of one row always find one.
const LISTS_MAX: usize = READERS / 2;

/// How often a script's list is looked at before it is cut: some 50 ms of one core. Operations are counted and not
/// time, so that a list that is answered once is answered also on a busy machine.
const LIST_LOOKS_MAX: u32 = 100;

/// How long a script's list waits for its turn. It keeps a thread meanwhile, on which others could run.
const LIST_WAIT_MAX: Duration = Duration::from_millis(250);

/// Where reads go.
pub(crate) enum Readers {
    /// Connections of their own, each with its snapshot of the last commit.
    Pool(Pool),
    /// The writer's connection: an in-memory database has no other. Reads wait for the transaction under way.
    Shared(Arc<Mutex<Connection>>),
}

pub(crate) struct Pool {
    idle: Mutex<Idle>,
    returned: Condvar,
}

struct Idle {
    connections: Vec<Connection>,
    /// Whose lists are under way: at most one of each tenant, so that none keeps all others waiting.
    lists: Vec<TenantId>,
}

impl Readers {
    /// Open the connections of a pool on `file`.
    pub(crate) fn open(file: &Path) -> rusqlite::Result<Self> {
        let idle = (0..READERS).map(|_| connection::reader(file)).collect::<rusqlite::Result<Vec<Connection>>>()?;
        let idle = Idle { connections: idle, lists: Vec::new() };
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

    /// Run a list that a script of `tenant` asks for: its filter is guest-controlled, and can be long work.
    ///
    /// # Errors
    /// [`DatabaseError::TooSlow`] after a million operations of SQLite's machine, or a second; [`DatabaseError::Busy`]
    /// where too many lists are under way; whatever `query` fails with.
    pub(crate) fn list<T>(
        &self,
        tenant: TenantId,
        query: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        match self {
            Self::Shared(connection) => query(&lock(connection)),
            Self::Pool(pool) => {
                let mut lease = pool.lease_list(tenant)?;
                let deadline = Instant::now() + READ_TIME_MAX;
                let mut looks = 0;
                let is_over = move || {
                    looks += 1;
                    looks >= LIST_LOOKS_MAX || Instant::now() >= deadline
                };
                let connection = lease.connection()?;
                connection.progress_handler(OPERATIONS_BETWEEN_LOOKS, Some(is_over))?;
                query(connection)
            }
        }
    }
}

impl Pool {
    fn lease(&self) -> Lease<'_> {
        let mut idle = lock(&self.idle);
        loop {
            if let Some(connection) = idle.connections.pop() {
                return Lease { pool: self, connection: Some(connection), list_of: None };
            }
            idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn lease_list(&self, tenant: TenantId) -> Result<Lease<'_>, DatabaseError> {
        let must_wait = |idle: &mut Idle| {
            idle.lists.len() >= LISTS_MAX || idle.lists.contains(&tenant) || idle.connections.is_empty()
        };
        let waited = self.returned.wait_timeout_while(lock(&self.idle), LIST_WAIT_MAX, must_wait);
        let (mut idle, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if waited.timed_out() {
            return Err(DatabaseError::Busy);
        }
        idle.lists.push(tenant);
        let connection = idle.connections.pop();
        Ok(Lease { pool: self, connection, list_of: Some(tenant) })
    }
}

/// A connection out of the pool; it goes back also when a query panics.
struct Lease<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    list_of: Option<TenantId>,
}

impl Lease<'_> {
    fn connection(&mut self) -> Result<&mut Connection, DatabaseError> {
        self.connection.as_mut().ok_or(DatabaseError::Unavailable)
    }
}

impl Drop for Lease<'_> {
    fn drop(&mut self) {
        let mut idle = lock(&self.pool.idle);
        idle.connections.extend(self.connection.take());
        idle.lists.retain(|tenant| Some(*tenant) != self.list_of);
        drop(idle);
        // Those who wait do so for different things, so that all of them look.
        self.pool.returned.notify_all();
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

    const ENDLESS: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT MAX(i) FROM n";
    const ONE: &str = "SELECT 1";

    fn tenant(number: u128) -> TenantId {
        TenantId::from(uuid::Uuid::from_u128(number))
    }

    fn number(connection: &Connection, statement: &str) -> Result<i64, DatabaseError> {
        Ok(connection.query_row(statement, [], |row| row.get(0))?)
    }

    #[test]
    fn lists_leave_connections_to_other_reads_and_other_tenants() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("any.db");
        drop(Connection::open(&file).unwrap());
        let readers = Readers::open(&file).unwrap();
        let nested = readers.list(tenant(1), |_| {
            let second = readers.list(tenant(1), |connection| number(connection, ONE));
            assert!(matches!(second, Err(DatabaseError::Busy)), "{second:?}");
            readers.list(tenant(2), |_| {
                let third = readers.list(tenant(3), |connection| number(connection, ONE));
                assert!(matches!(third, Err(DatabaseError::Busy)), "{third:?}");
                readers.read(|_| readers.read(|connection| number(connection, ONE)))
            })
        });
        assert_eq!(nested.unwrap(), 1);
        let cut = readers.list(tenant(1), |connection| number(connection, ENDLESS));
        assert!(matches!(cut, Err(DatabaseError::TooSlow)), "{cut:?}");
        for of in 1..=4 {
            assert_eq!(readers.list(tenant(of), |connection| number(connection, ONE)).unwrap(), 1);
        }
    }

    #[test]
    fn a_read_that_takes_too_long_is_cut_and_the_connection_serves_the_next() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("any.db");
        drop(Connection::open(&file).unwrap());
        let readers = Readers::open(&file).unwrap();
        let ask = |statement: &str| readers.read(|connection| number(connection, statement));
        for _ in 0..=READERS {
            assert_eq!(ask(ONE).unwrap(), 1);
        }
        let cut = ask(ENDLESS);
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
