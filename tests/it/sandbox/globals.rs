//! What the globals do, in the real engine: a table of cases for each, in `tests/fixtures/globals`.

use std::{
    fs,
    path::{Path, PathBuf},
};

use runtime::{HostCall, HttpBody, HttpFieldValue, HttpRequest, Input, Outcome, Output, Request};

use crate::support::{Run, json, kind, start_record};

/// What every table is run with. A case is a sentence and a function that throws where the sentence is not true.
const CHECK: &str = r#"
const shown = (value) =>
  JSON.stringify(value, (_key, member) => (typeof member === "bigint" ? `${member}n` : member === undefined ? "undefined" : member));
const equal = (found, expected) => {
  if (shown(found) !== shown(expected)) throw new Error(`${shown(found)} instead of ${shown(expected)}`);
};
const isOne = (error, kinds, word) => {
  if (![kinds].flat().some((kind) => error instanceof kind)) throw new Error(`${error} is of another kind`);
  if (!`${error.message}`.includes(word)) throw new Error(`${error.message} does not say ${word}`);
};
const throws = (kinds, call, word = "") => {
  let thrown;
  try {
    call();
  } catch (error) {
    thrown = { error };
  }
  if (thrown === undefined) throw new Error(`nothing was thrown by ${call}`);
  isOne(thrown.error, kinds, word);
};
const rejects = async (kinds, promise, word = "") => {
  const settled = await Promise.allSettled([promise]);
  if (settled[0].status === "fulfilled") throw new Error(`nothing was rejected, about ${word}`);
  isOne(settled[0].reason, kinds, word);
};
export default async () => {
  const wrong = [];
  for (const [sentence, run] of Object.entries(cases)) {
    try {
      await run();
    } catch (error) {
      wrong.push(`${sentence}: ${error.message}`);
    }
  }
  return [Object.keys(cases).length, wrong];
};
"#;

#[tokio::test]
async fn every_global_does_what_its_table_says() {
    for path in tables() {
        let table = fs::read_to_string(&path).unwrap();
        let outcome = Run::default().source(&format!("{table}{CHECK}")).await;
        assert_eq!(kind(&outcome), "success", "{}: {:?}", path.display(), outcome.result);
        let result = json(&outcome);
        assert!(result[0].as_u64().is_some_and(|cases| cases > 4), "{}: no cases", path.display());
        assert_eq!(result[1], serde_json::json!([]), "{}", path.display());
    }
}

/// Tables that wait for timers: how often they wait is for the machine's clock to say.
const WAITING: [&str; 2] = ["events.js", "platform.js"];

#[tokio::test]
async fn every_table_costs_the_same_fuel_again() {
    let is_waiting = |path: &PathBuf| WAITING.iter().any(|name| path.ends_with(name));
    for path in tables().into_iter().filter(|path| !is_waiting(path)) {
        let source = format!("{}{CHECK}", fs::read_to_string(&path).unwrap());
        let start = start_record();
        let run = || Run { start: Some(start.clone()), ..Run::default() };
        let (one, other) = (run().source(&source).await, run().source(&source).await);
        assert_eq!(json(&one), json(&other), "{}", path.display());
        assert_eq!(one.fuel, other.fuel, "{}", path.display());
    }
}

