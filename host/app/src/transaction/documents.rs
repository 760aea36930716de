//! A run's own documents, as its own reads see them, and those of them that wait for a commit.

use std::collections::{BTreeMap, BTreeSet};

use database::{DocumentChange, DocumentField, DocumentWrite};

/// The last write of the run to each document.
#[derive(Default)]
pub(crate) struct Documents {
    own: BTreeMap<String, BTreeMap<String, OwnDocument>>,
    /// Those that no commit has taken yet, by collection and id.
    waiting: BTreeSet<(String, String)>,
    /// Counts the commits that were begun: a write belongs to the next one.
    commit: u64,
    /// Counts the ids that were made up.
    ids: u64,
}

/// What a run made of one document.
#[derive(Debug)]
pub(crate) struct OwnDocument {
    change: DocumentChange,
    /// The commit that takes it first.
    commit: u64,
}

impl OwnDocument {
    /// Its body, and what it is found by; `None` where the run deleted it.
    pub(crate) fn content(&self) -> Option<(&str, &BTreeSet<DocumentField>)> {
        match &self.change {
            DocumentChange::Put { body, fields } => Some((body, fields)),
            DocumentChange::Delete => None,
        }
    }
}

impl Documents {
    /// The body that the run gave a document: the inner `None` where it deleted it, the outer where it did neither.
    pub(crate) fn get(&self, collection: &str, id: &str) -> Option<Option<&str>> {
        let own = self.own.get(collection)?.get(id)?;
        Some(own.content().map(|(body, _)| body))
    }

    /// The documents of a collection that the run wrote, by id.
    pub(crate) fn of(&self, collection: &str) -> Option<&BTreeMap<String, OwnDocument>> {
        self.own.get(collection)
    }

    /// The number of the next id that is made up: the same in a repeat of the run.
    pub(crate) fn next_id(&mut self) -> u64 {
        self.ids += 1;
        self.ids
    }

    /// How many documents wait for a commit.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub(crate) fn write(&mut self, collection: &str, id: &str, change: DocumentChange) {
        let own = OwnDocument { change, commit: self.commit };
        self.own.entry(collection.to_owned()).or_default().insert(id.to_owned(), own);
        self.waiting.insert((collection.to_owned(), id.to_owned()));
    }

    /// The writes for a commit, those of a collection together; and the commit's number.
    pub(crate) fn take(&mut self) -> (Vec<DocumentWrite>, u64) {
        let commit = self.commit;
        self.commit += 1;
        let waiting = std::mem::take(&mut self.waiting);
        let writes = waiting.into_iter().filter_map(|(collection, id)| {
            let change = self.own.get(&collection)?.get(&id)?.change.clone();
            Some(DocumentWrite { collection, id, change })
        });
        (writes.collect(), commit)
    }

    /// These writes have become durable: the database shows them from now on.
    pub(crate) fn forget(&mut self, writes: &[DocumentWrite], commit: u64) {
        for DocumentWrite { collection, id, .. } in writes {
            if let Some(documents) = self.own.get_mut(collection)
                && documents.get(id).is_some_and(|own| own.commit <= commit)
            {
                documents.remove(id);
            }
        }
    }

    /// These writes were not committed: they wait for the next commit, but for documents that were written again since.
    pub(crate) fn put_back(&mut self, writes: Vec<DocumentWrite>, commit: u64) {
        for DocumentWrite { collection, id, .. } in writes {
            let own = self.own.get(&collection).and_then(|documents| documents.get(&id));
            if own.is_some_and(|own| own.commit <= commit) {
                self.waiting.insert((collection, id));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(body: &str) -> DocumentChange {
        DocumentChange::Put { body: body.to_owned(), fields: BTreeSet::new() }
    }

    fn bodies(writes: &[DocumentWrite]) -> Vec<(&str, &DocumentChange)> {
        writes.iter().map(|write| (write.id.as_str(), &write.change)).collect()
    }

    #[test]
    fn a_document_that_is_written_twice_is_committed_once() {
        let mut documents = Documents::default();
        documents.write("c", "1", put("{\"n\":1}"));
        documents.write("c", "1", put("{\"n\":2}"));
        documents.write("c", "2", DocumentChange::Delete);
        let (writes, _) = documents.take();
        assert_eq!(bodies(&writes), [("1", &put("{\"n\":2}")), ("2", &DocumentChange::Delete)]);
        assert_eq!(documents.waiting(), 0);
        assert_eq!(documents.get("c", "2"), Some(None));
    }

    #[test]
    fn what_became_durable_is_read_from_the_database_again() {
        let mut documents = Documents::default();
        documents.write("c", "1", put("{}"));
        let (writes, commit) = documents.take();
        documents.write("c", "2", put("{}"));
        documents.forget(&writes, commit);
        assert_eq!((documents.get("c", "1"), documents.get("c", "2")), (None, Some(Some("{}"))));
    }

    #[test]
    fn what_was_not_committed_waits_again_unless_it_was_written_since() {
        let mut documents = Documents::default();
        documents.write("c", "1", put("{\"n\":1}"));
        documents.write("c", "2", put("{\"n\":1}"));
        let (refused, first) = documents.take();
        documents.write("c", "1", put("{\"n\":2}"));
        let (later, second) = documents.take();
        documents.forget(&later, second);
        documents.put_back(refused, first);
        assert_eq!(bodies(&documents.take().0), [("2", &put("{\"n\":1}"))]);
    }
}
