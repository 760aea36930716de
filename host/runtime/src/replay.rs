//! Answering a run from a journal instead of the world.

use std::{collections::VecDeque, fmt};

use crate::{
    calls::HostCall,
    contract::Delivery,
    journal::{Entry, Journal, JournalError},
    stop::Stop,
};

/// The first host call that a replayed run made differently.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// Which call, from 1.
    pub call: u32,
    /// What the recorded run asked there; nothing where it had ended.
    pub recorded: Option<HostCall>,
    /// What this run asks.
    pub asked: HostCall,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.recorded {
            Some(recorded) if recorded.name() == self.asked.name() => {
                write!(f, "host call {} ({}) has other arguments than the recorded one", self.call, self.asked.name())
            }
            Some(recorded) => {
                write!(f, "host call {} is {}, the recorded one is {}", self.call, self.asked.name(), recorded.name())
            }
            None => write!(f, "host call {} is {}, where the recorded run had ended", self.call, self.asked.name()),
        }
    }
}

/// What is left of a journal.
pub(crate) struct Replay {
    calls: VecDeque<HostCall>,
    deliveries: VecDeque<Delivery>,
}

impl Replay {
    pub(crate) fn of(journal: Journal) -> Result<Self, JournalError> {
        let mut replay = Self { calls: VecDeque::new(), deliveries: VecDeque::new() };
        for entry in journal.entries {
            match entry {
                Entry::Call { call, .. } => replay.calls.push_back(call),
                Entry::Delivery { id, clock_ms, outcome, .. } => {
                    replay.deliveries.push_back(Delivery { id, clock_ms, outcome });
                }
                Entry::CallOutline { .. } | Entry::DeliveryOutline { .. } => return Err(JournalError::OutlineOnly),
                Entry::End { .. } => {}
            }
        }
        Ok(replay)
    }

    /// Take `call` for the next recorded one, if it is the same.
    pub(crate) fn start(&mut self, id: u32, call: &HostCall) -> Result<(), Stop> {
        let recorded = self.calls.pop_front();
        if recorded.as_ref().is_some_and(|recorded| same(recorded, call)) {
            return Ok(());
        }
        Err(Stop::Diverged(Box::new(Divergence { call: id, recorded, asked: call.clone() })))
    }

    /// The next recorded answer.
    pub(crate) fn next(&mut self) -> Result<Delivery, Stop> {
        self.deliveries.pop_front().ok_or(Stop::JournalEnd)
    }
}

/// Whether two calls ask the same, to the bit: a step of `NaN` is equal to itself here.
pub(crate) fn same(one: &HostCall, other: &HostCall) -> bool {
    one == other || postcard::to_stdvec(one).ok() == postcard::to_stdvec(other).ok()
}
