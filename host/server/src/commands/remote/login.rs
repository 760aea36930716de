//! `skerry login`, `logout` and `whoami`: tokens of this user, each for one server.

use std::io::{self, BufRead, IsTerminal};

use clap::Args;
use rustix::termios::{LocalModes, OptionalActions, tcgetattr, tcsetattr};
use serde_json::json;

use super::{
    CliError, Remote, Session,
    session::{address, run},
};
use crate::{
    commands::{print, warn},
    remote::{Call, Client, Credentials, ServerAddress, Token},
    terminal::Shown,
};

/// The most bytes that are read of a token's line.
const LINE_BYTES_MAX: u64 = 4_096;

/// `skerry login`
#[derive(Args, Debug)]
pub(crate) struct Login {
    /// The server's address, as https://skerry.example
    #[arg(long, value_name = "URL", env = "SKERRY_SERVER")]
    server: String,
}

/// `skerry logout`
#[derive(Args, Debug)]
pub(crate) struct Logout {
    /// The server's address
    #[arg(long, value_name = "URL", env = "SKERRY_SERVER")]
    server: String,
}

/// Read a token, see whether the server takes it, and keep it for that server.
pub(crate) fn login(arguments: &Login) -> std::process::ExitCode {
    run(async {
        let server = address(&arguments.server)?;
        let mut credentials = Credentials::open()?;
        let token = Token::parse(&read_token(&server)?).map_err(CliError::Usage)?;
        let client = Client::new(server.clone(), Some(token.clone()))?;
        takes(&client).await?;
        credentials.keep(&server, token)?;
        let file = credentials.file().display().to_string();
        Ok(print(&format!("You are logged in to {server}. The token is kept in {}.\n", Shown(&file))))
    })
}

/// See that the server takes the token: a tenant's, or else an operator's, who is nobody in a tenant.
async fn takes(client: &Client) -> Result<(), CliError> {
    let Err(error) = client.send(Call::get(&["me"])).await else { return Ok(()) };
    let tenants = Call::get(&["operator", "tenants"]).query("limit", Some(1));
    if error.problem().is_some() && client.send(tenants).await.is_ok() { Ok(()) } else { Err(error.into()) }
}

/// Forget the token of a server. It stays good until it is revoked or ends.
pub(crate) fn logout(arguments: &Logout) -> std::process::ExitCode {
    run(async {
        let server = address(&arguments.server)?;
        let was_there = Credentials::open()?.forget(&server)?;
        let said = if was_there { "You are logged out of" } else { "You were not logged in to" };
        Ok(print(&format!("{said} {server}.\n")))
    })
}

/// Show whose token is used, on which server, and what it allows.
pub(crate) fn whoami(remote: &Remote) -> std::process::ExitCode {
    super::with_session(remote, async |session: Session| {
        let answer = session.client.send(Call::get(&["me"])).await?;
        let mut me = answer.json();
        if let Some(object) = me.as_object_mut() {
            object.insert(String::from("server"), json!(session.client.server().to_string()));
        }
        session.show_one(&me.to_string())
    })
}

/// A line of the standard input. On a terminal it is asked for, and what is typed is not shown.
fn read_token(server: &ServerAddress) -> Result<String, CliError> {
    let failed = |error: io::Error| CliError::Failed(format!("the token cannot be read: {error}"));
    let input = io::stdin();
    if !input.is_terminal() {
        return read_line().map_err(failed);
    }
    warn(&format!("Token for {server}: "));
    let shown = tcgetattr(&input).map_err(|error| failed(error.into()))?;
    let mut hidden = shown.clone();
    hidden.local_modes.remove(LocalModes::ECHO);
    tcsetattr(&input, OptionalActions::Flush, &hidden).map_err(|error| failed(error.into()))?;
    let line = read_line();
    let _ = tcsetattr(&input, OptionalActions::Flush, &shown);
    warn("\n");
    line.map_err(failed)
}

fn read_line() -> io::Result<String> {
    let mut line = String::new();
    io::Read::take(io::stdin().lock(), LINE_BYTES_MAX).read_line(&mut line)?;
    Ok(line)
}

/// The whole standard input, for values that are never arguments: those are seen in lists of processes.
pub(crate) fn read_value(what: &str, bytes_max: u64) -> Result<Vec<u8>, CliError> {
    let input = io::stdin();
    if input.is_terminal() {
        warn(&format!("{what}, ended by Ctrl-D: "));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(input.lock(), bytes_max + 1), &mut bytes)
        .map_err(|error| CliError::Failed(format!("the standard input cannot be read: {error}")))?;
    if bytes.len() as u64 > bytes_max {
        return Err(CliError::Usage(format!("{what} has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}
