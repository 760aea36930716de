//! The globals that a script sees: one file each, with one `register`.
//!
//! What needs the host or speed is Rust; what is shape (argument checks, classes, proxies) is a prelude in JavaScript
//! beside it, evaluated when the engine is built, so that it costs a run nothing. Preludes share `kit`: the primordials,
//! taken before any script could patch them, and the hooks that Rust calls back. No script ever sees it.

/// An object of native functions, by name: the half of a global that a prelude builds on.
macro_rules! natives {
    ($cx:expr, { $($name:literal: $function:expr),* $(,)? }) => {{
        let native = javy::quickjs::Object::new($cx.clone())?;
        $(native.set($name, javy::quickjs::Function::new($cx.clone(), $function)?)?;)*
        native
    }};
}

mod abort;
mod blob;
mod body;
mod bytes;
mod clock;
mod clone;
mod console;
mod context;
mod crypto;
mod dates;
mod encoding;
mod event_target;
mod events;
mod failure;
mod form_data;
mod headers;
mod http;
mod inspect;
mod random;
mod request;
mod response;
mod secrets;
mod services;
mod storage;
mod stream_uses;
mod streams;
mod subtle;
mod timers;
mod url;
mod utils;
mod webidl;
mod worker;

use std::cell::RefCell;

use javy::quickjs::context::EvalOptions;
use javy::quickjs::{Ctx, Function, Object, Persistent, Result};

use crate::bindings::skerry::script::{console as host_console, types::LogLevel};

thread_local! {
    static KIT: RefCell<Option<Persistent<Object<'static>>>> = const { RefCell::new(None) };
}

/// Register every global. The order matters where one prelude uses what another put into the kit.
pub(crate) fn register(cx: &Ctx<'_>) -> Result<()> {
    let kit = Object::new(cx.clone())?;
    prelude(cx, &kit, "kit", include_str!("kit.js"), Object::new(cx.clone())?)?;
    let registers = [
        inspect::register,
        webidl::register,
        failure::register,
        bytes::register,
        clock::register,
        context::register,
        console::register,
        random::register,
        subtle::register,
        crypto::register,
        timers::register,
        secrets::register,
        event_target::register,
        abort::register,
        encoding::register,
        streams::register,
        stream_uses::register,
        blob::register,
        url::register,
        form_data::register,
        headers::register,
        body::register,
        request::register,
        response::register,
        http::register,
        clone::register,
        dates::register,
        utils::register,
        storage::register,
        services::register,
        events::register,
        worker::register,
    ];
    for register in registers {
        register(cx, &kit)?;
    }
    KIT.set(Some(Persistent::save(cx, kit)));
    Ok(())
}

/// A function that a prelude put into the kit for Rust to call.
pub(crate) fn hook<'js>(cx: &Ctx<'js>, name: &str) -> Result<Function<'js>> {
    let kit = KIT.with_borrow(Option::clone).ok_or(javy::quickjs::Error::Unknown)?;
    kit.restore(cx)?.get(name)
}

/// Write a warning line of the engine's own.
pub(crate) fn warn(message: &str) {
    host_console::write(LogLevel::Warn, message, None);
}

/// Evaluate a prelude: a function of its native half and the kit.
fn prelude<'js>(cx: &Ctx<'js>, kit: &Object<'js>, name: &str, source: &str, native: Object<'js>) -> Result<()> {
    let mut options = EvalOptions::default();
    options.filename = Some(format!("skerry:{name}"));
    cx.eval_with_options::<Function<'js>, _>(source, options)?.call((native, kit.clone()))
}
