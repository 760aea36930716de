//! Schedules and subscriptions of a script: what the manifest lists, made and changed beside what the server has.
//!
//! A schedule is known by its expression and zone, a subscription by its types and source: these are what it is.

use http::Method;
use serde_json::{Map, Value, json};

use super::{
    apply::{Terms, object},
    local::Local,
    remote_script::RemoteScript,
};
use crate::{
    commands::remote::CliError,
    remote::{Call, Client, items},
};

/// The bindings of a tenant, read once for a whole push.
#[derive(Debug, Default)]
pub(super) struct Bindings {
    schedules: Vec<Value>,
    subscriptions: Vec<Value>,
}

/// What was changed, and what else there is to say.
type Bound = (Vec<String>, Vec<String>);

/// A kind of binding.
struct Kind<'a> {
    /// The word of its paths.
    path: &'a str,
    word: &'a str,
    /// What it is known by, with what holds where nothing is said.
    identity: fn(&Value) -> Value,
    wanted: &'a [Value],
    have: Vec<&'a Value>,
}

impl Bindings {
    /// Read what any of `scripts` needs to be compared with.
    ///
    /// # Errors
    /// The server cannot be asked, or does not show them to this token.
    pub(super) async fn read(client: &Client, scripts: &[Local]) -> Result<Self, CliError> {
        let mut read = Self::default();
        if scripts.iter().any(|local| local.entry.schedules.is_some()) {
            read.schedules = all(client, "schedules").await?;
        }
        if scripts.iter().any(|local| local.entry.subscriptions.is_some()) {
            read.subscriptions = all(client, "subscriptions").await?;
        }
        Ok(read)
    }

    /// What a manifest says of a script's bindings.
    pub(super) fn of_script<'a>(&'a self, id: &str) -> (Vec<&'a Value>, Vec<&'a Value>) {
        fn of<'a>(list: &'a [Value], id: &str) -> Vec<&'a Value> {
            list.iter().filter(|item| item["script_id"] == id).collect()
        }
        (of(&self.schedules, id), of(&self.subscriptions, id))
    }

    /// Make the bindings of a script what its manifest lists; lists that are not there are left alone.
    pub(super) async fn bind(
        &self,
        client: &Client,
        local: &Local,
        script: Option<&RemoteScript>,
        terms: &Terms,
    ) -> Result<Bound, CliError> {
        let (schedules, subscriptions) = self.of_script(script.map_or("", |script| &script.id));
        let kinds = [
            local.entry.schedules.as_ref().map(|wanted| Kind {
                path: "schedules",
                word: "schedule",
                identity: schedule,
                wanted,
                have: schedules,
            }),
            local.entry.subscriptions.as_ref().map(|wanted| Kind {
                path: "subscriptions",
                word: "subscription",
                identity: subscription,
                wanted,
                have: subscriptions,
            }),
        ];
        let mut bound: Bound = Default::default();
        for kind in kinds.into_iter().flatten() {
            kind.bind(client, local, terms, &mut bound).await?;
        }
        Ok(bound)
    }
}

impl Kind<'_> {
    async fn bind(&self, client: &Client, local: &Local, terms: &Terms, bound: &mut Bound) -> Result<(), CliError> {
        for wanted in self.wanted {
            let known = self.have.iter().find(|have| (self.identity)(have) == (self.identity)(wanted));
            let done = match known {
                Some(have) if changes(wanted, have).is_empty() => continue,
                Some(have) => self.change(client, have, changes(wanted, have), terms).await?,
                None => self.add(client, wanted, local, terms).await?,
            };
            bound.0.push(format!("{} {} {done}", self.word, words(wanted)));
        }
        for have in &self.have {
            if self.wanted.iter().any(|wanted| (self.identity)(wanted) == (self.identity)(have)) {
                continue;
            }
            if !terms.prunes {
                bound.1.push(format!("{} {} is not in the manifest: --prune removes it", self.word, words(have)));
                continue;
            }
            if !terms.is_dry {
                client.send(Call::delete(&[self.path, id(have)])).await?;
            }
            bound.0.push(format!("{} {} removed", self.word, words(have)));
        }
        Ok(())
    }

    async fn change(
        &self,
        client: &Client,
        have: &Value,
        changes: Map<String, Value>,
        terms: &Terms,
    ) -> Result<&'static str, CliError> {
        if !terms.is_dry {
            let path = [self.path, id(have)];
            let tag = client.send(Call::get(&path)).await?.tag;
            let patch = Value::Object(changes);
            client.send(Call::new(Method::PATCH, &path).if_match(tag.as_deref()).json(&patch)).await?;
        }
        Ok("changed")
    }

    async fn add(
        &self,
        client: &Client,
        wanted: &Value,
        local: &Local,
        terms: &Terms,
    ) -> Result<&'static str, CliError> {
        if !terms.is_dry {
            let mut body = object(wanted);
            body.insert(String::from("script"), json!(local.name));
            client.send(Call::post(&[self.path]).json(&Value::Object(body))).await?;
        }
        Ok("added")
    }
}

fn id(binding: &Value) -> &str {
    binding["id"].as_str().unwrap_or_default()
}

async fn all(client: &Client, path: &str) -> Result<Vec<Value>, CliError> {
    let items = items(client, &Call::get(&[path]), None).await?;
    Ok(items.iter().filter_map(|item| serde_json::from_str(item.get()).ok()).collect())
}

fn schedule(value: &Value) -> Value {
    json!([value["expression"], value["timezone"].as_str().unwrap_or("UTC")])
}

fn subscription(value: &Value) -> Value {
    let mut types: Vec<&str> = value["types"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    types.sort_unstable();
    json!([types, value["source"]])
}

/// What `wanted` names and `have` has otherwise.
fn changes(wanted: &Value, have: &Value) -> Map<String, Value> {
    object(wanted).into_iter().filter(|(key, value)| have[key.as_str()] != *value).collect()
}

fn words(value: &Value) -> String {
    match value["expression"].as_str() {
        Some(expression) => format!("'{expression}'"),
        None => format!("of {}", value["types"]),
    }
}
