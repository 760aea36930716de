//! `skerry audit verify` and `skerry audit export`: the audit log of a server that is stopped, for whoever holds its data
//! and its key.

use std::{error::Error, fmt::Write, fs, process::ExitCode};

use app::{App, AuditBreak, AuditReport, BreakKind};

use super::{FAILED, fail, offline, print};
use crate::{
    cli::{AuditForm, ExportAudit, USAGE, VerifyAudit},
    views::audit::{as_csv, as_json_lines, csv_head},
};

/// What a log that cannot be read ends with.
const NOT_READ: u8 = 1;

/// Ends with 0 where every chain is as it was written, with 7 where one is not, with 2 where the file of heads is none of
/// this deployment's, and with 1 where the data cannot be opened.
pub(crate) fn verify(arguments: &VerifyAudit) -> ExitCode {
    let heads = arguments.head.as_ref().map(fs::read_to_string).transpose();
    let heads = match heads {
        Ok(heads) => heads,
        Err(error) => return fail(USAGE, &format!("the file of heads cannot be read: {error}")),
    };
    match offline(&arguments.data, async |app| Ok(app.audit().verify(heads.as_deref())?)) {
        Ok(Ok(report)) => show(&report, heads.is_some()),
        Ok(Err(error)) => fail(USAGE, &error),
        Err(error) => fail(NOT_READ, &error),
    }
}

fn show(report: &AuditReport, is_compared: bool) -> ExitCode {
    let mut text = format!("{} rows of {} chains\n", report.rows, report.chains);
    for broken in &report.broken {
        let _ = writeln!(text, "{}", in_words(broken));
    }
    if report.broken.is_empty() {
        text.push_str(if is_compared {
            "every row is as it was written, and none is missing\n"
        } else {
            "every row that is there is as it was written; with --head also a missing end is found\n"
        });
    }
    let shown = print(&text);
    if report.broken.is_empty() { shown } else { ExitCode::from(FAILED) }
}

fn in_words(broken: &AuditBreak) -> String {
    let whose = match broken.tenant.uuid().is_nil() {
        true => String::from("the deployment"),
        false => format!("tenant {}", broken.tenant),
    };
    let what = match broken.kind {
        BreakKind::Missing => "is missing, and rows behind it are there",
        BreakKind::Changed => "is not as it was written",
        BreakKind::CutOff => "and all behind it are missing: the heads that were exported know them",
        BreakKind::Replaced => "is another one than when the heads were exported",
        BreakKind::Anchor => "and all before it were removed, and not by this deployment",
    };
    format!("{whose}: row {} {what}", broken.seq)
}

/// Print a chain whole, the oldest row first.
pub(crate) fn export(arguments: &ExportAudit) -> ExitCode {
    match offline(&arguments.data, async |app| exported(&app, arguments)) {
        Ok(code) => code,
        Err(error) => fail(NOT_READ, &error),
    }
}

fn exported(app: &App, arguments: &ExportAudit) -> Result<ExitCode, Box<dyn Error>> {
    let tenant = arguments.tenant.as_ref().map(|slug| app.tenant_id(slug)).transpose()?;
    if arguments.form == AuditForm::Csv {
        print(&csv_head());
    }
    let mut after = 0;
    loop {
        let rows = app.audit().export_local(tenant, after)?;
        let Some(last) = rows.last() else { return Ok(ExitCode::SUCCESS) };
        after = last.row.seq;
        let text = match arguments.form {
            AuditForm::Csv => as_csv(&rows),
            AuditForm::Ndjson => as_json_lines(&rows),
        };
        let code = print(&text);
        if code != ExitCode::SUCCESS {
            return Ok(code);
        }
    }
}
