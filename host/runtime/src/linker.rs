//! The table of imports: each function of the contract as one line that makes a [`HostCall`] and hands it to the gate.

use wasmtime::{
    Engine, StoreContextMut,
    component::{Component, HasSelf, InstancePre, Linker},
};
use wasmtime_wasi::p2::bindings::clocks::wall_clock;

use crate::{
    calls::HostCall,
    contract::{Delivery, Event, HmacAlgorithm, HttpRequest, LogLevel, Secret},
    instance::{State, charge},
    stop::Stop,
    tariff,
};

type Caller<'a> = StoreContextMut<'a, State>;
type Answer<T> = wasmtime::Result<(T,)>;

/// Link a component of the world `script`.
pub(crate) fn link_script(engine: &Engine, component: &Component) -> wasmtime::Result<InstancePre<State>> {
    let mut linker = Linker::new(engine);
    link_calls(&mut linker)?;
    link_capabilities(&mut linker)?;
    wall_clock::add_to_linker::<State, HasSelf<State>>(&mut linker, |state| state)?;
    // What the preview-1 adapter imports and the guest must not have: files, streams, environment, entropy.
    linker.define_unknown_imports_as_traps(component)?;
    linker.instantiate_pre(component)
}

/// Link a component of the world `compiler`, which imports nothing that works.
pub(crate) fn link_compiler(engine: &Engine, component: &Component) -> wasmtime::Result<InstancePre<State>> {
    let mut linker = Linker::new(engine);
    linker.define_unknown_imports_as_traps(component)?;
    linker.instantiate_pre(component)
}

fn link_calls(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("skerry:script/calls@1.0.0")?.func_wrap_async("next", |mut store: Caller<'_>, ()| {
        Box::new(async move {
            let delivery: Delivery = store.data_mut().gate("host calls")?.next().await?;
            charge(&mut store, tariff::answer(crate::calls::answer_bytes(&delivery.outcome)))?;
            Ok((delivery,))
        })
    })?;
    linker.instance("skerry:script/console@1.0.0")?.func_wrap("write", write_log)?;
    let mut timers = linker.instance("skerry:script/timers@1.0.0")?;
    timers.func_wrap("start", |store, (delay_ms,): (u64,)| start(store, HostCall::Timer { delay_ms }))?;
    timers.func_wrap("cancel", |mut store: Caller<'_>, (id,): (u32,)| {
        charge(&mut store, tariff::LOG_LINE)?;
        store.data_mut().gate("timers")?.cancel_timer(id);
        Ok(())
    })?;
    let mut pages = linker.instance("skerry:script/pages@1.0.0")?;
    pages.func_wrap("next-address", |_: Caller<'_>, ()| -> Answer<u32> { Err(out_of_turn()) })?;
    pages.func_wrap("next-run", |_: Caller<'_>, ()| -> Answer<Vec<u8>> { Err(out_of_turn()) })
}

fn link_capabilities(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    let mut storage = linker.instance("skerry:script/storage@1.0.0")?;
    storage.func_wrap("get", |store, (key,): (String,)| start(store, HostCall::StorageGet { key }))?;
    storage.func_wrap("get-many", |store, (keys,): (Vec<String>,)| start(store, HostCall::StorageGetMany { keys }))?;
    storage.func_wrap("set", |store, (key, value, ttl_seconds): (String, String, Option<u32>)| {
        start(store, HostCall::StorageSet { key, value, ttl_seconds })
    })?;
    storage.func_wrap("delete", |store, (key,): (String,)| start(store, HostCall::StorageDelete { key }))?;
    storage.func_wrap("list", |store, (prefix, cursor, limit): (String, Option<String>, u32)| {
        start(store, HostCall::StorageList { prefix, cursor, limit })
    })?;
    storage.func_wrap("increment", |store, (key, by): (String, f64)| {
        start(store, HostCall::StorageIncrement { key, by })
    })?;
    storage.func_wrap("commit", |store, ()| start(store, HostCall::StorageCommit))?;
    let mut services = linker.instance("skerry:script/services@1.0.0")?;
    services.func_wrap("call", |store, (service, method, arguments): (String, String, String)| {
        start(store, HostCall::ServiceCall { service, method, arguments })
    })?;
    let mut events = linker.instance("skerry:script/events@1.0.0")?;
    events.func_wrap("publish", |store, (event,): (Event,)| start(store, HostCall::EventPublish(event)))?;
    let mut http = linker.instance("skerry:script/http@1.0.0")?;
    http.func_wrap("send", |store, (request,): (HttpRequest,)| start(store, HostCall::HttpSend(request)))?;
    let mut secrets = linker.instance("skerry:script/secrets@1.0.0")?;
    secrets.func_wrap("check", |store, (name,): (String,)| start(store, HostCall::SecretCheck { name }))?;
    secrets.func_wrap("hmac", |store, (key, algorithm, data): (Secret, HmacAlgorithm, Vec<u8>)| {
        start(store, HostCall::SecretHmac { key, algorithm, data })
    })?;
    secrets.func_wrap("hmac-verify", |store, arguments: (Secret, HmacAlgorithm, Vec<u8>, Vec<u8>)| {
        let (key, algorithm, data, signature) = arguments;
        start(store, HostCall::SecretHmacVerify { key, algorithm, data, signature })
    })
}

/// The one way of a host call: charged here, where the fuel is, and then through the gate.
fn start(mut store: Caller<'_>, call: HostCall) -> Answer<u32> {
    store.data_mut().gate("host calls")?;
    charge(&mut store, tariff::call(call.bytes()))?;
    Ok((store.data_mut().gate("host calls")?.start(call)?,))
}

fn write_log(
    mut store: Caller<'_>,
    (level, message, arguments): (LogLevel, String, Option<String>),
) -> wasmtime::Result<()> {
    store.data_mut().gate(needed(&message))?;
    let bytes = message.len() as u64 + arguments.as_ref().map_or(0, String::len) as u64;
    charge(&mut store, tariff::log_line(bytes))?;
    store.data_mut().gate("console")?.log(level, message, arguments);
    Ok(())
}

/// What a top level without an execution needed: the guest names it by a line of log, in one of the contract's words.
fn needed(message: &str) -> &'static str {
    match message {
        "clock" => "the clock",
        "context" => "context",
        "host calls" => "host calls",
        "random numbers" => "random numbers",
        "timers" => "timers",
        _ => "console",
    }
}

fn out_of_turn() -> wasmtime::Error {
    Stop::Contract("it asked for the pages of a snapshot while none is restored").into()
}

impl wall_clock::Host for State {
    /// The execution's clock, so that nothing in the guest sees time pass between two answers.
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        let clock_ms = self.gate("the clock")?.clock_ms();
        let nanoseconds = u32::try_from(clock_ms % 1_000).unwrap_or(0) * 1_000_000;
        Ok(wall_clock::Datetime { seconds: clock_ms / 1_000, nanoseconds })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        Ok(wall_clock::Datetime { seconds: 0, nanoseconds: 1_000_000 })
    }
}
