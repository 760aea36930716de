//! An execution as a transaction: what it read, what it wants to write, and its own view of both (SPEC 2.2).
//!
//! Nothing in here changes the database until the run is over, or says `storage.commit()`.

mod documents;
mod overlay;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use database::{
    CommitResult, Database, DatabaseError, DocumentChange, DocumentRangeRead, DocumentRead, Effects, EntryRead, Lease,
    OutboxEvent, PartialCommit, PublishBounds, ReadSet, StorageChange, StorageRangeRead, StorageWrite,
};
use domain::{TenantId, UnixMillis};
use runtime::{Answer, CallError};
use tokio::{sync::oneshot, task::JoinHandle};

pub(crate) use documents::{Documents, OwnDocument};
pub(crate) use overlay::{Local, Overlay};

/// The most buffered writes and events of one execution: what a commit may hold the writer for.
const WRITES_MAX: usize = 10_000;
/// The most buffered events of one execution.
const EVENTS_MAX: usize = 1_000;

/// The most different lists that a commit checks.
const RANGES_MAX: usize = 500;
/// The most entries and documents of these lists together: checking them keeps the writer for some 30 ms.
const RANGE_ROWS_MAX: usize = 100_000;

/// A transaction, shared by the run's host interfaces and whoever commits it.
#[derive(Clone)]
pub(crate) struct Transaction(Arc<Mutex<Buffer>>);

/// What a run has read and buffered since it began, or since its last `storage.commit()`.
#[derive(Default)]
pub(crate) struct Buffer {
    pub(crate) reads: ReadSet,
    /// The keys in `reads`, to find them at once.
    read_keys: HashSet<String>,
    /// The same for documents, by collection and id.
    read_documents: HashSet<(String, String)>,
    /// Rows of the lists in `reads`.
    range_rows: usize,
    /// The lists that commits under way have taken. They count, because they come back where a commit is refused.
    under_way: Lists,
    pub(crate) overlay: Overlay,
    pub(crate) documents: Documents,
    writes: Vec<StorageWrite>,
    events: Vec<OutboxEvent>,
    /// Whether `storage.commit()` made something durable, after which the run cannot be repeated.
    pub(crate) has_committed: bool,
    /// What `storage.commit()` found changed.
    pub(crate) stale: Option<String>,
    /// Commits that were begun by `storage.commit()`.
    commits: Vec<JoinHandle<()>>,
    /// Events of the whole execution: their ids are counted from here.
    events_published: usize,
}

/// How many lists there are, and rows of them.
#[derive(Clone, Copy, Default)]
struct Lists {
    lists: usize,
    rows: usize,
}

/// What a commit took: enough to put it back.
struct Taken {
    effects: Effects,
    /// The number of the commit of documents.
    documents: u64,
    lists: Lists,
}

impl Transaction {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new(Buffer::default())))
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Buffer> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begin to make what is buffered so far durable. The write goes on where nobody waits for it, and the end of the
    /// run waits for it: whether the run can be repeated depends on it.
    pub(crate) fn commit_so_far(
        &self,
        database: Database,
        lease: Lease,
        now: UnixMillis,
        bounds: PublishBounds,
    ) -> impl Future<Output = CallOutcome> + Send + 'static {
        let taken = self.lock().take(bounds);
        let transaction = self.clone();
        let written = tokio::spawn(async move {
            let effects = taken.effects.clone();
            let result = database.commit_storage(PartialCommit { lease, effects, now }).await;
            transaction.lock().settle(result, taken, lease)
        });
        let (sender, receiver) = oneshot::channel();
        self.lock().commits.push(tokio::spawn(async move {
            let outcome = written.await.unwrap_or_else(|_| Err(not_written()));
            // Nobody waits any more where the run has ended.
            let _ = sender.send(outcome);
        }));
        async move { receiver.await.unwrap_or_else(|_| Err(not_written())) }
    }

    /// Wait for every commit that was begun.
    pub(crate) async fn settled(&self) {
        let commits = std::mem::take(&mut self.lock().commits);
        for commit in commits {
            let _ = commit.await;
        }
    }
}

fn not_written() -> CallError {
    CallError::Unavailable(String::from("storage.commit: the storage takes no writes at the moment"))
}

/// What a host call answers.
pub(crate) type CallOutcome = Result<Answer, CallError>;

/// The words for a tenant's full storage.
pub(crate) fn storage_full(limit_bytes: u64) -> String {
    format!(
        "the quota 'storage_bytes' of {limit_bytes} bytes is used up, by stored values, documents, and events with their \
         deliveries and dead letters"
    )
}

/// The words for more events than may be pending.
pub(crate) fn events_full(limit: u64) -> String {
    format!(
        "the quota 'pending_events' of {limit} is used up: so many events wait for their subscriptions to be looked for"
    )
}

