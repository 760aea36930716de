//! Results of tests: for people, as JSON, or as the XML of JUnit that build servers read.

use std::{fmt::Write, process::ExitCode};

use serde_json::json;

use super::{
    TestForm,
    file::{FileReport, TestOutcome, TestReport},
};
use crate::{
    commands::{print, remote::codes},
    terminal::Shown,
};

/// Tell of a file as soon as it has ended, where people wait.
pub(super) fn progress(form: TestForm, report: &FileReport) {
    if form == TestForm::Text {
        print(&Shown(&text(report)).to_string());
    }
}

/// Tell of all files; the answer is 1 where anything failed.
pub(super) fn tell(form: TestForm, reports: &[FileReport]) -> ExitCode {
    let count = |outcome| reports.iter().flat_map(|it| &it.tests).filter(|test| test.outcome == outcome).count();
    let (passed, failed, skipped) =
        (count(TestOutcome::Passed), count(TestOutcome::Failed), count(TestOutcome::Skipped));
    let not_run = count(TestOutcome::NotRun);
    let broken = reports.iter().filter(|report| report.error.is_some()).count();
    let text = match form {
        TestForm::Text => {
            let more = [(skipped, "skipped"), (not_run, "not run"), (broken, "files broken")];
            let more = more.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!(", {count} {word}"));
            format!("\n{passed} passed, {failed} failed{}\n", more.collect::<String>())
        }
        TestForm::Json => {
            let sums = json!({
                "passed": passed, "failed": failed, "skipped": skipped, "not_run": not_run, "broken_files": broken,
                "files": reports,
            });
            format!("{sums}\n")
        }
        TestForm::Junit => junit(reports),
    };
    let printed = print(&Shown(&text).to_string());
    if reports.iter().any(FileReport::failed) { ExitCode::from(codes::FAILED) } else { printed }
}

fn text(report: &FileReport) -> String {
    let mut text = format!("{} {}\n", if report.failed() { "FAIL" } else { "PASS" }, report.file);
    if let Some(error) = &report.error {
        let _ = writeln!(text, "  {}", error.replace('\n', "\n  "));
    }
    for test in &report.tests {
        let mark = match test.outcome {
            TestOutcome::Passed => "ok",
            TestOutcome::Failed | TestOutcome::Started => "FAILED",
            TestOutcome::Skipped => "skipped",
            TestOutcome::NotRun => "not run",
        };
        let _ = writeln!(text, "  {mark:<7}  {}", test.name);
        if test.outcome == TestOutcome::Failed {
            let _ = writeln!(text, "    {}", why(test).replace('\n', "\n    "));
            for line in &test.log {
                let _ = writeln!(text, "    | {line}");
            }
        }
    }
    text
}

fn why(test: &TestReport) -> String {
    let message = test.message.as_deref().unwrap_or_default();
    let stack = test.stack.as_deref().unwrap_or_default();
    format!("{message}\n{stack}").trim_end().to_owned()
}

fn junit(reports: &[FileReport]) -> String {
    let mut xml = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
    for report in reports {
        let count = |outcome| report.tests.iter().filter(|test| test.outcome == outcome).count();
        let skipped = count(TestOutcome::Skipped) + count(TestOutcome::NotRun);
        let seconds = report.duration_us as f64 / 1e6;
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{skipped}\" time=\"{seconds:.6}\">",
            escaped(&report.file),
            report.tests.len(),
            count(TestOutcome::Failed),
            usize::from(report.error.is_some()),
        );
        if let Some(error) = &report.error {
            let _ = writeln!(xml, "    <testcase name=\"(file)\"><error>{}</error></testcase>", escaped(error));
        }
        for test in &report.tests {
            let inside = match test.outcome {
                TestOutcome::Failed | TestOutcome::Started => format!("<failure>{}</failure>", escaped(&why(test))),
                TestOutcome::Skipped | TestOutcome::NotRun => String::from("<skipped/>"),
                TestOutcome::Passed => String::new(),
            };
            let _ = writeln!(
                xml,
                "    <testcase classname=\"{}\" name=\"{}\">{inside}</testcase>",
                escaped(&report.file),
                escaped(&test.name)
            );
        }
        xml.push_str("  </testsuite>\n");
    }
    xml + "</testsuites>\n"
}

/// Text in XML. Characters that XML cannot have are shown as escapes before, and the few others are left out.
fn escaped(text: &str) -> String {
    let shown = Shown(text).to_string();
    shown.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c => escaped.push(c),
        }
        escaped
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(message: &str) -> FileReport {
        let test = TestReport {
            name: String::from("a < b & \"c\""),
            outcome: TestOutcome::Failed,
            message: Some(message.to_owned()),
            stack: Some(String::from("    at total (a.js:1:2)\n")),
            log: vec![String::from("logged")],
        };
        FileReport { file: String::from("a.test.js"), tests: vec![test], error: None, duration_us: 1_500, fuel: 1 }
    }

    #[test]
    fn a_failure_says_why_where_and_what_was_logged() {
        let text = text(&report("Error: no"));
        assert_eq!(
            text,
            "FAIL a.test.js\n  FAILED   a < b & \"c\"\n    Error: no\n        at total (a.js:1:2)\n    | logged\n"
        );
    }

    #[test]
    fn what_a_test_says_is_text_in_xml() {
        let xml = junit(&[report("]]></failure><x/>\u{1b}[31m\u{0}")]);
        assert!(xml.contains("]]&gt;&lt;/failure&gt;&lt;x/&gt;\\u001b[31m\\u0000"), "{xml}");
        assert!(xml.contains("name=\"a &lt; b &amp; &quot;c&quot;\""), "{xml}");
        assert!(xml.contains("time=\"0.001500\""), "{xml}");
    }
}
