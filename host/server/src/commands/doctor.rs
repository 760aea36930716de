//! `skerry doctor`: what would keep a server from starting here, or a push from working.

use std::{
    env, fs,
    net::{SocketAddr, TcpListener},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::Args;
use domain::UnixMillis;
use serde_json::{Value, json, value::to_raw_value};

use super::{
    project::bundle,
    remote::{
        CliError, Done, codes,
        output::{self, Form, ending},
        session,
    },
};
use crate::{
    Config,
    commands::print,
    remote::{Credentials, ServerAddress},
    terminal::Shown,
};

/// The least room that data needs: what the server keeps in reserve, and some to work with.
const ROOM_BYTES_MIN: u64 = 256 << 20;

/// The beginning of the year in which this was written, in milliseconds: no clock that is right is before it.
const CLOCK_MIN_MS: i64 = 1_767_225_600_000;

/// `skerry doctor`
#[derive(Args, Debug)]
pub(crate) struct DoctorArguments {
    /// The server's configuration file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's data directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// How the findings are shown
    #[arg(long, value_enum, default_value_t = Form::Table)]
    output: Form,
}

/// What was found of one matter.
struct Finding {
    matter: &'static str,
    verdict: Verdict,
    words: String,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Good,
    /// It works, and something is to be said.
    Note,
    Bad,
}

pub(crate) fn doctor(arguments: &DoctorArguments) -> ExitCode {
    session::run(async { examine(arguments) })
}

fn examine(arguments: &DoctorArguments) -> Done {
    let read = Config::read(arguments.config.as_deref(), |config| {
        if let Some(data) = &arguments.data {
            config.data.directory.clone_from(data);
        }
    });
    let mut findings = Vec::new();
    match read {
        Ok(config) => {
            findings.push(good("configuration", "it can be read"));
            findings.push(data(&config.data.directory));
            findings.extend(key(&config));
            findings.push(port("API port", config.listeners.api));
            findings.push(port("endpoints' port", config.listeners.endpoints));
            findings.push(room(&config.data.directory));
        }
        Err(error) => findings.push(bad("configuration", error.to_string())),
    }
    findings.push(clock());
    findings.push(credentials());
    findings.push(toolchain());
    tell(arguments.output, &findings)
}

fn tell(form: Form, findings: &[Finding]) -> Done {
    let word = |verdict| match verdict {
        Verdict::Good => "ok",
        Verdict::Note => "note",
        Verdict::Bad => "BAD",
    };
    let json =
        |it: &Finding| json!({ "matter": it.matter, "verdict": word(it.verdict).to_lowercase(), "words": it.words });
    let values: Vec<Value> = findings.iter().map(json).collect();
    let text = match form {
        Form::Table => findings
            .iter()
            .map(|it| format!("{:<5} {:<16} {}\n", word(it.verdict), it.matter, it.words.replace('\n', "\n      ")))
            .collect(),
        _ => {
            let items: Result<Vec<_>, _> = values.iter().map(to_raw_value).collect();
            output::list(form, &items.map_err(|error| CliError::Failed(error.to_string()))?, &[])
        }
    };
    let printed = print(&Shown(&text).to_string());
    let is_bad = findings.iter().any(|finding| finding.verdict == Verdict::Bad);
    Ok(if is_bad { ending(printed, codes::FAILED) } else { printed })
}

fn good(matter: &'static str, words: impl Into<String>) -> Finding {
    Finding { matter, verdict: Verdict::Good, words: words.into() }
}

fn note(matter: &'static str, words: impl Into<String>) -> Finding {
    Finding { matter, verdict: Verdict::Note, words: words.into() }
}

fn bad(matter: &'static str, words: impl Into<String>) -> Finding {
    Finding { matter, verdict: Verdict::Bad, words: words.into() }
}

/// The data directory is this user's alone.
fn data(directory: &Path) -> Finding {
    const MATTER: &str = "data directory";
    let shown = directory.display();
    match fs::metadata(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            note(MATTER, format!("{shown} is not there yet; the first start makes it"))
        }
        Err(error) => bad(MATTER, format!("{shown}: {error}")),
        Ok(about) if !about.is_dir() => bad(MATTER, format!("{shown} is no directory")),
        Ok(about) if about.uid() != rustix::process::geteuid().as_raw() => {
            bad(MATTER, format!("{shown} belongs to another user than the one who asks"))
        }
        Ok(about) if about.mode() & 0o077 != 0 => {
            bad(MATTER, format!("others may enter {shown}: 'chmod 700 {shown}' keeps them out"))
        }
        Ok(_) => good(MATTER, format!("{shown} is this user's alone")),
    }
}

/// The key's file, where it is there already, is this user's alone.
fn key(config: &Config) -> Option<Finding> {
    let file = config.data.key_file.clone().unwrap_or_else(|| config.data.directory.join("skerry.key"));
    let about = fs::metadata(&file).ok()?;
    let shown = file.display();
    Some(if about.mode() & 0o077 == 0 {
        good("key", format!("{shown} is this user's alone"))
    } else {
        bad(
            "key",
            format!("others may read {shown}: 'chmod 600 {shown}' keeps them from it, and they may have read it"),
        )
    })
}

fn port(matter: &'static str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => good(matter, format!("{address} is free")),
        Err(error) if error.kind() == std::io::ErrorKind::AddrInUse => {
            note(matter, format!("{address} is in use: by a server that runs already, or by another program"))
        }
        Err(error) => bad(matter, format!("{address}: {error}")),
    }
}

fn room(directory: &Path) -> Finding {
    let there = directory.ancestors().find(|path| path.exists()).filter(|path| !path.as_os_str().is_empty());
    let there = there.unwrap_or(Path::new("."));
    match rustix::fs::statvfs(there) {
        Ok(about) => {
            let free = about.f_bavail.saturating_mul(about.f_frsize);
            let words = format!("{} MiB are free for {}", free >> 20, directory.display());
            if free < ROOM_BYTES_MIN { bad("disk", words) } else { good("disk", words) }
        }
        Err(error) => bad("disk", format!("{}: {error}", there.display())),
    }
}

fn clock() -> Finding {
    let now = UnixMillis::now();
    let words = now.to_rfc3339();
    if now.0 < CLOCK_MIN_MS { bad("clock", format!("{words}: it is behind")) } else { good("clock", words) }
}

fn credentials() -> Finding {
    match Credentials::open() {
        Ok(credentials) => {
            let servers: Vec<String> = credentials.servers().map(|server: ServerAddress| server.to_string()).collect();
            match servers.is_empty() {
                true => note("credentials", "none are kept: 'skerry login' keeps one"),
                false => good("credentials", format!("for {}", servers.join(", "))),
            }
        }
        Err(error) => bad("credentials", error.to_string()),
    }
}

/// What a push of scripts that import others needs.
fn toolchain() -> Finding {
    let here = env::current_dir().unwrap_or_default();
    match bundle::find(&here) {
        Some(esbuild) => good("esbuild", esbuild.display().to_string()),
        None => note(
            "esbuild",
            "it is not there; only scripts that import others need it: 'npm install --save-dev esbuild'",
        ),
    }
}
