//! A document as people and their programs change it, outside of any execution.

use domain::{TenantId, UnixMillis};

use super::{DocumentChange, DocumentWrite, collection_revision, revision};
use crate::{Database, DatabaseError, commits::write_document};

/// A write to a document that somebody saw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DocumentEdit {
    /// The write.
    pub write: DocumentWrite,
    /// The revision that was seen; `None` where it does not matter.
    pub expected: Option<i64>,
    /// The tenant's storage may not grow beyond this.
    pub limit_bytes: u64,
    /// When.
    pub now: UnixMillis,
}

impl Database {
    /// Write a document, or remove it; answers the revision of that. Executions that read it and go on are repeated, as
    /// after any other write.
    ///
    /// # Errors
    /// [`DatabaseError::Stale`] where another revision was expected, 0 where there is none; [`DatabaseError::NotFound`]
    /// where there is no such collection, or what is to be removed is not there; [`DatabaseError::StorageLimit`].
    pub async fn edit_document(&self, tenant: TenantId, edit: DocumentEdit) -> Result<i64, DatabaseError> {
        self.write(move |work| {
            let DocumentWrite { collection, id, change } = &edit.write;
            collection_revision(work.connection, tenant, collection)?.ok_or(DatabaseError::NotFound)?;
            match (edit.expected, revision(work.connection, tenant, collection, id)?) {
                (Some(expected), current) if current != Some(expected) => {
                    Err(DatabaseError::Stale { current: current.unwrap_or(0) })
                }
                (_, None) if *change == DocumentChange::Delete => Err(DatabaseError::NotFound),
                _ => {
                    write_document(work, tenant, edit.write, (edit.limit_bytes, edit.now))?;
                    Ok(work.revision)
                }
            }
        })
        .await
    }
}
