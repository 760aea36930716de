//! `Blob` and `File`: see `blob.js`.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "blob", include_str!("blob.js"), Object::new(cx.clone())?)
}
