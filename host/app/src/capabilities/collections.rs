//! `services` of the kind `collection`: the tenant's documents, kept in Skerry's own database.

use database::{DocumentQuery, DocumentRangeRead, DocumentRead};
use runtime::{Answer, CallError};
use serde::Deserialize;

use super::{Reach, failed};
use crate::transaction::CallOutcome;

/// The most documents of one page.
const PAGE_MAX: u32 = 1_000;
/// The documents of a page where nothing is said.
const PAGE_DEFAULT: u32 = 100;
/// The most bytes of a document's id.
const ID_BYTES_MAX: usize = 512;

/// What `list` takes.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct ListArguments {
    /// Where the last page ended.
    cursor: Option<String>,
    /// Documents of a page.
    limit: Option<u32>,
}

impl Reach {
    pub(super) fn collection_call(&self, service: &str, method: &str, arguments: &str) -> CallOutcome {
        let collection = self.inner.database.collection(self.lease.tenant, service);
        if collection.map_err(|error| failed(self.lease, &error))?.is_none() {
            return Err(CallError::NotFound(format!("there is no service '{service}'")));
        }
        match method {
            "get" => self.get_document(service, arguments),
            "list" => self.list_documents(service, arguments),
            "create" | "update" | "delete" => Err(CallError::Unsupported(format!(
                "services.{service}.{method}: this version of Skerry reads collections and does not change them yet"
            ))),
            _ => Err(CallError::NotFound(format!("the service '{service}' has no method '{method}'"))),
        }
    }

    fn get_document(&self, collection: &str, arguments: &str) -> CallOutcome {
        let Ok([id]) = serde_json::from_str::<[String; 1]>(arguments) else {
            return Err(CallError::InvalidArgument(format!(
                "services.{collection}.get takes one text: the document's id"
            )));
        };
        if id.len() > ID_BYTES_MAX {
            return Err(CallError::OutOfRange(format!("a document's id has at most {ID_BYTES_MAX} bytes")));
        }
        let document = self.inner.database.document_get(self.lease.tenant, collection, &id);
        let document = document.map_err(|error| failed(self.lease, &error))?;
        let revision = document.as_ref().map(|document| document.revision);
        self.transaction.lock().read_document(DocumentRead { collection: collection.to_owned(), id, revision });
        Ok(Answer::Value(document.map(|document| document.body)))
    }

    /// Answers `{ "items": […], "cursor": text or null }`.
    fn list_documents(&self, collection: &str, arguments: &str) -> CallOutcome {
        let takes = || {
            let text = format!("services.{collection}.list takes {{ cursor, limit }}, the limit from 1 to {PAGE_MAX}");
            CallError::InvalidArgument(text)
        };
        let arguments: Vec<ListArguments> = serde_json::from_str(arguments).map_err(|_| takes())?;
        let ListArguments { cursor, limit } = match <[ListArguments; 1]>::try_from(arguments) {
            Ok([arguments]) => arguments,
            Err(arguments) if arguments.is_empty() => ListArguments::default(),
            Err(_) => return Err(takes()),
        };
        let limit = limit.unwrap_or(PAGE_DEFAULT);
        if !(1..=PAGE_MAX).contains(&limit) {
            return Err(takes());
        }
        let query = DocumentQuery { collection: collection.to_owned(), after: cursor, limit };
        let range = self.inner.database.document_list(self.lease.tenant, &query);
        let range = range.map_err(|error| failed(self.lease, &error))?;
        self.transaction.lock().read_documents(DocumentRangeRead { query, digest: range.digest });
        let cursor = range.more.then(|| range.documents.last().map(|document| document.id.clone())).flatten();
        let items: Vec<&str> = range.documents.iter().map(|document| document.body.as_str()).collect();
        // The bodies are JSON already, as they were checked when they were written.
        let cursor = serde_json::to_string(&cursor).map_err(|_| takes())?;
        Ok(Answer::Value(Some(format!("{{\"items\":[{}],\"cursor\":{cursor}}}", items.join(",")))))
    }
}
