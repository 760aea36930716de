//! What an execution was given and made, as files. They are attachments that no browser shows (SECURITY): whatever a script
//! wrote runs nowhere.

use std::fmt::Write;

use app::{App, LogsView, ResultView};
use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use domain::ExecutionId;
use http::{HeaderName, HeaderValue, header};

use super::super::{
    answer::{PageError, PageResult},
    visit::Visit,
};
use crate::{terminal::Shown, views::executions, web::extract::ExecutionPath};

const POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

/// The log as text, a line for each. Written for terminals, where such files are looked at (RULES 40).
pub(crate) async fn log_file(
    State(app): State<App>,
    Visit { principal, .. }: Visit,
    ExecutionPath(id): ExecutionPath,
) -> PageResult {
    let logs = app.executions().logs(&principal, id)?;
    Ok(file(id, "log.txt", "text/plain; charset=utf-8", log_text(&logs)))
}

/// The input as JSON.
pub(crate) async fn input_file(
    State(app): State<App>,
    Visit { principal, .. }: Visit,
    ExecutionPath(id): ExecutionPath,
) -> PageResult {
    let view = app.executions().get(&principal, id)?;
    let input = view.input.ok_or_else(|| PageError::not_found("input"))?;
    Ok(file(id, "input.json", "application/json", input))
}

/// The result as JSON; of a response its status, headers and body.
pub(crate) async fn result_file(
    State(app): State<App>,
    Visit { principal, .. }: Visit,
    ExecutionPath(id): ExecutionPath,
) -> PageResult {
    let view = app.executions().get(&principal, id)?;
    let result = view.result.ok_or_else(|| PageError::not_found("result"))?;
    let text = match &result {
        ResultView::Json(text) => text.clone(),
        response @ ResultView::Response { .. } => {
            executions::result(response).map_or_else(String::new, |json| json.get().to_owned())
        }
    };
    Ok(file(id, "result.json", "application/json", text))
}

fn log_text(logs: &LogsView) -> String {
    let mut text = String::new();
    for line in &logs.lines {
        // One line of the file for each, whatever a script writes.
        let message = Shown(&line.message).to_string().replace('\n', "\n    ");
        let arguments = line.arguments.as_deref().map(|arguments| format!(" {}", Shown(arguments)));
        let level = executions::level_word(line.level);
        // Writing to a text does not fail.
        let _ = writeln!(text, "{:>8} ms  {level:<5}  {message}{}", line.offset_ms, arguments.unwrap_or_default());
    }
    if logs.truncated {
        text.push_str("(what followed was past the limits of a log)\n");
    }
    text
}

fn file(id: ExecutionId, name: &str, mime: &'static str, content: String) -> Response {
    let disposition = format!("attachment; filename=\"execution-{id}-{name}\"");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(mime)),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_str(&disposition).unwrap_or(HeaderValue::from_static("attachment")),
        ),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (RESOURCE_POLICY, HeaderValue::from_static("same-origin")),
    ];
    (headers, content).into_response()
}

#[cfg(test)]
mod tests {
    use app::{LogLevel, LogLine};

    use super::*;

    #[test]
    fn a_log_as_a_file_has_its_lines_and_no_escape_sequences() {
        let line = |level, message: &str, offset_ms| LogLine {
            level,
            message: message.to_owned(),
            arguments: None,
            offset_ms,
        };
        let logs = LogsView {
            lines: vec![line(LogLevel::Info, "one\ntwo", 3), line(LogLevel::Error, "\u{1b}[31mred", 40)],
            truncated: true,
        };
        let expected = "       3 ms  info   one\n    two\n      40 ms  error  \\u001b[31mred\n\
                        (what followed was past the limits of a log)\n";
        assert_eq!(log_text(&logs), expected);
    }
}
