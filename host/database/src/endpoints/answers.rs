//! Requests that are told again by a key: which execution answers each, for a day.
//!
//! The answer itself is the execution's result, which is committed with its effects: so there is no moment at which one
//! of the two is there without the other.

use domain::{ExecutionId, TenantId, UnixMillis};
use rusqlite::{OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError, QueuedExecution, queue,
    rows::{bigint, word},
    storage::ADD_STORED_BYTES,
    words::stored_words,
    writer::Work,
};

const GET: &str = "
    SELECT body, execution_id, state, owner_epoch, stored_bytes, expires_at
    FROM endpoint_answers
    WHERE tenant_id = $1 AND request = $2";
const PUT: &str = "
    INSERT INTO endpoint_answers (tenant_id, request, body, execution_id, state, owner_epoch, stored_bytes, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (tenant_id, request)
    DO UPDATE SET body = excluded.body, execution_id = excluded.execution_id, state = excluded.state,
                  owner_epoch = excluded.owner_epoch, stored_bytes = excluded.stored_bytes,
                  expires_at = excluded.expires_at";
const SETTLE: &str = "
    UPDATE endpoint_answers
    SET state = 'answered', stored_bytes = stored_bytes + $1
    WHERE tenant_id = $2 AND request = $3 AND execution_id = $4 AND state = 'running'";
const DELETE: &str = "
    DELETE FROM endpoint_answers
    WHERE tenant_id = $1 AND request = $2 AND execution_id = $3
    RETURNING stored_bytes";
const EXPIRED: &str = "
    SELECT request, execution_id
    FROM endpoint_answers
    WHERE tenant_id = $1 AND expires_at <= $2
    ORDER BY expires_at
    LIMIT $3";

/// What a row counts in its tenant's storage before the answer is added: its hashes, ids and times.
const ROW_BYTES: i64 = 256;

stored_words!(
    /// How far the answer to a request has come.
    AnswerState, "state", {
        /// An execution is under way, or was when its process ended.
        Running = "running",
        /// The execution's result is the answer.
        Answered = "answered",
        /// That it is accepted was the answer.
        Accepted = "accepted",
    }
);

/// A request that wants to be answered, unless it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerClaim {
    /// What the request is told again by.
    pub request: [u8; 32],
    /// A hash over its body.
    pub body: [u8; 32],
    /// The execution that is to answer it.
    pub execution: ExecutionId,
    /// The execution whose claim gives way, because it has no answer and will have none.
    pub replaces: Option<ExecutionId>,
    /// The time now.
    pub now: UnixMillis,
    /// When it is forgotten.
    pub expires_at: UnixMillis,
    /// Bytes that the tenant may store.
    pub storage_limit_bytes: u64,
}

/// Whether a request is to be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimedAnswer {
    /// Yes: nobody else does.
    New,
    /// It was, or somebody does.
    Known(KnownAnswer),
    /// The tenant's storage has no room to remember it.
    StorageFull,
}

/// What is known of a request that came before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownAnswer {
    /// The hash over its body.
    pub body: [u8; 32],
    /// The execution that answers it.
    pub execution: ExecutionId,
    /// How far the answer has come.
    pub state: AnswerState,
    /// The process that claimed it.
    pub owner_epoch: i64,
}

struct Stored {
    known: KnownAnswer,
    stored_bytes: i64,
    expires_at: i64,
}

impl Stored {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        let known = KnownAnswer {
            body: row.get("body")?,
            execution: word(row, "execution_id")?,
            state: word(row, "state")?,
            owner_epoch: row.get("owner_epoch")?,
        };
        Ok(Self { known, stored_bytes: row.get("stored_bytes")?, expires_at: row.get("expires_at")? })
    }
}

