//! `events`: publishing to the tenant's event bus.

use javy::quickjs::{Ctx, Object, Result, Value};

use super::prelude;
use crate::bindings::skerry::script::events::{self, Event};
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, { "publish": publish });
    prelude(cx, kit, "events", include_str!("events.js"), native)
}

fn publish(cx: Ctx<'_>, type_: String, data: String, subject: Option<String>, id: Option<String>) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || events::publish(&Event { type_, data, subject, id }))
}
