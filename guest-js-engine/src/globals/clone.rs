//! `structuredClone`.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "clone", include_str!("clone.js"), Object::new(cx.clone())?)
}
