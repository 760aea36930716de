//! What became of each script of a push or a pull, told in the order of their names.

use std::process::ExitCode;

use serde::Serialize;

use crate::{
    commands::{
        print,
        remote::{CliError, Session, output::Form},
    },
    terminal::Shown,
};

/// What became of a script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Outcome {
    Created,
    Changed,
    Unchanged,
    Removed,
    Refused,
}

/// A script of a push or a pull.
#[derive(Debug, Serialize)]
pub(super) struct Report {
    pub(super) script: String,
    pub(super) outcome: Outcome,
    /// What was changed, or why nothing was.
    pub(super) details: Vec<String>,
    /// The version that was deployed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) deployed: Option<u64>,
    #[serde(skip)]
    code: u8,
}

impl Report {
    pub(super) fn new(script: &str, outcome: Outcome, details: Vec<String>) -> Self {
        Self { script: script.to_owned(), outcome, details, deployed: None, code: 0 }
    }

    pub(super) fn refused(script: &str, error: &CliError) -> Self {
        let code = error.code();
        Self { code, ..Self::new(script, Outcome::Refused, vec![error.to_string()]) }
    }
}

impl Outcome {
    fn word(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed => "changed",
            Self::Unchanged => "unchanged",
            Self::Removed => "removed",
            Self::Refused => "refused",
        }
    }
}

/// Tell of `reports`; the answer is the code of the first refusal, or 0.
pub(super) fn tell(session: &Session, reports: &[Report]) -> ExitCode {
    let text = match session.form {
        Form::Table => reports.iter().map(line).collect::<String>() + &sums(reports),
        Form::Json => serde_json::to_string(reports).unwrap_or_default() + "\n",
        Form::Ndjson => {
            reports.iter().filter_map(|it| serde_json::to_string(it).ok()).map(|json| json + "\n").collect()
        }
    };
    let printed = print(&Shown(&text).to_string());
    match reports.iter().find(|report| report.outcome == Outcome::Refused) {
        Some(refused) => ExitCode::from(refused.code),
        None => printed,
    }
}

fn line(report: &Report) -> String {
    let mut details = report.details.clone();
    details.extend(report.deployed.map(|number| format!("version {number} deployed")));
    let details = details.join("; ").replace('\n', "\n    ");
    format!("{:<9}  {}  {details}\n", report.outcome.word(), report.script).replace("  \n", "\n")
}

fn sums(reports: &[Report]) -> String {
    let all = [Outcome::Created, Outcome::Changed, Outcome::Unchanged, Outcome::Removed, Outcome::Refused];
    let counts = all.map(|outcome| (outcome, reports.iter().filter(|report| report.outcome == outcome).count()));
    let words: Vec<String> = counts
        .iter()
        .filter(|(_, count)| *count > 0)
        .map(|(outcome, count)| format!("{count} {}", outcome.word()))
        .collect();
    if words.is_empty() { String::from("nothing to do\n") } else { format!("{}\n", words.join(", ")) }
}
