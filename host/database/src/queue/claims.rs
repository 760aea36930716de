//! Taking what waits: by lease, for a time, with a fencing token that every later write of the execution names.

use domain::{ExecutionId, OnInterrupt, ScriptId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use super::Priority;
use crate::{
    Database, DatabaseError, breakers,
    rows::{bigint, small_count, word},
    writer::Work,
};

const NEXT: &str = "
    SELECT execution_id, script_id
    FROM execution_queue
    WHERE tenant_id = $1 AND state = 'ready' AND priority = $2 AND available_at <= $3
    ORDER BY available_at, position, execution_id
    LIMIT 1";
// The script's next ones with it: each would be looked at in vain.
const POSTPONE: &str = "
    UPDATE execution_queue
    SET available_at = $1
    WHERE tenant_id = $2 AND execution_id IN (
        SELECT execution_id
        FROM execution_queue
        WHERE tenant_id = $2 AND script_id = $3 AND state = 'ready' AND available_at < $1
        LIMIT $4)";
const WAKE: &str = "
    UPDATE execution_queue
    SET available_at = $1
    WHERE tenant_id = $2 AND execution_id IN (
        SELECT execution_id
        FROM execution_queue
        WHERE tenant_id = $2 AND script_id = $3 AND state = 'ready' AND failures = 0 AND available_at > $1
        LIMIT $4)";
const LEASE: &str = "
    UPDATE execution_queue
    SET state = 'leased', fence = fence + 1, lease_epoch = $1, lease_until = $2
    WHERE tenant_id = $3 AND execution_id = $4 AND state = 'ready'
    RETURNING fence, failures, rescues, max_attempts, on_interrupt";
// Nobody's rights stand in for those of whoever is no member any more: the deployer of the version, its author where another
// one is active by now, and whoever bound the trigger.
const ORPHANED: &str = "
    SELECT executions.version_id, executions.binding_user_id
    FROM executions
    JOIN script_versions
        ON script_versions.tenant_id = executions.tenant_id AND script_versions.id = executions.version_id
    LEFT JOIN active_versions
        ON active_versions.tenant_id = executions.tenant_id AND active_versions.script_id = executions.script_id
        AND active_versions.version_id = executions.version_id
    WHERE executions.tenant_id = $1 AND executions.id = $2 AND EXISTS (
        SELECT 1
        FROM memberships
        JOIN users ON users.id = memberships.user_id
        WHERE memberships.tenant_id = executions.tenant_id
            AND (memberships.user_id = executions.binding_user_id
                 OR memberships.user_id = CASE WHEN active_versions.version_id IS NULL
                                               THEN COALESCE(script_versions.adopted_by, script_versions.author)
                                               ELSE active_versions.deployed_by END)
            AND (memberships.status <> 'active' OR users.disabled_at IS NOT NULL))";
// Those that wait for the same people.
const POSTPONE_ORPHANED: &str = "
    UPDATE execution_queue
    SET available_at = $1
    WHERE tenant_id = $2 AND execution_id IN (
        SELECT execution_queue.execution_id
        FROM execution_queue
        JOIN executions
            ON executions.tenant_id = execution_queue.tenant_id AND executions.id = execution_queue.execution_id
        WHERE execution_queue.tenant_id = $2 AND execution_queue.script_id = $3 AND execution_queue.state = 'ready'
            AND execution_queue.available_at < $1 AND executions.version_id = $4
            AND COALESCE(executions.binding_user_id, '') = $5
        LIMIT $6)";
const IS_ACTIVE: &str = "SELECT is_active FROM scripts WHERE tenant_id = $1 AND id = $2";
const BEGIN: &str = "
    UPDATE executions
    SET status = 'running', owner_epoch = $1, started_at = $2, reserved_fuel = $3
    WHERE tenant_id = $4 AND id = $5 AND status = 'pending'
    RETURNING attempt";
const RENEW: &str = "
    UPDATE execution_queue
    SET lease_until = $1
    WHERE tenant_id = $2 AND execution_id = $3 AND state = 'leased' AND lease_epoch = $4";

/// How long an entry of a script waits that a person paused, or that lives by the rights of somebody who left, in
/// milliseconds, until it is looked at again. Letting the script run, and adopting it, end the wait.
const PAUSED_MS: i64 = 60_000;

/// Entries of one script that are put off, or woken, in one transaction, so that it never takes long.
const AT_ONCE: u32 = 1_000;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Whose work.
    pub tenant: TenantId,
    /// The process that takes it: [`Database::epoch`].
    pub epoch: i64,
    /// Now.
    pub now: UnixMillis,
    /// Until when it is the process's, unless it renews.
    pub lease_until: UnixMillis,
    /// Fuel that was set aside for the attempt: what counts as used where a crash cuts it.
    pub reserved_fuel: u64,
}

/// What a claim came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// An execution.
    Execution(Claimed),
    /// Executions of a script that is paused, rests or waits for somebody who adopts it were put off. Others may be ready:
    /// ask again.
    PutOff,
    /// Nothing is ready.
    Nothing,
}

/// An execution that was taken, and is running by its row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The execution.
    pub execution: ExecutionId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The fencing token.
    pub fence: i64,
    /// Attempts that failed by themselves.
    pub failures: u32,
    /// Attempts that a crash ended.
    pub rescues: u32,
    /// Attempts in all.
    pub max_attempts: u32,
    /// What becomes of it when the process ends first.
    pub on_interrupt: OnInterrupt,
}

