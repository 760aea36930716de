//! `services.<name>.<method>(…)`: the services that the operator connected.

use javy::quickjs::{Ctx, Object, Result, Value};

use super::prelude;
use crate::bindings::skerry::script::services;
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "call": call });
    prelude(cx, kit, "services", include_str!("services.js"), native)
}

fn call(cx: Ctx<'_>, service: String, method: String, arguments: String) -> Result<Value<'_>> {
    start_call(&cx, Reach::Outside, || services::call(&service, &method, &arguments))
}
