//! What the entry returned, as the host takes it.

use javy::quickjs::{Array, Ctx, Result as JsResult, String as JsString, TypedArray, Value};

use crate::bindings::skerry::script::guest::{FailureKind, Response};
use crate::bindings::skerry::script::types::Header;
use crate::bindings::{Failure, Output};
use crate::{failure, globals, text};

/// The most that one value may carry over the boundary. The host's own limit on results is lower.
const OUTPUT_BYTES: usize = 4 << 20;

/// The result as JSON: `null` for `undefined`.
pub(crate) fn json<'js>(cx: &Ctx<'js>, value: Value<'js>) -> Result<Output, Failure> {
    let unserialisable = if value.is_function() {
        Some("function")
    } else if value.is_symbol() {
        Some("symbol")
    } else {
        None
    };
    if let Some(kind) = unserialisable {
        let message = format!("the script returned a {kind}, which has no JSON form");
        return Err(failure::found(FailureKind::Thrown, "TypeError", &message));
    }
    let json = cx.json_stringify(value).map_err(|raised| failure::thrown(cx, &raised))?;
    let json = json.map_or_else(|| "null".into(), |json| text::lossy(cx, &json));
    bounded(json.len())?;
    Ok(Output::Json(json))
}

/// The result as a response. `response.js` tells a `Response` from an envelope and a plain value.
pub(crate) fn response<'js>(cx: &Ctx<'js>, value: Value<'js>) -> Result<Output, Failure> {
    let response = response_parts(cx, value).map_err(|raised| failure::thrown(cx, &raised))?;
    bounded(response.body.len())?;
    Ok(Output::Response(response))
}

fn response_parts<'js>(cx: &Ctx<'js>, value: Value<'js>) -> JsResult<Response> {
    let parts: Array<'js> = globals::hook(cx, "respond")?.call((value,))?;
    let fields: Array<'js> = parts.get(1)?;
    let mut headers = Vec::with_capacity(fields.len() / 2);
    for index in (0..fields.len()).step_by(2) {
        headers.push(Header { name: fields.get(index)?, value: fields.get(index + 1)? });
    }
    let body: Value<'js> = parts.get(2)?;
    let body = match body.as_string() {
        Some(string) => lossy_bytes(cx, string),
        None => TypedArray::<u8>::from_value(body)?.as_bytes().unwrap_or_default().to_vec(),
    };
    Ok(Response { status: parts.get(0)?, headers, body })
}

fn lossy_bytes<'js>(cx: &Ctx<'js>, string: &JsString<'js>) -> Vec<u8> {
    text::lossy(cx, string).into_bytes()
}

fn bounded(bytes: usize) -> Result<(), Failure> {
    if bytes <= OUTPUT_BYTES {
        return Ok(());
    }
    let message = format!("the result has {bytes} bytes; at most {OUTPUT_BYTES} can be handed over");
    Err(failure::found(FailureKind::OutputLimit, "RangeError", &message))
}
