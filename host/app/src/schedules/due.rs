//! What is to become of slots that are due, by the slots alone: which are late, which of these are to be caught up, and
//! what is noted of the others.

use database::{NewBacklog, NextSlot, Schedule, SlotPlace, SlotRange, SlotStretch, SlotsPassed};
use domain::{CatchUp, SlotOutcome, SlotReason, UnixMillis, schedules::CATCH_UP_MAX};

use super::{jitter::Jitter, later, slots::Slots};

/// A slot is started as the one it is for so long after it was due. What is later was missed.
const LATE_MS: i64 = 60_000;

/// What became of slots, and why.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fate {
    pub(super) outcome: SlotOutcome,
    pub(super) reason: SlotReason,
}

impl Fate {
    pub(super) fn paused(reason: SlotReason) -> Self {
        Self { outcome: SlotOutcome::SkippedPaused, reason }
    }

    pub(super) fn missed(reason: SlotReason) -> Self {
        Self { outcome: SlotOutcome::Missed, reason }
    }
}

/// A schedule whose next slot is due.
pub(super) struct Due<'a> {
    pub(super) schedule: &'a Schedule,
    /// What is to be caught up already.
    pub(super) backlog: Vec<SlotRange>,
    pub(super) slots: Slots,
    pub(super) next: NextSlot,
    pub(super) jitter: Jitter,
    pub(super) now: UnixMillis,
}

impl Due<'_> {
    pub(super) fn place(&self) -> SlotPlace {
        SlotPlace { schedule: self.schedule.id, revision: self.schedule.revision, slot: self.next.slot }
    }

    /// The slot after `slot`, and when it is due.
    pub(super) fn next_after(&self, slot: UnixMillis) -> Option<NextSlot> {
        self.slots.next(self.jitter, slot)
    }

    /// Whether the next slot was due too long ago to be started as the one it is. By its own time and not by
    /// `next.due_at`, which moves on while the slot waits for a full queue.
    pub(super) fn is_late(&self) -> bool {
        self.was_due_before(self.next.slot, self.on_time_from())
    }

    fn on_time_from(&self) -> UnixMillis {
        later(self.now, -LATE_MS)
    }

    fn was_due_before(&self, slot: UnixMillis, moment: UnixMillis) -> bool {
        self.jitter.due(slot, self.slots.next_after(slot)) < moment
    }

    /// All slots until now, passed over because something is paused.
    pub(super) fn paused(&self, reason: SlotReason) -> SlotsPassed {
        let from = self.next.slot;
        let to = self.slots.last_until(self.now).map_or(from, |last| last.max(from));
        self.passed(to, vec![stretch(&self.slots, SlotRange { from, to }, Fate::paused(reason))])
    }

    /// The next slot, passed over because the script's own bound says no to another run beside those that go on.
    pub(super) fn overlapping(&self) -> SlotsPassed {
        let slot = self.next.slot;
        let fate = Fate { outcome: SlotOutcome::SkippedOverlap, reason: SlotReason::PreviousRun };
        let skipped = stretch(&self.slots, SlotRange { from: slot, to: slot }, fate);
        // Each has a row of its own: an execution beside it says why.
        self.passed(slot, vec![SlotStretch { follows: None, ..skipped }])
    }

    /// All slots that are late: those that the schedule wants to catch up become its backlog, the others were missed.
    pub(super) fn late(&self) -> SlotsPassed {
        let late = SlotRange { from: self.next.slot, to: self.last_late() };
        match self.schedule.setting.catch_up {
            CatchUp::Skip => self.missed(late),
            // The latest is one that is not late.
            CatchUp::RunLatest if self.slots.next_after(late.to).is_some_and(|after| after <= self.now) => {
                self.missed(late)
            }
            CatchUp::RunLatest => self.catch_up_latest(late),
            CatchUp::RunAll => self.catch_up_all(late),
        }
    }

    fn missed(&self, late: SlotRange) -> SlotsPassed {
        self.passed(late.to, vec![stretch(&self.slots, late, Fate::missed(SlotReason::Late))])
    }

    fn catch_up_latest(&self, late: SlotRange) -> SlotsPassed {
        let mut stretches = given_up(&self.slots, &self.backlog, Fate::missed(SlotReason::Superseded));
        if let Some(to) = self.slots.last_until(later(late.to, -1)).filter(|to| *to >= late.from) {
            let before = SlotRange { from: late.from, to };
            stretches.push(stretch(&self.slots, before, Fate::missed(SlotReason::Late)));
        }
        let latest = SlotRange { from: late.to, to: late.to };
        SlotsPassed { backlog: Some(self.backlog_of(vec![latest])), ..self.passed(late.to, stretches) }
    }

    /// What is late comes behind what is to be caught up already; of all that the last hundred stay.
    fn catch_up_all(&self, late: SlotRange) -> SlotsPassed {
        let (dropped, kept) = keep_latest(&self.slots, join(&self.slots, &self.backlog, late), CATCH_UP_MAX);
        let stretches = given_up(&self.slots, &dropped, Fate::missed(SlotReason::CatchUpLimit));
        SlotsPassed { backlog: Some(self.backlog_of(kept)), ..self.passed(late.to, stretches) }
    }

    fn backlog_of(&self, ranges: Vec<SlotRange>) -> NewBacklog {
        let expected_from = self.schedule.backlog.map(|backlog| backlog.range.from);
        NewBacklog { expected_from, ranges, due_at: self.now }
    }

    /// The last slot that is late.
    fn last_late(&self) -> UnixMillis {
        let first = self.next.slot;
        let last = self.slots.last_until(later(self.on_time_from(), -1)).map_or(first, |last| last.max(first));
        if last == first || self.was_due_before(last, self.on_time_from()) {
            return last;
        }
        self.slots.last_until(later(last, -1)).map_or(first, |before| before.max(first))
    }

    fn passed(&self, last: UnixMillis, stretches: Vec<SlotStretch>) -> SlotsPassed {
        let next = self.next_after(last);
        SlotsPassed { place: self.place(), last, next, stretches, backlog: None, now: self.now }
    }
}

