//! The attempts of an execution before its last one.

use app::AttemptView;
use serde::Serialize;
use utoipa::ToSchema;

use super::{executions::FailureView, words::ErrorKindWord};

/// The attempts of an execution before its last one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempts)]
pub(crate) struct AttemptsBody {
    items: Vec<AttemptItem>,
}

/// An attempt that failed, and after which the execution went on.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Attempt)]
struct AttemptItem {
    /// From 1.
    attempt: u32,
    error_kind: ErrorKindWord,
    /// Null where the token's permissions do not show it, and where the server ended with the attempt.
    error: Option<FailureView>,
    fuel: u64,
    #[schema(format = DateTime)]
    started_at: String,
    #[schema(format = DateTime)]
    completed_at: String,
    /// How long it ran, in microseconds.
    duration_us: u64,
}

impl From<Vec<AttemptView>> for AttemptsBody {
    fn from(attempts: Vec<AttemptView>) -> Self {
        Self { items: attempts.iter().map(AttemptItem::from).collect() }
    }
}

impl From<&AttemptView> for AttemptItem {
    fn from(view: &AttemptView) -> Self {
        let attempt = &view.attempt;
        Self {
            attempt: attempt.attempt,
            error_kind: ErrorKindWord(attempt.error_kind),
            error: view.error.as_ref().map(FailureView::from),
            fuel: attempt.fuel,
            started_at: attempt.started_at.to_rfc3339(),
            completed_at: attempt.completed_at.to_rfc3339(),
            duration_us: u64::try_from(attempt.duration.as_micros()).unwrap_or(u64::MAX),
        }
    }
}
