//! Make one script of a server what the directory has, or leave it as it was.

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    bindings::Bindings,
    local::Local,
    remote_script::RemoteScript,
    report::{Outcome, Report},
    settings,
    state::{Seen, digest_of},
};
use crate::{
    commands::remote::CliError,
    remote::{Call, CallError, Client},
};

/// How scripts are pushed.
#[derive(Clone, Debug)]
pub(super) struct Terms {
    /// Deploy what is not deployed.
    pub(super) deploys: bool,
    /// Only say what would be done.
    pub(super) is_dry: bool,
    /// Write over what others changed.
    pub(super) forces: bool,
    /// What versions are said to change.
    pub(super) summary: String,
    /// Remove schedules and subscriptions that the manifest does not have.
    pub(super) prunes: bool,
}

/// A push of one script: what there is to do, and what was done.
pub(super) struct Push<'a> {
    pub(super) client: &'a Client,
    pub(super) terms: &'a Terms,
    pub(super) bindings: &'a Bindings,
    pub(super) seen: &'a BTreeMap<String, Seen>,
}

/// What of a script is not as it is wanted.
#[derive(Clone, Copy)]
struct Changes<'a> {
    source: bool,
    settings: &'a [&'static str],
}

/// What stands for all settings, where the one that was taken out of a manifest is not known.
const ALL_SETTINGS: &str = "settings";

impl Changes<'_> {
    /// What of `wanted` is to be written: what needs no change asks for no right to change it.
    fn settings(&self, wanted: &Map<String, Value>) -> Map<String, Value> {
        let is_named = |key: &String| self.settings.iter().any(|named| *named == ALL_SETTINGS || *named == key);
        wanted.iter().filter(|(key, _)| is_named(key)).map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// What became of a script, and what of it is seen now.
pub(super) type Pushed = (Report, Option<Seen>);

impl Push<'_> {
    /// Push a script; a mistake of one is its own report, and keeps no other from being pushed.
    pub(super) async fn script(&self, local: &Local) -> Pushed {
        match self.changed(local).await {
            Ok(pushed) => pushed,
            Err(error) => (Report::refused(&local.name, &error), None),
        }
    }

    async fn changed(&self, local: &Local) -> Result<Pushed, CliError> {
        let (mut report, mut script) = match RemoteScript::get(self.client, &local.name).await? {
            None => self.create(local).await?,
            Some(script) => self.update(local, script).await?,
        };
        let bound = self.bindings.bind(self.client, local, script.as_ref(), self.terms).await;
        // What was written stays written: it is told as changed, and the refusal beside it.
        let bound = bound.map_err(|error| error.with(&report.details));
        let (changes, notes) = match bound {
            Ok(bound) => bound,
            Err(error) => return Ok((Report::refused(&local.name, &error), seen(script.as_ref(), local))),
        };
        if !changes.is_empty() && report.outcome == Outcome::Unchanged {
            report.outcome = Outcome::Changed;
        }
        report.details.extend(changes.into_iter().chain(notes));
        if self.terms.deploys
            && let Err(error) = self.deploy(local, &mut script, &mut report).await
        {
            return Ok((Report::refused(&local.name, &error.with(&report.details)), seen(script.as_ref(), local)));
        }
        Ok((report, seen(script.as_ref(), local)))
    }

    async fn create(&self, local: &Local) -> Result<(Report, Option<RemoteScript>), CliError> {
        let report = Report::new(&local.name, Outcome::Created, Vec::new());
        if self.terms.is_dry {
            return Ok((report, None));
        }
        let mut body = settings::for_new(&local.wanted);
        for (key, value) in [
            ("name", &*local.name),
            ("kind", &*local.entry.kind),
            ("language", local.language),
            ("source", &*local.source),
        ] {
            body.insert(key.to_owned(), json!(value));
        }
        self.client.send(Call::post(&["scripts"]).json(&Value::Object(body))).await?;
        if local.entry.is_active == Some(false) {
            self.set_active(&local.name, &json!(false)).await?;
        }
        Ok((report, RemoteScript::get(self.client, &local.name).await?))
    }

    async fn update(&self, local: &Local, script: RemoteScript) -> Result<(Report, Option<RemoteScript>), CliError> {
        if script.kind != local.entry.kind {
            let message = format!("it is of the kind {}, which stays: remove it, or choose another name", script.kind);
            return Err(CliError::Refused(message));
        }
        let new_source = script.source != local.source || script.language != local.language;
        let mut keys = settings::different(&local.wanted, &script.settings);
        // A setting that was taken out of the manifest is the server's again, whose own cannot be seen from here.
        let seen = self.seen.get(&local.name);
        let is_other_wish = seen.is_some_and(|seen| !seen.wanted.is_empty() && seen.wanted != digest_of(&local.wanted));
        if keys.is_empty() && is_other_wish {
            keys.push(ALL_SETTINGS);
        }
        if !new_source && keys.is_empty() {
            return Ok((Report::new(&local.name, Outcome::Unchanged, Vec::new()), Some(script)));
        }
        self.expect_seen(local, &script)?;
        let mut details: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
        if new_source {
            details.insert(0, String::from("source"));
        }
        let report = Report::new(&local.name, Outcome::Changed, details);
        if self.terms.is_dry {
            return Ok((report, Some(script)));
        }
        let changes = Changes { source: new_source, settings: &keys };
        self.write(local, &script, changes).await?;
        Ok((report, RemoteScript::get(self.client, &local.name).await?))
    }

    /// Nobody's newer work is written over: what is changed is what this directory has seen.
    fn expect_seen(&self, local: &Local, script: &RemoteScript) -> Result<(), CliError> {
        if self.terms.forces {
            return Ok(());
        }
        let name = &local.name;
        let changes = match self.seen.get(name) {
            Some(seen) => script.changed_since(seen),
            None => vec![String::from("this directory has never seen it as it is")],
        };
        if changes.is_empty() {
            return Ok(());
        }
        Err(CliError::Refused(format!(
            "{} (last changed {}): look with 'skerry diff {name}', take it with 'skerry pull {name}', or write over it with \
             --force",
            changes.join(", "),
            script.updated_at
        )))
    }

    /// Write source and settings, in one transaction where both are to be written, and only over what was compared.
    async fn write(&self, local: &Local, script: &RemoteScript, changes: Changes<'_>) -> Result<(), CliError> {
        let mut patch = changes.settings(&local.wanted);
        // Whether a script runs is set by itself: it is no edit.
        let is_active = patch.remove("is_active");
        if changes.source {
            let path = ["scripts", script.id.as_str(), "draft"];
            let mut body = json!({ "language": local.language, "source": local.source });
            if !patch.is_empty() {
                body["settings"] = Value::Object(patch);
                body["settings_tag"] = json!(script.settings_tag);
            }
            let call = Call::new(Method::PUT, &path).if_match(script.draft_tag.as_deref()).json(&body);
            self.client.send(call).await.map_err(stale)?;
        } else if !patch.is_empty() {
            let path = ["scripts", script.id.as_str()];
            let call = Call::new(Method::PATCH, &path).if_match(script.settings_tag.as_deref());
            self.client.send(call.json(&Value::Object(patch))).await.map_err(stale)?;
        }
        match is_active {
            Some(is_active) => self.set_active(&script.id, &is_active).await,
            None => Ok(()),
        }
    }

    async fn set_active(&self, script: &str, is_active: &Value) -> Result<(), CliError> {
        let path = ["scripts", script];
        let tag = self.client.send(Call::get(&path)).await?.tag;
        let patch = Call::new(Method::PATCH, &path).if_match(tag.as_deref()).json(&json!({ "is_active": is_active }));
        self.client.send(patch).await.map(drop).map_err(stale)
    }

    async fn deploy(
        &self,
        local: &Local,
        script: &mut Option<RemoteScript>,
        report: &mut Report,
    ) -> Result<(), CliError> {
        if self.terms.is_dry {
            if report.outcome != Outcome::Unchanged {
                report.details.push(String::from("would be deployed"));
            }
            return Ok(());
        }
        let Some(current) = script else { return Ok(()) };
        if current.is_deployed(self.client).await? {
            return Ok(());
        }
        report.deployed = Some(deploy(self.client, current, &self.terms.summary).await?);
        if report.outcome == Outcome::Unchanged {
            report.outcome = Outcome::Changed;
        }
        *script = RemoteScript::get(self.client, &local.name).await?;
        Ok(())
    }
}

