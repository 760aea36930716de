//! `skerry audit verify` over a log that somebody tampered with who has the data and not the key.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::stage::{Process, data, skerry};

/// Serve `data` while `work` goes on, and stop as an operator does; answers the heads that were exported.
fn served(data: &Path, work: impl FnOnce(&Process)) -> PathBuf {
    let heads = data.join("heads.ndjson");
    let mut server = Process::start_with(data, |command| {
        command.env("SKERRY_AUDIT_HEAD_FILE", &heads);
    });
    work(&server);
    server.signal("TERM");
    assert!(server.end().success());
    heads
}

fn make(server: &Process, name: &str) {
    let script = json!({ "name": name, "kind": "one_off", "source": "export default () => 1" });
    assert_eq!(server.api("POST", "/scripts", Some(&script)).unwrap().status, 201);
}

fn copied(data: &Path) -> TempDir {
    let copy = TempDir::new().unwrap();
    for entry in fs::read_dir(data).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_file() {
            fs::copy(&entry, copy.path().join(entry.file_name().unwrap())).unwrap();
        }
    }
    copy
}

/// A copy of the data, with every `from` in the database replaced by `to`.
fn tampered(data: &Path, (from, to): (&[u8], &[u8])) -> TempDir {
    let copy = copied(data);
    let file = copy.path().join("skerry.db");
    let mut bytes = fs::read(&file).unwrap();
    assert_eq!(from.len(), to.len());
    let found: Vec<usize> =
        (0..bytes.len().saturating_sub(from.len())).filter(|at| bytes[*at..].starts_with(from)).collect();
    assert!(!found.is_empty(), "the file has another form than this test knows");
    for at in found {
        bytes[at..at + to.len()].copy_from_slice(to);
    }
    fs::write(&file, bytes).unwrap();
    copy
}

/// The exit code, and what was printed.
fn verify(data: &Path, heads: Option<&Path>) -> (Option<i32>, String) {
    let mut command = skerry();
    command.args(["audit", "verify", "--data"]).arg(data);
    if let Some(heads) = heads {
        command.arg("--head").arg(heads);
    }
    let output = command.output().unwrap();
    let printed = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(printed).unwrap())
}

/// The tenant's rows, as the command line prints them.
fn rows(data: &Path, slug: &str) -> Vec<Value> {
    let output = skerry().args(["audit", "export", "--tenant", slug, "--data"]).arg(data).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_changed_a_removed_and_a_cut_off_row_are_each_named_and_a_whole_log_is_whole() {
    let data = data();
    let mut tenant = String::new();
    let earlier = served(data.path(), |server| {
        tenant = server.get("/me")["tenant_id"].as_str().unwrap().to_owned();
        make(server, "audited-one");
    });
    let before = copied(data.path());
    let first_heads = fs::read(&earlier).unwrap();
    let heads = served(data.path(), |server| make(server, "audited-two"));
    assert_ne!(fs::read(&heads).unwrap(), first_heads);

    let (code, text) = verify(data.path(), Some(&heads));
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("every row is as it was written, and none is missing"), "{text}");
    let total = text.split(' ').next().unwrap().to_owned();

    let changed = tampered(data.path(), (br#"{"name":"audited-two"}"#, br#"{"name":"audited-owt"}"#));
    let rows = rows(data.path(), "acme");
    let last = rows.last().unwrap()["seq"].as_u64().unwrap();
    assert_eq!(rows.last().unwrap()["action"], "scripts.create");
    let (code, text) = verify(changed.path(), None);
    assert_eq!(code, Some(7), "{text}");
    assert!(text.contains(&format!("tenant {tenant}: row {last} is not as it was written")), "{text}");

    // Who takes a row out leaves its number unused: the last row, in its table and in the index, is the one after that. The
    // number is followed by the time there, and by the place in the table here.
    let (number, place) = (u8::try_from(last).unwrap(), total.parse::<u8>().unwrap());
    let of = |number: u8, next: u8| [tenant.as_bytes(), &[number, next]].concat();
    let moved = tampered(data.path(), (&of(number, 1), &of(number + 1, 1)));
    let removed = tampered(moved.path(), (&of(number, place), &of(number + 1, place)));
    let (code, text) = verify(removed.path(), None);
    assert_eq!(code, Some(7), "{text}");
    assert!(text.contains(&format!("row {last} is missing, and rows behind it are there")), "{text}");

    let (code, text) = verify(before.path(), Some(&heads));
    assert_eq!(code, Some(7), "{text}");
    assert!(text.contains(&format!("row {last} and all behind it are missing")), "{text}");
    assert_eq!(verify(before.path(), None).0, Some(0), "alone, a log does not show what was cut off");

    let forged = data.path().join("forged.ndjson");
    fs::write(&forged, fs::read_to_string(&heads).unwrap().replacen("\"seq\":", "\"seq\":1", 1)).unwrap();
    assert_eq!(verify(data.path(), Some(&forged)).0, Some(2));
}
