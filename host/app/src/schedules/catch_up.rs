//! Catching up: missed slots are started behind live work, as far as rates let it (RULES 38). It goes on beside the
//! scheduler, so that no live slot waits for it; what both want to move is moved by whoever comes first.

use std::{collections::HashSet, sync::Arc};

use database::{Backlog, BacklogPlace, CatchUpDecision, CatchUpRates, CatchUpStart, DatabaseError, Priority, Schedule};
use domain::{TenantId, UnixMillis};
use tokio::sync::Mutex;

use super::{
    due::{self, Fate},
    known::KnownSlots,
    later,
    orders::SlotRun,
    scheduler::Standing,
    slots::Slots,
};
use crate::{AppError, ExecutionService, Inner, executions::QueueTerms};

/// Backlogs that one round takes up.
const BATCH: u32 = 256;

/// How long a backlog waits that could not go on.
const RETRY_MS: i64 = 5_000;

/// The time over which slots that are caught up are counted.
const RATE_MS: i64 = 60_000;

/// Starts missed slots.
pub(super) struct CatchingUp {
    inner: Arc<Inner>,
    executions: ExecutionService,
    known: KnownSlots,
    /// Held by the round that goes on.
    turn: Mutex<()>,
}

/// What a round does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Round {
    /// It goes on with the next schedule.
    GoesOn,
    /// It leaves the tenant's other schedules alone.
    WithoutTenant,
    /// It ends: the rate of all is reached.
    Over,
}

/// The first slot of a backlog.
struct First<'a> {
    schedule: &'a Schedule,
    backlog: Backlog,
    slots: Slots,
    now: UnixMillis,
}

impl First<'_> {
    fn place(&self) -> BacklogPlace {
        let Schedule { id, revision, .. } = *self.schedule;
        BacklogPlace { schedule: id, revision, range: self.backlog.range }
    }
}

impl CatchingUp {
    pub(super) fn new(inner: Arc<Inner>, executions: ExecutionService, known: KnownSlots) -> Self {
        Self { inner, executions, known, turn: Mutex::default() }
    }

    /// Start what may be caught up at `now`. Returns at once where an earlier round has not ended.
    pub(super) async fn round(&self, now: UnixMillis) {
        let Ok(_turn) = self.turn.try_lock() else { return };
        if let Err(error) = self.batch(now).await {
            tracing::warn!(?error, "missed slots cannot be caught up for now");
        }
    }

    async fn batch(&self, now: UnixMillis) -> Result<(), AppError> {
        let mut refused: HashSet<TenantId> = HashSet::new();
        for schedule in self.inner.readable(self.inner.database.schedules_to_catch_up(now, BATCH)?).await? {
            if self.inner.running.is_stopping() {
                break;
            }
            // A full queue is not asked for each of a tenant's schedules.
            if refused.contains(&schedule.tenant) {
                continue;
            }
            match self.one(&schedule, now).await? {
                Round::GoesOn => {}
                Round::WithoutTenant => {
                    self.inner.database.postpone_backlogs(schedule.tenant, later(now, RETRY_MS)).await?;
                    refused.insert(schedule.tenant);
                }
                Round::Over => break,
            }
        }
        Ok(())
    }

    /// A schedule whose backlog cannot be worked on is left for a while, so that it keeps nobody else waiting.
    async fn one(&self, schedule: &Schedule, now: UnixMillis) -> Result<Round, AppError> {
        let Some(backlog) = schedule.backlog else { return Ok(Round::GoesOn) };
        let tried = match self.known.of(schedule) {
            Ok(slots) => self.first(&First { schedule, backlog, slots, now }).await,
            Err(invalid) => Err(invalid.into()),
        };
        match tried {
            Ok(round) => Ok(round),
            Err(error @ (AppError::Unavailable | AppError::StorageFull | AppError::Overloaded { .. })) => Err(error),
            // It was removed meanwhile.
            Err(AppError::NotFound { .. }) => Ok(Round::GoesOn),
            Err(error) => {
                tracing::error!(tenant.id = %schedule.tenant, schedule.id = %schedule.id, ?error, "missed slots wait");
                let place = BacklogPlace { schedule: schedule.id, revision: schedule.revision, range: backlog.range };
                self.inner.database.postpone_backlog(schedule.tenant, place, later(now, RETRY_MS)).await?;
                Ok(Round::GoesOn)
            }
        }
    }

    async fn first(&self, first: &First<'_>) -> Result<Round, AppError> {
        let (database, tenant) = (&self.inner.database, first.schedule.tenant);
        let target = match Standing::of(&self.inner, first.schedule)? {
            Standing::Runs(target) => target,
            Standing::Paused(reason) => {
                let stretch = due::stretch(&first.slots, first.backlog.range, Fate::paused(reason));
                database.give_up_backlog(tenant, first.place(), stretch, first.now).await?;
                return Ok(Round::GoesOn);
            }
        };
        let slot = first.backlog.range.from;
        let run = SlotRun {
            schedule: first.schedule,
            slot,
            last_run: self.last_run(first.schedule, slot)?,
            terms: QueueTerms { priority: Priority::CatchUp, ..QueueTerms::LIVE },
            now: first.now,
        };
        let start = CatchUpStart {
            place: first.place(),
            next: first.slots.next_after(slot).filter(|next| *next <= first.backlog.range.to),
            queued: run.queued(&self.executions, *target)?,
            rates: self.rates(first.now),
            now: first.now,
        };
        match database.start_catch_up(tenant, start).await {
            Ok(CatchUpDecision::Started) => self.executions.wake(tenant),
            Ok(CatchUpDecision::Moved) => {}
            Ok(CatchUpDecision::Rate) => return Ok(Round::Over),
            Ok(CatchUpDecision::TenantRate) | Err(DatabaseError::QueueFull { .. }) => return Ok(Round::WithoutTenant),
            Ok(CatchUpDecision::PreviousRun) | Err(DatabaseError::GroupFull { .. }) => {
                database.postpone_backlog(tenant, first.place(), later(first.now, RETRY_MS)).await?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Round::GoesOn)
    }

    /// The last slot before `slot` that was started: later ones may have been, meanwhile.
    fn last_run(&self, schedule: &Schedule, slot: UnixMillis) -> Result<Option<UnixMillis>, AppError> {
        match schedule.last_run {
            Some(last) if last >= slot => {
                Ok(self.inner.database.last_started_slot(schedule.tenant, schedule.id, slot)?)
            }
            last => Ok(last),
        }
    }

    fn rates(&self, now: UnixMillis) -> CatchUpRates {
        let config = &self.inner.config.schedules;
        CatchUpRates {
            since: later(now, -RATE_MS),
            of_tenant: u64::from(config.catch_up_per_minute),
            of_all: u64::from(config.catch_up_per_minute_of_all),
        }
    }
}
