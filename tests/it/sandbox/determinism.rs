//! The same run is the same to the unit of fuel: live again and again, with answers in any timing, and from a journal.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use domain::{Language, Limits, RecordMode};
use runtime::{CompiledScript, Journal, Mode, Outcome};

use crate::support::{Run, World, compile, json, kind, start_record};

#[tokio::test]
async fn a_thousand_runs_cost_the_same() {
    let source = "let n = 0;
        export default async (input) => {
            for (let i = 0; i < 100; i++) n += i % 7;
            await storage.set('k', { n, list: [1, 2, 3] });
            const [now, random, id] = [Date.now(), Math.random(), utils.uuid()];
            console.log('line', n);
            return [n, (await storage.get('k')).list.map((x) => x * 2), now > 0, random < 1, id.length, input];
        };";
    let script = compile(Language::JavaScript, source).await;
    let first = Run::default().script(Arc::clone(&script)).await.outcome;
    for _ in 0..1_000 {
        let outcome = Run::default().script(Arc::clone(&script)).await.outcome;
        assert_eq!(outcome.fuel, first.fuel);
        assert_eq!(json(&outcome), json(&first));
    }
}

#[tokio::test]
async fn compiling_twice_makes_the_same_script() {
    let source = "const o = { a: 1, 'b c': [1n, /x/gu, `t${1}`] }; class C { static fetch() { return o; } } export default () => C.fetch();";
    let first = compile(Language::JavaScript, source).await;
    for _ in 0..20 {
        assert_eq!(*compile(Language::JavaScript, source).await, *first);
    }
}

/// Four calls at once, whose answers come when `delays` say.
async fn with_delays(script: &Arc<CompiledScript>, delays: [(&str, u64); 4]) -> Outcome {
    let delays: BTreeMap<String, Duration> = delays
        .into_iter()
        .filter(|(_, ms)| *ms > 0)
        .map(|(name, ms)| (name.to_owned(), Duration::from_millis(ms)))
        .collect();
    let run = Run { world: World { delays: Arc::new(delays), ..World::default() }, ..Run::default() };
    run.script(Arc::clone(script)).await.outcome
}

#[tokio::test]
async fn the_timing_of_answers_costs_nothing() {
    let source = "export default async () => {
        const order = [];
        const all = ['a', 'b', 'c', 'd'].map((name) => services.echo[name](1).then((value) => { order.push(name); return value[0]; }));
        return { all: await Promise.all(all), order };
    };";
    let script = compile(Language::JavaScript, source).await;
    let at_once = with_delays(&script, [("a", 0), ("b", 0), ("c", 0), ("d", 0)]).await;
    assert_eq!(json(&at_once)["order"], serde_json::json!(["a", "b", "c", "d"]));
    let late = with_delays(&script, [("a", 1), ("b", 15), ("c", 30), ("d", 45)]).await;
    assert_eq!((json(&late), late.fuel), (json(&at_once), at_once.fuel));
    let partly = with_delays(&script, [("a", 0), ("b", 0), ("c", 10), ("d", 25)]).await;
    assert_eq!((json(&partly), partly.fuel), (json(&at_once), at_once.fuel));

    let simultaneous = with_delays(&script, [("a", 20), ("b", 20), ("c", 20), ("d", 20)]).await;
    assert_eq!(json(&simultaneous)["all"], json(&at_once)["all"]);
}

#[tokio::test]
async fn answers_out_of_order_cost_the_same_each_time() {
    let source = "export default () => new Promise((resolve) => {
        let missing = 4, order = '';
        const answered = (name) => { order += name; if (--missing === 0) resolve(order); };
        for (const name of ['a', 'b', 'c', 'd']) services.echo[name](1).then(() => answered(name));
    });";
    let script = compile(Language::JavaScript, source).await;
    let first = with_delays(&script, [("a", 45), ("b", 15), ("c", 30), ("d", 0)]).await;
    let later = with_delays(&script, [("a", 80), ("b", 20), ("c", 40), ("d", 1)]).await;
    assert_eq!(json(&first), "dbca");
    assert_eq!((json(&later), later.fuel), (json(&first), first.fuel));
    assert_eq!(replay(&script, &first, Limits::DEFAULT).await.fuel, first.fuel);
}

