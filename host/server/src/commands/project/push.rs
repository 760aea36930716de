//! `skerry push`: make the scripts of a server what the directory has. Each script is changed whole or not at all, a second
//! push changes nothing, and nobody's newer work is written over.

use std::{collections::BTreeMap, io::IsTerminal, path::PathBuf, process::ExitCode, sync::Arc};

use clap::Args;
use tokio::{sync::Semaphore, task::JoinSet};

use super::{
    apply::{Push, Pushed, Terms},
    bindings::Bindings,
    folder::Folder,
    local::Local,
    manifest::Manifest,
    report::{self, Outcome, Report},
    state::{Seen, State},
};
use crate::{
    commands::{
        remote::{CliError, Done, Remote, Session, session},
        warn,
    },
    remote::{Call, Client, items},
    terminal::Shown,
};

/// Scripts that are pushed side by side: enough to hide the way to the server, few enough for its compiler.
const AT_ONCE: usize = 8;

/// `skerry push`
#[derive(Args, Debug)]
pub(crate) struct PushArguments {
    /// Only these scripts; all of the manifest where none is named
    #[arg(value_name = "SCRIPT")]
    pub(crate) names: Vec<String>,
    /// The directory with skerry.toml
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) directory: PathBuf,
    /// Deploy what is not deployed
    #[arg(long)]
    pub(crate) deploy: bool,
    /// What the new versions change, in your words
    #[arg(long, value_name = "TEXT", default_value = "", requires = "deploy")]
    pub(crate) summary: String,
    /// Only say what would be done
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write over what others changed since this directory saw it
    #[arg(long)]
    pub(crate) force: bool,
    /// Also remove scripts, schedules and subscriptions that the manifest does not have; asks before it removes scripts
    #[arg(long)]
    pub(crate) prune: bool,
    /// Do not ask
    #[arg(long, requires = "prune")]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) remote: Remote,
}

pub(crate) fn push(arguments: &PushArguments) -> ExitCode {
    session::run(async {
        let folder = Folder::open(&arguments.directory)?;
        let manifest = Manifest::read(&folder)?;
        let session = session::open_for(&arguments.remote, manifest.server.as_deref())?;
        expect_tenant(&session, &manifest).await?;
        run(session, &folder, &manifest, arguments).await
    })
}

/// The manifest's tenant is the one that the token is of.
pub(super) async fn expect_tenant(session: &Session, manifest: &Manifest) -> Result<(), CliError> {
    let Some(wanted) = &manifest.tenant else { return Ok(()) };
    let me = session.client.send(Call::get(&["me"])).await?.json();
    if me["tenant_id"] == wanted.as_str() || me["tenant_slug"] == wanted.as_str() {
        return Ok(());
    }
    Err(CliError::Refused(format!("skerry.toml belongs to the tenant {wanted}, and you are logged in to another")))
}

async fn run(session: Session, folder: &Folder, manifest: &Manifest, arguments: &PushArguments) -> Done {
    let mut state = State::read(folder)?;
    let terms = Terms {
        deploys: arguments.deploy,
        is_dry: arguments.dry_run,
        forces: arguments.force,
        summary: arguments.summary.clone(),
        prunes: arguments.prune,
    };
    let session = Arc::new(session);
    let chosen = manifest.chosen(&arguments.names)?;
    let pushed = push_all(&session, folder, &state, &chosen, terms).await?;
    let mut reports = Vec::new();
    for (report, seen) in pushed {
        if let Some(seen) = seen.filter(|_| !arguments.dry_run && report.outcome != Outcome::Refused) {
            state.see(session.client.server(), &report.script, seen);
        }
        reports.push(report);
    }
    if arguments.prune && arguments.names.is_empty() {
        reports.extend(prune(&session, manifest, &mut state, arguments).await?);
    }
    if !arguments.dry_run {
        state.write(folder)?;
    }
    Ok(report::tell(&session, &reports))
}

