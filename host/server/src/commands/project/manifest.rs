//! `skerry.toml`: which scripts a directory holds, and what is set beside their sources.
//!
//! What is set has the names and the shapes of the API, and is judged there. A manifest never holds a credential: there is no
//! key for one.

use std::{collections::BTreeMap, path::Path};

use domain::{Language, ScriptKind, ScriptName};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::folder::{Folder, FolderError};
use crate::commands::remote::CliError;

/// What the file is called.
pub(crate) const FILE: &str = "skerry.toml";

/// A manifest.
#[derive(Debug, Default, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Manifest {
    /// The server that the directory belongs to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) server: Option<String>,
    /// The tenant's id: whoever is logged in to another one is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tenant: Option<String>,
    /// The scripts, by name.
    #[serde(default)]
    pub(crate) scripts: BTreeMap<String, Entry>,
}

/// A script of a manifest.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The file with its source, below the directory.
    pub(crate) file: String,
    /// What it is for.
    pub(crate) kind: String,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) description: String,
    /// How much is recorded of its host calls; everything where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) record: Option<String>,
    /// Whether it runs at all; left as it is where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) is_active: Option<bool>,
    /// What `skerry dev` gives it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) dev_input: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) capabilities: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limits: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) endpoint: Option<Value>,
    /// When it runs by itself; left as it is where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) schedules: Option<Vec<Value>>,
    /// Which events it runs on; left as it is where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) subscriptions: Option<Vec<Value>>,
}

impl From<FolderError> for CliError {
    fn from(error: FolderError) -> Self {
        Self::Usage(error.to_string())
    }
}

impl Manifest {
    /// The manifest of a directory.
    ///
    /// # Errors
    /// There is none, or it cannot be understood.
    pub(crate) fn read(folder: &Folder) -> Result<Self, CliError> {
        let text = folder.read(FILE)?.ok_or_else(|| {
            CliError::Usage(format!("there is no {FILE} in {}: 'skerry init' makes one", folder.path().display()))
        })?;
        Self::parse(&text)
    }

    /// # Errors
    /// What is wrong with it, for its author.
    pub(crate) fn parse(text: &str) -> Result<Self, CliError> {
        let manifest: Self =
            toml::from_str(text).map_err(|error| CliError::Usage(format!("{FILE} cannot be understood: {error}")))?;
        manifest.check().map_err(|why| CliError::Usage(format!("{FILE}: {why}")))?;
        Ok(manifest)
    }

    fn check(&self) -> Result<(), String> {
        let mut files: BTreeMap<&str, &str> = BTreeMap::new();
        for (name, entry) in &self.scripts {
            ScriptName::parse(name).map_err(|invalid| format!("scripts.{name}: {}", invalid.message))?;
            entry.kind.parse::<ScriptKind>().map_err(|invalid| format!("scripts.{name}.kind: {}", invalid.message))?;
            if let Some(other) = files.insert(&entry.file, name) {
                return Err(format!("scripts.{name}.file: '{}' is the source of '{other}' already", entry.file));
            }
        }
        Ok(())
    }

    /// The scripts that `names` name; all of them where it names none.
    ///
    /// # Errors
    /// One is not there.
    pub(crate) fn chosen<'a>(&'a self, names: &'a [String]) -> Result<Vec<(&'a str, &'a Entry)>, CliError> {
        if names.is_empty() {
            return Ok(self.scripts.iter().map(|(name, entry)| (name.as_str(), entry)).collect());
        }
        let entry = |name: &'a String| {
            let found = self.scripts.get(name).map(|entry| (name.as_str(), entry));
            found.ok_or_else(|| CliError::Usage(format!("there is no script '{name}' in {FILE}")))
        };
        names.iter().map(entry).collect()
    }
}

impl Entry {
    /// What its file is written in.
    pub(crate) fn language(&self) -> Language {
        Language::of_file_name(&self.file)
    }
}

/// The server that the manifest of `directory` names, where there is one.
///
/// # Errors
/// The manifest cannot be understood.
pub(crate) fn server_of(directory: &Path) -> Result<Option<String>, CliError> {
    let Some(text) = Folder::open(directory)?.read(FILE)? else { return Ok(None) };
    Ok(Manifest::parse(&text)?.server)
}

