//! Which top levels could run before there is an execution (RULES 2 and 3).

use domain::Language;
use runtime::Purity;

use crate::support::{Run, compile, kind};

const PURE: [(&str, &str); 16] = [
    ("nothing", ""),
    (
        "constants and classes",
        "const a = [1, { b: 2 }], m = new Map([[1, 2]]); class C { #p = 1; static s = a; get p() { return this.#p; } }",
    ),
    ("closures", "let n = 0; const next = () => ++n; next();"),
    ("regular expressions", "const r = /(?<y>\\d+)/u.exec('x12').groups.y;"),
    ("JSON", "const o = JSON.parse(JSON.stringify({ a: 1 }));"),
    ("settled promises", "const p = Promise.resolve(1);"),
    ("an await of what is there", "const v = await Promise.resolve(1); const w = await Promise.all([1, 2]);"),
    ("dates that are given", "const d = new Date(0).toISOString(), u = Date.UTC(2020, 1, 1);"),
    ("texts", "const t = 'a'.normalize('NFD').localeCompare('b');"),
    ("encoders and hashes", "const h = utils.hash('sha256', 'x'), e = new TextEncoder().encode('é');"),
    ("addresses", "const u = new URL('https://a.b/c?d=e').searchParams.get('d');"),
    ("errors that are caught", "try { null.x; } catch (e) { e.stack; }"),
    ("names of globals", "const s = storage, c = typeof console, { get } = storage;"),
    ("weak references", "const r = new WeakRef({ a: 1 });"),
    (
        "digests, blobs and streams",
        "const d = await crypto.subtle.digest('SHA-256', new Uint8Array(1)), b = await new Blob(['x']).text();
        const [c] = await Array.fromAsync(ReadableStream.from([1])), t = new TextDecoder().decode(new Uint8Array(1), { stream: true });",
    ),
    (
        "events",
        "const c = new AbortController(), s = AbortSignal.any([c.signal]); c.abort();
        new EventTarget().dispatchEvent(new Event('a')); const t = new Event('a').timeStamp;",
    ),
];

/// What is impure, and a word of the reason.
const IMPURE: [(&str, &str, &str); 33] = [
    ("context", "context.tenant.id;", "context"),
    ("a piece of context", "const { execution } = context;", "context"),
    ("console", "console.log('x');", "console"),
    ("storage", "storage.get('k');", "host call"),
    ("an awaited call", "await storage.get('k');", "host call"),
    ("services", "services.products.get(1);", "host call"),
    ("events", "events.publish('a.b', 1);", "host call"),
    ("http", "http.get('https://a.b/');", "host call"),
    ("secrets", "secrets.get('key');", "host call"),
    ("a timer", "setTimeout(() => {}, 1);", "timer"),
    ("a timer of nothing", "setTimeout(() => {}, 0);", "timer"),
    ("an interval", "setInterval(() => {}, 1);", "timer"),
    ("a sleep", "await utils.sleep(1);", "timer"),
    ("Math.random", "Math.random();", "random"),
    ("crypto", "crypto.getRandomValues(new Uint8Array(1));", "random"),
    ("crypto.randomUUID", "crypto.randomUUID();", "random"),
    ("uuid", "utils.uuid();", "random"),
    ("Date.now", "Date.now();", "clock"),
    ("new Date", "new Date();", "clock"),
    ("Date as a function", "Date();", "clock"),
    ("performance", "performance.now();", "clock"),
    ("performance.timeOrigin", "performance.timeOrigin;", "clock"),
    ("a file of now", "new File([], 'a');", "clock"),
    ("a key", "await crypto.subtle.generateKey({ name: 'HMAC', hash: 'SHA-1' }, true, ['sign']);", "random"),
    ("a form as a body", "new Response(new FormData());", "random"),
    ("a signal with a time limit", "AbortSignal.timeout(1);", "timer"),
    ("reportError", "reportError(new Error('x'));", "console"),
    ("caught use", "try { Math.random(); } catch {}", "random"),
    ("use in a microtask", "Promise.resolve().then(() => Math.random());", "random"),
    ("use in a getter that is called", "const o = { get r() { return Date.now(); } }; o.r;", "clock"),
    ("a promise that stays pending", "await new Promise(() => {});", "settle"),
    ("an endless loop", "for (;;);", "cpu_limit"),
    ("a throw", "throw new Error('at the top');", "at the top"),
];

#[tokio::test]
async fn a_top_level_that_touches_nothing_is_pure() {
    for (what, top) in PURE {
        let script = compile(Language::JavaScript, &format!("{top}\nexport default () => 1;")).await;
        let Purity::Pure { load_fuel } = &script.purity else { panic!("{what}: {:?}", script.purity) };
        assert!(*load_fuel > 0, "{what}");
        assert_eq!(kind(&Run::default().script(script).await.outcome), "success", "{what}");
    }
}

#[tokio::test]
async fn a_top_level_that_touches_the_execution_is_impure_and_says_what() {
    let mut findings = Vec::new();
    for (what, top, word) in IMPURE {
        let script = compile(Language::JavaScript, &format!("{top}\nexport default () => 1;")).await;
        match &script.purity {
            Purity::Impure { reason } if reason.contains(word) => {}
            other => findings.push(format!("{what}: {other:?}")),
        }
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[tokio::test]
async fn an_impure_top_level_runs_inside_the_execution() {
    let source = "const early = [context.execution.id, Math.random() < 1, Date.now() > 0, await storage.get('k')];
        console.log('at the top');
        export default () => early;";
    let outcome = Run::default().source(source).await;
    assert_eq!(kind(&outcome), "success");
    assert_eq!(outcome.logs[0].message, "at the top");
}
