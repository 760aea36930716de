//! The books of admission: what is free, who holds what, who waits, and who owes how much.

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use domain::TenantId;
use tokio::sync::oneshot;

use super::{Lane, Permit, SlotCounts};
use crate::AppError;

/// How many of one tenant may wait at once; the next one is refused rather than made to wait for minutes.
const WAITING_PER_TENANT_MAX: usize = 1_000;

/// Of so many slots one is kept for hooks.
const SLOTS_PER_HOOK_SLOT: u32 = 8;

/// What a turn is worth: the time of a slot that a tenant pays off while it waits for the next turn.
const QUANTUM: Duration = Duration::from_millis(20);

/// The most that a tenant can owe: a minute of all that a machine gives, and not a sentence for the day.
const DEBT_MAX: Duration = Duration::from_secs(600);

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wish {
    pub(super) tenant: TenantId,
    pub(super) lane: Lane,
    /// Slots that the tenant may hold at once.
    pub(super) share: u32,
}

#[derive(Default)]
pub(super) struct State {
    slots: u32,
    free: u32,
    background: u32,
    held: HashMap<TenantId, Held>,
    waiting: HashMap<TenantId, Waiting>,
    /// Tenants that wait, in the order of their turns.
    turns: VecDeque<TenantId>,
    debts: HashMap<TenantId, Debt>,
}

/// Slots that a tenant holds.
#[derive(Clone, Copy, Default)]
struct Held {
    all: u32,
    public: u32,
}

/// What of a tenant waits: a queue for each lane.
#[derive(Default)]
struct Waiting {
    share: u32,
    lanes: HashMap<Lane, VecDeque<oneshot::Sender<Permit>>>,
}

/// What a tenant's work has cost and its turns have not paid off. Time pays too: what nobody else wanted is no debt.
#[derive(Clone, Copy)]
struct Debt {
    owed: Duration,
    noted_at: Instant,
}

impl State {
    pub(super) fn new(slots: u32) -> Self {
        Self { slots, free: slots, ..Self::default() }
    }

    pub(super) fn counts(&self) -> SlotCounts {
        let queues = self.waiting.values().flat_map(|waiting| waiting.lanes.values());
        let waiting = queues.map(|queue| queue.iter().filter(|sender| !sender.is_closed()).count() as u64).sum();
        SlotCounts { total: self.slots, free: self.free, waiting }
    }

    pub(super) fn may_begin(&self, wish: &Wish) -> bool {
        let none_before = self.waiting.get(&wish.tenant).is_none_or(|waiting| waiting.is_empty_on(wish.lane));
        none_before && self.has_room(wish.tenant, wish.lane, wish.share)
    }

    pub(super) fn queue(&mut self, wish: Wish) -> Result<oneshot::Receiver<Permit>, AppError> {
        if !self.waiting.contains_key(&wish.tenant) {
            self.turns.push_back(wish.tenant);
        }
        let waiting = self.waiting.entry(wish.tenant).or_default();
        waiting.share = wish.share;
        let queue = waiting.lanes.entry(wish.lane).or_default();
        if queue.len() >= WAITING_PER_TENANT_MAX {
            queue.retain(|sender| !sender.is_closed());
        }
        if queue.len() >= WAITING_PER_TENANT_MAX {
            let limit = WAITING_PER_TENANT_MAX as u64;
            return Err(AppError::Quota { quota: "waiting_executions", limit, retry_after: Duration::from_secs(1) });
        }
        let (sender, receiver) = oneshot::channel();
        queue.push_back(sender);
        Ok(receiver)
    }

    pub(super) fn take(&mut self, tenant: TenantId, lane: Lane) {
        self.free -= 1;
        let held = self.held.entry(tenant).or_default();
        held.all += 1;
        match lane {
            Lane::Public => held.public += 1,
            Lane::Background => self.background += 1,
            Lane::Hook | Lane::Direct => {}
        }
    }

    pub(super) fn give_back(&mut self, tenant: TenantId, lane: Lane) {
        self.free += 1;
        if lane == Lane::Background {
            self.background -= 1;
        }
        if let Some(held) = self.held.get_mut(&tenant) {
            held.all -= 1;
            held.public -= u32::from(lane == Lane::Public);
            if held.all == 0 {
                self.held.remove(&tenant);
            }
        }
    }

