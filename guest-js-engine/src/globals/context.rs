//! `context`: who and what this execution is.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;
use crate::execution::{self, Need};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "read": read });
    prelude(cx, kit, "context", include_str!("context.js"), native)
}

/// The JSON text of the context. It is parsed only where a script looks, so that its length alone bears on the fuel.
fn read() -> String {
    execution::start_record(Need::Context, |start| start.context.clone()).unwrap_or_else(|| "null".into())
}
