//! What is asked of an execution beside its limits, by somebody who waits for it.

use std::time::{Duration, Instant};

use domain::ErrorKind;
use runtime::{Failure, Output};

use crate::{AppError, Schema};

/// When it is worth trying again for whom nothing could begin in time.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// The name of the failure of a script whose result is not what is asked for.
const OUTPUT_MISMATCH: &str = "OutputMismatch";

/// What is asked of an execution beside its limits.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// When its script has to begin: what comes later could not do its work any more.
    pub(crate) begins_by: Option<Instant>,
    /// When its script has to have ended, its wait for a slot included.
    pub(crate) ends_by: Option<Instant>,
    /// What its result has to hold. One that does not is the script's failure, and nothing of it is committed.
    pub(crate) output: Option<Schema>,
}

impl Terms {
    /// Wait for what has to come before the script can begin.
    ///
    /// # Errors
    /// [`AppError::Overloaded`] where it does not come before the script has to begin.
    pub(crate) async fn in_time<T>(&self, ready: impl Future<Output = Result<T, AppError>>) -> Result<T, AppError> {
        let Some(begins_by) = self.begins_by else { return ready.await };
        match tokio::time::timeout_at(begins_by.into(), ready).await {
            Ok(ready) => ready,
            Err(_) => Err(AppError::Overloaded { retry_after: RETRY_AFTER }),
        }
    }

    /// What a run came to, if its result is one that was asked for.
    pub(crate) fn judge(&self, result: Result<Output, Failure>) -> Result<Output, Failure> {
        match (&self.output, result) {
            (Some(schema), Ok(output)) => match check(schema, &output) {
                Ok(()) => Ok(output),
                Err(mistake) => Err(Failure::new(ErrorKind::UserError, OUTPUT_MISMATCH, mistake)),
            },
            (_, result) => result,
        }
    }
}

fn check(schema: &Schema, output: &Output) -> Result<(), String> {
    let Output::Json(json) = output else {
        return Err(String::from("the result is a response, and a JSON value is asked for"));
    };
    let value = serde_json::from_str(json).map_err(|error| format!("the result cannot be read: {error}"))?;
    schema.check(&value).map_err(|mismatch| format!("the result is not what is asked for: {mismatch}"))
}
