//! `skerry dead-letter`: what was given up, and sending it again.

use std::process::ExitCode;

use clap::Subcommand;

use super::{
    Done, Noun, Session,
    lists::{ListArgs, json_argument},
    output::Column,
    with_session,
};
use crate::remote::Call;

const COLUMNS: [Column; 6] = [
    ("ID", "/id"),
    ("KIND", "/kind"),
    ("REASON", "/reason"),
    ("EXECUTION", "/execution_id"),
    ("CREATED", "/created_at"),
    ("REDRIVEN", "/redriven_at"),
];

/// `skerry dead-letter …`
#[derive(Debug, Subcommand)]
pub(crate) enum DeadLetterCommand {
    /// List dead letters, the latest first
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a dead letter
    Get {
        /// The dead letter's id
        dead_letter: String,
    },
    /// Send a dead letter again
    Redrive {
        /// The dead letter's id
        dead_letter: String,
        /// Other data, which makes a new event in its place: JSON, @FILE, or - for the standard input
        #[arg(long, value_name = "JSON", allow_hyphen_values = true)]
        data: Option<String>,
    },
    /// Remove a dead letter
    Remove {
        /// The dead letter's id
        dead_letter: String,
    },
}

pub(crate) fn dead_letter(noun: &Noun<DeadLetterCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.dead_letter(&noun.command).await)
}

impl Session {
    async fn dead_letter(&self, command: &DeadLetterCommand) -> Done {
        match command {
            DeadLetterCommand::List { list } => self.list(Call::get(&["dead-letters"]), *list, &COLUMNS).await,
            DeadLetterCommand::Get { dead_letter } => self.show(Call::get(&["dead-letters", dead_letter])).await,
            DeadLetterCommand::Redrive { dead_letter, data } => {
                let call = Call::post(&["dead-letters", dead_letter, "redrive"]);
                let call = match data {
                    Some(data) => call.body(format!("{{\"data\":{}}}", json_argument(data)?)),
                    None => call,
                };
                self.show(call).await
            }
            DeadLetterCommand::Remove { dead_letter } => {
                self.act(Call::delete(&["dead-letters", dead_letter]), &format!("{dead_letter} is removed")).await
            }
        }
    }
}
