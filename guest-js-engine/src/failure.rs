//! What a thrown value becomes. Anything at all can be thrown, and none of it may end the instance by itself.

use javy::quickjs::{Array, Ctx, Error, Exception, Result, String as JsString, Value};

use crate::bindings::Failure;
use crate::bindings::skerry::script::guest::FailureKind;
use crate::{globals, text};

/// An error's name is shown in lists: one short line.
const NAME_BYTES: usize = 200;
/// A message that explains something fits; one that carries a document does not.
const MESSAGE_BYTES: usize = 8 * 1024;
/// Some hundred frames.
const STACK_BYTES: usize = 16 * 1024;

/// The failure for what the script just threw.
pub(crate) fn thrown(cx: &Ctx<'_>, raised: &Error) -> Failure {
    let value = exception(cx, raised);
    described(cx, FailureKind::Thrown, value)
}

/// The failure of source that does not compile.
pub(crate) fn syntax(cx: &Ctx<'_>, raised: &Error) -> Failure {
    let value = exception(cx, raised);
    described(cx, FailureKind::Syntax, value)
}

/// The failure for a value that a promise was rejected with.
pub(crate) fn rejected<'js>(cx: &Ctx<'js>, reason: Value<'js>) -> Failure {
    described(cx, FailureKind::Thrown, reason)
}

/// A failure that the guest itself found.
pub(crate) fn found(kind: FailureKind, name: &str, message: &str) -> Failure {
    Failure { kind, name: name.into(), message: message.into(), stack: String::new(), code: None }
}

/// The value behind a Rust error: what was thrown, or an error made for a conversion that failed.
pub(crate) fn exception<'js>(cx: &Ctx<'js>, raised: &Error) -> Value<'js> {
    if raised.is_exception() || cx.has_exception() {
        return cx.catch();
    }
    match Exception::from_message(cx.clone(), &raised.to_string()) {
        Ok(exception) => exception.into_value(),
        Err(_) => cx.catch(),
    }
}

fn described<'js>(cx: &Ctx<'js>, kind: FailureKind, value: Value<'js>) -> Failure {
    describe(cx, kind, value).unwrap_or_else(|_| {
        cx.catch();
        found(kind, "Error", "the script threw a value that cannot be shown")
    })
}

/// `failure.js` reads the value with every getter at arm's length, and answers name, message, stack and code.
fn describe<'js>(cx: &Ctx<'js>, kind: FailureKind, value: Value<'js>) -> Result<Failure> {
    let parts: Array<'js> = globals::hook(cx, "describeThrown")?.call((value,))?;
    let part = |index, max_bytes| -> Result<String> {
        let part: JsString<'js> = parts.get(index)?;
        Ok(text::cut(text::lossy(cx, &part), max_bytes))
    };
    let code: Option<JsString<'js>> = parts.get(3)?;
    Ok(Failure {
        kind,
        name: part(0, NAME_BYTES)?,
        message: part(1, MESSAGE_BYTES)?,
        stack: part(2, STACK_BYTES)?,
        code: code.map(|code| text::cut(text::lossy(cx, &code), NAME_BYTES)),
    })
}
