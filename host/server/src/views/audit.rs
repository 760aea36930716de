//! Rows of the audit log as they are shown and exported.

use app::{AuditExport, AuditedRow};
use domain::UnixMillis;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::web::csv;

/// Something that was done, or refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditRowView {
    /// Its number, counted from 1 without gaps.
    #[schema(example = 17)]
    seq: u64,
    /// When.
    at: String,
    /// What: the kind of thing and what was done to it.
    #[schema(example = "scripts.deploy")]
    action: String,
    /// `done` or `refused`.
    #[schema(example = "done")]
    outcome: String,
    /// By whom.
    actor: AuditActorView,
    /// To what: an id, or a name where that is its address; of a refused request its method and path.
    object: String,
    /// What else there is to know; its members depend on the action.
    #[schema(value_type = Option<Object>)]
    detail: Option<Value>,
    /// The request, as its answer's `X-Request-Id` named it.
    request_id: Option<String>,
    /// Where the request came from.
    address: Option<String>,
}

/// Who did something.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AuditActorView {
    /// `token`, `session`, `local` (the command line), `public` or `system`.
    #[schema(example = "session")]
    kind: String,
    user_id: Option<String>,
    token_id: Option<String>,
    session_id: Option<String>,
}

/// A row with what links it to the one before.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExportedAuditRow {
    #[serde(flatten)]
    row: AuditRowView,
    /// The digest of the row, in hexadecimal digits.
    digest: String,
    /// A MAC over the one of the row before and this digest, in hexadecimal digits.
    chain: String,
}

/// How often requests that showed no valid token were refused.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RefusalsView {
    /// The minute, as the moment of its beginning.
    minute: String,
    /// Where they came from; absent for those beyond a thousand addresses a minute.
    address: Option<String>,
    /// How many.
    #[schema(example = 3)]
    refusals: u64,
}

impl From<&AuditedRow> for AuditRowView {
    fn from(row: &AuditedRow) -> Self {
        Self {
            seq: row.seq,
            at: row.at.to_rfc3339(),
            action: row.action.clone(),
            outcome: row.outcome.clone(),
            actor: AuditActorView {
                kind: row.actor.clone(),
                user_id: row.user.clone(),
                token_id: row.token.clone(),
                session_id: row.session.clone(),
            },
            object: row.object.clone(),
            detail: row.detail.as_deref().and_then(|detail| serde_json::from_str(detail).ok()),
            request_id: row.request_id.clone(),
            address: row.address.clone(),
        }
    }
}

impl From<&AuditExport> for ExportedAuditRow {
    fn from(exported: &AuditExport) -> Self {
        let AuditExport { row, digest, chain } = exported;
        Self { row: row.into(), digest: digest.clone(), chain: chain.clone() }
    }
}

impl From<&app::Refusals> for RefusalsView {
    fn from(refusals: &app::Refusals) -> Self {
        Self {
            minute: refusals.minute.to_rfc3339(),
            address: Some(refusals.address.clone()).filter(|address| !address.is_empty()),
            refusals: refusals.refusals,
        }
    }
}

/// What the columns of an export are called.
const COLUMNS: [&str; 14] = [
    "seq",
    "at",
    "action",
    "outcome",
    "actor",
    "user_id",
    "token_id",
    "session_id",
    "object",
    "detail",
    "request_id",
    "address",
    "digest",
    "chain",
];

/// Rows as JSON Lines.
pub(crate) fn as_json_lines(rows: &[AuditExport]) -> String {
    let mut text = String::new();
    for row in rows {
        text.push_str(&serde_json::to_string(&ExportedAuditRow::from(row)).unwrap_or_default());
        text.push('\n');
    }
    text
}

/// The first line of an export as comma-separated values.
pub(crate) fn csv_head() -> String {
    let mut text = String::new();
    csv::write_line(&mut text, COLUMNS);
    text
}

/// Rows as comma-separated values.
pub(crate) fn as_csv(rows: &[AuditExport]) -> String {
    let mut text = String::new();
    for AuditExport { row, digest, chain } in rows {
        let (seq, at) = (row.seq.to_string(), UnixMillis::to_rfc3339(row.at));
        let optional = |field: &Option<String>| field.clone().unwrap_or_default();
        let [user, token, session] = [&row.user, &row.token, &row.session].map(optional);
        let [detail, request, address] = [&row.detail, &row.request_id, &row.address].map(optional);
        let fields: [&str; COLUMNS.len()] = [
            &seq,
            &at,
            &row.action,
            &row.outcome,
            &row.actor,
            &user,
            &token,
            &session,
            &row.object,
            &detail,
            &request,
            &address,
            digest,
            chain,
        ];
        csv::write_line(&mut text, fields);
    }
    text
}
