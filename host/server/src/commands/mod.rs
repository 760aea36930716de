//! What each word of the command line does.

pub(crate) mod audit;
pub(crate) mod dev;
pub(crate) mod doctor;
pub(crate) mod manual;
pub(crate) mod project;
pub(crate) mod remote;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod serve;
mod shown;
pub(crate) mod test;
pub(crate) mod token;

use std::{
    error::Error,
    fmt::Display,
    io::{self, Write},
    path::Path,
    process::ExitCode,
};

use app::{App, AppConfig, DataLocation};

/// What something that the caller asked for but that did not succeed ends with.
const FAILED: u8 = 7;

/// What the database's file is called. A directory without it is not to be made one.
const DATABASE_FILE: &str = "skerry.db";

/// Open the data of a server that is not running and do `work` on it.
fn offline<T>(data: &Path, work: impl AsyncFnOnce(App) -> Result<T, Box<dyn Error>>) -> Result<T, Box<dyn Error>> {
    if !data.join(DATABASE_FILE).is_file() {
        return Err(format!("there is no data in the directory {}: name it with --data", data.display()).into());
    }
    let config = AppConfig { data: DataLocation::Directory(data.to_owned()), ..AppConfig::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { work(App::open_offline(config)?).await })
}

/// Print `text` to the standard output. Whoever closed it early, as `head` does, wanted no more.
pub(crate) fn print(text: &str) -> ExitCode {
    printed(text).err().unwrap_or(ExitCode::SUCCESS)
}

/// The same for what goes on as long as somebody reads.
///
/// # Errors
/// Nobody reads any more; with what the process then ends with.
pub(crate) fn printed(text: &str) -> Result<(), ExitCode> {
    match io::stdout().lock().write_all(text.as_bytes()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(ExitCode::SUCCESS),
        Err(_) => Err(ExitCode::FAILURE),
    }
}

/// Say what went wrong, in one message, and end with `code`.
pub(crate) fn fail(code: u8, error: &dyn Display) -> ExitCode {
    warn(&format!("skerry: {error}\n"));
    ExitCode::from(code)
}

/// Print `text` to the standard error; where there is none, nobody reads it.
pub(crate) fn warn(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}
