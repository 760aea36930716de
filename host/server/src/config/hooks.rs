//! `[hooks."NAME"]`: the extension points of the host application, and what each takes and answers.
//!
//! Not read field by field like the other sections, because their names are the operator's.

use std::{collections::BTreeMap, path::Path, time::Duration};

use app::{HookConfig, OnFailure, Schema};
use domain::HookPoint;
use serde::Deserialize;
use toml::Value;

use super::section::Section;

/// The sections as they stand in the file, and what they come to once the files that they name are read.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(transparent)]
pub struct HooksConfig {
    sections: BTreeMap<String, Value>,
    #[serde(skip)]
    pub(super) declared: BTreeMap<HookPoint, HookConfig>,
}

const KEYS: [&str; 6] =
    ["description", "input_schema", "output_schema", "deadline_ms", "on_failure", "open_under_overload"];
const ON_FAILURE: &str = "\"closed\" or \"open\"";

impl HooksConfig {
    /// Read the files that the sections name, relative to `directory`, and check everything.
    pub(super) fn declare(&mut self, directory: &Path, mistakes: &mut Vec<String>) {
        let mut declared = BTreeMap::new();
        for (name, section) in &self.sections {
            let key = format!("hooks.\"{name}\"");
            let point = match HookPoint::parse(name) {
                Ok(point) => Some(point),
                Err(invalid) => {
                    mistakes.push(format!("'{key}': {invalid}"));
                    None
                }
            };
            let Value::Table(table) = section else {
                mistakes.push(format!("'{key}' is a section: write [{key}]"));
                continue;
            };
            let further = table.iter().find(|(key, value)| value.is_table() && !KEYS.contains(&key.as_str()));
            if let Some((further, _)) = further {
                mistakes.push(format!(
                    "'{key}' has a section '{further}': a name with '.' stands in quotation marks, as \
                     [hooks.\"{name}.{further}\"]"
                ));
                continue;
            }
            let config = Section { key, table, directory, mistakes }.hook();
            declared.extend(point.zip(config));
        }
        self.declared = declared;
    }
}

impl Section<'_> {
    fn hook(&mut self) -> Option<HookConfig> {
        self.only(&KEYS);
        let description = self.text("description");
        let input = self.schema("input_schema");
        let output = self.schema("output_schema");
        let default = u64::try_from(HookConfig::DEADLINE_DEFAULT.as_millis()).ok()?;
        let most = u64::try_from(HookConfig::DEADLINE_MAX.as_millis()).ok()?;
        let deadline_ms = self.number("deadline_ms", default, 1, most);
        let on_failure = self.on_failure();
        Some(HookConfig {
            description: description?,
            input: input?,
            output: output?,
            deadline: Duration::from_millis(deadline_ms?),
            on_failure: on_failure?,
        })
    }

    fn text(&mut self, key: &str) -> Option<String> {
        if self.table.contains_key(key) { self.required(key) } else { Some(String::new()) }
    }

    /// A schema, which stands in the file itself as a table or in a file of its own; `None` for a mistake.
    fn schema(&mut self, key: &str) -> Option<Option<Schema>> {
        let schema = match self.table.get(key) {
            None => return Some(None),
            Some(table @ Value::Table(_)) => match serde_json::to_value(table) {
                Ok(value) => Schema::of(value),
                Err(error) => {
                    self.mistaken(key, format!("cannot be read as JSON: {error}"));
                    return None;
                }
            },
            Some(_) => Schema::parse(&self.file(key)?.1),
        };
        match schema {
            Ok(schema) => Some(Some(schema)),
            Err(error) => {
                self.mistaken(key, format!("is no schema that is taken: {error}"));
                None
            }
        }
    }

    fn on_failure(&mut self) -> Option<OnFailure> {
        let is_open = match self.table.get("on_failure").map(Value::as_str) {
            Some(Some("closed")) => false,
            Some(Some("open")) => true,
            Some(_) => {
                self.mistaken("on_failure", format!("is something else: write {ON_FAILURE}"));
                return None;
            }
            // Which of them it is to be is a decision that nobody makes by saying nothing.
            None => {
                self.mistaken("on_failure", format!("is missing: write {ON_FAILURE}"));
                return None;
            }
        };
        match (is_open, self.table.get("open_under_overload").map(Value::as_bool)) {
            (false, None) => Some(OnFailure::Closed),
            (true, None | Some(Some(false))) => Some(OnFailure::Open),
            (true, Some(Some(true))) => Some(OnFailure::OpenUnderOverload),
            (_, Some(None)) => {
                self.mistaken("open_under_overload", String::from("is true or false"));
                None
            }
            (false, Some(Some(_))) => {
                self.mistaken("open_under_overload", String::from("belongs to on_failure = \"open\" alone"));
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::Config;

    fn read(text: &str) -> Result<BTreeMap<HookPoint, HookConfig>, Vec<String>> {
        let folder = tempfile::tempdir().expect("a directory");
        fs::write(folder.path().join("order.json"), r#"{"type":"object"}"#).expect("a file");
        Config::parse_in(text, folder.path(), |_| ()).map(|config| config.app().hooks)
    }

    #[test]
    fn points_are_declared_as_their_sections_say() {
        let text = "[hooks.\"order.validate\"]\ndescription = 'Before an order'\ninput_schema = 'order.json'\n\
                    output_schema = { type = 'object', required = ['valid'] }\ndeadline_ms = 250\n\
                    on_failure = 'open'\nopen_under_overload = true\n[hooks.price]\non_failure = 'closed'\n";
        let hooks = read(text).expect("it holds");
        let names: Vec<&str> = hooks.keys().map(HookPoint::as_str).collect();
        assert_eq!(names, ["order.validate", "price"]);
        let order = &hooks[&HookPoint::parse("order.validate").expect("a name")];
        assert_eq!((order.deadline, order.on_failure), (Duration::from_millis(250), OnFailure::OpenUnderOverload));
        assert_eq!(order.input.as_ref().expect("a schema").as_value()["type"], "object");
        assert_eq!(order.output.as_ref().expect("a schema").as_value()["required"][0], "valid");
        let price = &hooks[&HookPoint::parse("price").expect("a name")];
        assert_eq!((price.deadline, price.on_failure), (HookConfig::DEADLINE_DEFAULT, OnFailure::Closed));
        assert!(price.input.is_none() && price.output.is_none());
    }

    #[test]
    fn every_mistake_of_every_point_is_named_at_once() {
        let text = "[hooks.Order]\non_failure = 'open'\n[hooks.order.validate]\non_failure = 'open'\n[hooks.a]\n\
                    colour = 1\ndeadline_ms = 0\non_failure = 'ajar'\ninput_schema = 'none.json'\n\
                    output_schema = { '$ref' = 'https://a.example' }\ndescription = 1\n[hooks.b]\n\
                    on_failure = 'closed'\nopen_under_overload = true\n[hooks.c]\n";
        let expected = [
            "'hooks.\"Order\"'",
            "[hooks.\"order.validate\"]",
            "'hooks.\"a\".colour'",
            "'hooks.\"a\".deadline_ms'",
            "'hooks.\"a\".on_failure'",
            "'hooks.\"a\".input_schema'",
            "'hooks.\"a\".output_schema'",
            "'hooks.\"a\".description'",
            "'hooks.\"b\".open_under_overload'",
            "'hooks.\"c\".on_failure'",
        ];
        let found = read(text).expect_err("it has mistakes");
        for key in expected {
            assert!(found.iter().any(|mistake| mistake.contains(key)), "{key} in {found:#?}");
        }
        assert_eq!(found.len(), expected.len(), "{found:#?}");
    }
}
