//! Lists of executions, the latest first, by any combination of filters.
//!
//! A page costs a bounded amount of work however little its filters find among however much: the rows are walked in the
//! order of one index, some thousands at a time, until the page is full or its time is over. A page that ends so has fewer
//! rows than asked for and says where the next one goes on.

use std::time::{Duration, Instant};

use domain::{ErrorKind, ExecutionId, ExecutionStatus, ScriptId, TenantId, Trigger, UnixMillis, UserId, VersionId};
use rusqlite::{Connection, OptionalExtension, types::Value};

use super::Execution;
use crate::{
    Database, DatabaseError,
    rows::{microseconds, millis, word},
};

/// Rows that are walked between two looks at the clock, at first: some milliseconds, where each has to be fetched from a
/// part of the file that nobody read for long.
const CHUNK_ROWS_MIN: u32 = 128;

/// The same where rows turn out to be quick: more would not make it quicker.
const CHUNK_ROWS_MAX: u32 = 1_024;

/// Within this time a chunk is quick, and the next one twice as large.
const QUICK: Duration = Duration::from_millis(1);

/// After this time a page is answered as it is. A page is to take less than 50 ms; this leaves room for the last chunk,
/// and for whoever looks into each row.
const WALK_TIME: Duration = Duration::from_millis(20);

const COLUMNS: &str = "
    executions.id, executions.script_id, executions.version_id, executions.triggered_by, executions.actor,
    executions.actor_user_id, executions.actor_token_id, executions.actor_session_id, executions.status,
    executions.attempt, executions.owner_epoch, executions.error_kind, executions.fuel,
    executions.peak_memory_bytes, executions.host_calls, executions.logs_truncated, executions.accepted_at,
    executions.started_at, executions.completed_at, executions.duration_us, executions.binding_user_id,
    executions.retry_of, executions.is_accepted";
const LOGS: &str = "
    SELECT logs FROM execution_records WHERE tenant_id = $1 AND execution_id = $2 ORDER BY attempt DESC LIMIT 1";

/// Which executions to list; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionFilter {
    /// Those with one of these statuses; empty for all.
    pub statuses: Vec<ExecutionStatus>,
    /// Those with this trigger.
    pub trigger: Option<Trigger>,
    /// Those of this script.
    pub script: Option<ScriptId>,
    /// Those of this version.
    pub version: Option<VersionId>,
    /// Those that this person started, by a token or signed in.
    pub user: Option<UserId>,
    /// Those that ended so.
    pub error_kind: Option<ErrorKind>,
    /// Those that began before this moment; of those that wait, that were accepted before it.
    pub before: Option<UnixMillis>,
    /// Those that began at this moment or after it; of those that wait, that were accepted then.
    pub after: Option<UnixMillis>,
    /// Those that were accepted before this moment.
    pub accepted_before: Option<UnixMillis>,
    /// Those that were accepted at this moment or after it.
    pub accepted_after: Option<UnixMillis>,
    /// Those that have ended and ran at least so long.
    pub duration_min: Option<Duration>,
    /// Those that have ended and ran at most so long.
    pub duration_max: Option<Duration>,
}

/// Where a page of executions ended: the start and the id of the last one that was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExecutionCursor {
    /// When the last one began, or was accepted if it waits.
    pub started_at: UnixMillis,
    /// The last one.
    pub id: ExecutionId,
}

/// A page of executions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ExecutionPage {
    /// The executions, the latest first; may be fewer than asked for, or none, where there is a next page.
    pub executions: Vec<Execution>,
    /// Where the next page goes on; `None` where there is nothing more.
    pub next: Option<ExecutionCursor>,
}

impl Execution {
    /// The cursor of the page that begins after this execution.
    pub fn cursor(&self) -> ExecutionCursor {
        ExecutionCursor { started_at: self.started_at.unwrap_or(self.accepted_at), id: self.id }
    }
}

