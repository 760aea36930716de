//! What happened, in a plain sentence; and what one can do about it.

use app::Execution;
use domain::{ErrorKind, ExecutionStatus};

use super::{
    super::{format, frame::Frame},
    error::{ErrorView, Place},
};

/// The sentence, in its parts.
pub(super) struct Story {
    /// `Failed after 212 ms`
    pub(super) lead: String,
    /// `TypeError: cannot read properties of undefined`
    pub(super) error: Option<String>,
    /// Where.
    pub(super) place: Option<Place>,
    /// What to do.
    pub(super) advice: Option<&'static str>,
}

impl Story {
    pub(super) fn of(execution: &Execution, error: Option<&ErrorView>, frame: &Frame) -> Self {
        let took = execution.duration.map(format::duration);
        let since = |moment| frame.moment(&moment).relative;
        let lead = match (execution.status, execution.started_at) {
            (ExecutionStatus::Pending, _) => format!("Waits for its turn; accepted {}", since(execution.accepted_at)),
            (ExecutionStatus::Running, Some(began)) => format!("Runs; began {}", since(began)),
            (ExecutionStatus::Running, None) => String::from("Runs"),
            _ => ended(execution, took.as_deref()),
        };
        // Of a limit the sentence itself says all.
        let says_more = error.filter(|error| !is_of_a_limit(error.kind) && error.kind != ErrorKind::Cancelled);
        Self {
            lead,
            error: says_more.map(|error| error.text.clone()),
            place: error.and_then(|error| error.place.clone()),
            advice: execution.error_kind.and_then(advice),
        }
    }
}

fn ended(execution: &Execution, took: Option<&str>) -> String {
    let after = |verb: &str| match took {
        Some(took) => format!("{verb} after {took}"),
        None => verb.to_owned(),
    };
    let Some(kind) = execution.error_kind else {
        return after(if execution.status == ExecutionStatus::Success { "Succeeded" } else { "Ended" });
    };
    match (kind, limit_word(kind)) {
        (_, Some(limit)) => format!("{}: {limit}", after("Stopped")),
        (ErrorKind::Cancelled, _) if execution.host_calls == 0 && took.is_none() => {
            String::from("Cancelled before it began")
        }
        (ErrorKind::Cancelled, _) => after("Cancelled"),
        (ErrorKind::Syntax, _) => String::from("Could not run: the source does not compile"),
        (ErrorKind::Interrupted, _) => format!("{}: the server stopped meanwhile", after("Cut off")),
        (ErrorKind::Internal, _) => format!("{}: the server is to blame, and not the script", after("Failed")),
        _ => after("Failed"),
    }
}

fn is_of_a_limit(kind: ErrorKind) -> bool {
    limit_word(kind).is_some()
}

/// What was used up, where that is what ended it.
fn limit_word(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Timeout => Some("its time was used up"),
        ErrorKind::CpuLimit => Some("its fuel was used up"),
        ErrorKind::MemoryLimit => Some("its memory was used up"),
        ErrorKind::StackOverflow => Some("it called itself too deep"),
        ErrorKind::OutputLimit => Some("its result is too large"),
        ErrorKind::HostcallLimit => Some("it made too many calls, or handed too much over in them"),
        ErrorKind::UnresolvedPromise => Some("it waits for a promise that nothing settles"),
        _ => None,
    }
}

/// What to do about an error of this kind, where there is something that holds for all of them.
fn advice(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::Timeout | ErrorKind::CpuLimit | ErrorKind::MemoryLimit | ErrorKind::HostcallLimit => {
            Some("Do less in one run, or raise the limit in the script's settings.")
        }
        ErrorKind::OutputLimit => Some("Return less, or keep it in storage and return where it is."),
        ErrorKind::CapabilityDenied => Some("Allow the call in the script's settings, or leave it out."),
        ErrorKind::EgressDenied => {
            Some("Name the host in the script's settings and in the tenant's; the operator has to allow it too.")
        }
        ErrorKind::Quota => Some("The tenant's usage page shows what is used up, and when there is more."),
        ErrorKind::Conflict => Some("Something that it had read was changed meanwhile. Run it again."),
        ErrorKind::Interrupted => Some("Run it again, if what it did so far may be done twice."),
        ErrorKind::UnresolvedPromise => Some("Look for a promise that is neither resolved nor rejected on some way."),
        ErrorKind::EngineFault | ErrorKind::Internal => Some("Tell whoever runs this server, with the execution's id."),
        _ => None,
    }
}
