//! The database as a whole, for whoever runs it: how large it is, how its check went, and how much waits in it.

use std::{fs, path::Path};

use domain::UnixMillis;
use rusqlite::Connection;

use crate::{Database, DatabaseError, rows::count};

const UNUSED_PAGES: &str = "PRAGMA freelist_count";
const PAGE_BYTES: &str = "PRAGMA page_size";
const SCHEMA_VERSION: &str = "SELECT MAX(version) AS version FROM refinery_schema_history";
// Of the webhooks' no more are counted than an operator tells apart: each is a row of an index.
const BACKLOGS: &str = "
    SELECT COALESCE(SUM(queued_executions), 0) AS executions, COALESCE(SUM(pending_events), 0) AS events,
           (SELECT COUNT(*)
            FROM (SELECT 1 FROM webhook_deliveries WHERE status = 'pending' LIMIT 1000000) AS pending) AS webhooks
    FROM tenants";

/// How the check of the file at the start went. A file that is damaged is not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartCheck {
    /// When.
    pub at: UnixMillis,
    /// Whether it came to its end: of a large file it looks at as much as it can in a second.
    pub is_whole: bool,
}

/// The database's files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DatabaseFiles {
    /// Bytes of the database itself; 0 in memory.
    pub file_bytes: u64,
    /// Bytes of its write-ahead log.
    pub log_bytes: u64,
    /// Bytes within the file that nothing is in, and that what comes next takes up.
    pub unused_bytes: u64,
    /// The schema's version: the number of the last migration.
    pub schema_version: u64,
    /// How the check at the start went; `None` in memory.
    pub check: Option<StartCheck>,
}

/// What waits, of all tenants together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backlogs {
    /// Executions that were accepted and have not ended.
    pub executions: u64,
    /// Events that nobody has looked for subscriptions of yet.
    pub events: u64,
    /// Deliveries to webhooks that are to be sent, at most a million.
    pub webhooks: u64,
}

impl Database {
    /// The files.
    pub fn files(&self) -> Result<DatabaseFiles, DatabaseError> {
        let file = self.inner.directory.as_ref().map(|directory| directory.file.as_path());
        let (unused_bytes, schema_version) = self.read(|connection| {
            let unused_bytes = number(connection, UNUSED_PAGES)? * number(connection, PAGE_BYTES)?;
            Ok((unused_bytes, number(connection, SCHEMA_VERSION)?))
        })?;
        Ok(DatabaseFiles {
            file_bytes: file.map_or(0, size),
            log_bytes: file.map_or(0, |file| size(&file.with_extension("db-wal"))),
            unused_bytes,
            schema_version,
            check: self.inner.check,
        })
    }

    /// What waits.
    pub fn backlogs(&self) -> Result<Backlogs, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(BACKLOGS)?;
            Ok(statement.query_row([], |row| {
                Ok(Backlogs {
                    executions: count(row, "executions")?,
                    events: count(row, "events")?,
                    webhooks: count(row, "webhooks")?,
                })
            })?)
        })
    }
}

fn number(connection: &Connection, statement: &str) -> Result<u64, DatabaseError> {
    let number: i64 = connection.query_row(statement, [], |row| row.get(0))?;
    Ok(u64::try_from(number).unwrap_or(0))
}

/// The bytes of a file; 0 where it is not there.
fn size(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |about| about.len())
}
