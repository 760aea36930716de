//! Hostile components: arbitrary Wasm in place of the JavaScript engine (RULES 3 and 4).
//!
//! QuickJS is C; whoever breaks it holds the guest's every instruction. Whatever such a guest does ends as the guest's
//! fault or as a limit, the host neither panics nor reports its own failure, and honest runs notice nothing.

mod guest;

use std::time::Duration;

use domain::Limits;
use runtime::{
    Answer, CallError, Header, HostCall, HttpResponse, Input, Interfaces, Outcome, Page, PageEntry, Request, Sandbox,
    Started,
};

use self::guest::{Guest, script};
use crate::support::{Run, honest_run, kind};

const LIMITS: Limits = Limits {
    fuel: 200_000_000,
    wall_time: Duration::from_secs(10),
    memory_bytes: 16 << 20,
    host_calls: 100,
    ..Limits::DEFAULT
};

/// One honest use of each import that starts a call, and what it is called.
const CALLS: [(&str, &str); 13] = [
    ("get", "(drop (call $get (i32.const 1024) (i32.const 3)))"),
    ("get-many", "(drop (call $get_many (i32.const 0) (i32.const 0)))"),
    (
        "set",
        "(drop (call $set (i32.const 1024) (i32.const 3) (i32.const 1040) (i32.const 4) (i32.const 0) (i32.const 0)))",
    ),
    ("delete", "(drop (call $delete (i32.const 1024) (i32.const 3)))"),
    (
        "list",
        "(drop (call $list (i32.const 1024) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 10)))",
    ),
    ("increment", "(drop (call $increment (i32.const 1024) (i32.const 3) (f64.const 1)))"),
    ("commit", "(drop (call $commit))"),
    (
        "service",
        "(drop (call $service (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 3) (i32.const 1120) (i32.const 2)))",
    ),
    (
        "publish",
        "(drop (call $publish (i32.const 1056) (i32.const 3) (i32.const 1040) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
    ),
    (
        "send",
        "(drop (call $send (i32.const 1024) (i32.const 3) (i32.const 1072) (i32.const 15) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
    ),
    ("check", "(drop (call $check (i32.const 1024) (i32.const 3)))"),
    (
        "hmac",
        "(drop (call $hmac (i32.const 1024) (i32.const 3) (i32.const 1104) (i32.const 2) (i32.const 0) (i32.const 1024) (i32.const 3)))",
    ),
    (
        "hmac-verify",
        "(drop (call $hmac_verify (i32.const 1024) (i32.const 3) (i32.const 1104) (i32.const 2) (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 1024) (i32.const 3)))",
    ),
];

/// What `cabi_realloc` does, and the kinds with which a run may end then. An address that is wrong only for larger
/// alignments or lengths does no harm to a smaller answer; one that lies on the guest's own data harms the guest.
const REALLOCS: [(&str, &str, &[&str]); 13] = [
    ("answers 0", "(return (i32.const 0))", &["success", "engine_fault"]),
    ("answers an odd address", "(return (i32.const 65537))", &["success", "engine_fault"]),
    (
        "answers the last byte",
        "(return (i32.sub (i32.mul (memory.size) (i32.const 65536)) (i32.const 1)))",
        &["success", "engine_fault"],
    ),
    ("answers the end of memory", "(return (i32.mul (memory.size) (i32.const 65536)))", &["success", "engine_fault"]),
    ("answers an address past everything", "(return (i32.const -16))", &["engine_fault"]),
    ("answers where its own result will lie", "(return (i32.const 256))", &["success", "engine_fault"]),
    ("loops", "(loop $again (br $again))", &["cpu_limit"]),
    ("grows the memory for ever", "(loop $again (drop (memory.grow (i32.const 1))) (br $again))", &["memory_limit"]),
    ("grows the memory at once", "(drop (memory.grow (i32.const 4096)))", &["memory_limit"]),
    ("traps", "unreachable", &["engine_fault"]),
    ("recurs", "(return (call $realloc (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 1)))", &["stack_overflow"]),
    ("starts a host call", "(drop (call $get (i32.const 1024) (i32.const 3)))", &["engine_fault"]),
    ("asks for the next answer", "(call $next (i32.const 512))", &["engine_fault"]),
];

