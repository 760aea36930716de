//! The database: every SQL statement of the project, the schema's migrations, one writer with group commit, readers
//! beside it. It knows neither sandbox nor protocol, and what is sealed it cannot read.
//!
//! Reads are synchronous and take microseconds. Writes are futures that answer once their transaction is on disk. Every
//! method on a tenant's rows takes the tenant first; a row of another tenant is [`DatabaseError::NotFound`].

mod artifacts;
mod audit;
mod bindings;
mod breakers;
mod commits;
mod connection;
mod deadletters;
mod deletion;
mod deliveries;
mod deployment;
mod documents;
mod egress;
mod endpoints;
mod error;
mod events;
mod executions;
mod hooks;
mod identities;
mod invitations;
mod json;
mod lineages;
mod members;
mod names;
mod numbers;
mod open;
mod operators;
mod passwords;
mod plans;
mod policies;
mod providers;
mod queue;
mod readers;
mod requests;
mod roles;
mod rows;
mod schedules;
mod scripts;
mod secrets;
mod sessions;
mod storage;
mod subscriptions;
mod tenants;
mod throttles;
mod tokens;
mod usage;
mod users;
mod versions;
mod webhooks;
mod weights;
mod words;
mod writer;

use std::{fmt, path::Path, sync::Arc, time::Instant};

use rusqlite::Connection;

pub use artifacts::Artifact;
pub use audit::{
    AuditAnchor, AuditEntry, AuditFilter, AuditHead, AuditMark, AuditRow, AuditSealer, AuditWatch, Refusals,
};
pub use bindings::{Adoption, Binding, Bound, BoundScript};
pub use breakers::{Breaker, Verdict};
pub use commits::{
    CommitResult, DocumentRangeRead, DocumentRead, Effects, EntryRead, ExecutionCommit, ExecutionEnd, Lease,
    PartialCommit, ReadSet, Retry, RetryCause, StorageChange, StorageRangeRead, StorageWrite,
};
pub use deadletters::{DeadLetter, DeadLetterFilter, DeadLetterKind, DeadReason};
pub use deliveries::{
    Delivery, DeliveryStatus, Expanded, Expansion, Fate, NewDelivery, Readability, Redrive, Release, Released,
    Replacement,
};
pub use deployment::{Backlogs, DatabaseFiles, StartCheck};
pub use documents::{
    Collection, Column, Condition, Direction, Document, DocumentChange, DocumentEdit, DocumentField, DocumentPosition,
    DocumentQuery, DocumentRange, DocumentWrite, FieldValue, IndexedDocument, ListedDocument, Sort, Test,
    id_prefix_bounds, text_prefix_bounds,
};
pub use endpoints::{
    AnswerClaim, AnswerState, ClaimedAnswer, Endpoint, EndpointAuthentication, EndpointSecret, KnownAnswer,
    NewEndpoint, SecretSlot,
};
pub use error::{DatabaseError, OpenError, Refusal};
pub use events::{EventPosition, OutboxEvent, PendingEvent, Published, Purged, StoredEvent};
pub use executions::{
    Attempt, Cancelled, Execution, ExecutionCounts, ExecutionCursor, ExecutionDetail, ExecutionFilter, ExecutionPage,
    ExecutionRecord, StartRow, TimeRange,
};
pub use hooks::{HookBinding, HookBound, NewHookBinding};
pub use identities::VouchedIdentity;
pub use invitations::{Acceptance, Accepting, Invitation, NewInvitation};
pub use members::{Member, Removal, RoleGrant, TenantOfUser};
pub use numbers::{json_number, parse_json_number};
pub use operators::{NewOperatorToken, OperatorGrant, OperatorToken, UserAccount, UserChange};
pub use passwords::{Password, PasswordReset};
pub use plans::{Plan, PlanSetting};
pub use providers::{IdentityProvider, OpenIdAttempt, RoleRule};
pub use queue::{
    Claim, Claimed, Doomed, Ending, Priority, QueueEntry, QueueGroup, QueuedExecution, Rescue, Rescued, Taken,
};
pub use requests::{ClaimedRequest, RequestClaim, RequestMark, RequestState};
pub use roles::{Role, RoleSetting};
pub use schedules::{
    Backlog, BacklogPlace, CatchUpDecision, CatchUpRates, CatchUpStart, DueSchedules, NewBacklog, NewSchedule,
    NextSlot, RawScheduleKey, Schedule, ScheduleChange, ScheduleMade, ScheduleSetting, ScheduleSlot, SlotDecision,
    SlotPlace, SlotRange, SlotStart, SlotStretch, SlotsPassed,
};
pub use scripts::{
    DeployedVersion, DraftEdit, NewScript, Script, ScriptCursor, ScriptOrder, ScriptQuery, ScriptSettings,
    ScriptSummary,
};
pub use secrets::{SealedSecret, Secret, SecretChange};
pub use sessions::{NewSession, Session, SessionGrant, SignInMethod};
pub use storage::{EntryChange, StorageEntry, StorageQuery, StorageRange, StorageRead, StoredEntry};
pub use subscriptions::{Subscription, SubscriptionChange};
pub use tenants::{NewTenant, Tenant, TenantAccount, TenantChange, TenantStatus};
pub use throttles::{Throttle, ThrottleKind};
pub use tokens::{NewToken, Token, TokenChange, TokenGrant};
pub use usage::{FuelWanted, Usage};
pub use users::{Membership, MembershipStatus, User};
pub use versions::{Activation, Deployment, Version, VersionSummary};
pub use webhooks::{
    ClaimedWebhook, Webhook, WebhookAttempt, WebhookChange, WebhookCursor, WebhookDelivery, WebhookDeliveryStatus,
    WebhookDisabled, WebhookEvent, WebhookResult, WebhookSettled, WebhookTest,
};
pub use weights::PublishBounds;

