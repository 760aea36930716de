//! The command line, as a script or a tired person uses it.

use std::{fs, path::Path, process::Output};

use serde_json::{Value, json};

use crate::stage::{Process, data, skerry};

/// Write `source` to a file and run it with `arguments`.
fn run(name: &str, source: &str, arguments: &[&str]) -> Output {
    let directory = data();
    let file = directory.path().join(name);
    fs::write(&file, source).unwrap();
    skerry().arg("run").args(arguments).arg(&file).output().unwrap()
}

fn json_of(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"))
}

#[test]
fn run_prints_one_object_with_exactly_the_fields_that_others_rely_on() {
    let source = "export default async (input) => { console.warn('line', 1); return { got: input } }";
    let output = run("a.js", source, &["--output", "json", "--input", r#"{"n": 1}"#]);
    assert_eq!(output.status.code(), Some(0));
    let object = json_of(&output);
    let keys: Vec<&String> = object.as_object().unwrap().keys().collect();
    let expected = [
        "duration_us",
        "error",
        "fuel",
        "host_calls",
        "logs",
        "logs_truncated",
        "peak_memory_bytes",
        "result",
        "status",
    ];
    assert_eq!(keys, expected);
    assert_eq!(object["result"], json!({ "got": { "n": 1 } }));
    assert_eq!(object["logs"], json!([{ "level": "warn", "message": "line 1", "offset_ms": 0 }]));
}

#[test]
fn each_kind_of_end_has_its_exit_code() {
    let cases: [(&str, &[&str], i32, &str); 8] = [
        ("export default () => 1", &[], 0, ""),
        ("export default () => { for (;;); }", &["--fuel", "100000000"], 6, "cpu_limit"),
        ("export default () => { const f = () => f() + 1; return f() }", &[], 6, "stack_overflow"),
        ("export default () => new Uint8Array(1e9).length", &[], 6, "memory_limit"),
        ("export default async () => utils.sleep(60000)", &["--timeout-ms", "100"], 6, "timeout"),
        ("export default async () => { for (;;) await storage.get('k') }", &[], 6, "hostcall_limit"),
        ("export default () => { throw new Error('no') }", &[], 7, "user_error"),
        ("export default () => { let = }", &[], 7, "syntax"),
    ];
    for (source, arguments, code, kind) in cases {
        let output = run("a.js", source, &[arguments, &["--output", "json"]].concat());
        assert_eq!(output.status.code(), Some(code), "{source}");
        assert_eq!(json_of(&output)["error"]["kind"].as_str().unwrap_or_default(), kind, "{source}");
    }
}

#[test]
fn a_syntax_error_shows_the_line_with_a_caret() {
    let output = run("order.ts", "export default (n: number) => {\n  return n +;\n}\n", &[]);
    assert_eq!(output.status.code(), Some(7));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("order.ts:2:13"), "{text}");
    assert!(text.contains("  return n +;\n"), "{text}");
    assert!(text.lines().any(|line| line.trim() == "^"), "{text}");
}

#[test]
fn what_cannot_be_used_or_read_ends_with_two() {
    let missing = skerry().args(["run", "no-such-file.js"]).output().unwrap();
    assert_eq!(missing.status.code(), Some(2));
    let flag = skerry().args(["run", "--frobnicate", "a.js"]).output().unwrap();
    assert_eq!(flag.status.code(), Some(2));
    let input = run("a.js", "export default () => 1", &["--input", "{not json"]);
    assert_eq!(input.status.code(), Some(2));
    assert_eq!(skerry().arg("run").arg(Path::new("/")).output().unwrap().status.code(), Some(2));
}

#[test]
fn what_a_script_prints_cannot_steer_the_terminal() {
    let output = run("a.js", "export default () => { console.log('\\u001b[2Jgone\\u202e'); }", &[]);
    assert!(!output.stderr.contains(&0x1b) && !output.stdout.contains(&0x1b), "{output:?}");
}

#[test]
fn a_second_server_on_the_same_data_is_refused_with_words() {
    let data = data();
    let server = Process::start(data.path());
    let directory = data.path().display().to_string();
    let second = skerry()
        .args(["serve", "--data", &directory, "--listen", "127.0.0.1:0", "--endpoints-listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(second.status.code(), Some(1));
    let text = String::from_utf8(second.stderr).unwrap();
    assert!(text.contains("in use") && text.contains(&directory), "{text}");
    assert_eq!(server.api("GET", "/me", None).unwrap().status, 200);
}

#[test]
fn a_port_in_use_is_named() {
    let (first, second) = (data(), data());
    let server = Process::start(first.path());
    let taken = skerry()
        .args(["serve", "--data", &second.path().display().to_string()])
        .args(["--listen", &server.api.to_string(), "--endpoints-listen", "127.0.0.1:0"])
        .output()
        .unwrap();
    assert_eq!(taken.status.code(), Some(1));
    let text = String::from_utf8(taken.stderr).unwrap();
    assert!(text.contains(&server.api.to_string()), "{text}");
}

#[test]
fn unknown_keys_of_the_configuration_are_named() {
    let data = data();
    let file = data.path().join("skerry.toml");
    fs::write(&file, "[limits]\nfule = 1\n").unwrap();
    let output = skerry().args(["serve", "--config", &file.display().to_string()]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8(output.stderr).unwrap().contains("fule"));
}

#[test]
fn the_types_of_the_script_api_are_there_without_a_server() {
    let output = skerry().arg("types").output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    let kept = concat!(env!("CARGO_MANIFEST_DIR"), "/../../ui/script-api.d.ts");
    assert!(fs::read(kept).unwrap() == output.stdout, "ui/script-api.d.ts is old: ./just generate");
}

#[test]
fn whoever_holds_the_data_can_make_a_token_while_the_server_is_stopped() {
    let data = data();
    let directory = data.path().display().to_string();
    let create = || skerry().args(["token", "create", "--tenant", "acme", "--data", &directory]).output().unwrap();
    assert_eq!(create().status.code(), Some(1), "there is no data yet");
    let server = Process::start(data.path());
    assert_eq!(create().status.code(), Some(1), "the data is in use");
    server.kill();
    let made = create();
    assert_eq!(made.status.code(), Some(0), "{made:?}");
    let mut server = Process::start(data.path());
    server.token = String::from_utf8(made.stdout).unwrap().trim().to_owned();
    assert_eq!(server.api("GET", "/me", None).unwrap().status, 200);
}
