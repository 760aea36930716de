//! `skerry replay EXECUTION`: a recorded execution again, from its journal alone.

use std::{path::Path, process::ExitCode};

use app::{App, AppConfig, DataLocation, ReplayView};
use domain::ExecutionId;

use super::{FAILED, fail, print};
use crate::{cli::Replay, terminal::Shown};

/// What a replay that cannot be done ends with.
const NOT_DONE: u8 = 1;

/// What the database's file is called. A directory without it is not to be made one.
const DATABASE_FILE: &str = "skerry.db";

pub(crate) fn replay(arguments: &Replay) -> ExitCode {
    match replay_alone(&arguments.data, arguments.execution) {
        Ok(replay) => show(&replay),
        Err(error) => fail(NOT_DONE, &error),
    }
}

fn replay_alone(data: &Path, execution: ExecutionId) -> Result<ReplayView, Box<dyn std::error::Error>> {
    if !data.join(DATABASE_FILE).is_file() {
        return Err(format!("there is no data in the directory {}: name it with --data", data.display()).into());
    }
    let config = AppConfig { data: DataLocation::Directory(data.to_owned()), ..AppConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::open_offline(config)?;
        Ok(app.replay_local(execution).await?)
    })
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
