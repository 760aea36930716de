//! A server under a mixed load is killed at random moments, and the books are checked: SPEC section 8, "killing the process
//! at any moment loses nothing that was acknowledged".
//!
//! `KILLS` says how often (`./just soak crash` does it for long), `SEED` which moments these are.

use std::{env, io::Write, thread};

use crate::{
    books,
    load::{Acknowledged, Dice, load, prepare},
    stage::{Process, data},
};

/// The most answers before a kill.
const ANSWERS_MAX: u64 = 40;

/// One start in so many is killed before it is ready.
const STARTS_CUT: u64 = 4;

#[test]
fn kills_at_random_moments_lose_nothing_and_do_nothing_twice() {
    let (kills, seed) = (number("KILLS", 5), number("SEED", 1));
    let (data, mut dice, mut acknowledged) = (data(), Dice(seed), Acknowledged::default());
    prepare(&Process::start(data.path()));
    for kill in 1..=kills {
        if dice.below(STARTS_CUT) == 0 {
            cut_start(data.path(), dice.below(20_000));
        }
        let server = Process::start(data.path());
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
    let balance = books::check(&Process::start(data.path()), &acknowledged);
    say(&format!("seed {seed}: {balance:?}"));
    assert!(balance.succeeded > 0 && acknowledged.len() as u64 >= kills, "{balance:?}");
}

/// Start a server and kill it a moment later, wherever it is then.
fn cut_start(data: &std::path::Path, moment: u64) {
    let mut child = crate::stage::skerry()
        .args(["serve", "--data", &data.display().to_string()])
        .args(["--listen", "127.0.0.1:0", "--endpoints-listen", "127.0.0.1:0"])
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    for _ in 0..moment {
        thread::yield_now();
    }
    child.kill().unwrap();
    child.wait().unwrap();
}

/// A number that the environment gives.
pub(crate) fn number(name: &str, default: u64) -> u64 {
    env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number, not '{text}'")))
}

pub(crate) fn say(line: &str) {
    writeln!(std::io::stderr(), "{line}").unwrap();
}
