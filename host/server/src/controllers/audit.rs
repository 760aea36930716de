//! `/audit`: what was done and refused in the tenant, as a list and as an export.

use app::{App, AuditFilter};
use axum::{Json, extract::State, response::IntoResponse};
use domain::UnixMillis;
use http::header;
use serde::Deserialize;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use crate::{
    views::{
        audit::{AuditRowView, ExportedAuditRow, RefusalsView, as_csv, as_json_lines, csv_head},
        pages::{self, Page},
        words::{AuditActionWord, AuditOutcomeWord},
    },
    web::{
        caller::{Caller, OperatorCaller},
        extract::Params,
        problem::Problem,
        responses::ListProblems,
    },
};

/// The most rows of one answer of an export, and how many it has where nothing is said.
const EXPORT_MAX: u32 = 5_000;
const EXPORT_DEFAULT: u32 = 1_000;

/// Which rows to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditQuery {
    /// Those of one action.
    action: Option<AuditActionWord>,
    /// Those that were `done`, or those that were `refused`.
    outcome: Option<AuditOutcomeWord>,
    /// Those of one person, token or session, by its id.
    actor: Option<Uuid>,
    /// Those about one thing: its id, or its name where that is its address.
    object: Option<String>,
    /// Those of this moment or later (RFC 3339).
    #[param(format = DateTime, example = "2026-11-01T00:00:00Z")]
    since: Option<String>,
    /// Those before this moment (RFC 3339).
    #[param(format = DateTime)]
    until: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
    /// Items of the page, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

/// Which rows to export.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditExportQuery {
    /// `ndjson` where nothing is said, or `csv`.
    #[serde(default)]
    format: ExportFormat,
    /// Rows behind this number: the `seq` of the last one that there is already.
    #[param(value_type = Option<i64>, minimum = 0)]
    after: Option<u64>,
    /// Rows of the answer, from 1 to 5000; 1000 where nothing is said.
    #[param(minimum = 1, maximum = 5000)]
    rows: Option<u32>,
}

/// The form of an export.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ExportFormat {
    /// JSON Lines.
    #[default]
    Ndjson,
    /// Comma-separated values (RFC 4180). Texts that a spreadsheet would take for a formula have an apostrophe before them.
    Csv,
}

/// Which counters to list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct RefusalsQuery {
    /// Those of minutes before this moment (RFC 3339).
    #[param(format = DateTime)]
    before: Option<String>,
    /// Items, from 1 to 200; 50 where nothing is said.
    limit: Option<u32>,
}

impl AuditQuery {
    fn filter(&self) -> Result<AuditFilter, Problem> {
        let filter = AuditFilter {
            action: self.action.map(|action| action.0),
            outcome: self.outcome.map(|outcome| outcome.0),
            object: self.object.clone(),
            actor: self.actor,
            since: moment("since", self.since.as_deref())?,
            until: moment("until", self.until.as_deref())?,
        };
        match (filter.since, filter.until) {
            (Some(since), Some(until)) if since > until => {
                Err(Problem::field("until", "'until' is not before 'since'"))
            }
            _ => Ok(filter),
        }
    }

    fn before(&self) -> Result<Option<u64>, Problem> {
        let number = self.cursor.as_deref().map(str::parse).transpose();
        number.map_err(|_| Problem::field("cursor", "a cursor is the 'next_cursor' of the page before, unchanged"))
    }

    fn limit(&self) -> Result<u32, Problem> {
        Ok(pages::limit(self.limit)?)
    }
}

impl RefusalsQuery {
    fn read(&self) -> Result<(UnixMillis, u32), Problem> {
        let before = moment("before", self.before.as_deref())?;
        Ok((before.unwrap_or(UnixMillis(i64::MAX)), pages::limit(self.limit)?))
    }
}

