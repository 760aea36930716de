//! `storage`: the tenant's key-value store.

use javy::quickjs::{Ctx, Object, Result, Value};

use super::prelude;
use crate::bindings::skerry::script::storage;
use crate::execution::{Reach, start_call};

pub(super) fn register<'js>(cx: &Ctx<'js>, kit: &Object<'js>) -> Result<()> {
    let native = natives!(cx, {
        "get": get,
        "getMany": get_many,
        "set": set,
        "delete": delete,
        "list": list,
        "increment": increment,
        "commit": commit,
    });
    prelude(cx, kit, "storage", include_str!("storage.js"), native)
}

fn get(cx: Ctx<'_>, key: String) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || storage::get(&key))
}

fn get_many(cx: Ctx<'_>, keys: Vec<String>) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || storage::get_many(&keys))
}

fn set(cx: Ctx<'_>, key: String, value: String, ttl_seconds: Option<u32>) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || storage::set(&key, &value, ttl_seconds))
}

fn delete(cx: Ctx<'_>, key: String) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || storage::delete(&key))
}

fn list(cx: Ctx<'_>, prefix: String, cursor: Option<String>, limit: u32) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || storage::list(&prefix, cursor.as_deref(), limit))
}

fn increment(cx: Ctx<'_>, key: String, by: f64) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, || storage::increment(&key, by))
}

fn commit(cx: Ctx<'_>) -> Result<Value<'_>> {
    start_call(&cx, Reach::Transaction, storage::commit)
}
