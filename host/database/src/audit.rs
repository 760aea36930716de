//! The audit log: a row for each action that changed something, and for each refused one, linked to the row before.
//!
//! The links are made by an [`AuditSealer`], whose key is not in the database. A row is appended in the transaction of
//! what it tells of. The deployment's own chain is that of [`AuditEntry::deployment`].

mod anchors;
mod refusals;
mod watch;

use std::{fmt, sync::Arc};

use domain::{Actor, AuditAction, AuditOutcome, SessionId, TenantId, TokenId, UnixMillis, UserId};
use rusqlite::{Connection, OptionalExtension, Row, params};
use uuid::Uuid;

use crate::{
    Database, DatabaseError,
    rows::{bigint, count, millis, unreadable},
};

pub use anchors::AuditAnchor;
pub use refusals::Refusals;
pub use watch::AuditWatch;

pub(crate) use watch::require_unchanged;

/// What keeps the rows as they were written, whatever statement somebody finds a way to run: a part of the schema that
/// other databases word in another way. Rows go by their age alone, up to the anchor that was written before.
pub(crate) const TRIGGERS: &str = "
    DROP TRIGGER IF EXISTS audit_log_is_not_removed;
    CREATE TRIGGER IF NOT EXISTS audit_log_is_not_changed BEFORE UPDATE ON audit_log
    BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;
    CREATE TRIGGER audit_log_is_not_removed BEFORE DELETE ON audit_log
    WHEN NOT EXISTS (SELECT 1 FROM audit_anchors WHERE tenant_id = OLD.tenant_id AND seq >= OLD.seq)
    BEGIN SELECT RAISE(ABORT, 'the audit log is only appended to'); END;";

const INSERT: &str = "
    INSERT INTO audit_log (tenant_id, seq, at, action, outcome, actor, actor_user_id, actor_token_id, actor_session_id,
                           object, detail, request_id, address, digest, chain)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)";
const HEAD: &str = "SELECT seq, chain FROM audit_log WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1";
const NEXT_CHAIN: &str = "SELECT tenant_id FROM audit_log WHERE tenant_id > $1 ORDER BY tenant_id LIMIT 1";
const FORWARD: &str = "
    SELECT seq, at, action, outcome, actor, actor_user_id, actor_token_id, actor_session_id, object, detail, request_id,
           address, digest, chain
    FROM audit_log
    WHERE tenant_id = $1 AND seq > $2
    ORDER BY seq
    LIMIT $3";
const LIST: &str = "
    SELECT seq, at, action, outcome, actor, actor_user_id, actor_token_id, actor_session_id, object, detail, request_id,
           address, digest, chain
    FROM audit_log
    WHERE tenant_id = $1 AND seq < $2
      AND at >= $3 AND at < $4
      AND action = COALESCE($5, action)
      AND outcome = COALESCE($6, outcome)
      AND object = COALESCE($7, object)
      AND (CAST($8 AS TEXT) IS NULL OR actor_user_id = $8 OR actor_token_id = $8 OR actor_session_id = $8)
    ORDER BY seq DESC
    LIMIT $9";

/// The most bytes of an object's name, and of the detail.
const OBJECT_BYTES_MAX: usize = 300;
const DETAIL_BYTES_MAX: usize = 8 << 10;

/// The chain value before the first row.
const BEFORE_FIRST: [u8; 32] = [0; 32];

/// Makes the links of a chain. Two rows have the same digest only where all that they say is the same.
pub trait AuditSealer: Send + Sync {
    /// The row's digest, and the chain's value behind it, whose value before it is `previous`.
    fn seal(&self, tenant: TenantId, previous: &[u8; 32], row: &AuditRow) -> AuditMark;

    /// A MAC over where a chain begins: behind the row `seq`, from the chain's value there.
    fn seal_anchor(&self, tenant: TenantId, seq: u64, chain: &[u8; 32]) -> [u8; 32];
}

/// What links a row to the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AuditMark {
    /// The digest of all that the row says.
    pub digest: [u8; 32],
    /// A MAC over the value before and the digest.
    pub chain: [u8; 32],
}

