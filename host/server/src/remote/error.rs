//! Why a call of the API has no answer that its caller wanted.

use std::{fmt, time::Duration};

use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The longest wait for a server that has too much to do, in seconds: a minute's requests are a minute's.
const WAIT_SECONDS_MAX: u64 = 60;

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
    /// Seconds after which it may be asked again.
    #[serde(skip)]
    pub(crate) retry_after: Option<u64>,
    /// What else it says: the fields that are wrong, where a source does not compile, the current revision.
    #[serde(flatten)]
    pub(crate) members: Map<String, Value>,
}

impl Problem {
    /// The findings of the compiler.
    pub(crate) fn diagnostics(&self) -> &[Value] {
        self.members.get("diagnostics").and_then(Value::as_array).map_or(&[], Vec::as_slice)
    }

    /// How long to wait before the request, which was not taken on, is sent again; nothing where waiting does not help, or
    /// takes longer than somebody waits for a command.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let is_passing =
            self.is("overloaded") || self.members.get("quota").is_some_and(|it| it == "requests_per_minute");
        let seconds = self.retry_after.filter(|seconds| is_passing && *seconds <= WAIT_SECONDS_MAX)?;
        Some(Duration::from_secs(seconds))
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn problem(body: Value, retry_after: Option<u64>) -> Problem {
        let read: Problem = serde_json::from_value(body).expect("a problem");
        Problem { retry_after, ..read }
    }

    #[test]
    fn only_what_passes_soon_is_waited_for() {
        let overloaded = json!({ "status": 503, "code": "overloaded" });
        assert_eq!(problem(overloaded.clone(), Some(2)).wait(), Some(Duration::from_secs(2)));
        assert_eq!(problem(overloaded.clone(), Some(3_600)).wait(), None);
        assert_eq!(problem(overloaded, None).wait(), None);
        let rate = json!({ "status": 429, "code": "quota", "quota": "requests_per_minute" });
        assert!(problem(rate, Some(30)).wait().is_some());
        let fuel = json!({ "status": 429, "code": "quota", "quota": "fuel_per_day" });
        assert_eq!(problem(fuel, Some(30)).wait(), None);
    }

    #[test]
    fn a_refusal_names_each_field_and_each_line() {
        let body = json!({ "status": 422, "code": "source", "detail": "no",
            "errors": [{ "field": "limits.fuel", "message": "too much" }],
            "diagnostics": [{ "line": 2, "column": 7, "message": "unexpected" }] });
        assert_eq!(problem(body, None).to_string(), "no (source)\n  limits.fuel: too much\n  2:7: unexpected");
    }
}
