//! Time as the database and the interfaces write it.

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

    /// The day in UTC that this moment belongs to, as days since 1970-01-01.
    pub fn utc_day(self) -> i64 {
        self.0.div_euclid(24 * 60 * 60 * 1000)
    }
}
