//! Executions that a process left which is gone, and that have no other attempt: what their rows say, and what is told of
//! them.

use database::{Doomed, Ending};
use domain::{ErrorKind, UnixMillis};
use runtime::Failure;

use super::Sealed;
use crate::{AppError, Inner};

impl Inner {
    /// What is said of the ends of these executions. What cannot be said of one keeps none from ending.
    pub(crate) fn endings(&self, doomed: Vec<Doomed>) -> Vec<Ending> {
        doomed.into_iter().map(|doomed| self.ending(doomed)).collect()
    }

    fn ending(&self, doomed: Doomed) -> Ending {
        let failure = match doomed.kind {
            ErrorKind::Cancelled => Failure::new(doomed.kind, "Cancelled", "the execution was cancelled"),
            kind => Failure::new(kind, "Interrupted", "the server ended while the script ran, and it is not run again"),
        };
        let error = Sealed::of(self, doomed.tenant).and_then(|sealed| sealed.error(doomed.execution, &failure));
        let error = error.inspect_err(|error| untold(&doomed, error)).ok();
        let told = self.told_of_doomed(&doomed).inspect_err(|error| untold(&doomed, error));
        Ending { doomed, error, told: told.unwrap_or_default() }
    }

    /// End every execution that a process before this one left running and that no queue takes care of.
    pub(crate) async fn end_left_running(&self, epoch: i64, now: UnixMillis) -> Result<(), AppError> {
        loop {
            let left = self.database.left_running(epoch)?;
            if left.is_empty() {
                return Ok(());
            }
            tracing::warn!(executions = left.len(), "executions that the last stop cut are marked as interrupted");
            self.database.end_doomed(self.endings(left), now).await?;
        }
    }
}

fn untold(doomed: &Doomed, error: &AppError) {
    tracing::warn!(
        tenant.id = %doomed.tenant, execution.id = %doomed.execution, %error,
        "the end of an execution cannot be described"
    );
}