/// List what was done and refused in the tenant, the latest first.
#[utoipa::path(
    get, path = "/api/v1/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = Page<AuditRowView>), ListProblems)
)]
pub(crate) async fn browse_audit(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Page<AuditRowView>>, Problem> {
    let limit = query.limit()?;
    let rows = app.audit().list(&principal, &query.filter()?, query.before()?, limit)?;
    Ok(Json(Page::new(&rows, limit, |row| row.seq.to_string())))
}

/// Export the log, the oldest row first, with what links each row to the one before. Ask again with the last `seq` as
/// `after` until fewer rows come than were asked for.
#[utoipa::path(
    get, path = "/api/v1/audit/export", tag = "audit", params(AuditExportQuery),
    responses(
        (status = 200, description = "Rows of the log", content(
            (ExportedAuditRow = "application/x-ndjson", example = json!({
                "seq": 17, "at": "2026-11-23T05:42:02.637Z", "action": "scripts.deploy", "outcome": "done",
                "actor": {
                    "kind": "token", "user_id": "01a206ec-f434-739c-b2b9-e414b3279a18",
                    "token_id": "01a206ec-f434-739c-b2b9-e414b3279a19", "session_id": null
                },
                "object": "01a206ec-f494-7285-b5a9-ac9cd115dba0", "detail": { "version": 3 },
                "request_id": "01a206ec-f641-710f-98fe-7c5963c83ce2", "address": "192.0.2.7",
                "digest": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
                "chain": "0a8f00b0c6d15d15c22b0b822b4f1a3bf55ad015feaa0c659a24c7d8186d0819"
            })), (String = "text/csv")
        )),
        ListProblems
    )
)]
pub(crate) async fn export_audit(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<AuditExportQuery>,
) -> Result<impl IntoResponse, Problem> {
    let limit = query.rows.unwrap_or(EXPORT_DEFAULT);
    if !(1..=EXPORT_MAX).contains(&limit) {
        return Err(Problem::field("rows", format!("rows is from 1 to {EXPORT_MAX}")));
    }
    let after = query.after.unwrap_or(0);
    if i64::try_from(after).is_err() {
        return Err(Problem::field("after", "after is the 'seq' of a row"));
    }
    let rows = app.audit().export(&principal, after, limit)?;
    let (kind, name, text) = match query.format {
        ExportFormat::Ndjson => ("application/x-ndjson", "audit.ndjson", as_json_lines(&rows)),
        ExportFormat::Csv => ("text/csv; charset=utf-8", "audit.csv", csv_head() + &as_csv(&rows)),
    };
    let disposition = format!("attachment; filename=\"{name}\"");
    Ok(([(header::CONTENT_TYPE, kind.to_owned()), (header::CONTENT_DISPOSITION, disposition)], text))
}

/// List how often requests to the tenant's endpoints that showed no valid token or signature were refused, by minute and
/// address, the latest minute first. They leave no rows in the log.
#[utoipa::path(
    get, path = "/api/v1/audit/refusals", tag = "audit", params(RefusalsQuery),
    responses((status = 200, description = "Counters", body = Page<RefusalsView>), ListProblems)
)]
pub(crate) async fn browse_refusals(
    State(app): State<App>,
    Caller(principal): Caller,
    Params(query): Params<RefusalsQuery>,
) -> Result<Json<Page<RefusalsView>>, Problem> {
    let (before, limit) = query.read()?;
    Ok(Json(Page::whole(&app.audit().refusals(&principal, before, limit)?)))
}

/// List what operators did, and what was refused to them, the latest first.
#[utoipa::path(
    get, path = "/api/v1/operator/audit", tag = "audit", params(AuditQuery),
    responses((status = 200, description = "A page of the log", body = Page<AuditRowView>), ListProblems)
)]
pub(crate) async fn browse_operator_audit(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    Params(query): Params<AuditQuery>,
) -> Result<Json<Page<AuditRowView>>, Problem> {
    let limit = query.limit()?;
    let rows = app.audit().list_of_deployment(&operator, &query.filter()?, query.before()?, limit)?;
    Ok(Json(Page::new(&rows, limit, |row| row.seq.to_string())))
}

/// List how often requests to the API that showed no valid token or session were refused, by minute and address, the
/// latest minute first.
#[utoipa::path(
    get, path = "/api/v1/operator/audit/refusals", tag = "audit", params(RefusalsQuery),
    responses((status = 200, description = "Counters", body = Page<RefusalsView>), ListProblems)
)]
pub(crate) async fn browse_operator_refusals(
    State(app): State<App>,
    OperatorCaller(operator): OperatorCaller,
    Params(query): Params<RefusalsQuery>,
) -> Result<Json<Page<RefusalsView>>, Problem> {
    let (before, limit) = query.read()?;
    Ok(Json(Page::whole(&app.audit().refusals_of_deployment(&operator, before, limit)?)))
}

/// A moment of a query.
fn moment(field: &'static str, text: Option<&str>) -> Result<Option<UnixMillis>, Problem> {
    let moment = text.map(UnixMillis::from_rfc3339).transpose();
    moment.map_err(|_| Problem::field(field, format!("'{field}' is a time as 2026-11-01T00:00:00Z (RFC 3339)")))
}