/// What is to be written once the action is done.
#[derive(Clone)]
pub struct AuditEntry {
    /// Whose chain it is; [`Self::deployment`] for what operators do.
    pub tenant: TenantId,
    /// When.
    pub at: UnixMillis,
    /// What.
    pub action: AuditAction,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// Who.
    pub actor: Actor,
    /// To what; cut to 300 bytes.
    pub object: String,
    /// What else there is to know, as JSON; left out beyond 8 KiB.
    pub detail: Option<String>,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
    /// Who makes the links.
    pub sealer: Arc<dyn AuditSealer>,
}

impl AuditEntry {
    /// The chain of the deployment itself: no tenant has this id.
    pub fn deployment() -> TenantId {
        TenantId::from(Uuid::nil())
    }
}

impl fmt::Debug for AuditEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuditEntry").field("action", &self.action).field("object", &self.object).finish_non_exhaustive()
    }
}

/// A row of the log, without its links.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// Its number within the chain, from 1.
    pub seq: u64,
    /// When.
    pub at: UnixMillis,
    /// What, as a word: a row that was tampered with is still read.
    pub action: String,
    /// What came of it, as a word.
    pub outcome: String,
    /// Who, as a word: `token`, `session`, `local`, `public` or `system`.
    pub actor: String,
    /// The person.
    pub user: Option<String>,
    /// The token by which the person let it be done.
    pub token: Option<String>,
    /// The session in which the person did it.
    pub session: Option<String>,
    /// To what.
    pub object: String,
    /// What else there is to know, as JSON.
    pub detail: Option<String>,
    /// The request that asked for it.
    pub request_id: Option<String>,
    /// The address that the request came from.
    pub address: Option<String>,
}

/// Where a chain ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditHead {
    /// Whose chain it is.
    pub tenant: TenantId,
    /// The number of the last row.
    pub seq: u64,
    /// The chain's value behind it.
    pub chain: [u8; 32],
}

/// Which rows to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// Those of one action.
    pub action: Option<AuditAction>,
    /// Those with one outcome.
    pub outcome: Option<AuditOutcome>,
    /// Those about one object.
    pub object: Option<String>,
    /// Those of a person, a token or a session.
    pub actor: Option<Uuid>,
    /// Those of this moment or later.
    pub since: Option<UnixMillis>,
    /// Those before this moment.
    pub until: Option<UnixMillis>,
}

impl AuditRow {
    fn new(seq: u64, entry: &AuditEntry) -> Self {
        let (actor, user, token, session) = actor_columns(entry.actor);
        Self {
            seq,
            at: entry.at,
            action: entry.action.as_str().to_owned(),
            outcome: entry.outcome.as_str().to_owned(),
            actor: actor.to_owned(),
            user: user.map(|id| id.to_string()),
            token: token.map(|id| id.to_string()),
            session: session.map(|id| id.to_string()),
            object: cut(&entry.object, OBJECT_BYTES_MAX).to_owned(),
            detail: entry.detail.clone().filter(|detail| detail.len() <= DETAIL_BYTES_MAX),
            request_id: entry.request_id.clone(),
            address: entry.address.clone(),
        }
    }

    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            seq: count(row, "seq")?,
            at: millis(row, "at")?,
            action: row.get("action")?,
            outcome: row.get("outcome")?,
            actor: row.get("actor")?,
            user: row.get("actor_user_id")?,
            token: row.get("actor_token_id")?,
            session: row.get("actor_session_id")?,
            object: row.get("object")?,
            detail: row.get("detail")?,
            request_id: row.get("request_id")?,
            address: row.get("address")?,
        })
    }
}

