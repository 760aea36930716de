//! What one connection does, and whether it still may: pure bookkeeping over instants that its caller brings.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

use super::limits::{ConnectionLimits, FINISH_GRACE};

/// What is known of one connection.
#[derive(Debug)]
pub(super) struct Activity {
    /// Since when it has had no request in progress; when it was opened, at first.
    quiet_since: Instant,
    has_asked: bool,
    /// Since when a head has been coming in.
    head_since: Option<Instant>,
    requests: usize,
    answers: HashMap<u64, Answer>,
    last_answer: u64,
}

/// An answer that is being sent.
#[derive(Debug, Default)]
struct Answer {
    /// Since when a piece has waited for the peer to take it; `None` while the next piece is being made.
    waiting_since: Option<Instant>,
    waited: Duration,
    taken_bytes: u64,
    waiting_bytes: u64,
}

/// What becomes of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Keep,
    /// It answers what it was asked, and ends.
    Finish,
    /// It ends at once.
    Cut(&'static str),
}

impl Activity {
    pub(super) fn new(now: Instant) -> Self {
        let (answers, last_answer) = (HashMap::new(), 0);
        Self { quiet_since: now, has_asked: false, head_since: None, requests: 0, answers, last_answer }
    }

    /// A head is coming in, or none is any more.
    pub(super) fn note_head(&mut self, now: Option<Instant>) {
        self.head_since = now.map(|now| self.head_since.unwrap_or(now));
    }

    /// A request begins.
    pub(super) fn begin_request(&mut self) {
        self.has_asked = true;
        self.head_since = None;
        self.requests += 1;
    }

    /// Whether a request has ever begun.
    pub(super) fn has_asked(&self) -> bool {
        self.has_asked
    }

    /// A request was answered, or its peer went away.
    pub(super) fn end_request(&mut self, now: Instant) {
        self.requests = self.requests.saturating_sub(1);
        self.quiet_since = now;
    }

    /// An answer begins; answers its number.
    pub(super) fn begin_answer(&mut self) -> u64 {
        self.last_answer += 1;
        self.answers.insert(self.last_answer, Answer::default());
        self.last_answer
    }

    /// So many bytes of an answer were handed on, and wait for the peer.
    pub(super) fn hand_on(&mut self, answer: u64, bytes: u64, now: Instant) {
        if let Some(answer) = self.answers.get_mut(&answer) {
            answer.waiting_since = Some(now);
            answer.waiting_bytes = bytes;
        }
    }

    /// There is room for the next piece of an answer.
    pub(super) fn take(&mut self, answer: u64, now: Instant) {
        if let Some(answer) = self.answers.get_mut(&answer)
            && let Some(since) = answer.waiting_since.take()
        {
            answer.waited += now.saturating_duration_since(since);
            answer.taken_bytes += std::mem::take(&mut answer.waiting_bytes);
        }
    }

    /// All of an answer was handed on.
    pub(super) fn end_answer(&mut self, answer: u64) {
        self.answers.remove(&answer);
    }

    /// Since when nothing is under way that its peer could miss. The longer, the less is lost by closing it.
    pub(super) fn quiet_since(&self) -> Option<Instant> {
        (self.requests == 0).then_some(self.quiet_since)
    }

    /// What becomes of it.
    pub(super) fn judge(&self, now: Instant, limits: &ConnectionLimits) -> Verdict {
        if self.answers.values().any(|answer| answer.is_slow(now, limits)) {
            return Verdict::Cut("its peer does not take its answers");
        }
        if self.requests > 0 {
            return Verdict::Keep;
        }
        let quiet = now.saturating_duration_since(self.quiet_since);
        // A head may have begun to come in behind a request that was still being answered.
        let in_head = self.head_since.map(|since| now.saturating_duration_since(since.max(self.quiet_since)));
        if in_head.is_some_and(|in_head| in_head > limits.headers_timeout) {
            Verdict::Cut("its headers take too long")
        } else if !self.has_asked && quiet > limits.headers_timeout {
            Verdict::Cut("it asks nothing")
        } else if quiet > limits.idle_timeout + FINISH_GRACE {
            Verdict::Cut("it does not end")
        } else if quiet > limits.idle_timeout {
            Verdict::Finish
        } else {
            Verdict::Keep
        }
    }
}

