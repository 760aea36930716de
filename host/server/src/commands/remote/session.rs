//! Which server a command speaks to, as whom, and how its end is told.

use std::{env, path::Path, process::ExitCode};

use clap::{Args, Subcommand};

use super::output::Form;
use crate::{
    commands::{fail, project::manifest},
    remote::{CallError, Client, Credentials, CredentialsError, ServerAddress, Token},
    terminal::Shown,
};

/// The environment's server, and the token for that server.
const SERVER_VARIABLE: &str = "SKERRY_SERVER";
const TOKEN_VARIABLE: &str = "SKERRY_TOKEN";

/// Which server, and how answers are shown.
#[derive(Args, Clone, Debug)]
pub(crate) struct Remote {
    /// The server's address [default: SKERRY_SERVER, else the manifest's, else the only one that you are logged in to]
    #[arg(long, value_name = "URL", global = true)]
    pub(crate) server: Option<String>,
    /// How answers are shown
    #[arg(long, value_enum, default_value_t = Form::Table, global = true)]
    pub(crate) output: Form,
}

/// A noun of the command line with what can be done to it.
#[derive(Args, Debug)]
pub(crate) struct Noun<C: Subcommand> {
    #[command(flatten)]
    pub(crate) remote: Remote,
    #[command(subcommand)]
    pub(crate) command: C,
}

/// What a command works with.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) form: Form,
}

/// How a command ended that did what it was asked: with 0, or with the code of what it found.
pub(crate) type Done = Result<ExitCode, CliError>;

/// Why a command was not done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    /// What was asked makes no sense as it stands.
    #[error("{0}")]
    Usage(String),
    /// Nobody is logged in to the server.
    #[error("{0}")]
    NotLoggedIn(String),
    /// Something here does not fit what is there, and was left as it is.
    #[error("{0}")]
    Refused(String),
    /// The call was not answered as it should be.
    #[error(transparent)]
    Call(#[from] CallError),
    /// Credentials cannot be read or kept.
    #[error(transparent)]
    Credentials(#[from] CredentialsError),
    /// Something on this machine failed.
    #[error("{0}")]
    Failed(String),
}

/// The codes that commands end with; `docs/cli.md` lists them.
pub(crate) mod codes {
    pub(crate) const FAILED: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const NOT_ALLOWED: u8 = 3;
    pub(crate) const NOT_FOUND: u8 = 4;
    pub(crate) const CONFLICT: u8 = 5;
    pub(crate) const EXECUTION_FAILED: u8 = 7;
    pub(crate) const BUSY: u8 = 8;
    pub(crate) const DIFFERENT: u8 = 9;
}

impl CliError {
    /// What the process ends with.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Usage(_) => codes::USAGE,
            Self::NotLoggedIn(_) => codes::NOT_ALLOWED,
            Self::Refused(_) => codes::CONFLICT,
            Self::Call(error) => call_code(error),
            Self::Credentials(_) | Self::Failed(_) => codes::FAILED,
        }
    }
}

fn call_code(error: &CallError) -> u8 {
    match error {
        CallError::Invalid(_) => codes::USAGE,
        CallError::Refused(problem) => match problem.status {
            401 | 403 => codes::NOT_ALLOWED,
            404 => codes::NOT_FOUND,
            409 | 412 | 428 => codes::CONFLICT,
            422 if problem.is("source") => codes::EXECUTION_FAILED,
            400..=499 if problem.status != 429 => codes::USAGE,
            429 | 503 | 507 => codes::BUSY,
            _ => codes::FAILED,
        },
        CallError::Setup(_) | CallError::Unreachable { .. } | CallError::Foreign { .. } => codes::FAILED,
    }
}

/// Do `work` with a server that somebody is logged in to, and tell how it ended.
pub(crate) fn with_session(remote: &Remote, work: impl AsyncFnOnce(Session) -> Done) -> ExitCode {
    run(async {
        let session = open(remote)?;
        work(session).await
    })
}

/// Run `work` to its end, and tell how that was.
pub(crate) fn run(work: impl Future<Output = Done>) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(codes::FAILED, &error),
    };
    let ended = runtime.block_on(work);
    // What still connects is nobody's any more.
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| tell(&error))
}

/// Say what went wrong. A server's words are shown like a script's: they move no cursor.
pub(crate) fn tell(error: &CliError) -> ExitCode {
    fail(error.code(), &Shown(&error.to_string()))
}

fn open(remote: &Remote) -> Result<Session, CliError> {
    // Who names a server needs no manifest, and is kept from nothing by one that cannot be understood.
    let manifest = if named(remote).is_some() { None } else { manifest::server_of(Path::new("."))? };
    open_for(remote, manifest.as_deref())
}

/// The server that the command line or the environment names.
fn named(remote: &Remote) -> Option<String> {
    remote.server.clone().or_else(|| env::var(SERVER_VARIABLE).ok().filter(|text| !text.is_empty()))
}

/// A session with the server that the command line, the environment, `manifest` or the credentials name, in this order.
/// The environment's token goes to the server of the command line or the environment alone: a manifest that somebody else
/// wrote must not choose where it goes.
pub(crate) fn open_for(remote: &Remote, manifest: Option<&str>) -> Result<Session, CliError> {
    let credentials = Credentials::open();
    let token = environment_token()?;
    let (server, token) = match (named(remote), manifest) {
        (Some(named), _) => {
            let server = address(&named)?;
            let token = token.map_or_else(|| kept(credentials, &server), Ok)?;
            (server, token)
        }
        (None, Some(manifest)) => {
            let server = address(manifest)?;
            if token.is_some() {
                return Err(CliError::Usage(format!(
                    "{TOKEN_VARIABLE} is sent only to a server that you name yourself: set {SERVER_VARIABLE} or pass \
                     --server {server}"
                )));
            }
            let token = kept(credentials, &server)?;
            (server, token)
        }
        (None, None) if token.is_some() => {
            return Err(CliError::Usage(format!(
                "{TOKEN_VARIABLE} is sent only to a server that you name: set {SERVER_VARIABLE}, or pass --server"
            )));
        }
        (None, None) => {
            let server = credentials.as_ref().ok().and_then(Credentials::only_server).ok_or_else(|| {
                CliError::Usage(format!(
                    "name the server: with --server, {SERVER_VARIABLE}, or 'server' in skerry.toml"
                ))
            })?;
            let token = kept(credentials, &server)?;
            (server, token)
        }
    };
    Ok(Session { client: Client::new(server, Some(token))?, form: remote.output })
}

/// The server's address of a text.
pub(crate) fn address(text: &str) -> Result<ServerAddress, CliError> {
    text.parse().map_err(CliError::Usage)
}

fn environment_token() -> Result<Option<Token>, CliError> {
    let text = env::var(TOKEN_VARIABLE).ok().filter(|text| !text.trim().is_empty());
    text.map(|text| Token::parse(&text).map_err(|why| CliError::Usage(format!("{TOKEN_VARIABLE}: {why}")))).transpose()
}

fn kept(credentials: Result<Credentials, CredentialsError>, server: &ServerAddress) -> Result<Token, CliError> {
    let token = credentials?.token(server).cloned();
    token.ok_or_else(|| {
        CliError::NotLoggedIn(format!("you are not logged in to {server}: run 'skerry login --server {server}'"))
    })
}
