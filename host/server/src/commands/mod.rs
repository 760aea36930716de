//! What each word of the command line does.

pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
mod shown;

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

/// What something that the caller asked for but that did not succeed ends with.
const FAILED: u8 = 7;

/// Print `text` to the standard output. Whoever closed it early, as `head` does, wanted no more.
pub(crate) fn print(text: &str) -> ExitCode {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// Say what went wrong, in one message, and end with `code`.
pub(crate) fn fail(code: u8, error: &dyn Display) -> ExitCode {
    warn(&format!("skerry: {error}\n"));
    ExitCode::from(code)
}

/// Print `text` to the standard error; where there is none, nobody reads it.
fn warn(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
