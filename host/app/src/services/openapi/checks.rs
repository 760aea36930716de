//! JSON Schema, as far as an operator's document may use it: without backtracking, and bounded (RULES 11).

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::Value;

/// The most bytes of one schema with all that it refers to.
const BYTES_MAX: usize = 64 << 10;
/// The most characters of a message.
const MESSAGE_CHARS_MAX: usize = 300;

/// A schema, ready to check values.
#[derive(Debug)]
pub(super) struct Schema(Validator);

impl Schema {
    /// Compile a schema that stands alone.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub(super) fn of(form: Value) -> Result<Self, String> {
        let bytes = form.to_string().len();
        if bytes > BYTES_MAX {
            return Err(format!("its schema has {bytes} bytes with all that it refers to, at most {BYTES_MAX}"));
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(1 << 20))
            .should_validate_formats(false)
            .offline();
        let compiled = options.build(&form).map_err(|error| bounded(&format!("its schema: {error}")))?;
        Ok(Self(compiled))
    }

    /// Check a value. Says where it is wrong and what is allowed, and nothing of the value itself.
    ///
    /// # Errors
    /// A sentence for whoever made the value.
    pub(super) fn check(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value).map_err(|error| {
            let path = error.instance_path().to_string();
            let place = if path.is_empty() { String::new() } else { format!("{path}: ") };
            bounded(&format!("{place}{}", error.masked()))
        })
    }
}

fn bounded(message: &str) -> String {
    message.chars().take(MESSAGE_CHARS_MAX).collect()
}
