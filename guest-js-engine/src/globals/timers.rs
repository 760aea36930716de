//! `setTimeout` and its family: one host call for each waiting timer, none for one without a delay.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;
use crate::bindings::skerry::script::timers;
use crate::execution::{self, Need};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, {
        "soon": execution::fire_soon,
        "start": start,
        "cancel": cancel,
        "nest": execution::nest,
        "nesting": execution::nesting,
    });
    prelude(cx, kit, "timers", include_str!("timers.js"), native)
}

/// Start a host timer that fires the guest's timer of that number; answers the host's call. Nobody misses a quiet one.
fn start(timer: u32, delay_ms: f64, quiet: bool) -> u32 {
    execution::require(Need::Timers);
    // A cast from a float saturates: no delay is out of range.
    let call = timers::start(delay_ms as u64);
    execution::expect_timer(call, timer, quiet);
    call
}

fn cancel(call: u32) {
    execution::forget_timer(call);
    timers::cancel(call);
}
