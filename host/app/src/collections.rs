//! Collections: services whose documents are kept in Skerry's own database (SPEC section 4.5).
//!
//! In here are their schemas and what follows from them: what documents are found by, and which methods there are. The
//! calls themselves are in `capabilities/collections.rs`, inside the execution's transaction.

mod fields;
mod methods;

use std::{collections::BTreeMap, fmt, sync::Arc};

use database::{DocumentChange, DocumentWrite, IndexedDocument, TenantStatus};
use domain::{Permission, Principal, TenantId, TenantSlug, UnixMillis};
use serde_json::Value;

pub(crate) use fields::{Declared, Fields, Scalar, elements_of, field_value};
pub use methods::collection_methods;
pub(crate) use methods::is_read_method;

use crate::{
    App, AppError, AppOpenError, Inner,
    schemas::{Mismatch, Schema, SchemaError},
    services::ServiceMethod,
};

/// The most bytes of a document's id.
pub(crate) const ID_BYTES_MAX: usize = 512;
/// The most bytes of a document.
pub(crate) const DOCUMENT_BYTES_MAX: usize = 1 << 20;

/// Schemas that are kept parsed: more than a deployment has different ones.
const SCHEMAS_KEPT: u64 = 1_000;
/// Tenants that are read at once.
pub(crate) const TENANTS_AT_ONCE: u32 = 100;
/// Documents whose fields are made anew in one transaction.
const REINDEXED_AT_ONCE: u32 = 200;

/// The schema of a collection's documents. Clones are the same one.
#[derive(Clone)]
pub struct CollectionSchema(Arc<Parsed>);

struct Parsed {
    text: String,
    schema: Schema,
    fields: Fields,
    /// Whether the schema speaks of the id; else documents are checked without it.
    has_id: bool,
}

impl CollectionSchema {
    /// Read a schema.
    ///
    /// # Errors
    /// What is wrong with it, for the operator who wrote it.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        let schema = Schema::parse(text)?;
        let root = schema.as_value();
        let requires_id = root["required"].as_array().is_some_and(|names| names.iter().any(|name| name == "id"));
        let has_id = requires_id || root["properties"].get("id").is_some();
        let fields = Fields::declared_by(root)?;
        Ok(Self(Arc::new(Parsed { text: text.to_owned(), fields, schema, has_id })))
    }

    /// The schema as it was written.
    pub fn as_str(&self) -> &str {
        &self.0.text
    }

    /// The schema itself.
    pub fn as_value(&self) -> &Value {
        self.0.schema.as_value()
    }

    pub(crate) fn fields(&self) -> &Fields {
        &self.0.fields
    }

    /// Check a document, which has its id.
    pub(crate) fn check(&self, document: &Value) -> Result<(), Mismatch> {
        match document {
            Value::Object(members) if !self.0.has_id => {
                let mut members = members.clone();
                members.remove("id");
                self.0.schema.check(&Value::Object(members))
            }
            document => self.0.schema.check(document),
        }
    }
}

impl fmt::Debug for CollectionSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CollectionSchema").field(&self.0.text).finish()
    }
}

/// The collections that the operator configured, and every schema that was read so far.
pub(crate) struct Collections {
    configured: BTreeMap<String, CollectionSchema>,
    parsed: moka::sync::Cache<[u8; 32], CollectionSchema>,
}

impl Collections {
    /// With the schemas of the configured ones, by their names.
    pub(crate) fn new(schemas: &BTreeMap<String, String>) -> Result<Self, AppOpenError> {
        let read = |(name, text): (&String, &String)| match CollectionSchema::parse(text) {
            Ok(schema) => Ok((name.clone(), schema)),
            Err(source) => Err(AppOpenError::CollectionSchema { name: name.clone(), source }),
        };
        let configured = schemas.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Self { configured, parsed: moka::sync::Cache::new(SCHEMAS_KEPT) })
    }

    /// The schema that is stored with a collection.
    pub(crate) fn schema(&self, text: &str) -> Result<CollectionSchema, AppError> {
        let digest = blake3::hash(text.as_bytes()).into();
        let parsed = self.parsed.try_get_with(digest, || CollectionSchema::parse(text));
        parsed.map_err(|error| AppError::internal(error.as_ref().clone()))
    }

    pub(crate) fn is_configured(&self, name: &str) -> bool {
        self.configured.contains_key(name)
    }
}

