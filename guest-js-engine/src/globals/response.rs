//! `Response`, and what an endpoint script's result becomes.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "response", include_str!("response.js"), Object::new(cx.clone())?)
}
