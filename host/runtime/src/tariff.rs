//! What host calls cost: the published tariff, in units of fuel.
//!
//! A unit is about a Wasm instruction; 10 to 20 of them take a nanosecond of one core. The prices are near what the host
//! spends, so that a loop of cheap calls costs its author what it costs the machine. They are part of the determinism
//! that SPEC section 3 promises: a change of a price changes every recorded execution's fuel, and so is a new journal
//! version.

/// One host call, whatever it asks: start, delivery, journal. About 2 µs.
pub const CALL: u64 = 25_000;

/// One line of log. About 0.5 µs.
pub const LOG_LINE: u64 = 6_000;

/// One byte that crosses the boundary in either direction, log messages included: it is copied, recorded and sealed.
pub const BYTE: u64 = 16;

/// The price of a call that hands over `bytes`.
pub fn call(bytes: u64) -> u64 {
    CALL.saturating_add(bytes.saturating_mul(BYTE))
}

/// The price of an answer of `bytes`.
pub fn answer(bytes: u64) -> u64 {
    bytes.saturating_mul(BYTE)
}

/// The price of a line of log of `bytes`.
pub fn log_line(bytes: u64) -> u64 {
    LOG_LINE.saturating_add(bytes.saturating_mul(BYTE))
}