/// A backlog with what is late behind it: as one stretch with its last where nothing is between the two.
fn join(slots: &Slots, backlog: &[SlotRange], late: SlotRange) -> Vec<SlotRange> {
    let mut joined = backlog.to_vec();
    match joined.last_mut() {
        Some(last) if slots.next_after(last.to) == Some(late.from) => last.to = late.to,
        _ => joined.push(late),
    }
    joined
}

/// The last `most` slots of `ranges`, and before them those that are too many.
fn keep_latest(slots: &Slots, ranges: Vec<SlotRange>, most: u32) -> (Vec<SlotRange>, Vec<SlotRange>) {
    let (mut dropped, mut kept, mut left) = (Vec::new(), Vec::new(), most);
    for range in ranges.into_iter().rev() {
        let count = u32::try_from(slots.count(range.from, range.to)).unwrap_or(u32::MAX);
        if count <= left {
            kept.push(range);
        } else if left == 0 {
            dropped.push(range);
        } else {
            let from = latest(slots, range, left);
            kept.push(SlotRange { from, ..range });
            let to = slots.last_until(later(from, -1)).unwrap_or(range.from);
            dropped.push(SlotRange { to, ..range });
        }
        left = left.saturating_sub(count);
    }
    dropped.reverse();
    kept.reverse();
    (dropped, kept)
}

/// The first of the last `most` slots of a range.
fn latest(slots: &Slots, range: SlotRange, most: u32) -> UnixMillis {
    let mut from = range.to;
    for _ in 1..most {
        match slots.last_until(later(from, -1)) {
            Some(before) if before >= range.from => from = before,
            _ => break,
        }
    }
    from
}

/// What becomes of stretches of a backlog that is not to be caught up.
pub(super) fn given_up(slots: &Slots, ranges: &[SlotRange], fate: Fate) -> Vec<SlotStretch> {
    ranges.iter().map(|range| stretch(slots, *range, fate)).collect()
}

/// What becomes of slots that follow one another.
pub(super) fn stretch(slots: &Slots, range: SlotRange, fate: Fate) -> SlotStretch {
    SlotStretch {
        from: range.from,
        to: range.to,
        slots: slots.count(range.from, range.to).max(1),
        outcome: fate.outcome,
        reason: fate.reason,
        follows: slots.last_until(later(range.from, -1)),
    }
}

/// The slots of a schedule that are past and of which nothing is decided yet: they wait for a full queue.
pub(super) fn waiting(schedule: &Schedule, now: UnixMillis) -> Option<SlotRange> {
    let from = schedule.next.filter(|next| next.slot <= now)?.slot;
    let last = Slots::of(schedule).ok().and_then(|slots| slots.last_until(now));
    Some(SlotRange { from, to: last.map_or(from, |last| last.max(from)) })
}

/// What becomes of a backlog, given up because its schedule is another now.
pub(super) fn superseded(schedule: &Schedule, backlog: &[SlotRange]) -> Vec<SlotStretch> {
    let fate = Fate::missed(SlotReason::Superseded);
    match Slots::of(schedule) {
        Ok(slots) => given_up(&slots, backlog, fate),
        // Nobody can say how many they are where the zone is not known any more.
        Err(_) => {
            let Fate { outcome, reason } = fate;
            let of_range = |SlotRange { from, to }: &SlotRange| SlotStretch {
                from: *from,
                to: *to,
                slots: 1,
                outcome,
                reason,
                follows: None,
            };
            backlog.iter().map(of_range).collect()
        }
    }
}
