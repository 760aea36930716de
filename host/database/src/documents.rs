//! Collections and their documents: the store behind services of kind `collection`.
//!
//! What a document is found by is kept beside it, in the table `document_fields`: which fields those are, and what the
//! documents' bodies mean, is the caller's business.

mod changes;
mod collections;
mod keys;
mod query;
mod writes;

use domain::TenantId;
use rusqlite::{Connection, OptionalExtension, Row, params, params_from_iter};

pub use changes::DocumentEdit;
pub use collections::Collection;
pub use keys::{FieldValue, id_prefix_bounds, text_prefix_bounds};
pub use query::{Column, Condition, Direction, DocumentPosition, DocumentQuery, Sort, Test};
pub use writes::{DocumentChange, DocumentField, DocumentWrite, IndexedDocument};

pub(crate) use collections::revision as collection_revision;
pub(crate) use writes::apply;

use crate::{
    Database, DatabaseError,
    storage::{bounded, digest},
};

const GET: &str = "
    SELECT id, body, revision FROM documents WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const IDS: &str = "
    SELECT id FROM documents WHERE tenant_id = $1 AND collection = $2 AND id > $3 ORDER BY id LIMIT $4";
const REVISION: &str = "SELECT revision FROM documents WHERE tenant_id = $1 AND collection = $2 AND id = $3";

/// A document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Document {
    /// Its id, unique in the collection.
    pub id: String,
    /// A JSON object.
    pub body: String,
    /// The revision.
    pub revision: i64,
}

/// A document of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedDocument {
    /// Its place.
    pub position: DocumentPosition,
    /// The revision.
    pub revision: i64,
    /// A JSON object.
    pub body: String,
}

/// What a read of a part of a collection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRange {
    /// The documents, in the query's order.
    pub documents: Vec<ListedDocument>,
    /// What the check at commit compares: a digest over ids, revisions and `more`.
    pub digest: [u8; 32],
    /// How many documents were looked at, hidden ones included.
    pub rows: usize,
    /// Whether there are documents beyond these.
    pub more: bool,
}

impl Document {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get("id")?, body: row.get("body")?, revision: row.get("revision")? })
    }
}

impl Database {
    /// One document; `None` where the collection has none of that id.
    pub fn document_get(
        &self,
        tenant: TenantId,
        collection: &str,
        id: &str,
    ) -> Result<Option<Document>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            let parameters = [tenant.to_string().as_str(), collection, id].map(str::to_owned);
            Ok(statement.query_row(parameters, Document::from_row).optional()?)
        })
    }

    /// The ids behind `after`, at most `limit` of them.
    pub fn document_ids(
        &self,
        tenant: TenantId,
        collection: &str,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<String>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(IDS)?;
            let parameters = params![tenant.to_string(), collection, after.unwrap_or_default(), limit];
            let rows = statement.query_map(parameters, |row| row.get(0))?;
            Ok(rows.collect::<rusqlite::Result<Vec<String>>>()?)
        })
    }

    /// A page of a collection, for a script. Documents whose ids `is_hidden` names count for the page and are left out of it.
    ///
    /// # Errors
    /// [`DatabaseError::TooLarge`] where the page would have more than 4 MiB; [`DatabaseError::TooSlow`];
    /// [`DatabaseError::Busy`] where too many lists are under way.
    pub fn document_list(
        &self,
        tenant: TenantId,
        query: &DocumentQuery,
        mut is_hidden: impl FnMut(&str) -> bool,
    ) -> Result<DocumentRange, DatabaseError> {
        self.list(tenant, |connection| {
            let select = query.list(tenant);
            let mut statement = connection.prepare_cached(&select.statement)?;
            let rows = statement.query_map(params_from_iter(select.parameters), |row| {
                let id: String = row.get("id")?;
                let body = if is_hidden(&id) { None } else { Some(row.get::<_, String>("body")?) };
                Ok((id, row.get::<_, i64>("revision")?, row.get::<_, String>("position")?, body))
            })?;
            let size = |body: &Option<String>| body.as_ref().map_or(0, String::len);
            let mut rows = bounded(rows, |(id, _, key, body)| id.len() + key.len() + size(body))?;
            let more = query.cut(&mut rows);
            let digest = digest(rows.iter().map(|(id, revision, ..)| (id.as_str(), *revision)), more);
            let seen = rows.len();
            let documents = rows.into_iter().filter_map(|(id, revision, key, body)| {
                Some(ListedDocument { position: DocumentPosition { key, id }, revision, body: body? })
            });
            Ok(DocumentRange { documents: documents.collect(), digest, rows: seen, more })
        })
    }
}

/// The revision that a document has now.
pub(crate) fn revision(
    connection: &Connection,
    tenant: TenantId,
    collection: &str,
    id: &str,
) -> Result<Option<i64>, DatabaseError> {
    let mut statement = connection.prepare_cached(REVISION)?;
    Ok(statement.query_row(params![tenant.to_string(), collection, id], |row| row.get(0)).optional()?)
}

/// The digest that [`Database::document_list`] would answer now, without reading bodies.
pub(crate) fn range_digest(
    connection: &Connection,
    tenant: TenantId,
    query: &DocumentQuery,
) -> Result<[u8; 32], DatabaseError> {
    let select = query.revisions(tenant);
    let mut statement = connection.prepare_cached(&select.statement)?;
    let rows = statement.query_map(params_from_iter(select.parameters), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut documents = rows.collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    let more = query.cut(&mut documents);
    Ok(digest(documents.iter().map(|(id, revision)| (id.as_str(), *revision)), more))
}
