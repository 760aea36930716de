//! What the host answered, as JavaScript values.

use javy::quickjs::{Array, Ctx, Error as JsError, IntoJs, Object, Result as JsResult, TypedArray, Value};

use crate::bindings::skerry::script::calls::{Answer, Page, Response};
use crate::bindings::skerry::script::types::Error;
use crate::{failure, globals};

/// The value to resolve a call's promise with, or the error to reject it with.
pub(crate) fn value<'js>(cx: &Ctx<'js>, outcome: Result<Answer, Error>) -> Result<Value<'js>, Value<'js>> {
    let converted = match outcome {
        Ok(answer) => from_answer(cx, answer),
        Err(error) => return Err(from_error(cx, &error).unwrap_or_else(|raised| failure::exception(cx, &raised))),
    };
    converted.map_err(|raised| failure::exception(cx, &raised))
}

fn from_answer<'js>(cx: &Ctx<'js>, answer: Answer) -> JsResult<Value<'js>> {
    match answer {
        Answer::Nothing => Ok(Value::new_undefined(cx.clone())),
        Answer::Value(json) => from_json(cx, json),
        Answer::Values(values) => {
            let array = Array::new(cx.clone())?;
            for (index, json) in values.into_iter().enumerate() {
                array.set(index, from_json(cx, json)?)?;
            }
            Ok(array.into_value())
        }
        Answer::Page(page) => from_page(cx, page),
        Answer::Text(text) => text.into_js(cx),
        Answer::Bytes(bytes) => Ok(TypedArray::new(cx.clone(), bytes)?.into_value()),
        Answer::Truth(truth) => Ok(Value::new_bool(cx.clone(), truth)),
        Answer::Response(response) => from_response(cx, response),
    }
}

fn from_json<'js>(cx: &Ctx<'js>, json: Option<String>) -> JsResult<Value<'js>> {
    json.map_or_else(|| Ok(Value::new_null(cx.clone())), |json| cx.json_parse(json))
}

fn from_page<'js>(cx: &Ctx<'js>, page: Page) -> JsResult<Value<'js>> {
    let entries = Array::new(cx.clone())?;
    for (index, entry) in page.entries.into_iter().enumerate() {
        let object = Object::new(cx.clone())?;
        object.set("key", entry.key)?;
        object.set("value", cx.json_parse(entry.value)?)?;
        entries.set(index, object)?;
    }
    let object = Object::new(cx.clone())?;
    object.set("entries", entries)?;
    object.set("cursor", page.cursor.map_or_else(|| Ok(Value::new_null(cx.clone())), |cursor| cursor.into_js(cx))?)?;
    Ok(object.into_value())
}

/// The parts of a response; `http.js` makes a `Response` of them.
fn from_response<'js>(cx: &Ctx<'js>, response: Response) -> JsResult<Value<'js>> {
    let headers = Array::new(cx.clone())?;
    for (index, header) in response.headers.into_iter().enumerate() {
        headers.set(2 * index, header.name)?;
        headers.set(2 * index + 1, header.value)?;
    }
    let object = Object::new(cx.clone())?;
    object.set("status", response.status)?;
    object.set("url", response.url)?;
    object.set("headers", headers)?;
    object.set("body", TypedArray::new(cx.clone(), response.body)?)?;
    object.set("redirected", response.redirected)?;
    Ok(object.into_value())
}

/// The error that a failed call's promise is rejected with: see `types.error` in the contract.
fn from_error<'js>(cx: &Ctx<'js>, error: &Error) -> JsResult<Value<'js>> {
    let (code, message) = match error {
        Error::CapabilityDenied(message) => ("capability_denied", message),
        Error::EgressDenied(message) => ("egress_denied", message),
        Error::InvalidArgument(message) => ("invalid_argument", message),
        Error::OutOfRange(message) => ("out_of_range", message),
        Error::HostcallLimit(message) => ("hostcall_limit", message),
        Error::Quota(message) => ("quota", message),
        Error::Conflict(message) => ("conflict", message),
        Error::NotFound(message) => ("not_found", message),
        Error::Unavailable(message) => ("unavailable", message),
        Error::Unsupported(message) => ("unsupported", message),
        Error::Other(message) => ("other", message),
    };
    globals::hook(cx, "hostError")?.call::<_, Value<'js>>((code, message.as_str())).map_err(JsError::from)
}
