//! `structuredClone`.

use javy::quickjs::{Ctx, Object, Result, Value, qjs};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "classOf": class_of });
    prelude(cx, kit, "clone", include_str!("clone.js"), native)
}

/// The number of an object's class inside the engine: equal for objects of one kind, whatever their prototypes.
#[expect(unsafe_code, reason = "this question is not in the safe interface")]
fn class_of(value: Value<'_>) -> u32 {
    // SAFETY: `value` keeps the raw value alive, and only its header is read.
    unsafe { qjs::JS_GetClassID(value.as_raw()) }
}
