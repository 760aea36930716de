//! Where a failure is shown: in the author's own line and column, whatever became of the text on its way.

use domain::Language;
use futures_util::{StreamExt, stream};

use crate::support::{Run, try_compile};

/// A way to fail. `⟦` stands before the character at which the first frame is to be, and is taken out.
struct Case {
    what: &'static str,
    source: &'static str,
}

const fn case(what: &'static str, source: &'static str) -> Case {
    Case { what, source }
}

/// In either language.
const CASES: &[Case] = &[
    case("a declaration", "export default (o) => {\n  const a = 1;\n  const b = o.item.⟦sku;\n  return b;\n};"),
    case("a return", "export default (o) => {\n  const a = String(1);\n  return (\n    o.item.⟦sku\n  );\n};"),
    case("an object", "export default (o) => ({\n  a: String(1),\n  b: o.item.⟦sku,\n});"),
    case("a chain after a call", "export default (o) => {\n  return Object.keys(o)\n    .at(0)\n    .⟦length;\n};"),
    case("a method of nothing", "export default (o) => {\n  let x;\n  const y = o.item.⟦trim();\n};"),
    case("a write", "export default (o) => {\n  let x;\n  o.item.⟦sku = 1;\n};"),
    case("a write of what a call answers", "export default (o) => {\n  o.item.⟦sku =\n    String(1);\n};"),
    case("a computed read", "export default (o) => {\n  const k = 'sku';\n  const y = o.item[⟦k];\n};"),
    case("destructuring", "export default (o) => {\n  const {\n    ⟦sku,\n  } = o.item;\n};"),
    case(
        "a parameter that is taken apart",
        "export default (o) => {\n  const f = ({ ⟦sku }) => sku;\n  return f(o.item);\n};",
    ),
    case("an unknown name", "export default () => {\n  const a = 1;\n  const b = ⟦nowhere;\n};"),
    case("a name before its time", "export default () => {\n  const b = ⟦late;\n  let late = 1;\n};"),
    case("no function", "export default (o) => {\n  const a = o.⟦item(1);\n};"),
    case("no function, with a call as argument", "export default (o) => {\n  const a = o.⟦item(\n    String(1));\n};"),
    case("no list", "export default (o) => {\n  const a = 1;\n  const b = [...⟦o];\n};"),
    case("no list to loop over", "export default (o) => {\n  const a = 1;\n  for (const x of ⟦o) return x;\n};"),
    case("no list to take apart", "export default (o) => {\n  const a = 1;\n  const ⟦[x] = o;\n};"),
    case("no class", "export default (o) => {\n  const a = 1;\n  const b = ⟦new o.item();\n};"),
    case("throw", "export default () => {\n  if (true) {\n    throw ⟦new Error('x');\n  }\n};"),
    case("throw with a call inside", "export default () => {\n  throw ⟦new Error(\n    String(1),\n  );\n};"),
    case("an error that is thrown later", "export default () => {\n  const e = ⟦new RangeError('x');\n  throw e;\n};"),
    case("async", "export default async (o) => {\n  await null;\n  const b = o.item.⟦sku;\n};"),
    case(
        "an async function that is called",
        "const f = async (o) => {\n  await null;\n  return o.item.⟦sku;\n};\nexport default async (o) => await f(o);",
    ),
    case("a generator", "function* g(o) {\n  yield 1;\n  yield o.item.⟦sku;\n}\nexport default (o) => [...g(o)];"),
    case(
        "a constructor",
        "class A {\n  constructor(o) {\n    this.x = o.item.⟦sku;\n  }\n}\nexport default (o) => new A(o);",
    ),
    case("a method", "class A {\n  m(o) {\n    const x = o.item.⟦sku;\n  }\n}\nexport default (o) => new A().m(o);"),
    case(
        "a getter",
        "const a = {\n  get g() {\n    const x = undefined;\n    return x.⟦sku;\n  },\n};\nexport default () => a.g;",
    ),
    case(
        "a static method",
        "class A {\n  static m(o) {\n    return o.item.⟦sku;\n  }\n}\nexport default (o) => A.m(o);",
    ),
    case(
        "a callback",
        "export default (o) => {\n  return [1, 2].map((x) => {\n    const y = o.item.⟦sku;\n    return x;\n  });\n};",
    ),
    case(
        "a microtask",
        "export default async (o) => {\n  return Promise.resolve(1).then((x) => {\n    return o.item.⟦sku;\n  });\n};",
    ),
    case("the top level", "const o = {};\nconst sku = o.item.⟦sku;\nexport default () => sku;"),
    case("a default of a parameter", "export default (o, p = o.item.⟦sku) => p;"),
    case("a template", "export default (o) => {\n  const a = 1;\n  return `${a} ${o.item.⟦sku}`;\n};"),
    case("a condition", "export default (o) => {\n  if (!o.item.⟦sku) return 1;\n};"),
    case("a loop", "export default (o) => {\n  for (let i = 0; i < 3; i++) {\n    const a = o.item.⟦sku;\n  }\n};"),
    case("a switch", "export default (o) => {\n  switch (o.item.⟦sku) {\n    case 1: return 2;\n  }\n};"),
    case("an operator", "export default (o) => {\n  const a = 1 +\n    o.item.⟦sku;\n};"),
    case(
        "finally",
        "export default (o) => {\n  try {\n    String(1);\n  } finally {\n    const a = o.item.⟦sku;\n  }\n};",
    ),
    case("one line", "export default(o)=>{const a=o.first;const b=o.item.⟦sku;return a+b}"),
    case(
        "one line of many calls",
        "export default(o)=>{const a=String(String(o.first));return[a].map(x=>o.item.⟦sku)}",
    ),
    case("CRLF", "export default (o) => {\r\n  const a = 1;\r\n  const b = o.item.⟦sku;\r\n};"),
    case("a byte order mark", "\u{feff}const o = {}; const sku = o.item.⟦sku; export default () => sku;"),
    case("letters of several bytes", "export default (o) => {\n  const ä = 'ü'; const b = o.item.⟦sku;\n};"),
    case("letters of two units", "export default (o) => {\n  const a = '🙂🙂'; const b = o.item.⟦sku;\n};"),
    case("comments", "/* a\n b */ export default (o) => {\n  // c\n  const b = /* d */ o.item.⟦sku;\n};"),
    case("a template of several lines", "export default (o) => {\n  const a = `\n  x\n`; const b = o.item.⟦sku;\n};"),
];

