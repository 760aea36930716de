//! Dead letters: what was given up, kept until a person has looked at it.

use domain::{ExecutionId, ScriptId, TenantId, UnixMillis};
use rusqlite::params;
use uuid::Uuid;

use crate::{DatabaseError, writer::Work};

const INSERT_EXECUTION: &str = "
    INSERT INTO dead_letters (tenant_id, id, kind, reason, script_id, execution_id, created_at)
    VALUES ($1, $2, 'execution', 'rescues', $3, $4, $5)";

/// Note that an execution was given up, because processes ended again and again while it ran.
pub(crate) fn insert_execution(
    work: &Work<'_>,
    tenant: TenantId,
    script: ScriptId,
    execution: ExecutionId,
    now: UnixMillis,
) -> Result<(), DatabaseError> {
    work.connection.prepare_cached(INSERT_EXECUTION)?.execute(params![
        tenant.to_string(),
        Uuid::now_v7().to_string(),
        script.to_string(),
        execution.to_string(),
        now.0,
    ])?;
    Ok(())
}
