//! A script of the directory, ready to be sent: its source, bundled where it imports, and what is set beside it.

use serde_json::{Map, Value};

use super::{bundle, folder::Folder, manifest::Entry, settings};
use crate::commands::remote::CliError;

/// A script as its author has it.
#[derive(Clone, Debug)]
pub(crate) struct Local {
    pub(crate) name: String,
    pub(crate) entry: Entry,
    /// `javascript` or `typescript`; of what was bundled the former.
    pub(crate) language: &'static str,
    /// What is sent.
    pub(crate) source: String,
    pub(crate) wanted: Map<String, Value>,
}

impl Local {
    /// Read a script of `folder`.
    ///
    /// # Errors
    /// Its file is not there, leads out of the directory, or cannot be bundled.
    pub(crate) fn read(folder: &Folder, name: &str, entry: &Entry) -> Result<Self, CliError> {
        let written = folder.read(&entry.file)?;
        let written = written.ok_or_else(|| CliError::Usage(format!("'{}' is not there", entry.file)))?;
        let (language, source) = if bundle::imports(&written) {
            ("javascript", bundle::bundled(folder.path(), &entry.file)?)
        } else {
            (entry.language().as_str(), written)
        };
        let wanted = settings::wanted(entry);
        Ok(Self { name: name.to_owned(), entry: entry.clone(), language, source, wanted })
    }
}