/// In TypeScript alone: what is written out, or taken away, moves what follows.
const TYPED: &[Case] = &[
    case(
        "types before it",
        "interface Order {\n  item?: { sku: string };\n}\nexport default (o: Order): string => {\n  const b: string = o.item!.⟦sku;\n  return b;\n};",
    ),
    case(
        "an enum before it",
        "enum E {\n  A,\n  B,\n}\nexport default (o: any) => {\n  const e = E.A;\n  return o.item.⟦sku;\n};",
    ),
    case(
        "a namespace",
        "namespace N {\n  export const f = (o: any) => {\n    return o.item.⟦sku;\n  };\n}\nexport default (o: any) => N.f(o);",
    ),
    case(
        "a parameter property",
        "class A {\n  constructor(private readonly o: any) {}\n  m() {\n    return this.o.item.⟦sku;\n  }\n}\nexport default (o: any) => new A(o).m();",
    ),
    case(
        "generics",
        "function f<T extends { item: any }>(o: T) {\n  return o.item.⟦sku;\n}\nexport default (o: any) => f<any>(o);",
    ),
    case(
        "satisfies",
        "export default (o: any) => {\n  const a = { x: 1 } satisfies object;\n  return (o as any).item.⟦sku;\n};",
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_is_shown_where_its_author_would_point() {
    let both = [Language::JavaScript, Language::TypeScript]
        .into_iter()
        .flat_map(|language| CASES.iter().map(move |case| (language, case)));
    let cases = both.chain(TYPED.iter().map(|case| (Language::TypeScript, case)));
    let findings: Vec<String> = stream::iter(cases)
        .map(|(language, case)| check(language, case))
        .buffer_unordered(4)
        .filter_map(|it| async { it })
        .collect()
        .await;
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

async fn check(language: Language, case: &Case) -> Option<String> {
    let (before, _) = case.source.split_once('⟦').unwrap();
    let start = before.rfind('\n').map_or(0, |at| at + 1);
    let column = before[start..].trim_start_matches('\u{feff}').encode_utf16().count() + 1;
    let expected = format!("script{}:{}:{column}", language.extension(), before.matches('\n').count() + 1);
    let source = case.source.replacen('⟦', "", 1);
    let finding = |found: String| Some(format!("{language:?}, {}: {found}, expected {expected}", case.what));
    let script = match try_compile(language, &source).await {
        Ok(script) => script,
        Err(error) => return finding(error.to_string()),
    };
    let run = Run { language, ..Run::default() };
    match run.script(script).await.outcome.result {
        Err(failure) => {
            let frame = failure.stack.lines().find(|line| line.contains("script.")).unwrap_or_default();
            let shown = frame.trim().trim_end_matches(')').rsplit([' ', '(']).next().unwrap_or_default();
            if shown == expected { None } else { finding(format!("{}\n{}", failure.message, failure.stack)) }
        }
        Ok(_) => finding(String::from("it does not fail")),
    }
}

#[tokio::test]
async fn each_frame_stands_at_the_call_that_it_waits_for() {
    let source = "const inner = (o) => o.item.sku;
function outer(o) {
  return Array.of(
    inner(o),
    String(1),
  );
}
export default (o) => {
  const result = outer(
    o,
  );
};";
    let failure = Run::default().source(source).await.result.unwrap_err();
    let expected = ["    at inner (script.js:1:29)", "    at outer (script.js:4:5)", "    at default (script.js:9:18)"];
    assert_eq!(failure.stack.lines().collect::<Vec<_>>(), expected);
}

#[tokio::test]
async fn causes_have_positions_of_their_own() {
    let source = "export default (o: { item?: { sku: string } }) => {
  try {
    const sku: string = o.item!.sku;
  } catch (cause) {
    throw new Error('no sku', { cause });
  }
};";
    let failure = Run { language: Language::TypeScript, ..Run::default() }.source(source).await.result.unwrap_err();
    assert!(failure.stack.starts_with("    at default (script.ts:5:11)\ncaused by TypeError: "), "{}", failure.stack);
    assert!(failure.stack.ends_with("    at default (script.ts:3:33)"), "{}", failure.stack);
}
