//! Writing documents, with the fields that they are found by and the bytes that they count.

use std::collections::BTreeSet;

use domain::{TenantId, UnixMillis};
use rusqlite::{Connection, OptionalExtension, params};

use super::collections::touch;
use crate::{Database, DatabaseError, rows::bytes, storage::ADD_STORED_BYTES};

const STORED_BYTES: &str = "
    SELECT stored_bytes FROM documents WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const PUT: &str = "
    INSERT INTO documents (tenant_id, collection, id, revision, updated_at, body, stored_bytes)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (tenant_id, collection, id)
    DO UPDATE SET revision = excluded.revision, updated_at = excluded.updated_at, body = excluded.body,
                  stored_bytes = excluded.stored_bytes";
const DELETE: &str = "DELETE FROM documents WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const INSERT_FIELD: &str = "
    INSERT INTO document_fields (tenant_id, collection, id, field, value) VALUES ($1, $2, $3, $4, $5)";
const DELETE_FIELDS: &str = "DELETE FROM document_fields WHERE tenant_id = $1 AND collection = $2 AND id = $3";
const BODY_BYTES: &str = "
    SELECT octet_length(id) + octet_length(body)
    FROM documents
    WHERE tenant_id = $1 AND collection = $2 AND id = $3 AND revision = $4";
const SET_STORED_BYTES: &str = "
    UPDATE documents SET stored_bytes = $1 WHERE tenant_id = $2 AND collection = $3 AND id = $4";

/// One write to one document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentWrite {
    /// The collection.
    pub collection: String,
    /// The id.
    pub id: String,
    /// What happens to the document.
    pub change: DocumentChange,
}

/// What happens to a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DocumentChange {
    /// It is this from now on.
    Put {
        /// A JSON object.
        body: String,
        /// What it is found by.
        fields: BTreeSet<DocumentField>,
    },
    /// It is gone.
    Delete,
}

/// A field that a document is found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DocumentField {
    /// Its name, as queries have it.
    pub name: String,
    /// The key of its value: [`crate::FieldValue::key`].
    pub key: String,
}

/// A document's fields, made anew after its collection's schema has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexedDocument {
    /// The id.
    pub id: String,
    /// The revision that the fields were read from; a document that has another by now is left alone.
    pub revision: i64,
    /// What it is found by.
    pub fields: BTreeSet<DocumentField>,
}

impl Database {
    /// Write a document, outside of any execution; answers its revision.
    ///
    /// # Errors
    /// [`DatabaseError::NotFound`] where there is no such collection.
    pub async fn write_document(
        &self,
        tenant: TenantId,
        write: DocumentWrite,
        now: UnixMillis,
    ) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            let tenant = tenant.to_string();
            let growth = apply(work.connection, &tenant, &[write], work.revision, now)?;
            let mut add = work.connection.prepare_cached(ADD_STORED_BYTES)?;
            add.query_row(params![growth, tenant], |_| Ok(()))?;
            Ok(work.revision)
        })
        .await
    }

    /// Replace the fields of documents, whose bodies stay as they are.
    pub async fn index_documents(
        &self,
        tenant: TenantId,
        collection: String,
        documents: Vec<IndexedDocument>,
    ) -> Result<(), DatabaseError> {
        self.write(move |work| {
            let tenant = tenant.to_string();
            let mut growth = 0;
            for document in &documents {
                growth += index(work.connection, &tenant, &collection, document)?;
            }
            let mut add = work.connection.prepare_cached(ADD_STORED_BYTES)?;
            add.query_row(params![growth, tenant], |_| Ok(()))?;
            Ok(())
        })
        .await
    }
}

/// Apply writes; answers by how many bytes the storage grew.
pub(crate) fn apply(
    connection: &Connection,
    tenant: &str,
    writes: &[DocumentWrite],
    revision: i64,
    now: UnixMillis,
) -> Result<i64, DatabaseError> {
    let mut growth = 0;
    let mut touched = "";
    for DocumentWrite { collection, id, change } in writes {
        if collection != touched {
            touch(connection, tenant, collection, revision)?;
            touched = collection;
        }
        let key = [tenant, collection, id];
        let mut stored = connection.prepare_cached(STORED_BYTES)?;
        let old: Option<i64> = stored.query_row(key, |row| row.get(0)).optional()?;
        if old.is_some() {
            connection.prepare_cached(DELETE_FIELDS)?.execute(key)?;
        }
        growth -= old.unwrap_or(0);
        match change {
            DocumentChange::Delete => {
                connection.prepare_cached(DELETE)?.execute(key)?;
            }
            DocumentChange::Put { body, fields } => {
                let size = bytes(id.len() + body.len()) + field_bytes(id, fields);
                let mut put = connection.prepare_cached(PUT)?;
                put.execute(params![tenant, collection, id, revision, now.0, body, size])?;
                insert_fields(connection, key, fields)?;
                growth += size;
            }
        }
    }
    Ok(growth)
}

fn index(
    connection: &Connection,
    tenant: &str,
    collection: &str,
    IndexedDocument { id, revision, fields }: &IndexedDocument,
) -> Result<i64, DatabaseError> {
    let key = [tenant, collection, id.as_str()];
    let mut body = connection.prepare_cached(BODY_BYTES)?;
    let parameters = params![tenant, collection, id, revision];
    let Some(body): Option<i64> = body.query_row(parameters, |row| row.get(0)).optional()? else { return Ok(0) };
    let old: i64 = connection.prepare_cached(STORED_BYTES)?.query_row(key, |row| row.get(0))?;
    let size = body + field_bytes(id, fields);
    connection.prepare_cached(SET_STORED_BYTES)?.execute(params![size, tenant, collection, id])?;
    connection.prepare_cached(DELETE_FIELDS)?.execute(key)?;
    insert_fields(connection, key, fields)?;
    Ok(size - old)
}

fn insert_fields(
    connection: &Connection,
    [tenant, collection, id]: [&str; 3],
    fields: &BTreeSet<DocumentField>,
) -> Result<(), DatabaseError> {
    let mut insert = connection.prepare_cached(INSERT_FIELD)?;
    for DocumentField { name, key } in fields {
        insert.execute([tenant, collection, id, name, key])?;
    }
    Ok(())
}

/// What the fields count: a short document with many of them is not small.
fn field_bytes(id: &str, fields: &BTreeSet<DocumentField>) -> i64 {
    bytes(fields.iter().map(|field| id.len() + field.name.len() + field.key.len()).sum())
}
