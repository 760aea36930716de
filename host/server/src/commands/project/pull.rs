//! `skerry pull`: make the directory what a server has. What was changed here and not pushed is not written over.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::{Map, Value};

use super::{
    bindings::Bindings,
    bundle,
    folder::Folder,
    local::Local,
    manifest::{self, Entry, Manifest},
    remote_script::RemoteScript,
    report::{self, Outcome, Report},
    settings,
    state::{State, digest, digest_of},
};
use crate::{
    commands::remote::{CliError, Done, Remote, Session, session},
    remote::{Call, items},
    source_map,
};

/// Where the sources of scripts are put that the directory did not have.
const SOURCES: &str = "scripts";

/// `skerry pull`
#[derive(Args, Debug)]
pub(crate) struct PullArguments {
    /// Only these scripts; all of the server where none is named
    #[arg(value_name = "SCRIPT")]
    names: Vec<String>,
    /// The directory with skerry.toml
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    /// Write over what was changed here and not pushed
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    remote: Remote,
}

/// A directory while it is pulled into.
struct Pull<'a> {
    session: &'a Session,
    folder: &'a Folder,
    manifest: Manifest,
    /// The manifest's text.
    text: String,
    state: State,
    forces: bool,
}

pub(crate) fn pull(arguments: &PullArguments) -> ExitCode {
    session::run(async {
        let folder = Folder::open(&arguments.directory)?;
        let text = folder.read(manifest::FILE)?.unwrap_or_default();
        let manifest = Manifest::parse(&text)?;
        let session = session::open_for(&arguments.remote, manifest.server.as_deref())?;
        super::push::expect_tenant(&session, &manifest).await?;
        let state = State::read(&folder)?;
        let pull = Pull { session: &session, folder: &folder, manifest, text, state, forces: arguments.force };
        pull.run(&arguments.names).await
    })
}

impl Pull<'_> {
    async fn run(mut self, names: &[String]) -> Done {
        let names = if names.is_empty() { self.listed().await? } else { names.to_vec() };
        let wants_all = Local {
            name: String::new(),
            entry: Entry { schedules: Some(Vec::new()), subscriptions: Some(Vec::new()), ..empty("") },
            language: "",
            source: String::new(),
            wanted: Map::new(),
        };
        // A token that does not see bindings pulls without them.
        let bindings = Bindings::read(&self.session.client, &[wants_all]).await.ok();
        let before = self.text.clone();
        if self.text.is_empty() {
            self.text = format!("server = {}\n", toml::Value::from(self.session.client.server().to_string()));
        }
        let mut reports = Vec::new();
        for name in &names {
            let report = self.script(name, bindings.as_ref()).await;
            reports.push(report.unwrap_or_else(|error| Report::refused(name, &error)));
        }
        if self.text != before {
            self.folder.write(manifest::FILE, &self.text)?;
        }
        self.state.write(self.folder)?;
        Ok(report::tell(self.session, &reports))
    }

    async fn listed(&self) -> Result<Vec<String>, CliError> {
        let scripts = items(&self.session.client, &Call::get(&["scripts"]), None).await?;
        let name = |item: &serde_json::value::RawValue| {
            let script: Value = serde_json::from_str(item.get()).ok()?;
            Some(script["name"].as_str()?.to_owned())
        };
        Ok(scripts.iter().filter_map(|item| name(item)).collect())
    }

    async fn script(&mut self, name: &str, bindings: Option<&Bindings>) -> Result<Report, CliError> {
        let script = RemoteScript::get(&self.session.client, name).await?;
        let script = script.ok_or_else(|| CliError::Usage(String::from("there is no such script on the server")))?;
        let known = self.manifest.scripts.get(&script.name).cloned();
        let mut entry = known.clone().unwrap_or_else(|| empty(&file_name(&script)));
        entry.kind.clone_from(&script.kind);
        let source = self.source(&script, known.as_ref(), &entry)?;
        // Settings that already say the same stay in the words that they are in.
        let wanted = settings::wanted(&entry);
        if known.is_none() || !settings::different(&wanted, &script.settings).is_empty() {
            self.expect_settings_pushed(&script, known.as_ref())?;
            settings::into_entry(&script.settings, &mut entry);
        }
        if let Some(bindings) = bindings {
            with_bindings(&mut entry, bindings, &script.id);
        }
        if let Source::Write(text) = &source {
            self.folder.write(&entry.file, text)?;
        }
        let is_new_entry = known.as_ref() != Some(&entry);
        if is_new_entry {
            self.text = manifest::with_entry(&self.text, &script.name, &entry)?;
        }
        let seen = script.seen(&settings::wanted(&entry));
        self.state.see(self.session.client.server(), &script.name, seen);
        Ok(match (known, &source) {
            (None, _) => Report::new(&script.name, Outcome::Created, vec![entry.file]),
            (Some(_), Source::Keep) if !is_new_entry => Report::new(&script.name, Outcome::Unchanged, Vec::new()),
            (Some(_), Source::Keep) => Report::new(&script.name, Outcome::Changed, vec![String::from(manifest::FILE)]),
            (Some(_), Source::Write(_)) => Report::new(&script.name, Outcome::Changed, vec![entry.file]),
        })
    }

    /// What is to become of the script's file.
    fn source(&self, script: &RemoteScript, known: Option<&Entry>, entry: &Entry) -> Result<Source, CliError> {
        let Some(here) = self.folder.read(&entry.file)? else { return Ok(Source::Write(script.source.clone())) };
        let refused = |why: &str| {
            Err(CliError::Refused(format!("'{}' {why}: push it, or have it written over with --force", entry.file)))
        };
        if here == script.source {
            return Ok(Source::Keep);
        }
        if bundle::imports(&here) {
            let bundled = bundle::bundled(self.folder.path(), &entry.file)?;
            return match bundled == script.source {
                true => Ok(Source::Keep),
                false if script.source.contains(source_map::MARK) => refused(
                    "is bundled of several files, which the server's script, a bundle too, cannot be taken apart into",
                ),
                false if self.forces => Ok(Source::Write(script.source.clone())),
                false => refused("imports other files, and differs from the server's script"),
            };
        }
        let seen = self.state.seen(self.session.client.server(), &script.name);
        let is_as_seen = seen.is_some_and(|seen| seen.source == digest(&here));
        let is_ours_alone = seen.is_some_and(|seen| seen.id == script.id && seen.source == digest(&script.source));
        match (is_as_seen || self.forces, known) {
            (true, _) => Ok(Source::Write(script.source.clone())),
            (false, Some(_)) if is_ours_alone => refused("was changed here and not pushed"),
            (false, Some(_)) => refused("was changed here, and on the server too"),
            (false, None) => refused("is there, and is no script of skerry.toml"),
        }
    }

    /// Settings that were changed here and not pushed are not written over.
    fn expect_settings_pushed(&self, script: &RemoteScript, known: Option<&Entry>) -> Result<(), CliError> {
        let Some(known) = known.filter(|_| !self.forces) else { return Ok(()) };
        let seen = self.state.seen(self.session.client.server(), &script.name);
        match seen {
            Some(seen) if seen.wanted == digest_of(&settings::wanted(known)) => Ok(()),
            _ => Err(CliError::Refused(String::from(
                "its settings in skerry.toml differ from the server's and were not pushed: push them, or have them written \
                 over with --force",
            ))),
        }
    }
}

