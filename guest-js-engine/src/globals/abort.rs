//! `AbortController` and `AbortSignal`.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "abort", include_str!("abort.js"), Object::new(cx.clone())?)
}
