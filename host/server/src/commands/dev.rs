//! `skerry dev`: run the scripts of a directory as they change, on a server of their own that ends with the command.
//!
//! The server keeps its data in a directory that is removed, listens on this machine alone, and lets nothing out: that is what
//! a server without configuration does. With `--server` another one is used, and what changes is pushed and deployed there.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use clap::Args;
use domain::ScriptKind;
use serde_json::{Value, json};

use super::{
    project::{
        folder::Folder,
        local::Local,
        manifest::Manifest,
        push::{Quick, push_now},
    },
    remote::{CliError, Done, Remote, Session, codes, session},
    warn,
};
use crate::{
    Config, Server,
    remote::{Call, Client, Token},
    terminal::Shown,
};

/// How often files are looked at: at once for who saves, seldom for a disk. Looking works on every file system, also those of
/// containers and networks that tell of no changes.
const PAUSE: Duration = Duration::from_millis(300);

/// How long the server waits for what runs when it ends.
const GRACE: Duration = Duration::from_secs(1);

/// Files whose changes count, and how deep they are looked for.
const ENDINGS: [&str; 6] = [".js", ".ts", ".mjs", ".mts", ".json", ".toml"];
const DEPTH_MAX: usize = 32;

/// `skerry dev`
#[derive(Args, Debug)]
pub(crate) struct DevArguments {
    /// The directory with skerry.toml
    #[arg(value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Run every script once and end; the exit code says whether all succeeded
    #[arg(long)]
    once: bool,
    #[command(flatten)]
    remote: Remote,
}

pub(crate) fn dev(arguments: &DevArguments) -> ExitCode {
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return super::fail(codes::FAILED, &error),
    };
    let ended = runtime.block_on(run(arguments));
    runtime.shutdown_background();
    ended.unwrap_or_else(|error| session::tell(&error))
}

async fn run(arguments: &DevArguments) -> Done {
    let folder = Folder::open(&arguments.directory)?;
    Manifest::read(&folder)?;
    if arguments.remote.server.is_some() {
        let session = session::open_for(&arguments.remote, None)?;
        return watch(&session, &folder, arguments).await;
    }
    let (server, data) = start().await?;
    let session = session_of(&server, &arguments.remote)?;
    let endpoints = server.endpoints_address();
    warn(&format!("A server of this directory's own runs until you press Ctrl-C; endpoints at http://{endpoints}\n"));
    let ended = tokio::select! {
        ended = watch(&session, &folder, arguments) => ended,
        _ = tokio::signal::ctrl_c() => Ok(ExitCode::SUCCESS),
    };
    server.stop(GRACE).await;
    drop(data);
    ended
}

/// A server with data of its own on any free ports of this machine.
async fn start() -> Result<(Server, tempfile::TempDir), CliError> {
    let failed = |error: &dyn std::fmt::Display| CliError::Failed(format!("the local server does not start: {error}"));
    let data = tempfile::tempdir().map_err(|error| failed(&error))?;
    let listeners = "[listeners]\napi = '127.0.0.1:0'\nendpoints = '127.0.0.1:0'\n";
    let config = Config::parse(listeners, |config| config.data.directory = data.path().join("data"));
    let config = config.map_err(|mistakes| failed(&mistakes.join("; ")))?;
    let server = Server::start(&config, false).await.map_err(|error| failed(&error))?;
    Ok((server, data))
}

fn session_of(server: &Server, remote: &Remote) -> Result<Session, CliError> {
    let address = session::address(&format!("http://{}", server.api_address()))?;
    let token = server.bootstrap().map(|first| Token::parse(&first.token)).transpose().map_err(CliError::Failed)?;
    Ok(Session { client: Client::new(address, token)?, form: remote.output })
}

