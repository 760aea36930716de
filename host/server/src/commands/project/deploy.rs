//! `skerry deploy` and `skerry rollback`: which version of a script runs.

use std::process::ExitCode;

use clap::Args;
use serde_json::json;

use super::{apply, remote_script::RemoteScript};
use crate::{
    commands::remote::{CliError, Remote, Session, with_session},
    remote::Call,
};

/// `skerry deploy`
#[derive(Args, Debug)]
pub(crate) struct DeployArguments {
    /// The script, by its name
    script: String,
    /// What the version changes, in your words
    #[arg(long, value_name = "TEXT", default_value = "")]
    summary: String,
    #[command(flatten)]
    remote: Remote,
}

/// `skerry rollback`
#[derive(Args, Debug)]
pub(crate) struct RollbackArguments {
    /// The script, by its name
    script: String,
    /// The version's number [default: the one before the one that runs]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    to: Option<u64>,
    #[command(flatten)]
    remote: Remote,
}

/// Make the server's draft a version, and let that run.
pub(crate) fn deploy(arguments: &DeployArguments) -> ExitCode {
    with_session(&arguments.remote, async |session: Session| {
        let script = find(&session, &arguments.script).await?;
        let number = apply::deploy(&session.client, &script, &arguments.summary).await?;
        let line = format!("version {number} of {} runs", script.name);
        session.say(&line, &json!({ "script": script.name, "version": number }))
    })
}

/// Let an older version run again.
pub(crate) fn rollback(arguments: &RollbackArguments) -> ExitCode {
    with_session(&arguments.remote, async |session: Session| {
        let script = find(&session, &arguments.script).await?;
        let number = match (arguments.to, script.deployed) {
            (Some(number), _) => number,
            (None, Some(deployed)) if deployed > 1 => deployed - 1,
            (None, _) => {
                let message = "there is no version before the one that runs: name one with --to";
                return Err(CliError::Refused(String::from(message)));
            }
        };
        let text = number.to_string();
        session.client.send(Call::post(&["scripts", &script.id, "versions", &text, "activate"])).await?;
        let line = format!("version {number} of {} runs", script.name);
        session.say(&line, &json!({ "script": script.name, "version": number, "before": script.deployed }))
    })
}

async fn find(session: &Session, name: &str) -> Result<RemoteScript, CliError> {
    let found = RemoteScript::get(&session.client, name).await?;
    found.ok_or_else(|| CliError::Usage(format!("there is no script '{name}' on {}", session.client.server())))
}
