//! Collections and their documents: the store behind services of kind `collection`.

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{
    Database, DatabaseError,
    rows::{bytes, millis},
    storage::{ADD_STORED_BYTES, bounded, digest},
};

const PUT_COLLECTION: &str = "
    INSERT INTO collections (tenant_id, name, schema, updated_at)
    VALUES ($1, $2, $3, $4)
    ON CONFLICT (tenant_id, name) DO UPDATE SET schema = excluded.schema, updated_at = excluded.updated_at";
const GET_COLLECTION: &str = "SELECT name, schema, updated_at FROM collections WHERE tenant_id = $1 AND name = $2";
const LIST_COLLECTIONS: &str = "SELECT name, schema, updated_at FROM collections WHERE tenant_id = $1 ORDER BY name";
const GET: &str = "
    SELECT id, body, revision FROM documents WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const LIST: &str = "
    SELECT id, body, revision
    FROM documents
    WHERE tenant_id = $1 AND collection = $2 AND id > $3
    ORDER BY id
    LIMIT $4";
const REVISIONS: &str = "
    SELECT id, revision
    FROM documents
    WHERE tenant_id = $1 AND collection = $2 AND id > $3
    ORDER BY id
    LIMIT $4";
const REVISION: &str = "SELECT revision FROM documents WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const SIZE: &str = "
    SELECT octet_length(id) + octet_length(body)
    FROM documents
    WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const PUT: &str = "
    INSERT INTO documents (tenant_id, collection, id, revision, updated_at, body)
    VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (tenant_id, collection, id)
    DO UPDATE SET revision = excluded.revision, updated_at = excluded.updated_at, body = excluded.body";

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name, which is the service's.
    pub name: String,
    /// The JSON Schema of its documents.
    pub schema: String,
    /// When it was made or last changed.
    pub updated_at: UnixMillis,
}

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

/// What a read of a part of a collection found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentRange {
    /// The documents, by id.
    pub documents: Vec<Document>,
    /// What the check at commit compares: a digest over ids, revisions and `more`.
    pub digest: [u8; 32],
    /// Whether there are documents beyond these.
    pub more: bool,
}

/// Which documents a list asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentQuery {
    /// The collection.
    pub collection: String,
    /// The id after which the page begins.
    pub after: Option<String>,
    /// The most documents of the page.
    pub limit: u32,
}

impl Collection {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { name: row.get("name")?, schema: row.get("schema")?, updated_at: millis(row, "updated_at")? })
    }
}

impl Document {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self { id: row.get("id")?, body: row.get("body")?, revision: row.get("revision")? })
    }
}

impl Database {
    /// Make a collection, or change its schema; documents that are there stay as they are.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] for an unknown tenant.
    pub async fn put_collection(
        &self,
        tenant: TenantId,
        name: String,
        schema: String,
        now: UnixMillis,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let mut statement = work.connection.prepare_cached(PUT_COLLECTION)?;
            statement.execute(params![tenant.to_string(), name, schema, now.0])?;
            Ok(())
        })
        .await
    }

    /// One collection; `None` where the tenant has none of that name.
    pub fn collection(&self, tenant: TenantId, name: &str) -> Result<Option<Collection>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET_COLLECTION)?;
            Ok(statement.query_row([tenant.to_string().as_str(), name], Collection::from_row).optional()?)
        })
    }

    /// Every collection of the tenant, by name.
    pub fn list_collections(&self, tenant: TenantId) -> Result<Vec<Collection>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST_COLLECTIONS)?;
            let rows = statement.query_map([tenant.to_string()], Collection::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Collection>>>()?)
        })
    }

    /// Write a document whole, outside of any execution; answers its revision.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where there is no such collection.
    pub async fn put_document(
        &self,
        tenant: TenantId,
        collection: String,
        id: String,
        body: String,
        now: UnixMillis,
    ) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            let tenant = tenant.to_string();
            let mut size = work.connection.prepare_cached(SIZE)?;
            let old: Option<i64> = size.query_row([&tenant, &collection, &id], |row| row.get(0)).optional()?;
            let mut put = work.connection.prepare_cached(PUT)?;
            put.execute(params![tenant, collection, id, work.revision, now.0, body])?;
            let growth = bytes(id.len() + body.len()) - old.unwrap_or(0);
            let mut add = work.connection.prepare_cached(ADD_STORED_BYTES)?;
            add.query_row(params![growth, tenant], |_| Ok(()))?;
            Ok(work.revision)
        })
        .await
    }

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

    /// A page of a collection, by id.
    pub fn document_list(&self, tenant: TenantId, query: &DocumentQuery) -> Result<DocumentRange, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map(query.parameters(tenant), Document::from_row)?;
            let mut documents = bounded(rows, |document| document.id.len() + document.body.len())?;
            let more = query.cut(&mut documents);
            let digest = digest(documents.iter().map(|document| (document.id.as_str(), document.revision)), more);
            Ok(DocumentRange { documents, digest, more })
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
    let mut statement = connection.prepare_cached(REVISIONS)?;
    let rows = statement.query_map(query.parameters(tenant), |row| Ok((row.get(0)?, row.get(1)?)))?;
    let mut documents = rows.collect::<rusqlite::Result<Vec<(String, i64)>>>()?;
    let more = query.cut(&mut documents);
    Ok(digest(documents.iter().map(|(id, revision)| (id.as_str(), *revision)), more))
}

impl DocumentQuery {
    fn parameters(&self, tenant: TenantId) -> (String, &str, &str, i64) {
        (tenant.to_string(), &self.collection, self.after.as_deref().unwrap_or(""), i64::from(self.limit) + 1)
    }

    /// Cut what was fetched to the page; answers whether there is more.
    fn cut<T>(&self, fetched: &mut Vec<T>) -> bool {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = fetched.len() > limit;
        fetched.truncate(limit);
        more
    }
}
