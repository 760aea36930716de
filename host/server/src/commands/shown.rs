//! How the end of `skerry run` is shown: for people, or as one JSON object for programs.

use std::{fmt::Write, process::ExitCode};

use app::{Diagnostic, Failure, LocalEnd, LogLevel, LogLine, Outcome, ResultView};
use domain::{ErrorKind, ExecutionStatus};
use serde::Serialize;
use serde_json::value::RawValue;

use super::{FAILED, print, warn};
use crate::{
    cli::OutputForm,
    terminal::Shown,
    views::{
        capabilities::CapabilitiesView,
        executions::{FailureView, level_word, result},
    },
};

/// What a run that a limit ended ends with.
const LIMITED: u8 = 6;

/// The end of a run of one file.
pub(super) struct End<'a> {
    outcome: Option<&'a Outcome>,
    result: Option<Box<RawValue>>,
    failure: Option<Failure>,
    /// What a person reads of the failure.
    report: String,
    /// The capabilities that it needed, where that was asked.
    capabilities: Option<CapabilitiesView>,
}

/// The object of `--output json`.
#[derive(Serialize)]
struct Object<'a> {
    status: &'static str,
    result: Option<&'a RawValue>,
    error: Option<FailureView>,
    logs: Vec<Line<'a>>,
    logs_truncated: bool,
    fuel: u64,
    peak_memory_bytes: u64,
    duration_us: u64,
    host_calls: u32,
    /// Only where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    capabilities: Option<&'a CapabilitiesView>,
}

/// A line of log as others rely on it: these three fields and no more.
#[derive(Serialize)]
struct Line<'a> {
    level: &'static str,
    message: &'a str,
    offset_ms: u64,
}

impl<'a> Line<'a> {
    fn of(line: &'a LogLine) -> Self {
        Self { level: level_word(line.level), message: &line.message, offset_ms: line.offset_ms }
    }
}

impl<'a> End<'a> {
    pub(super) fn new(end: &'a LocalEnd, file_name: &str, source: &str, infers: bool) -> Self {
        match end {
            LocalEnd::NotCompiled(diagnostics) => Self::not_compiled(diagnostics, file_name),
            LocalEnd::Ran(outcome) => {
                let failure = outcome.result.as_ref().err().cloned();
                let report = failure.as_ref().map_or_else(String::new, |failure| report(failure, file_name, source));
                let result = outcome.result.as_ref().ok().and_then(|output| result(&ResultView::from(output.clone())));
                let capabilities = infers.then(|| app::capabilities_needed(outcome)).flatten();
                let capabilities = capabilities.as_ref().map(CapabilitiesView::from);
                Self { outcome: Some(outcome), result, failure, report, capabilities }
            }
        }
    }

    /// Print it; the answer is the exit code.
    pub(super) fn show(&self, form: OutputForm) -> ExitCode {
        let shown = match form {
            OutputForm::Json => serde_json::to_string(&self.object())
                .map_or(ExitCode::FAILURE, |json| print(&format!("{}\n", Shown(&json)))),
            OutputForm::Text => self.show_text(),
        };
        match &self.failure {
            Some(failure) => ExitCode::from(exit_code(failure.kind)),
            None => shown,
        }
    }

    fn not_compiled(diagnostics: &[Diagnostic], file_name: &str) -> Self {
        let mut failure = Failure::new(ErrorKind::Syntax, "SyntaxError", "the source does not compile");
        if let Some(first) = diagnostics.first() {
            failure.message = placed(first, file_name);
            failure.stack.clone_from(&first.excerpt);
        }
        let report = findings(diagnostics, file_name);
        Self { outcome: None, result: None, failure: Some(failure), report, capabilities: None }
    }

    fn show_text(&self) -> ExitCode {
        let lines = self.outcome.map(|outcome| outcome.logs.as_slice()).unwrap_or_default();
        let mut log = String::new();
        for line in lines {
            let level =
                if line.level == LogLevel::Info { String::new() } else { format!("{}: ", level_word(line.level)) };
            let _ = writeln!(log, "{level}{}", Shown(&line.message));
        }
        if self.outcome.is_some_and(|outcome| outcome.logs_truncated) {
            log.push_str("warn: further lines of log were dropped\n");
        }
        if let Some(capabilities) = &self.capabilities
            && let Ok(json) = serde_json::to_string(capabilities)
        {
            let _ = writeln!(log, "capabilities: {}", Shown(&json));
        }
        warn(&(log + &Shown(&self.report).to_string()));
        self.result.as_ref().map_or(ExitCode::SUCCESS, |result| print(&format!("{}\n", Shown(result.get()))))
    }