    /// Add to what a tenant owes.
    pub(super) fn charge(&mut self, tenant: TenantId, cost: Duration) {
        let owed = (self.owed(tenant) + cost).min(DEBT_MAX);
        self.debts.insert(tenant, Debt { owed, noted_at: Instant::now() });
        if self.debts.len() > 2 * (self.waiting.len() + self.held.len()) + 1_000 {
            self.debts.retain(|_, debt| !debt.left().is_zero());
        }
    }

    /// Whose turn it is, if a slot is free for it: the first tenant in turn that owes nothing goes to the end. A tenant
    /// that is passed over pays off a quantum.
    pub(super) fn next(&mut self) -> Option<(TenantId, Lane, oneshot::Sender<Permit>)> {
        self.forget_who_left();
        let candidates: Vec<(TenantId, Lane)> =
            self.turns.iter().filter_map(|tenant| Some((*tenant, self.startable(*tenant)?))).collect();
        // As many rounds at once as it takes until somebody owes nothing.
        let least = candidates.iter().map(|(tenant, _)| self.owed(*tenant)).min()?;
        let rounds = least.as_micros().div_ceil(QUANTUM.as_micros());
        let paid = QUANTUM.saturating_mul(u32::try_from(rounds).unwrap_or(u32::MAX));
        for (tenant, _) in &candidates {
            self.pay(*tenant, paid);
        }
        let at = candidates.iter().position(|(tenant, _)| self.owed(*tenant).is_zero())?;
        for (tenant, _) in &candidates[..at] {
            self.pay(*tenant, QUANTUM);
        }
        let (tenant, lane) = candidates[at];
        self.turns.retain(|waiting| *waiting != tenant);
        let waiting = self.waiting.get_mut(&tenant)?;
        let sender = waiting.lanes.get_mut(&lane)?.pop_front()?;
        if waiting.lanes.values().all(VecDeque::is_empty) {
            self.waiting.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
        Some((tenant, lane, sender))
    }

    fn forget_who_left(&mut self) {
        let Self { waiting, turns, .. } = self;
        turns.retain(|tenant| {
            let Some(of_tenant) = waiting.get_mut(tenant) else { return false };
            for queue in of_tenant.lanes.values_mut() {
                while queue.front().is_some_and(oneshot::Sender::is_closed) {
                    queue.pop_front();
                }
            }
            let is_waiting = of_tenant.lanes.values().any(|queue| !queue.is_empty());
            if !is_waiting {
                waiting.remove(tenant);
            }
            is_waiting
        });
    }

    /// The lane in which a waiting tenant could begin something now.
    fn startable(&self, tenant: TenantId) -> Option<Lane> {
        let waiting = self.waiting.get(&tenant)?;
        let waits = |lane: &Lane| waiting.lanes.get(lane).is_some_and(|queue| !queue.is_empty());
        Lane::ALL.into_iter().find(|lane| waits(lane) && self.has_room(tenant, *lane, waiting.share))
    }

    fn has_room(&self, tenant: TenantId, lane: Lane, share: u32) -> bool {
        let held = self.held.get(&tenant).copied().unwrap_or_default();
        let share = share.clamp(1, self.slots);
        let kept_for_hooks = if lane == Lane::Hook { 0 } else { self.kept_for_hooks() };
        let has_place_in_lane = match lane {
            Lane::Public => held.public < (share / 2).max(1),
            Lane::Background => self.background < (self.slots / 2).max(1),
            Lane::Hook | Lane::Direct => true,
        };
        // A hook may go one beyond its tenant's share: what fills that share is not to keep the host waiting.
        let share = if lane == Lane::Hook { share + 1 } else { share };
        self.free > kept_for_hooks && held.all < share && has_place_in_lane
    }

    /// Slots that are for hooks alone: one at least, where there is another.
    fn kept_for_hooks(&self) -> u32 {
        (self.slots / SLOTS_PER_HOOK_SLOT).max(u32::from(self.slots > 1))
    }

    fn owed(&self, tenant: TenantId) -> Duration {
        self.debts.get(&tenant).map_or(Duration::ZERO, Debt::left)
    }

    fn pay(&mut self, tenant: TenantId, paid: Duration) {
        if let Some(debt) = self.debts.get_mut(&tenant) {
            *debt = Debt { owed: debt.left().saturating_sub(paid), noted_at: Instant::now() };
        }
    }
}

impl Waiting {
    /// Whether nobody waits on `lane`.
    fn is_empty_on(&self, lane: Lane) -> bool {
        self.lanes.get(&lane).is_none_or(VecDeque::is_empty)
    }
}

impl Debt {
    fn left(&self) -> Duration {
        self.owed.saturating_sub(self.noted_at.elapsed())
    }
}
