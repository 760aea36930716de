//! `services` of the kind `collection`: the tenant's documents, kept in Skerry's own database and read and written in the
//! execution's transaction. Everything that comes in here is guest-controlled.

mod cursors;
mod filters;
mod lists;
mod outside;
mod patches;

use database::{Collection, DocumentChange, DocumentRead};
use domain::UnixMillis;
use runtime::{Answer, CallError};
use serde_json::{Value, value::RawValue};

use super::{Reach, failed};
pub(crate) use outside::{AskedDocuments, DocumentList, document_body};

use crate::{
    collections::{CollectionSchema, DOCUMENT_BYTES_MAX, ID_BYTES_MAX},
    schemas::{VALUE_DEPTH_MAX, depth},
    transaction::CallOutcome,
};

/// Why a call is refused, before its name is put in front.
enum Wrong {
    /// An argument of the wrong type or shape: a `TypeError`.
    Type(String),
    /// An argument outside its bounds: a `RangeError`.
    Range(String),
    /// Anything else, as it is.
    Call(CallError),
}

impl From<CallError> for Wrong {
    fn from(error: CallError) -> Self {
        Self::Call(error)
    }
}

/// One call of one collection.
struct Documents<'a> {
    reach: &'a Reach,
    collection: Collection,
    schema: CollectionSchema,
    now: UnixMillis,
}

impl Reach {
    pub(super) fn collection_call(&self, service: &str, method: &str, arguments: &str, now: UnixMillis) -> CallOutcome {
        let found = self.inner.database.collection(self.lease.tenant, service);
        let Some(collection) = found.map_err(|error| failed(self.lease, &error))? else {
            return Err(CallError::NotFound(format!("there is no service '{service}'")));
        };
        let schema = self.inner.collections.schema(&collection.schema).map_err(|error| {
            tracing::error!(tenant.id = %self.lease.tenant, collection = service, ?error, "a stored schema is unusable");
            CallError::Unavailable(format!("the service '{service}' is set up wrongly: tell the operator"))
        })?;
        let documents = Documents { reach: self, collection, schema, now };
        documents.call(method, arguments).map_err(|wrong| match wrong {
            Wrong::Type(message) => CallError::InvalidArgument(format!("services.{service}.{method}: {message}")),
            Wrong::Range(message) => CallError::OutOfRange(format!("services.{service}.{method}: {message}")),
            Wrong::Call(error) => error,
        })
    }
}

impl Documents<'_> {
    fn call(&self, method: &str, arguments: &str) -> Result<Answer, Wrong> {
        let arguments: Vec<&RawValue> = serde_json::from_str(arguments).map_err(|_| not_json())?;
        match (method, arguments.as_slice()) {
            ("list", [] | [_]) => self.list(arguments.first().copied()),
            ("get", [id]) => self.get(id),
            ("create", [document]) => self.create(document),
            ("update", [id, changes]) => self.update(id, changes),
            ("delete", [id]) => self.delete(id),
            ("list", _) => Err(Wrong::Type(String::from("it takes { filter, sort, cursor, limit }, or nothing"))),
            ("get" | "delete", _) => Err(Wrong::Type(String::from("it takes one text: the document's id"))),
            ("create", _) => Err(Wrong::Type(String::from("it takes one object: the document"))),
            ("update", _) => Err(Wrong::Type(String::from("it takes the document's id and an object of changes"))),
            _ => Err(Wrong::Call(CallError::NotFound(format!(
                "the service '{}' has no method '{method}': it has list, get, create, update, delete",
                self.name()
            )))),
        }
    }

    fn name(&self) -> &str {
        &self.collection.name
    }

    fn get(&self, id: &RawValue) -> Result<Answer, Wrong> {
        Ok(Answer::Value(self.read(&document_id(id)?)?))
    }

    fn create(&self, document: &RawValue) -> Result<Answer, Wrong> {
        let value = object("the document", document)?;
        let (id, body) = match value.get("id") {
            None => self.with_new_id(document.get()),
            Some(Value::String(id)) => {
                check_id(id)?;
                (id.clone(), document.get().to_owned())
            }
            Some(_) => return Err(Wrong::Type(String::from("the document's id must be a string, or left out"))),
        };
        let change = self.checked(body.clone())?;
        if self.read(&id)?.is_some() {
            let message = format!("services.{}.create: there is a document '{}' already", self.name(), shown(&id));
            return Err(Wrong::Call(CallError::Conflict(message)));
        }
        self.reach.transaction.lock().write_document(self.name(), &id, change)?;
        Ok(Answer::Value(Some(body)))
    }

    fn update(&self, id: &RawValue, changes: &RawValue) -> Result<Answer, Wrong> {
        let id = document_id(id)?;
        check_bytes("the changes have", changes.get())?;
        let patch = object("the changes", changes)?;
        if patch.get("id").is_some_and(|other| other.as_str() != Some(&id)) {
            return Err(Wrong::Type(String::from("a document keeps its id: leave it out of the changes")));
        }
        let Some(current) = self.read(&id)? else {
            let message = format!("services.{}.update: there is no document '{}'", self.name(), shown(&id));
            return Err(Wrong::Call(CallError::NotFound(message)));
        };
        let body = patches::merge(&current, changes.get()).map_err(|_| not_json())?;
        let change = self.checked(body.clone())?;
        self.reach.transaction.lock().write_document(self.name(), &id, change)?;
        Ok(Answer::Value(Some(body)))
    }

    fn delete(&self, id: &RawValue) -> Result<Answer, Wrong> {
        let id = document_id(id)?;
        let is_there = self.read(&id)?.is_some();
        if is_there {
            self.reach.transaction.lock().write_document(self.name(), &id, DocumentChange::Delete)?;
        }
        Ok(Answer::Value(Some(is_there.to_string())))
    }

    /// A document as the run sees it.
    fn read(&self, id: &str) -> Result<Option<String>, CallError> {
        let mut buffer = self.reach.transaction.lock();
        if let Some(own) = buffer.documents.get(self.name(), id) {
            return Ok(own.map(str::to_owned));
        }
        let lease = self.reach.lease;
        let found = self.reach.inner.database.document_get(lease.tenant, self.name(), id);
        let found = found.map_err(|error| failed(lease, &error))?;
        let revision = found.as_ref().map(|document| document.revision);
        buffer.read_document(DocumentRead { collection: self.name().to_owned(), id: id.to_owned(), revision });
        Ok(found.map(|document| document.body))
    }

    fn checked(&self, body: String) -> Result<DocumentChange, Wrong> {
        checked(&self.schema, body)
    }

    /// A document with an id of its own: a UUIDv7 that a repeat of the run makes again.
    fn with_new_id(&self, document: &str) -> (String, String) {
        let number = self.reach.transaction.lock().documents.next_id();
        let lease = self.reach.lease;
        let digest = blake3::hash(format!("{}/{}/{number}", lease.execution, lease.attempt).as_bytes());
        let mut random = [0; 10];
        random.copy_from_slice(&digest.as_bytes()[..10]);
        let millis = u64::try_from(self.now.0).unwrap_or(0);
        let id = uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid().to_string();
        let body = with_id(&id, document);
        (id, body)
    }
}

