//! One example of each operation, for the API's description: what is sent and what is answered. They are in
//! `examples.json` by the operation's id, and were answers of a server: the tests hold each against its schema. Those of
//! operations that no token can call are written by hand, in `examples_by_hand.json`.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use utoipa::openapi::{Content, RefOr, path::Operation};

const EXAMPLES: &str = include_str!("examples.json");
const BY_HAND: &str = include_str!("examples_by_hand.json");

/// The examples, by the id of their operation.
#[derive(Debug, Default)]
pub(crate) struct Examples(BTreeMap<String, Example>);

/// What is sent and what is answered; absent where there is no body.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Example {
    request: Option<Value>,
    response: Option<Value>,
}

impl Examples {
    /// What is in the files; nothing where one cannot be read, which the tests notice.
    pub(crate) fn read() -> Self {
        let mut examples = BTreeMap::new();
        for text in [EXAMPLES, BY_HAND] {
            examples.extend(serde_json::from_str::<BTreeMap<String, Example>>(text).unwrap_or_default());
        }
        Self(examples)
    }

    /// Put the operation's example where its bodies are described.
    pub(crate) fn put_into(&self, operation: &mut Operation) {
        let Some(example) = operation.operation_id.as_ref().and_then(|id| self.0.get(id)) else { return };
        if let Some(RefOr::T(body)) = &mut operation.request_body {
            body.content.values_mut().for_each(|content| show(content, example.request.as_ref()));
        }
        for (status, response) in &mut operation.responses.responses {
            if let (true, RefOr::T(response)) = (status.starts_with('2'), response) {
                // A stream is no JSON, and shows what it is by itself.
                let json = response.content.iter_mut().filter(|(kind, _)| kind.ends_with("json"));
                json.for_each(|(_, content)| show(content, example.response.as_ref()));
            }
        }
    }
}

fn show(content: &mut RefOr<Content>, example: Option<&Value>) {
    if let RefOr::T(content) = content
        && content.example.is_none()
    {
        content.example = example.cloned();
    }
}
