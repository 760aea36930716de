//! What streams are used for: see `stream_uses.js`.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "stream_uses", include_str!("stream_uses.js"), Object::new(cx.clone())?)
}
