//! `services.<name>.<method>(…)`: the services that the operator connected.

use javy::quickjs::{Ctx, Function, Object, Result, Value};

use super::prelude;
use crate::bindings::skerry::script::services;
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "method": method });
    prelude(cx, kit, "services", include_str!("services.js"), native)
}

/// The function that calls one method, given the JSON array of its arguments.
fn method(cx: Ctx<'_>, service: String, method: String) -> Result<Function<'_>> {
    Function::new(cx, move |cx, arguments| call(cx, &service, &method, arguments))
}

fn call<'js>(cx: Ctx<'js>, service: &str, method: &str, arguments: String) -> Result<Value<'js>> {
    start_call(&cx, Reach::Outside, || services::call(service, method, &arguments))
}
