//! JSON Schemas (draft 2020-12): reading them, and checking values against them.
//!
//! The values are guest-controlled. So a schema is only taken where checking any value against it is a bounded work
//! (RULES 11): patterns run in linear time, references stay inside, and [`bounds`] says how often a place of a value is
//! looked at, which the checks then count beforehand.

mod bounds;

use std::{
    fmt::{self, Write},
    sync::Arc,
};

use jsonschema::{Draft, PatternOptions, ValidationError, Validator};
use serde_json::Value;

use bounds::Work;
pub(crate) use bounds::follow;

/// The most bytes of a schema.
const SCHEMA_BYTES_MAX: usize = 64 << 10;
/// The most levels of a schema's JSON.
const SCHEMA_DEPTH_MAX: usize = 32;
/// The most levels of a value that is checked: what the script API's JSON has.
pub(crate) const VALUE_DEPTH_MAX: usize = 64;
/// The most steps of one check: some 40 ms of one core, on a thread that others wait for. The longest documents fit
/// where their schema is flat: as an array of numbers they have some 350 000 steps.
const STEPS_MAX: u64 = 400_000;
/// The most bytes of a compiled pattern.
const PATTERN_BYTES_MAX: usize = 1 << 20;
/// Bytes of a text that are a step: each pattern looks at all of them.
const TEXT_BYTES_OF_A_STEP: usize = 64;
/// The most bytes of a message about a value. Names in it can be the guest's.
const MESSAGE_BYTES_MAX: usize = 300;
/// The most bytes of a pointer into a value.
const POINTER_BYTES_MAX: usize = 150;

/// A schema that values can be checked against. Clones are the same one.
#[derive(Clone)]
pub struct Schema(Arc<Parsed>);

struct Parsed {
    text: Value,
    validator: Validator,
    work: Work,
}

/// Why a schema is not taken: words for whoever wrote it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SchemaError(pub(crate) String);

/// What is wrong with a value.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("at {}: {allowed}", if pointer.is_empty() { "its root" } else { pointer })]
pub struct Mismatch {
    /// Where: a JSON pointer (RFC 6901), cut where it is long; empty for the value as a whole.
    pub pointer: String,
    /// What is allowed there, in at most 300 bytes.
    pub allowed: String,
}

impl Schema {
    /// Read a schema.
    ///
    /// # Errors
    /// What is wrong with it, or what of JSON Schema is not taken here.
    pub fn parse(text: &str) -> Result<Self, SchemaError> {
        if text.len() > SCHEMA_BYTES_MAX {
            return Err(SchemaError(format!("a schema has at most {SCHEMA_BYTES_MAX} bytes, not {}", text.len())));
        }
        let value =
            serde_json::from_str(text).map_err(|error| SchemaError(format!("the schema is no JSON: {error}")))?;
        Self::of(value)
    }

    /// The schema that a value is, as it may stand inside a larger document.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn of(value: Value) -> Result<Self, SchemaError> {
        if depth(&value) > SCHEMA_DEPTH_MAX {
            return Err(SchemaError(format!("a schema is at most {SCHEMA_DEPTH_MAX} levels deep")));
        }
        let work = Work::of(&value)?;
        let validator = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .offline()
            .should_validate_formats(false)
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
            .build(&value)
            .map_err(|error| SchemaError(format!("the schema at '{}': {}", error.instance_path(), words(&error))))?;
        Ok(Self(Arc::new(Parsed { text: value, validator, work })))
    }

    /// The schema itself.
    pub fn as_value(&self) -> &Value {
        &self.0.text
    }

    /// Check a value.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn check(&self, value: &Value) -> Result<(), Mismatch> {
        let whole = |allowed: String| Mismatch { pointer: String::new(), allowed };
        let mut steps = [0; VALUE_DEPTH_MAX];
        if !count(value, &mut steps) {
            return Err(whole(format!("at most {VALUE_DEPTH_MAX} levels are allowed")));
        }
        if self.0.work.steps(&steps) > STEPS_MAX {
            return Err(whole(String::from("the value is too large to be checked against its schema")));
        }
        self.0.validator.validate(value).map_err(|error| Mismatch {
            pointer: cut(error.instance_path().as_str(), POINTER_BYTES_MAX),
            allowed: words(&error),
        })
    }
}

impl fmt::Debug for Schema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Schema").field(&self.0.text).finish()
    }
}

/// How many levels a value has. Serde reads 128 at most.
pub(crate) fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(members) => 1 + members.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// Count the places of a value by their level, texts by their length; answers whether the levels suffice.
fn count(value: &Value, levels: &mut [u64]) -> bool {
    let Some((level, below)) = levels.split_first_mut() else { return false };
    *level += 1;
    match value {
        Value::String(text) => *level += (text.len() / TEXT_BYTES_OF_A_STEP) as u64,
        Value::Array(items) => return items.iter().all(|item| count(item, below)),
        Value::Object(members) => {
            *level += members.keys().map(|name| (name.len() / TEXT_BYTES_OF_A_STEP) as u64).sum::<u64>();
            return members.values().all(|member| count(member, below));
        }
        _ => {}
    }
    true
}

/// An error's words without the value, which can be large and is known to whoever sent it.
fn words(error: &ValidationError<'_>) -> String {
    let mut words = Limited(String::new());
    // It fails where the words are cut.
    let _ = write!(words, "{}", error.masked_with("the value"));
    words.0
}

fn cut(text: &str, most: usize) -> String {
    if text.len() <= most { text.to_owned() } else { format!("{}…", &text[..text.floor_char_boundary(most)]) }
}

/// A text that takes no more than a message may have, so that a long one is never made.
struct Limited(String);

impl Write for Limited {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let left = MESSAGE_BYTES_MAX - self.0.len().min(MESSAGE_BYTES_MAX);
        self.0.push_str(&text[..text.floor_char_boundary(left)]);
        if text.len() <= left { Ok(()) } else { Err(fmt::Error) }
    }
}

#[cfg(test)]
mod tests;
