//! One file of tests: run it, and read from its log how each test ended.

use std::time::Duration;

use app::{App, AppError, Failure, LocalEnd, LocalRun, LogLine, Outcome};
use domain::{Language, Limits, ScriptKind};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::modules::{self, Bundle};
use crate::{
    commands::{project::folder::Folder, shown},
    source_map::{Frame, rewritten},
};

/// What stands before a test in its module.
const PRELUDE: &str = include_str!("prelude.js");

/// What stands after it.
const ENTRY: &str = "\nexport default (input) => __skerry.run(input);\n";

/// Failing tests of a file that are run once more for their stacks.
const STACKS_MAX: usize = 20;

/// What a file of tests may use: a script's own limits, and room for the log of many tests.
const LIMITS: Limits =
    Limits { log_lines: 100_000, log_bytes: 16 << 20, wall_time: Duration::from_secs(60), ..Limits::DEFAULT };

/// How a file of tests ended.
#[derive(Debug, Serialize)]
pub(super) struct FileReport {
    pub(super) file: String,
    pub(super) tests: Vec<TestReport>,
    /// Why the file could not be run to its end.
    pub(super) error: Option<String>,
    pub(super) duration_us: u64,
    pub(super) fuel: u64,
}

/// How a test ended.
#[derive(Debug, Serialize)]
pub(super) struct TestReport {
    pub(super) name: String,
    pub(super) outcome: TestOutcome,
    pub(super) message: Option<String>,
    /// The frames, in the author's lines.
    pub(super) stack: Option<String>,
    /// What the test logged.
    pub(super) log: Vec<String>,
}

/// What became of a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum TestOutcome {
    Passed,
    Failed,
    Skipped,
    /// It was begun and did not end.
    Started,
    /// The file ended before it.
    NotRun,
}

/// A line of the prelude's.
#[derive(Deserialize)]
#[serde(untagged)]
enum Line {
    Plan { plan: Vec<String> },
    Test { index: usize, outcome: TestOutcome, message: Option<String> },
}

impl FileReport {
    pub(super) fn failed(&self) -> bool {
        self.error.is_some() || self.tests.iter().any(|test| test.outcome == TestOutcome::Failed)
    }
}

/// Run a file of tests.
///
/// # Errors
/// Only where the host failed.
pub(super) async fn run(app: &App, folder: &Folder, file: &str) -> Result<FileReport, AppError> {
    let mut report = FileReport { file: file.to_owned(), tests: Vec::new(), error: None, duration_us: 0, fuel: 0 };
    let bundle = match modules::bundled(folder, file) {
        Ok(bundle) => bundle,
        Err(why) => {
            report.error = Some(why);
            return Ok(report);
        }
    };
    let file = TestFile { app, bundle, name: file };
    // What a test prints cannot be taken for the prelude's lines.
    let mark = format!("skerry-test {} ", uuid::Uuid::now_v7());
    let outcome = match file.run(&json!({ "mark": mark })).await? {
        LocalEnd::NotCompiled(findings) => {
            report.error = Some(file.findings(&findings));
            return Ok(report);
        }
        LocalEnd::Ran(outcome) => outcome,
    };
    report.duration_us = u64::try_from(outcome.duration.as_micros()).unwrap_or(u64::MAX);
    report.fuel = outcome.fuel;
    report.tests = tests(&outcome.logs, &mark);
    if let Err(failure) = &outcome.result {
        file.cut(&mut report, failure);
    }
    let failed = report.tests.iter_mut().enumerate();
    for (index, test) in
        failed.filter(|(_, test)| test.stack.is_none() && test.outcome == TestOutcome::Failed).take(STACKS_MAX)
    {
        test.stack = file.stack_of(index).await?;
    }
    Ok(report)
}

struct TestFile<'a> {
    app: &'a App,
    bundle: Bundle,
    name: &'a str,
}

impl TestFile<'_> {
    async fn run(&self, input: &serde_json::Value) -> Result<LocalEnd, AppError> {
        let language = if self.bundle.is_typescript { Language::TypeScript } else { Language::JavaScript };
        let run = LocalRun {
            file_name: self.name.to_owned(),
            language,
            text: format!("{PRELUDE}{}{ENTRY}", self.bundle.text),
            kind: ScriptKind::OneOff,
            input: input.to_string(),
            limits: LIMITS,
        };
        self.app.run_local(run).await
    }

    /// The stack of a test that failed: it runs alone, and what it throws is caught by nobody.
    async fn stack_of(&self, index: usize) -> Result<Option<String>, AppError> {
        let ended = self.run(&json!({ "mark": "", "only": index })).await?;
        let LocalEnd::Ran(outcome) = ended else { return Ok(None) };
        let Outcome { result: Err(failure), .. } = *outcome else { return Ok(None) };
        Ok(Some(self.authors_stack(&failure.stack)).filter(|stack| !stack.is_empty()))
    }

    /// A stack in the author's lines, without the prelude's.
    fn authors_stack(&self, stack: &str) -> String {
        rewritten(stack, |line, column| {
            let place = line.checked_sub(prelude_lines()).and_then(|line| self.bundle.place(line, column));
            place.map_or(Frame::Gone, Frame::At)
        })
    }

    /// A run that did not come to its end: the test that was under way failed, and those after it were not run.
    fn cut(&self, report: &mut FileReport, failure: &Failure) {
        let message = shown::in_short(failure);
        let stack = self.authors_stack(&failure.stack);
        match report.tests.iter_mut().find(|test| test.outcome == TestOutcome::Started) {
            Some(test) => {
                test.outcome = TestOutcome::Failed;
                test.message = Some(message);
                test.stack = Some(stack);
            }
            None => report.error = Some(format!("{message}\n{stack}").trim_end().to_owned()),
        }
    }

    fn findings(&self, findings: &[app::Diagnostic]) -> String {
        let one = |found: &app::Diagnostic| {
            let line = u64::from(found.line);
            let place = line.checked_sub(prelude_lines());
            let place = place.and_then(|line| self.bundle.place(line, u64::from(found.column)));
            match place {
                Some(place) => format!("{}:{}:{}: {}", place.source, place.line, place.column, found.message),
                None => format!("{}: {}", self.name, found.message),
            }
        };
        findings.iter().map(one).collect::<Vec<_>>().join("\n")
    }
}

fn prelude_lines() -> u64 {
    PRELUDE.lines().count() as u64
}

/// The tests that a log tells of.
fn tests(log: &[LogLine], mark: &str) -> Vec<TestReport> {
    let mut tests: Vec<TestReport> = Vec::new();
    let mut current: Option<usize> = None;
    for line in log {
        let Some(json) = line.message.strip_prefix(mark) else {
            if let Some(test) = current.and_then(|index| tests.get_mut(index)) {
                test.log.push(line.message.clone());
            }
            continue;
        };
        match serde_json::from_str(json) {
            Ok(Line::Plan { plan }) => tests.extend(plan.into_iter().map(|name| TestReport {
                name,
                outcome: TestOutcome::NotRun,
                message: None,
                stack: None,
                log: Vec::new(),
            })),
            Ok(Line::Test { index, outcome, message }) => {
                current = (outcome == TestOutcome::Started).then_some(index);
                if let Some(test) = tests.get_mut(index) {
                    (test.outcome, test.message) = (outcome, message);
                }
            }
            Err(_) => {}
        }
    }
    tests
}
