//! `skerry secret`: what scripts use and never read. Values come from the standard input alone.

use std::process::ExitCode;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use clap::Subcommand;
use serde_json::{Map, Value, json};

use super::{CliError, Done, Noun, Session, lists::ListArgs, login::read_value, output::Column, with_session};
use crate::remote::{Answer, Call};

/// The most bytes of a secret.
const VALUE_BYTES_MAX: u64 = 64 << 10;

const COLUMNS: [Column; 6] = [
    ("NAME", "/name"),
    ("ORIGINS", "/origins"),
    ("PLACEMENTS", "/placements"),
    ("SCRIPTS", "/scripts"),
    ("VERSION", "/value_version"),
    ("VALUE SET", "/value_set_at"),
];

/// `skerry secret …`
#[derive(Debug, Subcommand)]
pub(crate) enum SecretCommand {
    /// List secrets: their records, never their values
    List {
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a secret's record
    Get {
        /// The secret's name
        name: String,
    },
    /// Keep a secret whose value is read from the standard input; what is not named of a known one stays
    Set {
        /// The secret's name
        name: String,
        /// An https origin that it may be sent to, as https://api.example.com
        #[arg(long = "origin", value_name = "ORIGIN")]
        origins: Vec<String>,
        /// Where it may be put: 'header NAME', 'body FIELD' or 'hmac ALGORITHM'
        #[arg(long = "placement", value_name = "PLACEMENT")]
        placements: Vec<String>,
        /// A script that may use it, by name or id
        #[arg(long = "script", value_name = "SCRIPT")]
        scripts: Vec<String>,
        /// Take the value as it is, also a line end at its end, which is dropped otherwise
        #[arg(long)]
        exact: bool,
    },
    /// Remove a secret
    Remove {
        /// The secret's name
        name: String,
    },
}

pub(crate) fn secret(noun: &Noun<SecretCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.secret(&noun.command).await)
}

impl Session {
    async fn secret(&self, command: &SecretCommand) -> Done {
        match command {
            SecretCommand::List { list } => self.list(Call::get(&["secrets"]), *list, &COLUMNS).await,
            SecretCommand::Get { name } => self.show(Call::get(&["secrets", name])).await,
            SecretCommand::Set { name, origins, placements, scripts, exact } => {
                let bytes = read_value("the secret's value", VALUE_BYTES_MAX)?;
                let mut body = value(if *exact { bytes } else { without_line_end(bytes) });
                for (key, list) in [("origins", origins), ("placements", placements), ("scripts", scripts)] {
                    if !list.is_empty() {
                        body.insert(key.to_owned(), json!(list));
                    }
                }
                let answer = self.set_secret(name, Value::Object(body)).await?;
                self.show_one(&answer.text)
            }
            SecretCommand::Remove { name } => {
                self.act(Call::delete(&["secrets", name]), &format!("the secret {name} is removed")).await
            }
        }
    }

    /// A known secret is changed, so that its record stays; another one is made.
    async fn set_secret(&self, name: &str, body: Value) -> Result<Answer, CliError> {
        let path = ["secrets", name];
        match self.client.send(Call::get(&path)).await {
            Ok(known) => {
                let call = Call::new(http::Method::PATCH, &path).if_match(known.tag.as_deref()).json(&body);
                Ok(self.client.send(call).await?)
            }
            Err(error) if error.is_not_found() => {
                Ok(self.client.send(Call::new(http::Method::PUT, &path).json(&body)).await?)
            }
            Err(error) => Err(error.into()),
        }
    }
}

/// The value as JSON has it: in base64 where it is no text.
fn value(bytes: Vec<u8>) -> Map<String, Value> {
    let mut body = Map::new();
    match String::from_utf8(bytes) {
        Ok(text) => drop(body.insert(String::from("value"), Value::String(text))),
        Err(error) => {
            body.insert(String::from("value"), Value::String(STANDARD.encode(error.as_bytes())));
            body.insert(String::from("value_encoding"), json!("base64"));
        }
    }
    body
}

/// The line end that an editor or `echo` puts at the end is no part of a secret.
fn without_line_end(mut bytes: Vec<u8>) -> Vec<u8> {
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        if bytes.last() == Some(&b'\r') {
            bytes.pop();
        }
    }
    bytes
}
