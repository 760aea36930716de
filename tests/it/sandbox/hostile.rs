//! Hostile scripts, one a file: `fixtures/hostile/<kind>/<name>.js` ends with the kind that its folder names, and the
//! run after it finds nothing changed.
//!
//! In the folder `success` a script checks by itself and returns "ok". Lines at the top of a file say more:
//! `// input: JSON` is the argument of its entry, `// says: TEXT` is a part of the failure's name and message, and
//! `// fuel: NUMBER` and `// memory: MEBIBYTES` are what it needs beyond the others.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use domain::{Language, Limits};
use futures_util::{StreamExt, stream};
use runtime::{Input, Outcome};

use crate::support::{Run, honest_run, json, kind, try_compile};

/// Little fuel where a script only burns it, so that a hundred endless loops take seconds; little memory where it grows.
fn limits_for(kind: &str) -> Limits {
    let (fuel, memory_bytes) = if kind == "cpu_limit" { (1_000_000_000, 64 << 20) } else { (5_000_000_000, 16 << 20) };
    Limits { fuel, memory_bytes, host_calls: 200, wall_time: Duration::from_secs(30), ..Limits::DEFAULT }
}

/// How many scripts run at once.
const AT_ONCE: usize = 4;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_scripts_end_with_their_own_kind_and_change_nothing() {
    let honest = honest_run().await;
    let scripts = scripts();
    assert!(scripts.len() > 350, "the folder is there");
    let findings: Vec<String> = stream::iter(scripts)
        .map(|script| {
            let honest = honest.clone();
            tokio::spawn(async move { check(&script, &honest).await })
        })
        .buffer_unordered(AT_ONCE)
        .filter_map(|finding| async { finding.unwrap() })
        .collect()
        .await;
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

/// The kinds of failure that have a script, so that a folder with a misspelt name is noticed.
#[test]
fn the_folders_name_error_kinds() {
    let folders: BTreeSet<String> = scripts().iter().map(|script| expected_kind(script)).collect();
    for folder in folders.iter().filter(|folder| *folder != "success") {
        assert!(folder.parse::<domain::ErrorKind>().is_ok(), "'{folder}' is no error kind");
    }
}

/// Run one script and then an honest one; answers what is wrong.
async fn check(script: &Path, honest: &(serde_json::Value, u64)) -> Option<String> {
    let text = fs::read_to_string(script).unwrap();
    let expected = expected_kind(script);
    let name = script.file_stem().unwrap().to_string_lossy().into_owned();
    let finding = |found: String| Some(format!("{expected}/{name}: {found}"));
    let found = match try_compile(Language::JavaScript, &text).await {
        Err(error) if expected == "syntax" => return says(&text, &error.diagnostics[0].message).and_then(finding),
        Err(error) => return finding(format!("does not compile: {:?}", error.diagnostics[0])),
        Ok(compiled) => {
            let input = header(&text, "input").unwrap_or("null");
            let mut limits = limits_for(&expected);
            if let Some(fuel) = header(&text, "fuel") {
                limits.fuel = fuel.parse().unwrap();
            }
            if let Some(mebibytes) = header(&text, "memory") {
                limits.memory_bytes = mebibytes.parse::<u64>().unwrap() << 20;
            }
            let run = Run { input: Input::Json(input.to_owned()), limits, ..Run::default() };
            judge(&expected, &text, &run.script(compiled).await.outcome)
        }
    };
    let after = honest_run().await;
    let found = found.or_else(|| (after != *honest).then(|| format!("the next run came to {after:?}")));
    found.and_then(finding)
}

fn judge(expected: &str, text: &str, outcome: &Outcome) -> Option<String> {
    let found = kind(outcome);
    if found != expected {
        let fuel = outcome.fuel;
        return Some(format!("ended with '{found}' after {fuel} fuel: {:?}", outcome.result));
    }
    match &outcome.result {
        Ok(_) => (json(outcome) != "ok").then(|| format!("found {}", json(outcome))),
        Err(failure) => says(text, &format!("{}: {}", failure.name, failure.message)),
    }
}

fn says(text: &str, message: &str) -> Option<String> {
    let part = header(text, "says")?;
    (!message.contains(part)).then(|| format!("says '{message}'"))
}

/// A line `// name: value` among the first of a script.
fn header<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let comments = text.lines().map_while(|line| line.strip_prefix("// "));
    comments.filter_map(|comment| comment.split_once(": ")).find(|(found, _)| *found == name).map(|(_, value)| value)
}

fn expected_kind(script: &Path) -> String {
    script.parent().and_then(Path::file_name).unwrap().to_string_lossy().into_owned()
}

fn scripts() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/hostile");
    let mut scripts: Vec<PathBuf> = fs::read_dir(root)
        .unwrap()
        .flat_map(|folder| fs::read_dir(folder.unwrap().path()).unwrap())
        .map(|file| file.unwrap().path())
        .collect();
    scripts.sort();
    scripts
}
