//! What Web IDL asks of every interface of the web: see `webidl.js`.

use javy::quickjs::{Ctx, Object, Result};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    prelude(cx, kit, "webidl", include_str!("webidl.js"), Object::new(cx.clone())?)
}
