//! `ReadableStream`, as far as bodies need one.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "streams", include_str!("streams.js"), Object::new(cx.clone())?)
}
