//! Dead letters: what was given up, for a person to look at, to send again, or to remove.
//!
//! What is sent again is sent with the sender's rights too (RULES 14). An edited event is a new one, of a source of its
//! own (RULES 15).

use std::{fmt, sync::Arc};

use database::{
    Database, DatabaseError, DeadLetter, DeadLetterFilter, DeadLetterKind, DeadReason, OutboxEvent, Redrive,
    Replacement,
};
use domain::{
    Actor, AuditAction, DeadLetterId, EventId, Invalid, Lineage, Permission, Principal, UnixMillis,
    events::{OWN_SOURCE, REDRIVE_SOURCE},
};
use serde_json::json;

use crate::{
    AppError, EventInput, EventView, ExecutionView, Inner,
    chains::Chain,
    events::{self, ChainLink},
    executions::{ExecutionService, Sealed},
    sealing::Purpose,
};

/// The most dead letters of one page.
const PAGE_MAX: u32 = 1_000;

/// The tenant's dead letters.
#[derive(Clone)]
pub struct DeadLetterService {
    inner: Arc<Inner>,
    executions: ExecutionService,
    /// The chain that an edited event goes on with.
    continued: Option<Lineage>,
}

/// A dead letter with what it is about, as far as a principal may see that and it is still there.
#[derive(Clone, Debug)]
pub struct DeadLetterView {
    /// What was given up, and why.
    pub letter: DeadLetter,
    /// The event.
    pub event: Option<EventView>,
    /// The execution that failed, with its input and its error.
    pub execution: Option<ExecutionView>,
    /// How the event came to be, from the first cause on.
    pub chain: Vec<ChainLink>,
}

/// An edited event; what is `None` stays as it was.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventEdit {
    /// Its data, as JSON.
    pub data: Option<String>,
    /// What it is about; `Some(None)` for nothing.
    pub subject: Option<Option<String>>,
}

impl fmt::Debug for DeadLetterService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterService").finish_non_exhaustive()
    }
}

impl DeadLetterService {
    pub(crate) fn new(inner: Arc<Inner>, executions: ExecutionService) -> Self {
        Self { inner, executions, continued: None }
    }

    /// The same for a request that an execution of this deployment sent: what it starts goes on with that one's chain.
    #[must_use]
    pub fn continuing(&self, chain: Option<&Chain>) -> Self {
        let executions = self.executions.continuing(chain);
        Self { inner: Arc::clone(&self.inner), executions, continued: chain.map(|chain| chain.0) }
    }

