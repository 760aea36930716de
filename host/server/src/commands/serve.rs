//! `skerry serve`: start, say where, and stop when asked.

use std::{io, process::ExitCode, time::Duration};

use tokio::signal::unix::{SignalKind, signal};

use super::{fail, print};
use crate::{
    Config, Server, StartError,
    cli::{Serve, USAGE},
    telemetry, welcome,
};

/// How long what runs may take to end once the server is asked to stop; orchestrators commonly kill after 30 s.
const GRACE: Duration = Duration::from_secs(25);

/// Files beside the connections: the database's, and requests that leave.
const OTHER_FILES: u64 = 256;

/// What a start that failed ends with.
const NOT_STARTED: u8 = 1;

/// What damaged data ends with, which starting again does not help against: `EX_DATAERR` of `sysexits.h`.
const DAMAGED: u8 = 65;

pub(crate) fn serve(arguments: &Serve) -> ExitCode {
    let config = match read(arguments) {
        Ok(config) => config,
        Err(error) => return fail(USAGE, &error),
    };
    telemetry::start(&config.log);
    give_up_privileges();
    raise_open_files(&config);
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    let code = runtime.block_on(serve_until_asked(&config, arguments.sample));
    // Whoever asks twice does not wait for what still runs.
    runtime.shutdown_background();
    code
}

/// Have as many files open as the system allows: each connection is one, and the usual limit is some thousand.
fn raise_open_files(config: &Config) {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let allowed = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: allowed.maximum, maximum: allowed.maximum };
    let open_files = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => allowed.maximum,
        Err(_) => allowed.current,
    };
    let wanted = 2 * config.listeners.max_connections as u64 + OTHER_FILES;
    if open_files.is_some_and(|most| most < wanted) {
        tracing::warn!(
            open_files,
            wanted,
            "the system allows fewer open files than 'listeners.max_connections' needs: raise its limit, or lower that one"
        );
    }
}

/// Nothing that this process starts or becomes has more rights than it (RULES 9). Before there are threads, which inherit
/// it.
fn give_up_privileges() {
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::set_no_new_privs(true) {
        tracing::warn!(%error, "the system does not let this process renounce new privileges");
    }
}

fn read(arguments: &Serve) -> Result<Config, crate::config::ConfigError> {
    Config::read(arguments.config.as_deref(), |config| {
        if let Some(data) = &arguments.data {
            config.data.directory.clone_from(data);
        }
        config.listeners.api = arguments.listen.unwrap_or(config.listeners.api);
        config.listeners.endpoints = arguments.endpoints_listen.unwrap_or(config.listeners.endpoints);
    })
}

async fn serve_until_asked(config: &Config, sample: bool) -> ExitCode {
    // Caught before the start, so that no signal falls between the two.
    let mut signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return fail(NOT_STARTED, &error),
    };
    let is_local = config.listeners.api.ip().is_loopback() && config.listeners.endpoints.ip().is_loopback();
    let server = match Server::start(config, sample || is_local).await {
        Ok(server) => server,
        Err(error) => return fail(exit_code(&error), &error),
    };
    match welcome::text(&server, config) {
        Ok(text) => drop(print(&text)),
        Err(error) => return fail(NOT_STARTED, &error),
    }
    signals.next().await;
    tracing::info!("stopping: waiting for what runs; ask again to stop at once");
    tokio::select! {
        () = server.stop(GRACE) => ExitCode::SUCCESS,
        () = signals.next() => ExitCode::FAILURE,
    }
}

fn exit_code(error: &StartError) -> u8 {
    match error {
        StartError::Open(error) if error.is_damage() => DAMAGED,
        _ => NOT_STARTED,
    }
}

/// The signals that ask a server to stop.
struct Signals {
    terminate: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
