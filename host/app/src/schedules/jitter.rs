//! Jitter: schedules with the same expression do not all begin in the same second. Each is late by a part of its interval
//! that is its own and always the same (RULES 38).

use domain::UnixMillis;

/// Of the time until the next slot at most this part.
const PART_OF_INTERVAL: i64 = 10;

/// And at most this long.
const MAX_MS: i64 = 30_000;

/// How late slots of one schedule are, as a part of the most that they may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Jitter(pub(crate) u32);

impl Jitter {
    /// When the slot `at`, which `next` follows, is to be started. Always before `next`.
    pub(crate) fn due(self, at: UnixMillis, next: Option<UnixMillis>) -> UnixMillis {
        let interval = next.map_or(i64::MAX, |next| next.0.saturating_sub(at.0)).max(0);
        let most = (interval / PART_OF_INTERVAL).min(MAX_MS);
        // Below 2^15 * 2^32.
        UnixMillis(at.0 + ((most * i64::from(self.0)) >> 32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_late_by_at_most_a_tenth_of_its_interval_and_by_thirty_seconds() {
        let due = |part, interval: Option<i64>| {
            Jitter(part).due(UnixMillis(1_000), interval.map(|ms| UnixMillis(1_000 + ms))).0
        };
        assert_eq!(due(0, Some(60_000)), 1_000);
        assert_eq!(due(u32::MAX / 2 + 1, Some(60_000)), 4_000);
        assert_eq!(due(u32::MAX, Some(60_000)), 6_999);
        assert_eq!(due(u32::MAX, Some(86_400_000)), 30_999);
        assert_eq!(due(u32::MAX, None), 30_999);
        assert_eq!(due(u32::MAX, Some(0)), 1_000);
    }
}
