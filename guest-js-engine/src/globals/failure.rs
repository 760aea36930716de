//! `SkerryError`, and reading whatever was thrown.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "failure", include_str!("failure.js"), Object::new(cx.clone())?)
}
