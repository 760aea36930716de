//! The yardstick: the same QuickJS, compiled for this processor, with a fresh runtime and bytecode for each execution,
//! and none of the isolation.

use rquickjs::{Context, Ctx, Function, Module, Object, Promise, Runtime, Value, WriteOptions};

use crate::workloads::{MIN_ORDER_VALUE, Workload, product};

/// A compiled workload.
pub(crate) struct Native {
    bytecode: Vec<u8>,
    input: &'static str,
}

impl Native {
    pub(crate) fn compile(workload: &Workload) -> Self {
        let runtime = Runtime::new().unwrap();
        let context = Context::full(&runtime).unwrap();
        let bytecode = context.with(|ctx| {
            let module = Module::declare(ctx, "script.js", workload.source).unwrap();
            module.write(WriteOptions::default()).unwrap()
        });
        Self { bytecode, input: workload.input }
    }

    /// One execution: runtime, context, globals, load, call, JSON both ways.
    #[expect(unsafe_code, reason = "the bytecode was made by this very library a moment ago")]
    pub(crate) fn run(&self) -> String {
        let runtime = Runtime::new().unwrap();
        let context = Context::full(&runtime).unwrap();
        context.with(|ctx| {
            register(&ctx);
            // SAFETY: `self.bytecode` was written by `Module::write` of the same build in `compile` above.
            let module = unsafe { Module::load(ctx.clone(), &self.bytecode) }.unwrap();
            let (module, evaluated) = module.eval().unwrap();
            evaluated.finish::<()>().unwrap();
            let entry: Function<'_> = module.get("default").unwrap();
            let input = ctx.json_parse(self.input).unwrap();
            let answer: Value<'_> = entry.call((input,)).unwrap();
            let answer = match answer.as_promise() {
                Some(promise) => promise.finish::<Value<'_>>().unwrap(),
                None => answer,
            };
            ctx.json_stringify(answer).unwrap().unwrap().to_string().unwrap()
        })
    }
}

/// The globals that the workloads use, as thin as they can be: a JSON text parsed into a settled promise.
fn register(ctx: &Ctx<'_>) {
    let globals = ctx.globals();
    let products = Object::new(ctx.clone()).unwrap();
    products.set("get", Function::new(ctx.clone(), |ctx, id: String| settled(ctx, &product(&id))).unwrap()).unwrap();
    let services = Object::new(ctx.clone()).unwrap();
    services.set("products", products).unwrap();
    globals.set("services", services).unwrap();
    let storage = Object::new(ctx.clone()).unwrap();
    storage.set("get", Function::new(ctx.clone(), |ctx, _: String| settled(ctx, MIN_ORDER_VALUE)).unwrap()).unwrap();
    globals.set("storage", storage).unwrap();
    let events = Object::new(ctx.clone()).unwrap();
    events.set("publish", Function::new(ctx.clone(), publish_event).unwrap()).unwrap();
    globals.set("events", events).unwrap();
}

fn publish_event<'js>(ctx: Ctx<'js>, _event_type: String, data: Value<'js>) -> Promise<'js> {
    ctx.json_stringify(data).unwrap();
    settled(ctx, "\"id\"")
}

fn settled<'js>(ctx: Ctx<'js>, json: &str) -> Promise<'js> {
    let (promise, resolve, _) = ctx.promise().unwrap();
    let value = ctx.json_parse(json).unwrap();
    resolve.call::<_, ()>((value,)).unwrap();
    promise
}