/// A world that answers each call with as much as its kind of answer can hold.
#[derive(Clone, Debug)]
struct Generous;

impl Interfaces for Generous {
    fn is_outside(&self, _call: &HostCall) -> bool {
        false
    }

    fn start(&mut self, call: HostCall, _clock_ms: u64) -> Started {
        let text = || "x".repeat(5_000);
        Started::Ready(Ok(match call {
            HostCall::StorageGet { .. } | HostCall::ServiceCall { .. } => Answer::Value(Some(text())),
            HostCall::StorageGetMany { .. } => Answer::Values(vec![Some(text()), None, Some(text())]),
            HostCall::StorageList { .. } => {
                let entries = (0..9).map(|_| PageEntry { key: text(), value: text() }).collect();
                Answer::Page(Page { entries, cursor: Some(text()) })
            }
            HostCall::EventPublish(_) => Answer::Text(text()),
            HostCall::SecretHmac { .. } => Answer::Bytes(vec![9; 5_000]),
            HostCall::SecretHmacVerify { .. } => Answer::Truth(true),
            HostCall::HttpSend(_) => {
                let headers = (0..9).map(|_| Header { name: text(), value: text() }).collect();
                let body = vec![9; 5_000];
                Answer::Response(HttpResponse { status: 200, url: text(), headers, body, redirected: false })
            }
            HostCall::SecretCheck { .. } => return Started::Ready(Err(CallError::Other(text()))),
            _ => Answer::Nothing,
        }))
    }
}

#[tokio::test]
async fn an_honest_guest_made_by_hand_succeeds() {
    let all: String = CALLS.iter().map(|(_, call)| format!("{call} (call $next (i32.const 512))")).collect();
    let outcome = run(&Guest::calling(&all)).await;
    assert_eq!(kind(&outcome), "success", "{:?}", outcome.result);
    assert_eq!(outcome.host_calls, 13);
}

#[tokio::test]
async fn pages_of_a_snapshot_are_given_only_inside_restore() {
    let out_of_turn = ["(drop (call $next_address))", "(call $next_run (i32.const 512))"];
    for instructions in out_of_turn {
        let in_load = Guest { load: format!("{instructions} (call $loaded)"), ..Guest::default() };
        let before_an_answer = Guest::calling(&format!("{} {instructions}", CALLS[0].1));
        for guest in [Guest::calling(instructions), in_load, before_an_answer] {
            expect(&guest, &["engine_fault"]).await;
        }
    }
}

#[tokio::test]
async fn a_load_that_was_said_to_be_pure_passes_the_gate_all_the_same() {
    // A forged version could claim purity and use imports in `load`, before the guest is told of its execution.
    for (name, call) in CALLS {
        let outcome = run(&Guest { load: format!("{call} (call $loaded)"), ..Guest::default() }).await;
        assert_eq!((kind(&outcome), outcome.host_calls), ("success", 1), "{name}");
    }
}

#[tokio::test]
async fn taking_an_answer_with_nothing_under_way_is_the_guests_fault() {
    let next = "(call $next (i32.const 512))";
    let cases = [
        String::from(next),
        format!("{} {next} {next}", CALLS[0].1),
        format!("(call $cancel (call $timer (i64.const 5))) {next}"),
        format!("(call $cancel (i32.const 77)) (call $cancel (i32.const -1)) {next}"),
    ];
    for instructions in cases {
        expect(&Guest::calling(&instructions), &["engine_fault"]).await;
    }
}

#[tokio::test]
async fn a_hostile_allocator_harms_only_its_own_run() {
    for (what, realloc, kinds) in REALLOCS {
        for (name, call) in CALLS {
            let answered_in_place = ["set", "delete", "increment", "commit", "hmac-verify"].contains(&name);
            let instructions = format!("{call} (global.set $armed (i32.const 1)) (call $next (i32.const 512))");
            let guest = Guest { realloc: realloc.to_owned(), ..Guest::calling(&instructions) };
            let outcome = run(&guest).await;
            let kinds = if answered_in_place { &["success"] } else { kinds };
            assert!(kinds.contains(&kind(&outcome)), "an allocator that {what}, for {name}: {:?}", outcome.result);
        }
        let at_load = Guest { realloc: realloc.to_owned(), is_armed: true, ..Guest::default() };
        let found = run(&at_load).await;
        assert!(kinds.contains(&kind(&found)), "an allocator that {what}, at load: {:?}", found.result);
    }
    honest_run().await;
}

