//! A disk that fails under the server: full, with writes that are cut short, or failing. What was acknowledged is there
//! after the next start, and a full disk is only waited out.
//!
//! The faults are injected by a small library in C that is preloaded (`faults.c`); Linux alone has the means. A C compiler
//! is there wherever Skerry is built.
#![cfg(target_os = "linux")]

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::json;
use tempfile::TempDir;

use crate::{
    books,
    kills::{number, say},
    load::{Acknowledged, Dice, load, prepare, start},
    stage::{Process, data},
};

const SHIM: &str = include_str!("faults.c");

/// Answers before the disk begins to fail.
const ANSWERS: usize = 12;

/// Refusals until it is believed that the disk fails.
const REFUSALS: usize = 6;

/// How a disk fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    Full,
    CutShort,
    NotDurable,
    NotWritten,
}

impl Fault {
    fn mode(self) -> char {
        match self {
            Self::Full => 'f',
            Self::CutShort => 's',
            Self::NotDurable => 'd',
            Self::NotWritten => 'w',
        }
    }

    /// Whether the server goes on once it is over. After a disk that failed nobody knows what is durable, so that only
    /// another start finds out.
    fn passes(self) -> bool {
        matches!(self, Self::Full | Self::CutShort)
    }
}

/// The compiled shim, and the file that tells it what to do.
struct Disk {
    folder: TempDir,
    generation: u32,
}

impl Disk {
    fn new() -> Self {
        let disk = Self { folder: TempDir::new().unwrap(), generation: 0 };
        let source = disk.folder.path().join("faults.c");
        fs::write(&source, SHIM).unwrap();
        let built = Command::new("cc").args(["-shared", "-fPIC", "-O1", "-o"]).arg(disk.shim()).arg(source).status();
        assert!(built.expect("a C compiler is needed").success());
        disk
    }

    fn shim(&self) -> PathBuf {
        self.folder.path().join("faults.so")
    }

    /// Let the disk fail so, after `skip` more calls.
    fn fail(&mut self, mode: char, skip: u64) {
        self.generation += 1;
        let text = format!("{mode} {skip} {}", self.generation);
        // The same file with the same length: the shim has it open and reads it meanwhile.
        fs::write(self.control(), format!("{text:<32}")).unwrap();
    }

    fn control(&self) -> PathBuf {
        self.folder.path().join("control")
    }

    fn start(&mut self, data: &Path) -> Process {
        self.fail('n', 0);
        start(data, |command| {
            command.env("LD_PRELOAD", self.shim()).env("SKERRY_FAULTS", self.control());
        })
    }
}

#[test]
fn a_disk_that_fails_at_random_moments_loses_nothing_that_was_acknowledged() {
    let (rounds, seed) = (number("FAULTS", 1), number("SEED", 1));
    let (data, mut dice, mut disk, mut acknowledged) = (data(), Dice(seed), Disk::new(), Acknowledged::default());
    prepare(data.path());
    for round in 0..rounds {
        for fault in [Fault::Full, Fault::CutShort, Fault::NotDurable, Fault::NotWritten] {
            say(&format!("seed {seed}, round {round}: {fault:?}"));
            let server = disk.start(data.path());
            acknowledged.extend(load(&server, dice.below(u64::MAX), |answers, _| answers >= ANSWERS));
            disk.fail(fault.mode(), dice.below(50));
            acknowledged.extend(load(&server, dice.below(u64::MAX), |_, refused| refused >= REFUSALS));
            disk.fail('n', 0);
            if fault.passes() {
                acknowledged.extend(goes_on(&server, dice.below(u64::MAX)));
            }
            server.kill();
        }
    }
    let balance = books::check(&start(data.path(), |_| ()), &acknowledged);
    say(&format!("seed {seed}: {balance:?}"));
}

/// Load a server whose disk has room again until it acknowledges as much as before.
fn goes_on(server: &Process, seed: u64) -> Acknowledged {
    // What was under way may still be refused.
    let acknowledged = load(server, seed, |answers, refused| answers >= ANSWERS || refused >= 1_000);
    assert!(acknowledged.len() >= ANSWERS, "there is room again, and the server does not go on");
    let run = server.api("POST", "/scripts/mark/executions", Some(&json!({}))).unwrap();
    assert_eq!(run.json()["status"], "success", "{}", String::from_utf8_lossy(&run.body));
    acknowledged
}

#[test]
fn a_server_whose_disk_failed_says_that_it_is_not_ready_and_the_next_start_is() {
    let (data, mut disk) = (data(), Disk::new());
    prepare(data.path());
    let server = disk.start(data.path());
    disk.fail('d', 0);
    let run = server.api("POST", "/scripts/mark/executions", Some(&json!({}))).unwrap();
    assert!(run.status >= 500, "{}", String::from_utf8_lossy(&run.body));
    let ready = crate::stage::request(server.api, "GET", "/readyz", "", None).unwrap();
    assert_eq!(ready.status, 503, "{}", String::from_utf8_lossy(&ready.body));
    server.kill();
    let server = start(data.path(), |_| ());
    assert_eq!(crate::stage::request(server.api, "GET", "/readyz", "", None).unwrap().status, 200);
    books::check(&server, &Acknowledged::default());
}
