//! How the executions of a script go on after a failure, how many go side by side, and when the script is paused.

use std::time::Duration;

use crate::executions::words;

words!(
    /// What becomes of an execution that a crash of the server cut off.
    OnInterrupt, "on_interrupt", {
        /// It runs again, as its next attempt.
        Retry = "retry",
        /// It ends as `interrupted`.
        Fail = "fail",
    }
);

words!(
    /// What becomes of an execution for which there is no place beside those that go on already.
    WhenFull, "when_full", {
        /// It waits for one of them to end.
        Queue = "queue",
        /// It does not take place.
        Skip = "skip",
    }
);

/// A script's own rules for its executions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunPolicy {
    /// Attempts of an asynchronous execution that fails, the first included: from 1 to [`RunPolicy::ATTEMPTS_MAX`].
    pub max_attempts: u32,
    /// How long it waits between them.
    pub backoff: Backoff,
    /// What becomes of one that a crash cut off; `None` for what its trigger promises: a schedule's ends, others run
    /// again.
    pub on_interrupt: Option<OnInterrupt>,
    /// How many go side by side; `None` where nothing is said.
    pub concurrency: Option<Concurrency>,
    /// Failures one after another until the script is paused for a while; `None` for never.
    pub breaker_failures: Option<u32>,
}

/// Exponential backoff with jitter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Before the second attempt. It doubles with each.
    pub initial: Duration,
    /// The longest.
    pub max: Duration,
}

/// How many executions of a script go side by side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concurrency {
    /// At most so many, from 1.
    pub max: u32,
    /// A JSON pointer (RFC 6901) into the input: executions are counted by what is there. All together where nothing is
    /// said.
    pub key: Option<String>,
    /// What becomes of the next one.
    pub when_full: WhenFull,
}

impl RunPolicy {
    /// The most attempts that a policy can name.
    pub const ATTEMPTS_MAX: u32 = 20;

    /// What holds where a script says nothing.
    pub const DEFAULT: Self = Self {
        max_attempts: 1,
        backoff: Backoff { initial: Duration::from_secs(5), max: Duration::from_secs(60 * 60) },
        on_interrupt: None,
        concurrency: None,
        breaker_failures: Some(20),
    };
}

impl Default for RunPolicy {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Backoff {
    /// How long to wait after `failures` failed attempts. `chance` is from 0 to 1: half of the time is certain and half
    /// is left to chance, so that what failed together does not come back together.
    pub fn delay(self, failures: u32, chance: f64) -> Duration {
        let doublings = failures.saturating_sub(1).min(31);
        let full = self.initial.saturating_mul(1 << doublings).min(self.max);
        full.mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_doubles_up_to_its_longest_and_half_of_it_is_certain() {
        let backoff = Backoff { initial: Duration::from_secs(2), max: Duration::from_secs(60) };
        assert_eq!(backoff.delay(1, 1.0), Duration::from_secs(2));
        assert_eq!(backoff.delay(3, 1.0), Duration::from_secs(8));
        assert_eq!(backoff.delay(3, 0.0), Duration::from_secs(4));
        assert_eq!(backoff.delay(1_000, 1.0), Duration::from_secs(60));
    }
}
