//! The server's own log: lines to the standard error, for people on a terminal, for programs elsewhere.

use std::io::{self, IsTerminal};

use tracing_subscriber::{EnvFilter, filter::ParseError};

use crate::config::{LogConfig, LogFormat};

/// Start logging. A second start in one process, as tests have it, changes nothing.
pub(crate) fn start(config: &LogConfig) {
    let is_terminal = io::stderr().is_terminal();
    // Directives that do not read were refused with the configuration.
    let filter = filter(&config.level).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let is_json = match config.format {
        LogFormat::Json => true,
        LogFormat::Text => false,
        LogFormat::Auto => !is_terminal,
    };
    let _ = if is_json { lines.json().flatten_event(true).try_init() } else { lines.with_ansi(is_terminal).try_init() };
}

/// Whether `level` reads as directives for the log.
///
/// # Errors
/// Why not.
pub(crate) fn check_level(level: &str) -> Result<(), ParseError> {
    filter(level).map(drop)
}

/// The directives of `level`, and a quieter migration library where they do not name it: at `info` it tells its every
/// step on every start.
fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    EnvFilter::try_new(format!("refinery_core=warn,tokio_cron_scheduler=warn,{level}"))
}
