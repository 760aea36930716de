//! What becomes of a source when it is saved: TypeScript, the entry, mistakes and warnings, each in the author's place.

use domain::Language::{self, JavaScript, TypeScript};
use runtime::{CompileError, Compiled, Diagnostic, Input, Source};
use serde_json::{Value, json};

use crate::support::{Run, json, kind, sandbox, try_compile};

/// TypeScript that has something to run: what comes out of it says that it means what TypeScript means.
#[tokio::test]
async fn typescript_becomes_javascript_that_does_the_same() {
    let cases = [
        ("enum E { A, B = 5, C } export default () => [E.A, E.B, E.C, E[6]];", json!([0, 5, 6, "C"])),
        ("enum E { A = 'a', B = 'b' } export default () => [E.A, Object.keys(E)];", json!(["a", ["A", "B"]])),
        ("const enum E { A = 1, B = A << 2 } export default () => E.B;", json!(4)),
        ("enum E { A = 'xyz'.length } export default () => E.A;", json!(3)),
        ("enum E { A } enum E { B = 1 } export default () => [E.A, E.B];", json!([0, 1])),
        ("namespace N { export const a = 1; } export default () => N.a;", json!(1)),
        ("namespace N { export namespace M { export const a = 2; } } export default () => N.M.a;", json!(2)),
        ("namespace N.M { export const a = 3; } export default () => N.M.a;", json!(3)),
        (
            "namespace N { export const a = 1; } namespace N { export const b = N.a + 1; } export default () => N.b;",
            json!(2),
        ),
        ("export namespace N { export function f() { return 4; } } export default () => N.f();", json!(4)),
        (
            "class A { constructor(private readonly x: number, public y = 2) {} sum() { return this.x + this.y; } }\n\
          export default () => new A(1).sum();",
            json!(3),
        ),
        (
            "abstract class A { abstract f(): number; g() { return this.f(); } }\n\
          class B extends A { override f() { return 5; } } export default () => new B().g();",
            json!(5),
        ),
        (
            "function f(a: string): string; function f(a: number): string; function f(a: any) { return String(a); }\n\
          export default () => f(1);",
            json!("1"),
        ),
        ("export default () => ({ a: 1 } satisfies { a: number });", json!({ "a": 1 })),
        ("function id<T,>(x: T): T { return x; } export default () => id<number>(7) as unknown as string;", json!(7)),
        ("import type { Order } from 'orders'; export type { Order }; export default (o: Order) => 1;", json!(1)),
        ("import { type Order } from 'orders'; export default () => 1;", json!(1)),
        (
            "declare const x: number; declare function y(): void; declare module 'm' {} export default () => typeof x;",
            json!("undefined"),
        ),
        ("class A { x!: number; } export default () => 'x' in new A();", json!(true)),
        ("class A { declare x: number; static #y = 1; static y = () => A.#y; } export default () => A.y();", json!(1)),
        ("type A<T> = T extends string ? 1 : 2; interface B { a: A<string> } export default () => 1;", json!(1)),
        ("let x: any = { y: null }; export default () => x!.y?.z ?? x.y!;", json!(null)),
        ("function f(this: { a: number }) { return this.a; } export default () => f.call({ a: 8 });", json!(8)),
        ("for (const x of [1] as const) {} let y = <any>1; export default () => y;", json!(1)),
        ("export default class { static x = 1 } as any as () => void", json!(null)),
        (
            "async function* g(): AsyncGenerator<number> { yield 1; }\n\
          export default async () => { for await (const x of g()) return x; };",
            json!(1),
        ),
        ("using x = { [Symbol.dispose]() {} }; export default () => 1;", json!(1)),
    ];
    for (source, expected) in cases {
        match try_compile(TypeScript, source).await {
            Ok(script) => {
                let outcome = Run { language: TypeScript, ..Run::default() }.script(script).await.outcome;
                assert_eq!(json(&outcome), expected, "{source}");
            }
            // The one that is there to be refused.
            Err(error) => assert!(source.contains("class { static x"), "{source}: {error}"),
        }
    }
}

