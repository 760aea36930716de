//! `skerry storage`: the tenant's key-value entries.

use std::process::ExitCode;

use clap::Subcommand;
use http::Method;

use super::{
    Done, Noun, Session,
    lists::{ListArgs, json_argument},
    output::Column,
    with_session,
};
use crate::remote::Call;

const COLUMNS: [Column; 4] =
    [("KEY", "/key"), ("VALUE", "/value"), ("REVISION", "/revision"), ("EXPIRES", "/expires_at")];

const DOCUMENT_COLUMNS: [Column; 3] = [("ID", "/id"), ("DOCUMENT", "/document"), ("REVISION", "/revision")];

/// `skerry storage …`
#[derive(Debug, Subcommand)]
pub(crate) enum StorageCommand {
    /// List entries, by key
    List {
        /// Those whose keys begin with this
        #[arg(long, value_name = "TEXT")]
        prefix: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show an entry
    Get {
        /// The key
        key: String,
    },
    /// Write an entry
    Set {
        /// The key
        key: String,
        /// The value: JSON, @FILE for a file with it, or - for the standard input
        #[arg(value_name = "JSON", allow_hyphen_values = true)]
        value: String,
        /// Seconds until it is gone
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..))]
        ttl: Option<u32>,
        /// Only if the entry still has this ETag
        #[arg(long, value_name = "ETAG")]
        if_match: Option<String>,
    },
    /// Remove an entry
    Delete {
        /// The key
        key: String,
    },
    /// Documents of collections
    #[command(subcommand)]
    Document(DocumentCommand),
}

/// `skerry storage document …`
#[derive(Debug, Subcommand)]
pub(crate) enum DocumentCommand {
    /// List the documents of a collection
    List {
        /// The collection
        collection: String,
        /// What each fulfils, as JSON: {"price":{"lt":50}}
        #[arg(long, value_name = "JSON")]
        filter: Option<String>,
        /// The field to sort by, with '-' in front for the greatest first
        #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
        sort: Option<String>,
        #[command(flatten)]
        list: ListArgs,
    },
    /// Show a document
    Get {
        /// The collection
        collection: String,
        /// The document's id
        document: String,
    },
    /// Write a document
    Set {
        /// The collection
        collection: String,
        /// The document's id
        document: String,
        /// The document: JSON, @FILE for a file with it, or - for the standard input
        #[arg(value_name = "JSON", allow_hyphen_values = true)]
        value: String,
        /// Only if the document still has this ETag
        #[arg(long, value_name = "ETAG")]
        if_match: Option<String>,
    },
    /// Remove a document
    Delete {
        /// The collection
        collection: String,
        /// The document's id
        document: String,
    },
}

pub(crate) fn storage(noun: &Noun<StorageCommand>) -> ExitCode {
    with_session(&noun.remote, async |session| session.storage(&noun.command).await)
}

impl Session {
    async fn storage(&self, command: &StorageCommand) -> Done {
        match command {
            StorageCommand::List { prefix, list } => {
                self.list(Call::get(&["storage"]).query("prefix", prefix.as_ref()), *list, &COLUMNS).await
            }
            StorageCommand::Get { key } => self.show(Call::get(&["storage", key])).await,
            StorageCommand::Set { key, value, ttl, if_match } => {
                // The value goes on as it was written, to the last digit.
                let ttl = ttl.map_or_else(String::new, |seconds| format!(",\"ttl_seconds\":{seconds}"));
                let body = format!("{{\"value\":{}{ttl}}}", json_argument(value)?);
                let call = Call::new(Method::PUT, &["storage", key]).if_match(if_match.as_deref()).body(body);
                self.show(call).await
            }
            StorageCommand::Delete { key } => {
                self.act(Call::delete(&["storage", key]), &format!("{key} is removed")).await
            }
            StorageCommand::Document(command) => self.document(command).await,
        }
    }

    async fn document(&self, command: &DocumentCommand) -> Done {
        const COLLECTIONS: [&str; 2] = ["storage", "collections"];
        let of = |collection, document| [COLLECTIONS[0], COLLECTIONS[1], collection, "documents", document];
        match command {
            DocumentCommand::List { collection, filter, sort, list } => {
                let call = Call::get(&[COLLECTIONS[0], COLLECTIONS[1], collection, "documents"])
                    .query("filter", filter.as_ref())
                    .query("sort", sort.as_ref());
                self.list(call, *list, &DOCUMENT_COLUMNS).await
            }
            DocumentCommand::Get { collection, document } => self.show(Call::get(&of(collection, document))).await,
            DocumentCommand::Set { collection, document, value, if_match } => {
                let call = Call::new(Method::PUT, &of(collection, document)).if_match(if_match.as_deref());
                self.show(call.body(json_argument(value)?)).await
            }
            DocumentCommand::Delete { collection, document } => {
                self.act(Call::delete(&of(collection, document)), &format!("{document} is removed")).await
            }
        }
    }
}