/// What a script sends, and the content type and the body that go out.
const BODIES: [(&str, &str, &str); 9] = [
    ("http.post(at, { a: 1 })", "application/json", r#"{"a":1}"#),
    ("http.post(at, 'text')", "text/plain;charset=UTF-8", "text"),
    ("http.post(at, new URLSearchParams({ a: 'b c' }))", "application/x-www-form-urlencoded;charset=UTF-8", "a=b+c"),
    ("http.post(at, new Blob(['x'], { type: 'a/b' }))", "a/b", "x"),
    ("http.put(at, ReadableStream.from([new Uint8Array([104, 105])]))", "", "hi"),
    ("fetch(at, { method: 'POST', body: new Uint8Array([104, 105]).buffer })", "", "hi"),
    ("fetch(new Request(at, { method: 'POST', body: 'r' }))", "text/plain;charset=UTF-8", "r"),
    ("fetch(at, new Request('https://c.d/', { method: 'PATCH', body: 'i' }))", "text/plain;charset=UTF-8", "i"),
    ("fetch(at, { method: 'POST', body: 's', duplex: 'half', headers: { 'content-type': 'x/y' } })", "x/y", "s"),
];

#[tokio::test]
async fn a_body_is_sent_as_what_it_is() {
    for (call, content_type, body) in BODIES {
        let request = sent(call).await;
        let found = request.headers.iter().find(|header| header.name == "content-type");
        assert_eq!(found.map_or("", |header| header.value.as_str()), content_type, "{call}");
        assert!(matches!(&request.body, HttpBody::Bytes(bytes) if bytes == body.as_bytes()), "{call}: {request:?}");
    }
}

#[tokio::test]
async fn a_form_is_sent_between_boundaries_of_the_execution() {
    let request = sent("http.post(at, (() => { const f = new FormData(); f.append('a', 'b'); return f; })())").await;
    let HttpBody::Bytes(body) = &request.body else { panic!("{request:?}") };
    let content_type = &request.headers[0].value;
    let boundary = content_type.strip_prefix("multipart/form-data; boundary=").unwrap();
    let form = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nb\r\n--{boundary}--\r\n");
    assert_eq!(String::from_utf8_lossy(body), form);
}

#[tokio::test]
async fn a_secret_goes_into_a_field_of_a_form_of_fetch() {
    let request = sent("fetch(at, { method: 'POST', form: { user: 'u', key: await secrets.get('key') } })").await;
    let HttpBody::Form(fields) = &request.body else { panic!("{request:?}") };
    assert_eq!(fields.len(), 2);
    assert!(matches!(&fields[1].value, HttpFieldValue::Secret(secret) if secret.name == "key"));
}

/// The request that a call to `at` sends. The world refuses it.
async fn sent(call: &str) -> HttpRequest {
    let source =
        format!("export default async () => {{ const at = 'https://a.b/'; await {call}.catch(() => null); }};");
    let run = Run::default();
    let world = run.world.clone();
    let outcome = run.source(&source).await;
    assert_eq!(kind(&outcome), "success", "{call}: {:?}", outcome.result);
    let seen = world.seen.lock().unwrap();
    let mut requests = seen.iter().filter_map(|call| match call {
        HostCall::HttpSend(request) => Some(request.clone()),
        _ => None,
    });
    requests.next_back().unwrap_or_else(|| panic!("{call} sent nothing"))
}

#[tokio::test]
async fn a_call_that_is_given_up_while_its_body_is_read_is_not_sent() {
    for call in ["fetch(at, { method: 'POST', body, signal })", "http.post(at, body, { signal })"] {
        let source = format!(
            "export default async () => {{
                const at = 'https://a.b/', given = new AbortController(), {{ signal }} = given;
                const body = new ReadableStream({{ async start(controller) {{
                    await utils.sleep(1);
                    given.abort('why');
                    controller.enqueue(new Uint8Array(1));
                    controller.close();
                }} }});
                const reason = await {call}.catch((error) => error);
                await utils.sleep(1);
                return reason;
            }};"
        );
        let run = Run::default();
        let world = run.world.clone();
        let outcome = run.source(&source).await;
        assert_eq!(json(&outcome), serde_json::json!("why"), "{call}");
        let seen = world.seen.lock().unwrap();
        assert!(!seen.iter().any(|call| matches!(call, HostCall::HttpSend(_))), "{call}");
    }
}