/// Push scripts side by side; what became of them is told in their order.
async fn push_all(
    session: &Arc<Session>,
    folder: &Folder,
    state: &State,
    chosen: &[(&str, &super::manifest::Entry)],
    terms: Terms,
) -> Result<Vec<Pushed>, CliError> {
    let read: Vec<Result<Local, Box<Pushed>>> = chosen
        .iter()
        .map(|(name, entry)| {
            Local::read(folder, name, entry).map_err(|error| Box::new((Report::refused(name, &error), None)))
        })
        .collect();
    let scripts: Vec<Local> = read.iter().filter_map(|local| local.as_ref().ok().cloned()).collect();
    let bindings = Arc::new(Bindings::read(&session.client, &scripts).await?);
    let server = session.client.server();
    let seen: BTreeMap<String, Seen> =
        scripts.iter().filter_map(|it| Some((it.name.clone(), state.seen(server, &it.name)?.clone()))).collect();
    let (terms, seen, room) = (Arc::new(terms), Arc::new(seen), Arc::new(Semaphore::new(AT_ONCE)));
    let mut pushed: BTreeMap<usize, Pushed> = BTreeMap::new();
    let mut pushes = JoinSet::new();
    for (at, local) in read.into_iter().enumerate() {
        let local = match local {
            Ok(local) => local,
            Err(refused) => {
                pushed.insert(at, *refused);
                continue;
            }
        };
        let (session, terms, bindings, seen, room) =
            (Arc::clone(session), Arc::clone(&terms), Arc::clone(&bindings), Arc::clone(&seen), Arc::clone(&room));
        pushes.spawn(async move {
            let _room = room.acquire().await;
            let push = Push { client: &session.client, terms: &terms, bindings: &bindings, seen: &seen };
            (at, push.script(&local).await)
        });
    }
    while let Some(ended) = pushes.join_next().await {
        let (at, report) = ended.map_err(|error| CliError::Failed(error.to_string()))?;
        pushed.insert(at, report);
    }
    Ok(pushed.into_values().collect())
}

/// Remove the server's scripts that the manifest does not have, if whoever asks means it.
async fn prune(
    session: &Session,
    manifest: &Manifest,
    state: &mut State,
    arguments: &PushArguments,
) -> Result<Vec<Report>, CliError> {
    let listed = items(&session.client, &Call::get(&["scripts"]), None).await?;
    let names = listed.iter().filter_map(|item| {
        let script: serde_json::Value = serde_json::from_str(item.get()).ok()?;
        Some(script["name"].as_str()?.to_owned())
    });
    let extra: Vec<String> = names.filter(|name| !manifest.scripts.contains_key(name)).collect();
    if extra.is_empty() {
        return Ok(Vec::new());
    }
    if !arguments.dry_run && !arguments.yes && !agrees(&extra)? {
        return Ok(Vec::new());
    }
    let mut reports = Vec::new();
    for name in extra {
        let removed = match arguments.dry_run {
            true => Ok(()),
            false => session.client.send(Call::delete(&["scripts", &name])).await.map(drop),
        };
        reports.push(match removed {
            Ok(()) => {
                state.forget(session.client.server(), &name);
                Report::new(&name, Outcome::Removed, Vec::new())
            }
            Err(error) => Report::refused(&name, &error.into()),
        });
    }
    Ok(reports)
}

fn agrees(extra: &[String]) -> Result<bool, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::Usage(String::from(
            "--prune asks before it removes scripts: pass --yes where nobody can answer",
        )));
    }
    let names = extra.join(", ");
    warn(&format!("Remove with all their versions and executions: {}\nRemove them? [y/N] ", Shown(&names)));
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer).map_err(|error| CliError::Failed(error.to_string()))?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// How one script was pushed by itself.
pub(crate) enum Quick {
    Done,
    Refused(String),
}

/// Push one script and deploy it, over whatever is there.
pub(crate) async fn push_now(client: &Client, local: &Local) -> Quick {
    let terms = Terms { deploys: true, is_dry: false, forces: true, summary: String::new(), prunes: false };
    let bindings = match Bindings::read(client, std::slice::from_ref(local)).await {
        Ok(bindings) => bindings,
        Err(error) => return Quick::Refused(error.to_string()),
    };
    let push = Push { client, terms: &terms, bindings: &bindings, seen: &BTreeMap::new() };
    let (report, _) = push.script(local).await;
    match report.outcome {
        Outcome::Refused => Quick::Refused(report.details.join("; ")),
        _ => Quick::Done,
    }
}