/// Deploy the draft that was seen, and no other; answers the version's number.
pub(super) async fn deploy(client: &Client, script: &RemoteScript, summary: &str) -> Result<u64, CliError> {
    let path = ["scripts", &script.id, "deploy"];
    let call = Call::post(&path).if_match(script.draft_tag.as_deref()).json(&json!({ "change_summary": summary }));
    let deployed = client.send(call).await.map_err(stale)?.json();
    Ok(deployed["version"]["number"].as_u64().unwrap_or_default())
}

fn seen(script: Option<&RemoteScript>, local: &Local) -> Option<Seen> {
    script.map(|script| script.seen(&local.wanted))
}

/// A write that came too late says what to do about it.
fn stale(error: CallError) -> CliError {
    match error.problem() {
        Some(problem) if problem.is("stale") => {
            let revision = problem.members.get("current_revision").and_then(Value::as_i64);
            let now = revision.map_or_else(String::new, |revision| format!(", to revision {revision}"));
            let change = problem.members.get("last_change").unwrap_or(&Value::Null);
            let text = |key: &str| change[key].as_str().unwrap_or_default();
            let who = match text("user_id") {
                "" => String::new(),
                user => format!(" by the user {user} at {} ({})", text("at"), text("action")),
            };
            CliError::Refused(format!("it was changed this moment{now}{who}: look with 'skerry diff', and push again"))
        }
        _ => error.into(),
    }
}

impl CliError {
    /// The same error, said after what was done already.
    fn with(self, done: &[String]) -> Self {
        if done.is_empty() {
            return self;
        }
        let message = format!("{} written, then: {self}", done.join(", "));
        match self.code() {
            super::super::remote::codes::CONFLICT => Self::Refused(message),
            _ => Self::Failed(message),
        }
    }
}

/// A wish without what the server knows under another name.
pub(super) fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}