/// A body that may be kept, with what it is found by.
fn checked(schema: &CollectionSchema, body: String) -> Result<DocumentChange, Wrong> {
    check_bytes("a document has", &body)?;
    let document: Value = serde_json::from_str(&body).map_err(|_| not_json())?;
    schema.check(&document).map_err(|mismatch| Wrong::Type(format!("the document {mismatch}")))?;
    let fields = schema.fields().of(&document).map_err(|error| Wrong::Range(error.to_string()))?;
    Ok(DocumentChange::Put { body, fields })
}

/// The text of an object that has no id, with one.
fn with_id(id: &str, document: &str) -> String {
    let members = document.trim_start().trim_start_matches('{').trim_start();
    let comma = if members.starts_with('}') { "" } else { "," };
    format!("{{\"id\":{}{comma}{members}", Value::from(id))
}

/// More than a document may have is refused before anything is made of it.
fn check_bytes(what: &str, json: &str) -> Result<(), Wrong> {
    let found = json.len();
    if found > DOCUMENT_BYTES_MAX {
        return Err(Wrong::Range(format!("{what} at most {DOCUMENT_BYTES_MAX} bytes as JSON, not {found}")));
    }
    Ok(())
}

/// An argument that is an object, not too deep.
fn object(what: &str, argument: &RawValue) -> Result<Value, Wrong> {
    let value: Value = serde_json::from_str(argument.get()).map_err(|_| not_json())?;
    if !value.is_object() {
        return Err(Wrong::Type(format!("{what} must be an object")));
    }
    if depth(&value) > VALUE_DEPTH_MAX {
        return Err(not_json());
    }
    Ok(value)
}

fn document_id(argument: &RawValue) -> Result<String, Wrong> {
    let id: String = serde_json::from_str(argument.get())
        .map_err(|_| Wrong::Type(String::from("the id must be a string of well-formed Unicode")))?;
    check_id(&id)?;
    Ok(id)
}

fn check_id(id: &str) -> Result<(), Wrong> {
    if id.is_empty() || id.len() > ID_BYTES_MAX {
        let found = id.len();
        return Err(Wrong::Range(format!("a document's id has 1 to {ID_BYTES_MAX} bytes of UTF-8, not {found}")));
    }
    if id.chars().any(char::is_control) {
        return Err(Wrong::Type(String::from("a document's id has no control characters")));
    }
    Ok(())
}

fn not_json() -> Wrong {
    Wrong::Type(format!("arguments are JSON of well-formed Unicode, at most {VALUE_DEPTH_MAX} levels deep"))
}

/// An id or a name in a message: guest-controlled, and cut where it is long.
fn shown(text: &str) -> String {
    const BYTES_MAX: usize = 100;
    if text.len() <= BYTES_MAX {
        text.to_owned()
    } else {
        format!("{}…", &text[..text.floor_char_boundary(BYTES_MAX)])
    }
}
