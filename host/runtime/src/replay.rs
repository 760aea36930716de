//! Replay: answers from a journal instead of the world.
//!
//! The gate does everything else as in a live run, so that replay has no second implementation. A journal answers either
//! the code that made it, call for call, or edited code, as far as that asks the same things.

use std::{
    collections::{HashMap, VecDeque},
    fmt,
    hash::{DefaultHasher, Hash, Hasher},
};

use crate::{
    calls::HostCall,
    contract::Delivery,
    journal::{Entry, Journal, JournalError},
    stop::Stop,
};

/// Where a replayed run first asks otherwise than the recorded one.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Which call, from 1.
    pub call: u32,
    /// What the recorded run asked there; nothing where it had ended.
    pub recorded: Option<HostCall>,
    /// What this run asks there; nothing where it has ended.
    pub asked: Option<HostCall>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { call, recorded, asked } = self;
        match (recorded, asked) {
            (Some(recorded), Some(asked)) if recorded.name() == asked.name() => {
                write!(f, "host call {call} ({}) has other arguments than the recorded one", asked.name())
            }
            (Some(recorded), Some(asked)) => {
                write!(f, "host call {call} is {}, the recorded one is {}", asked.name(), recorded.name())
            }
            (None, Some(asked)) => write!(f, "host call {call} is {}, where the recorded run had ended", asked.name()),
            (Some(recorded), None) => {
                write!(f, "it ends before host call {call}, where the recorded run asked {}", recorded.name())
            }
            (None, None) => write!(f, "host call {call} differs"),
        }
    }
}

/// Which code a journal answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// The code that made it: every call has to be the recorded one, in order.
    Same,
    /// Edited code: a call is given the answer of the first recorded call that asked the same and has not been used.
    Edited,
}

/// What is left of a journal.
pub(crate) struct Replay {
    code: Code,
    /// The recorded calls in their order, each until it is asked again.
    calls: Vec<Option<HostCall>>,
    /// The first of `calls` that was not asked again.
    next: usize,
    /// Where calls of each hash are, in their order. Empty for the same code, which asks them one after the other.
    places: HashMap<u64, VecDeque<usize>>,
    /// The recorded answers in their order, each until it is handed over.
    deliveries: VecDeque<Delivery>,
    /// Under which number this run asked a recorded call. Empty for the same code, whose numbers are equal.
    asked_as: HashMap<u32, u32>,
    /// How many calls this run made.
    asked: u32,
    difference: Option<Box<Divergence>>,
}

impl Replay {
    pub(crate) fn of(journal: Journal, code: Code) -> Result<Self, JournalError> {
        let mut calls = Vec::new();
        let mut deliveries = VecDeque::new();
        for entry in journal.entries {
            match entry {
                Entry::Call { call, .. } => calls.push(Some(call)),
                Entry::Delivery { id, clock_ms, outcome, .. } => {
                    deliveries.push_back(Delivery { id, clock_ms, outcome });
                }
                Entry::CallOutline { .. } | Entry::DeliveryOutline { .. } => return Err(JournalError::OutlineOnly),
                Entry::End { .. } => {}
            }
        }
        let mut places: HashMap<u64, VecDeque<usize>> = HashMap::new();
        if code == Code::Edited {
            for (at, call) in calls.iter().enumerate() {
                places.entry(call.as_ref().map_or(0, hash)).or_default().push_back(at);
            }
        }
        Ok(Self { code, calls, next: 0, places, deliveries, asked_as: HashMap::new(), asked: 0, difference: None })
    }

    /// Whether it answers edited code, which has to be allowed each of its calls by itself.
    pub(crate) fn is_edited(&self) -> bool {
        self.code == Code::Edited
    }

    /// Take `call` for a recorded one.
    pub(crate) fn start(&mut self, id: u32, call: &HostCall) -> Result<(), Stop> {
        self.asked = id;
        let calls = &self.calls;
        let is_same = |at: &usize| calls.get(*at).and_then(Option::as_ref).is_some_and(|recorded| same(recorded, call));
        let found = match self.code {
            Code::Same => Some(self.next).filter(is_same),
            Code::Edited => self.places.get_mut(&hash(call)).and_then(|places| {
                let place = places.iter().position(is_same)?;
                places.remove(place)
            }),
        };
        if found != Some(self.next) {
            let recorded = self.calls.get(self.next).cloned().flatten();
            self.note(Divergence { call: id, recorded, asked: Some(call.clone()) });
        }
        let Some(at) = found else { return Err(Stop::Diverged(self.first_difference())) };
        self.calls[at] = None;
        while self.calls.get(self.next).is_some_and(Option::is_none) {
            self.next += 1;
        }
        if self.code == Code::Edited {
            self.asked_as.insert(number(at), id);
        }
        Ok(())
    }

    /// Forget a timer of this run's.
    pub(crate) fn cancel_timer(&mut self, id: u32) {
        self.asked_as.retain(|_, asked| *asked != id);
    }

    /// The next recorded answer to something that this run asked.
    pub(crate) fn next(&mut self) -> Result<Delivery, Stop> {
        match self.code {
            Code::Same => self.deliveries.pop_front().ok_or(Stop::JournalEnd),
            Code::Edited => {
                let at = self.deliveries.iter().position(|delivery| self.asked_as.contains_key(&delivery.id));
                let delivery = at.and_then(|at| self.deliveries.remove(at)).ok_or(Stop::JournalEnd)?;
                let id = self.asked_as.remove(&delivery.id).unwrap_or(delivery.id);
                Ok(Delivery { id, ..delivery })
            }
        }
    }

    /// Where the run, which is over, first differed from the recorded one, if it did.
    pub(crate) fn into_difference(mut self, is_cut: bool) -> Option<Divergence> {
        if !is_cut && let Some(recorded) = self.calls.get_mut(self.next).and_then(Option::take) {
            self.note(Divergence { call: self.asked + 1, recorded: Some(recorded), asked: None });
        }
        self.difference.map(|difference| *difference)
    }

    fn note(&mut self, difference: Divergence) {
        self.difference.get_or_insert_with(|| Box::new(difference));
    }

    fn first_difference(&self) -> Box<Divergence> {
        self.difference
            .clone()
            .unwrap_or_else(|| Box::new(Divergence { call: self.asked, recorded: None, asked: None }))
    }
}

/// The number of the call at a place in the journal.
fn number(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX).saturating_add(1)
}

/// Equal for calls that ask the same; other calls seldom have it too.
fn hash(call: &HostCall) -> u64 {
    let mut hasher = DefaultHasher::new();
    postcard::to_stdvec(call).unwrap_or_default().hash(&mut hasher);
    hasher.finish()
}

/// Whether two calls ask the same, to the bit: a step of `NaN` is equal to itself here.
pub(crate) fn same(one: &HostCall, other: &HostCall) -> bool {
    one == other || one.name() == other.name() && postcard::to_stdvec(one).ok() == postcard::to_stdvec(other).ok()
}
