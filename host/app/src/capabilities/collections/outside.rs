//! The same rules for documents that people and their programs list and write: what a filter, a cursor, an id or a document
//! may be does not depend on who asks.

use database::{DocumentChange, DocumentPosition, DocumentQuery};
use domain::Invalid;
use serde_json::{Map, Value, value::RawValue};

use super::{Wrong, check_bytes, check_id, checked, cursors, filters, object, with_id};
use crate::{AppError, collections::CollectionSchema};

/// A list that is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct DocumentList {
    /// The filter, as scripts write it.
    pub(crate) filter: Map<String, Value>,
    /// The field that the list is sorted by.
    pub(crate) sort: Option<String>,
    /// Where the page before ended.
    pub(crate) cursor: Option<String>,
    /// The most documents of the page.
    pub(crate) limit: u32,
}

/// The query that a list stands for, and what marks its cursors.
pub(crate) struct AskedDocuments {
    /// The query.
    pub(crate) query: DocumentQuery,
    mark: cursors::ListMark,
}

impl AskedDocuments {
    /// Read a list of a collection.
    ///
    /// # Errors
    /// [`AppError::Invalid`] names the part of the list that is wrong.
    pub(crate) fn read(collection: &str, schema: &CollectionSchema, list: DocumentList) -> Result<Self, AppError> {
        let DocumentList { filter, sort, cursor, limit } = list;
        let conditions = filters::conditions(&filter, schema.fields()).map_err(|wrong| told("filter", wrong))?;
        let order = filters::sort(sort.as_deref(), schema.fields()).map_err(|wrong| told("sort", wrong))?;
        let mark = cursors::mark(collection, &Value::Object(filter).to_string(), sort.as_deref().unwrap_or_default());
        let after = cursor.map(|cursor| cursors::read(mark, &cursor)).transpose();
        let after = after.map_err(|wrong| told("cursor", wrong))?;
        let query = DocumentQuery { collection: collection.to_owned(), conditions, sort: order, after, limit };
        Ok(Self { query, mark })
    }

    /// The cursor of a place in the list.
    pub(crate) fn cursor(&self, last: &DocumentPosition) -> Result<String, AppError> {
        cursors::write(self.mark, last).map_err(|wrong| told("cursor", wrong))
    }
}

/// A document as it is kept under `id`: the text that was sent, with the id where it has none.
///
/// # Errors
/// [`AppError::Invalid`] for what a script could not keep either, and for another id than this one.
pub(crate) fn document_body(
    schema: &CollectionSchema,
    id: &str,
    document: &RawValue,
) -> Result<DocumentChange, AppError> {
    check_id(id).map_err(|wrong| told("id", wrong))?;
    let of_document = |wrong| told("document", wrong);
    check_bytes("a document has", document.get()).map_err(of_document)?;
    let value = object("the document", document).map_err(of_document)?;
    let body = match value.get("id") {
        None => with_id(id, document.get()),
        Some(Value::String(own)) if own == id => document.get().to_owned(),
        Some(_) => {
            return Err(Invalid::new("id", "the document's id is the one in the address, or left out").into());
        }
    };
    checked(schema, body).map_err(of_document)
}

fn told(field: &'static str, wrong: Wrong) -> AppError {
    match wrong {
        Wrong::Type(message) | Wrong::Range(message) => Invalid::new(field, message).into(),
        Wrong::Call(_) => AppError::internal("a document was refused for another reason than what it is"),
    }
}
