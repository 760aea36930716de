//! An error of an execution, with the author's lines: where a version was bundled, its source map leads back to them.

use serde_json::Value;

use crate::{
    remote::{Call, Client},
    source_map::SourceMap,
};

/// The error for people. What cannot be read of the version leaves the lines as they are.
pub(super) async fn in_authors_words(client: &Client, execution: &Value) -> String {
    let error = &execution["error"];
    let text = |key: &str| error[key].as_str().unwrap_or_default();
    let stack = match source_map(client, execution).await {
        Some(map) if !text("stack").is_empty() => map.stack(text("stack")),
        _ => text("stack").to_owned(),
    };
    let head = match text("kind") {
        "user_error" => format!("{}: {}\n", text("name"), text("message")),
        kind => format!("{kind}: {}\n", text("message")),
    };
    if stack.is_empty() { head } else { format!("{head}{}\n", stack.trim_end()) }
}

/// The map inside the source that ran, if its author bundled it.
async fn source_map(client: &Client, execution: &Value) -> Option<SourceMap> {
    let (script, version) = (execution["script_id"].as_str()?, execution["version_id"].as_str()?);
    let shown = client.send(Call::get(&["scripts", script])).await.ok()?.json();
    let latest = shown["deployed"]["number"].as_u64()?;
    let of = async |number: u64| {
        let number = number.to_string();
        Some(client.send(Call::get(&["scripts", script, "versions", &number])).await.ok()?.json())
    };
    let mut found = of(latest).await?;
    if found["id"] != version {
        let list = client.send(Call::get(&["scripts", script, "versions"])).await.ok()?.json();
        let items = list["items"].as_array()?;
        let number = items.iter().find(|item| item["id"] == version)?["number"].as_u64()?;
        found = of(number).await?;
    }
    SourceMap::inside(found["source"].as_str()?)
}