/// Push and run what changed, again and again; once where that is asked.
async fn watch(session: &Session, folder: &Folder, arguments: &DevArguments) -> Done {
    let mut ran: BTreeMap<String, String> = BTreeMap::new();
    let mut stamps = None;
    loop {
        let now = stamps_of(folder.path());
        if stamps.as_ref() != Some(&now) {
            stamps = Some(now);
            let all_succeeded = run_changed(session, folder, &mut ran).await?;
            if arguments.once {
                return Ok(ExitCode::from(if all_succeeded { 0 } else { codes::EXECUTION_FAILED }));
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Push and run the scripts that are not as they last ran; answers whether all succeeded.
async fn run_changed(session: &Session, folder: &Folder, ran: &mut BTreeMap<String, String>) -> Result<bool, CliError> {
    let manifest = match Manifest::read(folder) {
        Ok(manifest) => manifest,
        // It is being written: the next look finds it whole.
        Err(error) => {
            warn(&format!("{}\n", Shown(&error.to_string())));
            return Ok(false);
        }
    };
    let mut all_succeeded = true;
    for (name, entry) in &manifest.scripts {
        let ended = match Local::read(folder, name, entry) {
            Ok(local) => {
                let state = format!("{:?}{:?}{}", local.wanted, entry, local.source);
                if ran.insert(name.clone(), state.clone()).as_ref() == Some(&state) {
                    continue;
                }
                run_script(session, &local).await
            }
            Err(error) => Err(error),
        };
        match ended {
            Ok(ended) => all_succeeded &= ended == ExitCode::SUCCESS,
            Err(error @ CliError::Call(_)) if error.code() == codes::FAILED => return Err(error),
            Err(error) => {
                all_succeeded = false;
                warn(&format!("{name}: {}\n", Shown(&error.to_string())));
            }
        }
    }
    Ok(all_succeeded)
}

async fn run_script(session: &Session, local: &Local) -> Done {
    if let Quick::Refused(why) = push_now(&session.client, local).await {
        return Err(CliError::Refused(format!("not pushed: {why}")));
    }
    warn(&format!("\n{}\n", local.name));
    let body = json!({ "input": input(local) });
    let answer = session.client.send(Call::post(&["scripts", &local.name, "invoke"]).json(&body)).await?;
    session.show_execution(&answer.text).await
}

/// What a script is given: what its manifest says, or something of the shape that its kind is given.
fn input(local: &Local) -> Value {
    if let Some(input) = &local.entry.dev_input {
        return input.clone();
    }
    match local.entry.kind.parse() {
        Ok(ScriptKind::Cron) => json!({ "scheduledTime": "2026-01-01T00:00:00Z", "lastRun": null, "timezone": "UTC" }),
        Ok(ScriptKind::Event) => json!({
            "id": "1", "type": "example.event", "time": "2026-01-01T00:00:00Z", "source": "/dev", "subject": null, "data": {}
        }),
        Ok(ScriptKind::Endpoint) => {
            let endpoint = local.entry.endpoint.as_ref();
            let text = |key: &str| endpoint.and_then(|it| it[key].as_str()).unwrap_or_default().to_owned();
            let method = text("method");
            let method =
                method.split(',').next().filter(|method| !method.is_empty() && *method != "ANY").unwrap_or("GET");
            json!({ "method": method, "url": format!("http://localhost{}", text("path")) })
        }
        _ => Value::Null,
    }
}

/// When each file that counts was last written.
fn stamps_of(root: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    let mut open = vec![(root.to_owned(), 0)];
    while let Some((directory, depth)) = open.pop() {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        for entry in entries.flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            let Ok(about) = entry.metadata() else { continue };
            if about.is_dir() && depth < DEPTH_MAX && !name.starts_with('.') && name != "node_modules" {
                open.push((entry.path(), depth + 1));
            } else if about.is_file() && ENDINGS.iter().any(|ending| name.ends_with(ending)) {
                found.insert(entry.path(), (about.modified().unwrap_or(SystemTime::UNIX_EPOCH), about.len()));
            }
        }
    }
    found
}
