//! What the words of the domain are called on pages, and which of the four meanings of colour each has. Everything is
//! taken by reference, as templates give it.

use std::str::FromStr;

use domain::{ErrorKind, ExecutionStatus, ScriptKind, Trigger};

/// A word with its meaning: an icon and a colour class beside it, never the colour alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Badge {
    pub(crate) class: &'static str,
    pub(crate) icon: &'static str,
    pub(crate) word: &'static str,
}

/// What became of an execution.
pub(crate) fn status(status: &ExecutionStatus) -> Badge {
    let (class, icon, word) = match status {
        ExecutionStatus::Pending => ("neutral", "clock", "Pending"),
        ExecutionStatus::Running => ("running", "loader", "Running"),
        ExecutionStatus::Success => ("success", "circle-check", "Success"),
        ExecutionStatus::Failed => ("failed", "circle-x", "Failed"),
        ExecutionStatus::Timeout => ("limit", "timer-off", "Timeout"),
        ExecutionStatus::Cancelled => ("neutral", "ban", "Cancelled"),
    };
    Badge { class, icon, word }
}

/// What a script is for.
pub(crate) fn kind(kind: &ScriptKind) -> Badge {
    let (icon, word) = match kind {
        ScriptKind::Cron => ("calendar-clock", "Schedule"),
        ScriptKind::Endpoint => ("webhook", "Endpoint"),
        ScriptKind::Event => ("radio", "Event"),
        ScriptKind::Embedded => ("plug", "Hook"),
        ScriptKind::OneOff => ("play", "On request"),
    };
    Badge { class: "neutral", icon, word }
}

/// What started an execution.
pub(crate) fn trigger(trigger: &Trigger) -> Badge {
    let (icon, word) = match trigger {
        Trigger::Cron => ("calendar-clock", "Schedule"),
        Trigger::Endpoint => ("webhook", "Endpoint"),
        Trigger::Event => ("radio", "Event"),
        Trigger::Embedded => ("plug", "Hook"),
        Trigger::Manual => ("user", "Person"),
        Trigger::Api => ("braces", "API"),
        Trigger::Retry => ("rotate-cw", "Retry"),
        Trigger::Replay => ("history", "Replay"),
        Trigger::System => ("cog", "Skerry"),
    };
    Badge { class: "neutral", icon, word }
}

/// Why an execution has no result, in a few words.
pub(crate) fn error_kind(kind: &ErrorKind) -> &'static str {
    match kind {
        ErrorKind::UserError => "An error of the script",
        ErrorKind::Syntax => "Does not compile",
        ErrorKind::Timeout => "Out of time",
        ErrorKind::CpuLimit => "Out of fuel",
        ErrorKind::MemoryLimit => "Out of memory",
        ErrorKind::StackOverflow => "Too deep",
        ErrorKind::OutputLimit => "Result too large",
        ErrorKind::HostcallLimit => "Too many calls",
        ErrorKind::UnresolvedPromise => "A promise that never settles",
        ErrorKind::CapabilityDenied => "A call that is not allowed",
        ErrorKind::EgressDenied => "A host that is not allowed",
        ErrorKind::Quota => "A quota is used up",
        ErrorKind::Conflict => "A conflict",
        ErrorKind::Cancelled => "Cancelled",
        ErrorKind::Interrupted => "The server stopped",
        ErrorKind::EngineFault => "The sandbox broke",
        ErrorKind::Internal => "The server failed",
    }
}

/// The value of a filter in an address: none where it is empty, as forms send it.
///
/// # Errors
/// It is none of its words.
pub(crate) fn chosen<T: FromStr>(text: Option<&str>) -> Result<Option<T>, T::Err> {
    text.filter(|text| !text.is_empty()).map(str::parse).transpose()
}
