//! Scripts: names, kinds and languages.

use std::fmt;

use crate::{Invalid, executions::words};

words!(
    /// What a script is for, and so what its entry is given.
    ScriptKind, "kind", {
        /// Runs on a schedule; given `{ scheduledTime, lastRun, timezone }`.
        Cron = "cron",
        /// Answers HTTP requests; given a `Request`.
        Endpoint = "endpoint",
        /// Runs on events; given `{ id, type, time, source, subject, data }`.
        Event = "event",
        /// Runs at an extension point of the host application; given its input.
        Embedded = "embedded",
        /// Runs when it is asked to; given the caller's input.
        OneOff = "one_off",
    }
);

words!(
    /// What the author wrote.
    Language, "language", {
        /// JavaScript, as an ES module.
        JavaScript = "javascript",
        /// TypeScript, as an ES module.
        TypeScript = "typescript",
    }
);

impl Language {
    /// The ending of a file in this language, with the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Self::JavaScript => ".js",
            Self::TypeScript => ".ts",
        }
    }

    /// The language of a file, by its ending; JavaScript where the ending says nothing.
    pub fn of_file_name(name: &str) -> Self {
        let typescript = [".ts", ".mts", ".cts"].iter().any(|ending| name.ends_with(ending));
        if typescript { Self::TypeScript } else { Self::JavaScript }
    }
}

/// The name of a script, unique within its tenant.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ScriptName(String);

impl ScriptName {
    /// Take `text` for a name: `[a-z0-9][a-z0-9._-]{0,99}` without `..`, so that it is a file name everywhere
    /// (RULES 41).
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let first_is_plain = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let all_allowed =
            text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '_' | '-'));
        if !first_is_plain || !all_allowed || text.len() > 100 || text.contains("..") {
            return Err(Invalid::new(
                "name",
                "a script's name has 1 to 100 characters: lower-case letters, digits, '.', '_' and '-', begins with a \
                 letter or digit, and has no '..'",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ScriptName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The name of a tenant in addresses. Never used again for another tenant (RULES 32).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantSlug(String);

impl TenantSlug {
    /// Names that would read as Skerry's own.
    const RESERVED: &'static [&'static str] = &["api", "assets", "healthz", "metrics", "readyz", "skerry", "www"];

    /// Take `text` for a slug: `[a-z0-9][a-z0-9-]{0,62}`, not reserved.
    ///
    /// # Errors
    /// What is wrong with it, for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let first_is_plain = text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
        let all_allowed = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if !first_is_plain || !all_allowed || text.len() > 63 {
            return Err(Invalid::new(
                "slug",
                "a tenant's slug has 1 to 63 characters: lower-case letters, digits and '-', and begins with a letter \
                 or digit",
            ));
        }
        if Self::RESERVED.contains(&text) {
            return Err(Invalid::new("slug", format!("'{text}' is reserved: choose another slug")));
        }
        Ok(Self(text.to_owned()))
    }

    /// The slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