/// The word of an actor, the person, the token, the session.
type ActorColumns = (&'static str, Option<UserId>, Option<TokenId>, Option<SessionId>);

fn actor_columns(actor: Actor) -> ActorColumns {
    match actor {
        Actor::Token { token, user } => ("token", Some(user), Some(token), None),
        Actor::Session { session, user } => ("session", Some(user), None, Some(session)),
        Actor::Local => ("local", None, None, None),
        Actor::PublicCaller => ("public", None, None, None),
        Actor::System => ("system", None, None, None),
    }
}

/// The first `most` bytes of a text, or fewer, so that no character is split.
fn cut(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    &text[..end]
}

/// Append `entry` to its chain.
pub(crate) fn append(connection: &Connection, entry: &AuditEntry) -> Result<(), DatabaseError> {
    let tenant = entry.tenant.to_string();
    let head =
        connection.prepare_cached(HEAD)?.query_row([&tenant], |row| Ok((count(row, "seq")?, mac(row, "chain")?)));
    let (last, previous) = head.optional()?.unwrap_or((0, BEFORE_FIRST));
    let row = AuditRow::new(last + 1, entry);
    let mark = entry.sealer.seal(entry.tenant, &previous, &row);
    connection.prepare_cached(INSERT)?.execute(params![
        tenant,
        bigint(row.seq),
        row.at.0,
        row.action,
        row.outcome,
        row.actor,
        row.user,
        row.token,
        row.session,
        row.object,
        row.detail,
        row.request_id,
        row.address,
        mark.digest.as_slice(),
        mark.chain.as_slice(),
    ])?;
    Ok(())
}

/// A column of 32 bytes. One of another length reads as zeros: it is for whoever verifies to say that it is wrong.
fn mac(row: &Row<'_>, column: &str) -> rusqlite::Result<[u8; 32]> {
    Ok(row.get::<_, Vec<u8>>(column)?.try_into().unwrap_or(BEFORE_FIRST))
}

impl Database {
    /// Write `entry` by itself: what was refused, or was done outside the database.
    ///
    /// # Errors
    /// Whatever keeps it from being written.
    pub async fn append_audit(&self, entry: AuditEntry) -> Result<(), DatabaseError> {
        self.audited(entry).write(|_| Ok(())).await
    }

    /// The rows of a chain with a number below `before`, the newest first.
    pub fn list_audit(
        &self,
        tenant: TenantId,
        filter: &AuditFilter,
        before: Option<u64>,
        limit: u32,
    ) -> Result<Vec<AuditRow>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(
                params![
                    tenant.to_string(),
                    before.map_or(i64::MAX, bigint),
                    filter.since.map_or(i64::MIN, |since| since.0),
                    filter.until.map_or(i64::MAX, |until| until.0),
                    filter.action.map(AuditAction::as_str),
                    filter.outcome.map(AuditOutcome::as_str),
                    filter.object,
                    filter.actor.map(|id| id.to_string()),
                    limit,
                ],
                AuditRow::from_row,
            )?;
            Ok(rows.collect::<rusqlite::Result<Vec<AuditRow>>>()?)
        })
    }

    /// The rows of a chain behind the number `after`, the oldest first, with their links.
    pub fn audit_chain(
        &self,
        tenant: TenantId,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(AuditRow, AuditMark)>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(FORWARD)?;
            let linked = |row: &Row<'_>| {
                let mark = AuditMark { digest: mac(row, "digest")?, chain: mac(row, "chain")? };
                Ok((AuditRow::from_row(row)?, mark))
            };
            let rows = statement.query_map(params![tenant.to_string(), bigint(after), limit], linked)?;
            Ok(rows.collect::<rusqlite::Result<Vec<(AuditRow, AuditMark)>>>()?)
        })
    }

    /// Where the chains of at most `limit` tenants end, behind `after` in the order of ids; the deployment's is the first.
    pub fn audit_heads(&self, after: Option<TenantId>, limit: u32) -> Result<Vec<AuditHead>, DatabaseError> {
        let mut after = after.map(|tenant| tenant.to_string()).unwrap_or_default();
        self.read(|connection| {
            let (mut chains, mut ends) = (connection.prepare_cached(NEXT_CHAIN)?, connection.prepare_cached(HEAD)?);
            let mut heads = Vec::new();
            while heads.len() < limit as usize {
                let next = chains.query_row([&after], |row| row.get::<_, String>("tenant_id")).optional()?;
                let Some(next) = next else { break };
                let tenant = next.parse().map_err(unreadable)?;
                let head = |row: &Row<'_>| Ok(AuditHead { tenant, seq: count(row, "seq")?, chain: mac(row, "chain")? });
                heads.push(ends.query_row([&next], head)?);
                after = next;
            }
            Ok(heads)
        })
    }
}
