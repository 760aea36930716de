//! `skerry exec logs --follow`: the log of an execution as it grows, and how it ended.

use std::{process::ExitCode, time::Duration};

use serde_json::Value;

use super::{
    CliError, Done, Session,
    executions::{end_code, log_line},
    output::{Form, ending},
    session::codes,
};
use crate::{
    commands::{printed, warn},
    remote::{Call, Event, Events},
    terminal::Shown,
};

/// How long between two looks, and before a stream that broke is taken up again.
const PAUSE: Duration = Duration::from_millis(500);

/// How often in a row a stream may break before anything came of it.
const BREAKS_MAX: u32 = 20;

/// Print the log of an execution until it has ended; the answer is the code for its end.
pub(super) async fn log(session: &Session, execution: &str) -> Done {
    let mut last_id: Option<String> = None;
    let mut breaks = 0;
    loop {
        let call = Call::get(&["executions", execution, "logs"]).streaming(last_id.as_deref());
        let mut events = match session.client.open(call).await {
            Ok(response) => match Events::of(response) {
                Ok(events) => events,
                Err(_) => return looked_at(session, execution).await,
            },
            // The first time it says why; later the server may be starting again.
            Err(error) if last_id.is_none() || error.problem().is_some() => return Err(error.into()),
            Err(error) if breaks >= BREAKS_MAX => return Err(error.into()),
            Err(_) => {
                breaks += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        while let Some(event) = events.next().await {
            breaks = 0;
            last_id = event.id.clone().or(last_id);
            if let Some(ended) = told(session.form, &event)? {
                return Ok(ended);
            }
        }
        breaks += 1;
        if breaks > BREAKS_MAX {
            return Err(CliError::Failed(String::from("the log breaks off again and again")));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Tell of an event; the answer is the end, where it is that.
fn told(form: Form, event: &Event) -> Result<Option<ExitCode>, CliError> {
    match event.name.as_str() {
        "line" => Ok(printed(&text(form, std::slice::from_ref(&event.data))).err()),
        "anew" => {
            warn("-- the log begins anew --\n");
            Ok(None)
        }
        "end" => {
            let status = event.data["status"].as_str().unwrap_or_default();
            warn(&format!("{}\n", Shown(status)));
            Ok(Some(ending(ExitCode::SUCCESS, end_code(&event.data))))
        }
        "forbidden" => {
            warn("you may not see this log any more\n");
            Ok(Some(ExitCode::from(codes::NOT_ALLOWED)))
        }
        _ => Ok(None),
    }
}

/// The same for a server that has no streams: by looking again and again.
async fn looked_at(session: &Session, execution: &str) -> Done {
    let mut told = 0;
    loop {
        // The status first: a log that is read after the end is whole.
        let now = session.client.send(Call::get(&["executions", execution])).await?.json();
        let log = session.client.send(Call::get(&["executions", execution, "logs"])).await?.json();
        let lines = log["lines"].as_array().map_or(&[][..], Vec::as_slice);
        if let Err(ended) = printed(&text(session.form, lines.get(told..).unwrap_or_default())) {
            return Ok(ended);
        }
        told = told.max(lines.len());
        if !matches!(now["status"].as_str(), Some("pending" | "running")) {
            warn(&format!("{}\n", Shown(now["status"].as_str().unwrap_or_default())));
            return Ok(ending(ExitCode::SUCCESS, end_code(&now)));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn text(form: Form, lines: &[Value]) -> String {
    let line = |line: &Value| match form {
        Form::Table => log_line(line),
        Form::Json | Form::Ndjson => format!("{line}\n"),
    };
    Shown(&lines.iter().map(line).collect::<String>()).to_string()
}