/// Scripts that use whatever could differ between a run and its replay.
const SCRIPTS: [(&str, &str); 14] = [
    ("storage", "await storage.set('k', { n: 1 }); return [await storage.get('k'), await storage.get('absent')];"),
    (
        "parallel calls",
        "const order = []; await Promise.all(['a', 'b', 'c', 'd', 'e'].map((m) => services.echo[m](1).then(() => order.push(m)))); return order;",
    ),
    ("a race", "return Promise.race([services.echo.a(1), services.echo.b(2), utils.sleep(5)]);"),
    (
        "timers",
        "const order = []; const wait = (ms) => new Promise((r) => setTimeout(() => { order.push(ms); r(); }, ms)); await Promise.all([wait(9), wait(1), wait(0), wait(4)]); return order;",
    ),
    (
        "an interval",
        "return new Promise((resolve) => { let n = 0; const id = setInterval(() => { if (++n === 4) { clearInterval(id); resolve(n); } }, 2); });",
    ),
    (
        "random numbers",
        "return [Math.random(), utils.uuid(), crypto.randomUUID(), [...crypto.getRandomValues(new Uint8Array(9))]];",
    ),
    (
        "the clock",
        "const at = [Date.now(), performance.now()]; await utils.sleep(7); console.log(new Date().toISOString()); return [at, Date.now(), performance.now()];",
    ),
    (
        "errors of calls",
        "const seen = []; for (const call of [() => services.absent.get(), () => storage.get(''), () => secrets.get('absent')]) try { await call(); } catch (e) { seen.push([e.name, e.code, e.message]); } return seen;",
    ),
    ("an uncaught denial", "await services.absent.get();"),
    ("a thrown error", "await storage.get('k'); console.warn('about to fail'); throw new Error('n' + Math.random());"),
    (
        "an unhandled rejection",
        "services.absent.get(); Promise.reject(new Error('nobody')); await utils.sleep(1); return 1;",
    ),
    ("calls cut off", "services.echo.a(1); setTimeout(() => {}, 1000); return 1;"),
    ("a stuck promise", "await storage.get('k'); await new Promise(() => {});"),
    ("events", "return [await events.publish('a.b', { n: Math.random() }, { id: 'x' }), context.execution.id];"),
];

#[tokio::test]
async fn a_replay_equals_its_run_in_result_logs_and_fuel() {
    for (what, body) in SCRIPTS {
        for place in ["inside", "at the top level"] {
            let source = match place {
                "inside" => format!("export default async () => {{ {body} }};"),
                _ => format!("const early = await (async () => {{ {body} }})(); export default () => early;"),
            };
            let script = compile(Language::JavaScript, &source).await;
            let delays = [("a", 9), ("b", 3), ("c", 6), ("d", 0), ("e", 1)];
            let delays = delays.map(|(name, ms)| (name.to_owned(), Duration::from_millis(ms))).into();
            let world = World { delays: Arc::new(delays), ..World::default() };
            let live = Run { world, ..Run::default() }.script(Arc::clone(&script)).await.outcome;
            let replayed = replay(&script, &live, Limits::DEFAULT).await;
            assert_same(&live, &replayed, &format!("{what}, {place}"));
        }
    }
}

#[tokio::test]
async fn a_run_that_was_cut_is_replayed_to_the_same_cut() {
    let limits = Limits { fuel: 50_000_000, host_calls: 20, memory_bytes: 16 << 20, ..Limits::DEFAULT };
    let bodies = [
        ("cpu_limit", "for (;;) n++;"),
        ("cpu_limit", "for (;;) await null;"),
        ("hostcall_limit", "for (;;) await storage.get('k' + n++);"),
        ("hostcall_limit", "const big = 'x'.repeat(1e6); for (;;) await storage.set('k' + n++, big);"),
        ("memory_limit", "const list = []; for (;;) list.push('x'.repeat(1e5) + n++);"),
        ("stack_overflow", "const deeper = () => deeper() + 1; deeper();"),
        ("output_limit", "return 'x'.repeat(2 << 20);"),
    ];
    for (expected, body) in bodies {
        let fuel = if expected == "cpu_limit" { limits.fuel } else { Limits::DEFAULT.fuel };
        let host_calls = if body.contains("big") { Limits::DEFAULT.host_calls } else { limits.host_calls };
        let limits = Limits { fuel, host_calls, ..limits };
        let source = format!("let n = 0; export default async () => {{ await storage.get('first'); {body} }};");
        let script = compile(Language::JavaScript, &source).await;
        let live = Run { limits, ..Run::default() }.script(Arc::clone(&script)).await.outcome;
        assert_eq!(kind(&live), expected, "{:?}", live.result);
        assert_same(&live, &replay(&script, &live, limits).await, body);
    }
}

