//! Rates: a bucket that fills evenly with a minute's worth, and is taken from one by one; and what counts as one caller.

use std::{
    net::{IpAddr, Ipv6Addr},
    time::{Duration, Instant},
};

/// What every rate is counted by.
pub(crate) const MINUTE: Duration = Duration::from_secs(60);

/// A bucket that fills with a minute's requests within a minute.
#[derive(Debug)]
pub(crate) struct Bucket {
    left: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    pub(crate) fn full(per_minute: u32, now: Instant) -> Self {
        Self { left: f64::from(per_minute), at: now }
    }

    /// Take one.
    ///
    /// # Errors
    /// How long it is until there is one again.
    pub(crate) fn take(&mut self, per_minute: u32, now: Instant) -> Result<(), Duration> {
        let most = f64::from(per_minute);
        let filled = now.saturating_duration_since(self.at).as_secs_f64() / MINUTE.as_secs_f64() * most;
        self.left = (self.left + filled).min(most);
        self.at = now;
        if self.left < 1.0 {
            return Err(MINUTE.mul_f64((1.0 - self.left) / most.max(1.0)));
        }
        self.left -= 1.0;
        Ok(())
    }
}

/// What is counted as one address: of IPv6 the /64 that one subscriber commonly has to himself.
pub(crate) fn neighbourhood(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64)),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_gives_a_minutes_requests_and_fills_again_within_a_minute() {
        let start = Instant::now();
        let mut bucket = Bucket::full(6, start);
        let taken = |bucket: &mut Bucket, at: Instant| (0..20).filter(|_| bucket.take(6, at).is_ok()).count();
        assert_eq!(taken(&mut bucket, start), 6);
        assert_eq!(bucket.take(6, start), Err(Duration::from_secs(10)));
        assert_eq!(taken(&mut bucket, start + Duration::from_millis(10_001)), 1);
        assert_eq!(taken(&mut bucket, start + 2 * MINUTE), 6);
        assert_eq!(taken(&mut bucket, start), 0, "a clock that goes back gives nothing");
    }
}
