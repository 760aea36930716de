//! Nothing of one execution reaches another: globals, prototypes, module state, random numbers, memory.

use std::{collections::BTreeSet, sync::Arc};

use domain::{Language, Limits};
use runtime::CompiledScript;
use serde_json::Value;

use crate::support::{Run, compile, json, kind, start_record};

/// What a script can see of the world that it starts in: names, prototypes, and how it all hangs together.
const CENSUS: &str = "export default () => {
    const seen = new Set(), census = [];
    const walk = (path, value) => {
        if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return;
        seen.add(value);
        for (const key of Reflect.ownKeys(value)) {
            const { get, set, value: inner, ...flags } = Object.getOwnPropertyDescriptor(value, key);
            const name = `${path}.${String(key)}`;
            census.push(`${name} ${typeof inner} ${JSON.stringify(flags)} ${typeof inner === 'function' ? inner.toString().length : ''}`);
            walk(name, inner); walk(`${name} get`, get); walk(`${name} set`, set);
        }
        walk(`${path} prototype`, Object.getPrototypeOf(value));
    };
    for (const name of Object.getOwnPropertyNames(globalThis)) if (name !== 'context') walk(name, globalThis[name]);
    return census;
};";

/// Leaves whatever can be left.
const SPOILER: &str = "
    globalThis.leak = 'leak';
    var alsoGlobal = 'leak';
    (0, eval)('var indirect = 1; function declared() {}');
    Object.prototype.leak = Array.prototype.leak = Function.prototype.leak = Promise.prototype.leak = 'leak';
    Symbol.for('leak');
    JSON.parse = Array.prototype.map = Promise.prototype.then = () => 'leak';
    delete globalThis.URL;
    storage.leak = console.leak = utils.leak = 'leak';
    Error.prepareStackTrace = () => 'leak';
    RegExp.prototype.exec.call(/(leak)/, 'leak');
    Date.prototype.getTime = () => 0;
    setTimeout(() => {}, 1);
    export default async () => { try { services.leak = 1; } catch {} storage.get('x'); Promise.reject(1); throw new Error('leak'); };";

async fn census() -> Value {
    json(&Run::default().source(CENSUS).await)
}

#[tokio::test]
async fn globals_and_prototypes_are_fresh_in_every_run() {
    let before = census().await;
    assert!(before.as_array().unwrap().len() > 1_000);
    let spoiler = compile(Language::JavaScript, SPOILER).await;
    for _ in 0..3 {
        assert_eq!(kind(&Run::default().script(Arc::clone(&spoiler)).await.outcome), "user_error");
        assert_eq!(census().await, before);
    }
}

#[tokio::test]
async fn module_state_is_fresh_in_every_run() {
    let source = "let n = 0; const list = []; const cache = new Map(); class Counter { static n = 0; }
        export default () => { list.push(1); cache.set(cache.size, 1); return [++n, list.length, cache.size, ++Counter.n]; };";
    let script = compile(Language::JavaScript, source).await;
    for _ in 0..50 {
        let outcome = Run::default().script(Arc::clone(&script)).await.outcome;
        assert_eq!(json(&outcome), serde_json::json!([1, 1, 1, 1]));
    }
}

/// Everything that draws a random number, twice.
const RANDOM: &str = "
    const draw = () => [Math.random(), Math.random(), crypto.randomUUID(), utils.uuid(),
        ...Array.from(crypto.getRandomValues(new BigUint64Array(2)), String), crypto.getRandomValues(new Uint32Array(4)).join()];
    export default () => [...draw(), ...draw()];";

async fn drawn(script: &Arc<CompiledScript>, run: Run) -> Vec<String> {
    let numbers = json(&run.script(Arc::clone(script)).await.outcome);
    numbers.as_array().unwrap().iter().map(Value::to_string).collect()
}

#[tokio::test]
async fn no_two_runs_share_a_random_number() {
    let at_the_top = format!(
        "{}; const early = [...draw(), ...draw()]; export default () => early;",
        RANDOM.split("export").next().unwrap()
    );
    for source in [RANDOM, &at_the_top] {
        let script = compile(Language::JavaScript, source).await;
        let mut seen = BTreeSet::new();
        for run in 0..200 {
            for number in drawn(&script, Run::default()).await {
                assert!(seen.insert(number.clone()), "run {run} drew {number} again");
            }
        }
    }
}

#[tokio::test]
async fn seeds_decide_every_random_number() {
    let script = compile(Language::JavaScript, RANDOM).await;
    let start = start_record();
    let with = |start| Run { start: Some(start), ..Run::default() };
    let first = drawn(&script, with(start.clone())).await;
    assert_eq!(drawn(&script, with(start.clone())).await, first);

    // The seed of `Math.random` tells nothing of the others.
    let mut other = start.clone();
    other.random_seed.0 ^= 1;
    let second = drawn(&script, with(other)).await;
    assert_ne!(second[0], first[0]);
    assert_eq!(second[2..7], first[2..7]);
    let mut other = start;
    other.crypto_seed.3 ^= 1 << 63;
    let third = drawn(&script, with(other)).await;
    assert_eq!(third[..2], first[..2]);
    assert!(third[2..7].iter().zip(&first[2..7]).all(|(one, other)| one != other));
}

#[tokio::test]
async fn memory_shows_nothing_of_the_runs_before() {
    let limits = Limits { memory_bytes: 64 << 20, ..Limits::DEFAULT };
    let writer = "const marker = 'SKERRY-MARKER-7f3a';
        export default () => {
            const kept = [], bytes = new TextEncoder().encode(marker);
            for (let i = 0; i < 20; i++) {
                const buffer = new Uint8Array(1 << 20);
                for (let at = 0; at + bytes.length < buffer.length; at += 4096) buffer.set(bytes, at);
                kept.push(buffer, marker.repeat(1e4));
            }
            return kept.length;
        };";
    let reader = "export default () => {
            let dirty = 0;
            const sizes = [8, 64, 1024, 65536, 1 << 20, 8 << 20];
            for (const size of sizes) for (let i = 0; i < 4; i++) {
                const words = new Float64Array(size / 8), resizable = new ArrayBuffer(8, { maxByteLength: size });
                resizable.resize(size);
                const more = new Float64Array(resizable), moved = new Float64Array(new ArrayBuffer(8).transfer(size));
                for (let at = 0; at < words.length; at++) if (words[at] !== 0 || more[at] !== 0 || moved[at] !== 0) dirty++;
            }
            return dirty;
        };";
    let (writer, reader) = (compile(Language::JavaScript, writer).await, compile(Language::JavaScript, reader).await);
    for _ in 0..4 {
        let wrote = Run { limits, ..Run::default() }.script(Arc::clone(&writer)).await.outcome;
        assert_eq!(json(&wrote), 40);
        let read = Run { limits, ..Run::default() }.script(Arc::clone(&reader)).await.outcome;
        assert_eq!(json(&read), 0);
    }
}