/// `text` with `entry` as what it says of the script `name`. Everything else, comments too, stays as it was where the script has
/// tables of its own; a manifest that is written in another way is written anew.
///
/// # Errors
/// `text` is no manifest.
pub(crate) fn with_entry(text: &str, name: &str, entry: &Entry) -> Result<String, CliError> {
    let broken = |error: toml::ser::Error| CliError::Failed(format!("{FILE} cannot be written: {error}"));
    let mut whole = Manifest::parse(text)?;
    whole.scripts.insert(name.to_owned(), entry.clone());
    let alone = Manifest { scripts: BTreeMap::from([(name.to_owned(), entry.clone())]), ..Manifest::default() };
    let block = toml::to_string(&alone).map_err(broken)?;
    let changed = with_block(text, name, &block);
    match Manifest::parse(&changed) {
        Ok(read) if read == whole => Ok(changed),
        _ => toml::to_string(&whole).map_err(broken),
    }
}

/// `text` with `block` in place of the tables of the script `name`, or at its end.
fn with_block(text: &str, name: &str, block: &str) -> String {
    let (mut kept, mut after) = (String::new(), String::new());
    let (mut is_inside, mut was_inside) = (false, false);
    for line in text.split_inclusive('\n') {
        if line.starts_with('[') {
            is_inside = is_of_script(line, name);
            was_inside |= is_inside;
        }
        match (is_inside, was_inside) {
            // What stands between two tables of others is about the next one.
            (true, _) if line.starts_with('#') => after.push_str(line),
            (true, _) => {}
            (false, true) => after.push_str(line),
            (false, false) => kept.push_str(line),
        }
    }
    if !kept.is_empty() && !kept.ends_with("\n\n") {
        kept.push('\n');
    }
    let gap = if after.is_empty() { "" } else { "\n" };
    format!("{kept}{}\n{gap}{after}", block.trim())
}

/// Whether a heading is of a script's table, or of one inside of it.
fn is_of_script(heading: &str, name: &str) -> bool {
    let inner = heading.trim_start_matches('[').trim_start();
    [name.to_owned(), format!("\"{name}\""), format!("'{name}'")].iter().any(|name| {
        let rest = inner.strip_prefix("scripts.").and_then(|rest| rest.strip_prefix(name.as_str()));
        rest.is_some_and(|rest| rest.starts_with([']', '.']))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_manifest_must_not_hold_is_refused() {
        for text in [
            "token = 'sk_x'",
            "[scripts.a]\nfile = 'a.js'\nkind = 'lambda'",
            "[scripts.'../a']\nfile = 'a.js'\nkind = 'cron'",
            "[scripts.'a..b']\nfile = 'a.js'\nkind = 'cron'",
            "[scripts.A]\nfile = 'a.js'\nkind = 'cron'",
            "[scripts.a]\nkind = 'cron'",
            "[scripts.a]\nfile = 'a.js'\nkind = 'cron'\nsecret = 'x'",
            "[scripts.a]\nfile = 'a.js'\nkind = 'cron'\n[scripts.b]\nfile = 'a.js'\nkind = 'cron'",
        ] {
            assert!(Manifest::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_entry_takes_the_place_of_the_old_one_and_leaves_the_rest() {
        let text = "# ours\nserver = 'https://a.example' # mine\n\n[scripts.a]\nfile = 'a.js'\nkind = 'cron'\n\n# the second\n\
                    [scripts.b]\nfile = 'b.js'\nkind = 'cron'\n";
        let entry = Entry {
            description: String::from("new"),
            limits: Some(serde_json::json!({ "fuel": 7 })),
            schedules: Some(vec![serde_json::json!({ "expression": "* * * * *" })]),
            ..Manifest::parse(text).expect("a manifest").scripts["b"].clone()
        };
        let changed = with_entry(text, "b", &entry).expect("TOML");
        assert!(changed.starts_with("# ours\nserver = 'https://a.example' # mine\n\n[scripts.a]\n"), "{changed}");
        assert!(changed.contains("# the second\n"), "{changed}");
        let read = Manifest::parse(&changed).expect("a manifest");
        assert_eq!(read.scripts["b"], entry);
        assert_eq!(read.scripts.len(), 2);
        let added = with_entry("", "c", &entry).expect("TOML");
        assert_eq!(Manifest::parse(&added).expect("a manifest").scripts["c"], entry);
    }
}