impl Buffer {
    /// Take into account what became of a commit. What was not committed is put back, before what came later: it counts
    /// at the next commit, or fails the run there.
    fn settle(&mut self, result: Result<CommitResult, DatabaseError>, taken: Taken, lease: Lease) -> CallOutcome {
        let is_committed = matches!(result, Ok(CommitResult::Committed { .. }));
        self.under_way.lists -= taken.lists.lists;
        self.under_way.rows -= taken.lists.rows;
        if is_committed {
            self.has_committed = true;
            self.overlay.forget(taken.effects.writes.len());
            self.documents.forget(&taken.effects.documents, taken.documents);
        } else {
            self.put_back(taken);
        }
        Err(match result {
            Ok(CommitResult::Committed { .. }) => return Ok(Answer::Nothing),
            Ok(CommitResult::Conflict { what }) => {
                let message = format!("storage.commit: {what} was changed meanwhile");
                self.stale = Some(what);
                CallError::Conflict(message)
            }
            Ok(CommitResult::NotANumber { key }) => {
                CallError::InvalidArgument(format!("storage.commit: the value of '{key}' is no number to add to"))
            }
            Ok(CommitResult::StorageFull { limit_bytes }) => CallError::Quota(storage_full(limit_bytes)),
            Ok(CommitResult::EventsFull { limit }) => CallError::Quota(events_full(limit)),
            Ok(CommitResult::AlreadyEnded) => {
                CallError::Conflict(String::from("storage.commit: the execution was ended meanwhile"))
            }
            Err(error) => {
                tracing::error!(tenant.id = %lease.tenant, execution.id = %lease.execution, %error, "a commit failed");
                not_written()
            }
        })
    }

    fn put_back(&mut self, Taken { mut effects, documents, lists }: Taken) {
        let rows = lists.rows + self.range_rows;
        self.documents.put_back(std::mem::take(&mut effects.documents), documents);
        let later = self.take_reads();
        effects.checks.entries.extend(later.entries);
        effects.checks.ranges.extend(later.ranges);
        effects.checks.documents.extend(later.documents);
        effects.checks.document_ranges.extend(later.document_ranges);
        effects.writes.append(&mut self.writes);
        effects.events.append(&mut self.events);
        self.reads = effects.checks;
        self.read_keys = self.reads.entries.iter().map(|read| read.key.clone()).collect();
        self.read_documents =
            self.reads.documents.iter().map(|read| (read.collection.clone(), read.id.clone())).collect();
        self.range_rows = rows;
        self.writes = effects.writes;
        self.events = effects.events;
    }

    /// Everything that the run read and wants to change; nothing is left behind.
    pub(crate) fn take_effects(&mut self, bounds: PublishBounds) -> Effects {
        self.take(bounds).effects
    }

    /// The same, for a commit that can be put back.
    fn take(&mut self, bounds: PublishBounds) -> Taken {
        let (documents, commit) = self.documents.take();
        let lists = Lists { lists: self.reads.ranges.len() + self.reads.document_ranges.len(), rows: self.range_rows };
        self.under_way.lists += lists.lists;
        self.under_way.rows += lists.rows;
        let effects = Effects {
            checks: self.take_reads(),
            writes: std::mem::take(&mut self.writes),
            documents,
            events: std::mem::take(&mut self.events),
            storage_limit_bytes: Some(bounds.storage_bytes),
            pending_events_limit: Some(bounds.pending_events),
        };
        Taken { effects, documents: commit, lists }
    }

    /// What the run read, without what it wanted to change: for one that failed.
    pub(crate) fn take_checks(&mut self) -> Effects {
        Effects { checks: self.take_reads(), ..Effects::default() }
    }

    fn take_reads(&mut self) -> ReadSet {
        self.read_keys.clear();
        self.read_documents.clear();
        self.range_rows = 0;
        std::mem::take(&mut self.reads)
    }

    pub(crate) fn read_entry(&mut self, key: &str, revision: Option<i64>) {
        if self.read_keys.insert(key.to_owned()) {
            self.reads.entries.push(EntryRead { key: key.to_owned(), revision });
        }
    }

    /// Note a list of so many rows. One that was made before, with the same outcome, is checked once: entries that have
    /// expired between the two would have shown.
    pub(crate) fn read_range(&mut self, read: StorageRangeRead, rows: usize) -> Result<(), CallError> {
        let is_known = self.reads.ranges.iter().any(|known| {
            let (one, other) = (&known.query, &read.query);
            let is_same = (&one.prefix, &one.after, one.limit) == (&other.prefix, &other.after, other.limit);
            is_same && known.digest == read.digest
        });
        if !is_known {
            self.count_range(rows)?;
            self.reads.ranges.push(read);
        }
        Ok(())
    }