/// Where a script begins, as SPEC section 2 says it.
#[tokio::test]
async fn the_entry_is_the_default_export_or_the_only_function_or_the_top_level() {
    let cases = [
        ("export default function () { return 1; }", json!(1)),
        ("export default async function named() { return 1; }", json!(1)),
        ("export default () => 1;", json!(1)),
        ("const f = () => 1; export default f;", json!(1)),
        ("function f() { return 1; } export { f as default };", json!(1)),
        ("function f() { return 1; } function g() { return 2; } export default g;", json!(2)),
        ("export default (() => () => 1)();", json!(1)),
        ("export default (x => x).bind(null, 1);", json!(1)),
        ("function only() { return 1; }", json!(1)),
        ("async function only(order) { return 1; }", json!(1)),
        ("export function only() { return 1; }", json!(1)),
        ("const two = () => 2; function only() { return two() - 1; }", json!(1)),
        ("class A {} let x = function named() {}; function only() { return 1; }", json!(1)),
        ("{ function inner() {} } function only() { return 1; }", json!(1)),
        ("function only() { return 1; } // a comment at the end", json!(1)),
        ("function one() { return 1; } function two() { return 2; }", json!(null)),
        ("const one = () => 1;", json!(null)),
        ("const x = await Promise.resolve(1);", json!(null)),
        ("export const one = () => 1;", json!(null)),
        ("", json!(null)),
        ("// nothing", json!(null)),
        ("export function a() {} export function b() {}", json!(null)),
    ];
    for (source, expected) in cases {
        for language in [JavaScript, TypeScript] {
            let outcome = Run { language, ..Run::default() }.source(source).await;
            assert_eq!(json(&outcome), expected, "{language:?}: {source}");
        }
    }
    let typed = [
        ("declare function other(): void; function only(): number { return 1; }", json!(1)),
        ("function only(a: 1): 1; function only(a: any) { return 1; }", json!(1)),
        ("type A = 1; interface B {} function only() { return 1; }", json!(1)),
    ];
    for (source, expected) in typed {
        assert_eq!(json(&Run { language: TypeScript, ..Run::default() }.source(source).await), expected, "{source}");
    }
}

