//! `Event`, `CustomEvent` and `EventTarget`, after the DOM standard as far as it goes without a tree of nodes.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "event_target", include_str!("event_target.js"), Object::new(cx.clone())?)
}
