//! Which entries may go on beside which. Of a *group* a number goes on at once, as its script says; of a *line* one, as a
//! schedule says of its runs. An entry may have both: it goes through its line first and then takes a place of its group.
//!
//! Live work never waits for what catches up: that steps back as long as nobody has taken it.

use domain::WhenFull;
use rusqlite::{OptionalExtension, Row, params};

use super::{Priority, QueueEntry};
use crate::{
    DatabaseError,
    rows::{count, small_count},
    writer::Work,
};

// Of a group there are never more than group_max of these, so that counting them is cheap.
const TAKEN_OF_GROUP: &str = "
    SELECT COUNT(*) AS taken
    FROM execution_queue
    WHERE tenant_id = $1 AND group_key = $2 AND state IN ('ready', 'leased')";
const PROMOTE: &str = "
    UPDATE execution_queue
    SET state = 'ready'
    WHERE tenant_id = $1 AND execution_id = (
        SELECT execution_id
        FROM execution_queue
        WHERE tenant_id = $1 AND group_key = $2 AND state = 'blocked' AND is_in_line = FALSE
        ORDER BY priority, position, execution_id
        LIMIT 1)";
const STEP_BACK_IN_GROUP: &str = "
    UPDATE execution_queue
    SET state = 'blocked'
    WHERE tenant_id = $1 AND execution_id = (
        SELECT execution_id
        FROM execution_queue
        WHERE tenant_id = $1 AND group_key = $2 AND state = 'ready' AND is_in_line = FALSE AND priority > $3
        ORDER BY priority DESC, position DESC
        LIMIT 1)";
const HEAD_OF_LINE: &str = "
    SELECT execution_id FROM execution_queue WHERE tenant_id = $1 AND line_key = $2 AND is_in_line = FALSE LIMIT 1";
const NEXT_IN_LINE: &str = "
    UPDATE execution_queue
    SET is_in_line = FALSE, state = CASE WHEN group_key IS NULL THEN 'ready' ELSE 'blocked' END
    WHERE tenant_id = $1 AND execution_id = (
        SELECT execution_id
        FROM execution_queue
        WHERE tenant_id = $1 AND line_key = $2 AND is_in_line = TRUE
        ORDER BY priority, position, execution_id
        LIMIT 1)
    RETURNING group_key, group_max, priority";
const STEP_BACK_IN_LINE: &str = "
    UPDATE execution_queue
    SET is_in_line = TRUE, state = 'blocked'
    WHERE tenant_id = $1 AND line_key = $2 AND is_in_line = FALSE AND state <> 'leased' AND priority > $3
    RETURNING group_key, group_max, priority";

/// Executions that are kept apart: of one group at most `max` go on at once, in the order in which they were accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueGroup {
    /// Its name within the tenant.
    pub key: String,
    /// How many go on at once, from 1.
    pub max: u32,
    /// What becomes of the next one.
    pub when_full: WhenFull,
}

/// Where an entry stands when it comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It may be taken.
    Ready,
    /// It waits for a place of its group.
    ForPlace,
    /// It waits for those before it in its line.
    InLine,
}

impl Standing {
    /// The state as its column holds it.
    pub(super) fn state(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::ForPlace | Self::InLine => "blocked",
        }
    }

    pub(super) fn is_in_line(self) -> bool {
        self == Self::InLine
    }
}

/// A group's place that an entry has or wants.
struct Place {
    group: Option<String>,
    max: u32,
    priority: i64,
}

impl Place {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { group: row.get("group_key")?, max: small_count(row, "group_max")?, priority: row.get("priority")? })
    }
}

/// What an entry had that is gone.
pub(super) struct Left {
    state: String,
    group: Option<String>,
    max: u32,
    line: Option<String>,
    is_in_line: bool,
}

impl Left {
    pub(super) fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            state: row.get("state")?,
            group: row.get("group_key")?,
            max: small_count(row, "group_max")?,
            line: row.get("line_key")?,
            is_in_line: row.get("is_in_line")?,
        })
    }
}

/// Where a new entry stands, once what catches up has made way for it.
///
/// # Errors
/// [`DatabaseError::GroupFull`]; the caller's savepoint is then to be undone.
pub(super) fn arrive(work: &Work<'_>, tenant: &str, entry: &QueueEntry) -> Result<Standing, DatabaseError> {
    if let Some(line) = &entry.line {
        step_back_in_line(work, tenant, line, entry.priority)?;
        if work.connection.prepare_cached(HEAD_OF_LINE)?.exists([tenant, line])? {
            return Ok(Standing::InLine);
        }
    }
    let Some(group) = &entry.group else { return Ok(Standing::Ready) };
    let is_free = make_place(work, tenant, group, entry.priority.as_number())?;
    if group.when_full == WhenFull::Skip && !is_free {
        return Err(DatabaseError::GroupFull { max: group.max });
    }
    Ok(Standing::ForPlace)
}

/// Let those go on that waited for an entry that is gone.
pub(super) fn follow(work: &Work<'_>, tenant: &str, left: &Left) -> Result<(), DatabaseError> {
    if let Some(line) = left.line.as_ref().filter(|_| !left.is_in_line) {
        let mut next = work.connection.prepare_cached(NEXT_IN_LINE)?;
        if let Some(place) = next.query_row([tenant, line], Place::from_row).optional()?
            && let Some(key) = place.group
        {
            let group = QueueGroup { key, max: place.max, when_full: WhenFull::Queue };
            make_place(work, tenant, &group, place.priority)?;
            promote(work, tenant, &group.key, group.max)?;
        }
    }
    // One that was blocked had no place in its group, so that none is free now.
    match &left.group {
        Some(group) if left.state != "blocked" => promote(work, tenant, group, left.max),
        _ => Ok(()),
    }
}

/// Let the first of a group go on, as far as it has places.
pub(super) fn promote(work: &Work<'_>, tenant: &str, group: &str, max: u32) -> Result<(), DatabaseError> {
    while taken_of(work, tenant, group)? < u64::from(max) {
        if work.connection.prepare_cached(PROMOTE)?.execute([tenant, group])? == 0 {
            break;
        }
    }
    Ok(())
}

/// See that a group has a place that nobody waits in who comes behind this priority; answers whether there is one.
fn make_place(work: &Work<'_>, tenant: &str, group: &QueueGroup, priority: i64) -> Result<bool, DatabaseError> {
    if taken_of(work, tenant, &group.key)? < u64::from(group.max) {
        return Ok(true);
    }
    let mut step_back = work.connection.prepare_cached(STEP_BACK_IN_GROUP)?;
    Ok(step_back.execute(params![tenant, group.key, priority])? > 0)
}

/// Put the head of a line back that comes behind this priority and that nobody has taken.
fn step_back_in_line(work: &Work<'_>, tenant: &str, line: &str, priority: Priority) -> Result<(), DatabaseError> {
    let mut step_back = work.connection.prepare_cached(STEP_BACK_IN_LINE)?;
    let place = step_back.query_row(params![tenant, line, priority.as_number()], Place::from_row).optional()?;
    match place.and_then(|place| place.group.map(|group| (group, place.max))) {
        Some((group, max)) => promote(work, tenant, &group, max),
        None => Ok(()),
    }
}

fn taken_of(work: &Work<'_>, tenant: &str, group: &str) -> Result<u64, DatabaseError> {
    let mut statement = work.connection.prepare_cached(TAKEN_OF_GROUP)?;
    Ok(statement.query_row([tenant, group], |row| count(row, "taken"))?)
}