/// What is refused at save: a part of the message, a part of the advice, line and column.
#[tokio::test]
async fn mistakes_are_told_at_their_place_with_advice() {
    let cases = [
        (JavaScript, "export default 5;", "the default export is a number", "export a function", (1, 16)),
        (JavaScript, "export default {};", "an object without a `fetch`", "export a function", (1, 16)),
        (JavaScript, "export default class {}", "a class", "export a function", (1, 16)),
        (JavaScript, "export default null;", "null", "export a function", (1, 16)),
        (JavaScript, "const n = 1;\nexport default Number(n);", "the default export is a number", "", (2, 16)),
        (JavaScript, "const n = {};\n\nexport { n as default };", "the default export is an object", "", (3, 10)),
        (JavaScript, "let a;\nimport x from 'left-pad';", "cannot import \"left-pad\"", "bundle with esbuild", (2, 1)),
        (JavaScript, "export * from './a.js';", "cannot re-export", "bundle with esbuild", (1, 1)),
        (JavaScript, "export { a } from './a.js';", "cannot re-export", "bundle with esbuild", (1, 1)),
        (JavaScript, "export default () => import('x');", "cannot import another", "bundle with esbuild", (1, 22)),
        (
            JavaScript,
            "export default (a: string) => a;",
            "this is TypeScript",
            "save the script as TypeScript",
            (1, 18),
        ),
        (JavaScript, "const a = 1;\nlet a = 2;", "already been declared", "", (1, 7)),
        (JavaScript, "function f() { await g(); } export default f;", "await", "", (1, 16)),
        (JavaScript, "const a = {\n  b: 1\n  c: 2\n};", "Expected", "", (3, 3)),
        (JavaScript, "let x = ;", "Unexpected token", "", (1, 9)),
        (JavaScript, "if (true) {", "Expected `}`", "", (1, 12)),
        (JavaScript, "const s = 'abc;\n", "Unterminated string", "", (1, 11)),
        (JavaScript, "const ä = '🙂', b = ;", "Unexpected token", "", (1, 21)),
        (JavaScript, "\u{feff}let x = ;", "Unexpected token", "", (1, 9)),
        (JavaScript, "a;\r\nb;\r\nlet x = ;", "Unexpected token", "", (3, 9)),
        (TypeScript, "class A {\n  @log m() {}\n}", "no decorators", "call the function yourself", (2, 3)),
        (TypeScript, "class A { accessor x = 1 }", "no `accessor` fields", "private field", (1, 11)),
        (TypeScript, "import fs = require('fs');", "cannot import \"fs\"", "bundle with esbuild", (1, 13)),
        (TypeScript, "class A {}\nexport = A;", "`export =` is for CommonJS", "export default", (2, 1)),
        (TypeScript, "import { a } from 'x';\nexport default () => a;", "cannot import \"x\"", "bundle", (1, 1)),
        (TypeScript, "type A = 1;\nexport default 'x' as string;", "the default export is a string", "", (2, 16)),
    ];
    for (language, source, message, advice, place) in cases {
        let Err(error) = compiled(language, source).await else { panic!("it compiles: {source}") };
        let first = &error.diagnostics[0];
        assert!(first.message.contains(message), "{source}: {}", first.message);
        assert!(first.advice.as_deref().unwrap_or_default().contains(advice), "{source}: {:?}", first.advice);
        assert_eq!((first.line, first.column), place, "{source}: {}", first.message);
    }
    let Err(error) = compiled(TypeScript, "export default () => <div>x</div>;").await else { panic!("it compiles") };
    assert!(error.diagnostics[0].advice.as_deref().unwrap_or_default().contains("esbuild"), "{error:?}");
}