#[tokio::test]
async fn a_replay_of_an_edited_script_names_the_first_call_that_differs() {
    let recorded = "await storage.get('a'); await storage.set('b', 1); return 1;";
    let cases = [
        (
            "await storage.get('a'); await storage.set('b', 2); return 1;",
            "host call 2 (storage.set) has other arguments",
        ),
        ("await storage.get('z'); return 1;", "host call 1 (storage.get) has other arguments"),
        (
            "await storage.get('a'); await storage.delete('b'); return 1;",
            "host call 2 is storage.delete, the recorded one is storage.set",
        ),
        (
            "await storage.get('a'); await storage.set('b', 1); await storage.get('c');",
            "host call 3 is storage.get, where the recorded run had ended",
        ),
        ("await utils.sleep(1);", "host call 1 is timers.start, the recorded one is storage.get"),
    ];
    let wrapped = |body: &str| format!("export default async () => {{ {body} }};");
    let script = compile(Language::JavaScript, &wrapped(recorded)).await;
    let live = Run::default().script(script).await.outcome;
    for (body, says) in cases {
        let edited = compile(Language::JavaScript, &wrapped(body)).await;
        let failure = replay(&edited, &live, Limits::DEFAULT).await.result.unwrap_err();
        assert_eq!((failure.kind.as_str(), failure.name.as_str()), ("conflict", "Diverged"));
        assert!(failure.message.contains(says), "{}", failure.message);
    }
    // Asking for the same in the same order is no difference, whatever else was edited.
    let same = compile(
        Language::JavaScript,
        &wrapped("const a = await storage.get('a'); await storage.set('b', 1); return [a, 2];"),
    )
    .await;
    assert_eq!(json(&replay(&same, &live, Limits::DEFAULT).await), serde_json::json!([null, 2]));
}

#[tokio::test]
async fn a_replay_that_waits_where_the_run_was_cut_says_so() {
    let source = "export default async () => { await storage.get('k'); await services.echo.slow(1); };";
    let script = compile(Language::JavaScript, source).await;
    let mut run = Run { limits: Limits { wall_time: Duration::from_millis(100), ..Limits::DEFAULT }, ..Run::default() };
    run.world.delays = Arc::new([(String::from("slow"), Duration::from_secs(60))].into());
    let live = run.script(Arc::clone(&script)).await.outcome;
    assert_eq!(kind(&live), "timeout");
    assert_eq!(kind(&replay(&script, &live, Limits::DEFAULT).await), "interrupted");
}

#[tokio::test]
async fn a_run_recorded_as_metadata_keeps_no_value_and_costs_the_same() {
    let source = "export default async () => { await storage.set('MARKER-key', 'MARKER-value'); return storage.get('MARKER-key'); };";
    let script = compile(Language::JavaScript, source).await;
    let start = start_record();
    let run = |record| Run { record, start: Some(start.clone()), ..Run::default() };
    let full = run(RecordMode::Full).script(Arc::clone(&script)).await.outcome;
    for record in [RecordMode::Metadata, RecordMode::Off] {
        let outcome = run(record).script(Arc::clone(&script)).await.outcome;
        assert_eq!((outcome.fuel, json(&outcome)), (full.fuel, json(&full)));
        assert!(!outcome.record.as_bytes().windows(6).any(|window| window == b"MARKER"));
    }
}

/// Run `script` again, from the journal of `live` alone.
async fn replay(script: &Arc<CompiledScript>, live: &Outcome, limits: Limits) -> Outcome {
    let journal = Journal::decode(live.record.as_bytes()).unwrap();
    let world = World::default();
    let run = Run {
        limits,
        world: world.clone(),
        start: Some(journal.start.clone()),
        mode: Mode::Replay(Box::new(journal)),
        ..Run::default()
    };
    let outcome = run.script(Arc::clone(script)).await.outcome;
    assert!(world.seen.lock().unwrap().is_empty(), "a replay reached the world");
    outcome
}

fn assert_same(live: &Outcome, replayed: &Outcome, what: &str) {
    assert_eq!(format!("{:?}", replayed.result), format!("{:?}", live.result), "{what}");
    assert_eq!(replayed.logs, live.logs, "{what}");
    assert_eq!(replayed.fuel, live.fuel, "{what}");
    assert_eq!((replayed.host_calls, replayed.boundary_bytes), (live.host_calls, live.boundary_bytes), "{what}");
    let [one, other] = [live, replayed].map(|outcome| Journal::decode(outcome.record.as_bytes()).unwrap());
    assert_eq!((one.fuel(), one.error_kind()), (other.fuel(), other.error_kind()), "{what}");
}

#[tokio::test]
async fn what_any_attempt_asked_outside_is_remembered_by_every_later_one() {
    let attempt = async |body: &str, mode: Mode| {
        let script = compile(Language::JavaScript, &format!("export default async () => {{ {body} }};")).await;
        Run { mode, ..Run::default() }.script(script).await
    };
    let first = attempt("await services.echo.a(1); await services.echo.b(2);", Mode::Live).await;
    // Its reads led it elsewhere, so that it did not come to the second call.
    let second = attempt("await services.echo.a(1);", Mode::Repeat(first.outside)).await;
    assert_eq!(kind(&second.outcome), "success");
    let third = attempt("await services.echo.a(1); await services.echo.b(3);", Mode::Repeat(second.outside)).await;
    assert_eq!(kind(&third.outcome), "conflict");
}
