//! Looking at events: which were published, how one came to be, and what became of it.

use std::time::{Duration, Instant};

use database::{Delivery, EventPosition, StoredEvent};
use domain::{EventPattern, ExecutionId, Permission, Principal};

use super::{ChainLink, EventService, chain_to};
use crate::AppError;

/// Events that are looked at between two looks at the clock.
const CHUNK: u32 = 200;

/// After this time a page is answered as it is.
const WALK_TIME: Duration = Duration::from_millis(20);

/// The most deliveries of one event that are shown: as many as a tenant has subscriptions.
const DELIVERIES_MAX: u32 = 100;

/// Which events to look for; every part that is given must hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Those of a type that this names; `*` names none of Skerry's own, as in a subscription.
    pub types: Option<EventPattern>,
    /// Those of this source.
    pub source: Option<String>,
    /// Those about this.
    pub subject: Option<String>,
}

/// A page of events, and how far it was looked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EventsFound {
    /// The events, the latest first, without their data; may be fewer than asked for where there is a next page.
    pub events: Vec<StoredEvent>,
    /// Where the next page goes on; `None` where there is nothing more.
    pub next: Option<EventPosition>,
}

impl EventFilter {
    fn finds(&self, stored: &StoredEvent) -> bool {
        let event = &stored.event;
        self.types.as_ref().is_none_or(|types| types.matches(&event.event_type))
            && self.source.as_ref().is_none_or(|source| *source == event.source)
            && (self.subject.is_none() || self.subject == event.subject)
    }
}

impl EventService {
    /// A page of events, the latest first, before `before`. Takes some 20 ms at most, however little there is to find. Needs
    /// `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn find(
        &self,
        principal: &Principal,
        filter: &EventFilter,
        before: Option<EventPosition>,
        limit: u32,
    ) -> Result<EventsFound, AppError> {
        let began = Instant::now();
        let mut found = EventsFound { events: Vec::new(), next: before };
        let is_all = *filter == EventFilter::default();
        loop {
            let chunk_size = if is_all { limit } else { CHUNK };
            let chunk = self.list(principal, found.next, chunk_size)?;
            let is_last = chunk.len() < chunk_size as usize;
            for stored in chunk {
                found.next = Some(stored.position);
                if filter.finds(&stored) {
                    found.events.push(stored);
                }
                if found.events.len() >= limit as usize {
                    return Ok(found);
                }
            }
            if is_last {
                return Ok(EventsFound { next: None, ..found });
            }
            if began.elapsed() >= WALK_TIME {
                return Ok(found);
            }
        }
    }

    /// How an event came to be: the events before it and itself, from the first cause on, as far as they are kept. Needs
    /// `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn chain(&self, principal: &Principal, position: EventPosition) -> Result<Vec<ChainLink>, AppError> {
        let stored = self.stored(principal, position)?;
        chain_to(&self.inner, principal.tenant, &stored)
    }

    /// What became of an event with each subscription that it matched. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`], [`AppError::NotFound`].
    pub fn deliveries(&self, principal: &Principal, position: EventPosition) -> Result<Vec<Delivery>, AppError> {
        let stored = self.stored(principal, position)?;
        let event = &stored.event;
        Ok(self.inner.database.deliveries_of_event(principal.tenant, &event.source, &event.id, DELIVERIES_MAX)?)
    }

    /// The delivery by which an execution was started; `None` where no event started it. Needs `events.read`.
    ///
    /// # Errors
    /// [`AppError::Forbidden`].
    pub fn delivery_to(&self, principal: &Principal, execution: ExecutionId) -> Result<Option<Delivery>, AppError> {
        principal.require(Permission::EventsRead)?;
        Ok(self.inner.database.delivery_of_execution(principal.tenant, execution)?)
    }

    fn stored(&self, principal: &Principal, position: EventPosition) -> Result<StoredEvent, AppError> {
        principal.require(Permission::EventsRead)?;
        let stored = self.inner.database.event_at(principal.tenant, position);
        stored.map_err(|error| AppError::missing("event", error))
    }
}
