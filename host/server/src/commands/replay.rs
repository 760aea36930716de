//! `skerry replay EXECUTION`: a recorded execution again, from its journal alone.

use std::process::ExitCode;

use app::ReplayView;

use super::{FAILED, fail, offline, print};
use crate::{cli::Replay, terminal::Shown};

/// What a replay that cannot be done ends with.
const NOT_DONE: u8 = 1;

pub(crate) fn replay(arguments: &Replay) -> ExitCode {
    let execution = arguments.execution;
    match offline(&arguments.data, async |app| Ok(app.replay_local(execution).await?)) {
        Ok(replay) => show(&replay),
        Err(error) => fail(NOT_DONE, &error),
    }
}

fn show(replay: &ReplayView) -> ExitCode {
    let word = |equal: bool| if equal { "equal" } else { "different" };
    let fuel = replay.fuel_equal.map_or("not compared: another engine ran the original", word);
    let mut text =
        format!("result  {}\nlogs    {}\nfuel    {fuel}\n", word(replay.result_equal), word(replay.logs_equal));
    if let Some(difference) = &replay.difference {
        text += &format!("{}\n", Shown(difference));
    }
    let shown = print(&text);
    if replay.equal { shown } else { ExitCode::from(FAILED) }
}
