//! What of a server a directory has seen: the file `.skerry/state.json`, by which a push knows whether somebody else changed
//! a script meanwhile. It holds digests and revisions, no credential and no source, and belongs in no repository.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::folder::Folder;
use crate::{commands::remote::CliError, remote::ServerAddress};

/// Where it is.
const FILE: &str = ".skerry/state.json";

/// What was seen, by server and script.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct State {
    #[serde(default)]
    servers: BTreeMap<String, BTreeMap<String, Seen>>,
}

/// A script of a server as it was last pulled or pushed.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub(crate) struct Seen {
    /// Its id: one that was made anew under the same name is another.
    pub(crate) id: String,
    /// The draft's revision.
    pub(crate) revision: i64,
    /// The digest of the draft's source.
    pub(crate) source: String,
    /// The digest of its settings as the server showed them.
    pub(crate) settings: String,
    /// The digest of what the manifest wanted when it was last pushed.
    #[serde(default)]
    pub(crate) wanted: String,
}

impl State {
    /// What a directory has seen; nothing where it has no file.
    ///
    /// # Errors
    /// The file cannot be read. One that makes no sense is none.
    pub(crate) fn read(folder: &Folder) -> Result<Self, CliError> {
        let text = folder.read(FILE)?;
        Ok(text.and_then(|text| serde_json::from_str(&text).ok()).unwrap_or_default())
    }

    pub(crate) fn seen(&self, server: &ServerAddress, script: &str) -> Option<&Seen> {
        self.servers.get(&server.to_string())?.get(script)
    }

    pub(crate) fn see(&mut self, server: &ServerAddress, script: &str, seen: Seen) {
        self.servers.entry(server.to_string()).or_default().insert(script.to_owned(), seen);
    }

    pub(crate) fn forget(&mut self, server: &ServerAddress, script: &str) {
        if let Some(scripts) = self.servers.get_mut(&server.to_string()) {
            scripts.remove(script);
        }
    }

    /// # Errors
    /// The file cannot be written.
    pub(crate) fn write(&self, folder: &Folder) -> Result<(), CliError> {
        let text = serde_json::to_string_pretty(self).map_err(|error| CliError::Failed(error.to_string()))?;
        Ok(folder.write(FILE, &(text + "\n"))?)
    }
}

/// The digest of a text.
pub(crate) fn digest(text: &str) -> String {
    blake3::hash(text.as_bytes()).to_hex().to_string()
}

/// The digest of settings, whose keys are in order.
pub(crate) fn digest_of(settings: &Map<String, Value>) -> String {
    digest(&Value::Object(settings.clone()).to_string())
}
