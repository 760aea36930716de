//! Whatever changes something is told in the audit log.

use super::{Matrix, Operation};
use server::access::Access;

/// Operations that change nothing of the tenant's, or leave a row of their own that says as much.
const NOT_TOLD: &[(&str, &str)] = &[
    ("check_source", "compiles, and keeps nothing"),
    ("test_script", "runs, and keeps nothing"),
    ("adopt_script", "nobody has left anything here that could be adopted"),
    ("infer_capabilities", "reads"),
    ("preview_schedule", "reads"),
    ("start_execution", "the execution's row"),
    ("invoke_script", "the execution's row"),
    ("run_hook", "the executions' rows"),
    ("run_schedule", "the execution's row"),
    ("publish_event", "the event's row"),
    ("cancel_execution", "nothing is left to be cancelled here"),
    ("cancel_executions", "nothing is left to be cancelled here"),
];

impl Matrix<'_> {
    /// The number of the last row, of the tenant's log or of the deployment's.
    pub(super) async fn last_audited(&self, access: Access) -> u64 {
        let page = match access {
            Access::Operator => {
                let call = self.stage.stranger("GET", "/api/v1/operator/audit?limit=1");
                call.header("authorization", &format!("Bearer {}", self.operator)).send().await
            }
            _ => self.stage.get("/api/v1/audit?limit=1").await,
        };
        let page = page.expect(200);
        page["items"][0]["seq"].as_u64().unwrap_or(0)
    }
}

impl Operation<'_> {
    /// Whether the log has to tell of it once it is done.
    pub(super) fn is_told(&self) -> bool {
        let is_logged = matches!(self.access, Access::Needs(_) | Access::Operator);
        is_logged && self.changes() && NOT_TOLD.iter().all(|(id, _)| *id != self.id)
    }
}
