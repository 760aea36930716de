//! `/audit`: what was done in the tenant, and what was refused.

use app::{App, AuditFilter, AuditedRow};
use askama::Template;
use axum::extract::State;
use domain::{AuditAction, AuditOutcome};
use serde::Deserialize;

use super::{
    answer::{PageResult, page},
    format::query_from,
    frame::Frame,
    visit::{OperatorVisit, Visit},
    words::{Badge, chosen},
};
use crate::web::extract::Params;

/// Rows of one page.
const PAGE: u32 = 100;

/// The filters of the list, as its form sends them.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct AuditQuery {
    #[serde(default)]
    action: String,
    #[serde(default)]
    outcome: String,
    #[serde(default)]
    object: String,
    before: Option<u64>,
}

#[derive(Template)]
#[template(path = "tenant/audit.html")]
struct AuditPage {
    frame: Frame,
    filter: AuditQuery,
    rows: Vec<AuditedRow>,
    next: Option<String>,
    /// Where the list is: the tenant's, or the deployment's.
    path: &'static str,
    is_deployment: bool,
    actions: &'static [AuditAction],
}

impl AuditQuery {
    fn filter(&self) -> Result<AuditFilter, domain::Invalid> {
        Ok(AuditFilter {
            action: chosen(Some(&self.action))?,
            outcome: chosen(Some(&self.outcome))?,
            object: Some(self.object.clone()).filter(|object| !object.is_empty()),
            ..AuditFilter::default()
        })
    }

    fn next(&self, path: &str, rows: &[AuditedRow]) -> Option<String> {
        let last = rows.last().filter(|_| rows.len() >= PAGE as usize)?;
        let before = last.seq.to_string();
        let pairs =
            [("action", &self.action), ("outcome", &self.outcome), ("object", &self.object), ("before", &before)];
        Some(query_from(path, &pairs))
    }
}

impl AuditPage {
    fn outcome(&self, row: &AuditedRow) -> Badge {
        if row.outcome == AuditOutcome::Done.as_str() {
            Badge { class: "success", icon: "circle-check", word: "Done" }
        } else {
            Badge { class: "failed", icon: "ban", word: "Refused" }
        }
    }
}

/// What was done in the tenant.
pub(crate) async fn audit_page(
    State(app): State<App>,
    Visit { principal, frame }: Visit,
    Params(filter): Params<AuditQuery>,
) -> PageResult {
    let rows = app.audit().list(&principal, &filter.filter()?, filter.before, PAGE)?;
    show(frame, "/audit", filter, rows)
}

/// What was done in the deployment.
pub(crate) async fn operator_audit_page(
    State(app): State<App>,
    OperatorVisit { operator, frame }: OperatorVisit,
    Params(filter): Params<AuditQuery>,
) -> PageResult {
    let rows = app.audit().list_of_deployment(&operator, &filter.filter()?, filter.before, PAGE)?;
    show(frame, "/operator/audit", filter, rows)
}

fn show(frame: Frame, path: &'static str, filter: AuditQuery, rows: Vec<AuditedRow>) -> PageResult {
    let next = filter.next(path, &rows);
    page(&AuditPage { frame, next, rows, filter, is_deployment: path != "/audit", path, actions: AuditAction::ALL })
}