#[tokio::test]
async fn a_return_area_that_is_none_is_the_guests_fault() {
    for address in ["-8", "-1", "511", "513", "262136", "0x7ffffff8"] {
        let guest = Guest::calling(&format!("{} (call $next (i32.const {address}))", CALLS[0].1));
        expect(&guest, &["engine_fault"]).await;
    }
}

#[tokio::test]
async fn arguments_that_are_none_are_the_guests_fault() {
    // Address and length in place of a text; bytes 2048… are no UTF-8, and lists of records are not aligned there.
    let places = [
        "(i32.const -1) (i32.const 2)",
        "(i32.const 0) (i32.const -1)",
        "(i32.const 262143) (i32.const 2)",
        "(i32.const 0x7fffffff) (i32.const 0x7fffffff)",
        "(i32.const 2048) (i32.const 4)",
    ];
    let honest = [
        "(i32.const 1024) (i32.const 3)",
        "(i32.const 1040) (i32.const 4)",
        "(i32.const 1056) (i32.const 3)",
        "(i32.const 1072) (i32.const 15)",
        "(i32.const 1120) (i32.const 2)",
    ];
    let items = String::from(r#"(data (i32.const 2048) "\ff\fe\c3\28")"#);
    let mut checked = 0;
    for (_, call) in CALLS {
        for place in places {
            for text in honest.iter().filter(|text| call.contains(**text)) {
                let guest = Guest { items: items.clone(), ..Guest::calling(&call.replacen(text, place, 1)) };
                // A list of bytes takes any byte.
                let kinds: &[&str] = if call.contains("hmac") {
                    &["engine_fault", "success"]
                } else {
                    &["engine_fault", "hostcall_limit"]
                };
                expect(&guest, kinds).await;
                checked += 1;
            }
        }
    }
    assert!(checked > 60);
}

#[tokio::test]
async fn lists_and_cases_that_are_none_are_the_guests_fault() {
    let cases = [
        // A list of texts: not aligned, past the end, longer than the memory, and of texts that lie nowhere.
        "(drop (call $get_many (i32.const 1025) (i32.const 1)))",
        "(drop (call $get_many (i32.const 262144) (i32.const 1)))",
        "(drop (call $get_many (i32.const 0) (i32.const 0x10000000)))",
        "(drop (call $get_many (i32.const 0) (i32.const 0x20000001)))",
        "(i32.store (i32.const 0) (i32.const -1)) (i32.store (i32.const 4) (i32.const 9)) (drop (call $get_many (i32.const 0) (i32.const 1)))",
        // Cases of variants, options and enumerations that do not exist.
        "(drop (call $set (i32.const 1024) (i32.const 3) (i32.const 1040) (i32.const 4) (i32.const 7) (i32.const 0)))",
        "(call $write (i32.const 99) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0))",
        "(call $write (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1) (i32.const 0) (i32.const 0))",
        "(drop (call $hmac (i32.const 1024) (i32.const 3) (i32.const 1104) (i32.const 2) (i32.const 3) (i32.const 0) (i32.const 0)))",
        "(drop (call $send (i32.const 1024) (i32.const 3) (i32.const 1072) (i32.const 15) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 4) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
        "(drop (call $send (i32.const 1024) (i32.const 3) (i32.const 1072) (i32.const 15) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 9) (i32.const 0) (i32.const 0)))",
        "(drop (call $send (i32.const 1024) (i32.const 3) (i32.const 1072) (i32.const 15) (i32.const 3) (i32.const 1) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)))",
    ];
    for instructions in cases {
        expect(&Guest::calling(instructions), &["engine_fault"]).await;
    }
}

#[tokio::test]
async fn lists_that_name_the_same_bytes_again_and_again_are_bounded() {
    // 30 000 texts of 64 KiB each, all the same bytes: 2 GiB, if the host copied them.
    let same = "(local $at i32) (local.set $at (i32.const 65536))
        (loop $again
            (i32.store (local.get $at) (i32.const 0)) (i32.store offset=4 (local.get $at) (i32.const 65536))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $again (i32.lt_u (local.get $at) (i32.const 305536))))
        (drop (call $get_many (i32.const 65536) (i32.const 30000)))";
    expect(&Guest { pages: 8, ..Guest::calling(same) }, &["hostcall_limit"]).await;
    let megabytes = "(drop (call $service (i32.const 131072) (i32.const 6000000) (i32.const 131072) (i32.const 6000000) (i32.const 131072) (i32.const 6000000)))";
    expect(&Guest { pages: 128, ..Guest::calling(megabytes) }, &["hostcall_limit"]).await;
}

