//! Limits that are about time and amounts: deadlines, cancellation, logs, calls under way.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use domain::{Language, Limits};
use futures_util::{FutureExt, future::join_all};
use runtime::{Answer, HostCall, Interfaces, Started};

use crate::support::{Run, compile, json, kind, sandbox};

/// Scripts that outlast a short deadline with all the fuel there is: where they wait, and inside what is one
/// instruction to JavaScript.
const SLOW: [(&str, &str); 12] = [
    ("a sleep", "await utils.sleep(60000);"),
    ("a timer", "await new Promise((resolve) => setTimeout(resolve, 60000));"),
    ("a host call", "await services.slow.call(1);"),
    ("many host calls", "await Promise.all(Array.from({ length: 40 }, () => services.slow.call(1)));"),
    ("an endless loop", "for (;;);"),
    ("a catastrophic regex", "/^(a+)+$/.test('a'.repeat(60) + '!');"),
    (
        "a long sort",
        "const list = Array.from({ length: 2e6 }, (_, i) => (i * 7919) % 2000003); for (;;) list.sort((a, b) => b - a).reverse();",
    ),
    ("huge integers", "const big = 7n ** 300000n; for (;;) big.toString();"),
    ("one huge power", "for (;;) 3n ** 600000n;"),
    ("long JSON", "const list = Array.from({ length: 1e6 }, (_, i) => i); for (;;) JSON.parse(JSON.stringify(list));"),
    ("a long text", "const text = 'ab'.repeat(5e6); for (;;) text.split('').reverse().join('').indexOf('zz');"),
    ("endless microtasks", "for (;;) await null;"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadline_ends_whatever_a_script_is_doing() {
    let limits = Limits {
        fuel: u64::MAX / 2,
        wall_time: Duration::from_millis(300),
        memory_bytes: 256 << 20,
        ..Limits::DEFAULT
    };
    let runs = SLOW.map(|(what, body)| async move {
        let script = compile(Language::JavaScript, &format!("export default async () => {{ {body} }};")).await;
        let mut run = Run { limits, ..Run::default() };
        run.world.delays = Arc::new([(String::from("call"), Duration::from_secs(60))].into());
        let outcome = run.script(script).await.outcome;
        assert_eq!(kind(&outcome), "timeout", "{what}: {:?}", outcome.result);
    });
    join_all(runs).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_run_ends_whatever_it_is_doing() {
    for body in ["await utils.sleep(60000);", "for (;;);", "await services.slow.call(1);"] {
        let script = compile(Language::JavaScript, &format!("export default async () => {{ {body} }};")).await;
        let mut run = Run { limits: Limits { fuel: u64::MAX / 2, ..Limits::DEFAULT }, ..Run::default() };
        run.world.delays = Arc::new([(String::from("call"), Duration::from_secs(60))].into());
        run.cancellation.cancel();
        let outcome = run.script(script).await.outcome;
        assert_eq!(kind(&outcome), "cancelled", "{body}: {:?}", outcome.result);
    }
}

#[tokio::test]
async fn logs_past_their_limits_are_dropped_and_say_so() {
    let many = "export default () => { for (let i = 0; i < 5000; i++) console.log('line', i); };";
    let outcome = Run::default().source(many).await;
    assert_eq!((kind(&outcome), outcome.logs.len(), outcome.logs_truncated), ("success", 1_000, true));

    let long = "export default () => { for (let i = 0; i < 100; i++) console.log('x'.repeat(1e5), { i }); };";
    let outcome = Run::default().source(long).await;
    let bytes: usize =
        outcome.logs.iter().map(|line| line.message.len() + line.arguments.as_ref().map_or(0, String::len)).sum();
    assert!(outcome.logs_truncated && bytes <= 256 << 10, "{bytes} bytes of log");

    let few = "export default () => { for (let i = 0; i < 1000; i++) console.log('line'); };";
    let outcome = Run::default().source(few).await;
    assert_eq!((outcome.logs.len(), outcome.logs_truncated), (1_000, false));
}

#[tokio::test]
async fn a_failed_run_keeps_its_logs() {
    for body in ["for (;;);", "throw 1;", "'x'.repeat(2 ** 29).split('');", "await new Promise(() => {});"] {
        let source = format!("export default async () => {{ console.log('before'); {body} }};");
        let limits = Limits { fuel: 300_000_000, ..Limits::DEFAULT };
        let outcome = Run { limits, ..Run::default() }.source(&source).await;
        assert_ne!(kind(&outcome), "success");
        assert_eq!(outcome.logs[0].message, "before", "{body}");
    }
}

/// A world that notes how many of its calls were under way at once.
#[derive(Clone, Debug, Default)]
struct Counting {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

impl Interfaces for Counting {
    fn is_outside(&self, _call: &HostCall) -> bool {
        true
    }

    fn start(&mut self, _call: HostCall, _clock_ms: u64) -> Started {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        let now = Arc::clone(&self.now);
        let answer = async move {
            tokio::task::yield_now().await;
            now.fetch_sub(1, Ordering::SeqCst);
            Ok(Answer::Value(None))
        };
        Started::Pending(answer.boxed())
    }
}

#[tokio::test]
async fn at_most_sixteen_calls_are_under_way_at_once() {
    let source = "export default async () => {
        const all = await Promise.all(Array.from({ length: 50 }, (_, i) => services.echo.call(i)));
        return all.length;
    };";
    let script = compile(Language::JavaScript, source).await;
    let world = Counting::default();
    let outcome = Run::default().script_in(sandbox(), script, Box::new(world.clone())).await.outcome;
    assert_eq!(json(&outcome), 50);
    assert_eq!(world.most.load(Ordering::SeqCst), 16);
}

#[tokio::test]
async fn memory_past_the_limit_is_named_with_the_limit() {
    let limits = Limits { memory_bytes: 8 << 20, ..Limits::DEFAULT };
    let outcome = Run { limits, ..Run::default() }.source("export default () => new Uint8Array(9 << 20).length;").await;
    let failure = outcome.result.unwrap_err();
    assert!(failure.message.contains("8 MiB"), "{failure:?}");
    assert!(outcome.peak_memory_bytes <= 8 << 20);
}
