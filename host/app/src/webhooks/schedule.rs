//! When a webhook is sent again: the pauses of Standard Webhooks, a little longer each by a part that differs from one
//! delivery to the next, so that what failed together does not come again together.

use domain::{UnixMillis, WebhookDeliveryId};

/// Seconds between one time and the next: the second comes 5 s after the first, the last a day after the one before.
const PAUSES_S: [i64; 9] =
    [5, 5 * 60, 30 * 60, 2 * 60 * 60, 5 * 60 * 60, 10 * 60 * 60, 14 * 60 * 60, 20 * 60 * 60, 24 * 60 * 60];

/// The most that a pause is longer, in parts of a thousand.
const JITTER_MAX: u64 = 100;

/// The longest that a receiver's own word puts off the next time.
const RETRY_AFTER_MAX_MS: i64 = 24 * 60 * 60 * 1000;

/// When a delivery that failed `made` times is sent again; `None` where that was the last time. Never before
/// `not_before`, as far as that is a day from now at most.
pub(super) fn next_at(
    delivery: WebhookDeliveryId,
    made: u32,
    now: UnixMillis,
    not_before: Option<UnixMillis>,
) -> Option<UnixMillis> {
    let pause_ms = PAUSES_S.get(usize::try_from(made).ok()?.checked_sub(1)?)? * 1000;
    let parts = i64::try_from(jitter(delivery, made)).unwrap_or_default();
    let scheduled = now.0.saturating_add(pause_ms + pause_ms * parts / 1000);
    let asked = not_before.map_or(0, |asked| asked.0.min(now.0.saturating_add(RETRY_AFTER_MAX_MS)));
    Some(UnixMillis(scheduled.max(asked)))
}

/// The same for the same delivery and time, and spread evenly over all of them.
fn jitter(delivery: WebhookDeliveryId, made: u32) -> u64 {
    let mut hasher = blake3::Hasher::new();
    hasher.update(delivery.as_bytes());
    hasher.update(&made.to_le_bytes());
    let hash: [u8; 32] = hasher.finalize().into();
    let first = hash.first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
    first % (JITTER_MAX + 1)
}

/// What `Retry-After` says, in whole seconds or as a date (RFC 9110, section 10.2.3); `None` for anything else.
pub(super) fn retry_after(value: &str, now: UnixMillis) -> Option<UnixMillis> {
    let value = value.trim();
    if let Ok(seconds) = value.parse::<u32>() {
        return Some(UnixMillis(now.0.saturating_add(i64::from(seconds) * 1000)));
    }
    let date = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?;
    Some(UnixMillis(date.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2027-01-15, 08:00:00 UTC, a Friday.
    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    #[test]
    fn a_delivery_is_sent_ten_times_at_pauses_that_grow() {
        let delivery = WebhookDeliveryId::generate();
        let pause_ms = |made| next_at(delivery, made, NOW, None).map(|at| at.0 - NOW.0);
        for (made, seconds) in (1..).zip(PAUSES_S) {
            let pause_ms = pause_ms(made).expect("there is a next time");
            assert!((seconds * 1000..=seconds * 1100).contains(&pause_ms), "{made}: {pause_ms}");
        }
        assert_eq!(pause_ms(10), None);
        assert_eq!(pause_ms(3), pause_ms(3));
    }

    #[test]
    fn what_failed_together_does_not_come_again_together() {
        let at = |_| next_at(WebhookDeliveryId::generate(), 2, NOW, None);
        let times: std::collections::HashSet<_> = (0..100).map(at).collect();
        assert!(times.len() > 30, "{}", times.len());
    }

    #[test]
    fn a_receiver_can_put_the_next_time_off_by_a_day_at_most() {
        let next = |value: &str| {
            let next = next_at(WebhookDeliveryId::generate(), 1, NOW, retry_after(value, NOW));
            next.map(|at| at.0 - NOW.0)
        };
        assert_eq!(next("120"), Some(120_000));
        assert_eq!(next("604800"), Some(RETRY_AFTER_MAX_MS));
        assert!(next("99999999999999999999").is_some_and(|pause| pause < 6_000), "it is no number of seconds");
        assert_eq!(retry_after("Fri, 15 Jan 2027 08:05:00 GMT", NOW), Some(UnixMillis(NOW.0 + 300_000)));
        assert_eq!(retry_after("soon", NOW), None);
        assert_eq!(retry_after("-5", NOW), None);
    }
}