impl Database {
    /// Claim a request: of all that are equal, one is to be answered.
    pub async fn claim_answer(&self, tenant: TenantId, claim: AnswerClaim) -> Result<ClaimedAnswer, DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| claim_in(work, tenant, &claim, (AnswerState::Running, epoch))).await
    }

    /// Accept the execution of a request, and claim the request where it can be told again: both or neither. A request
    /// that is known, or that cannot be remembered, accepts nothing.
    ///
    /// # Errors
    /// As [`Self::enqueue_execution`].
    pub async fn accept_request(
        &self,
        tenant: TenantId,
        queued: QueuedExecution,
        claim: Option<AnswerClaim>,
    ) -> Result<ClaimedAnswer, DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| {
            if let Some(claim) = &claim {
                let claimed = claim_in(work, tenant, claim, (AnswerState::Accepted, epoch))?;
                if claimed != ClaimedAnswer::New {
                    return Ok(claimed);
                }
            }
            queue::enqueue(work, &queued)?;
            Ok(ClaimedAnswer::New)
        })
        .await
    }

    /// Note that the claimed request has an answer that stands, of so many bytes.
    pub async fn settle_answer(
        &self,
        tenant: TenantId,
        request: [u8; 32],
        execution: ExecutionId,
        answer_bytes: u64,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let tenant = tenant.to_string();
            let added = bigint(answer_bytes);
            let parameters = params![added, tenant, request, execution.to_string()];
            if work.connection.prepare_cached(SETTLE)?.execute(parameters)? == 1 {
                add_bytes(work, &tenant, added)?;
            }
            Ok(())
        })
        .await
    }

    /// Give a claim back: the next equal request is answered anew. A claim of another execution stays.
    pub async fn release_answer(
        &self,
        tenant: TenantId,
        request: [u8; 32],
        execution: ExecutionId,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| remove(work, &tenant.to_string(), &request, &execution.to_string())).await
    }

    /// Forget at most `limit` of a tenant's requests that have expired by `now`; answers how many. Nothing is written
    /// where there are none.
    pub async fn purge_answers(&self, tenant: TenantId, now: UnixMillis, limit: u32) -> Result<usize, DatabaseError> {
        let any = self.read(|connection| {
            let mut expired = connection.prepare_cached(EXPIRED)?;
            Ok(expired.exists(params![tenant.to_string(), now.0, 1])?)
        })?;
        if !any {
            return Ok(0);
        }
        self.write(move |work| {
            let tenant = tenant.to_string();
            let mut expired = work.connection.prepare_cached(EXPIRED)?;
            let rows = expired
                .query_map(params![tenant, now.0, limit], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect::<rusqlite::Result<Vec<([u8; 32], String)>>>()?;
            for (request, execution) in &rows {
                remove(work, &tenant, request, execution)?;
            }
            Ok(rows.len())
        })
        .await
    }
}

/// Claim a request within a write.
fn claim_in(
    work: &Work<'_>,
    tenant: TenantId,
    claim: &AnswerClaim,
    (state, epoch): (AnswerState, i64),
) -> Result<ClaimedAnswer, DatabaseError> {
    let tenant = tenant.to_string();
    let found =
        work.connection.prepare_cached(GET)?.query_row(params![tenant, claim.request], Stored::from_row).optional()?;
    let mut freed = 0;
    if let Some(Stored { known, stored_bytes, expires_at }) = found {
        if expires_at > claim.now.0 && claim.replaces != Some(known.execution) {
            return Ok(ClaimedAnswer::Known(known));
        }
        freed = stored_bytes;
    }
    let stored = add_bytes(work, &tenant, ROW_BYTES - freed)?;
    if stored > bigint(claim.storage_limit_bytes) {
        add_bytes(work, &tenant, freed - ROW_BYTES)?;
        return Ok(ClaimedAnswer::StorageFull);
    }
    work.connection.prepare_cached(PUT)?.execute(params![
        tenant,
        claim.request,
        claim.body,
        claim.execution.to_string(),
        state.as_str(),
        epoch,
        ROW_BYTES,
        claim.expires_at.0,
    ])?;
    Ok(ClaimedAnswer::New)
}

fn remove(work: &Work<'_>, tenant: &str, request: &[u8; 32], execution: &str) -> Result<(), DatabaseError> {
    let mut delete = work.connection.prepare_cached(DELETE)?;
    let freed: Option<i64> = delete.query_row(params![tenant, request, execution], |row| row.get(0)).optional()?;
    if let Some(freed) = freed {
        add_bytes(work, tenant, -freed)?;
    }
    Ok(())
}

fn add_bytes(work: &Work<'_>, tenant: &str, bytes: i64) -> Result<i64, DatabaseError> {
    let mut add = work.connection.prepare_cached(ADD_STORED_BYTES)?;
    Ok(add.query_row(params![bytes, tenant], |row| row.get(0))?)
}
