//! A server under a mixed load is killed at random moments, and the books are checked: SPEC section 8, "killing the process
//! at any moment loses nothing that was acknowledged".
//!
//! `KILLS` says how often (`./just soak crash` does it for long), `SEED` which moments these are.

use std::{
    env,
    io::{BufRead, BufReader},
    path::Path,
    process::Stdio,
    sync::mpsc,
    thread,
    time::Duration,
};

use crate::{
    books,
    load::{Acknowledged, Dice, config, load, prepare, start},
    stage::{data, skerry},
};

/// The most answers before a kill.
const ANSWERS_MAX: u64 = 40;

/// One start in so many is killed before it is ready.
const STARTS_CUT: u64 = 4;

/// Milliseconds that a start takes, about.
const START_MS_MAX: u64 = 500;

#[test]
fn kills_at_random_moments_lose_nothing_and_do_nothing_twice() {
    let (kills, seed) = (number("KILLS", 5), number("SEED", 1));
    let (data, mut dice, mut acknowledged) = (data(), Dice(seed), Acknowledged::default());
    prepare(data.path());
    for kill in 1..=kills {
        if dice.below(STARTS_CUT) == 0 {
            cut_start(data.path(), Duration::from_millis(dice.below(START_MS_MAX)));
        }
        let server = start(data.path(), |_| ());
        let enough = 1 + usize::try_from(dice.below(ANSWERS_MAX)).unwrap();
        let is_killed = |answers: usize, refused: usize| {
            assert_eq!(refused, 0, "seed {seed}, kill {kill}: something was refused");
            if answers == enough {
                server.kill_now();
            }
            answers >= enough
        };
        acknowledged.extend(load(&server, dice.below(u64::MAX), is_killed));
        drop(server);
    }
    say(&format!("seed {seed}: {kills} kills, {} acknowledged, checking the books", acknowledged.len()));
    let balance = books::check(&start(data.path(), |_| ()), &acknowledged);
    say(&format!("seed {seed}: {balance:?}"));
    assert!(balance.succeeded > 0 && acknowledged.len() as u64 >= kills, "{balance:?}");
    assert!(balance.total() >= acknowledged.len() as u64, "{balance:?}");
}

/// Start a server and kill it a moment later, wherever it is then; at the latest when it says that it is running.
fn cut_start(data: &Path, moment: Duration) {
    let mut child = skerry()
        .args(["serve", "--data", &data.display().to_string()])
        .arg("--config")
        .arg(config(data))
        .args(["--listen", "127.0.0.1:0", "--endpoints-listen", "127.0.0.1:0"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (running, is_running) = mpsc::channel();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let reader = thread::spawn(move || drop(running.send(out.read_line(&mut String::new()))));
    // Whichever comes first.
    drop(is_running.recv_timeout(moment));
    child.kill().unwrap();
    child.wait().unwrap();
    reader.join().unwrap();
}

/// A number that the environment gives.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not '{text}'")))
}

#[expect(clippy::print_stderr, reason = "how far a long run has come is for whoever started it")]
pub(crate) fn say(line: &str) {
    eprintln!("{line}");
}
