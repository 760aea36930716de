//! `skerry webhook`: where events are sent outside.

use std::process::ExitCode;

use clap::Subcommand;
use serde_json::json;

use super::{Done, Noun, Session, lists::ListArgs, output::Column, with_session};
use crate::remote::Call;

const COLUMNS: [Column; 5] = [
    ("ID", "/id"),
    ("URL", "/url"),
    ("TYPES", "/types"),
    ("ACTIVE", "/is_active"),
    ("STOPPED BECAUSE", "/disabled_reason"),
];

const DELIVERY_COLUMNS: [Column; 5] = [
    ("ID", "/id"),
    ("TYPE", "/event/type"),
    ("STATUS", "/status"),
    ("ATTEMPTS", "/attempts"),
    ("CREATED", "/created_at"),
];

/// `skerry webhook …`
#[derive(Debug, Subcommand)]
pub(crate) enum WebhookCommand {
    /// List webhooks
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a webhook
    Get {
        /// The webhook's id
        webhook: String,
    },
    /// Make a webhook; its secret is shown this once
    Add {
        /// Where events are sent: an https address
        url: String,
        /// A type (order.placed), all below one (order.*), or '*'
        #[arg(long = "type", value_name = "PATTERN", required = true)]
        types: Vec<String>,
        /// What it is for
        #[arg(long, default_value = "")]
        description: String,
    },
    /// Send a test to a webhook
    Test {
        /// The webhook's id
        webhook: String,
    },
    /// Make a new secret for a webhook; it is shown this once
    Rotate {
        /// The webhook's id
        webhook: String,
    },
    /// Remove a webhook
    Remove {
        /// The webhook's id
        webhook: String,
    },
    /// List what is sent to a webhook
    Deliveries {
        /// The webhook's id
        webhook: String,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Send a delivery again
    Resend {
        /// The webhook's id
        webhook: String,
        /// The delivery's id
        delivery: String,
    },
}

pub(crate) fn webhook(noun: &Noun<WebhookCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.webhook(&noun.command).await)
}

impl Session {
    async fn webhook(&self, command: &WebhookCommand) -> Done {
        match command {
            WebhookCommand::List { list } => self.list(Call::get(&["webhooks"]), *list, &COLUMNS).await,
            WebhookCommand::Get { webhook } => self.show(Call::get(&["webhooks", webhook])).await,
            WebhookCommand::Add { url, types, description } => {
                let body = json!({ "url": url, "types": types, "description": description });
                self.show(Call::post(&["webhooks"]).json(&body)).await
            }
            WebhookCommand::Test { webhook } => self.show(Call::post(&["webhooks", webhook, "test"])).await,
            WebhookCommand::Rotate { webhook } => self.show(Call::post(&["webhooks", webhook, "rotate"])).await,
            WebhookCommand::Remove { webhook } => {
                self.act(Call::delete(&["webhooks", webhook]), &format!("{webhook} is removed")).await
            }
            WebhookCommand::Deliveries { webhook, list } => {
                self.list(Call::get(&["webhooks", webhook, "deliveries"]), *list, &DELIVERY_COLUMNS).await
            }
            WebhookCommand::Resend { webhook, delivery } => {
                self.show(Call::post(&["webhooks", webhook, "deliveries", delivery, "resend"])).await
            }
        }
    }
}
