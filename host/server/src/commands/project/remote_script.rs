//! A script as a server has it: its settings, its draft and what of it runs.

use domain::ScriptName;
use serde_json::{Map, Value};

use super::{
    settings,
    state::{Seen, digest, digest_of},
};
use crate::{
    commands::remote::CliError,
    remote::{Call, Client},
};

/// A script of a server.
#[derive(Debug)]
pub(super) struct RemoteScript {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) language: String,
    pub(super) revision: i64,
    pub(super) source: String,
    /// The draft's tag, for `If-Match`.
    pub(super) draft_tag: Option<String>,
    pub(super) settings: Map<String, Value>,
    /// The settings' tag, where the server gives one.
    pub(super) settings_tag: Option<String>,
    /// The number of the version that runs.
    pub(super) deployed: Option<u64>,
    pub(super) updated_at: String,
}

impl RemoteScript {
    /// The script `name`; `None` where there is none.
    ///
    /// # Errors
    /// The server cannot be asked, or answers with a name that no script has.
    pub(super) async fn get(client: &Client, name: &str) -> Result<Option<Self>, CliError> {
        let shown = match client.send(Call::get(&["scripts", name])).await {
            Ok(shown) => shown,
            Err(error) if error.is_not_found() => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let script = shown.json();
        let text = |key: &str| script[key].as_str().unwrap_or_default().to_owned();
        let id = text("id");
        let drafted = client.send(Call::get(&["scripts", &id, "draft"])).await?;
        let draft = drafted.json();
        // A server's word becomes a file's name: it is judged here too (RULES 41).
        let name = ScriptName::parse(&text("name"))
            .map_err(|_| CliError::Refused(String::from("the server names a script as no script is named")))?;
        Ok(Some(Self {
            id,
            name: name.to_string(),
            kind: text("kind"),
            language: draft["language"].as_str().unwrap_or_default().to_owned(),
            revision: draft["revision"].as_i64().unwrap_or_default(),
            source: draft["source"].as_str().unwrap_or_default().to_owned(),
            draft_tag: drafted.tag,
            settings: settings::of_script(&script),
            settings_tag: shown.tag,
            deployed: script["deployed"]["number"].as_u64(),
            updated_at: text("updated_at"),
        }))
    }

    /// What the directory has seen once this was pulled or pushed.
    pub(super) fn seen(&self, wanted: &Map<String, Value>) -> Seen {
        Seen {
            id: self.id.clone(),
            revision: self.revision,
            source: digest(&self.source),
            settings: self.settings_digest(),
            wanted: digest_of(wanted),
        }
    }

    /// The digest of what is set, but for whether it is paused: whoever pauses a script edits nothing.
    fn settings_digest(&self) -> String {
        let mut settings = self.settings.clone();
        settings.remove("is_active");
        digest_of(&settings)
    }

    /// What changed since it was `seen`, in words; nothing where it is as it was.
    pub(super) fn changed_since(&self, seen: &Seen) -> Vec<String> {
        if self.id != seen.id {
            return vec![String::from("it was removed and made anew")];
        }
        let mut changes = Vec::new();
        if digest(&self.source) != seen.source {
            let (revision, before) = (self.revision, seen.revision);
            changes.push(format!("its draft is revision {revision} by now and was {before}"));
        }
        if self.settings_digest() != seen.settings {
            changes.push(String::from("its settings were changed"));
        }
        changes
    }

    /// Whether what runs is what the draft and the settings say.
    pub(super) async fn is_deployed(&self, client: &Client) -> Result<bool, CliError> {
        let Some(number) = self.deployed else { return Ok(false) };
        let version = client.send(Call::get(&["scripts", &self.id, "versions", &number.to_string()])).await?.json();
        let same = |key: &str| version[key] == *self.settings.get(key).unwrap_or(&Value::Null);
        Ok(version["source"] == self.source.as_str()
            && version["language"] == self.language.as_str()
            && same("capabilities")
            && same("limits"))
    }
}
