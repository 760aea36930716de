//! `skerry endpoint` and `skerry usage`: where scripts answer, and what the tenant has and uses.

use std::process::ExitCode;

use clap::Subcommand;

use super::{Done, Noun, Remote, Session, lists::ListArgs, output::Column, with_session};
use crate::remote::Call;

const COLUMNS: [Column; 6] = [
    ("SCRIPT", "/script"),
    ("METHOD", "/method"),
    ("PATH", "/path"),
    ("AUTHENTICATION", "/authentication"),
    ("MODE", "/mode"),
    ("DEPLOYED", "/is_deployed"),
];

/// `skerry endpoint …`
#[derive(Debug, Subcommand)]
pub(crate) enum EndpointCommand {
    /// List endpoints
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show what requests to a script's endpoint are signed with, without the values
    Secrets {
        /// The script, by its name or id
        script: String,
    },
    /// Make a new secret for a script's endpoint; it is shown this once
    Rotate {
        /// The script, by its name or id
        script: String,
    },
}

pub(crate) fn endpoint(noun: &Noun<EndpointCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.endpoint(&noun.command).await)
}

pub(crate) fn usage(remote: &Remote) -> ExitCode {
    with_session(remote, async |session: Session| session.show(Call::get(&["usage"])).await)
}

impl Session {
    async fn endpoint(&self, command: &EndpointCommand) -> Done {
        match command {
            EndpointCommand::List { list } => self.list(Call::get(&["endpoints"]), *list, &COLUMNS).await,
            EndpointCommand::Secrets { script } => {
                let columns = [("SLOT", "/slot"), ("SET", "/set_at"), ("BY", "/set_by")];
                self.list_whole(Call::get(&["scripts", script, "endpoint", "secrets"]), &columns).await
            }
            EndpointCommand::Rotate { script } => {
                self.show(Call::post(&["scripts", script, "endpoint", "secrets", "rotate"])).await
            }
        }
    }
}