    fn object(&self) -> Object<'_> {
        let status = self.failure.as_ref().map_or(ExecutionStatus::Success, |failure| failure.kind.status());
        let of = |number: fn(&Outcome) -> u64| self.outcome.map(number).unwrap_or_default();
        Object {
            status: status.as_str(),
            result: self.result.as_deref(),
            error: self.failure.as_ref().map(FailureView::from),
            logs: self.outcome.iter().flat_map(|outcome| &outcome.logs).map(Line::of).collect(),
            logs_truncated: self.outcome.is_some_and(|outcome| outcome.logs_truncated),
            fuel: of(|outcome| outcome.fuel),
            peak_memory_bytes: of(|outcome| outcome.peak_memory_bytes),
            duration_us: of(|outcome| u64::try_from(outcome.duration.as_micros()).unwrap_or(u64::MAX)),
            host_calls: self.outcome.map(|outcome| outcome.host_calls).unwrap_or_default(),
            capabilities: self.capabilities.as_ref(),
        }
    }
}

fn exit_code(kind: ErrorKind) -> u8 {
    match kind {
        ErrorKind::Timeout
        | ErrorKind::CpuLimit
        | ErrorKind::MemoryLimit
        | ErrorKind::StackOverflow
        | ErrorKind::HostcallLimit
        | ErrorKind::OutputLimit => LIMITED,
        _ => FAILED,
    }
}

/// What the compiler found, for a person.
pub(super) fn findings(diagnostics: &[Diagnostic], file_name: &str) -> String {
    let mut report = String::new();
    for found in diagnostics {
        let advice = found.advice.as_ref().map_or_else(String::new, |advice| format!("{advice}\n"));
        report += &format!("{}\n{}\n{advice}", placed(found, file_name), found.excerpt.trim_end());
    }
    report
}

/// A finding as compilers write it, which editors and terminals make a link of.
fn placed(found: &Diagnostic, file_name: &str) -> String {
    format!("{file_name}:{}:{}: {}", found.line, found.column, found.message)
}

/// A failure with the author's line where its stack names one, and with the whole stack.
fn report(failure: &Failure, file_name: &str, source: &str) -> String {
    let message = in_short(failure);
    let Some((line, column)) = position(&failure.stack, file_name) else { return format!("{file_name}: {message}\n") };
    let excerpt = excerpt(source, line, column).unwrap_or_default();
    format!("{file_name}:{line}:{column}: {message}\n{excerpt}{}\n", failure.stack.trim_end())
}

/// A failure in one line: an error by its name, whatever else ended the run by its kind.
pub(super) fn in_short(failure: &Failure) -> String {
    match failure.kind {
        ErrorKind::UserError => format!("{}: {}", failure.name, failure.message),
        kind => format!("{kind}: {}", failure.message),
    }
}

/// The first line and column that `stack` names of `file_name`.
fn position(stack: &str, file_name: &str) -> Option<(usize, usize)> {
    stack.match_indices(file_name).find_map(|(at, name)| {
        let mut numbers = stack[at + name.len()..].strip_prefix(':')?.splitn(2, ':');
        let line = numbers.next()?.parse().ok()?;
        let column: String = numbers.next()?.chars().take_while(char::is_ascii_digit).collect();
        Some((line, column.parse().ok()?))
    })
}

/// The line and a caret below the column, which counts UTF-16 units from 1. Long lines have none: a terminal would break
/// them, and the caret would point anywhere.
fn excerpt(source: &str, line: usize, column: usize) -> Option<String> {
    const LINE_CHARS_MAX: usize = 160;
    let text = source.lines().nth(line.checked_sub(1)?)?;
    if text.chars().count() > LINE_CHARS_MAX {
        return None;
    }
    let mut units = 0;
    let before = text.chars().take_while(|c| {
        units += c.len_utf16();
        units < column
    });
    let indent: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
    Some(format!("  {text}\n  {indent}^\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_points_at_the_authors_line() {
        let failure = Failure {
            kind: ErrorKind::UserError,
            name: String::from("TypeError"),
            message: String::from("not a function"),
            stack: String::from("    at helper (lib.js:9:9)\n    at main (order.js:2:5)"),
        };
        let report = report(&failure, "order.js", "first\n  x();\n");
        assert!(report.starts_with("order.js:2:5: TypeError: not a function\n    x();\n      ^\n"), "{report}");
    }

    #[test]
    fn the_caret_counts_as_editors_do() {
        assert_eq!(excerpt("\t'😀' x", 1, 7), Some(String::from("  \t'😀' x\n  \t    ^\n")));
        assert_eq!(excerpt("x", 7, 1), None);
        assert_eq!(excerpt("", 0, 0), None);
    }

    #[test]
    fn limits_end_with_a_code_of_their_own() {
        assert_eq!(exit_code(ErrorKind::CpuLimit), 6);
        assert_eq!(exit_code(ErrorKind::UserError), 7);
        assert_eq!(exit_code(ErrorKind::Syntax), 7);
    }
}