use readers::Readers;
use writer::{Work, Writer};

/// An open database. Clones are the same one; the last to go writes what waits and closes it.
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    /// What each write of this handle leaves in the audit log.
    audit: Option<Arc<AuditEntry>>,
    /// Which request each write of this handle is the effect of.
    mark: Option<Arc<RequestMark>>,
    /// What has to be as it was for the first write of this handle.
    watch: Option<AuditWatch>,
}

/// In the order in which they are closed: the writer closes the file last, and the lock outlives both.
struct Inner {
    readers: Readers,
    writer: Writer,
    epoch: i64,
    check: Option<StartCheck>,
    opened_at: Instant,
    directory: Option<open::Directory>,
}

impl Database {
    /// Open the database in `directory`, which is made where it is not there. The directory is this process's until the
    /// database is closed. The file is checked and its schema brought up to date.
    ///
    /// # Errors
    /// [`OpenError`] says what to do about each.
    pub fn open(directory: &Path) -> Result<Self, OpenError> {
        let held = open::take_directory(directory)?;
        let opened = open::open_file(directory, &held.file)?;
        let readers = Readers::open(&held.file).map_err(|error| open::of_sqlite(directory, &held.file, error))?;
        let connection = writer::shared(opened.connection);
        let writer = Writer::start(connection, opened.revision_ceiling, writer::commit)?;
        Ok(Self::of(readers, writer, (opened.epoch, opened.check), Some(held)))
    }

    /// A database in memory, gone when it is closed: for `skerry run` and for tests.
    ///
    /// # Errors
    /// Only when there is no memory, or no thread.
    pub fn in_memory() -> Result<Self, OpenError> {
        let opened = open::open_in_memory()?;
        let connection = writer::shared(opened.connection);
        let readers = Readers::Shared(Arc::clone(&connection));
        let writer = Writer::start(connection, opened.revision_ceiling, writer::commit)?;
        Ok(Self::of(readers, writer, (opened.epoch, opened.check), None))
    }

    fn of(
        readers: Readers,
        writer: Writer,
        (epoch, check): (i64, Option<StartCheck>),
        directory: Option<open::Directory>,
    ) -> Self {
        let inner = Inner { readers, writer, epoch, check, opened_at: Instant::now(), directory };
        Self { inner: Arc::new(inner), audit: None, mark: None, watch: None }
    }

    /// When this process opened it.
    pub fn opened_at(&self) -> Instant {
        self.inner.opened_at
    }

    /// Counts the processes that have opened this database. An execution is owned by the epoch of the process that runs
    /// it; one of an earlier epoch was cut off.
    pub fn epoch(&self) -> i64 {
        self.inner.epoch
    }

    /// Whether writes are still accepted. They are not once the disk has failed at a commit: then the process must end
    /// and start again, because nobody knows what of the last transaction is durable.
    pub fn is_writable(&self) -> bool {
        self.inner.writer.is_sound()
    }

    fn read<T>(&self, query: impl FnOnce(&Connection) -> Result<T, DatabaseError>) -> Result<T, DatabaseError> {
        self.inner.readers.read(query)
    }

    /// A list that a script asks for.
    fn list<T>(
        &self,
        tenant: domain::TenantId,
        query: impl FnOnce(&Connection) -> Result<T, DatabaseError>,
    ) -> Result<T, DatabaseError> {
        self.inner.readers.list(tenant, query)
    }

    fn writer(&self) -> &Writer {
        &self.inner.writer
    }

    /// The same database, by a handle whose every write leaves `entry` in the audit log: in the write's own transaction, so
    /// that neither is there without the other.
    #[must_use]
    pub fn audited(&self, entry: AuditEntry) -> Self {
        Self { audit: Some(Arc::new(entry)), ..self.clone() }
    }

    async fn write<T: Send + 'static>(
        &self,
        apply: impl FnOnce(&mut Work<'_>) -> Result<T, DatabaseError> + Send + 'static,
    ) -> Result<T, DatabaseError> {
        let (entry, mark, watch) = (self.audit.clone(), self.mark.clone(), self.watch.clone());
        let apply = move |work: &mut Work<'_>| {
            watch.map_or(Ok(()), |watch| audit::require_unchanged(work.connection, &watch))?;
            let answer = apply(work)?;
            if work.has_changed() {
                entry.map_or(Ok(()), |entry| audit::append(work.connection, &entry))?;
                mark.map_or(Ok(()), |mark| requests::mark(work.connection, &mark))?;
            }
            Ok(answer)
        };
        let written = self.inner.writer.write(apply).await?;
        if written.is_ok() {
            self.watch.iter().for_each(AuditWatch::hold);
        }
        written
    }
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("epoch", &self.epoch()).finish_non_exhaustive()
    }
}