    /// A page of dead letters, the latest first, behind the moment and id of the last one. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn list(
        &self,
        principal: &Principal,
        filter: DeadLetterFilter,
        after: Option<(UnixMillis, DeadLetterId)>,
        limit: u32,
    ) -> Result<Vec<DeadLetter>, AppError> {
        principal.require(Permission::EventsRead)?;
        Ok(self.database().list_dead_letters(principal.tenant, filter, after, limit.min(PAGE_MAX))?)
    }

    /// One dead letter with its event, its execution and its chain. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub fn get(&self, principal: &Principal, id: DeadLetterId) -> Result<DeadLetterView, AppError> {
        principal.require(Permission::EventsRead)?;
        let letter = self.find(principal, id)?;
        let tenant = principal.tenant;
        let stored = match (&letter.source, &letter.event) {
            (Some(source), Some(event)) => self.database().event(tenant, source, event)?,
            _ => None,
        };
        let chain = stored.as_ref().map(|event| events::chain_to(&self.inner, tenant, event)).transpose()?;
        let execution = match letter.execution {
            Some(execution) => match Sealed::of(&self.inner, tenant)?.view(principal, execution) {
                Err(AppError::NotFound { .. }) => None,
                view => Some(view?),
            },
            None => None,
        };
        Ok(DeadLetterView {
            letter,
            event: stored.map(|stored| self.inner.event_view(principal, stored)).transpose()?,
            execution,
            chain: chain.unwrap_or_default(),
        })
    }

    /// Send what was given up again as it was: the same event under the same id, or the same input, by a new execution. A
    /// letter that stands for many events sends a thousand of them, and stands for the others until it is sent again.
    /// An event goes on with its chain (RULES 35), and waits while its script or its subscription is paused.
    /// Needs `events.manage`, for events and executions also `executions.inspect`, and for executions `executions.run`.
    ///
    /// # Errors
    /// [`AppError::AlreadyRedriven`]; [`AppError::NotFound`] where the letter, or what it needs, is not there any more;
    /// [`AppError::Invalid`] where nothing can ever take it as it is.
    pub async fn redrive(&self, principal: &Principal, id: DeadLetterId) -> Result<(), AppError> {
        principal.require(Permission::EventsManage)?;
        let letter = self.find(principal, id)?;
        let redrive = redrive_of(principal, id);
        let audited = self.inner.audited(principal, AuditAction::DeadLettersRedrive, id);
        match letter.kind {
            DeadLetterKind::Event => {
                // The script is given data that whoever sends it may not see otherwise.
                principal.require(Permission::ExecutionsInspect)?;
                if letter.reason == DeadReason::Hops {
                    let message = "its chain of events is as long as one may be, and goes on as it is: send it with other \
                                   data or another subject, as the first of a new one";
                    return Err(Invalid::new("data", message).into());
                }
                self.require_binding(principal, &letter)?;
                let redriven = audited.redrive_event(principal.tenant, redrive).await;
                redriven.map_err(of_redrive)?;
            }
            DeadLetterKind::Execution => {
                principal.require(Permission::ExecutionsRun)?;
                principal.require(Permission::ExecutionsInspect)?;
                let execution = letter.execution.ok_or(AppError::NotFound { what: "execution" })?;
                let queued = self.executions.queued_again(principal, execution)?;
                let redriven = audited.redrive_execution(principal.tenant, redrive, queued).await;
                redriven.map_err(of_redrive)?;
                self.executions.wake(principal.tenant);
            }
            DeadLetterKind::Webhook => {
                let redriven = audited.redrive_webhook(principal.tenant, redrive).await;
                redriven.map_err(of_redrive)?;
                self.inner.webhooks.wake();
            }
        }
        self.inner.events.wake();
        tracing::info!(tenant.id = %principal.tenant, dead_letter.id = %id, user.id = principal.user().map(tracing::field::display), "a dead letter is sent again");
        Ok(())
    }

    /// Send another event in place of the one that the letter names, to its subscription alone, as the first of a new chain.
    /// A letter that stands for more names the next from then on.
    /// Answers its id. Needs `events.edit`.
    ///
    /// # Errors
    /// As [`Self::redrive`]; [`AppError::Invalid`], also where what was given up is no event; [`AppError::Quota`].
    pub async fn redrive_edited(
        &self,
        principal: &Principal,
        id: DeadLetterId,
        edit: EventEdit,
    ) -> Result<String, AppError> {
        principal.require(Permission::EventsEdit)?;
        let letter = self.find(principal, id)?;
        let (DeadLetterKind::Event, Some(source), Some(event)) = (letter.kind, &letter.source, &letter.event) else {
            return Err(Invalid::new("data", "only an event can be sent again with other data").into());
        };
        let found = self.database().event(principal.tenant, source, event)?;
        let original = found.ok_or(AppError::NotFound { what: "event" })?.event;
        if original.source == OWN_SOURCE {
            let message = "an event of Skerry's own cannot be sent with other data: send it again as it is";
            return Err(Invalid::new("data", message).into());
        }
        let edited = self.edited(principal, &original, edit)?;
        self.require_binding(principal, &letter)?;
        let new_id = edited.id.clone();
        let audited = self.inner.audited_with(principal, AuditAction::DeadLettersEdit, id, &json!({ "event": new_id }));
        let bounds = self.inner.publish_bounds(principal.tenant)?;
        let redrive = redrive_of(principal, id);
        let replacement = Replacement { event: edited, source: source.clone(), id: event.clone() };
        let redriven = audited.redrive_edited_event(principal.tenant, redrive, replacement, bounds).await;
        redriven.map_err(of_redrive)?;
        self.inner.events.wake();
        tracing::info!(
            tenant.id = %principal.tenant, dead_letter.id = %id, user.id = principal.user().map(tracing::field::display), event.id = new_id,
            "a dead letter is sent again with other data"
        );
        Ok(new_id)
    }

    /// Remove a dead letter: nobody sends it again. Needs `events.manage`.
    ///
    /// # Errors
    /// [`AppError::NotFound`].
    pub async fn delete(&self, principal: &Principal, id: DeadLetterId) -> Result<(), AppError> {
        principal.require(Permission::EventsManage)?;
        let audited = self.inner.audited(principal, AuditAction::DeadLettersDelete, id);
        let deleted = audited.delete_dead_letter(principal.tenant, id).await;
        deleted.map_err(|error| AppError::missing("dead letter", error))
    }

    fn database(&self) -> &Database {
        &self.inner.database
    }

    fn find(&self, principal: &Principal, id: DeadLetterId) -> Result<DeadLetter, AppError> {
        let found = self.database().dead_letter(principal.tenant, id);
        found.map_err(|error| AppError::missing("dead letter", error))
    }

    /// See that somebody's rights bound the event's subscription: without them the sender's would be all that its run has.
    fn require_binding(&self, principal: &Principal, letter: &DeadLetter) -> Result<(), AppError> {
        let id = letter.subscription.ok_or(AppError::NotFound { what: "subscription" })?;
        let subscription = self.database().subscription(principal.tenant, id);
        let subscription = subscription.map_err(|error| AppError::missing("subscription", error))?;
        if subscription.set_by.is_none() {
            let message = "nobody's rights bind the subscription any more: somebody has to set it again first";
            return Err(Invalid::new("subscription", message).into());
        }
        Ok(())
    }

    fn edited(&self, principal: &Principal, original: &OutboxEvent, edit: EventEdit) -> Result<OutboxEvent, AppError> {
        let tenant = principal.tenant;
        let subject = edit.subject.unwrap_or_else(|| original.subject.clone());
        let data = match edit.data {
            Some(data) => data,
            // What somebody may not see they do not send under their name either.
            None if !principal.permissions.contains(Permission::ExecutionsInspect) => {
                return Err(domain::principals::Forbidden { permission: Permission::ExecutionsInspect }.into());
            }
            None => self.inner.event_data(tenant, original)?,
        };
        let (event_type, id) = (original.event_type.clone(), EventId::generate().to_string());
        events::check(&EventInput { event_type, data: data.clone(), subject: subject.clone(), id: None })?;
        let key = self.inner.keyring.tenant(&self.inner.database, tenant)?;
        let cause = self.continued.unwrap_or_else(|| events::first_cause(tenant));
        Ok(OutboxEvent {
            data: key.seal(Purpose::Event, id.as_bytes(), data.as_bytes()),
            id,
            event_type: original.event_type.clone(),
            source: REDRIVE_SOURCE.to_owned(),
            subject,
            time: UnixMillis::now(),
            hop: cause.hop,
            root: cause.root.to_string(),
            root_tenant: Some(cause.tenant).filter(|root| *root != tenant),
            published_by: principal.user(),
        })
    }
}

fn redrive_of(principal: &Principal, letter: DeadLetterId) -> Redrive {
    let (token, session) = match principal.actor {
        Actor::Token { token, .. } => (Some(token), None),
        Actor::Session { session, .. } => (None, Some(session)),
        Actor::Local | Actor::PublicCaller | Actor::System => (None, None),
    };
    Redrive { letter, by: principal.user(), token, session, at: UnixMillis::now() }
}

fn of_redrive(error: DatabaseError) -> AppError {
    AppError::missing("subscription or event to send it to any more", error)
}
