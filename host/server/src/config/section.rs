//! A section of the file whose name is the operator's own: it is looked at whole, so that every mistake in it is named.

use std::{
    fs,
    path::{Path, PathBuf},
};

use toml::{Table, Value};

/// One section while it is read.
pub(super) struct Section<'a> {
    pub(super) key: String,
    pub(super) table: &'a Table,
    pub(super) directory: &'a Path,
    pub(super) mistakes: &'a mut Vec<String>,
}

impl Section<'_> {
    /// A section inside of this one: `Some(None)` where there is none, `None` for a mistake.
    pub(super) fn inner(&mut self, key: &str, known: &[&str]) -> Option<Option<Section<'_>>> {
        match self.table.get(key) {
            None => Some(None),
            Some(Value::Table(table)) => {
                let key = format!("{}.{key}", self.key);
                let mut section = Section { key, table, directory: self.directory, mistakes: self.mistakes };
                section.only(known);
                Some(Some(section))
            }
            Some(_) => {
                self.mistaken(key, format!("is a section with {}", known.join(", ")));
                None
            }
        }
    }

    /// A file's path and its text.
    pub(super) fn file(&mut self, key: &str) -> Option<(PathBuf, String)> {
        let path = self.directory.join(self.required(key)?);
        match fs::read_to_string(&path) {
            Ok(text) => Some((path, text)),
            Err(error) => {
                let advice = format!("names the file {}, which cannot be read: {error}", path.display());
                self.mistaken(key, advice);
                None
            }
        }
    }

    pub(super) fn required(&mut self, key: &str) -> Option<String> {
        match self.table.get(key) {
            Some(Value::String(text)) if !text.is_empty() => return Some(text.clone()),
            Some(_) => self.mistaken(key, String::from("is a text, and not empty")),
            None => self.mistaken(key, String::from("is missing")),
        }
        None
    }

    pub(super) fn number(&mut self, key: &str, default: u64, least: u64, most: u64) -> Option<u64> {
        let Some(value) = self.table.get(key) else { return Some(default) };
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        let number = number.filter(|number| (least..=most).contains(number));
        if number.is_none() {
            self.mistaken(key, format!("is {value}: it is a number from {least} to {most}"));
        }
        number
    }

    /// Refuse keys that nobody reads.
    pub(super) fn only(&mut self, known: &[&str]) {
        for key in self.table.keys().filter(|key| !known.contains(&key.as_str())) {
            let section = &self.key;
            self.mistakes.push(format!("there is no key '{section}.{key}': [{section}] has {}", known.join(", ")));
        }
    }

    pub(super) fn mistaken(&mut self, key: &str, what: String) {
        self.mistakes.push(format!("'{}.{key}' {what}", self.key));
    }
}
