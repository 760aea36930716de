//! `skerry exec`: what ran, what came of it, and running scripts.

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, Subcommand};
use domain::{ErrorKind, ExecutionStatus, ScriptName, Trigger};
use serde_json::{Value, json};

use super::{
    CliError, Done, Noun, Session, follow, frames,
    lists::{ListArgs, json_argument},
    many::Chosen,
    output::{Column, Form, ending},
    session::codes,
    with_session,
};
use crate::{
    commands::{print, run::source, warn},
    remote::Call,
    terminal::Shown,
};

const COLUMNS: [Column; 7] = [
    ("ID", "/id"),
    ("SCRIPT", "/script_id"),
    ("TRIGGER", "/trigger"),
    ("STATUS", "/status"),
    ("ERROR", "/error_kind"),
    ("ACCEPTED", "/accepted_at"),
    ("MICROSECONDS", "/duration_us"),
];

const CALL_COLUMNS: [Column; 5] = [
    ("NUMBER", "/number"),
    ("CALL", "/name"),
    ("MICROSECONDS", "/started_us"),
    ("BYTES", "/bytes_answered"),
    ("ERROR", "/error"),
];

/// `skerry exec …`
#[derive(Debug, Subcommand)]
pub(crate) enum ExecCommand {
    /// List executions, the latest first
    List {
        #[command(flatten)]
        filter: ExecFilter,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an execution
    Get {
        /// The execution's id
        execution: String,
    },
    /// Show the log of an execution
    Logs {
        /// The execution's id
        execution: String,
        /// Go on until the execution ends; the exit code says how
        #[arg(long, short)]
        follow: bool,
    },
    /// Show the host calls of an execution
    Calls {
        /// The execution's id
        execution: String,
    },
    /// End executions that wait or run
    Cancel(Chosen),
    /// Run executions again that have ended, as new ones
    Retry(Chosen),
    /// Run a recorded execution again from its journal and compare
    Replay {
        /// The execution's id
        execution: String,
        /// Edited code to run against what was recorded
        #[arg(long, value_name = "FILE")]
        source: Option<PathBuf>,
    },
    /// Run a script and wait for its end
    Run {
        /// The script's name or id
        script: String,
        /// What its entry is given: JSON, @FILE for a file with it, or - for the standard input
        #[arg(long, value_name = "JSON", default_value = "null", allow_hyphen_values = true)]
        input: String,
        /// Only have it accepted: print the execution's id and do not wait
        #[arg(long)]
        no_wait: bool,
    },
}

/// Which executions; every part that is given must hold.
#[derive(Args, Debug)]
pub(crate) struct ExecFilter {
    /// Those of one script, by its name or id
    #[arg(long, value_name = "SCRIPT")]
    script: Option<String>,
    /// Those with one of these statuses: pending, running, success, failed, timeout or cancelled
    #[arg(long, value_delimiter = ',')]
    status: Vec<ExecutionStatus>,
    /// Those with this trigger, as cron or api
    #[arg(long)]
    trigger: Option<Trigger>,
    /// Those that ended with this kind of error, as user_error
    #[arg(long, value_name = "KIND")]
    error: Option<ErrorKind>,
    /// Those that the user with this id started
    #[arg(long, value_name = "USER")]
    user: Option<String>,
    /// Those that began at this moment or after it, as 2026-01-31T12:00:00Z
    #[arg(long, value_name = "TIME")]
    after: Option<String>,
    /// Those that began before this moment
    #[arg(long, value_name = "TIME")]
    before: Option<String>,
    /// Those that ran at least so many milliseconds
    #[arg(long, value_name = "MS")]
    min_ms: Option<u32>,
    /// Those that ran at most so many milliseconds
    #[arg(long, value_name = "MS")]
    max_ms: Option<u32>,
    /// Those with this text in their log
    #[arg(long, value_name = "TEXT")]
    text: Option<String>,
}

impl ExecFilter {
    fn call(&self) -> Call<'_> {
        let statuses: Vec<&str> = self.status.iter().map(|status| status.as_str()).collect();
        Call::get(&["executions"])
            .query("status", (!statuses.is_empty()).then(|| statuses.join(",")))
            .query("trigger", self.trigger.map(Trigger::as_str))
            .query("error_kind", self.error.map(ErrorKind::as_str))
            .query("user", self.user.as_ref())
            .query("after", self.after.as_ref())
            .query("before", self.before.as_ref())
            .query("duration_min_ms", self.min_ms)
            .query("duration_max_ms", self.max_ms)
            .query("logs", self.text.as_ref())
    }
}

pub(crate) fn execute(noun: &Noun<ExecCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.exec(&noun.command).await)
}