impl App {
    /// The tenant's collections, by name, and what there is to call of each.
    ///
    /// # Errors
    /// [`AppError::Forbidden`] without `scripts.read`.
    pub fn collections(&self, principal: &Principal) -> Result<Vec<(String, Vec<ServiceMethod>)>, AppError> {
        principal.require(Permission::ScriptsRead)?;
        let collections = self.inner.database.list_collections(principal.tenant)?;
        let described = collections.into_iter().map(|collection| {
            let schema = self.inner.collections.schema(&collection.schema)?;
            Ok((collection.name, collection_methods(&schema)))
        });
        described.collect()
    }
}

impl Inner {
    /// As [`Self::ensure_collections`], for every tenant that is not deleted.
    pub(crate) async fn ensure_all_collections(&self) -> Result<(), AppError> {
        let mut after: Option<TenantSlug> = None;
        loop {
            let tenants = self.database.list_tenants(after.as_ref(), TENANTS_AT_ONCE)?;
            let Some(last) = tenants.last() else { return Ok(()) };
            after = Some(last.slug.clone());
            for tenant in tenants.iter().filter(|tenant| tenant.status != TenantStatus::Deleted) {
                self.ensure_collections(tenant.id).await?;
            }
        }
    }

    /// See that the tenant has every collection that is configured, each with its schema as it is now.
    pub(crate) async fn ensure_collections(&self, tenant: TenantId) -> Result<(), AppError> {
        for (name, schema) in &self.collections.configured {
            self.ensure_collection(tenant, name, schema).await?;
        }
        for collection in self.database.list_collections(tenant)? {
            if !collection.is_indexed {
                let schema = self.collections.schema(&collection.schema)?;
                self.index_collection(tenant, &collection.name, &schema).await?;
            }
        }
        Ok(())
    }

    /// Make a collection, or give it this schema. Documents that are there stay as they are.
    pub(crate) async fn ensure_collection(
        &self,
        tenant: TenantId,
        name: &str,
        schema: &CollectionSchema,
    ) -> Result<(), AppError> {
        let found = self.database.collection(tenant, name)?;
        if found.is_none_or(|found| found.schema != schema.as_str()) {
            let (name, text) = (name.to_owned(), schema.as_str().to_owned());
            self.database.put_collection(tenant, name, text, UnixMillis::now()).await?;
        }
        Ok(())
    }

    /// Write a document outside of any execution. It is the caller's business that it fits the schema.
    pub(crate) async fn put_document(
        &self,
        tenant: TenantId,
        collection: &str,
        schema: &CollectionSchema,
        body: String,
    ) -> Result<(), AppError> {
        let document: Value = serde_json::from_str(&body).map_err(AppError::internal)?;
        let id = document["id"].as_str().unwrap_or_default().to_owned();
        let fields = schema.fields().of(&document).map_err(AppError::internal)?;
        let change = DocumentChange::Put { body, fields };
        let write = DocumentWrite { collection: collection.to_owned(), id, change };
        self.database.write_document(tenant, write, UnixMillis::now()).await?;
        Ok(())
    }

    /// Make every document's fields anew, some at a time.
    async fn index_collection(&self, tenant: TenantId, name: &str, schema: &CollectionSchema) -> Result<(), AppError> {
        let mut after = None;
        loop {
            let ids = self.database.document_ids(tenant, name, after.as_deref(), REINDEXED_AT_ONCE)?;
            let Some(last) = ids.last().cloned() else { break };
            let mut documents = Vec::with_capacity(ids.len());
            for id in &ids {
                let Some(document) = self.database.document_get(tenant, name, id)? else { continue };
                let body: Value = serde_json::from_str(&document.body).map_err(AppError::internal)?;
                // One that has too many elements by a new schema is found by its other fields.
                let fields = schema.fields().of(&body).unwrap_or_else(|_| schema.fields().without_elements(&body));
                documents.push(IndexedDocument { id: document.id, revision: document.revision, fields });
            }
            self.database.index_documents(tenant, name.to_owned(), documents).await?;
            after = Some(last);
        }
        let (name, text) = (name.to_owned(), schema.as_str().to_owned());
        Ok(self.database.set_collection_indexed(tenant, name, text).await?)
    }
}
