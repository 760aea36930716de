//! Circuit breakers: a script whose executions fail one after another is paused for a while, and then tried with one
//! (RULES 31).

use domain::{ScriptId, TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, queue,
    rows::{optional_millis, small_count},
    writer::Work,
};

const GET: &str = "
    SELECT failures, openings, opened_at, retry_at
    FROM script_breakers
    WHERE tenant_id = $1 AND script_id = $2";
const FAILED: &str = "
    INSERT INTO script_breakers (tenant_id, script_id, failures)
    VALUES ($1, $2, 1)
    ON CONFLICT (tenant_id, script_id) DO UPDATE SET failures = script_breakers.failures + 1
    RETURNING failures, openings, opened_at, retry_at";
const OPEN: &str = "
    UPDATE script_breakers
    SET openings = openings + 1, opened_at = $1, retry_at = $2
    WHERE tenant_id = $3 AND script_id = $4";
const TRY: &str = "UPDATE script_breakers SET retry_at = $1 WHERE tenant_id = $2 AND script_id = $3";
const CLOSE: &str = "DELETE FROM script_breakers WHERE tenant_id = $1 AND script_id = $2";

/// How long a script is paused the first time, in milliseconds; each opening after it doubles this.
const PAUSE_MS: i64 = 60_000;

/// The longest pause, in milliseconds.
const PAUSE_MS_MAX: i64 = 60 * 60_000;

/// How long others wait for the execution that tries, in milliseconds: longer than any runs by default.
const TRIAL_MS: i64 = 60_000;

/// The breaker of a script that failed lately.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    /// Failures one after another.
    pub failures: u32,
    /// How often it opened since an execution last succeeded.
    pub openings: u32,
    /// When it opened; `None` while it is closed.
    pub opened_at: Option<UnixMillis>,
    /// When the next execution is let through; `None` while it is closed.
    pub retry_at: Option<UnixMillis>,
}

/// What an execution's end says of its script.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It works.
    Sound,
    /// It failed by itself; the breaker opens at so many failures one after another, or never.
    Failed {
        /// How many.
        opens_at: Option<u32>,
    },
    /// Nothing: its caller was to blame, or somebody cut it.
    Nothing,
}

/// Whether a script may run.
pub(crate) enum Passage {
    Free,
    Open { retry_at: UnixMillis },
}

impl Breaker {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            failures: small_count(row, "failures")?,
            openings: small_count(row, "openings")?,
            opened_at: optional_millis(row, "opened_at")?,
            retry_at: optional_millis(row, "retry_at")?,
        })
    }
}

impl Database {
    /// The breaker of a script; `None` while its executions succeed.
    pub fn breaker(&self, tenant: TenantId, script: ScriptId) -> Result<Option<Breaker>, DatabaseError> {
        self.read(|connection| find(connection, tenant, script))
    }

    /// Let one execution try a script whose breaker is open, if it is time to. Answers whether it may.
    pub async fn try_breaker(
        &self,
        tenant: TenantId,
        script: ScriptId,
        now: UnixMillis,
    ) -> Result<bool, DatabaseError> {
        self.write(move |work| Ok(matches!(pass(work, tenant, script, now)?, Passage::Free))).await
    }

    /// Close a script's breaker, because a person changed something.
    pub async fn close_breaker(
        &self,
        tenant: TenantId,
        script: ScriptId,
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| close(work, tenant, script, now)).await
    }
}

/// Let an execution through a closed breaker, and one at a time through an open one whose pause is over.
pub(crate) fn pass(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    now: UnixMillis,
) -> Result<Passage, DatabaseError> {
    let Some(retry_at) = find(work.connection, tenant, script)?.and_then(|breaker| breaker.retry_at) else {
        return Ok(Passage::Free);
    };
    if retry_at > now {
        return Ok(Passage::Open { retry_at });
    }
    let next = now.0.saturating_add(TRIAL_MS);
    work.connection.prepare_cached(TRY)?.execute(params![next, tenant.to_string(), script.to_string()])?;
    Ok(Passage::Free)
}

/// Note how an execution ended that began at `started_at`. Answers whether the breaker opened.
pub(crate) fn judge(
    work: &Work<'_>,
    (tenant, script): (TenantId, ScriptId),
    verdict: Verdict,
    (started_at, now): (UnixMillis, UnixMillis),
) -> Result<bool, DatabaseError> {
    let opens_at = match verdict {
        Verdict::Nothing => return Ok(false),
        Verdict::Sound => return close(work, tenant, script, now).map(|()| false),
        Verdict::Failed { opens_at } => opens_at,
    };
    let Some(opens_at) = opens_at else { return close(work, tenant, script, now).map(|()| false) };
    let opened_at = find(work.connection, tenant, script)?.and_then(|breaker| breaker.opened_at);
    // What was under way when it opened tells nothing new.
    if opened_at.is_some_and(|opened_at| started_at < opened_at) {
        return Ok(false);
    }
    let parameters = [tenant.to_string(), script.to_string()];
    let breaker = work.connection.prepare_cached(FAILED)?.query_row(parameters, Breaker::from_row)?;
    let is_trial = opened_at.is_some();
    if !is_trial && breaker.failures < opens_at {
        return Ok(false);
    }
    let pause = PAUSE_MS.saturating_mul(1 << breaker.openings.min(16)).min(PAUSE_MS_MAX);
    let retry_at = now.0.saturating_add(pause);
    let parameters = params![now.0, retry_at, tenant.to_string(), script.to_string()];
    work.connection.prepare_cached(OPEN)?.execute(parameters)?;
    Ok(!is_trial)
}

fn find(connection: &Connection, tenant: TenantId, script: ScriptId) -> Result<Option<Breaker>, DatabaseError> {
    let mut statement = connection.prepare_cached(GET)?;
    Ok(statement.query_row([tenant.to_string(), script.to_string()], Breaker::from_row).optional()?)
}

/// Close a breaker, and let what waited for it go on.
fn close(work: &Work<'_>, tenant: TenantId, script: ScriptId, now: UnixMillis) -> Result<(), DatabaseError> {
    let mut statement = work.connection.prepare_cached(CLOSE)?;
    if statement.execute([tenant.to_string(), script.to_string()])? > 0 {
        queue::wake_some(work, tenant, script, now)?;
    }
    Ok(())
}