impl Answer {
    fn is_slow(&self, now: Instant, limits: &ConnectionLimits) -> bool {
        let Some(since) = self.waiting_since else { return false };
        let waits = now.saturating_duration_since(since);
        let counted = (self.waited + waits).saturating_sub(limits.answer_grace);
        // What waits now counts as taken: how much of it was taken already is not known.
        let bytes = u128::from(self.taken_bytes + self.waiting_bytes) * 1000;
        waits > limits.answer_stall || bytes < counted.as_millis() * u128::from(limits.answer_bytes_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn limits() -> ConnectionLimits {
        ConnectionLimits::default()
    }

    #[test]
    fn a_connection_that_asks_nothing_is_cut_after_the_time_of_a_head() {
        let begun = Instant::now();
        let activity = Activity::new(begun);
        assert_eq!(activity.judge(begun + 10 * SECOND, &limits()), Verdict::Keep);
        assert!(matches!(activity.judge(begun + 11 * SECOND, &limits()), Verdict::Cut(_)));
    }

    #[test]
    fn a_head_that_trickles_is_cut_on_a_kept_connection_too() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        activity.begin_request();
        activity.end_request(begun + SECOND);
        activity.note_head(Some(begun + 30 * SECOND));
        activity.note_head(Some(begun + 39 * SECOND));
        assert_eq!(activity.judge(begun + 40 * SECOND, &limits()), Verdict::Keep);
        assert!(matches!(activity.judge(begun + 41 * SECOND, &limits()), Verdict::Cut(_)));
        activity.note_head(None);
        assert_eq!(activity.judge(begun + 41 * SECOND, &limits()), Verdict::Keep);
    }

    #[test]
    fn an_idle_connection_is_asked_to_end_and_then_cut() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        activity.begin_request();
        assert_eq!(activity.judge(begun + 3600 * SECOND, &limits()), Verdict::Keep, "a request may take its time");
        activity.end_request(begun + 3600 * SECOND);
        assert_eq!(activity.judge(begun + 3660 * SECOND, &limits()), Verdict::Keep);
        assert_eq!(activity.judge(begun + 3661 * SECOND, &limits()), Verdict::Finish);
        assert!(matches!(activity.judge(begun + 3666 * SECOND, &limits()), Verdict::Cut(_)));
    }

    #[test]
    fn an_answer_that_is_not_taken_cuts_its_connection() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        activity.begin_request();
        let answer = activity.begin_answer();
        assert_eq!(activity.judge(begun + 100 * SECOND, &limits()), Verdict::Keep, "it is still being made");
        activity.hand_on(answer, 1 << 20, begun + 100 * SECOND);
        assert_eq!(activity.judge(begun + 130 * SECOND, &limits()), Verdict::Keep);
        assert!(matches!(activity.judge(begun + 131 * SECOND, &limits()), Verdict::Cut(_)));
    }

    #[test]
    fn an_answer_has_to_keep_a_least_rate_and_only_its_peers_time_counts() {
        let begun = Instant::now();
        let mut activity = Activity::new(begun);
        activity.begin_request();
        let answer = activity.begin_answer();
        let mut now = begun;
        for _ in 0..100 {
            activity.hand_on(answer, 16 << 10, now);
            now += 16 * SECOND;
            assert_eq!(activity.judge(now, &limits()), Verdict::Keep);
            activity.take(answer, now);
            now += 100 * SECOND;
        }
        for _ in 0..3 {
            activity.hand_on(answer, 1 << 10, now);
            now += 20 * SECOND;
            activity.take(answer, now);
        }
        activity.hand_on(answer, 1, now);
        assert!(matches!(activity.judge(now, &limits()), Verdict::Cut(_)));
        activity.end_answer(answer);
        assert_eq!(activity.judge(now, &limits()), Verdict::Keep);
    }
}
