//! Loading a script and calling its entry.

use std::cell::{Cell, RefCell};

use javy::quickjs::module::{Declared, Evaluated};
use javy::quickjs::promise::PromiseState;
use javy::quickjs::{Ctx, Error, Function, Module, Object, Persistent, Promise, Result as JsResult, TypedArray, Value};

use crate::bindings::skerry::script::guest::{FailureKind, Request};
use crate::bindings::{Failure, Input, Output};
use crate::{execution, failure, globals, output};

/// What is called.
enum Entry {
    /// The default export is a function.
    Function(Persistent<Function<'static>>),
    /// The default export is an object with a `fetch` method, as edge workers have it.
    Worker(Persistent<Object<'static>>),
    /// There is no default export: the top level was all.
    TopLevel,
}

thread_local! {
    static ENTRY: RefCell<Entry> = const { RefCell::new(Entry::TopLevel) };
    /// Promises that `ctx.waitUntil` was given and that are still pending.
    static HOLDS: Cell<u32> = const { Cell::new(0) };
}

/// Another promise keeps the run open.
pub(super) fn hold() {
    HOLDS.set(HOLDS.get() + 1);
}

/// A promise that kept the run open is settled.
pub(super) fn release() {
    HOLDS.set(HOLDS.get().saturating_sub(1));
}

/// Load bytecode, run its top level to the end, and keep its entry.
pub(crate) fn load(cx: &Ctx<'_>, code: &[u8]) -> Result<(), Failure> {
    let (module, promise) = evaluate(cx, code).map_err(|raised| failure::thrown(cx, &raised))?;
    settle(cx, &promise, "the top level awaits a promise that can never settle")?;
    let entry = entry_of(cx, &module)?;
    ENTRY.set(entry);
    Ok(())
}

/// Call the entry and run until its promise is settled.
pub(crate) fn call(cx: &Ctx<'_>, input: Input) -> Result<Output, Failure> {
    let endpoint = matches!(input, Input::Request(_));
    let entered = enter(cx, input).map_err(|raised| failure::thrown(cx, &raised));
    let promise = match &entered {
        Ok(Returned::Promise(promise)) => Some(promise.as_value().clone()),
        _ => None,
    };
    let result = entered.and_then(|returned| finish(cx, returned));
    let result = if endpoint { result.and_then(|value| whole(cx, value)) } else { result };
    execution::end(cx, promise.as_ref());
    if endpoint { output::response(cx, result?) } else { output::json(cx, result?) }
}

/// What the entry returned: a promise is waited for, anything else is the result.
enum Returned<'js> {
    Value(Value<'js>),
    Promise(Promise<'js>),
}

fn evaluate<'js>(cx: &Ctx<'js>, code: &[u8]) -> JsResult<(Module<'js, Evaluated>, Promise<'js>)> {
    load_bytecode(cx, code)?.eval()
}

#[expect(unsafe_code, reason = "QuickJS trusts bytecode")]
fn load_bytecode<'js>(cx: &Ctx<'js>, code: &[u8]) -> JsResult<Module<'js, Declared>> {
    // SAFETY: the host passes only what `compile` of this very engine answered; whatever it passes, the sandbox holds.
    unsafe { Module::load(cx.clone(), code) }
}

fn entry_of<'js>(cx: &Ctx<'js>, module: &Module<'js, Evaluated>) -> Result<Entry, Failure> {
    find_entry(cx, module).map_err(|raised| failure::thrown(cx, &raised))?.map_err(|kind| {
        let message = format!("the default export is {kind}: export a function, or an object with a `fetch` method");
        failure::found(FailureKind::Syntax, "SyntaxError", &message)
    })
}

/// The entry, or what the default export is instead.
fn find_entry<'js>(cx: &Ctx<'js>, module: &Module<'js, Evaluated>) -> JsResult<Result<Entry, String>> {
    let exports = module.namespace()?;
    if !exports.contains_key("default")? {
        return Ok(Ok(Entry::TopLevel));
    }
    let default: Value<'js> = exports.get("default")?;
    if let Some(function) = default.as_function() {
        return Ok(Ok(Entry::Function(Persistent::save(cx, function.clone()))));
    }
    if let Some(object) = default.as_object()
        && object.get::<_, Value<'js>>("fetch")?.is_function()
    {
        return Ok(Ok(Entry::Worker(Persistent::save(cx, object.clone()))));
    }
    Ok(Err(globals::hook(cx, "describe")?.call((default,))?))
}

