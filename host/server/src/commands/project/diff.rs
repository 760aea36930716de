//! `skerry diff`: how the directory differs from a server, as a unified diff from the server's to the directory's.

use std::{path::PathBuf, process::ExitCode};

use clap::Args;
use serde_json::{Value, json};
use similar::TextDiff;

use super::{folder::Folder, local::Local, manifest::Manifest, remote_script::RemoteScript, settings, state::digest};
use crate::{
    commands::{
        print,
        remote::{
            Done, Remote, Session, codes,
            output::{Form, ending},
            session,
        },
    },
    source_map::MARK,
    terminal::Shown,
};

/// `skerry diff`
#[derive(Args, Debug)]
pub(crate) struct DiffArguments {
    /// Only these scripts; all of the manifest where none is named
    #[arg(value_name = "SCRIPT")]
    names: Vec<String>,
    /// The directory with skerry.toml
    #[arg(long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
    #[command(flatten)]
    remote: Remote,
}

/// Show the differences; the answer is 0 where there are none, and 9 where there are.
pub(crate) fn diff(arguments: &DiffArguments) -> ExitCode {
    session::run(async {
        let folder = Folder::open(&arguments.directory)?;
        let manifest = Manifest::read(&folder)?;
        let session = session::open_for(&arguments.remote, manifest.server.as_deref())?;
        super::push::expect_tenant(&session, &manifest).await?;
        let mut differences = Vec::new();
        for (name, entry) in manifest.chosen(&arguments.names)? {
            let local = Local::read(&folder, name, entry)?;
            let script = RemoteScript::get(&session.client, name).await?;
            differences.extend(difference(&local, script.as_ref()));
        }
        tell(&session, &differences)
    })
}

/// How one script differs.
struct Difference {
    script: String,
    text: String,
}

fn tell(session: &Session, differences: &[Difference]) -> Done {
    let json = |it: &Difference| json!({ "script": it.script, "diff": it.text });
    let text = match session.form {
        Form::Table => differences.iter().map(|it| it.text.as_str()).collect::<String>(),
        Form::Json => Value::from_iter(differences.iter().map(json)).to_string() + "\n",
        Form::Ndjson => differences.iter().map(|it| json(it).to_string() + "\n").collect(),
    };
    let printed = print(&Shown(&text).to_string());
    Ok(if differences.is_empty() { printed } else { ending(printed, codes::DIFFERENT) })
}

fn difference(local: &Local, script: Option<&RemoteScript>) -> Option<Difference> {
    let name = &local.name;
    let (source, settings) = script.map_or((String::new(), Value::Null), |script| {
        let have = settings::different(&local.wanted, &script.settings);
        let theirs = have.iter().map(|key| ((*key).to_owned(), script.settings[*key].clone()));
        (script.source.clone(), Value::Object(theirs.collect()))
    });
    let ours = match &settings {
        Value::Object(theirs) => theirs.keys().map(|key| (key.clone(), local.wanted[key].clone())).collect(),
        _ => Value::Object(local.wanted.clone()),
    };
    let there = if script.is_some() { "server" } else { "nothing" };
    let text = unified(
        &with_short_map(&source),
        &with_short_map(&local.source),
        &format!("{there}/{name}"),
        &local.entry.file,
    ) + &unified(&lines(&settings), &lines(&ours), &format!("{there}/{name} settings"), "skerry.toml");
    (!text.is_empty()).then(|| Difference { script: name.clone(), text })
}

fn unified(theirs: &str, ours: &str, their_name: &str, our_name: &str) -> String {
    if theirs == ours {
        return String::new();
    }
    TextDiff::from_lines(theirs, ours).unified_diff().context_radius(3).header(their_name, our_name).to_string()
}

/// A bundle whose source map, a line of thousands of characters, is told by its digest.
fn with_short_map(source: &str) -> String {
    let Some(at) = source.rfind(MARK) else { return source.to_owned() };
    format!("{}// source map {}\n", &source[..at], &digest(&source[at..])[..12])
}

fn lines(value: &Value) -> String {
    if value.is_null() {
        return String::new();
    }
    serde_json::to_string_pretty(value).unwrap_or_default() + "\n"
}
