//! The clock of an execution: it stands still, and moves only when an answer is taken.
//!
//! QuickJS and Rust's library read the time through libc. Its two functions are defined here, so that neither reaches
//! for WASI and `Date` stays QuickJS's own, unpatched.

#![expect(unsafe_code, reason = "libc's own interface is raw pointers")]

use core::ffi::c_void;
use std::cell::Cell;

use crate::execution::{self, Need};

thread_local! {
    static START_MS: Cell<u64> = const { Cell::new(0) };
    static NOW_MS: Cell<u64> = const { Cell::new(0) };
}

/// Set the clock to the start of the execution, in Unix milliseconds.
pub(crate) fn start(clock_ms: u64) {
    START_MS.set(clock_ms);
    NOW_MS.set(clock_ms);
}

/// Move the clock to that of an answer. It never goes back, whatever the host says.
pub(crate) fn advance(clock_ms: u64) {
    NOW_MS.set(NOW_MS.get().max(clock_ms));
}

/// Unix milliseconds. Reading the clock ends an instance that has no execution.
pub(crate) fn now_ms() -> u64 {
    execution::require(Need::Clock);
    NOW_MS.get()
}

/// Milliseconds since the execution began.
pub(crate) fn elapsed_ms() -> u64 {
    now_ms() - START_MS.get()
}

/// The same, and 0 where there is no execution: nothing has passed then, and nothing is asked of the world.
pub(crate) fn elapsed_ms_or_zero() -> u64 {
    NOW_MS.get() - START_MS.get()
}

/// When the execution began, in Unix milliseconds.
pub(crate) fn origin_ms() -> u64 {
    execution::require(Need::Clock);
    START_MS.get()
}

/// libc's `struct timeval` on WASI.
#[repr(C)]
struct Timeval {
    seconds: i64,
    microseconds: i64,
}

/// libc's `struct timespec` on WASI.
#[repr(C)]
struct Timespec {
    seconds: i64,
    nanoseconds: i32,
}

#[unsafe(no_mangle)]
extern "C" fn gettimeofday(time: *mut Timeval, _zone: *mut c_void) -> i32 {
    let ms = now_ms() as i64;
    // SAFETY: libc's callers pass a valid pointer, or null.
    if let Some(time) = unsafe { time.as_mut() } {
        *time = Timeval { seconds: ms / 1_000, microseconds: ms % 1_000 * 1_000 };
    }
    0
}

#[unsafe(no_mangle)]
extern "C" fn clock_gettime(_clock: *const c_void, time: *mut Timespec) -> i32 {
    let ms = now_ms() as i64;
    // SAFETY: libc's callers pass a valid pointer, or null.
    if let Some(time) = unsafe { time.as_mut() } {
        *time = Timespec { seconds: ms / 1_000, nanoseconds: (ms % 1_000 * 1_000_000) as i32 };
    }
    0
}
