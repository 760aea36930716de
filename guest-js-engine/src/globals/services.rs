//! `services.<name>.<method>(…)`: the services that the operator connected.

use javy::quickjs::{Ctx, Function, Object, Result, Value};

use super::prelude;
use crate::bindings::skerry::script::services;
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "method": method, "methodOfText": method_of_text });
    prelude(cx, kit, "services", include_str!("services.js"), native)
}

/// The function that calls one method, given the JSON array of its arguments.
fn method(cx: Ctx<'_>, service: String, method: String) -> Result<Function<'_>> {
    Function::new(cx, move |cx, arguments| call(cx, &service, &method, arguments))
}

/// The same for exactly one text as the argument.
fn method_of_text(cx: Ctx<'_>, service: String, method: String) -> Result<Function<'_>> {
    Function::new(cx, move |cx, argument: String| call(cx, &service, &method, array_of(&argument)))
}

/// The JSON array of one text.
fn array_of(text: &str) -> String {
    let mut json = String::with_capacity(text.len() + 4);
    json.push_str("[\"");
    for c in text.chars() {
        match c {
            '"' => json.push_str("\\\""),
            '\\' => json.push_str("\\\\"),
            c if c < ' ' => json.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => json.push(c),
        }
    }
    json.push_str("\"]");
    json
}

fn call<'js>(cx: Ctx<'js>, service: &str, method: &str, arguments: String) -> Result<Value<'js>> {
    start_call(&cx, Reach::Outside, || services::call(service, method, &arguments))
}
