//! The log of a run while it goes on, for whoever looks on: the lines that it has written so far, and the rights that its
//! calls have asked for.
//!
//! The run's own limits bound it. Where a run is repeated the lines begin anew, under another number.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use domain::Permissions;
use tokio::sync::{Notify, futures::OwnedNotified};

use crate::outcome::LogLine;

/// The log of a run that goes on. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub struct LogTail(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct State {
    run: u32,
    lines: Vec<LogLine>,
    rights_used: Permissions,
    is_closed: bool,
}

/// What a run has written from some line on.
#[derive(Clone, Debug)]
pub struct TailView {
    /// Which run it is, from 1: a repeat's lines are others.
    pub run: u32,
    /// The lines.
    pub lines: Vec<LogLine>,
    /// The rights that its calls asked for so far.
    pub rights_used: Permissions,
    /// Whether nothing follows any more.
    pub is_closed: bool,
}

impl LogTail {
    /// The lines from the one with the index `from` on, at most `limit`.
    pub fn view(&self, from: usize, limit: usize) -> TailView {
        let state = self.lock();
        TailView {
            run: state.run,
            lines: state.lines.iter().skip(from).take(limit).cloned().collect(),
            rights_used: state.rights_used,
            is_closed: state.is_closed,
        }
    }

    /// Ends at the next change after it was made.
    pub fn changed(&self) -> OwnedNotified {
        Arc::clone(&self.0.changed).notified_owned()
    }

    /// Nothing follows any more: what became of the run is told elsewhere.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.0.changed.notify_waiters();
    }

    /// A run begins, and with it the log.
    pub(crate) fn begin(&self) {
        let mut state = self.lock();
        *state = State { run: state.run + 1, ..State::default() };
        drop(state);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn push(&self, line: LogLine) {
        self.lock().lines.push(line);
        self.0.changed.notify_waiters();
    }

    pub(crate) fn use_rights(&self, rights: Permissions) {
        let mut state = self.lock();
        state.rights_used = state.rights_used.union(rights);
    }

    /// All lines so far.
    pub(crate) fn lines(&self) -> Vec<LogLine> {
        self.lock().lines.clone()
    }

    // A panic elsewhere leaves these values whole, so that poisoning says nothing here.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::LogLevel;

    fn line(message: &str) -> LogLine {
        LogLine { level: LogLevel::Info, message: message.to_owned(), arguments: None, offset_ms: 0 }
    }

    #[tokio::test]
    async fn whoever_looks_on_sees_each_line_and_learns_of_the_next() {
        let tail = LogTail::default();
        tail.begin();
        tail.push(line("one"));
        tail.push(line("two"));
        assert_eq!(tail.view(1, 10).lines, [line("two")]);
        assert_eq!(tail.view(0, 1).lines, [line("one")]);
        let changed = tail.changed();
        tail.push(line("three"));
        changed.await;
        assert_eq!(tail.view(2, 10).lines, [line("three")]);
        let changed = tail.changed();
        tail.close();
        changed.await;
        assert!(tail.view(3, 10).is_closed);
    }

    #[test]
    fn a_repeat_begins_anew_under_another_number() {
        let tail = LogTail::default();
        tail.begin();
        tail.push(line("one"));
        let first = tail.view(0, 10);
        tail.begin();
        let second = tail.view(0, 10);
        assert!(second.run != first.run && second.lines.is_empty());
    }
}