impl Database {
    /// Take the tenant's next execution, and begin it.
    pub async fn claim_execution(&self, claim: Claim) -> Result<Taken, DatabaseError> {
        self.write(move |work| take(work, &claim)).await
    }

    /// Let a script's executions go on that waited for the script. Answers how many there were; ask again while there are
    /// any.
    pub async fn wake_executions(
        &self,
        tenant: TenantId,
        script: ScriptId,
        now: UnixMillis,
    ) -> Result<usize, DatabaseError> {
        self.write(move |work| wake_some(work, tenant, script, now)).await
    }

    /// Keep what this process has taken for longer.
    pub async fn renew_leases(
        &self,
        epoch: i64,
        executions: Vec<(TenantId, ExecutionId)>,
        lease_until: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(RENEW)?;
            for (tenant, execution) in &executions {
                statement.execute(params![lease_until.0, tenant.to_string(), execution.to_string(), epoch])?;
            }
            Ok(())
        })
        .await
    }
}

struct Next {
    execution: ExecutionId,
    script: ScriptId,
}

impl Next {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { execution: word(row, "execution_id")?, script: word(row, "script_id")? })
    }
}

fn take(work: &Work<'_>, claim: &Claim) -> Result<Taken, DatabaseError> {
    let Some(next) = next(work, claim)? else { return Ok(Taken::Nothing) };
    if let Some(orphan) = orphan(work, claim.tenant, next.execution)? {
        postpone_orphaned(work, claim, next.script, &orphan)?;
        return Ok(Taken::PutOff);
    }
    let waits_until = if is_active(work, claim.tenant, next.script)? {
        match breakers::pass(work, claim.tenant, next.script, claim.now)? {
            breakers::Passage::Open { retry_at } => retry_at,
            breakers::Passage::Free => return lease(work, claim, next.execution).map(Taken::Execution),
        }
    } else {
        UnixMillis(claim.now.0.saturating_add(PAUSED_MS))
    };
    let parameters = params![waits_until.0, claim.tenant.to_string(), next.script.to_string(), AT_ONCE];
    work.connection.prepare_cached(POSTPONE)?.execute(parameters)?;
    Ok(Taken::PutOff)
}

/// As [`Database::wake_executions`].
pub(crate) fn wake_some(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    now: UnixMillis,
) -> Result<usize, DatabaseError> {
    let parameters = params![now.0, tenant.to_string(), script.to_string(), AT_ONCE];
    Ok(work.connection.prepare_cached(WAKE)?.execute(parameters)?)
}

fn next(work: &Work<'_>, claim: &Claim) -> Result<Option<Next>, DatabaseError> {
    for priority in Priority::ALL {
        let mut statement = work.connection.prepare_cached(NEXT)?;
        let parameters = params![claim.tenant.to_string(), priority.as_number(), claim.now.0];
        if let Some(next) = statement.query_row(parameters, Next::from_row).optional()? {
            return Ok(Some(next));
        }
    }
    Ok(None)
}

/// What an execution waits with that needs the rights of somebody who is no member any more (RULES 14).
struct Orphan {
    version: String,
    binding: Option<String>,
}

/// `None` for an execution whose people all are here.
fn orphan(work: &Work<'_>, tenant: TenantId, execution: ExecutionId) -> Result<Option<Orphan>, DatabaseError> {
    let mut statement = work.connection.prepare_cached(ORPHANED)?;
    let orphan = statement.query_row([tenant.to_string(), execution.to_string()], |row| {
        Ok(Orphan { version: row.get("version_id")?, binding: row.get("binding_user_id")? })
    });
    Ok(orphan.optional()?)
}

fn postpone_orphaned(work: &Work<'_>, claim: &Claim, script: ScriptId, orphan: &Orphan) -> Result<(), DatabaseError> {
    let until = claim.now.0.saturating_add(PAUSED_MS);
    let (tenant, binding) = (claim.tenant.to_string(), orphan.binding.as_deref().unwrap_or_default());
    let mut statement = work.connection.prepare_cached(POSTPONE_ORPHANED)?;
    statement.execute(params![until, tenant, script.to_string(), orphan.version, binding, AT_ONCE])?;
    Ok(())
}

fn is_active(work: &Work<'_>, tenant: TenantId, script: ScriptId) -> Result<bool, DatabaseError> {
    let mut statement = work.connection.prepare_cached(IS_ACTIVE)?;
    Ok(statement.query_row([tenant.to_string(), script.to_string()], |row| row.get(0))?)
}

fn lease(work: &Work<'_>, claim: &Claim, execution: ExecutionId) -> Result<Claimed, DatabaseError> {
    let (tenant, id) = (claim.tenant.to_string(), execution.to_string());
    let mut begin = work.connection.prepare_cached(BEGIN)?;
    let attempt = begin
        .query_row(params![claim.epoch, claim.now.0, bigint(claim.reserved_fuel), tenant, id], |row| {
            small_count(row, "attempt")
        })
        .optional()?
        .ok_or_else(|| DatabaseError::Corrupt { what: format!("the queue holds {id}, which does not wait") })?;
    let mut lease = work.connection.prepare_cached(LEASE)?;
    let claimed = lease.query_row(params![claim.epoch, claim.lease_until.0, tenant, id], |row| {
        Ok(Claimed {
            execution,
            attempt,
            fence: row.get("fence")?,
            failures: small_count(row, "failures")?,
            rescues: small_count(row, "rescues")?,
            max_attempts: small_count(row, "max_attempts")?,
            on_interrupt: word(row, "on_interrupt")?,
        })
    })?;
    Ok(claimed)
}