fn enter<'js>(cx: &Ctx<'js>, input: Input) -> JsResult<Returned<'js>> {
    let argument = match input {
        Input::Json(json) => cx.json_parse(json)?,
        Input::Request(request) => request_object(cx, request)?,
    };
    let returned: Value<'js> = match ENTRY.replace(Entry::TopLevel) {
        Entry::TopLevel => Value::new_null(cx.clone()),
        Entry::Function(function) => function.restore(cx)?.call((argument,))?,
        Entry::Worker(object) => globals::hook(cx, "callWorker")?.call((object.restore(cx)?, argument))?,
    };
    returned_of(cx, returned)
}

/// A thenable is waited for like a promise.
fn returned_of<'js>(cx: &Ctx<'js>, value: Value<'js>) -> JsResult<Returned<'js>> {
    if let Some(promise) = value.as_promise() {
        return Ok(Returned::Promise(promise.clone()));
    }
    let Some(object) = value.as_object() else { return Ok(Returned::Value(value)) };
    if !object.get::<_, Value<'js>>("then")?.is_function() {
        return Ok(Returned::Value(value));
    }
    let (promise, resolve, _) = Promise::new(cx)?;
    resolve.call::<_, ()>((value,))?;
    Ok(Returned::Promise(promise))
}

fn request_object<'js>(cx: &Ctx<'js>, request: Request) -> JsResult<Value<'js>> {
    let parts = Object::new(cx.clone())?;
    parts.set("method", request.method)?;
    parts.set("url", request.url)?;
    parts.set("headers", request.headers.into_iter().flat_map(|h| [h.name, h.value]).collect::<Vec<_>>())?;
    parts.set("body", TypedArray::new(cx.clone(), request.body)?)?;
    parts.set("params", request.params.into_iter().flat_map(|(name, value)| [name, value]).collect::<Vec<_>>())?;
    parts.set("auth", cx.json_parse(request.auth)?)?;
    globals::hook(cx, "incomingRequest")?.call((parts,))
}

/// Run to the end, and answer the result.
fn finish<'js>(cx: &Ctx<'js>, returned: Returned<'js>) -> Result<Value<'js>, Failure> {
    let result = match returned {
        Returned::Value(value) => {
            execution::drain(cx);
            value
        }
        Returned::Promise(promise) => settle(cx, &promise, "the script awaits a promise that can never settle")?,
    };
    drive_holds(cx);
    Ok(result)
}

/// Read the body of a response to its end where it is a stream.
fn whole<'js>(cx: &Ctx<'js>, value: Value<'js>) -> Result<Value<'js>, Failure> {
    let reading: JsResult<Value<'js>> =
        globals::hook(cx, "wholeResponse").and_then(|whole| whole.call((value.clone(),)));
    let reading = reading.map_err(|raised| failure::thrown(cx, &raised))?;
    if let Some(promise) = reading.as_promise() {
        settle(cx, promise, "the stream of the response's body never ends")?;
    }
    Ok(value)
}

/// Drive the execution until the promise is settled, and answer what it was resolved with.
fn settle<'js>(cx: &Ctx<'js>, promise: &Promise<'js>, stuck: &str) -> Result<Value<'js>, Failure> {
    let settled = execution::drive(cx, || promise.state() != PromiseState::Pending);
    if !settled.map_err(|raised| failure::thrown(cx, &raised))? {
        return Err(failure::found(FailureKind::UnresolvedPromise, "Error", stuck));
    }
    match promise.result::<Value<'js>>() {
        Some(Ok(value)) => Ok(value),
        Some(Err(Error::Exception)) => Err(failure::rejected(cx, cx.catch())),
        Some(Err(raised)) => Err(failure::thrown(cx, &raised)),
        None => Err(failure::found(FailureKind::UnresolvedPromise, "Error", stuck)),
    }
}

/// Wait for what `ctx.waitUntil` was given. It cannot change the result any more.
fn drive_holds(cx: &Ctx<'_>) {
    if HOLDS.get() == 0 {
        return;
    }
    match execution::drive(cx, || HOLDS.get() == 0) {
        Ok(true) => {}
        Ok(false) => globals::warn("waitUntil: the promise can never settle, and was given up"),
        Err(raised) => {
            let failure = failure::thrown(cx, &raised);
            globals::warn(&format!("waitUntil: {}: {}", failure.name, failure.message));
        }
    }
}
