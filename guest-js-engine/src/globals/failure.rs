//! `SkerryError`, and reading whatever was thrown.

use javy::quickjs::{Ctx, Object, Result};

use super::{inspect, prelude};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    inspect::register(cx, kit)?;
    prelude(cx, kit, "failure", include_str!("failure.js"), Object::new(cx.clone())?)
}
