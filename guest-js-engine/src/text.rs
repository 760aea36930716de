//! Guest text on its way out: UTF-8, and no longer than its bound.

use javy::quickjs::{Ctx, String as JsString};

/// Cut `text` to at most `max_bytes`, between characters.
pub(crate) fn cut(mut text: String, max_bytes: usize) -> String {
    text.truncate(text.floor_char_boundary(max_bytes));
    text
}

/// The text of a JavaScript string, each lone surrogate as U+FFFD.
pub(crate) fn lossy<'js>(cx: &Ctx<'js>, text: &JsString<'js>) -> String {
    text.to_string().unwrap_or_else(|error| {
        // An encoding error leaves no exception; running out of memory does, and is dropped here.
        cx.catch();
        match error {
            javy::quickjs::Error::Utf8(_) => javy::to_string_lossy(cx, text, error),
            _ => String::new(),
        }
    })
}
