//! `skerry replay EXECUTION`: a recorded execution again, from its journal alone; or edited code in its place.

use std::{fmt::Write, path::Path, process::ExitCode};

use app::{AppError, AskedCall, EditedCode, ReplayView};
use domain::Language;

use super::{FAILED, fail, offline, print, run::source, shown, warn};
use crate::{
    cli::{Replay, USAGE},
    terminal::Shown,
};

/// What a replay that cannot be done ends with.
const NOT_DONE: u8 = 1;

pub(crate) fn replay(arguments: &Replay) -> ExitCode {
    let execution = arguments.execution;
    let edited = match edited(arguments) {
        Ok(edited) => edited,
        Err(mistake) => return fail(USAGE, &mistake),
    };
    match offline(&arguments.data, async |app| Ok(app.replay_local(execution, edited).await?)) {
        Ok(replay) => show(&replay),
        Err(error) => match error.downcast_ref() {
            Some(AppError::Source { diagnostics }) => {
                let file = arguments.source.as_deref().unwrap_or(Path::new("the source"));
                warn(&Shown(&shown::findings(diagnostics, &file.display().to_string())).to_string());
                ExitCode::from(FAILED)
            }
            _ => fail(NOT_DONE, &error),
        },
    }
}

fn edited(arguments: &Replay) -> Result<Option<EditedCode>, String> {
    let Some(path) = &arguments.source else { return Ok(None) };
    let file_name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some(EditedCode { language: Some(Language::of_file_name(&file_name)), text: source(path)? }))
}

fn show(replay: &ReplayView) -> ExitCode {
    let word = |equal: bool| if equal { "equal" } else { "different" };
    let fuel = replay.fuel_equal.map_or("not compared: other code, or another engine, ran the original", word);
    let mut text =
        format!("result  {}\nlogs    {}\nfuel    {fuel}\n", word(replay.result_equal), word(replay.logs_equal));
    if let Some(difference) = &replay.difference {
        let _ = writeln!(text, "{}", Shown(difference));
    }
    if let Some(call) = &replay.first_different_call {
        let _ = writeln!(text, "  recorded  {}", Shown(&in_words(call.recorded.as_ref())));
        let _ = writeln!(text, "  now       {}", Shown(&in_words(call.asked.as_ref())));
    }
    if let Err(failure) = &replay.outcome.result
        && !replay.result_equal
    {
        let _ = writeln!(text, "{}: {}", failure.kind, Shown(&failure.message));
    }
    let shown = print(&text);
    if replay.equal { shown } else { ExitCode::from(FAILED) }
}

fn in_words(call: Option<&AskedCall>) -> String {
    call.map_or_else(|| String::from("nothing"), |call| format!("{} {}", call.name, call.arguments))
}
