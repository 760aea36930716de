//! Collections: their names, their schemas, and whether their documents' fields follow the schema.

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::{Database, DatabaseError, rows::millis};

const PUT: &str = "
    INSERT INTO collections (tenant_id, name, schema, updated_at, revision, is_indexed)
    VALUES ($1, $2, $3, $4, $5, TRUE)
    ON CONFLICT (tenant_id, name)
    DO UPDATE SET schema = excluded.schema, updated_at = excluded.updated_at, revision = excluded.revision,
                  is_indexed = collections.is_indexed AND collections.schema = excluded.schema";
const GET: &str = "
    SELECT name, schema, updated_at, revision, is_indexed FROM collections WHERE tenant_id = $1 AND name = $2";
const LIST: &str = "
    SELECT name, schema, updated_at, revision, is_indexed FROM collections WHERE tenant_id = $1 ORDER BY name";
const REVISION: &str = "SELECT revision FROM collections WHERE tenant_id = $1 AND name = $2";
const TOUCH: &str = "UPDATE collections SET revision = $1 WHERE tenant_id = $2 AND name = $3";
const SET_INDEXED: &str = "
    UPDATE collections SET is_indexed = TRUE WHERE tenant_id = $1 AND name = $2 AND schema = $3";

/// A collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collection {
    /// Its name, which is the service's.
    pub name: String,
    /// The JSON Schema of its documents.
    pub schema: String,
    /// When it was made or last changed.
    pub updated_at: UnixMillis,
    /// The revision of the last change to its schema or to any of its documents.
    pub revision: i64,
    /// Whether every document's fields are kept as the schema has them; else [`Database::index_documents`] is due.
    pub is_indexed: bool,
}

impl Collection {
    fn from_row(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            name: row.get("name")?,
            schema: row.get("schema")?,
            updated_at: millis(row, "updated_at")?,
            revision: row.get("revision")?,
            is_indexed: row.get("is_indexed")?,
        })
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
            let mut statement = work.connection.prepare_cached(PUT)?;
            statement.execute(params![tenant.to_string(), name, schema, now.0, work.revision])?;
            Ok(())
        })
        .await
    }

    /// One collection; `None` where the tenant has none of that name.
    pub fn collection(&self, tenant: TenantId, name: &str) -> Result<Option<Collection>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(GET)?;
            Ok(statement.query_row([tenant.to_string().as_str(), name], Collection::from_row).optional()?)
        })
    }

    /// Every collection of the tenant, by name.
    pub fn list_collections(&self, tenant: TenantId) -> Result<Vec<Collection>, DatabaseError> {
        self.read(|connection| {
            let mut statement = connection.prepare_cached(LIST)?;
            let rows = statement.query_map([tenant.to_string()], Collection::from_row)?;
            Ok(rows.collect::<rusqlite::Result<Vec<Collection>>>()?)
        })
    }

    /// Say that every document's fields are kept as `schema` has them. Says nothing where the schema is another by now.
    pub async fn set_collection_indexed(
        &self,
        tenant: TenantId,
        name: String,
        schema: String,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            work.connection.prepare_cached(SET_INDEXED)?.execute(params![tenant.to_string(), name, schema])?;
            Ok(())
        })
        .await
    }
}

/// The revision of the last change in a collection; `None` where there is no such collection.
pub(crate) fn revision(connection: &Connection, tenant: TenantId, name: &str) -> Result<Option<i64>, DatabaseError> {
    let mut statement = connection.prepare_cached(REVISION)?;
    Ok(statement.query_row([tenant.to_string().as_str(), name], |row| row.get(0)).optional()?)
}

/// Note that documents of a collection are changed at `revision`.
pub(super) fn touch(connection: &Connection, tenant: &str, name: &str, revision: i64) -> Result<(), DatabaseError> {
    let changed = connection.prepare_cached(TOUCH)?.execute(params![revision, tenant, name])?;
    if changed == 1 { Ok(()) } else { Err(DatabaseError::NotFound) }
}