impl Database {
    /// A page of at most `limit` executions, the latest first, from `cursor` on. Fewer where a filter finds little among
    /// much: what is left is on the next page.
    pub fn list_executions(
        &self,
        tenant: TenantId,
        filter: &ExecutionFilter,
        cursor: Option<ExecutionCursor>,
        limit: u32,
    ) -> Result<ExecutionPage, DatabaseError> {
        let began = Instant::now();
        let mut page = ExecutionPage { executions: Vec::new(), next: cursor };
        let mut rows = CHUNK_ROWS_MIN;
        loop {
            let chunk_began = Instant::now();
            let left = limit.saturating_sub(u32::try_from(page.executions.len()).unwrap_or(u32::MAX));
            let walk = Walk { tenant, filter, cursor: page.next, limit: left, rows };
            let chunk = self.read(|connection| walk.chunk(connection))?;
            if chunk_began.elapsed() < QUICK {
                rows = (rows * 2).min(CHUNK_ROWS_MAX);
            }
            page.executions.extend(chunk.executions);
            page.next = chunk.next;
            let is_full = page.executions.len() >= limit as usize;
            if is_full || page.next.is_none() || began.elapsed() >= WALK_TIME {
                return Ok(page);
            }
        }
    }

    /// The lines of log of an execution's last attempt, sealed; `None` where nothing was recorded.
    pub fn execution_logs(&self, tenant: TenantId, id: ExecutionId) -> Result<Option<Vec<u8>>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LOGS)?;
            Ok(statement.query_row([tenant.to_string(), id.to_string()], |row| row.get("logs")).optional()?)
        })
    }
}

/// One step through a list.
pub(super) struct Walk<'a> {
    pub(super) tenant: TenantId,
    pub(super) filter: &'a ExecutionFilter,
    pub(super) cursor: Option<ExecutionCursor>,
    /// The most executions that it finds.
    pub(super) limit: u32,
    /// The most rows that it looks at.
    pub(super) rows: u32,
}

/// A statement that is being written: text of this crate's own, and the values bound to it.
pub(super) struct Statement {
    pub(super) text: String,
    pub(super) parameters: Vec<Value>,
}

impl Statement {
    /// Add `clause`, and the parameter that follows it.
    pub(super) fn push(&mut self, clause: &str, parameter: impl Into<Value>) {
        self.parameters.push(parameter.into());
        self.text.push_str(clause);
        self.text.push_str(&format!("${}", self.parameters.len()));
    }

    fn push_some(&mut self, clause: &str, parameter: Option<impl Into<Value>>) {
        if let Some(parameter) = parameter {
            self.push(clause, parameter);
        }
    }
}

