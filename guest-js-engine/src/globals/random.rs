//! `Math.random`: a generator of our own, with a seed of its own.

use std::cell::Cell;

use javy::quickjs::{Ctx, Function, Object, Result};

use crate::execution::{self, Need};

thread_local! {
    /// The state of xorshift128+; set up at the first draw, so that a script which draws nothing pays nothing.
    static STATE: Cell<Option<(u64, u64)>> = const { Cell::new(None) };
}

/// Replace what the engine registered, whose seed would be the clock.
pub(super) fn register<'js>(cx: &Ctx<'js>, _kit: &Object<'js>) -> Result<()> {
    let random = Function::new(cx.clone(), random)?.with_name("random")?;
    cx.globals().get::<_, Object<'js>>("Math")?.set("random", random)
}

/// A number of 53 random bits, at least 0 and below 1.
fn random() -> f64 {
    let (mut a, b) = STATE.get().unwrap_or_else(seed);
    a ^= a << 23;
    a ^= a >> 17;
    a ^= b ^ (b >> 26);
    STATE.set(Some((b, a)));
    (a.wrapping_add(b) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Spread over all bits (splitmix64), so that seeds which differ in one bit share nothing. All zeros is the one state
/// that the generator never leaves.
fn seed() -> (u64, u64) {
    let (a, b) = execution::start_record(Need::Random, |start| start.random_seed).unwrap_or_default();
    let state = (spread(a), spread(b ^ a.rotate_left(32)));
    if state == (0, 0) { (1, 2) } else { state }
}

fn spread(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
