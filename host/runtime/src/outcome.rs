//! What became of a run.

use std::time::Duration;

use domain::ErrorKind;
use serde::{Deserialize, Serialize};

use crate::{
    contract::{LogLevel, Output},
    journal::Record,
};

/// What a run came to. A failing script is an outcome like any other.
#[derive(Debug)]
pub struct Outcome {
    /// The result, or why there is none.
    pub result: Result<Output, Failure>,
    /// The lines of log, in order.
    pub logs: Vec<LogLine>,
    /// Whether lines were dropped past the log's limits.
    pub logs_truncated: bool,
    /// Fuel used by the guest and by its host calls, load included.
    pub fuel: u64,
    /// The most linear memory that the guest had.
    pub peak_memory_bytes: u64,
    /// Wall time from the fresh instance to the result.
    pub duration: Duration,
    /// Host calls that were started.
    pub host_calls: u32,
    /// Bytes that crossed the boundary in host calls.
    pub boundary_bytes: u64,
    /// What the run asked and was answered.
    pub record: Record,
}

/// Why a run has no result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The kind, as its word.
    #[serde(with = "kind_word")]
    pub kind: ErrorKind,
    /// The name of the JavaScript error, or of the kind where no script threw.
    pub name: String,
    /// What happened, for the script's author.
    pub message: String,
    /// The frames, in the author's positions, one a line; empty where there are none.
    pub stack: String,
}

impl Failure {
    /// A failure that the host names.
    pub fn new(kind: ErrorKind, name: &str, message: impl Into<String>) -> Self {
        Self { kind, name: name.to_owned(), message: message.into(), stack: String::new() }
    }
}

/// One line of a log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// How bad it is.
    pub level: LogLevel,
    /// The line as a person reads it. Guest-controlled text.
    pub message: String,
    /// The JSON array of what was passed, where it says more than the message. Guest-controlled text.
    pub arguments: Option<String>,
    /// Milliseconds of the execution's clock since its start.
    pub offset_ms: u64,
}

mod kind_word {
    //! An [`ErrorKind`] as its word.

    use domain::ErrorKind;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "the signature is serde's")]
    pub(super) fn serialize<S: Serializer>(kind: &ErrorKind, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ErrorKind, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}
