//! Source that is nested without sense, a hundred to a million levels deep (RULES 1): it is compiled, or refused as
//! its author's mistake, and the process goes on.

use domain::{ErrorKind, Language, Limits};
use futures_util::{StreamExt, stream};

use crate::support::{Run, honest_run, kind, try_compile};

/// What opens a level, what stands in the middle, what closes it.
const LADDERS: [(&str, &str, &str, &str); 34] = [
    ("parentheses", "(", "1", ")"),
    ("brackets", "[", "", "]"),
    ("braces", "{", "", "}"),
    ("objects", "({a:", "1", "})"),
    ("negations", "!", "1", ""),
    ("minuses", "- ", "1", ""),
    ("typeof", "typeof ", "1", ""),
    ("await", "await ", "1", ""),
    ("arrows", "a=>", "1", ""),
    ("arrows with defaults", "(a=", "1", ")=>1"),
    ("functions", "function f(){", "", "}"),
    ("classes", "(class{a(){", "", "}})"),
    ("sums", "1+", "1", ""),
    ("powers", "1**", "1", ""),
    ("conditions", "1?", "1", ":1"),
    ("else branches", "1?1:", "1", ""),
    ("assignments", "x=", "1", ""),
    ("commas", "1,", "1", ""),
    ("members", "", "a", ".b"),
    ("optional members", "", "a", "?.b"),
    ("calls", "", "f", "()"),
    ("nested calls", "f(", "1", ")"),
    ("new", "new ", "f", ""),
    ("templates", "`${", "1", "}`"),
    ("tagged templates", "", "f", "``"),
    ("if", "if(1)", ";", ""),
    ("for", "for(;;)", ";", ""),
    ("labels", "a: { b: ", "1", "}"),
    ("try", "try{", "", "}finally{}"),
    ("destructuring", "var [", "a", "]=[];"),
    ("spread", "[...", "[]", "]"),
    ("groups of a regex", "(", "", ")"),
    ("import calls", "import(", "1", ")"),
    ("unclosed", "([{`${", "", ""),
];

/// The same for types.
const TYPES: [(&str, &str, &str, &str); 7] = [
    ("parentheses", "(", "1", ")"),
    ("arrays", "", "1", "[]"),
    ("generics", "A<", "1", ">"),
    ("objects", "{a:", "1", "}"),
    ("unions", "1|", "1", ""),
    ("conditions", "1 extends 2?", "1", ":1"),
    ("functions", "()=>", "1", ""),
];

const DEPTHS: [usize; 5] = [100, 1_000, 10_000, 100_000, 1_000_000];

/// Enough for any of them, and no more.
const LIMITS: Limits = Limits { fuel: 500_000_000, memory_bytes: 64 << 20, ..Limits::DEFAULT };

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nested_source_is_compiled_or_refused_and_never_harms() {
    let honest = honest_run().await;
    let scripts = LADDERS.into_iter().flat_map(|ladder| DEPTHS.map(|depth| (ladder, depth)));
    let types = TYPES.into_iter().flat_map(|ladder| DEPTHS.map(|depth| (ladder, depth)));
    let scripts = scripts.map(|(ladder, depth)| (Language::JavaScript, script(ladder, depth), ladder.0, depth));
    let types = types.map(|(ladder, depth)| (Language::TypeScript, typed(ladder, depth), ladder.0, depth));
    // What passes the limit of source is refused before anything reads it, so that there is nothing to see.
    let cases = scripts.chain(types).filter(|(_, source, ..)| source.len() <= domain::limits::SOURCE_BYTES_MAX);
    let findings: Vec<String> = stream::iter(cases)
        .map(|(language, source, what, depth)| {
            tokio::spawn(async move {
                check(language, &source, depth).await.map(|found| format!("{depth} {what}: {found}"))
            })
        })
        .buffer_unordered(4)
        .filter_map(|finding| async { finding.unwrap() })
        .collect()
        .await;
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
    assert_eq!(honest_run().await, honest);
}

async fn check(language: Language, source: &str, depth: usize) -> Option<String> {
    let compiled = match try_compile(language, source).await {
        Ok(compiled) => compiled,
        Err(error) => {
            let message = &error.diagnostics.first()?.message;
            let is_fault =
                [ErrorKind::EngineFault, ErrorKind::Internal].iter().any(|kind| message.contains(kind.as_str()));
            return is_fault.then(|| message.clone());
        }
    };
    let outcome = Run { limits: LIMITS, ..Run::default() }.script(compiled).await.outcome;
    let kinds = ["success", "user_error", "stack_overflow", "memory_limit", "cpu_limit", "unresolved_promise"];
    (!kinds.contains(&kind(&outcome))).then(|| format!("{:?} at {depth}", outcome.result))
}

fn script((what, open, middle, close): (&str, &str, &str, &str), depth: usize) -> String {
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    let statement = ["braces", "functions", "if", "for", "labels", "try", "destructuring"].contains(&what);
    if what == "groups of a regex" {
        return format!("export default () => /{open}{middle}{close}/.test('');");
    }
    let before = "var a = { }, f = () => f, x;";
    if statement {
        format!("{before} export default async () => 1; async function nested() {{ {open}{middle}{close} }}")
    } else {
        format!("{before} export default async () => {{ return {open}{middle}{close}; }}")
    }
}

fn typed((_, open, middle, close): (&str, &str, &str, &str), depth: usize) -> String {
    let (open, close) = (open.repeat(depth), close.repeat(depth));
    format!("type A<T> = T; type Deep = {open}{middle}{close}; export default (): Deep | null => null;")
}