#[tokio::test]
async fn results_that_are_none_are_the_guests_fault() {
    let result = |stores: &str| format!("{stores} (i32.const 256)");
    let cases: [(String, &[&str]); 12] = [
        (String::from("(i32.const -4)"), &["engine_fault"]),
        (String::from("(i32.const 257)"), &["engine_fault"]),
        (String::from("(i32.const 262140)"), &["engine_fault"]),
        // Cases that do not exist.
        (result("(i32.store (i32.const 256) (i32.const 2))"), &["engine_fault"]),
        (result("(i32.store (i32.const 260) (i32.const 2))"), &["engine_fault"]),
        // ok(json) that lies nowhere, is no UTF-8, is too large, and far too large.
        (String::from("(call $answer (i32.const -1) (i32.const 5))"), &["engine_fault"]),
        (
            String::from(
                r"(i32.store (i32.const 2048) (i32.const 0x28c3feff)) (call $answer (i32.const 2048) (i32.const 4))",
            ),
            &["engine_fault"],
        ),
        (
            String::from("(drop (memory.grow (i32.const 200))) (call $answer (i32.const 131072) (i32.const 2000000))"),
            &["output_limit"],
        ),
        (
            String::from("(drop (memory.grow (i32.const 200))) (call $answer (i32.const 131072) (i32.const 13000000))"),
            &["output_limit", "hostcall_limit"],
        ),
        // ok(json) that is no JSON.
        (String::from("(call $answer (i32.const 1072) (i32.const 15))"), &["engine_fault"]),
        (String::from("(call $answer (i32.const 0) (i32.const 0))"), &["engine_fault"]),
        // ok(response) to an input that was no request.
        (
            result("(i32.store (i32.const 256) (i32.const 0)) (i32.store (i32.const 260) (i32.const 1))"),
            &["engine_fault"],
        ),
    ];
    for (call, kinds) in cases {
        expect(&Guest { call, ..Guest::default() }, kinds).await;
    }
}