#[tokio::test]
async fn an_edge_workers_environment_is_its_secrets() {
    let source = "export default { async fetch(request, env, ctx) {
        ctx.passThroughOnException();
        ctx.waitUntil(fetch('https://a.b/', { headers: { authorization: env.key.format('Bearer {}') } }).catch(() => 0));
        const refused = [() => `${env.key}`, () => JSON.stringify(env.key), () => { env.key = 1; }].map((use) => {
            try { return use(); } catch (error) { return error instanceof TypeError; }
        });
        return Response.json([refused, env.key === env.key, 'key' in env, Object.keys(env), `${env.key.name}`]);
    } };";
    let run = Run { input: request(), ..Run::default() };
    let world = run.world.clone();
    let outcome = run.source(source).await;
    assert_eq!(body(&outcome), r#"[[true,true,true],true,true,[],"key"]"#);
    let seen = world.seen.lock().unwrap();
    assert!(seen.iter().any(|call| matches!(call, HostCall::HttpSend(request)
        if request.secret_headers.len() == 1 && request.secret_headers[0].value.format == "Bearer {}")));
}

#[tokio::test]
async fn a_stream_is_read_to_its_end_before_it_is_the_answer() {
    let source = "export default () => new Response(new ReadableStream({
        async start(controller) {
            for (const word of ['one ', 'two']) { await utils.sleep(1); controller.enqueue(new TextEncoder().encode(word)); }
            controller.close();
        } }), { status: 201 });";
    let outcome = Run { input: request(), ..Run::default() }.source(source).await;
    assert_eq!(body(&outcome), "one two");
    let broken =
        "export default () => new Response(new ReadableStream({ pull() { throw new RangeError('broken'); } }));";
    let failure = Run { input: request(), ..Run::default() }.source(broken).await.result.unwrap_err();
    assert_eq!((failure.kind.as_str(), failure.message.as_str()), ("user_error", "broken"));
    let endless = "export default () => new Response(new ReadableStream());";
    let outcome = Run { input: request(), ..Run::default() }.source(endless).await;
    assert_eq!(kind(&outcome), "unresolved_promise");
}

#[tokio::test]
async fn a_name_that_is_not_there_comes_with_advice() {
    for (name, advice) in [
        ("Intl", "utils.date"),
        ("process", "secrets.get"),
        ("Buffer", "Uint8Array"),
        ("DecompressionStream", "nothing is decompressed"),
    ] {
        let outcome = Run::default().source(&format!("export default () => {name}.x;")).await;
        let failure = outcome.result.unwrap_err();
        assert_eq!(failure.name, "ReferenceError");
        assert!(failure.message.contains(advice), "{}", failure.message);
    }
}

#[tokio::test]
async fn a_log_line_costs_the_same_however_large_the_value_is() {
    let fuel = async |size: u32| {
        let made = format!("const value = Array({size}).fill(7), map = new Map(value.map((_, i) => [i, i]));");
        let log = "console.log(value, map, 'x'.repeat(value.length), { value });";
        let without = Run::default().source(&format!("export default () => {{ {made} }};")).await.fuel;
        Run::default().source(&format!("export default () => {{ {made} {log} }};")).await.fuel - without
    };
    let (small, large) = (fuel(10_000).await, fuel(50_000).await);
    assert!(large < 2 * small, "{small} and {large}");
}

fn request() -> Input {
    let (method, url, auth) = ("GET".into(), "http://localhost/".into(), r#"{"kind":"public","id":null}"#.into());
    Input::Request(Request { method, url, headers: Vec::new(), body: Vec::new(), params: Vec::new(), auth })
}

/// The text of an endpoint script's answer.
fn body(outcome: &Outcome) -> String {
    match &outcome.result {
        Ok(Output::Response(response)) => String::from_utf8(response.body.clone()).unwrap(),
        other => panic!("no response: {other:?}"),
    }
}

/// The tables, in the order of their names.
fn tables() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/globals");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(paths.len() > 8, "the tables are not there");
    paths
}