/// What is probably not meant: each source has exactly these warnings, by a part of the message and by column.
#[tokio::test]
async fn what_is_probably_not_meant_is_a_warning() {
    type Case<'a> = (&'a str, &'a [(&'a str, &'a str, u32)]);
    let cases: [Case<'_>; 34] = [
        (
            "export default async () => { storage.set('k', 1); };",
            &[("nothing waits for `storage.set(…)`", "await", 30)],
        ),
        ("export default async () => { a && storage.set('k', 1); }; var a;", &[("nothing waits", "await", 35)]),
        ("export default async () => { a ? fetch('u') : 0; }; var a;", &[("nothing waits for `fetch(…)`", "", 34)]),
        ("export default async () => { fetch('u').then(r => r); };", &[("nothing waits for `fetch(…)`", "", 30)]),
        ("export default async () => { (0, http.get('u')); };", &[("nothing waits for `http.get(…)`", "", 34)]),
        ("export default async () => { services.a.b(); };", &[("nothing waits for `services.a.b(…)`", "", 30)]),
        ("export default async () => { events.publish('a', 1); };", &[("nothing waits", "", 30)]),
        ("export default async () => { utils.sleep(5); };", &[("nothing waits for `utils.sleep(…)`", "", 30)]),
        ("export default async () => { const x = storage.get('k'); };", &[("nothing waits", "", 40)]),
        ("export default async (l) => { l.forEach(async (x) => { await x; }); };", &[("`forEach`", "for (const", 41)]),
        ("export default async (l) => { l.forEach((x) => storage.set(x, 1)); };", &[("`forEach`", "", 41)]),
        ("export default async (l) => { l.map(async (x) => { await x; }); };", &[("`map`", "Promise.all", 37)]),
        (
            "export default async (l) => l.filter(async (x) => x);",
            &[("takes the promise for `true`", "Promise.all", 38)],
        ),
        (
            "export default async () => { const r = fetch('u'); return r.status; };",
            &[("`r` is a promise", "(await r).status", 59)],
        ),
        ("export default async () => fetch('u').json();", &[("`fetch(…)` is a promise", "(await fetch(…)).json", 28)]),
        ("export default async () => (storage.get('k')).name;", &[("is a promise here", "await", 29)]),
        ("export default async () => { void storage.set('k', 1); };", &[]),
        ("export default () => storage.get('k');", &[]),
        ("export default async () => await Promise.all([1].map((x) => storage.get(x)));", &[]),
        ("export default async () => { const p = storage.get('k'); return await p; };", &[]),
        ("export default async () => { const storage = new Map(); storage.set('k', 1); };", &[]),
        ("export default () => consol.log(1);", &[("`consol` is not declared", "did you mean `console`?", 22)]),
        ("const total = 1; export default () => totl;", &[("`totl`", "did you mean `total`?", 39)]),
        ("export default () => Promis.resolve(1);", &[("`Promis`", "`Promise`", 22)]),
        ("export default () => Buffer.from('x');", &[("`Buffer`", "Uint8Array", 22)]),
        ("export default () => process.env.KEY;", &[("`process`", "secrets", 22)]),
        ("const x = require('x');", &[("`require`", "esbuild", 11)]),
        ("export default () => window.x;", &[("`window`", "globalThis", 22)]),
        ("export default () => document.title;", &[("`document`", "no page", 22)]),
        ("export default () => new Intl.NumberFormat();", &[("`Intl`", "utils.date", 26)]),
        ("export default () => typeof process;", &[]),
        (
            "export const config = { schedule: '* * * * *' }; export default () => 1;",
            &[("nothing reads `config`", "beside the source", 14)],
        ),
        ("export default () => a1 + a1;", &[("`a1` is not declared", "", 22)]),
        ("export default () => [new Blob([]), structuredClone(1), WeakRef, utils, context];", &[]),
    ];
    for (source, expected) in cases {
        let found = compiled(JavaScript, source).await.unwrap_or_else(|error| panic!("{source}: {error}")).warnings;
        let is_as_expected = |(found, expected): (&Diagnostic, &(&str, &str, u32))| {
            found.message.contains(expected.0)
                && found.advice.as_deref().unwrap_or_default().contains(expected.1)
                && (found.line, found.column) == (1, expected.2)
        };
        let all = found.len() == expected.len() && found.iter().zip(expected).all(is_as_expected);
        assert!(all, "{source}\n{found:#?}");
    }
}

#[tokio::test]
async fn a_type_that_is_used_as_a_value_is_an_unknown_name_in_either_language() {
    let found = compiled(TypeScript, "interface Order {} export default () => new Order();").await.unwrap().warnings;
    assert_eq!(found.len(), 1, "{found:?}");
}

/// Thousands of declarations are what a bundle has.
#[tokio::test]
async fn thousands_of_functions_compile_within_the_limits() {
    let functions: String = (0..3_000).map(|n| format!("function f{n}(a) {{ return a + {n}; }}\n")).collect();
    let source = format!("{functions}export default (n) => f2999(n);");
    for language in [JavaScript, TypeScript] {
        let run = Run { language, input: Input::Json(String::from("1")), ..Run::default() };
        assert_eq!(json(&run.source(&source).await), json!(3_000));
    }
}

#[tokio::test]
async fn a_failure_that_the_compiler_cannot_place_keeps_its_frames() {
    let outcome = Run::default().source("export default () => eval('null.x');").await;
    assert_eq!(kind(&outcome), "user_error");
    assert!(outcome.result.unwrap_err().stack.contains("script.js:1:"));
}

async fn compiled(language: Language, text: &str) -> Result<Compiled, CompileError> {
    let source = Source { file_name: format!("script{}", language.extension()), language, text: text.to_owned() };
    sandbox().compile(&source).await.unwrap()
}

/// The schema of a source's argument; null where it has none.
pub(super) async fn input_schema(language: Language, text: &str) -> Value {
    let compiled = compiled(language, text).await.unwrap_or_else(|error| panic!("{text}: {error}"));
    compiled.input_schema.map_or(Value::Null, |schema| serde_json::from_str(&schema).unwrap())
}
