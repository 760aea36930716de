//! `Headers`, after the fetch standard.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "headers", include_str!("headers.js"), Object::new(cx.clone())?)
}