    pub(crate) fn read_document(&mut self, read: DocumentRead) {
        if self.read_documents.insert((read.collection.clone(), read.id.clone())) {
            self.reads.documents.push(read);
        }
    }

    /// As [`Self::read_range`]. Of two lists with the same outcome the first knows the older state of the collection.
    pub(crate) fn read_documents(&mut self, read: DocumentRangeRead, rows: usize) -> Result<(), CallError> {
        let is_known =
            self.reads.document_ranges.iter().any(|known| known.query == read.query && known.digest == read.digest);
        if !is_known {
            self.count_range(rows)?;
            self.reads.document_ranges.push(read);
        }
        Ok(())
    }

    fn count_range(&mut self, rows: usize) -> Result<(), CallError> {
        let lists = self.reads.ranges.len() + self.reads.document_ranges.len() + 1;
        let rows = self.range_rows + rows;
        if lists + self.under_way.lists > RANGES_MAX || rows + self.under_way.rows > RANGE_ROWS_MAX {
            return Err(CallError::HostcallLimit(format!(
                "an execution makes at most {RANGES_MAX} different lists, of {RANGE_ROWS_MAX} entries together: commit \
                 in between"
            )));
        }
        self.range_rows = rows;
        Ok(())
    }

    pub(crate) fn write_document(
        &mut self,
        collection: &str,
        id: &str,
        change: DocumentChange,
    ) -> Result<(), CallError> {
        self.require_room()?;
        self.documents.write(collection, id, change);
        Ok(())
    }

    fn require_room(&self) -> Result<(), CallError> {
        if self.writes.len() + self.documents.waiting() >= WRITES_MAX {
            return Err(CallError::HostcallLimit(format!(
                "more than {WRITES_MAX} writes are buffered: commit in between"
            )));
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, key: String, change: StorageChange) -> CallOutcome {
        self.require_room()?;
        self.overlay.apply(&key, &change)?;
        self.writes.push(StorageWrite { key, change });
        Ok(Answer::Nothing)
    }

    /// Buffer an event; `event` is given its number within the execution.
    pub(crate) fn publish(&mut self, event: impl FnOnce(usize) -> OutboxEvent) -> CallOutcome {
        if self.events_published >= EVENTS_MAX {
            return Err(CallError::HostcallLimit(format!("an execution publishes at most {EVENTS_MAX} events")));
        }
        self.events_published += 1;
        let event = event(self.events_published);
        let id = event.id.clone();
        self.events.push(event);
        Ok(Answer::Text(id))
    }
}

/// Who runs, as far as a commit has to know, where the queue has no part in it.
pub(crate) fn lease(tenant: TenantId, execution: domain::ExecutionId, attempt: u32, epoch: i64) -> Lease {
    Lease { tenant, execution, attempt, epoch, fence: None }
}

#[cfg(test)]
mod tests {
    use database::StorageQuery;
    use domain::ExecutionId;
    use uuid::Uuid;

    use super::*;

    const NO_ROOM: PublishBounds = PublishBounds { storage_bytes: 0, pending_events: 0 };

    fn list(buffer: &mut Buffer, prefix: &str, rows: usize) -> Result<(), CallError> {
        let query = StorageQuery { prefix: prefix.to_owned(), after: None, limit: 1_000, now: UnixMillis(0) };
        buffer.read_range(StorageRangeRead { query, digest: [0; 32] }, rows)
    }

    fn settle(buffer: &mut Buffer, result: CommitResult, taken: Taken) {
        let lease = lease(TenantId::from(Uuid::nil()), ExecutionId::from(Uuid::nil()), 1, 1);
        let _ = buffer.settle(Ok(result), taken, lease);
    }

    #[test]
    fn what_a_refused_commit_has_read_counts_as_before() {
        let mut buffer = Buffer::default();
        let read = DocumentRead { collection: String::from("c"), id: String::from("1"), revision: Some(1) };
        buffer.read_document(read.clone());
        assert_eq!(list(&mut buffer, "a", RANGE_ROWS_MAX - 10), Ok(()));
        let taken = buffer.take(NO_ROOM);
        assert!(list(&mut buffer, "b", 11).is_err(), "a commit under way can come back");
        assert_eq!(list(&mut buffer, "b", 5), Ok(()));
        settle(&mut buffer, CommitResult::NotANumber { key: String::from("k") }, taken);
        assert!(list(&mut buffer, "c", 6).is_err());
        assert_eq!(list(&mut buffer, "c", 5), Ok(()));
        buffer.read_document(read);
        let taken = buffer.take(NO_ROOM);
        let checks = &taken.effects.checks;
        assert_eq!((checks.documents.len(), checks.ranges.len()), (1, 3));
        settle(&mut buffer, CommitResult::Committed { revision: 1 }, taken);
        assert_eq!(list(&mut buffer, "a", RANGE_ROWS_MAX), Ok(()));
    }
}
