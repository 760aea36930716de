//! From the file's text, the environment and the flags to a configuration that holds, or to all mistakes at once.

use std::{
    io,
    path::{Path, PathBuf},
};

use confique::{
    Config as _,
    meta::{FieldKind, Meta},
};
use toml::{Table, Value};

use super::{Config, checks};

type ConfigLayer = <Config as confique::Config>::Layer;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("the configuration file {} cannot be read: {error}", .path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        error: io::Error,
    },
    /// The file, the environment or the flags say what cannot be.
    #[error("{}", listed(.origin, .mistakes))]
    Mistaken {
        /// The file, or that there is none.
        origin: String,
        /// Each in a sentence that says what to do.
        mistakes: Vec<String>,
    },
}

impl Config {
    /// Read `file`, where there is one, and the environment, which stands above it; `adjust` is what the command line
    /// says above both.
    ///
    /// # Errors
    /// Names every mistake.
    pub fn read(file: Option<&Path>, adjust: impl FnOnce(&mut Self)) -> Result<Self, ConfigError> {
        let text = match file {
            None => String::new(),
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), error })?,
        };
        let origin = file.map_or_else(|| String::from("the configuration"), |path| path.display().to_string());
        let directory = file.and_then(Path::parent).unwrap_or(Path::new(""));
        Self::parse_in(&text, directory, adjust).map_err(|mistakes| ConfigError::Mistaken { origin, mistakes })
    }

    /// Read the text of a configuration file, without its name for messages. Files that it names are looked for where
    /// the process is.
    ///
    /// # Errors
    /// Every mistake, in a sentence each.
    pub fn parse(text: &str, adjust: impl FnOnce(&mut Self)) -> Result<Self, Vec<String>> {
        Self::parse_in(text, Path::new(""), adjust)
    }

    /// Read the text of a configuration file in `directory`, which is where files that it names are looked for.
    ///
    /// # Errors
    /// As [`Self::parse`].
    pub fn parse_in(text: &str, directory: &Path, adjust: impl FnOnce(&mut Self)) -> Result<Self, Vec<String>> {
        let table: Table = toml::from_str(text).map_err(|error| vec![format!("it is no TOML: {error}")])?;
        let mut mistakes = Vec::new();
        check_keys(&table, &Self::META, "", &mut mistakes);
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let layer: ConfigLayer = table.try_into().map_err(|error: toml::de::Error| vec![error.message().to_owned()])?;
        let mut config = Self::builder().env().preloaded(layer).load().map_err(|error| vec![error.to_string()])?;
        adjust(&mut config);
        mistakes.extend(checks::mistakes(&config));
        config.services.connect(directory, &mut mistakes);
        config.hooks.declare(directory, &mut mistakes);
        config.sign_in.platform.declare(directory, &mut mistakes);
        if mistakes.is_empty() { Ok(config) } else { Err(mistakes) }
    }
}

/// Look at each key of `table` by itself: whether there is such a key, and whether its value reads. Serde would stop at
/// the first that does not.
fn check_keys(table: &Table, meta: &Meta, path: &str, mistakes: &mut Vec<String>) {
    for (key, value) in table {
        let full = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
        match (meta.fields.iter().find(|field| field.name == key).map(|field| field.kind), value) {
            (Some(FieldKind::Nested { meta }), Value::Table(inner)) => check_keys(inner, meta, &full, mistakes),
            (Some(FieldKind::Nested { .. }), _) => mistakes.push(format!("'{full}' is a section: write [{full}]")),
            (Some(FieldKind::Leaf { .. }), _) => {
                if let Err(error) = alone(&full, value).try_into::<ConfigLayer>() {
                    mistakes.push(format!("'{full}' is not allowed to be {value}: {}", error.message()));
                }
            }
            (None, _) => {
                let known: Vec<&str> = meta.fields.iter().map(|field| field.name).collect();
                let place = if path.is_empty() { String::from("the file") } else { format!("[{path}]") };
                mistakes.push(format!("there is no key '{full}': {place} has {}", known.join(", ")));
            }
        }
    }
}

/// A table with nothing but this value at this path.
fn alone(path: &str, value: &Value) -> Table {
    let (first, rest) = match path.split_once('.') {
        Some((first, rest)) => (first, Value::Table(alone(rest, value))),
        None => (path, value.clone()),
    };
    Table::from_iter([(first.to_owned(), rest)])
}

fn listed(origin: &str, mistakes: &[String]) -> String {
    if let [only] = mistakes {
        return format!("{origin}: {only}");
    }
    let lines: String = mistakes.iter().map(|mistake| format!("\n  - {mistake}")).collect();
    format!("{origin} has {} mistakes:{lines}", mistakes.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<String> {
        Config::parse(text, |_| ()).expect_err("it has mistakes")
    }

    #[test]
    fn an_empty_file_is_the_defaults() {
        let config = Config::parse("", |_| ()).expect("the defaults hold");
        assert_eq!(config.listeners.api.to_string(), "127.0.0.1:8080");
        assert_eq!(config.app().limits, domain::Limits::DEFAULT);
        assert_eq!(config.app().tenant_share, 32);
    }

    #[test]
    fn the_template_is_a_configuration_also_when_every_line_is_taken_in() {
        let template = super::super::template();
        Config::parse(&template, |_| ()).expect("it is all comments");
        let with_values = |line: &&str| line.starts_with('#') && line.contains(" = ") && !line.starts_with("# ");
        let taken: Vec<String> = template
            .lines()
            .filter(|line| with_values(line) || line.starts_with('['))
            .map(|line| line.trim_start_matches('#').to_owned())
            .collect();
        Config::parse(&taken.join("\n"), |_| ()).expect("the defaults are what they say");
        assert!(taken.len() > 15, "{taken:?}");
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let mistakes = mistakes(
            "colour = 1\n[listeners]\napi = 'nowhere'\nlisten = 1\n[limits]\nfuel = 'much'\n[log]\nformat = 'xml'\n",
        );
        let expected = ["'colour'", "'listeners.api'", "'listeners.listen'", "'limits.fuel'", "'log.format'"];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
        for name in expected {
            assert!(mistakes.iter().any(|mistake| mistake.contains(name)), "{name} in {mistakes:#?}");
        }
    }

    #[test]
    fn an_unknown_key_is_refused_with_those_that_there_are() {
        assert!(mistakes("[data]\ndir = 'x'")[0].contains("[data] has directory, key_file, storage_limit_mb"));
    }

    #[test]
    fn text_that_is_no_toml_is_refused_with_its_place() {
        assert!(mistakes("[data\n")[0].contains("line 1"));
    }
}
