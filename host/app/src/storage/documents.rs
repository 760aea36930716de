//! Documents of collections as people and their programs read and change them: the same documents that scripts have
//! through the service of the collection's name, by the same schema and filters.

use database::{DatabaseError, DocumentChange, DocumentEdit, DocumentWrite};
use domain::{AuditAction, Invalid, Permission, Principal, TenantId, UnixMillis};
use serde_json::{Map, Value, value::RawValue};

use super::StorageService;
use crate::{
    AppError,
    capabilities::collections::{AskedDocuments, DocumentList, document_body},
    collections::CollectionSchema,
};

/// Which documents to list.
#[derive(Clone, Debug, Default)]
pub struct DocumentsQuery {
    /// What each fulfils, as in a script's `list`.
    pub filter: Map<String, Value>,
    /// The field that they are sorted by, with `-` in front for the greatest first; the id where nothing is said.
    pub sort: Option<String>,
    /// Where the page before ended.
    pub cursor: Option<String>,
    /// The most documents of the page.
    pub limit: u32,
}

/// A document with its revision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDocument {
    /// Its id, unique in the collection.
    pub id: String,
    /// The revision of the write that it is from.
    pub revision: i64,
    /// The document, as JSON.
    pub body: String,
}

/// A page of documents.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentsPage {
    /// The documents; fewer than asked for where they are large.
    pub documents: Vec<StoredDocument>,
    /// Where the next page begins; `None` where there is nothing more.
    pub next: Option<String>,
}

impl StorageService {
    /// A page of a collection's documents. Needs `storage.read`.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown collection; [`AppError::Invalid`] for a filter, sort or cursor that no list of a
    /// script's may have either, and for a filter that looks at too much.
    pub fn documents(
        &self,
        principal: &Principal,
        collection: &str,
        query: DocumentsQuery,
    ) -> Result<DocumentsPage, AppError> {
        principal.require(Permission::StorageRead)?;
        let schema = self.schema(principal.tenant, collection)?;
        let DocumentsQuery { filter, sort, cursor, limit } = query;
        let list = DocumentList { filter, sort, cursor, limit };
        let mut asked = AskedDocuments::read(collection, &schema, list)?;
        let range = loop {
            match self.inner.database.document_list(principal.tenant, &asked.query, |_| false) {
                // A page has as many as fit.
                Err(DatabaseError::TooLarge { .. }) if asked.query.limit > 1 => asked.query.limit /= 2,
                Err(DatabaseError::TooSlow) => {
                    let message = "the list takes too long: use a filter that finds less, or another sort";
                    return Err(Invalid::new("filter", message).into());
                }
                found => break found?,
            }
        };
        let last = range.documents.last().filter(|_| range.more);
        let next = last.map(|document| asked.cursor(&document.position)).transpose()?;
        let documents = range.documents.into_iter().map(|document| StoredDocument {
            id: document.position.id,
            revision: document.revision,
            body: document.body,
        });
        Ok(DocumentsPage { documents: documents.collect(), next })
    }

    /// One document. Needs `storage.read`.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn document(&self, principal: &Principal, collection: &str, id: &str) -> Result<StoredDocument, AppError> {
        principal.require(Permission::StorageRead)?;
        let found = self.inner.database.document_get(principal.tenant, collection, id)?;
        let found = found.ok_or(AppError::NotFound { what: "document" })?;
        Ok(StoredDocument { id: found.id, revision: found.revision, body: found.body })
    }

    /// Keep a document, in place of the one that the revision `expected` is of, where it is said. Needs `storage.write`.
    ///
    /// # Errors
    /// [`AppError::NotFound`] for an unknown collection; [`AppError::Invalid`] for a document that does not fit its schema;
    /// [`AppError::Stale`] with the revision there is, 0 for none; [`AppError::Quota`].
    pub async fn put_document(
        &self,
        principal: &Principal,
        (collection, id): (&str, &str),
        document: &RawValue,
        expected: Option<i64>,
    ) -> Result<StoredDocument, AppError> {
        principal.require(Permission::StorageWrite)?;
        let schema = self.schema(principal.tenant, collection)?;
        let change = document_body(&schema, id, document)?;
        let body = match &change {
            DocumentChange::Put { body, .. } => body.clone(),
            DocumentChange::Delete => String::new(),
        };
        let write = DocumentWrite { collection: collection.to_owned(), id: id.to_owned(), change };
        let revision = self.edit(principal, AuditAction::StorageWrite, write, expected).await?;
        Ok(StoredDocument { id: id.to_owned(), revision, body })
    }

    /// Remove a document, where it is still the one of the revision `expected`, if that is said. Needs `storage.write`.
    ///
    /// # Errors
    /// [`AppError::NotFound`]; [`AppError::Stale`].
    pub async fn delete_document(
        &self,
        principal: &Principal,
        (collection, id): (&str, &str),
        expected: Option<i64>,
    ) -> Result<(), AppError> {
        principal.require(Permission::StorageWrite)?;
        let change = DocumentChange::Delete;
        let write = DocumentWrite { collection: collection.to_owned(), id: id.to_owned(), change };
        self.edit(principal, AuditAction::StorageDelete, write, expected).await.map(|_| ())
    }

    async fn edit(
        &self,
        principal: &Principal,
        action: AuditAction,
        write: DocumentWrite,
        expected: Option<i64>,
    ) -> Result<i64, AppError> {
        let tenant = principal.tenant;
        let limit_bytes = self.inner.quotas(&self.inner.database.tenant(tenant)?).storage_bytes;
        // Not before whoever has the lane for himself: his run has no further repeat.
        let _lane = self.inner.lanes.shared(tenant).await;
        let audited = self.inner.audited(principal, action, format!("{}/{}", write.collection, write.id));
        let edit = DocumentEdit { write, expected, limit_bytes, now: UnixMillis::now() };
        audited.edit_document(tenant, edit).await.map_err(|error| AppError::missing("document", error))
    }

    fn schema(&self, tenant: TenantId, collection: &str) -> Result<CollectionSchema, AppError> {
        let found = self.inner.database.collection(tenant, collection)?;
        let found = found.ok_or(AppError::NotFound { what: "collection" })?;
        self.inner.collections.schema(&found.schema)
    }
}