/// What is to become of a file.
enum Source {
    Keep,
    Write(String),
}

fn empty(file: &str) -> Entry {
    Entry {
        file: file.to_owned(),
        kind: String::new(),
        description: String::new(),
        record: None,
        is_active: None,
        dev_input: None,
        capabilities: None,
        limits: None,
        policy: None,
        endpoint: None,
        schedules: None,
        subscriptions: None,
    }
}

fn file_name(script: &RemoteScript) -> String {
    let ending = if script.language == "typescript" { "ts" } else { "js" };
    format!("{SOURCES}/{}.{ending}", script.name)
}

/// The schedules and subscriptions that the server has, where the manifest lists any or the server has some.
fn with_bindings(entry: &mut Entry, bindings: &Bindings, id: &str) {
    let (schedules, subscriptions) = bindings.of_script(id);
    let picked = |items: Vec<&Value>, keys: &[&str]| -> Vec<Value> {
        let one = |item: &Value| {
            let named =
                keys.iter().filter(|key| !item[**key].is_null()).map(|key| ((*key).to_owned(), item[*key].clone()));
            Value::Object(named.collect())
        };
        items.into_iter().map(one).collect()
    };
    let schedules = picked(schedules, &["expression", "timezone", "overlap", "catch_up"]);
    let subscriptions = picked(subscriptions, &["types", "source", "is_active", "max_attempts"]);
    let alike = |ours: &Option<Vec<Value>>, theirs: &[Value]| {
        ours.as_ref().is_some_and(|ours| {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| {
                    ours.as_object().is_some_and(|ours| ours.iter().all(|(key, value)| theirs[key.as_str()] == *value))
                })
        })
    };
    if !alike(&entry.schedules, &schedules) {
        entry.schedules = Some(schedules).filter(|list| !list.is_empty());
    }
    if !alike(&entry.subscriptions, &subscriptions) {
        entry.subscriptions = Some(subscriptions).filter(|list| !list.is_empty());
    }
}
