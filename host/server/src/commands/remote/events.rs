//! `skerry event`: what happened, and telling Skerry of it.

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
    ("POSITION", "/position"),
    ("TYPE", "/type"),
    ("SUBJECT", "/subject"),
    ("SOURCE", "/source"),
    ("ID", "/id"),
    ("TIME", "/time"),
];

/// `skerry event …`
#[derive(Debug, Subcommand)]
pub(crate) enum EventCommand {
    /// List events, the latest first
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an event
    Get {
        /// The event's position, as 12-0
        event: String,
    },
    /// Publish an event
    Publish {
        /// The type, as order.placed
        #[arg(value_name = "TYPE")]
        event_type: String,
        /// The data: JSON, @FILE for a file with it, or - for the standard input
        #[arg(long, value_name = "JSON", default_value = "null", allow_hyphen_values = true)]
        data: String,
        /// What it is about; events of one subject are delivered in order
        #[arg(long)]
        subject: Option<String>,
        /// An id; one that you have published before publishes nothing again
        #[arg(long)]
        id: Option<String>,
    },
}

pub(crate) fn event(noun: &Noun<EventCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.event(&noun.command).await)
}

impl Session {
    async fn event(&self, command: &EventCommand) -> Done {
        match command {
            EventCommand::List { list } => self.list(Call::get(&["events"]), *list, &COLUMNS).await,
            EventCommand::Get { event } => self.show(Call::get(&["events", event])).await,
            EventCommand::Publish { event_type, data, subject, id } => {
                // The data goes on as it was written, to the last digit.
                let quoted = |text: &str| serde_json::Value::from(text).to_string();
                let mut body = format!("{{\"type\":{},\"data\":{}", quoted(event_type), json_argument(data)?);
                for (key, value) in [("subject", subject), ("id", id)] {
                    if let Some(value) = value {
                        body += &format!(",\"{key}\":{}", quoted(value));
                    }
                }
                self.show(Call::post(&["events"]).body(body + "}")).await
            }
        }
    }
}