impl Session {
    async fn exec(&self, command: &ExecCommand) -> Done {
        match command {
            ExecCommand::List { filter, list } => {
                let script = match &filter.script {
                    Some(script) => Some(self.script_id(script).await?),
                    None => None,
                };
                let call = filter.call().query("script", script);
                self.list(call, *list, &COLUMNS).await
            }
            ExecCommand::Get { execution } => {
                let answer = self.client.send(Call::get(&["executions", execution])).await?;
                self.show_execution(&answer.text).await.map(|_| ExitCode::SUCCESS)
            }
            ExecCommand::Logs { execution, follow: true } => follow::log(self, execution).await,
            ExecCommand::Logs { execution, follow: false } => self.show_log(execution).await,
            ExecCommand::Calls { execution } => {
                self.list_whole(Call::get(&["executions", execution, "calls"]), &CALL_COLUMNS).await
            }
            ExecCommand::Cancel(chosen) => match chosen.only() {
                Some(execution) => {
                    let done = format!("{execution} ends, or has ended");
                    self.act(Call::post(&["executions", execution, "cancel"]), &done).await
                }
                None => self.many("cancel", chosen).await,
            },
            ExecCommand::Retry(chosen) => match chosen.only() {
                Some(execution) => self.accepted(Call::post(&["executions", execution, "retry"])).await,
                None => self.many("retry", chosen).await,
            },
            ExecCommand::Replay { execution, source } => self.replay(execution, source.as_ref()).await,
            ExecCommand::Run { script, input, no_wait } => {
                let body = format!("{{\"input\":{}}}", json_argument(input)?);
                let call = Call::post(&["scripts", script, "executions"]).body(body);
                if *no_wait { self.accepted(call).await } else { self.run_waiting(call).await }
            }
        }
    }

    /// A script's id, by its name or id.
    pub(crate) async fn script_id(&self, script: &str) -> Result<String, CliError> {
        if ScriptName::parse(script).is_err() {
            return Err(CliError::Usage(format!("'{script}' is neither a script's name nor its id")));
        }
        let found = self.client.send(Call::get(&["scripts", script])).await?.json();
        Ok(found["id"].as_str().unwrap_or_default().to_owned())
    }

    /// Have something accepted, and print the id of the execution.
    pub(super) async fn accepted(&self, call: Call<'_>) -> Done {
        let answer = self.client.send(call).await?;
        match self.form {
            Form::Table => {
                let id = answer.json()["id"].as_str().unwrap_or_default().to_owned();
                Ok(print(&format!("{}\n", Shown(&id))))
            }
            Form::Json | Form::Ndjson => self.show_one(&answer.text),
        }
    }

    async fn run_waiting(&self, call: Call<'_>) -> Done {
        let answer = self.client.send(call.waiting()).await?;
        self.show_execution(&answer.text).await
    }

    /// Show how an execution ended; the answer is the code for that. For people: the log and the error on the standard
    /// error, the result on the standard output, as `skerry run` does.
    pub(crate) async fn show_execution(&self, text: &str) -> Done {
        let execution: Value = serde_json::from_str(text).unwrap_or_default();
        let code = end_code(&execution);
        if self.form != Form::Table {
            return self.show_one(text).map(|ended| ending(ended, code));
        }
        let mut shown = String::new();
        for line in execution["logs"].as_array().map_or(&[][..], Vec::as_slice) {
            shown += &log_line(line);
        }
        if !execution["error"].is_null() {
            shown += &frames::in_authors_words(&self.client, &execution).await;
        }
        let text_of = |key: &str| execution[key].as_str().unwrap_or_default().to_owned();
        shown += &format!("{} {}: {}\n", text_of("trigger"), text_of("id"), text_of("status"));
        warn(&Shown(&shown).to_string());
        if execution["result"].is_null() {
            return Ok(ExitCode::from(code));
        }
        let result = result_text(text).unwrap_or_default();
        Ok(ending(print(&format!("{}\n", Shown(&result))), code))
    }

    async fn show_log(&self, execution: &str) -> Done {
        let answer = self.client.send(Call::get(&["executions", execution, "logs"])).await?;
        if self.form != Form::Table {
            return self.show_one(&answer.text);
        }
        let log = answer.json();
        let lines = log["lines"].as_array().map_or(&[][..], Vec::as_slice);
        let mut text: String = lines.iter().map(log_line).collect();
        if log["truncated"] == Value::Bool(true) {
            text.push_str("warn: further lines of log were dropped\n");
        }
        Ok(print(&Shown(&text).to_string()))
    }

    async fn replay(&self, execution: &str, file: Option<&PathBuf>) -> Done {
        let body = match file {
            Some(file) => {
                let name = file.file_name().unwrap_or_default().to_string_lossy();
                let language = domain::Language::of_file_name(&name);
                json!({ "source": source(file).map_err(CliError::Usage)?, "language": language.as_str() })
            }
            None => json!({}),
        };
        let answer = self.client.send(Call::post(&["executions", execution, "replay"]).json(&body)).await?;
        let code = if answer.json()["equal"] == Value::Bool(true) { 0 } else { codes::EXECUTION_FAILED };
        self.show_one(&answer.text).map(|ended| ending(ended, code))
    }
}

/// The code for how an execution ended; 0 for one that has not.
pub(crate) fn end_code(execution: &Value) -> u8 {
    match execution["status"].as_str() {
        Some("failed" | "timeout" | "cancelled") => codes::EXECUTION_FAILED,
        _ => 0,
    }
}

/// A line of log for people.
pub(crate) fn log_line(line: &Value) -> String {
    let level = line["level"].as_str().unwrap_or("info");
    let message = line["message"].as_str().unwrap_or_default();
    if level == "info" { format!("{message}\n") } else { format!("{level}: {message}\n") }
}

/// The result as it came.
fn result_text(execution: &str) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Ended<'a> {
        #[serde(borrow)]
        result: Option<&'a serde_json::value::RawValue>,
    }
    serde_json::from_str::<Ended<'_>>(execution).ok()?.result.map(|result| result.get().to_owned())
}
