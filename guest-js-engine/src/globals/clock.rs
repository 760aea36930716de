//! `performance`: the clock of the execution, from its beginning. `Date` is QuickJS's own (see `crate::clock`).

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;
use crate::clock;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, {
        "elapsed": || clock::elapsed_ms() as f64,
        "elapsedOrZero": || clock::elapsed_ms_or_zero() as f64,
        "origin": || clock::origin_ms() as f64,
    });
    prelude(cx, kit, "clock", include_str!("clock.js"), native)
}