impl Walk<'_> {
    /// The rows that the filter finds among the next chunk, and where the one after that begins.
    fn chunk(&self, connection: &Connection) -> Result<ExecutionPage, DatabaseError> {
        // Both statements have to see the same rows: else what begins between them could be passed over.
        let transaction = connection.unchecked_transaction()?;
        let found = self.found();
        let mut statement = transaction.prepare_cached(&found.text)?;
        let rows = statement.query_map(rusqlite::params_from_iter(found.parameters), Execution::from_row)?;
        let mut executions = rows.collect::<rusqlite::Result<Vec<Execution>>>()?;
        // The statement finds them in this order; that a database must not change it is nowhere written.
        executions.sort_by_key(|execution| std::cmp::Reverse((execution.cursor().started_at, execution.id)));
        let is_full = executions.len() >= self.limit as usize;
        let next = match executions.last().filter(|_| is_full) {
            Some(last) => Some(last.cursor()),
            None => self.end(&transaction)?,
        };
        Ok(ExecutionPage { executions, next })
    }

    /// The rows of the chunk in the order of one index, of which the filter's other parts take some. The limit inside
    /// keeps them apart: no database may look for them by another index, of which it would walk any number.
    fn found(&self) -> Statement {
        let mut statement = Statement { text: format!("SELECT {COLUMNS}"), parameters: Vec::new() };
        statement.text.push_str(" FROM (SELECT walked.id AS found_id FROM (SELECT ");
        statement.text.push_str(&self.walked_columns().join(", "));
        self.walked(&mut statement);
        statement.push(" LIMIT ", i64::from(self.rows));
        statement.text.push_str(") AS walked WHERE TRUE");
        self.filtered(&mut statement);
        statement.push(" LIMIT ", i64::from(self.limit));
        statement.text.push_str(") AS found CROSS JOIN executions WHERE executions.id = found.found_id");
        statement.push(" AND executions.tenant_id = ", self.tenant.to_string());
        statement
    }

    /// Where the chunk ends; `None` where the list does.
    fn end(&self, connection: &Connection) -> Result<Option<ExecutionCursor>, DatabaseError> {
        let mut statement = Statement { text: String::from("SELECT started_at, id"), parameters: Vec::new() };
        self.walked(&mut statement);
        statement.push(" LIMIT 1 OFFSET ", i64::from(self.rows) - 1);
        let mut prepared = connection.prepare_cached(&statement.text)?;
        let last = prepared.query_row(rusqlite::params_from_iter(statement.parameters), |row| {
            Ok(ExecutionCursor { started_at: millis(row, "started_at")?, id: word(row, "id")? })
        });
        Ok(last.optional()?)
    }

    /// The rows from the cursor on that one index finds in their order, and nothing else of the filter.
    pub(super) fn walked(&self, statement: &mut Statement) {
        let filter = self.filter;
        statement.push(" FROM executions WHERE tenant_id = ", self.tenant.to_string());
        match self.index() {
            Index::Error(kind) => statement.push(" AND error_kind = ", kind.as_str().to_owned()),
            Index::Script(script) => statement.push(" AND script_id = ", script.to_string()),
            Index::User(user) => statement.push(" AND actor_user_id = ", user.to_string()),
            Index::Status(status) => statement.push(" AND status = ", status.as_str().to_owned()),
            Index::Started => {}
        }
        statement.push_some(" AND started_at < ", filter.before.map(|before| before.0));
        // Nothing begins before it was accepted.
        let after = filter.after.max(filter.accepted_after);
        statement.push_some(" AND started_at >= ", after.map(|after| after.0));
        if let Some(cursor) = self.cursor {
            statement.push(" AND (started_at, id) < (", cursor.started_at.0);
            statement.push(", ", cursor.id.to_string());
            statement.text.push(')');
        }
        statement.text.push_str(" ORDER BY started_at DESC, id DESC");
    }

    /// Which index leads to the fewest rows, as far as one can tell from the filter alone.
    fn index(&self) -> Index {
        match (self.filter.error_kind, self.filter.user, self.filter.script, self.filter.statuses.as_slice()) {
            (Some(kind), ..) => Index::Error(kind),
            (_, Some(user), ..) => Index::User(user),
            (_, _, Some(script), _) => Index::Script(script),
            // Most are that, and the index by time alone knows it too.
            (_, _, _, [status]) if *status != ExecutionStatus::Success => Index::Status(*status),
            _ => Index::Started,
        }
    }

    /// The columns of the walked rows that the filter asks for: what is not in the index is fetched for each of them.
    pub(super) fn walked_columns(&self) -> Vec<&'static str> {
        let filter = self.filter;
        let has_duration = filter.duration_min.is_some() || filter.duration_max.is_some();
        let has_accepted = filter.accepted_before.is_some() || filter.accepted_after.is_some();
        let asked = [
            ("id", true),
            ("script_id", filter.script.is_some()),
            ("version_id", filter.version.is_some()),
            ("triggered_by", filter.trigger.is_some()),
            ("status", !filter.statuses.is_empty()),
            ("actor_user_id", filter.user.is_some()),
            ("accepted_at", has_accepted),
            ("duration_us", has_duration),
        ];
        asked.into_iter().filter(|(_, is_asked)| *is_asked).map(|(column, _)| column).collect()
    }

    pub(super) fn filtered(&self, statement: &mut Statement) {
        let filter = self.filter;
        statement.push_some(" AND walked.script_id = ", filter.script.map(|script| script.to_string()));
        statement.push_some(" AND walked.version_id = ", filter.version.map(|version| version.to_string()));
        statement.push_some(" AND walked.actor_user_id = ", filter.user.map(|user| user.to_string()));
        statement.push_some(" AND walked.triggered_by = ", filter.trigger.map(|trigger| trigger.as_str().to_owned()));
        for (place, status) in filter.statuses.iter().enumerate() {
            let clause = if place == 0 { " AND walked.status IN (" } else { ", " };
            statement.push(clause, status.as_str().to_owned());
        }
        if !filter.statuses.is_empty() {
            statement.text.push(')');
        }
        statement.push_some(" AND walked.accepted_at < ", filter.accepted_before.map(|before| before.0));
        statement.push_some(" AND walked.accepted_at >= ", filter.accepted_after.map(|after| after.0));
        statement.push_some(" AND walked.duration_us >= ", filter.duration_min.map(microseconds));
        statement.push_some(" AND walked.duration_us <= ", filter.duration_max.map(microseconds));
    }
}

/// The index in whose order a list is walked. Each ends with start and id.
enum Index {
    Error(ErrorKind),
    Script(ScriptId),
    User(UserId),
    Status(ExecutionStatus),
    Started,
}
