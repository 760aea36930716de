//! Keeps what an admin is answered, for the examples of the API's description: with `SKERRY_EXAMPLES=FILE` the test writes
//! them there (`./just generate`).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Matrix, Operation, bodies};
use crate::routes::client::Answer;

/// What is shown once and is nobody's, in place of what was.
const SHOWN_ONCE: &[(&str, &str)] = &[
    ("token", "sk_0190b0a0000070008000000000000000_9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"),
    ("secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
];

/// The most items of a list that an example shows.
const ITEMS_MAX: usize = 2;

/// The most bytes of a text that an example shows.
const TEXT_BYTES_MAX: usize = 300;

#[derive(Default)]
pub(super) struct Collected(BTreeMap<String, Value>);

impl Collected {
    pub(super) fn keep(&mut self, operation: &Operation<'_>, answer: &Answer, matrix: &Matrix<'_>) {
        if !(200..300).contains(&answer.status) || operation.id == "show_openapi" {
            return;
        }
        let request = bodies::of(operation.id, operation.described, matrix.document, &matrix.own);
        let mut response = serde_json::from_slice(&answer.body).ok();
        response.iter_mut().for_each(shorten);
        let mut example = json!({});
        for (key, value) in [("request", request), ("response", response)] {
            if let Some(value) = value {
                example[key] = value;
            }
        }
        self.0.insert(operation.id.to_owned(), example);
    }

    pub(super) fn write(&self) {
        if let Ok(file) = std::env::var("SKERRY_EXAMPLES") {
            std::fs::write(file, serde_json::to_string_pretty(&self.0).unwrap() + "\n").unwrap();
        }
    }
}

fn shorten(value: &mut Value) {
    match value {
        Value::Array(items) => {
            items.truncate(ITEMS_MAX);
            items.iter_mut().for_each(shorten);
        }
        Value::Object(members) => {
            for (name, member) in members.iter_mut() {
                match SHOWN_ONCE.iter().find(|(shown, _)| shown == name) {
                    Some((_, instead)) if member.is_string() => *member = json!(instead),
                    _ => shorten(member),
                }
            }
        }
        Value::String(text) if text.len() > TEXT_BYTES_MAX => {
            *text = format!("{}…", text.chars().take(TEXT_BYTES_MAX).collect::<String>());
        }
        _ => {}
    }
}
