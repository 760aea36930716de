//! What requests and responses have in common: a body, whole.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "body", include_str!("body.js"), Object::new(cx.clone())?)
}