#[tokio::test]
async fn failures_that_lie_are_taken_as_the_scripts_own() {
    // err(failure) of the kind `thrown` that claims a code which the host never issued, and names itself internal.
    let lie = r#"(i32.store (i32.const 256) (i32.const 1)) (i32.store (i32.const 260) (i32.const 0))
        (i32.store (i32.const 264) (i32.const 2048)) (i32.store (i32.const 268) (i32.const 8))
        (i32.store (i32.const 272) (i32.const 2048)) (i32.store (i32.const 276) (i32.const 8))
        (i32.store (i32.const 280) (i32.const 2048)) (i32.store (i32.const 284) (i32.const 8))
        (i32.store (i32.const 288) (i32.const 1)) (i32.store (i32.const 292) (i32.const 2064)) (i32.store (i32.const 296) (i32.const 17))
        (i32.const 256)"#;
    let items = String::from(r#"(data (i32.const 2048) "internal") (data (i32.const 2064) "capability_denied")"#);
    expect(&Guest { call: lie.to_owned(), items, ..Guest::default() }, &["user_error"]).await;
}

#[tokio::test]
async fn failures_of_any_length_are_cut() {
    // err(failure) whose name, message, stack and code are 3 MB each.
    let texts: String = [264, 272, 280, 292]
        .map(|at| format!("(i32.store (i32.const {at}) (i32.const 131072)) (i32.store offset=4 (i32.const {at}) (i32.const 3000000))"))
        .concat();
    let call = format!(
        "(drop (memory.grow (i32.const 100))) (i32.store (i32.const 256) (i32.const 1)) (i32.store (i32.const 260) (i32.const 0))
        (i32.store (i32.const 288) (i32.const 1)) {texts} (i32.const 256)"
    );
    let outcome = run(&Guest { call, ..Guest::default() }).await;
    let failure = outcome.result.unwrap_err();
    assert_eq!(failure.kind.as_str(), "user_error");
    assert!(failure.name.len() + failure.message.len() + failure.stack.len() < 64 << 10);
}

#[tokio::test]
async fn responses_have_a_bounded_header_and_body() {
    let request = || {
        let (method, url, auth) = ("GET".into(), "http://localhost/".into(), r#"{"kind":"public","id":null}"#.into());
        Input::Request(Request { method, url, headers: Vec::new(), body: Vec::new(), params: Vec::new(), auth })
    };
    // ok(response) with so many header fields (all the same, `key: key`) and so many bytes of body.
    let cases = [(2, 1_000, "success"), (5_000, 0, "output_limit"), (0, 5_000_000, "output_limit")];
    for (fields, bytes, expected) in cases {
        let call = format!(
            "(local $at i32) (drop (memory.grow (i32.const 100))) (local.set $at (i32.const 131072))
            (loop $again
                (i32.store (local.get $at) (i32.const 1024)) (i32.store offset=4 (local.get $at) (i32.const 3))
                (i32.store offset=8 (local.get $at) (i32.const 1024)) (i32.store offset=12 (local.get $at) (i32.const 3))
                (local.set $at (i32.add (local.get $at) (i32.const 16)))
                (br_if $again (i32.lt_u (local.get $at) (i32.const 211072))))
            (i32.store (i32.const 256) (i32.const 0)) (i32.store (i32.const 260) (i32.const 1)) (i32.store (i32.const 264) (i32.const 200))
            (i32.store (i32.const 268) (i32.const 131072)) (i32.store (i32.const 272) (i32.const {fields}))
            (i32.store (i32.const 276) (i32.const 262144)) (i32.store (i32.const 280) (i32.const {bytes})) (i32.const 256)"
        );
        let sandbox = Guest { call, ..Guest::default() }.sandbox().unwrap();
        let run = Run { limits: LIMITS, input: request(), ..Run::default() };
        let outcome = run.script_in(&sandbox, script(), Box::new(Generous)).await.outcome;
        assert_eq!(kind(&outcome), expected, "{fields} fields and {bytes} bytes");
    }
}

#[tokio::test]
async fn exports_that_do_not_end_are_ended() {
    let again = "(loop $again (br $again))";
    let start = Guest { items: format!("(start $spin) (func $spin {again})"), ..Guest::default() };
    let load = Guest { load: format!("{again} (call $loaded)"), ..Guest::default() };
    for guest in [Guest::calling(again), load, start] {
        expect(&guest, &["cpu_limit"]).await;
    }
    let deeper = Guest { items: String::from("(func $deeper (call $deeper))"), ..Guest::calling("(call $deeper)") };
    expect(&deeper, &["stack_overflow"]).await;
}

#[tokio::test]
async fn faults_are_told_from_a_wrapped_stack() {
    let cases: [(&str, &[&str]); 5] = [
        ("(drop (i32.load (i32.const 0x10000000)))", &["engine_fault"]),
        ("(drop (i32.load (i32.const -8)))", &["stack_overflow"]),
        ("(drop (i32.div_u (i32.const 1) (i32.const 0)))", &["engine_fault"]),
        ("unreachable", &["engine_fault"]),
        ("(drop (i32.trunc_f32_u (f32.const nan)))", &["engine_fault"]),
    ];
    for (instructions, kinds) in cases {
        expect(&Guest::calling(instructions), kinds).await;
    }
}

#[tokio::test]
async fn memory_and_tables_are_bounded() {
    let greedy = Guest { pages: 4_096, ..Guest::default() };
    expect(&greedy, &["memory_limit"]).await;
    let tables =
        "(loop $again (br_if $again (i32.ne (table.grow $t (ref.null func) (i32.const 1000)) (i32.const -1))))";
    let items = String::from("(table $t 1 funcref)");
    expect(&Guest { items, ..Guest::calling(tables) }, &["success"]).await;
    assert!(Guest { pages: 60_000, ..Guest::default() }.sandbox().is_err(), "more memory than any slot has");
    for foreign in ["(memory $second 1)", "(memory $shared 1 1 shared)", "(tag $e)"] {
        let guest = Guest { items: foreign.to_owned(), ..Guest::default() };
        assert!(guest.sandbox().is_err(), "{foreign} is let in");
    }
}

#[tokio::test]
async fn host_calls_without_end_are_ended() {
    let timers = "(loop $again (drop (call $timer (i64.const 1))) (br $again))";
    let log = "(loop $again (call $write (i32.const 0) (i32.const 1024) (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0)) (br $again))";
    let cancels = "(loop $again (call $cancel (i32.const 1)) (br $again))";
    let bytes = "(drop (memory.grow (i32.const 100))) (loop $again (drop (call $set (i32.const 1024) (i32.const 3) (i32.const 131072) (i32.const 4000000) (i32.const 0) (i32.const 0))) (br $again))";
    expect(&Guest::calling(timers), &["hostcall_limit"]).await;
    expect(&Guest::calling(cancels), &["cpu_limit"]).await;
    expect(&Guest::calling(bytes), &["hostcall_limit", "cpu_limit"]).await;
    let outcome = run(&Guest::calling(log)).await;
    assert_eq!((kind(&outcome), outcome.logs_truncated, outcome.logs.len()), ("cpu_limit", true, 1_000));
}

#[tokio::test]
async fn a_timer_of_the_longest_delay_ends_with_the_run() {
    let guest = Guest::calling("(drop (call $timer (i64.const -1))) (call $next (i32.const 512))");
    let limits = Limits { wall_time: Duration::from_millis(50), ..LIMITS };
    let outcome = run_in(&guest.sandbox().unwrap(), limits, "null").await;
    assert_eq!(kind(&outcome), "timeout");
}

#[tokio::test]
async fn a_slot_shows_nothing_of_the_run_before() {
    // Asked for `1`, it fills 8 MiB with a pattern; asked for anything else, it looks for what is not zero.
    let call = "(local $at i32) (local $isWrite i32)
        (local.set $isWrite (i32.eq (i32.load8_u (i32.load offset=104 (local.get $arguments))) (i32.const 49)))
        (drop (memory.grow (i32.const 128)))
        (local.set $at (i32.const 131072))
        (loop $again
            (if (local.get $isWrite)
                (then (i64.store (local.get $at) (i64.const 0x5352454B52414D21)))
                (else (if (i64.ne (i64.load (local.get $at)) (i64.const 0)) (then unreachable))))
            (local.set $at (i32.add (local.get $at) (i32.const 8)))
            (br_if $again (i32.lt_u (local.get $at) (i32.const 8388608))))
        (call $done)";
    let sandbox = Guest { call: call.to_owned(), ..Guest::default() }.sandbox().unwrap();
    for input in ["1", "0", "1", "1", "0", "0"] {
        let outcome = run_in(&sandbox, LIMITS, input).await;
        assert_eq!(kind(&outcome), "success", "asked for {input}: {:?}", outcome.result);
    }
}

/// Run a guest, twice in one sandbox: the second run comes to the same.
async fn run(guest: &Guest) -> Outcome {
    let sandbox = guest.sandbox().unwrap_or_else(|error| panic!("{error}\n{guest:?}"));
    let first = run_in(&sandbox, LIMITS, "null").await;
    let second = run_in(&sandbox, LIMITS, "null").await;
    assert_eq!((kind(&first), first.fuel), (kind(&second), second.fuel), "{guest:?}");
    second
}

async fn expect(guest: &Guest, kinds: &[&str]) {
    let outcome = run(guest).await;
    assert!(kinds.contains(&kind(&outcome)), "{:?} of {guest:#?}", outcome.result);
}

async fn run_in(sandbox: &Sandbox, limits: Limits, input: &str) -> Outcome {
    let run = Run { limits, input: Input::Json(input.to_owned()), ..Run::default() };
    run.script_in(sandbox, script(), Box::new(Generous)).await.outcome
}
