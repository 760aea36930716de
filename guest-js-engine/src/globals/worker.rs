//! Entries in the style of edge workers: `export default { async fetch(request, env, ctx) { … } }`.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;
use crate::entry;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "hold": entry::hold, "release": entry::release });
    prelude(cx, kit, "worker", include_str!("worker.js"), native)
}
