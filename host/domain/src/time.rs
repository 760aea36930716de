//! Time as the database and the interfaces write it.

use crate::Invalid;

/// Unix time in whole milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UnixMillis(pub i64);

impl UnixMillis {
    /// The clock of this machine.
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_millisecond())
    }

    /// This moment as RFC 3339 in UTC, with milliseconds. A moment outside the years −9999 to 9999 is written as the
    /// nearest one inside.
    pub fn to_rfc3339(self) -> String {
        let clamped = self.0.clamp(jiff::Timestamp::MIN.as_millisecond(), jiff::Timestamp::MAX.as_millisecond());
        match jiff::Timestamp::from_millisecond(clamped) {
            Ok(timestamp) => format!("{timestamp:.3}"),
            Err(_) => String::from("1970-01-01T00:00:00.000Z"),
        }
    }

    /// Read a moment as RFC 3339 writes it; what is finer than a millisecond is left out.
    ///
    /// # Errors
    /// The text is no such moment.
    pub fn from_rfc3339(text: &str) -> Result<Self, Invalid> {
        let timestamp: Result<jiff::Timestamp, _> = text.parse();
        let invalid = |_| Invalid::new("time", "a time is written as 2026-11-01T00:00:00Z (RFC 3339)");
        timestamp.map(|timestamp| Self(timestamp.as_millisecond())).map_err(invalid)
    }

    /// The day in UTC that this moment belongs to, as days since 1970-01-01.
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(24 * 60 * 60 * 1000)
    }
}
