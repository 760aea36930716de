//! `console`: the log of the execution.

use javy::quickjs::{Ctx, Object, Result, String as JsString};

use super::prelude;
use crate::bindings::skerry::script::console;
use crate::bindings::skerry::script::types::LogLevel;
use crate::execution::{self, Need};
use crate::text;

/// A line longer than a person reads is cut; the host bounds the whole log.
const MESSAGE_BYTES: usize = 16 * 1024;

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "write": write });
    prelude(cx, kit, "console", include_str!("console.js"), native)
}

/// Write one line. `arguments` is left out where it is too long: half a JSON text is none.
fn write<'js>(cx: Ctx<'js>, level: u8, message: JsString<'js>, arguments: Option<String>) {
    execution::require(Need::Console);
    let level = match level {
        0 => LogLevel::Debug,
        1 => LogLevel::Info,
        2 => LogLevel::Warn,
        _ => LogLevel::Error,
    };
    let message = text::cut(text::lossy(&cx, &message), MESSAGE_BYTES);
    let arguments = arguments.filter(|json| json.len() <= MESSAGE_BYTES);
    console::write(level, &message, arguments.as_deref());
}
