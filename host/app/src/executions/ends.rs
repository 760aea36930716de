//! What the end of an attempt means: whether the execution goes on, and what it says of its script.

use database::{Retry, RetryCause, Verdict};
use domain::{ErrorKind, OnInterrupt, RunPolicy, UnixMillis};

use super::order::{Held, Order};

/// How often the server may fail at an execution until that is its end.
const SERVER_FAILURES_MAX: u32 = 3;

/// How long an execution waits at which the server failed, in milliseconds.
const AFTER_SERVER_FAILURE_MS: i64 = 5_000;

/// How an execution from the queue goes on after it failed so; `None` where it has ended.
pub(super) fn retry(order: &Order, kind: ErrorKind) -> Option<Retry> {
    let held = order.held?;
    let now = UnixMillis::now();
    let at = |wait_ms: i64, cause| Some(Retry { available_at: UnixMillis(now.0 + wait_ms), cause, sent: None });
    match kind {
        // The process ends: whoever comes next goes on with it.
        ErrorKind::Interrupted if held.on_interrupt == OnInterrupt::Retry => at(0, RetryCause::GivenBack),
        ErrorKind::Internal => retry_of_server(held, kind, now),
        ErrorKind::UserError | ErrorKind::Timeout | ErrorKind::Conflict | ErrorKind::EgressDenied
            if held.failures + 1 < held.max_attempts =>
        {
            let wait = policy(order).backoff.delay(held.failures + 1, chance());
            at(i64::try_from(wait.as_millis()).unwrap_or(i64::MAX / 2), RetryCause::Failed)
        }
        _ => None,
    }
}

/// How an execution from the queue goes on at which the server failed; `None` where it has ended.
pub(super) fn retry_of_server(held: Held, kind: ErrorKind, now: UnixMillis) -> Option<Retry> {
    let goes_on = kind == ErrorKind::Internal && held.rescues < SERVER_FAILURES_MAX;
    goes_on.then(|| Retry {
        available_at: UnixMillis(now.0 + AFTER_SERVER_FAILURE_MS),
        cause: RetryCause::ServerFailed,
        sent: None,
    })
}

/// What an end says of its script (RULES 31). The mistake of a caller who waits is not the script's; a limit is.
pub(super) fn verdict(order: &Order, kind: Option<ErrorKind>) -> Verdict {
    let Some(kind) = kind else { return Verdict::Sound };
    let is_scripts = match kind {
        ErrorKind::Timeout
        | ErrorKind::CpuLimit
        | ErrorKind::MemoryLimit
        | ErrorKind::StackOverflow
        | ErrorKind::OutputLimit
        | ErrorKind::HostcallLimit
        | ErrorKind::UnresolvedPromise => true,
        ErrorKind::UserError
        | ErrorKind::Syntax
        | ErrorKind::CapabilityDenied
        | ErrorKind::EgressDenied
        | ErrorKind::Conflict
        | ErrorKind::EngineFault => !order.is_waited_for(),
        ErrorKind::Quota | ErrorKind::Cancelled | ErrorKind::Interrupted | ErrorKind::Internal => false,
    };
    if is_scripts { Verdict::Failed { opens_at: policy(order).breaker_failures } } else { Verdict::Nothing }
}

/// The script's own rules, or those that hold where it says nothing.
pub(super) fn policy(order: &Order) -> RunPolicy {
    order.target.script.policy.clone().unwrap_or_default()
}

/// A number from 0 to 1 that nobody can foretell.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without entropy retries are merely less spread.
    let _ = getrandom::fill(&mut bytes);
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}
