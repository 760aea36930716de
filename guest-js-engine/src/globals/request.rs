//! `Request`, also as the argument of endpoint scripts.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "request", include_str!("request.js"), Object::new(cx.clone())?)
}
