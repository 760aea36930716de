//! Why a call of the API has no answer that its caller wanted.

use std::fmt;

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

/// Why a call did not succeed.
#[derive(Debug)]
pub(crate) enum CallError {
    /// The client itself cannot be set up.
    Setup(String),
    /// The request cannot be made, for what the caller wrote.
    Invalid(String),
    /// Nothing answers, or the connection broke.
    Unreachable {
        /// The server's address.
        server: String,
        /// What the operating system or the connection said.
        why: String,
    },
    /// It answers, and not as a Skerry does.
    Foreign {
        /// The server's address.
        server: String,
        /// What it did.
        why: String,
    },
    /// The server said no.
    Refused(Box<Problem>),
}

/// A problem as the API answers it (RFC 9457).
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Problem {
    pub(crate) status: u16,
    pub(crate) code: String,
    #[serde(default)]
    pub(crate) detail: String,
    /// What else it says: the fields that are wrong, where a source does not compile, the current revision.
    #[serde(flatten)]
    pub(crate) members: Map<String, Value>,
}

impl Problem {
    /// The findings of the compiler.
    pub(crate) fn diagnostics(&self) -> &[Value] {
        self.members.get("diagnostics").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// Whether `code` is its code.
    pub(crate) fn is(&self, code: &str) -> bool {
        self.code == code
    }
}

impl CallError {
    /// The problem that the server answered.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Refused(problem) => Some(problem),
            _ => None,
        }
    }

    /// Whether it says that there is nothing of this name.
    pub(crate) fn is_not_found(&self) -> bool {
        self.problem().is_some_and(|problem| problem.status == StatusCode::NOT_FOUND.as_u16())
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Setup(message) | Self::Invalid(message) => f.write_str(message),
            Self::Unreachable { server, why } => write!(f, "{server} cannot be reached: {why}"),
            Self::Foreign { server, why } => write!(f, "{server} does not answer as a Skerry does: {why}"),
            Self::Refused(problem) => problem.fmt(f),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.detail, self.code)?;
        let errors = self.members.get("errors").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        for error in errors {
            let text = |key: &str| error.get(key).and_then(Value::as_str).unwrap_or_default();
            write!(f, "\n  {}: {}", text("field"), text("message"))?;
        }
        for found in self.diagnostics() {
            let text = |key: &str| found.get(key).and_then(Value::as_str).unwrap_or_default();
            let number = |key: &str| found.get(key).and_then(Value::as_u64).unwrap_or_default();
            write!(f, "\n  {}:{}: {}", number("line"), number("column"), text("message"))?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}
