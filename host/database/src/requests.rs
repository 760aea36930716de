//! Requests to the API that are told again by a key: what was asked, how far it has come, and the answer.
//!
//! A request's effect marks its row in the transaction of the effect. So a process that ends in between leaves either
//! nothing done, and the next request does it, or something done whose answer is lost, and the next request is told so.

use std::sync::Arc;

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{Database, DatabaseError, rows::word, words::stored_words};

const GET: &str = "
    SELECT fingerprint, state, owner_epoch, answer, expires_at FROM api_requests WHERE tenant_id = $1 AND request = $2";
const PUT: &str = "
    INSERT INTO api_requests (tenant_id, request, fingerprint, state, owner_epoch, answer, expires_at)
    VALUES ($1, $2, $3, 'begun', $4, NULL, $5)
    ON CONFLICT (tenant_id, request)
    DO UPDATE SET fingerprint = excluded.fingerprint, state = excluded.state, owner_epoch = excluded.owner_epoch,
                  answer = NULL, expires_at = excluded.expires_at";
const MARK: &str = "
    UPDATE api_requests SET state = 'effected' WHERE tenant_id = $1 AND request = $2 AND state = 'begun'";
const SETTLE: &str = "
    UPDATE api_requests SET state = 'answered', answer = $1
    WHERE tenant_id = $2 AND request = $3 AND owner_epoch = $4 AND state <> 'answered'";
const RELEASE: &str = "
    DELETE FROM api_requests WHERE tenant_id = $1 AND request = $2 AND owner_epoch = $3 AND state = 'begun'";
const STATE: &str = "SELECT state FROM api_requests WHERE tenant_id = $1 AND request = $2";
const PURGE: &str = "
    DELETE FROM api_requests
    WHERE (tenant_id, request) IN (
        SELECT tenant_id, request FROM api_requests WHERE tenant_id = $1 AND expires_at <= $2
        ORDER BY expires_at LIMIT $3)";
const EXPIRED: &str = "SELECT 1 FROM api_requests WHERE tenant_id = $1 AND expires_at <= $2 LIMIT 1";

stored_words!(
    /// How far a request has come.
    RequestState, "state", {
        /// Nothing is done yet.
        Begun = "begun",
        /// It is done.
        Effected = "effected",
        /// It is answered.
        Answered = "answered",
    }
);

/// Which request it is, by a MAC over who asked and the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestMark {
    /// Whose.
    pub tenant: TenantId,
    /// The MAC, in hexadecimal digits.
    pub request: String,
}

/// A request that wants to be handled, unless it was before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestClaim {
    /// Which one.
    pub mark: RequestMark,
    /// What it asks for.
    pub fingerprint: [u8; 32],
    /// When it comes.
    pub now: UnixMillis,
    /// Until when it is known.
    pub expires_at: UnixMillis,
}

/// What is known of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClaimedRequest {
    /// It is to be handled now.
    New,
    /// It is being handled.
    UnderWay,
    /// It is done, and the process that did it ended before it had the answer.
    AnswerLost,
    /// It was answered so; sealed.
    Answered(Vec<u8>),
    /// The key came with something else before.
    Another,
}

struct Known {
    fingerprint: Vec<u8>,
    state: RequestState,
    owner_epoch: i64,
    answer: Option<Vec<u8>>,
    expires_at: i64,
}

impl Known {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            fingerprint: row.get("fingerprint")?,
            state: word(row, "state")?,
            owner_epoch: row.get("owner_epoch")?,
            answer: row.get("answer")?,
            expires_at: row.get("expires_at")?,
        })
    }

    fn claimed(self, claim: &RequestClaim, epoch: i64) -> ClaimedRequest {
        if self.expires_at <= claim.now.0 {
            return ClaimedRequest::New;
        }
        if self.fingerprint != claim.fingerprint {
            return ClaimedRequest::Another;
        }
        match (self.state, self.answer) {
            (RequestState::Answered, Some(answer)) => ClaimedRequest::Answered(answer),
            (RequestState::Answered, None) => ClaimedRequest::AnswerLost,
            (RequestState::Begun | RequestState::Effected, _) if self.owner_epoch == epoch => ClaimedRequest::UnderWay,
            (RequestState::Effected, _) => ClaimedRequest::AnswerLost,
            (RequestState::Begun, _) => ClaimedRequest::New,
        }
    }
}

/// Mark the request's effect as done, in the transaction of the effect.
pub(crate) fn mark(connection: &Connection, mark: &RequestMark) -> Result<(), DatabaseError> {
    connection.prepare_cached(MARK)?.execute([mark.tenant.to_string(), mark.request.clone()])?;
    Ok(())
}

impl Database {
    /// The same database, by a handle whose every write marks the request as done.
    #[must_use]
    pub fn marking(&self, mark: RequestMark) -> Self {
        Self { mark: Some(Arc::new(mark)), ..self.clone() }
    }

    /// Begin a request, unless it was begun before.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn claim_request(&self, claim: RequestClaim) -> Result<ClaimedRequest, DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| {
            let key = [claim.mark.tenant.to_string(), claim.mark.request.clone()];
            let known = work.connection.prepare_cached(GET)?.query_row(key.clone(), Known::from_row).optional()?;
            let claimed = known.map_or(ClaimedRequest::New, |known| known.claimed(&claim, epoch));
            if claimed == ClaimedRequest::New {
                let [tenant, request] = key;
                let fingerprint = claim.fingerprint.as_slice();
                let row = params![tenant, request, fingerprint, epoch, claim.expires_at.0];
                work.connection.prepare_cached(PUT)?.execute(row)?;
            }
            Ok(claimed)
        })
        .await
    }

    /// Keep the answer, sealed; with none it is known that there was one, and not what it was.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn settle_request(&self, mark: RequestMark, answer: Option<Vec<u8>>) -> Result<(), DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| {
            let row = params![answer, mark.tenant.to_string(), mark.request, epoch];
            work.connection.prepare_cached(SETTLE)?.execute(row)?;
            Ok(())
        })
        .await
    }

    /// Forget a request that did nothing; answers whether it did something, and is kept.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn release_request(&self, mark: RequestMark) -> Result<bool, DatabaseError> {
        let epoch = self.epoch();
        self.write(move |work| {
            let (tenant, request) = (mark.tenant.to_string(), mark.request);
            work.connection.prepare_cached(RELEASE)?.execute(params![tenant, request, epoch])?;
            Ok(work.connection.prepare_cached(STATE)?.exists([tenant, request])?)
        })
        .await
    }

    /// Remove at most `limit` requests that are known no longer; answers how many went.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn purge_requests(&self, tenant: TenantId, now: UnixMillis, limit: u32) -> Result<usize, DatabaseError> {
        let tenant = tenant.to_string();
        if !self.read(|connection| Ok(connection.prepare_cached(EXPIRED)?.exists(params![tenant, now.0])?))? {
            return Ok(0);
        }
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(PURGE)?;
            Ok(statement.execute(params![tenant, now.0, limit])?)
        })
        .await
    }
}
