//! Showing any value as text, for logs and errors, without running a line of the script's.

use javy::quickjs::{Ctx, Object, Result, Value, qjs};

use super::prelude;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "kind": kind });
    prelude(cx, kit, "inspect", include_str!("inspect.js"), native)
}

/// What an object is in truth, whatever its prototype or its traps say.
#[expect(unsafe_code, reason = "these questions are not in the safe interface")]
fn kind(value: Value<'_>) -> &'static str {
    let raw = value.as_raw();
    // SAFETY: `value` keeps the raw value alive, and each of these only reads its header.
    unsafe {
        if qjs::JS_IsProxy(raw) {
            "proxy"
        } else if qjs::JS_IsError(raw) {
            "error"
        } else if qjs::JS_IsArray(raw) {
            "array"
        } else if qjs::JS_IsMap(raw) {
            "map"
        } else if qjs::JS_IsSet(raw) {
            "set"
        } else if qjs::JS_IsDate(raw) {
            "date"
        } else if qjs::JS_IsRegExp(raw) {
            "regexp"
        } else if qjs::JS_IsPromise(raw) {
            "promise"
        } else if qjs::JS_IsArrayBuffer(raw) {
            "buffer"
        } else if qjs::JS_GetTypedArrayType(raw) >= 0 {
            "bytes"
        } else {
            "object"
        }
    }
}
